"""What checking gives: one finding for each rule, also those that hold, and the result of the whole.

Plain data; knows neither tables nor runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tidemill.core.signals import Refuse
from tidemill.lifecycle.contracts.model import Severity
from tidemill.lifecycle.contracts.words import count_text, name_text, share_text
from tidemill.lifecycle.verdicts import Verdict

LINES = 8
"""Of the message of a broken contract."""

FEW = 3
"""Examples that one line of it names."""


@dataclass(frozen=True, slots=True)
class Example:
    """A row, counted from 0, and its value as people may see it: without a row for what is in none."""

    value: str
    row: int | None = None

    def __str__(self) -> str:
        if self.row is None:
            return self.value
        return f"row {self.row}: {self.value}" if self.value else f"row {self.row}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one rule. `count` rows of `checked` break it; `tolerated` is the share that may.

    `seen` is what was measured instead, such as a mean; `note` what else is to be known. `blocks`: nothing goes on.
    """

    rule: str
    column: str
    severity: Severity
    owner: str
    verdict: Verdict
    demanded: str
    count: int = 0
    checked: int = 0
    tolerated: float = 0.0
    seen: str = ""
    note: str = ""
    examples: tuple[Example, ...] = ()
    blocks: bool = False

    @property
    def passed(self) -> bool:
        return self.verdict.passed

    @property
    def share(self) -> float:
        return self.count / self.checked if self.checked else 0.0

    @property
    def sentence(self) -> str:
        """The rule and what was seen, in one line."""
        about = f"{name_text(self.column)}: " if self.column else ""
        broken = ""
        if self.count:
            of = f"{self.count:,} of {count_text(self.checked, 'row')}"
            broken = f": not so in {of} ({share_text(self.share)})"
        parts = [f"{about}{self.demanded}{broken}"]
        if self.seen:
            parts.append(self.seen)
        if self.note:
            parts.append(self.note)
        return "; ".join(parts)

    def to_value(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "column": self.column,
            "severity": self.severity.value,
            "owner": self.owner,
            "verdict": self.verdict.value,
            "demanded": self.demanded,
            "count": self.count,
            "checked": self.checked,
            "share": self.share,
            "tolerated": self.tolerated,
            "seen": self.seen,
            "note": self.note,
            "examples": [{"row": example.row, "value": example.value} for example in self.examples],
            "blocks": self.blocks,
        }


@dataclass(frozen=True, slots=True)
class ContractResult:
    """Every finding, and what follows. `mask` says for each row whether it is set aside (numpy, or None if none is)."""

    contract: str
    owner: str
    digest: str
    checked_at: datetime
    rows: int
    verdict: Verdict
    findings: tuple[Finding, ...]
    quarantined: int = 0
    mask: Any = field(default=None, compare=False, repr=False)

    @property
    def passed(self) -> bool:
        """Whether what is left may go on: warnings and rows set aside do not forbid it."""
        return self.verdict.passed

    @property
    def broken(self) -> tuple[Finding, ...]:
        """The findings for which nothing goes on; those that could not be judged come last."""
        found = [finding for finding in self.findings if finding.blocks]
        return tuple(sorted(found, key=lambda finding: finding.verdict is Verdict.NODATA))

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(
            finding
            for finding in self.findings
            if not finding.passed and not finding.blocks and finding.severity is Severity.WARN
        )

    @property
    def set_aside(self) -> tuple[Finding, ...]:
        """The findings whose rows are set aside, while the rest goes on."""
        return tuple(
            finding
            for finding in self.findings
            if not finding.passed and not finding.blocks and finding.severity is Severity.QUARANTINE
        )

    @property
    def owners(self) -> tuple[str, ...]:
        """Whoever answers for what is broken, else for the contract."""
        named = dict.fromkeys(finding.owner for finding in self.broken if finding.owner)
        return tuple(named) or ((self.owner,) if self.owner else ())

    def to_value(self) -> dict[str, Any]:
        return {
            "contract": self.contract,
            "owner": self.owner,
            "digest": self.digest,
            "checked_at": self.checked_at,
            "rows": self.rows,
            "quarantined": self.quarantined,
            "verdict": self.verdict.value,
            "passed": self.passed,
            "owners": list(self.owners),
            "findings": [finding.to_value() for finding in self.findings],
        }

    @property
    def message(self) -> str:
        """What is broken, by whom it is answered for, and what was seen: a few lines, the first says the most."""
        broken = self.broken
        if not self.rows and not broken:
            about = f"contract {name_text(self.contract)} cannot be judged ({self.verdict.value})"
            return f"{about}: there are no rows; owner: {self._owner}"
        rules = f"{len(broken)} of {count_text(len(self.findings), 'rule')}"
        said = "is broken" if self.verdict is Verdict.FAIL else f"cannot be judged ({self.verdict.value})"
        about = f"contract {name_text(self.contract)} {said}: {rules}, {count_text(self.rows, 'row')}"
        lines = [f"{about}; owner: {self._owner}"]
        aside = self._aside()
        room = LINES - 1 - bool(aside)
        shown = broken if len(broken) <= room else broken[: room - 1]
        lines += [f"  {self._line(finding)}" for finding in shown]
        if len(shown) < len(broken):
            lines.append(f"  and {len(broken) - len(shown)} more")
        return "\n".join([*lines, *([aside] if aside else [])])

    @property
    def _owner(self) -> str:
        return name_text(", ".join(self.owners) or "nobody is named")

    def _line(self, finding: Finding) -> str:
        examples = ", ".join(map(str, finding.examples[:FEW]))
        whose = f" (owner: {name_text(finding.owner)})" if finding.owner not in ("", self.owner) else ""
        return finding.sentence + (f"; {examples}" if examples else "") + whose

    def _aside(self) -> str:
        parts = []
        if self.warnings:
            parts.append(count_text(len(self.warnings), "warning"))
        if self.set_aside:
            parts.append(f"{count_text(self.quarantined, 'row')} set aside")
        return f"  besides: {', '.join(parts)}" if parts else ""


class ContractBroken(Refuse):
    """The data is not what its contract says: nothing goes on, and trying again would not help."""

    def __init__(self, result: ContractResult) -> None:
        super().__init__(result.message)
        self.result = result
