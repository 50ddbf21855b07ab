"""A data frame of 200 MB goes from one task to the next; each says when, by the clock that processes share."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
import pandas as pd

from tidemill import Dataset, pipeline, task

COLUMNS = 10
ROWS = 2_500_000
BYTES = COLUMNS * ROWS * 8
_PAGE = 4096 // 8


class Made(NamedTuple):
    rows: Dataset
    at: int


@task
def make(seed: int) -> Made:
    random = np.random.default_rng(seed)
    rows = pd.DataFrame({f"x{number}": random.random(ROWS) for number in range(COLUMNS)})
    return Made(rows, time.monotonic_ns())


@task
def take(rows: pd.DataFrame, at: int) -> float:
    """Seconds since the frame was made; every page of it has been touched by then."""
    for name in rows.columns:
        rows[name].to_numpy()[::_PAGE].sum()
    return (time.monotonic_ns() - at) / 1e9


@pipeline
def frame(seed: int) -> float:
    made = make(seed)
    return take(made.rows, made.at)
