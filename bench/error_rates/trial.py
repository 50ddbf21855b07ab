"""One experiment that is repeated: how to make an example and what the test promises about it. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from tidemill.statistics.intervals import Interval, clopper_pearson

ALPHA = 0.05
TOLERANCE = 1.2
"""A rate above alpha, but by no more than this factor, is called near."""
LEVEL = 0.99
BLOCK = 250
"""Examples that share one stream of randomness: the unit of work of a process."""


class Promise(Enum):
    """What the share of passes is compared with."""

    AT_MOST = "at most"
    """The null holds: passes are errors."""
    ABOUT = "about"
    """The effect is real: the formula foretells the share of passes."""
    NONE = "none"
    """What happens where the test is used wrongly: shown as a warning, promised by nobody."""


class Verdict(Enum):
    """How the measured share stands to the promise."""

    KEPT = "kept"
    NEAR = "near"
    BROKEN = "NOT KEPT"
    SHOWN = "-"


@dataclass(frozen=True, slots=True)
class Trial:
    """`passes(generator, examples)` makes that many examples and counts those that pass.

    `share` of the examples asked for are made: what costs more is repeated less. `rows` are those of one example.
    """

    test: str
    setting: str
    rows: int
    passes: Callable[[np.random.Generator, int], int]
    promise: Promise = Promise.AT_MOST
    promised: float = ALPHA
    share: float = 1.0

    @property
    def key(self) -> str:
        return f"{self.test}/{self.setting}/{self.rows}"

    def examples(self, asked: int) -> int:
        return max(BLOCK, round(asked * self.share / BLOCK) * BLOCK)

    def block(self, seed: int, number: int) -> int:
        """Passes among the examples of one block, the same for the same seed in whatever process."""
        return self.passes(np.random.default_rng([seed, zlib.crc32(self.key.encode()), number]), BLOCK)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Passes among examples, with an exact interval of their rate."""

    trial: Trial
    passes: int
    examples: int

    @property
    def rate(self) -> float:
        return self.passes / self.examples

    @property
    def interval(self) -> Interval:
        return clopper_pearson(self.passes, self.examples, LEVEL)

    @property
    def verdict(self) -> Verdict:
        promised, low, high = self.trial.promised, self.interval.low, self.interval.high
        match self.trial.promise:
            case Promise.NONE:
                return Verdict.SHOWN
            case Promise.AT_MOST if low <= promised:
                return Verdict.KEPT
            case Promise.AT_MOST:
                return Verdict.NEAR if self.rate <= TOLERANCE * promised else Verdict.BROKEN
            case Promise.ABOUT if high >= promised:
                return Verdict.KEPT
            case Promise.ABOUT:
                return Verdict.NEAR if promised - self.rate <= 0.05 else Verdict.BROKEN
