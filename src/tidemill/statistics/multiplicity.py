"""Several tests at once: adjusted p-values, to be compared with alpha as if each stood alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tidemill.core.errors import InputError
from tidemill.statistics.checked import finite


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values in the order given; rejecting those <= alpha keeps P(any false rejection) <= alpha.

    Holm (1979): holds whatever the dependence between the tests. Raises `InputError` for a p outside [0, 1].
    """
    values, order = _sorted(p)
    steps = np.arange(values.size, 0, -1)
    return _placed(np.maximum.accumulate(values * steps), order)


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values in the order given; rejecting those <= alpha keeps the expected share of false ones <= alpha.

    Benjamini, Hochberg (1995): for tests that are independent or positively dependent. Raises `InputError` as `holm`.
    """
    values, order = _sorted(p)
    steps = values.size / np.arange(1, values.size + 1)
    return _placed(np.minimum.accumulate((values * steps)[::-1])[::-1], order)


def _sorted(p: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    values = finite("p", p)
    if values.size and (values.min() < 0.0 or values.max() > 1.0):
        raise InputError(f"p-values from {values.min():g} to {values.max():g}: they lie between 0 and 1")
    order = np.argsort(values, kind="stable")
    return values[order], order


def _placed(adjusted: NDArray[np.float64], order: NDArray[np.intp]) -> NDArray[np.float64]:
    placed = np.empty_like(adjusted)
    placed[order] = np.minimum(adjusted, 1.0)
    return placed
