"""How names and values of ours are said to MLflow, which takes fewer characters and shorter texts. Pure."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from tidemill.core.values import compact, encode

_T = TypeVar("_T")

NAME_LENGTH = 250
PARAM_LENGTH = 6000
TAG_LENGTH = 5000
"""What every server since MLflow 2.8 takes, in characters."""

_NOT_IN_A_NAME = re.compile(r"[^\w.\- /]", re.ASCII)
_NOT_IN_A_MODEL = re.compile(r"[/:\x00-\x1f\x7f]")
_UNSAFE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CUT = "…"
_RESERVED = ("mlflow.", "tidemill.")
# What is inside of an infinity on the other side, whose databases have none.
_LARGEST = 1.7976931348623157e308


class Measured(NamedTuple):
    """A metric as it is recorded here."""

    path: str
    place: tuple[int, ...]
    name: str
    value: float


def metric_names(metrics: Sequence[Measured]) -> dict[str, float]:
    """By the short name where only one task has it, else `task/name`, `task.2/name` for an instance of a map."""
    often = Counter(one.name for one in metrics)
    full = [(one.name if often[one.name] == 1 else _full(one), one.value) for one in metrics]
    return _named(full)


def params_of(params: Mapping[str, Any]) -> dict[str, str]:
    """Parameters as texts: a text as it is, the rest as JSON."""
    return _named([(name, cut(value_text(value), PARAM_LENGTH)) for name, value in params.items()])


def user_tags(tags: Mapping[str, Any]) -> dict[str, str]:
    """Notes on a run; a name that MLflow or this mirror gives a meaning to is set apart by `tidemill.tag.`."""
    apart = [(f"tidemill.tag.{name}" if name.startswith(_RESERVED) else name, text) for name, text in tags.items()]
    return _named([(name, tag_text(value)) for name, value in apart])


def model_name(team: str, name: str) -> str:
    """Of an experiment or a model: teams other than the first one are told apart by a prefix."""
    plain = _NOT_IN_A_MODEL.sub("_", name if team == "default" else f"{team}.{name}").strip() or "_"
    return _told_apart(plain, name) if plain.strip(".") == "" or len(plain) > NAME_LENGTH else plain


def file_path(*parts: str) -> str:
    """A path below a run: every part is one name, none leads out."""
    return "/".join(_part(piece) for part in parts for piece in part.split("/") if piece)


def value_text(value: Any) -> str:
    return value if isinstance(value, str) else compact(encode(value))


def tag_text(value: Any) -> str:
    return cut(value_text(value), TAG_LENGTH)


def cut(text: str, most: int) -> str:
    """The text without what no database takes, and no longer than that."""
    clean = _UNSAFE.sub("\ufffd", text.encode("utf-8", "replace").decode())
    return clean if len(clean) <= most else clean[: most - 1] + _CUT


def number_out(value: float) -> float | str:
    """As the JSON of MLflow says it."""
    if math.isnan(value):
        return "NaN"
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")


def same_number(ours: float, found: float) -> bool:
    """Whether the other side has our number, as far as it can hold it."""
    if math.isnan(ours):
        # There are servers that say nan as zero.
        return math.isnan(found) or found == 0
    if math.isinf(ours):
        return found == ours or found == math.copysign(_LARGEST, ours)
    return ours == found


def _full(one: Measured) -> str:
    return f"{one.path}{''.join(f'.{item}' for item in one.place)}/{one.name}"


def _named(pairs: Sequence[tuple[str, _T]]) -> dict[str, _T]:
    """By names that MLflow takes; those that would become the same are told apart by a digest."""
    cleaned = [(_entity(name), name, value) for name, value in pairs]
    often = Counter(plain for plain, _, _ in cleaned)
    return {plain if often[plain] == 1 else _told_apart(plain, name): value for plain, name, value in cleaned}


def _entity(name: str) -> str:
    plain = "/".join(part for part in _NOT_IN_A_NAME.sub("_", name).split("/") if part.strip(". "))
    return plain if plain and len(plain) <= NAME_LENGTH else _told_apart(plain, name)


def _part(piece: str) -> str:
    plain = cut(_NOT_IN_A_NAME.sub("_", piece), NAME_LENGTH).replace(_CUT, "_")
    return _told_apart(plain.strip("."), piece) if plain.strip(". ") == "" else plain


def _told_apart(plain: str, name: str) -> str:
    return f"{plain[: NAME_LENGTH - 9]}_{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"
