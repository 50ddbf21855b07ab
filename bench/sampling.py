"""Samples of two sides taken in turns, and what they say. Pure: whoever takes a sample knows the clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

LEAST = 3
"""Fewer samples give no median worth the name."""


def in_turns(
    ours: Callable[[], float],
    bare: Callable[[], float],
    times: int,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[list[float], list[float]]:
    """`times` samples of each side, alternating, so that what changes on the machine meanwhile falls on both."""
    of_ours: list[float] = []
    of_bare: list[float] = []
    for number in range(1, times + 1):
        say(f"{number} of {times}, ours")
        of_ours.append(ours())
        say(f"{number} of {times}, bare")
        of_bare.append(bare())
    return of_ours, of_bare


def middle(samples: Sequence[float]) -> float | None:
    """The median; None of nothing."""
    return median(samples) if samples else None


def ratio(ours: Sequence[float], bare: Sequence[float]) -> float | None:
    """Median of ours over median of the other side; None if one of them is missing or nothing."""
    above, below = middle(ours), middle(bare)
    return above / below if above is not None and below else None


def spread(samples: Sequence[float]) -> float:
    """Largest minus smallest: what is smaller than this is noise. 0 for less than two."""
    return max(samples) - min(samples) if samples else 0.0


def within_noise(with_it: Sequence[float], without: Sequence[float]) -> bool:
    """Whether one side's median is no farther above the quiet side's than the quiet side's own samples are apart."""
    above, quiet = middle(with_it), middle(without)
    return above is not None and quiet is not None and above - quiet <= spread(without)
