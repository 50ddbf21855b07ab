"""All trials, in the order of the table. Pure."""

from __future__ import annotations

from bench.error_rates import areas, means, proportions
from bench.error_rates.trial import Trial

TRIALS: tuple[Trial, ...] = (*means.trials(), *areas.trials(), *proportions.trials())


def chosen(words: list[str]) -> list[int]:
    """The places of the trials whose key contains one of the words, all if there are none."""
    return [
        place
        for place, trial in enumerate(TRIALS)
        if not words or any(word.lower() in trial.key.lower() for word in words)
    ]
