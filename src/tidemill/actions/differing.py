"""Where two objects differ first: inside lists and dicts, frames, arrays, models and files.

Libraries are told by the names of their classes, and never imported: what is compared has been loaded already.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from tidemill.core.values import NotAValue, normalize

LONGEST = 80
"""Characters of a value that a difference shows."""

_CHUNK = 1 << 20
_DEEPEST = 60


class Difference(NamedTuple):
    """`where` inside the whole (such as `[3].name`; "" for the whole itself), and what was there and is there now."""

    where: str
    recorded: str
    now: str


def first_difference(recorded: Any, now: Any, where: str = "") -> Difference | None:
    """The first place where two objects differ; None if none was found. Not-a-number equals itself."""
    return _differ(recorded, now, where, frozenset())


def first_byte(recorded: Path, now: Path) -> int | None:
    """Offset of the first byte in which two files differ, or at which one of them ends; None if they are the same."""
    offset = 0
    with recorded.open("rb") as one, now.open("rb") as other:
        while True:
            left, right = one.read(_CHUNK), other.read(_CHUNK)
            if left != right:
                both = zip(left, right, strict=False)
                at = next((n for n, (a, b) in enumerate(both) if a != b), min(len(left), len(right)))
                return offset + at
            if not left:
                return None
            offset += len(left)


def shown(value: Any) -> str:
    """A value in one line, cut where it is long; large things by their kind and shape."""
    shape = getattr(value, "shape", None)
    if shape == () and hasattr(value, "item"):
        value = value.item()
    if isinstance(shape, tuple) and shape:
        return f"{_kind(value)} of {' x '.join(map(str, shape))}"
    try:
        text = " ".join(repr(value).split())
    except Exception:
        text = f"a {_kind(value)}"
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _differ(old: Any, new: Any, where: str, around: frozenset[int]) -> Difference | None:
    if old is new or id(old) in around or len(around) > _DEEPEST:
        return None
    if type(old) is not type(new):
        return Difference(where, f"{shown(old)} ({_kind(old)})", f"{shown(new)} ({_kind(new)})")
    inside = around | {id(old)}
    match old:
        case float():
            same = old == new and math.copysign(1, old) == math.copysign(1, new)
            return None if same or (math.isnan(old) and math.isnan(new)) else _of(where, old, new)
        case None | bool() | int() | str() | bytes() | Enum():
            return None if old == new else _of(where, old, new)
        case Mapping():
            return _mapping(old, new, where, inside)
        case list() | tuple():
            return _sequence(old, new, where, inside)
        case set() | frozenset():
            return None if old == new else _of(where, sorted(old - new, key=repr), sorted(new - old, key=repr))
    library = type(old).__module__.partition(".")[0]
    if library == "pandas" and hasattr(old, "iloc"):
        return _frame(old, new, where)
    if library == "pyarrow" and hasattr(old, "column_names"):
        return _table(old, new, where)
    if library == "torch" and hasattr(old, "detach"):
        return _array(old.detach().cpu().numpy(), new.detach().cpu().numpy(), where)
    if hasattr(old, "dtype") and hasattr(old, "shape"):
        return _array(old, new, where)
    return _object(old, new, where, inside)


def _mapping(old: Mapping[Any, Any], new: Mapping[Any, Any], where: str, inside: frozenset[int]) -> Difference | None:
    for key in old:
        if key not in new:
            return Difference(_member(where, key), shown(old[key]), "nothing")
    for key in new:
        if key not in old:
            return Difference(_member(where, key), "nothing", shown(new[key]))
    found = (_differ(old[key], new[key], _member(where, key), inside) for key in old)
    return next((one for one in found if one is not None), None)


def _sequence(old: Any, new: Any, where: str, inside: frozenset[int]) -> Difference | None:
    for n, (one, other) in enumerate(zip(old, new, strict=False)):
        found = _differ(one, other, f"{where}[{n}]", inside)
        if found is not None:
            return found
    if len(old) != len(new):
        n = min(len(old), len(new))
        return Difference(f"{where}[{n}]", *(shown(one[n]) if n < len(one) else "nothing" for one in (old, new)))
    return None


def _array(old: Any, new: Any, where: str) -> Difference | None:
    for name in ("shape", "dtype"):
        if getattr(old, name) != getattr(new, name):
            return Difference(f"{where} {name}".strip(), str(getattr(old, name)), str(getattr(new, name)))
    if not hasattr(old, "ravel"):
        return None if old == new else _of(where, old, new)
    left, right = old.ravel(), new.ravel()
    # Not-a-number differs from itself.
    unequal = ((left != right) & ~((left != left) & (right != right))).nonzero()[0]
    if not len(unequal):
        return None
    at = int(unequal[0])
    place: list[int] = []
    rest = at
    for length in reversed(old.shape):
        place.insert(0, rest % length)
        rest //= length
    index = f"[{', '.join(map(str, place))}]" if place else ""
    return Difference(f"{where}{index}", shown(left[at]), shown(right[at]))


def _frame(old: Any, new: Any, where: str) -> Difference | None:
    lead = f"{where} " if where else ""
    if old.shape != new.shape:
        return Difference(f"{lead}shape", _rows(old), _rows(new))
    if old.ndim == 1:
        return _column(old, new, lead)
    found = _sequence(list(old.columns), list(new.columns), f"{lead}columns", frozenset())
    if found is not None:
        return found
    firsts: list[tuple[int, int, Difference]] = []
    for n, name in enumerate(old.columns):
        kinds = old.dtypes.iloc[n], new.dtypes.iloc[n]
        if kinds[0] != kinds[1]:
            return Difference(f"{lead}type of column {name!r}", *map(str, kinds))
        row = _first_row(old.iloc[:, n], new.iloc[:, n])
        if row is not None:
            cells = old.iloc[row, n], new.iloc[row, n]
            firsts.append((row, n, Difference(f"{lead}row {row}, column {name!r}", *map(shown, cells))))
    if firsts:
        return min(firsts)[2]
    return _sequence(list(old.index), list(new.index), f"{lead}index", frozenset())


def _column(old: Any, new: Any, lead: str) -> Difference | None:
    if old.dtype != new.dtype:
        return Difference(f"{lead}type", str(old.dtype), str(new.dtype))
    row = _first_row(old, new)
    if row is not None:
        return Difference(f"{lead}row {row}", shown(old.iloc[row]), shown(new.iloc[row]))
    return _sequence(list(old.index), list(new.index), f"{lead}index", frozenset())


def _first_row(old: Any, new: Any) -> int | None:
    if old.reset_index(drop=True).equals(new.reset_index(drop=True)):
        return None
    for n, (one, other) in enumerate(zip(old.tolist(), new.tolist(), strict=True)):
        if not (_is_missing(one) and _is_missing(other)) and _differ(one, other, "", frozenset()) is not None:
            return n
    return None


def _is_missing(cell: Any) -> bool:
    return cell is None or str(cell) in ("NaT", "<NA>", "nan")


def _table(old: Any, new: Any, where: str) -> Difference | None:
    lead = f"{where} " if where else ""
    if (old.num_rows, old.num_columns) != (new.num_rows, new.num_columns):
        return Difference(f"{lead}shape", _rows(old), _rows(new))
    found = _sequence(list(old.column_names), list(new.column_names), f"{lead}columns", frozenset())
    if found is not None:
        return found
    for n, name in enumerate(old.column_names):
        kinds = old.schema.types[n], new.schema.types[n]
        if kinds[0] != kinds[1]:
            return Difference(f"{lead}type of column {name!r}", *map(str, kinds))
        for row, cells in enumerate(zip(old.column(n).to_pylist(), new.column(n).to_pylist(), strict=True)):
            if _differ(*cells, "", frozenset()) is not None:
                return Difference(f"{lead}row {row}, column {name!r}", *map(shown, cells))
    return None


def _rows(frame: Any) -> str:
    shape = frame.shape
    return f"{shape[0]} rows" + (f" x {shape[1]} columns" if len(shape) > 1 else "")


def _object(old: Any, new: Any, where: str, inside: frozenset[int]) -> Difference | None:
    try:
        plain = normalize(old), normalize(new)
    except (NotAValue, RecursionError, ValueError):
        pass
    else:
        return _differ(*plain, where, inside) if type(plain[0]) is not type(old) else _unless_equal(old, new, where)
    kept = getattr(old, "__dict__", None), getattr(new, "__dict__", None)
    if kept[0] is None or kept[1] is None:
        return _unless_equal(old, new, where)
    names = sorted(kept[0].keys() | kept[1].keys())
    found = (_differ(kept[0].get(name), kept[1].get(name), _member(where, name), inside) for name in names)
    return next((one for one in found if one is not None), None)


def _unless_equal(old: Any, new: Any, where: str) -> Difference | None:
    """By its own idea of being equal, if its class has one."""
    if not any("__eq__" in vars(kind) for kind in type(old).__mro__[:-1]):
        return None
    try:
        return None if bool(old == new) else _of(where, old, new)
    except Exception:
        return None


def _member(where: str, key: Any) -> str:
    if isinstance(key, str) and key.isidentifier():
        return f"{where}.{key}" if where else key
    return f"{where}[{key!r}]"


def _of(where: str, old: Any, new: Any) -> Difference:
    return Difference(where, shown(old), shown(new))


def _kind(value: Any) -> str:
    return type(value).__name__
