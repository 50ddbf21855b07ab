"""Parts of the rows, looked at one by one: those asked for by column, and those searched for where the candidate lags.

A slice fails if the candidate is worse beyond doubt. All that were looked at are corrected for together, also those
of a search that nobody is told of: otherwise a search would always find something.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tidemill.lifecycle.evaluation.evidence import COLUMN
from tidemill.lifecycle.evaluation.gate import Correction, Slices, Test
from tidemill.lifecycle.evaluation.judging_compare import Comparison, NotComparable, Pair, compare, test_for
from tidemill.lifecycle.evaluation.judging_parts import Check, Kind
from tidemill.lifecycle.evaluation.judging_words import against, chance, closing, number, rows
from tidemill.lifecycle.evaluation.metrics import Metric
from tidemill.lifecycle.verdicts import Verdict
from tidemill.statistics.multiplicity import holm

FEW_VALUES = 12
"""Numbers of more different values are cut into quarters of equally many rows."""

MOST_VALUES = 50
"""A text column of more different values names single things, and is no way to divide rows."""

QUARTERS = (0.25, 0.5, 0.75)


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """A part of the rows; `asked` for by the rule, or found by searching."""

    name: str
    rows: NDArray[np.bool_]
    asked: bool

    @property
    def n(self) -> int:
        return int(self.rows.sum())


def slices_of(rule: Slices, evidence: pd.DataFrame, searched: list[str]) -> tuple[Slice, ...]:
    """Every slice that the rule speaks of, columns in order; a column asked for is not searched again."""
    asked = [Slice(name, mask, True) for column in rule.by for name, mask in _parts(column, evidence)]
    found = [
        Slice(name, mask, False)
        for column in searched
        if column not in rule.by
        for name, mask in _parts(column, evidence, most=MOST_VALUES)
    ]
    return (*asked, *found)


def _parts(column: str, evidence: pd.DataFrame, most: int | None = None) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    values = evidence[COLUMN + column]
    nulls = values.isna().to_numpy()
    known = values[~nulls]
    if nulls.any():
        yield f"{column} is null", nulls
    kind = values.dtype.kind
    distinct = known.drop_duplicates().tolist()
    if kind in "iuf" and len(distinct) > FEW_VALUES:
        yield from _quarters(column, values.to_numpy(dtype=float), known.to_numpy(dtype=float), nulls)
    elif most is None or len(distinct) <= most:
        for value in sorted(distinct):
            yield f"{column}={_text(value)}", (values == value).fillna(False).to_numpy(dtype=bool)


def _quarters(
    column: str, values: NDArray[np.float64], known: NDArray[np.float64], nulls: NDArray[np.bool_]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    edges = np.unique(np.quantile(known, QUARTERS))
    place = np.searchsorted(edges, values, side="left")
    for n in range(len(edges) + 1):
        mask = (place == n) & ~nulls
        low = f"{edges[n - 1]:.4g} < " if n else ""
        high = f" <= {edges[n]:.4g}" if n < len(edges) else ""
        if mask.any():
            yield f"{low}{column}{high}" if high else f"{column} > {edges[n - 1]:.4g}", mask


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def slice_checks(
    rule: Slices, metric: Metric, pair: Pair, found: tuple[Slice, ...], resamples: int, seed: int
) -> tuple[Check, ...]:
    """A check for each slice asked for, and the weakest of those searched; one for all if none could be compared."""
    test = test_for(Test.AUTO, metric, pair.candidate.problem, pair.clusters is not None)
    compared: list[tuple[Slice, Comparison]] = []
    checks: list[Check] = []
    for part in found:
        if part.n >= rule.min_rows:
            try:
                compared.append((part, compare(metric, pair.select(part.rows), test, rule.alpha, resamples, seed)))
                continue
            except NotComparable as error:
                why, needed = error.message, error.needed
        else:
            why, needed = (
                f"{rows(part.n)}, and {rule.min_rows} are needed: {rule.min_rows - part.n} more",
                rule.min_rows,
            )
        if part.asked:
            checks.append(_untold(part, metric, why, needed, counts=rule.require))
    families = [[one for one in compared if one[0].asked is asked] for asked in (True, False)]
    # A search looks at many slices; it shares the error that is allowed with those asked for, not their correction.
    alpha = rule.alpha / 2 if all(families) else rule.alpha
    asked, searched = (_judged_together(family, metric, rule, alpha) for family in families)
    searched.sort(key=lambda check: (check.p or 0.0, check.difference or 0.0, check.name))
    lagging = [check for check in searched if (check.difference or 0.0) < 0]
    weakest = [
        replace(check, sentence=f"weak slice, found by searching: {check.sentence}")
        for place, check in enumerate(lagging)
        if place < rule.auto_weak or check.verdict is Verdict.FAIL
    ]
    whole: list[Check] = []
    if not compared:
        sentence = closing(f"no slice has the {rule.min_rows} rows that are needed to compare", Verdict.NODATA)
        whole.append(Check("slices", Kind.SLICE, Verdict.NODATA, sentence, needed=rule.min_rows))
    return (*asked, *weakest, *checks, *whole)


def _judged_together(family: list[tuple[Slice, Comparison]], metric: Metric, rule: Slices, alpha: float) -> list[Check]:
    raw = np.array([one.p_less(-rule.no_worse_than) for _, one in family])
    corrected = holm(raw) if rule.correction is Correction.HOLM else raw
    return [
        _judged(part, one, metric, rule, (float(p), alpha, len(family)))
        for (part, one), p in zip(family, corrected, strict=True)
    ]


def _judged(part: Slice, one: Comparison, metric: Metric, rule: Slices, tested: tuple[float, float, int]) -> Check:
    p, alpha, together = tested
    verdict = Verdict.FAIL if p <= alpha and one.gain < -rule.no_worse_than else Verdict.PASS
    demand = f"at most {number(rule.no_worse_than)} worse demanded" if rule.no_worse_than else "not worse demanded"
    among = f" among {together} slices" if together > 1 and rule.correction is Correction.HOLM else ""
    level = f"p of being worse is {chance(p)}{among}, and tells from {alpha:g} down"
    sentence = f"where {part.name}: {against(metric.name, one)}, {demand} ({level})"
    return Check(
        name=f"{metric.name} where {part.name}",
        kind=Kind.SLICE,
        verdict=verdict,
        sentence=closing(sentence, verdict),
        metric=metric.name,
        slice=part.name,
        test=one.test.value,
        candidate=one.candidate,
        champion=one.champion,
        difference=one.gain,
        low=one.low,
        high=one.high,
        level=1 - 2 * rule.alpha,
        p=p,
        threshold=-rule.no_worse_than,
        n=one.n,
    )


def _untold(part: Slice, metric: Metric, why: str, needed: int | None, *, counts: bool) -> Check:
    told = "" if counts else ", which is told and does not count"
    return Check(
        name=f"{metric.name} where {part.name}",
        kind=Kind.SLICE,
        verdict=Verdict.NODATA,
        sentence=closing(f"where {part.name}: {why}{told}", Verdict.NODATA),
        metric=metric.name,
        slice=part.name,
        n=part.n,
        needed=needed,
        counts=counts,
    )
