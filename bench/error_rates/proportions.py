"""Accuracy: McNemar's exact test, non-inferiority by Tango and by Newcombe; several slices at once by Holm. Pure.

Counts of paired outcomes are drawn, never rows: both right, only the candidate, only the champion, neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np

from bench.error_rates.trial import ALPHA, Promise, Trial
from tidemill.statistics.intervals import PairedCounts, newcombe_p_greater, tango_p_greater, tango_p_less
from tidemill.statistics.mcnemar import mcnemar
from tidemill.statistics.multiplicity import holm
from tidemill.statistics.power import mcnemar_power, required_rows

_Passes = Callable[[np.random.Generator, int], int]
SIZES = (20, 50, 100, 200, 500, 1000, 5000)
SLICES = 10


def trials() -> Iterator[Trial]:
    for differ in (0.05, 0.2):
        for rows in SIZES:
            passes = _superior(rows, differ, 0.0)
            yield Trial("McNemar, exact, superiority", f"differ on {differ:.0%}, equal", rows, passes)
    for differ, gain in ((0.1, 0.02), (0.1, 0.05), (0.2, 0.05)):
        rows = required_rows(differ, gain, alpha=ALPHA)
        foretold = mcnemar_power(rows, differ, gain, alpha=ALPHA)
        passes = _superior(rows, differ, gain)
        setting = f"differ on {differ:.0%}, gain {gain}"
        yield Trial("McNemar, power", setting, rows, passes, Promise.ABOUT, foretold)
    for test, p_no_worse in (("Tango", _p_tango), ("Newcombe", _p_newcombe)):
        for margin in (0.01, 0.02, 0.05):
            for differ, worst in ((margin, "it only loses"), (2 * margin, "it loses 3 of 4")):
                for rows in (50, 100, 200, 500, 1000, 5000):
                    setting = f"worse by the margin {margin}, differ on {differ:.0%}: {worst}"
                    passes = _no_worse(p_no_worse, rows, differ, margin)
                    yield Trial(f"{test}, non-inferiority of accuracy", setting, rows, passes, share=0.5)
    for rows in (50, 200, 1000):
        name = f"{SLICES} slices, none worse: one is called worse"
        yield Trial("Holm over slices", name, rows, _slices(rows, 0, 0.0, corrected=True), share=0.25)
        name = "the same without the correction"
        yield Trial("Holm over slices", name, rows, _slices(rows, 0, 0.0, corrected=False), Promise.NONE, share=0.25)
        name = f"{SLICES} slices, each worse by the margin 0.02: one is called worse than that"
        yield Trial("Holm over slices", name, rows, _slices(rows, 0, 0.02, corrected=True), share=0.25)
    name = f"{SLICES} slices, 3 truly worse: another is called worse"
    yield Trial("Holm over slices", name, 200, _slices(200, 3, 0.0, corrected=True), share=0.25)


def _superior(rows: int, differ: float, gain: float) -> _Passes:
    better, worse = (differ + gain) / 2, (differ - gain) / 2

    def passes(generator: np.random.Generator, examples: int) -> int:
        drawn = generator.multinomial(rows, [better, worse, 1.0 - differ], size=examples)
        return sum(_p_gain(int(gained), int(lost)) <= ALPHA for gained, lost, _ in drawn)

    return passes


def _no_worse(p: Callable[..., float], rows: int, differ: float, margin: float) -> _Passes:
    """The champion is right on 70 % of the rows, which is where the rows on which both are alike mislead most."""
    gained, lost = (differ - margin) / 2, (differ + margin) / 2
    shares = [0.7 - lost, gained, lost, 0.3 - gained]

    def passes(generator: np.random.Generator, examples: int) -> int:
        drawn = generator.multinomial(rows, shares, size=examples)
        return sum(p(*(int(count) for count in counts), margin) <= ALPHA for counts in drawn)

    return passes


def _slices(rows: int, worse: int, margin: float, *, corrected: bool) -> _Passes:
    """False alarms: a slice worse by the margin only is called worse. In the first `worse` slices it is true."""
    gains = np.array([-0.1] * worse + [-margin] * (SLICES - worse))
    shares = np.column_stack(((0.2 + gains) / 2, (0.2 - gains) / 2, np.full(SLICES, 0.8)))

    def passes(generator: np.random.Generator, examples: int) -> int:
        found = 0
        for _ in range(examples):
            drawn = generator.multinomial(rows, shares)
            p = np.array([_p_worse(int(gained), int(lost), rows, margin) for gained, lost, _ in drawn])
            found += bool(((holm(p) if corrected else p)[worse:] <= ALPHA).any())
        return found

    return passes


@cache
def _p_gain(gained: int, lost: int) -> float:
    return mcnemar(gained, lost).p_greater


@cache
def _p_worse(gained: int, lost: int, rows: int, margin: float) -> float:
    if margin == 0.0:
        return mcnemar(gained, lost).p_less
    return tango_p_less(PairedCounts(0, gained, lost, rows - gained - lost), -margin)


@cache
def _p_newcombe(both: int, gained: int, lost: int, neither: int, margin: float) -> float:
    return newcombe_p_greater(PairedCounts(both, gained, lost, neither), -margin)


@cache
def _p_tango(both: int, gained: int, lost: int, neither: int, margin: float) -> float:
    return tango_p_greater(PairedCounts(both, gained, lost, neither), -margin)
