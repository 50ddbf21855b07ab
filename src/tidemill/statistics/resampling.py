"""What is drawn with replacement: rows, or clusters of rows, within strata. Knows no statistic.

Each stratum has a stream of its own, consumed one resample after the other, so that the size of the blocks in which
resamples are made changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tidemill.core.errors import InputError
from tidemill.statistics.checked import count, labels

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Units:
    """`strata`: the numbers of the units in each; `cluster_of`: each row's unit, or None where a row is a unit."""

    rows: int
    strata: tuple[Indices, ...]
    cluster_of: Indices | None = None

    @property
    def size(self) -> int:
        return sum(stratum.size for stratum in self.strata)


def units(rows: int, strata: ArrayLike | None, clusters: ArrayLike | None) -> Units:
    """How to draw from so many rows; `strata` and `clusters` give each row's group.

    Raises `InputError` for fewer than two units, or a cluster whose rows lie in several strata.
    """
    count("rows", rows)
    cluster_of = None if clusters is None else labels("clusters", clusters, rows)
    number = rows if cluster_of is None else int(cluster_of.max(initial=-1)) + 1
    if number < 2:
        what = "rows" if cluster_of is None else "clusters"
        raise InputError(f"{number} {what}: one alone says nothing about how results vary", remedy=f"give more {what}")
    if strata is None:
        return Units(rows, (np.arange(number),), cluster_of)
    stratum_of = labels("strata", strata, rows)
    if cluster_of is not None:
        first = np.empty(number, dtype=np.intp)
        first[cluster_of] = stratum_of
        astray = np.unique(cluster_of[first[cluster_of] != stratum_of]).size
        if astray:
            raise InputError(
                f"{astray} of {number} clusters have rows in more than one stratum",
                remedy="leave the strata out: clusters are drawn as a whole",
            )
        stratum_of = first
    order = np.argsort(stratum_of, kind="stable")
    borders = np.flatnonzero(np.diff(stratum_of[order])) + 1
    return Units(rows, tuple(np.split(order, borders)), cluster_of)


def streams(seed: int, drawn: Units) -> list[np.random.Generator]:
    """One stream of randomness for each stratum. Raises `InputError` for a seed that is no whole number from 0."""
    root = np.random.SeedSequence(count("seed", seed))
    seeds = [root] if len(drawn.strata) == 1 else root.spawn(len(drawn.strata))
    return [np.random.Generator(np.random.PCG64(one)) for one in seeds]


class RowsOf:
    """From drawn units to the rows they stand for."""

    def __init__(self, drawn: Units) -> None:
        self._order: Indices | None = None
        if drawn.cluster_of is not None:
            self._order = np.argsort(drawn.cluster_of, kind="stable")
            self._lengths = np.bincount(drawn.cluster_of)
            self._starts = np.concatenate(([0], np.cumsum(self._lengths)[:-1]))

    def __call__(self, drawn: Indices) -> Indices:
        if self._order is None:
            return drawn
        lengths = self._lengths[drawn]
        ends = np.cumsum(lengths)
        within = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
        rows: Indices = self._order[np.repeat(self._starts[drawn], lengths) + within]
        return rows
