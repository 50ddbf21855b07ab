"""Parts of the rows: asked for, found by searching, corrected for together, too small."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.unit.lifecycle.evaluation.evidence_made import compared, flipped, judged, labels, numbers
from tidemill.lifecycle.evaluation.gate import Correction, Gate, Guardrail, Slices
from tidemill.lifecycle.evaluation.judging import Kind, judge
from tidemill.lifecycle.evaluation.slices import slices_of
from tidemill.lifecycle.verdicts import Verdict

TRUTH = np.arange(400) % 2
PLACE = np.repeat(["north", "south"], 200)


def gate(**more: object) -> Gate:
    return Gate(slices=Slices(metric="accuracy", **more))  # type: ignore[arg-type]


def test_a_slice_in_which_the_candidate_is_worse_beyond_doubt_fails_though_it_is_better_on_the_whole() -> None:
    candidate, champion = flipped(TRUTH, 40), flipped(TRUTH, 120, 200)
    evidence = labels(TRUTH, candidate, champion, **{"column:place": PLACE})
    found = judged(gate(by=("place",)), evidence, compared())
    assert {check.slice: check.verdict for check in found.checks} == {
        "place=north": Verdict.FAIL,
        "place=south": Verdict.PASS,
    }
    assert found.verdict is Verdict.FAIL
    assert found.reasons[0].startswith(
        "where place=north: accuracy 0.8000 against 1.0000 of the champion on the same 200 rows: worse by 0.2000 ["
    )
    assert judged(gate(by=("place",), no_worse_than=0.3), evidence, compared()).verdict is Verdict.PASS


def test_a_slice_of_too_few_rows_is_told_and_counts_only_on_request() -> None:
    place = PLACE.copy()
    place[:7] = "east"
    evidence = labels(TRUTH, flipped(TRUTH, 10), flipped(TRUTH, 10), **{"column:place": place})
    found = judged(gate(by=("place",)), evidence, compared())
    east = next(check for check in found.checks if check.slice == "place=east")
    assert (east.verdict, east.counts, east.n, east.needed) == (Verdict.NODATA, False, 7, 30)
    assert "7 rows, and 30 are needed: 23 more" in east.sentence
    assert found.verdict is Verdict.PASS
    assert judged(gate(by=("place",), require=True), evidence, compared()).verdict is Verdict.NODATA


def test_if_no_slice_has_enough_rows_that_is_no_pass() -> None:
    evidence = labels(TRUTH, TRUTH, TRUTH, **{"column:place": np.arange(400).astype(str)})
    found = judged(gate(by=("place",)), evidence, compared())
    assert found.verdict is Verdict.NODATA
    assert "no slice has the 30 rows that are needed to compare: NODATA" in found.reasons[0]


def test_a_weak_slice_is_found_by_searching_and_named() -> None:
    draw = np.random.default_rng(0)
    age = draw.uniform(20, 80, 400)
    old = age > np.quantile(age, 0.75)
    candidate = np.where(old & (draw.random(400) < 0.6), 1 - TRUTH, TRUTH)
    columns = {"column:age": age, "column:noise": draw.normal(size=400), "column:place": PLACE}
    evidence = labels(TRUTH, candidate, flipped(TRUTH, 40), **columns)
    given = compared(searched=["age", "noise", "place"])
    found = judged(gate(auto_weak=2), evidence, given)
    worst = next(check for check in found.checks if check.kind is Kind.SLICE)
    assert worst.verdict is Verdict.FAIL
    assert worst.slice.startswith("age > ")
    assert "weak slice, found by searching: where age > " in found.reasons[0]
    assert "among 10 slices" in found.reasons[0]


def test_a_search_finds_nothing_where_there_is_nothing() -> None:
    """Candidate and champion are of one kind: over many columns the share of failed gates stays within alpha."""
    draw = np.random.default_rng(7)
    failed = plain = 0
    names = [f"c{n}" for n in range(10)]
    for _ in range(60):
        truth = draw.integers(0, 2, 400)
        columns = {f"column:{name}": draw.integers(0, 4, 400) for name in names}
        one, other = (np.where(draw.random(400) < 0.8, truth, 1 - truth) for _ in range(2))
        evidence = labels(truth, one, other, **columns)
        given = compared(searched=names)
        failed += judge(gate(auto_weak=1), evidence, given).verdict is Verdict.FAIL
        plain += judge(gate(auto_weak=1, correction=Correction.NONE), evidence, given).verdict is Verdict.FAIL
    assert failed <= 9  # 60 gates at 5 %: more with a chance of 0.1 %
    assert plain > 20  # which is why there is a correction


def test_slices_without_two_classes_cannot_be_compared_by_what_needs_two() -> None:
    evidence = labels(TRUTH, TRUTH, TRUTH, **{"column:place": np.where(TRUTH == 1, "one", "zero")})
    found = judged(Gate(slices=Slices(by=("place",), metric="auc")), evidence, compared())
    assert found.verdict is Verdict.NODATA
    assert all("of each are needed" in check.sentence for check in found.checks if check.slice)


def test_many_slices_of_a_loss_are_told_apart_beyond_what_resamples_can_count() -> None:
    """400 resamples cannot show a p below 1/401; a slice that is far worse still fails among sixty."""
    draw = np.random.default_rng(4)
    place = np.repeat(np.arange(60), 40).astype(str)
    truth = np.zeros(2400)
    candidate = np.abs(draw.normal(1, 0.2, 2400)) + np.where(place == "17", 1.0, 0.0)
    champion = np.abs(draw.normal(1, 0.2, 2400))
    rule = Gate(slices=Slices(by=("place",), metric="mae"))
    found = judge(rule, numbers(truth, candidate, champion, **{"column:place": place}), compared("regression"))
    assert [check.slice for check in found.checks if check.verdict is Verdict.FAIL] == ["place=17"]


def test_slices_of_numbers_are_quarters_and_nulls_are_one_of_their_own() -> None:
    table = pd.DataFrame(
        {
            "column:age": [*range(20, 60), None, None],
            "column:few": [1, 2] * 21,
            "column:name": [f"n{n}" for n in range(42)],
            "column:yes": [True, False] * 21,
        }
    )
    named = {one.name: one.n for one in slices_of(Slices(by=("age", "few", "yes")), table, ["name"])}
    assert named == {
        "age is null": 2,
        "age <= 29.75": 10,
        "29.75 < age <= 39.5": 10,
        "39.5 < age <= 49.25": 10,
        "age > 49.25": 10,
        "few=1": 21,
        "few=2": 21,
        "yes=False": 21,
        "yes=True": 21,
        **{f"name=n{n}": 1 for n in range(42)},
    }


def test_guardrails_may_stand_without_a_primary() -> None:
    rule = Gate(guardrails=(Guardrail("accuracy", no_worse_than=0.05),))
    assert judged(rule, labels(TRUTH, TRUTH, flipped(TRUTH, 9)), compared()).verdict is Verdict.PASS


def test_the_sentence_of_a_slice_says_from_which_p_it_tells() -> None:
    evidence = labels(TRUTH, flipped(TRUTH, 10), flipped(TRUTH, 10), **{"column:place": PLACE})
    found = judged(gate(by=("place",)), evidence, compared())
    assert all("among 2 slices, and tells from 0.05 down)" in check.sentence for check in found.checks)
