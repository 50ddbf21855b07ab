"""A user's own table for the demo, looked at before anything runs, so that what is wrong is told at once.

Reads the file as text, one row at a time; knows nothing of models.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from tidemill.core.errors import InputError, NotFound, did_you_mean

FEWEST_ROWS = 50
MOST_NUMERIC_CLASSES = 20
SEPARATORS = (",", ";", "\t", "|")
GAPS = frozenset({"", "#N/A", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"})
_SHOWN_COLUMNS = 12
_LONGEST_HEADER = 1 << 20


class DataUnusable(InputError):
    """The file is there, but it is no table for a classification."""

    code = "data-unusable"


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file whose header names the `columns`, of which `target` names classes."""

    path: Path
    target: str
    separator: str
    columns: tuple[str, ...]


def inspect(file: str | Path, target: str) -> Table:
    """The table in `file`. Raises NotFound for an unknown file or column, DataUnusable for everything else."""
    path = Path(file)
    if path.is_dir():
        raise DataUnusable("it is a folder", place=str(file), remedy="give the path of a CSV file")
    try:
        # "utf-8-sig" also reads what has no such mark at its beginning.
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return _read(lines, path, target)
    except FileNotFoundError:
        raise NotFound(f"there is no file {str(file)!r}", remedy=_similar_file(path)) from None
    except OSError as error:
        raise DataUnusable(f"it cannot be read: {error.strerror}", place=str(file)) from None
    except UnicodeDecodeError:
        raise DataUnusable(
            "it is not a CSV file: its bytes are not UTF-8 text",
            place=str(file),
            remedy="save it as CSV with the encoding UTF-8",
        ) from None
    except csv.Error as error:
        raise DataUnusable(
            f"it is not a CSV file: {error}", place=str(file), remedy="save it as CSV with a header line"
        ) from None


def _read(lines: TextIO, path: Path, target: str) -> Table:
    first = lines.readline(_LONGEST_HEADER)
    if "\0" in first:
        raise csv.Error("it holds bytes that no text has")
    separator = max(SEPARATORS, key=lambda one: len(_fields(first, one)))
    lines.seek(0)
    rows = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    names = _header(next(rows, []), path)
    if not target:
        raise InputError(
            "it is not said which column is to be predicted", place=str(path), remedy=f"--target COLUMN; {_told(names)}"
        )
    if target not in names:
        raise NotFound(
            f"there is no column {target!r}", place=str(path), remedy=did_you_mean(target, names) or _told(names)
        )
    _judge(_target_of(rows, names, target, path), path, target)
    return Table(path.resolve(), target, separator, tuple(names))


def _fields(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])


def _header(names: list[str], path: Path) -> list[str]:
    if len(names) < 2:
        raise DataUnusable(
            "it is not a CSV file: its first line does not name two columns or more",
            place=str(path),
            remedy="the first line names the columns, with , ; | or tabs between them",
        )
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise DataUnusable(f"two columns have the name {double!r}", place=f"{path}:1", remedy="rename one of them")
    return names


def _target_of(rows: Iterator[list[str]], names: list[str], target: str, path: Path) -> Iterator[str]:
    position = names.index(target)
    for number, row in enumerate(rows, 1):
        if not row:
            continue
        if len(row) != len(names):
            raise DataUnusable(
                f"row {number} has {len(row)} fields, and the first line names {len(names)} columns",
                place=str(path),
                remedy="put quotes around texts that hold the separator",
            )
        yield row[position].strip()


@dataclass(slots=True)
class _Seen:
    """What the target holds. `classes` is no longer filled when there are more than anybody asks for."""

    rows: int = 0
    classes: set[str] = field(default_factory=set)
    numbers: set[float] = field(default_factory=set)
    numeric: bool = True


def _judge(values: Iterator[str], path: Path, target: str) -> None:
    seen = _Seen()
    for value in values:
        seen.rows += 1
        if value in GAPS:
            continue
        if len(seen.classes) < 2:
            seen.classes.add(value)
        if seen.numeric:
            try:
                seen.numbers.add(float(value))
            except ValueError:
                seen.numeric = False
                seen.numbers.clear()
    if seen.rows < FEWEST_ROWS:
        raise DataUnusable(
            f"it has {seen.rows} row{'' if seen.rows == 1 else 's'}, and at least {FEWEST_ROWS} are needed",
            place=str(path),
            remedy="models that are judged by a handful of rows tell nothing; bring more data",
        )
    if seen.numeric and len(seen.numbers) > MOST_NUMERIC_CLASSES:
        raise DataUnusable(
            f"column {target!r} is no target of a classification: it is a number with {len(seen.numbers)} "
            "distinct values",
            place=str(path),
            remedy="choose a column that names classes, or make one, such as 'high' and 'low'",
        )
    if len(seen.classes) < 2:
        found = f"only the class {next(iter(seen.classes))!r}" if seen.classes else "nothing at all"
        raise DataUnusable(
            f"column {target!r} holds {found}, so there is nothing to tell apart",
            place=str(path),
            remedy="choose a column with two classes or more",
        )


def _told(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN_COLUMNS])
    return f"its columns: {shown}" + (", ..." if len(names) > _SHOWN_COLUMNS else "")


def _similar_file(path: Path) -> str:
    try:
        beside = [found.name for found in path.parent.iterdir()] if path.parent.is_dir() else []
    except OSError:
        beside = []
    hint = did_you_mean(path.name, beside)
    return hint if hint.startswith("did you mean") else "give the path of a CSV file"
