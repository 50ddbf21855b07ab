"""What a contract is made of, as frozen data: columns with their demands, demands on the table, severity and owner.

Knows neither YAML nor tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum
from types import MappingProxyType
from typing import TypeAlias

Scalar: TypeAlias = bool | int | float | str | date
"""A value of a cell, as a contract can write it; a datetime is a date too."""

QUARANTINE_SHARE = 0.05
"""Of all rows, how many may be set aside before the rest is not trusted either, unless the contract says otherwise."""


class Severity(Enum):
    WARN = "warn"  # recorded and said
    QUARANTINE = "quarantine"  # the rows are set aside, the rest goes on
    BLOCK = "block"  # nothing goes on


class ColumnType(Enum):
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    TEXT = "text"
    DATE = "date"
    DATETIME = "datetime"
    CATEGORY = "category"


class Extra(Enum):
    """What columns do that the contract does not name."""

    ALLOW = "allow"
    WARN = "warn"
    FORBID = "forbid"


class Kind(Enum):
    """The rules. The first ones look at rows, the others at a column or a table as a whole."""

    TYPE = "type"
    NULL = "null"
    MIN = "min"
    MAX = "max"
    ABOVE = "above"
    BELOW = "below"
    IN = "in"
    PATTERN = "pattern"
    LENGTH = "length"
    UNIQUE = "unique"
    MONOTONE = "monotone"
    CUSTOM = "custom"
    REQUIRED = "required"
    SHARES = "shares"
    MIN_SHARE = "min_share"
    MEAN = "mean"
    QUANTILE = "quantile"
    ROWS = "rows"
    EXTRA_COLUMNS = "extra_columns"
    FRESHNESS = "freshness"

    @property
    def of_rows(self) -> bool:
        """Whether the rule says which rows break it, so that they can be set aside."""
        return self in _OF_ROWS

    @property
    def of_one_row(self) -> bool:
        """Whether one row alone can be judged, as a server of single requests has to."""
        return self in _OF_ROWS - {Kind.UNIQUE, Kind.MONOTONE, Kind.CUSTOM}


_OF_ROWS = frozenset(
    {
        Kind.TYPE,
        Kind.NULL,
        Kind.MIN,
        Kind.MAX,
        Kind.ABOVE,
        Kind.BELOW,
        Kind.IN,
        Kind.PATTERN,
        Kind.LENGTH,
        Kind.UNIQUE,
        Kind.MONOTONE,
        Kind.CUSTOM,
    }
)


class Monotone(Enum):
    INCREASING = "increasing"  # equal neighbours are allowed
    DECREASING = "decreasing"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Both ends belong to it; None is no bound."""

    low: int | float | None = None
    high: int | float | None = None

    def holds(self, value: float) -> bool:
        """Never for NaN."""
        above = self.low is None or value >= self.low
        return above and (self.high is None or value <= self.high) and value == value

    def __str__(self) -> str:
        if self.low is not None and self.high is not None:
            return f"{self.low:,}" if self.low == self.high else f"{self.low:,} to {self.high:,}"
        return f"at least {self.low:,}" if self.low is not None else f"at most {self.high:,}"


@dataclass(frozen=True, slots=True)
class How:
    """How a rule is kept: what is left out is said by the column, then by the contract.

    `tolerate`: the share of judged rows that may break it. `max_share`: of all rows that it may set aside.
    """

    on_fail: Severity | None = None
    owner: str = ""
    tolerate: float = 0.0
    max_share: float | None = None


USUAL = How()


@dataclass(frozen=True, slots=True)
class Column:
    """One column and what is demanded of it. Shares are from 0 to 1; empty cells are judged by `null` alone.

    `values` are those that are allowed; `values_file` the file they came from, as the contract names it. `how` is by
    the name of a rule. `sensitive`: no value of it is ever shown.
    """

    name: str
    type: ColumnType | None = None
    required: bool = True
    null: float | None = None
    min: Scalar | None = None
    max: Scalar | None = None
    above: Scalar | None = None
    below: Scalar | None = None
    values: tuple[Scalar, ...] | None = None
    values_file: str = ""
    max_unknown: float = 0.0
    pattern: str = ""
    length: Bounds | None = None
    unique: bool = False
    monotone: Monotone | None = None
    shares: tuple[tuple[Scalar, Bounds], ...] = ()
    min_share: float | None = None
    mean: Bounds | None = None
    quantile: tuple[tuple[float, Bounds], ...] = ()
    sensitive: bool = False
    description: str = ""
    on_fail: Severity | None = None
    owner: str = ""
    max_share: float | None = None
    how: Mapping[str, How] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Unique:
    """Columns that together name a row."""

    columns: tuple[str, ...]
    how: How = USUAL


@dataclass(frozen=True, slots=True)
class RowCount:
    bounds: Bounds
    how: How = USUAL


@dataclass(frozen=True, slots=True)
class Freshness:
    """The newest value of a column, or without one the end of the data interval, may be so old."""

    max_age: timedelta
    column: str = ""
    how: How = USUAL


@dataclass(frozen=True, slots=True)
class Check:
    """A function of one's own, as `module:function` or `file.py:function`; see the guide for what it may answer."""

    function: str
    name: str = ""
    how: How = USUAL

    @property
    def title(self) -> str:
        return self.name or self.function.rpartition(":")[2]
