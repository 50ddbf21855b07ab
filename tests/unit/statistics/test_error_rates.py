"""The promised error rates on a small scale: trials of `python -m bench.error_rates`, fewer examples and one seed.

Bounds are quantiles of the binomial: a promise that is kept fails here once in a thousand seeds, and the seed is fixed.
"""

from __future__ import annotations

import pytest
from scipy.stats import binom

from bench.error_rates.listing import TRIALS, chosen
from bench.error_rates.table import summary, table
from bench.error_rates.trial import BLOCK, TOLERANCE, Outcome, Promise, Trial, Verdict

SURE = 0.999
DEAR, CHEAP = 2, 6
NULLS = [
    "BCa, mean loss, superiority/normal/200",
    "BCa, mean loss, superiority/0/1 loss, 10 % differ/200",
    "BCa, F1, superiority/20 % positive, equal models/200",
    "BCa, mean loss, clusters of 5/clusters given/100",
    "DeLong, superiority/both 0.75, 50 positive/500",
    "DeLong, superiority/both 0.98, 1000 positive/2000",
    "DeLong, non-inferiority/0.88 against 0.9, margin 0.02, 250 positive/500",
    "McNemar, exact, superiority/differ on 20%, equal/1000",
    "Tango, non-inferiority of accuracy/worse by the margin 0.02, differ on 2%: it only loses/1000",
    "Holm over slices/10 slices, none worse: one is called worse/200",
]
WRONG = [
    "BCa, mean loss, clusters of 5/clusters NOT given/100",
    "Holm over slices/the same without the correction/1000",
    "Newcombe, non-inferiority of accuracy/worse by the margin 0.02, differ on 2%: it only loses/100",
]
POWERS = [trial.key for trial in TRIALS if trial.promise is Promise.ABOUT and trial.rows in (200, 246, 493, 1000)]
BY_KEY = {trial.key: trial for trial in TRIALS}


def measured(key: str) -> Outcome:
    trial = BY_KEY[key]
    blocks = DEAR if trial.test.startswith("BCa") else CHEAP
    return Outcome(trial, sum(trial.block(7, number) for number in range(blocks)), blocks * BLOCK)


@pytest.mark.parametrize("key", NULLS)
def test_false_passes_are_as_rare_as_promised(key: str) -> None:
    outcome = measured(key)
    assert outcome.passes <= binom.ppf(SURE, outcome.examples, TOLERANCE * outcome.trial.promised)


@pytest.mark.parametrize("key", WRONG)
def test_what_is_done_wrongly_would_be_seen(key: str) -> None:
    outcome = measured(key)
    assert outcome.passes > binom.ppf(SURE, outcome.examples, TOLERANCE * outcome.trial.promised)


@pytest.mark.parametrize("key", POWERS)
def test_the_power_is_the_foretold_one(key: str) -> None:
    outcome = measured(key)
    low, high = (binom.ppf(q, outcome.examples, outcome.trial.promised) for q in (1 - SURE, SURE))
    # The formulas are those of the normal approximation; an exact test has up to five points less.
    assert low - 0.05 * outcome.examples <= outcome.passes <= high + 0.02 * outcome.examples


def test_the_same_seed_gives_the_same_passes() -> None:
    trial = BY_KEY[NULLS[7]]
    assert trial.block(3, 0) == trial.block(3, 0)
    assert len({trial.block(3, number) for number in range(3)}) > 1


def test_every_trial_has_a_name_of_its_own() -> None:
    assert len(BY_KEY) == len(TRIALS) > 100
    assert [TRIALS[place] for place in chosen(["DELONG, POWER"])] == [
        trial for trial in TRIALS if trial.test == "DeLong, power"
    ]
    assert chosen(["nothing like it"]) == []


@pytest.mark.parametrize(
    ("promise", "promised", "passes", "verdict"),
    [
        (Promise.AT_MOST, 0.05, 40, Verdict.KEPT),
        (Promise.AT_MOST, 0.05, 550, Verdict.KEPT),
        (Promise.AT_MOST, 0.05, 590, Verdict.NEAR),
        (Promise.AT_MOST, 0.05, 610, Verdict.BROKEN),
        (Promise.ABOUT, 0.8, 7990, Verdict.KEPT),
        (Promise.ABOUT, 0.8, 7700, Verdict.NEAR),
        (Promise.ABOUT, 0.8, 7000, Verdict.BROKEN),
        (Promise.NONE, 0.05, 9000, Verdict.SHOWN),
    ],
)
def test_the_verdict_is_that_of_the_interval(promise: Promise, promised: float, passes: int, verdict: Verdict) -> None:
    trial = Trial("test", "setting", 1000, lambda generator, examples: 0, promise, promised)
    outcome = Outcome(trial, passes, 10_000)
    assert outcome.verdict is verdict
    assert f"| setting | 1,000 | 10,000 | {passes / 10_000:.2%} |" in table([outcome])
    assert ("not kept:\n- test, setting" in summary([outcome])) == (verdict is Verdict.BROKEN)
