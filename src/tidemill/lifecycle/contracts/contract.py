"""A contract: what a table must be like, who answers for it, and its plain form.

Knows neither files nor tables.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tidemill.core.values import digest, encode, normalize
from tidemill.lifecycle.contracts.model import (
    QUARANTINE_SHARE,
    USUAL,
    Check,
    Column,
    Extra,
    Freshness,
    How,
    RowCount,
    Severity,
    Unique,
)
from tidemill.lifecycle.contracts.writing import (
    add,
    check_part,
    column_part,
    freshness_part,
    how_part,
    rows_part,
    unique_part,
)


@dataclass(frozen=True, slots=True)
class Contract:
    """What a table must be like. `folder` is where files and functions that it names are looked for."""

    name: str
    owner: str = ""
    description: str = ""
    columns: tuple[Column, ...] = ()
    rows: RowCount | None = None
    unique: tuple[Unique, ...] = ()
    freshness: Freshness | None = None
    extra_columns: Extra = Extra.ALLOW
    extra_how: How = USUAL
    checks: tuple[Check, ...] = ()
    on_fail: Severity = Severity.BLOCK
    max_share: float = QUARANTINE_SHARE
    folder: str = ""

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)

    @property
    def sensitive(self) -> frozenset[str]:
        """The columns whose values are never shown."""
        return frozenset(column.name for column in self.columns if column.sensitive)

    def to_value(self) -> dict[str, Any]:
        """Plain data that stands for the contract wherever it goes: sets that came from files are in it."""
        return self.plain(files=False)

    def plain(self, files: bool) -> dict[str, Any]:
        """Plain data with only what differs from the default. `files`: such sets are the names of their files."""
        found: dict[str, Any] = {"name": self.name}
        add(found, "owner", self.owner)
        add(found, "description", self.description)
        add(found, "on_fail", self.on_fail.value, Severity.BLOCK.value)
        add(found, "max_share", self.max_share, QUARANTINE_SHARE)
        if self.rows is not None:
            found["rows"] = rows_part(self.rows)
        if self.columns:
            found["columns"] = {column.name: column_part(column, files) for column in self.columns}
        if self.extra_columns is not Extra.ALLOW or self.extra_how != How():
            how = how_part(self.extra_how)
            found["extra_columns"] = {"value": self.extra_columns.value, **how} if how else self.extra_columns.value
        if self.unique:
            found["unique"] = [unique_part(unique) for unique in self.unique]
        if self.freshness is not None:
            found["freshness"] = freshness_part(self.freshness)
        if self.checks:
            found["checks"] = [check_part(check) for check in self.checks]
        # Where functions are looked for is part of what goes elsewhere, not of what people write.
        if self.checks and self.folder and not files:
            found["folder"] = self.folder
        return found

    @property
    def digest(self) -> str:
        """What tells two contracts apart, wherever they lie."""
        return digest(encode(normalize(replace(self, folder="").to_value())))
