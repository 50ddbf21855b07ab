"""How the fields of a record look in a column: dates as UTC text that sorts, values and records as JSON.

The same on every database, so that int and float, microseconds and order survive. Knows no table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar

from tidemill.core.errors import InputError
from tidemill.core.plain import from_plain, to_plain
from tidemill.core.values import Json, Value, compact, decode, encode
from tidemill.storage.metadata.errors import RowDamaged

R = TypeVar("R")
E = TypeVar("E", bound=Enum)

_SURROGATES = re.compile("[\ud800-\udfff]")
_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
_MEMBERS: dict[type[Enum], dict[Any, Any]] = {}  # asking an Enum itself takes longer than all else of a field


def moment_out(moment: datetime | None) -> str | None:
    """UTC text of fixed width with microseconds. Raises ValueError for a moment without a time zone."""
    return None if moment is None else required_moment_out(moment)


def required_moment_out(moment: datetime) -> str:
    """As `moment_out`, for a moment that is there."""
    if moment.tzinfo is not UTC:
        if moment.tzinfo is None:
            raise ValueError(f"{moment!r} has no time zone")
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")


def moment_in(text: str | None) -> datetime | None:
    """Inverse of `moment_out`."""
    return None if text is None else required_moment_in(text)


def required_moment_in(text: str) -> datetime:
    """Inverse of `required_moment_out`. Raises RowDamaged."""
    try:
        return datetime.fromisoformat(text)
    except (ValueError, TypeError):
        raise _damaged(text) from None


def value_out(value: Value) -> str:
    """JSON of a value; dictionaries keep their order. Raises NotAValue."""
    return _json(encode(value))


def value_in(text: str) -> Value:
    """Inverse of `value_out`. Raises RowDamaged."""
    try:
        return decode(json.loads(text))
    except _UNREADABLE:
        raise _damaged(text) from None


def mapping_out(values: Mapping[str, Any]) -> str:
    """JSON of a mapping of values, which keeps its order. Raises NotAValue."""
    return _json(encode(dict(values))) if values else "{}"


def mapping_in(text: str) -> dict[str, Any]:
    """Inverse of `mapping_out`. Raises RowDamaged."""
    if text == "{}":
        return {}
    found = value_in(text)
    if not isinstance(found, dict):
        raise _damaged(text)
    return found


def record_out(record: object | None) -> str | None:
    """JSON of a small dataclass, or None."""
    return None if record is None else _json(to_plain(record))


def record_in(cls: type[R], text: str | None) -> R | None:
    """Inverse of `record_out`. Raises RowDamaged."""
    if text is None:
        return None
    try:
        return from_plain(cls, json.loads(text))
    except _UNREADABLE:
        raise _damaged(text) from None


def list_out(items: tuple[Any, ...]) -> str:
    """JSON of a tuple of plain numbers or texts."""
    return _json(list(items)) if items else "[]"


def list_in(text: str) -> tuple[Any, ...]:
    """Inverse of `list_out`. Raises RowDamaged."""
    if text == "[]":
        return ()
    try:
        return tuple(json.loads(text))
    except _UNREADABLE:
        raise _damaged(text) from None


def state_in(enum: type[E], text: str) -> E:
    """The member that `text` stands for. Raises RowDamaged."""
    members = _MEMBERS.get(enum)
    if members is None:
        members = _MEMBERS[enum] = {member.value: member for member in enum}
    found: E | None = members.get(text)
    if found is None:
        raise _damaged(text)
    return found


def is_text(name: str) -> bool:
    """Whether every database can hold it as text, and so be asked for it."""
    return "\0" not in name and not _SURROGATES.search(name)


def name_out(name: str, what: str) -> str:
    """`name` if every database can hold it as text. Raises InputError."""
    if not is_text(name):
        raise InputError(
            f"{what} {name!r} holds a character that cannot be stored",
            remedy="leave out NUL and halves of surrogate pairs",
        )
    return name


def _json(plain: Json) -> str:
    text = compact(plain)
    # An error message may hold half a surrogate pair, which has no UTF-8 form; inside JSON it can stand as an escape.
    if text.isascii() or not _SURROGATES.search(text):
        return text
    return _SURROGATES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def in_column(table: str, reads: Mapping[str, Callable[[Any], object]], row: Mapping[str, Any]) -> RowDamaged:
    """What to say of a row that cannot be read: the first of its columns that `reads` cannot read either."""
    for name, read in reads.items():
        try:
            read(row[name])
        except RowDamaged:
            return _damaged(row[name], f" in column {name} of table {table}")
    return _damaged("", f" of table {table}")


def _damaged(text: str, where: str = "") -> RowDamaged:
    return RowDamaged(
        f"a stored row holds {len(str(text))} characters{where} that cannot be read as what they should be",
        remedy="restore the database from a backup; if nobody edited it by hand, report this as a defect",
    )
