"""Previews of tables: pandas, polars, pyarrow, and lists of records. No library is imported: the value brings it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tidemill.worker.previews.columns import (
    COLUMNS,
    HEAD,
    PATIENCE_S,
    extremes,
    moment,
    number,
    of_list,
    sampled,
    step_for,
)
from tidemill.worker.previews.texts import cell, short

_LEVELS = 3
_INDEX = "RangeIndex"


def of_pandas(value: Any, patience: float = PATIENCE_S) -> dict[str, Any]:
    """Of a DataFrame or a Series."""
    frame = value if value.ndim == 2 else value.to_frame("value" if value.name is None else value.name)
    rows, total = frame.shape
    shown = frame.iloc[:, :COLUMNS]
    step = step_for(rows, total)
    head, some = shown.iloc[:HEAD], shown.iloc[::step] if step > 1 else shown
    labels = _labels(frame.index) if type(frame.index).__name__ != _INDEX else []
    described = _described(
        ((short(str(frame.columns[n])), str(some.dtypes.iloc[n]), some.iloc[:, n]) for n in range(shown.shape[1])),
        _of_series,
        patience,
    )
    cells = [texts for _, texts in labels] + [list(map(cell, head.iloc[:, n].tolist())) for n in range(shown.shape[1])]
    return _frame(rows, total, [column for column, _ in labels] + described, cells, sampled(rows, step))


def of_pyarrow(table: Any, patience: float = PATIENCE_S) -> dict[str, Any]:
    rows, names = table.num_rows, table.column_names
    step = step_for(rows, len(names))
    # Of an extension type, not every value can be had as one of Python.
    listed = [(short(name), str(table.schema.types[n]), table.column(n)) for n, name in enumerate(names[:COLUMNS])]

    def statistics(column: Any) -> dict[str, Any]:
        return of_list((column.take(list(range(0, rows, step))) if step > 1 else column).to_pylist())

    described = _described(listed, statistics, patience)
    cells = [list(map(cell, column.slice(0, HEAD).to_pylist())) for _, _, column in listed]
    return _frame(rows, len(names), described, cells, sampled(rows, step))


def of_polars(frame: Any, patience: float = PATIENCE_S) -> dict[str, Any]:
    """Of a DataFrame or a Series."""
    frame = frame.to_frame() if not hasattr(frame, "get_column") else frame
    rows, names = frame.height, frame.columns
    step = step_for(rows, len(names))
    some = frame.select(names[:COLUMNS])
    few, some = some.head(HEAD), some.gather_every(step) if step > 1 else some
    listed = [(short(name), str(frame.schema[name]), some.get_column(name)) for name in names[:COLUMNS]]
    described = _described(listed, lambda column: of_list(column.to_list()), patience)
    cells = [list(map(cell, few.get_column(name).to_list())) for name in names[:COLUMNS]]
    return _frame(rows, len(names), described, cells, sampled(rows, step))


def are_records(value: Any) -> bool:
    """Whether a list looks like rows of a table, by the first of them."""
    first = value[:HEAD] if isinstance(value, list) else []
    return bool(first) and all(
        isinstance(row, Mapping) and row and all(isinstance(key, str) and _flat(row[key]) for key in row)
        for row in first
    )


def of_records(records: list[Any], patience: float = PATIENCE_S) -> dict[str, Any]:
    """Of a list of mappings; what is no mapping in it counts as a row without values."""
    names = list(dict.fromkeys(str(key) for row in records[:HEAD] for key in row))
    step = step_for(len(records), len(names))
    some = [row if isinstance(row, Mapping) else {} for row in records[::step]]
    listed = []
    for name in names[:COLUMNS]:
        values = [row.get(name) for row in some]
        kinds = sorted({type(value).__name__ for value in values if value is not None})
        listed.append((short(name), short(" | ".join(kinds)) or "null", values))
    described = _described(listed, of_list, patience)
    cells = [[cell(row.get(name)) for row in records[:HEAD]] for name in names[:COLUMNS]]
    return _frame(len(records), len(names), described, cells, sampled(len(records), step))


def _described(
    columns: Iterable[tuple[str, str, Any]], statistics: Callable[[Any], dict[str, Any]], patience: float
) -> list[dict[str, Any]]:
    found = []
    until = time.monotonic() + patience
    for name, kind, values in columns:
        told: dict[str, Any] = {}
        if time.monotonic() < until:
            try:
                told = statistics(values)
            except Exception:
                # A column of something strange; the others are still worth seeing.
                told = {}
        found.append({"name": name, "type": short(kind), **told})
    return found


def _frame(
    rows: int, total: int, columns: list[dict[str, Any]], cells: Sequence[Sequence[str]], more: dict[str, Any]
) -> dict[str, Any]:
    head = [list(row) for row in zip(*cells, strict=True)]
    return {"is": "FramePreview", "rows": rows, "columns_total": total, "columns": columns, "head": head, **more}


def _of_series(series: Any) -> dict[str, Any]:
    nulls = int(series.isna().sum())
    found: dict[str, Any] = {"nulls": nulls}
    with contextlib.suppress(TypeError):
        found["distinct"] = int(series.nunique())
    kind = getattr(series.dtype, "kind", "O")
    if len(series) == nulls:
        return found
    if kind in "iuf":
        return found | extremes(series.min(), series.max()) | {"mean": number(series.mean())}
    if kind == "b":
        return found | {"mean": number(series.mean())}
    if kind in "mM":
        return found | {"least": moment(series.min()), "most": moment(series.max())}
    return found


def _labels(index: Any) -> list[tuple[dict[str, Any], list[str]]]:
    """The labels of rows, level by level, as columns before the others."""
    found = []
    first = index[:HEAD]
    for level in range(min(index.nlevels, _LEVELS)):
        values = first.get_level_values(level)
        name = index.names[level]
        column = {"name": "" if name is None else short(str(name)), "type": short(str(values.dtype)), "index": True}
        found.append((column, list(map(cell, values.tolist()))))
    return found


def _flat(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float) or hasattr(value, "isoformat")
