"""What a judgement is made of: checks with their numbers and one sentence each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any

from tidemill.lifecycle.verdicts import Verdict, combine


class Kind(Enum):
    """What a check looks at."""

    CANDIDATE = "candidate"  # whether the candidate answers at all
    ROWS = "rows"
    THRESHOLD = "threshold"
    PRIMARY = "primary"
    GUARDRAIL = "guardrail"
    LATENCY = "latency"
    SLICE = "slice"
    BEHAVIOUR = "behaviour"


class Champion(Enum):
    """What became of the comparison with the champion."""

    COMPARED = "compared"
    NONE = "none"  # there is none yet
    SAME = "same"  # the candidate is it
    UNUSABLE = "unusable"  # it cannot be loaded or cannot answer for these rows
    UNASKED = "unasked"  # the rule compares nothing


@dataclass(frozen=True, slots=True)
class Check:
    """One demand and what was seen. `difference` and its interval are gains: positive is better, whatever the metric.

    `level` is that of the interval; `threshold` what was demanded; `n` the rows looked at; `needed` the rows that would
    do where there were too few. A check that does not count is told and has no part in the verdict.
    """

    name: str
    kind: Kind
    verdict: Verdict
    sentence: str
    metric: str = ""
    slice: str = ""
    test: str = ""
    candidate: float | None = None
    champion: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    p: float | None = None
    threshold: float | None = None
    n: int = 0
    needed: int | None = None
    counts: bool = True

    def to_value(self) -> dict[str, Any]:
        """Plain data; what does not apply is left out, numbers that are none are texts."""
        found: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if value is None or value == "":
                continue
            found[item.name] = plain(value.value if isinstance(value, Enum) else value)
        return found


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a gate says about a candidate, and by what."""

    verdict: Verdict
    checks: tuple[Check, ...]
    compared: Champion
    n: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    champion_metrics: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, checks: tuple[Check, ...], compared: Champion, n: int, **metrics: Mapping[str, float]) -> Judgement:
        verdict = combine(check.verdict for check in checks if check.counts)
        return cls(verdict, checks, compared, n, **metrics)

    @property
    def passed(self) -> bool:
        return self.verdict.passed

    @property
    def reasons(self) -> tuple[str, ...]:
        """A sentence for each check, those that decided first."""
        return tuple(check.sentence for check in sorted(self.checks, key=self._decided_last))

    def _decided_last(self, check: Check) -> bool:
        return not (check.counts and check.verdict is self.verdict)

    def to_value(self) -> dict[str, Any]:
        """Plain data: the same judgement gives the same, to the last digit."""
        return {
            "verdict": self.verdict.value,
            "compared": self.compared.value,
            "n": self.n,
            "reasons": list(self.reasons),
            "checks": [check.to_value() for check in self.checks],
            "metrics": {name: plain(value) for name, value in sorted(self.metrics.items())},
            "champion_metrics": {name: plain(value) for name, value in sorted(self.champion_metrics.items())},
        }


def plain(value: Any) -> Any:
    """A number of Python's own, or its name if it is none."""
    if isinstance(value, float):
        number = float(value)
        return number if math.isfinite(number) else str(number)
    return value
