"""A contract held against rows: every rule becomes a finding, and an exception in one is an error, never a pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from tidemill.core.errors import TidemillError, did_you_mean
from tidemill.lifecycle.contracts.columns import Incomparable, Mask
from tidemill.lifecycle.contracts.contract import Contract
from tidemill.lifecycle.contracts.custom import judge_custom
from tidemill.lifecycle.contracts.findings import ContractResult, Example, Finding
from tidemill.lifecycle.contracts.judging_rows import Offenders, judge_rows
from tidemill.lifecycle.contracts.judging_tables import (
    Measured,
    judge_column,
    judge_extra,
    judge_freshness,
    judge_unique,
)
from tidemill.lifecycle.contracts.model import Kind, Severity
from tidemill.lifecycle.contracts.rules import Rule, rules
from tidemill.lifecycle.contracts.tables import Rows, rows_of
from tidemill.lifecycle.contracts.words import HIDDEN, name_text, share_text, shown
from tidemill.lifecycle.verdicts import Verdict, combine

EXAMPLES = 5
_LOOKED_AT = 200
_LONGEST = 300
_SCHEMA = frozenset({Kind.REQUIRED, Kind.EXTRA_COLUMNS, Kind.ROWS})
"""What can be told of a table without rows."""


def check(contract: Contract, given: Any, now: datetime, interval_end: datetime | None = None) -> ContractResult:
    """What became of every rule. `now` has a zone; `interval_end` is that of the data interval, if there is one.

    Raises NoRows or NotFound if there are no rows to look at.
    """
    types = {column.name: column.type for column in contract.columns if column.type is not None}
    return _Checking(contract, rows_of(given, types), now, interval_end).result()


class _Checking:
    def __init__(self, contract: Contract, rows: Rows, now: datetime, interval_end: datetime | None) -> None:
        self._contract = contract
        self._rows = rows
        self._now = now
        self._interval_end = interval_end
        self._columns = {column.name: column for column in contract.columns}
        self._spoiled: dict[str, str] = {}
        self._aside: Mask | None = None

    def result(self) -> ContractResult:
        findings = [self._judged(rule) for rule in rules(self._contract) if not self._left_out(rule)]
        aside = 0 if self._aside is None else int(np.count_nonzero(self._aside))
        limit = self._contract.max_share
        if self._rows.count and aside > limit * self._rows.count:
            said = f"{share_text(aside / self._rows.count)} of all rows would be set aside, {share_text(limit)} may be"
            findings = [
                replace(one, blocks=True, note=_joined(one.note, said)) if _sets_aside(one) else one for one in findings
            ]
        return ContractResult(
            contract=self._contract.name,
            owner=self._contract.owner,
            digest=self._contract.digest,
            checked_at=self._now,
            rows=self._rows.count,
            verdict=self._verdict(findings),
            findings=tuple(findings),
            quarantined=aside,
            mask=self._aside,
        )

    def _verdict(self, findings: list[Finding]) -> Verdict:
        blocking = combine(one.verdict for one in findings if one.blocks)
        if any(one.blocks for one in findings):
            return blocking
        if self._rows.count == 0 and not any(one.rule == Kind.ROWS.value and one.passed for one in findings):
            return Verdict.NODATA
        return Verdict.PASS

    def _left_out(self, rule: Rule) -> bool:
        """A column that need not be there has no rules where it is not."""
        if rule.kind in _SCHEMA or not rule.columns or not self._is_optional(rule.columns):
            return False
        return not all(self._rows.has(name) for name in rule.columns)

    def _is_optional(self, names: tuple[str, ...]) -> bool:
        return any((column := self._columns.get(name)) is not None and not column.required for name in names)

    def _judged(self, rule: Rule) -> Finding:
        found = Finding(
            rule=rule.kind.value,
            column=rule.title,
            severity=rule.severity,
            owner=rule.owner,
            verdict=Verdict.ERROR,
            demanded=rule.words,
            tolerated=rule.tolerate,
        )
        try:
            found = self._outcome(rule, found)
        except Incomparable as problem:
            found = replace(found, note=str(problem)[:_LONGEST])
        except Exception as error:
            found = replace(found, note=self._told(error))
        return replace(found, blocks=found.blocks or self._blocks(found))

    def _blocks(self, found: Finding) -> bool:
        match found.verdict:
            case Verdict.PASS:
                return False
            case Verdict.ERROR:
                return True
            case Verdict.NODATA:
                # Without rows the rule for their number decides, and that there are none is said once.
                return found.severity is not Severity.WARN and self._rows.count > 0
            case Verdict.FAIL:
                return found.severity is Severity.BLOCK

    def _outcome(self, rule: Rule, found: Finding) -> Finding:
        missing = [name for name in rule.columns if not self._rows.has(name)]
        if missing and rule.kind is not Kind.REQUIRED:
            if any(name in self._columns for name in missing):
                # Said by the rule that the column is there.
                return replace(found, verdict=Verdict.NODATA, note="the column is missing")
            hint = did_you_mean(missing[0], self._rows.names)
            return replace(found, note=_joined(f"there is no column {name_text(missing[0])}", name_text(hint)))
        twice = [name for name in rule.columns if self._rows.names.count(name) > 1]
        if twice:
            raise Incomparable(f"the column stands in the table {self._rows.names.count(twice[0])} times")
        if not self._rows.count and rule.kind not in _SCHEMA:
            return replace(found, verdict=Verdict.NODATA, note="there are no rows")
        spoiled = next((self._spoiled[name] for name in rule.columns if name in self._spoiled), "")
        if spoiled and rule.kind is not Kind.NULL:
            return replace(found, verdict=Verdict.NODATA, note=spoiled)
        match self._looked_at(rule):
            case Offenders() as offenders:
                return self._with_rows(rule, found, offenders)
            case Measured() as measured:
                return self._with_measure(rule, found, measured)

    def _looked_at(self, rule: Rule) -> Offenders | Measured:
        rows = self._rows
        match rule.kind:
            case Kind.REQUIRED:
                return self._required(rule.columns[0])
            case Kind.ROWS:
                holds = rule.demand.holds(rows.count)
                return Measured(Verdict.PASS if holds else Verdict.FAIL, f"there are {rows.count:,}")
            case Kind.EXTRA_COLUMNS:
                return judge_extra(rule.demand, rows)
            case Kind.UNIQUE:
                return judge_unique(rule.columns, rows)
            case Kind.FRESHNESS:
                values = self._rows.values(rule.columns[0]) if rule.columns else None
                return judge_freshness(rule.demand, values, self._now, self._interval_end)
            case Kind.CUSTOM:
                return judge_custom(rule.demand, rows, self._contract.folder)
        column = self._columns[rule.columns[0]]
        values = rows.values(column.name, column.type)
        if rule.kind.of_rows:
            return judge_rows(rule.kind, rule.demand, values)
        demand = (rule.demand, column.values or ()) if rule.kind is Kind.MIN_SHARE else rule.demand
        return judge_column(rule.kind, demand, values)

    def _required(self, name: str) -> Measured:
        if self._rows.has(name):
            return Measured(Verdict.PASS)
        unknown = [one for one in self._rows.names if one not in self._columns]
        # Above all names that differ in what one does not see at once.
        alike = [one for one in unknown if _folded(one) == _folded(name)]
        hint = did_you_mean(alike[0] if alike else name, unknown) if unknown else ""
        said = "it is missing" + (f"; {name_text(hint)}" if hint.startswith("did") else "")
        return Measured(Verdict.FAIL, said)

    # --- what was seen becomes a finding ------------------------------------------------------------------------------

    def _with_rows(self, rule: Rule, found: Finding, offenders: Offenders) -> Finding:
        count = int(np.count_nonzero(offenders.mask))
        if count and offenders.spoils:
            self._spoiled[rule.columns[0]] = f"not judged, because it is not of type {rule.demand.value}"
        if count <= rule.tolerate * offenders.checked:
            return replace(found, verdict=Verdict.PASS, count=count, checked=offenders.checked)
        found = replace(
            found,
            verdict=Verdict.FAIL,
            count=count,
            checked=offenders.checked,
            note=offenders.note,
            examples=tuple(self._examples(rule, offenders)),
        )
        if rule.severity is Severity.QUARANTINE:
            return self._set_aside(rule, found, offenders.mask)
        return found

    def _set_aside(self, rule: Rule, found: Finding, mask: Mask) -> Finding:
        if found.count > rule.max_share * self._rows.count:
            said = f"more than {share_text(rule.max_share)} of all rows would be set aside"
            return replace(found, blocks=True, note=_joined(found.note, said))
        self._aside = mask.copy() if self._aside is None else self._aside | mask
        return found

    def _with_measure(self, rule: Rule, found: Finding, measured: Measured) -> Finding:
        hidden = self._hides(rule.columns) and rule.kind is not Kind.REQUIRED
        secret = rule.kind is Kind.CUSTOM and bool(self._contract.sensitive)
        names = rule.kind is Kind.EXTRA_COLUMNS
        return replace(
            found,
            verdict=measured.verdict,
            seen="" if hidden or secret or (measured.verdict.passed and names) else _line(measured.seen),
            note=measured.note,
            checked=measured.checked,
            count=measured.count,
            examples=()
            if hidden or secret
            else tuple(Example(name_text(one) if names else shown(one)) for one in measured.values[:EXAMPLES]),
        )

    def _hides(self, names: tuple[str, ...]) -> bool:
        return any((column := self._columns.get(name)) is not None and column.sensitive for name in names)

    def _examples(self, rule: Rule, offenders: Offenders) -> Iterator[Example]:
        """The first rows, each with another value as far as there are such."""
        telling = offenders.mask if offenders.telling is None or not offenders.telling.any() else offenders.telling
        rows = np.flatnonzero(telling)[:_LOOKED_AT] if telling.any() else np.array([], int)
        if not rule.columns or rule.kind is Kind.NULL:
            yield from (Example("", int(row)) for row in rows[:EXAMPLES])
            return
        if len(rule.columns) == 1 and self._hides(rule.columns):
            yield from (Example(HIDDEN, int(row)) for row in rows[:EXAMPLES])
            return
        texts = self._cells(rule.columns, rows)
        first: dict[str, int] = {}
        for at, text in enumerate(texts):
            first.setdefault(text, at)
        chosen = [*first.values(), *(at for at, text in enumerate(texts) if first[text] != at)]
        yield from (Example(texts[at], int(rows[at])) for at in sorted(chosen[:EXAMPLES]))

    def _cells(self, names: tuple[str, ...], rows: Any) -> list[str]:
        columns = []
        for name in names:
            if self._hides((name,)):
                columns.append([HIDDEN] * len(rows))
            else:
                kind = self._columns[name].type if name in self._columns else None
                columns.append([shown(_plain(value)) for value in self._rows.values(name, kind).of(rows)])
        return [", ".join(cells) for cells in zip(*columns, strict=True)]

    def _told(self, error: Exception) -> str:
        """An exception may tell a value, which is not for everybody where columns are sensitive."""
        kind = type(error).__name__
        if self._contract.sensitive:
            return f"it raised {kind}"
        text = error.in_one_line if isinstance(error, TidemillError) else str(error)
        return f"it raised {kind}: {_line(text)}" if text.strip() else f"it raised {kind}"


def _sets_aside(found: Finding) -> bool:
    return found.verdict is Verdict.FAIL and found.severity is Severity.QUARANTINE and not found.blocks


def _folded(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _line(text: str) -> str:
    """One line that steers nothing."""
    words = " ".join(text.split())[:_LONGEST]
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in words)


def _plain(value: Any) -> Any:
    """Numbers of numpy and dates of pandas as Python shows them; what is empty as None."""
    if value is None or type(value).__name__ in ("NaTType", "NAType"):
        return None
    if isinstance(value, np.generic):
        return value.item()
    return value.to_pydatetime(warn=False) if hasattr(value, "to_pydatetime") else value
