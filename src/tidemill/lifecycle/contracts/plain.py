"""A contract as plain data, read and written. What is wrong is told all at once, each with its place and a remedy.

Knows neither files nor tables: `values_of` gives the values that a file holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from tidemill.core.errors import did_you_mean
from tidemill.core.problems import Problem, ProblemsFound
from tidemill.lifecycle.contracts import parts
from tidemill.lifecycle.contracts.coherence import clashes
from tidemill.lifecycle.contracts.contract import Contract
from tidemill.lifecycle.contracts.model import (
    QUARANTINE_SHARE,
    Check,
    Column,
    ColumnType,
    Extra,
    Freshness,
    How,
    Kind,
    Monotone,
    RowCount,
    Scalar,
    Severity,
    Unique,
)
from tidemill.lifecycle.contracts.parts import Wrong
from tidemill.lifecycle.contracts.words import shown
from tidemill.lifecycle.yaml_tree import Where

T = TypeVar("T")

PlaceOf = Callable[[Where], str]
ValuesOf = Callable[[str], tuple[Scalar, ...]]
"""The values that a file holds. Raises Wrong."""

CODE = "contract"
MOST_PROBLEMS = 20
_HOW = ("on_fail", "owner", "tolerate", "max_share")
_RULES = {
    "required": parts.flag,
    "type": lambda value: parts.member(ColumnType, value),
    "null": parts.share,
    "min": parts.scalar,
    "max": parts.scalar,
    "above": parts.scalar,
    "below": parts.scalar,
    "in": None,
    "pattern": parts.pattern,
    "length": lambda value: parts.bounds(value, whole=True, least=0),
    "unique": parts.flag,
    "monotone": lambda value: parts.member(Monotone, value),
    "shares": None,
    "min_share": parts.share,
    "mean": parts.bounds,
    "quantile": None,
}
"""The rules of a column, by the keys of YAML: those without a function here have one of their own below."""
_PLAIN = {
    "max_unknown": parts.share,
    "sensitive": parts.flag,
    "description": parts.text,
    "on_fail": lambda value: parts.member(Severity, value),
    "owner": parts.owner,
    "max_share": parts.share,
}
_CONTRACT = (
    "name",
    "owner",
    "description",
    "on_fail",
    "max_share",
    "rows",
    "columns",
    "extra_columns",
    "unique",
    "freshness",
    "checks",
    "folder",
)


def read_contract(value: Any, place_of: PlaceOf, values_of: ValuesOf, name: str = "", folder: str = "") -> Contract:
    """The contract in plain data; `name` if it has none of its own. Raises ProblemsFound."""
    reader = _Reader(place_of, values_of)
    found = reader.contract(value, name, folder)
    if reader.problems or found is None:
        raise ProblemsFound(reader.problems[:MOST_PROBLEMS])
    return found


class _Reader:
    def __init__(self, place_of: PlaceOf, values_of: ValuesOf) -> None:
        self._place_of = place_of
        self._values_of = values_of
        self.problems: list[Problem] = []

    def contract(self, value: Any, name: str, folder: str) -> Contract | None:
        given = self._mapping(value, (), _CONTRACT, "a contract")
        if given is None:
            return None
        if not given:
            self._wrong((), "the contract is empty", "`tidemill contract init DATA` writes a first one")
        checks, columns = self._checks(given.get("checks", []))
        inner = self._columns(given.get("columns", {}), ("columns",))
        names = {column.name for column in inner}
        for where, column in columns:
            if column.name in names:
                self._wrong(where, f"the column {shown(column.name)} stands here twice")
            names.add(column.name)
            inner.append(column)
        extra, extra_how = self._extra(given.get("extra_columns", "allow"))
        called = self._get(given, "name", parts.name, name)
        if not called and value:
            self._wrong((), "the contract has no name", "write `name: NAME`")
        return Contract(
            name=called,
            owner=self._get(given, "owner", parts.owner, ""),
            description=self._get(given, "description", parts.text, ""),
            columns=tuple(inner),
            rows=self._rows(given["rows"]) if "rows" in given else None,
            unique=self._uniques(given.get("unique", [])),
            freshness=self._freshness(given["freshness"]) if "freshness" in given else None,
            extra_columns=extra,
            extra_how=extra_how,
            checks=tuple(checks),
            on_fail=self._get(given, "on_fail", lambda found: parts.member(Severity, found), Severity.BLOCK),
            max_share=self._get(given, "max_share", parts.share, QUARANTINE_SHARE),
            folder=self._get(given, "folder", parts.text, folder),
        )

    # --- columns ------------------------------------------------------------------------------------------------------

    def _columns(self, value: Any, where: Where) -> list[Column]:
        if not isinstance(value, Mapping):
            self._wrong(
                where, "`columns` is not a mapping of names to demands", "write `amount: {type: float, min: 0}`"
            )
            return []
        return [self._column(str(name), inner, (*where, str(name))) for name, inner in value.items()]

    def _column(self, name: str, value: Any, where: Where) -> Column:
        given = self._mapping({} if value is None else value, where, (*_RULES, *_PLAIN), f"column {shown(name)}") or {}
        found: dict[str, Any] = {"name": name}
        how: dict[str, How] = {}
        try:
            parts.name(name)
        except Wrong as wrong:
            self._wrong(where, wrong.message, wrong.remedy)
        for key, item in given.items():
            place = (*where, key)
            if key in _PLAIN:
                self._put(found, key, item, _PLAIN[key], place)
                continue
            if isinstance(item, Mapping) and "value" in item:
                allowed = _HOW if Kind(key).of_rows else tuple(word for word in _HOW if word in ("on_fail", "owner"))
                inner = self._mapping(item, place, ("value", *allowed), f"the rule {key}") or {}
                told = self._how(inner, place, Kind(key))
                if told != How():
                    how[key] = told
                place, item = (*place, "value"), inner.get("value")
            self._rule(found, key, item, place)
        if how:
            found["how"] = MappingProxyType(how)
        if "null" in how and how["null"].tolerate:
            self._wrong((*where, "null"), "the rule null tolerates its own share", "write `null: 5%`")
        if "in" in how and how["in"].tolerate:
            self._wrong((*where, "in"), "what `in` tolerates is said by `max_unknown`", "write `max_unknown: 0.1%`")
        if "max_unknown" in found and "values" not in found:
            self._wrong((*where, "max_unknown"), "`max_unknown` goes with `in`")
        column = Column(**found)
        for clash in clashes(column):
            self._wrong((*where, clash.key), clash.message, clash.remedy)
        return column

    def _rule(self, found: dict[str, Any], key: str, item: Any, where: Where) -> None:
        if item is None:
            self._empty(where, key)
            return
        match key:
            case "in":
                self._values(found, item, where)
            case "shares":
                self._pairs(found, key, item, where, _key_scalar, parts.share_bounds)
            case "quantile":
                self._pairs(found, key, item, where, parts.quantile, parts.bounds)
            case _:
                self._put(found, key, item, _RULES[key], where)

    def _values(self, found: dict[str, Any], item: Any, where: Where) -> None:
        if isinstance(item, str):
            self._put(found, "values", item, self._values_of, where)
            found["values_file"] = item
            return
        if not isinstance(item, list | tuple) or not item:
            self._wrong(where, f"{shown(item)} is no set of values", "write [a, b, c], or the name of a file")
            return
        kinds = {type(one) for one in item}
        if bool in kinds and str in kinds:
            odd = item.index(next(one for one in item if isinstance(one, bool)))
            self._wrong(
                (*where, odd), "true and false stand among texts: YAML reads no, yes, on and off so", "quote it"
            )
            return
        values = [self._made(one, parts.scalar, (*where, n)) for n, one in enumerate(item)]
        found["values"] = tuple(value for value in values if value is not None)

    def _pairs(
        self,
        found: dict[str, Any],
        key: str,
        item: Any,
        where: Where,
        make_key: Callable[[Any], Any],
        make: Callable[[Any], Any],
    ) -> None:
        # Written as pairs where a key is not text.
        pairs = list(item.items()) if isinstance(item, Mapping) else item
        if not isinstance(pairs, list | tuple) or not pairs or not all(_is_pair(pair) for pair in pairs):
            self._wrong(where, f"`{key}` is not a mapping to ranges", _PAIRS[key])
            return
        made = []
        for one, inner in pairs:
            place = (*where, str(one))
            made_key = self._made(one, make_key, place)
            made_value = self._made(inner, make, place)
            if made_key is not None and made_value is not None:
                made.append((made_key, made_value))
        found[key] = tuple(made)

    # --- the table ----------------------------------------------------------------------------------------------------

    def _rows(self, value: Any) -> RowCount | None:
        where = ("rows",)
        how = How()
        if isinstance(value, Mapping):
            value = self._mapping(value, where, ("min", "max", "on_fail", "owner"), "rows") or {}
            how = self._how(value, where, Kind.ROWS)
            value = {key: item for key, item in value.items() if key in ("min", "max")}
        bounds = self._made(value, lambda item: parts.bounds(item, whole=True, least=0), where)
        return RowCount(bounds, how) if bounds is not None else None

    def _uniques(self, value: Any) -> tuple[Unique, ...]:
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list | tuple):
            self._wrong(
                ("unique",), "`unique` is not a list of columns or of lists of columns", "write [id, [day, shop]]"
            )
            return ()
        found = []
        for n, item in enumerate(value):
            where: Where = ("unique", n)
            how = How()
            if isinstance(item, Mapping):
                item = self._mapping(item, where, ("columns", *_HOW), "unique") or {}
                how = self._how(item, where, Kind.UNIQUE)
                item = item.get("columns")
            names = [item] if isinstance(item, str) else item
            if not isinstance(names, list | tuple) or not names or not all(isinstance(one, str) for one in names):
                self._wrong(where, f"{shown(item)} names no columns", "write [day, shop], or {columns: [day, shop]}")
            elif len(set(names)) < len(names):
                self._wrong(where, "a column stands in it twice")
            else:
                found.append(Unique(tuple(names), how))
        return tuple(found)

    def _freshness(self, value: Any) -> Freshness | None:
        where = ("freshness",)
        how = How()
        column = ""
        if isinstance(value, Mapping):
            given = self._mapping(value, where, ("max_age", "column", "on_fail", "owner"), "freshness") or {}
            how = self._how(given, where, Kind.FRESHNESS)
            column = self._made(given.get("column", ""), parts.text, (*where, "column")) or ""
            if "max_age" not in given:
                self._wrong(where, "`max_age` is missing", "write {column: updated_at, max_age: 2h}")
                return None
            value, where = given["max_age"], ("freshness", "max_age")  # type: ignore[assignment]
        age = self._made(value, parts.duration, where)
        return Freshness(age, column, how) if age is not None else None

    def _extra(self, value: Any) -> tuple[Extra, How]:
        where = ("extra_columns",)
        how = How()
        if isinstance(value, Mapping):
            given = self._mapping(value, where, ("value", "on_fail", "owner"), "extra_columns") or {}
            how = self._how(given, where, Kind.EXTRA_COLUMNS)
            value = given.get("value")
        return self._made(value, lambda item: parts.member(Extra, item), where) or Extra.ALLOW, how

    def _checks(self, value: Any) -> tuple[list[Check], list[tuple[Where, Column]]]:
        """Functions of one's own; and columns, which may also stand here, one in each item."""
        checks: list[Check] = []
        columns: list[tuple[Where, Column]] = []
        if not isinstance(value, list | tuple):
            self._wrong(("checks",), "`checks` is not a list", "write `- custom: module:function`")
            return checks, columns
        for n, item in enumerate(value):
            where: Where = ("checks", n)
            if isinstance(item, Mapping) and "custom" in item:
                given = self._mapping(item, where, ("custom", "name", *_HOW), "a check") or {}
                function = self._made(given.get("custom"), parts.function, (*where, "custom"))
                name = self._made(given.get("name", ""), parts.text, (*where, "name")) or ""
                if function is not None:
                    checks.append(Check(function, name, self._how(given, where, Kind.CUSTOM)))
            elif isinstance(item, Mapping) and len(item) == 1 and isinstance(next(iter(item.values())), Mapping):
                ((name, inner),) = item.items()
                columns.append(((*where, str(name)), self._column(str(name), inner, (*where, str(name)))))
            else:
                remedy = "write `custom: module:function`, or one column with its demands"
                self._wrong(where, "this is neither a custom check nor a column", remedy)
        return checks, columns

    # --- what all share -----------------------------------------------------------------------------------------------

    def _how(self, given: Mapping[str, Any], where: Where, kind: Kind) -> How:
        found: dict[str, Any] = {}
        readers = {**_PLAIN, "tolerate": parts.share}
        for key in _HOW:
            if key in given:
                self._put(found, key, given[key], readers[key], (*where, key))
        how = How(**found)
        if how.on_fail is Severity.QUARANTINE and not kind.of_rows:
            self._wrong(
                (*where, "on_fail"),
                f"the rule {kind.value} names no rows that could be set aside",
                "write `on_fail: block` or `warn`",
            )
        return how

    def _get(self, given: Mapping[str, Any], key: str, make: Callable[[Any], T], default: T) -> T:
        if key not in given:
            return default
        if given[key] is None:
            self._empty((key,), key)
            return default
        made = self._made(given[key], make, (key,))
        return default if made is None else made

    def _put(self, found: dict[str, Any], key: str, item: Any, make: Callable[[Any], Any] | None, where: Where) -> None:
        if item is None:
            self._empty(where, str(where[-1]))
            return
        made = self._made(item, make, where) if make is not None else None
        if made is not None:
            found[key] = made

    def _made(self, item: Any, make: Callable[[Any], T], where: Where) -> T | None:
        try:
            return make(item)
        except Wrong as wrong:
            self._wrong(where, wrong.message, wrong.remedy)
            return None

    def _mapping(self, value: Any, where: Where, known: tuple[str, ...], what: str) -> dict[str, Any] | None:
        """The known keys of a mapping; the others are problems."""
        if value is None:
            first = "`tidemill contract init DATA` writes a first one"
            self._wrong(where, f"{what if where else 'the contract'} is empty", "" if where else first)
            return None
        if not isinstance(value, Mapping):
            self._wrong(where, f"{what} is a mapping of names to values, not {shown(value)}", "write `key: value`")
            return None
        for key in value:
            if key not in known:
                hint = did_you_mean(str(key), known) or f"known: {', '.join(sorted(known))}"
                self._wrong((*where, str(key)), f"{what} has no key {shown(str(key))}", hint)
        return {str(key): item for key, item in value.items() if key in known}

    def _empty(self, where: Where, key: str) -> None:
        remedy = _EMPTY.get(key, "write its value behind the colon, or leave the line out")
        self._wrong(where, f"nothing stands behind `{key}:`", remedy)

    def _wrong(self, where: Where, message: str, remedy: str = "") -> None:
        self.problems.append(Problem(CODE, self._place_of(where), message, remedy))


_EMPTY = {
    "owner": "write who answers for the data, such as `owner: data-team@example.com`, or leave the line out",
    "name": "write what the contract is called, such as `name: orders`",
    "value": "write `value: ...`, what the rule demands",
}
_PAIRS = {
    "shares": "write {yes: 5%, no: [20%, 95%]}",
    "quantile": "write {p50: [10, 20], p99: {max: 500}}",
}


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list | tuple) and len(pair) == 2


def _key_scalar(value: Any) -> Scalar:
    return parts.scalar(value)
