"""Sums of columns over resampled rows, without the rows: few distinct rows are drawn as counts, others in blocks.

Memory is bounded by the block, and the size of the block changes no bit of the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidemill.statistics.resampling import Units

_Array = NDArray[np.float64]

CELLS = 1 << 17
"""Rows times resamples in one block: what fits a processor's cache."""
MOST_DISTINCT = 256
"""Up to so many distinct rows, and a sixteenth of all, drawing counts is faster than drawing rows."""


@dataclass(frozen=True, slots=True)
class _Stratum:
    """`values` of shape (k, d) and how many of the `size` units have each; drawn as counts if `compact`."""

    values: _Array
    times: NDArray[np.int64]
    size: int
    compact: bool

    @property
    def total(self) -> _Array:
        total: _Array = (self.values * self.times).sum(axis=1)
        return total

    def draw(self, resamples: int, generator: np.random.Generator, cells: int) -> _Array:
        sums = np.empty((resamples, self.values.shape[0]))
        block = max(1, cells // self.values.shape[1])
        shares = self.times / self.size
        for start in range(0, resamples, block):
            part = sums[start : start + block]
            if self.compact:
                counts = generator.multinomial(self.size, shares, size=part.shape[0])
                for column, values in enumerate(self.values):
                    part[:, column] = (counts * values).sum(axis=1)
            else:
                chosen = generator.integers(0, self.size, (part.shape[0], self.size))
                for column, values in enumerate(self.values):
                    part[:, column] = values[chosen].sum(axis=1)
        return sums


class Sums:
    """The table of columns by stratum; clusters of rows are added up first, for they are drawn as a whole."""

    def __init__(self, table: _Array, drawn: Units, cells: int = CELLS) -> None:
        self._cells = cells
        if drawn.cluster_of is not None:
            table = np.column_stack([np.bincount(drawn.cluster_of, weights=column) for column in table.T])
        self._strata = [_stratum(np.ascontiguousarray(table[stratum].T)) for stratum in drawn.strata]
        self.total: _Array = np.sum([stratum.total for stratum in self._strata], axis=0)

    def draw(self, resamples: int, generators: list[np.random.Generator]) -> _Array:
        """Shape (resamples, k)."""
        sums = np.zeros((resamples, self.total.size))
        for stratum, generator in zip(self._strata, generators, strict=True):
            sums += stratum.draw(resamples, generator, self._cells)
        return sums

    def without_each(self) -> Iterator[tuple[_Array, _Array]]:
        """For each stratum the sums without each distinct unit, of shape (d, k), and how many such units there are."""
        for stratum in self._strata:
            if stratum.size > 1:
                yield self.total - stratum.values.T, stratum.times.astype(np.float64)


def _stratum(values: _Array) -> _Stratum:
    size = values.shape[1]
    found = _distinct(values, min(MOST_DISTINCT, size // 16))
    if found is None:
        return _Stratum(values, np.ones(size, dtype=np.int64), size, compact=False)
    first, times = found
    return _Stratum(np.ascontiguousarray(values[:, first]), times, size, compact=True)


def _distinct(values: _Array, most: int) -> tuple[NDArray[np.intp], NDArray[np.int64]] | None:
    """Where each distinct unit is first seen, and how often it is; None if there are more than `most`."""
    codes = np.zeros(values.shape[1], dtype=np.intp)
    for column in values:
        # A glance at some of them spares sorting what is surely varied.
        if np.unique(column[: 4 * most + 4]).size > most:
            return None
        distinct, inverse = np.unique(column, return_inverse=True)
        if distinct.size > most:
            return None
        known, codes = np.unique(codes * distinct.size + inverse, return_inverse=True)
        if known.size > most:
            return None
    _, first, times = np.unique(codes, return_index=True, return_counts=True)
    return first, times.astype(np.int64)
