"""What a gate says of evidence: every verdict by name, every case that is neither yes nor no."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.lifecycle.evaluation.evidence_made import (
    compared,
    facts,
    flipped,
    judged,
    labels,
    numbers,
    only,
    said,
    scored,
)
from tidemill.lifecycle.evaluation.gate import (
    Behaviour,
    First,
    Gate,
    Guardrail,
    Latency,
    Primary,
    Slices,
    Test,
    Threshold,
    Trend,
)
from tidemill.lifecycle.evaluation.judging import Champion, Kind, judge
from tidemill.lifecycle.verdicts import Verdict, combine

HALF = np.arange(143) % 2
ACCURACY = Gate(Primary("accuracy", better_by=0.002))


def test_of_several_verdicts_the_worst_counts_and_none_is_no_pass() -> None:
    assert combine([Verdict.PASS, Verdict.NODATA, Verdict.ERROR, Verdict.FAIL]) is Verdict.FAIL
    assert combine([Verdict.PASS, Verdict.NODATA, Verdict.ERROR]) is Verdict.ERROR
    assert combine([Verdict.PASS, Verdict.NODATA]) is Verdict.NODATA
    assert combine([Verdict.PASS]) is Verdict.PASS
    assert combine([]) is Verdict.NODATA
    assert [one for one in Verdict if one.passed] == [Verdict.PASS]


# --- candidate and champion on the same rows --------------------------------------------------------------------------


def test_a_better_candidate_passes_and_the_reason_is_a_sentence_with_its_numbers() -> None:
    found = judged(ACCURACY, labels(HALF, flipped(HALF, 2), flipped(HALF, 11)), compared())
    assert found.verdict is Verdict.PASS
    assert found.compared is Champion.COMPARED
    (reason,) = found.reasons
    assert reason == (
        "accuracy 0.9860 against 0.9231 of the champion on the same 143 rows: better by 0.0629 [0.0370, 0.1051], "
        "at least 0.0020 demanded: PASS"
    )
    check = only(found, "accuracy primary")
    assert (check.test, check.n, check.level) == ("mcnemar", 143, 0.9)
    assert check.p == pytest.approx(0.5**9)
    assert found.metrics["accuracy"] == pytest.approx(141 / 143)
    assert found.champion_metrics["accuracy"] == pytest.approx(132 / 143)


def test_a_worse_candidate_fails() -> None:
    found = judged(ACCURACY, labels(HALF, flipped(HALF, 11), flipped(HALF, 2)), compared())
    assert found.verdict is Verdict.FAIL
    assert "worse by 0.0629 [-0.1051, -0.0370], at least 0.0020 demanded: FAIL" in found.reasons[0]


def test_a_gain_that_may_be_chance_fails_and_says_how_many_rows_would_tell() -> None:
    found = judged(Gate(Primary("accuracy")), labels(HALF, flipped(HALF, 2), flipped(HALF, 4, 1)), compared())
    assert found.verdict is Verdict.FAIL
    assert ", better beyond chance demanded, but p is 0.31 and at most 0.05 allowed; about " in found.reasons[0]
    check = found.checks[0]
    assert check.needed is not None
    assert check.needed > 143
    assert f"about {check.needed - 143} more rows would tell: FAIL" in found.reasons[0]


def test_the_same_answers_are_no_gain_and_no_loss() -> None:
    evidence = labels(HALF, flipped(HALF, 5), flipped(HALF, 5))
    assert judged(Gate(Primary("accuracy")), evidence, compared()).verdict is Verdict.FAIL
    no_worse = judged(Gate(Primary("accuracy", no_worse_than=0.05)), evidence, compared())
    assert no_worse.verdict is Verdict.PASS
    assert "no difference" in no_worse.reasons[0]


def test_what_is_beyond_chance_on_a_million_rows_may_still_be_too_little() -> None:
    truth = np.arange(1_000_000) % 2
    evidence = labels(truth, flipped(truth, 10_000), flipped(truth, 10_300))
    found = judge(Gate(Primary("accuracy", better_by=0.002)), evidence, compared())
    check = found.checks[0]
    assert check.p is not None
    assert check.p < 1e-6
    assert found.verdict is Verdict.FAIL
    assert "better by 0.0003 " in check.sentence
    assert judge(Gate(Primary("accuracy")), evidence, compared()).verdict is Verdict.PASS


def test_no_worse_than_is_proven_refuted_or_cannot_be_told() -> None:
    rule = Gate(Primary("accuracy", no_worse_than=0.05))
    slightly = labels(HALF, flipped(HALF, 4), flipped(HALF, 2))
    told = judged(rule, slightly, compared())
    assert told.verdict is Verdict.PASS
    assert "at most 0.0500 worse demanded: PASS" in told.reasons[0]
    far = judged(rule, labels(HALF, flipped(HALF, 20), flipped(HALF, 2)), compared())
    assert far.verdict is Verdict.FAIL
    open_ = judged(Gate(Primary("accuracy", no_worse_than=0.02)), slightly, compared())
    assert open_.verdict is Verdict.NODATA
    assert "more rows would tell: NODATA" in open_.reasons[0]
    assert open_.checks[0].needed is not None


def test_a_rule_that_could_not_see_the_effect_that_matters_says_so_instead_of_failing() -> None:
    evidence = labels(HALF, flipped(HALF, 6), flipped(HALF, 6, 3))
    plain = judged(Gate(Primary("accuracy")), evidence, compared())
    assert plain.verdict is Verdict.FAIL
    found = judged(Gate(Primary("accuracy", effect=0.01)), evidence, compared())
    assert found.verdict is Verdict.NODATA
    assert "a true gain of 0.0100 would be seen here with a chance of " in found.reasons[0]
    large = judged(Gate(Primary("accuracy", effect=0.2)), evidence, compared())
    assert large.verdict is Verdict.FAIL


def test_a_margin_above_zero_must_be_beaten_beyond_doubt() -> None:
    evidence = labels(HALF, flipped(HALF, 2), flipped(HALF, 11))
    assert judged(Gate(Primary("accuracy", margin=0.02)), evidence, compared()).verdict is Verdict.PASS
    above = judged(Gate(Primary("accuracy", margin=0.05)), evidence, compared())
    assert above.verdict is Verdict.FAIL
    assert "more than 0.0500 demanded" in above.reasons[0]


def test_scores_are_compared_by_delong_and_losses_by_the_bootstrap() -> None:
    draw = np.random.default_rng(3)
    truth = draw.random(400) < 0.4
    good = np.clip(0.5 + 0.35 * (truth - 0.5) + draw.normal(0, 0.15, 400), 0.01, 0.99)
    bad = np.clip(0.5 + 0.1 * (truth - 0.5) + draw.normal(0, 0.15, 400), 0.01, 0.99)
    for name, test in (("auc", "delong"), ("log_loss", "bootstrap"), ("f1", "bootstrap"), ("ece", "bootstrap")):
        found = judged(Gate(Primary(name, resamples=300)), scored(truth, good, bad), compared())
        assert found.checks[0].test == test
        back = judge(Gate(Primary(name, resamples=300)), scored(truth, bad, good), compared())
        both = (found, back) if name != "ece" else (back, found)  # the sharper scores are the less calibrated ones
        assert [one.verdict for one in both] == [Verdict.PASS, Verdict.FAIL], found.reasons


def test_a_test_that_holds_only_from_more_rows_on_says_so() -> None:
    draw = np.random.default_rng(3)
    for size, word in ((300, "alpha is kept exactly from 500 rows on, here are 300"), (600, "")):
        truth = draw.normal(size=size)
        evidence = numbers(truth, truth + draw.normal(size=size), truth + draw.normal(size=size))
        sentence = judge(Gate(Primary("mae", resamples=200)), evidence, compared("regression")).reasons[0]
        assert (word in sentence) if word else ("kept exactly" not in sentence)
    classes = np.arange(200) % 2
    score = np.clip(classes * 0.8 + draw.random(200) * 0.3, 0, 1)
    found = judge(Gate(Primary("auc", no_worse_than=0.01)), scored(classes, score, score), compared())
    assert "rows of the rarer class on, here are 100" in found.reasons[0]


def test_drawing_rows_by_kind_gives_the_interval_of_drawing_them_one_by_one() -> None:
    """The quick way for metrics of labels, against the slow one with many classes."""
    draw = np.random.default_rng(5)
    truth = draw.integers(0, 3, 400)
    one = np.where(draw.random(400) < 0.85, truth, draw.integers(0, 3, 400))
    other = np.where(draw.random(400) < 0.75, truth, draw.integers(0, 3, 400))
    rule = Gate(Primary("macro_f1", resamples=4000), problem="multiclass")
    intervals = []
    for classes in ((0, 1, 2), (0, 1, 2, 3, 4, 5)):
        known = said(classes, probabilities=False)
        given = facts("multiclass", champion=known, candidate=known)
        check = judge(rule, numbers(truth, one, other), given).checks[0]
        intervals.append((check.low, check.high))
    assert intervals[0] == pytest.approx(intervals[1], abs=0.006)


def test_a_regression_is_compared_by_its_losses_and_lower_is_better() -> None:
    draw = np.random.default_rng(1)
    truth = draw.normal(size=200)
    evidence = numbers(truth, truth + draw.normal(0, 0.5, 200), truth + draw.normal(0, 1.0, 200))
    for name in ("mae", "rmse"):
        found = judged(Gate(Primary(name, better_by=0.1, resamples=500)), evidence, compared("regression"))
        assert found.verdict is Verdict.PASS
        assert found.checks[0].candidate < found.checks[0].champion  # type: ignore[operator]
        assert "better by" in found.reasons[0]
    other = evidence.rename(columns={"candidate": "champion", "champion": "candidate"})
    assert judged(Gate(Primary("mae", resamples=500)), other, compared("regression")).verdict is Verdict.FAIL


def test_rows_of_one_customer_are_drawn_together() -> None:
    """Forty rows each of eight customers say less than 320 rows: the interval is wider."""
    draw = np.random.default_rng(2)
    truth = np.zeros(320)
    customer = np.repeat(np.arange(8), 40)
    loss = np.repeat(draw.normal(0.3, 1.0, 8), 40) + draw.normal(0, 0.1, 320)
    evidence = numbers(truth, np.zeros(320), loss, cluster=customer)
    alone = judged(Gate(Primary("mae")), evidence, compared("regression")).checks[0]
    together = judged(Gate(Primary("mae"), cluster="customer"), evidence, compared("regression")).checks[0]
    assert together.high - together.low > 3 * (alone.high - alone.low)  # type: ignore[operator]
    unfit = judge(Gate(Primary("accuracy", test=Test.MCNEMAR), cluster="c"), labels(HALF, HALF, HALF), compared())
    assert unfit.verdict is Verdict.ERROR
    assert "mcnemar takes every row for one of its own" in unfit.reasons[0]


# --- when there is nothing, or not enough, to compare with ------------------------------------------------------------


def test_without_a_champion_the_thresholds_decide() -> None:
    evidence = labels(HALF, flipped(HALF, 5))
    rule = Gate(Primary("accuracy"), thresholds=(Threshold("accuracy", min=0.9),), slices=Slices(by=("a",)))
    found = judged(rule, evidence, facts())
    assert (found.verdict, found.compared) == (Verdict.PASS, Champion.NONE)
    assert found.reasons[0] == "accuracy 0.9650 on 143 rows, at least 0.9000 demanded: PASS"
    assert "there is no champion yet to compare with, so this does not count: NODATA" in found.reasons[1]
    strict = replace(rule, thresholds=(Threshold("accuracy", min=0.99),))
    assert judged(strict, evidence, facts()).verdict is Verdict.FAIL


def test_without_a_champion_and_without_thresholds_there_is_nothing_to_go_by() -> None:
    evidence = labels(HALF, HALF)
    rule = Gate(Primary("accuracy"), behaviour=Behaviour(no_null=True))
    found = judged(rule, evidence, facts())
    assert found.verdict is Verdict.NODATA
    assert "add a threshold, or say `first: pass`" in found.reasons[0]
    assert judged(replace(rule, first=First.PASS), evidence, facts()).verdict is Verdict.PASS
    refused = judged(replace(rule, first=First.FAIL), evidence, facts())
    assert refused.verdict is Verdict.FAIL
    assert "promoted by hand" in refused.reasons[0]


def test_a_candidate_that_is_the_champion_is_not_compared_and_the_rest_counts() -> None:
    given_facts = facts(champion=said(version=3))
    given_facts["champion"] = {"there": True, "same": True, "digest": "d", "version": 3, "error": ""}
    rule = Gate(Primary("accuracy"), thresholds=(Threshold("accuracy", min=0.9),))
    found = judged(rule, labels(HALF, flipped(HALF, 5)), given_facts)
    assert (found.verdict, found.compared) == (Verdict.PASS, Champion.SAME)
    assert any("the candidate is the champion itself" in reason for reason in found.reasons)
    alone = judged(Gate(Primary("accuracy")), labels(HALF, HALF), given_facts)
    assert alone.verdict is Verdict.NODATA


def test_a_champion_that_cannot_answer_is_an_error_with_cause_and_remedy_and_never_a_pass() -> None:
    broken = said(version=2, error="it cannot be loaded: ModuleNotFoundError: No module named 'old'")
    rule = Gate(
        Primary("accuracy"),
        thresholds=(Threshold("accuracy", min=0.5),),
        guardrails=(Guardrail("recall", no_worse_than=0.1),),
        first=First.PASS,
    )
    found = judged(rule, labels(HALF, HALF), facts(champion=broken))
    assert (found.verdict, found.compared) == (Verdict.ERROR, Champion.UNUSABLE)
    assert (
        "the champion (version 2) cannot answer for these rows: it cannot be loaded: ModuleNotFound" in found.reasons[0]
    )
    assert "--override" in found.reasons[0]
    assert [check.verdict for check in found.checks] == [Verdict.ERROR, Verdict.PASS, Verdict.ERROR]


def test_a_champion_of_other_classes_is_an_error_and_not_a_defeat() -> None:
    truth = np.array(["a", "b", "c"] * 50)
    known = said(("a", "b"), probabilities=False)
    given_facts = facts("multiclass", champion=known, candidate=said(("a", "b", "c"), probabilities=False))
    found = judged(Gate(Primary("accuracy")), numbers(truth, truth, np.array(["a"] * 150)), given_facts)
    assert found.verdict is Verdict.ERROR
    assert "was trained on other classes: it knows a, b, and the rows have c besides" in found.reasons[0]
    texts = numbers(np.array(["no", "yes"] * 60), np.array(["no", "yes"] * 60), np.array([0, 1] * 60))
    given_facts = facts(champion=said((0, 1)), candidate=said(("no", "yes")))
    assert judged(Gate(Primary("accuracy")), texts, given_facts).verdict is Verdict.ERROR
    nameless = facts(champion=said(()), candidate=said(("no", "yes")))
    assert judged(Gate(Primary("accuracy")), texts, nameless).verdict is Verdict.ERROR


def test_both_are_asked_about_the_same_positive_class() -> None:
    """A champion with its classes the other way round is not judged by the wrong one."""
    evidence = labels(HALF, flipped(HALF, 10), flipped(HALF, 10))
    evidence = evidence.rename(columns={"champion_score_0": "champion_score_1", "champion_score_1": "champion_score_0"})
    for name in ("recall", "auc", "log_loss"):
        found = judged(Gate(Primary(name, no_worse_than=0.01)), evidence, facts(champion=said((1, 0))))
        assert found.verdict is Verdict.PASS, found.reasons
        assert found.checks[0].difference == pytest.approx(0.0)
    looked = judged(Gate(Primary("recall", no_worse_than=0.1), positive="0"), evidence, compared())
    assert looked.checks[0].candidate == pytest.approx(67 / 72)
    unknown = judged(Gate(Primary("recall"), positive="yes"), evidence, compared())
    assert unknown.verdict is Verdict.ERROR
    assert "the candidate knows no class 'yes' (its classes are 0, 1)" in unknown.reasons[0]


def test_too_few_rows_are_no_data_and_the_number_that_lacks_is_told() -> None:
    few = np.arange(12) % 2
    rule = Gate(Primary("accuracy"), thresholds=(Threshold("accuracy", min=0.5),))
    found = judged(rule, labels(few, few, 1 - few), compared(unlabelled=3))
    assert found.verdict is Verdict.NODATA
    assert found.reasons == (
        "there are 12 rows with a known 'y' (and 3 without), at least 30 demanded: 18 more are needed: NODATA",
    )
    assert found.checks[0].needed == 30
    assert judged(replace(rule, rows=12), labels(few, few, 1 - few), compared()).verdict is Verdict.PASS
    nothing = judge(rule, labels([], []), {**facts(), "problem": ""})
    assert nothing.verdict is Verdict.NODATA


def test_one_class_in_the_holdout_is_no_data_for_what_needs_two() -> None:
    ones = np.ones(50, dtype=int)
    evidence = labels(ones, ones, flipped(ones, 3))
    found = judged(Gate(Primary("auc"), thresholds=(Threshold("roc_auc", min=0.8),)), evidence, compared())
    assert [check.verdict for check in found.checks] == [Verdict.NODATA, Verdict.NODATA]
    assert "there are 0 rows of the class 0, and 20 of each are needed: 20 more" in found.checks[0].sentence
    assert "roc_auc cannot be told: " in found.checks[1].sentence
    rare = flipped(ones, 2)
    told = judged(Gate(Primary("auc")), labels(rare, rare, ones), compared()).checks[0]
    assert (told.verdict, told.needed) == (Verdict.NODATA, 500)


def test_a_metric_of_scores_for_a_model_without_scores_is_an_error_that_names_it() -> None:
    evidence = labels(HALF, HALF, HALF).drop(columns=["candidate_score_0", "candidate_score_1"])
    given_facts = facts(champion=said(), candidate=said(probabilities=False))
    found = judged(Gate(Primary("auc"), thresholds=(Threshold("log_loss", max=1),)), evidence, given_facts)
    assert found.verdict is Verdict.ERROR
    assert "it needs scores, and the candidate gives none; give the model a predict_proba" in found.checks[0].sentence
    assert "the model gives no probabilities" in found.checks[1].sentence
    other = labels(HALF, HALF, HALF).drop(columns=["champion_score_0", "champion_score_1"])
    assert "the champion gives none; look at both" in judged(Gate(Primary("auc")), other, compared()).reasons[0]


def test_a_candidate_that_cannot_answer_is_an_error_with_the_cause() -> None:
    given_facts = facts(candidate=said(error="ValueError: 3 features are expected", remedy="prepare them"))
    found = judged(ACCURACY, numbers(HALF, HALF, HALF).drop(columns=["candidate", "champion"]), given_facts)
    assert found.verdict is Verdict.ERROR
    assert found.reasons == (
        "the candidate cannot be judged: ValueError: 3 features are expected (prepare them): ERROR",
    )


def test_metrics_and_tests_that_do_not_fit_are_an_error_that_names_them() -> None:
    evidence = labels(HALF, HALF, HALF)
    for rule, why in (
        (Gate(Primary("mae")), "primary: mae is no metric of a binary problem"),
        (Gate(Primary("accuracy", test=Test.DELONG)), "delong compares areas"),
        (Gate(Primary("auc", test=Test.MCNEMAR)), "mcnemar compares accuracy"),
    ):
        unfit = judged(rule, evidence, compared())
        assert unfit.verdict is Verdict.ERROR
        assert f"the rule does not fit: {why}" in unfit.reasons[0]
    chosen = judge(Gate(Primary("accuracy", test=Test.BOOTSTRAP)), evidence, compared())
    assert chosen.checks[0].test == "bootstrap"


# --- guardrails and behaviour -----------------------------------------------------------------------------------------


def test_a_guardrail_stops_a_candidate_that_is_better_otherwise() -> None:
    truth = np.array([0] * 300 + [1] * 40)
    candidate, champion = flipped(truth, 20, 300), flipped(truth, 60)
    rule = Gate(Primary("accuracy"), guardrails=(Guardrail("recall", no_worse_than=0.05), Guardrail("ece", max=0.2)))
    found = judged(rule, labels(truth, candidate, champion), compared())
    assert only(found, "accuracy primary").verdict is Verdict.PASS
    assert only(found, "recall no worse").verdict is Verdict.FAIL
    assert only(found, "ece max").verdict is Verdict.PASS
    assert found.verdict is Verdict.FAIL
    assert found.reasons[0].startswith("recall 0.5000 against 1.0000")


def test_nulls_are_counted_and_fail() -> None:
    said_ = HALF.astype(float)
    said_[[3, 7]] = np.nan
    rule = Gate(behaviour=Behaviour(no_null=True), thresholds=(Threshold("accuracy", min=0.1),))
    found = judged(rule, numbers(HALF, said_, HALF), facts())
    assert found.verdict is Verdict.FAIL
    assert only(found, "no_null").sentence == "the candidate gives no answer for 2 of 143 rows, none demanded: FAIL"
    assert only(found, "candidate").verdict is Verdict.ERROR
    unasked = judged(Gate(thresholds=(Threshold("accuracy", min=0.1),)), numbers(HALF, said_, HALF), facts())
    assert unasked.verdict is Verdict.ERROR


def test_a_class_that_is_hardly_ever_answered_fails_the_minority_share() -> None:
    truth = np.array([0] * 90 + [1] * 10)
    rule = Gate(behaviour=Behaviour(minority=0.05))
    assert judged(rule, labels(truth, truth), facts()).verdict is Verdict.PASS
    never = judged(rule, labels(truth, np.zeros(100, dtype=int)), facts())
    assert never.reasons == (
        "the class 1 is 0.0% of the candidate's answers for 100 rows, at least 5.0% demanded: FAIL",
    )
    unfit = judge(rule, numbers(HALF * 1.0, HALF * 1.0, None), facts("regression"))
    assert unfit.verdict is Verdict.ERROR
    assert "speaks of classes" in unfit.reasons[0]


def test_indifference_and_direction_are_judged_row_by_row() -> None:
    behaviour = Behaviour(invariant=("id",), monotone=(("amount", Trend.UP),))
    rows = {"changed:id": np.zeros(143, dtype=bool), "response": np.zeros(143), "raised:amount": np.full(143, 0.1)}
    assert judged(Gate(behaviour=behaviour), labels(HALF, HALF, **rows), facts()).verdict is Verdict.PASS
    rows["changed:id"] = HALF == 1
    rows["raised:amount"] = np.where(np.arange(143) < 2, -0.1, 0.1)
    found = judged(Gate(behaviour=behaviour), labels(HALF, HALF, **rows), facts())
    assert only(found, "invariant id").sentence == "shuffling 'id' changes 71 of 143 answers, none demanded: FAIL"
    assert only(found, "monotone amount").candidate == 2
    wrong = facts(behaviour={"raised:amount": "the model is shown no column 'amount'"})
    assert only(judged(Gate(behaviour=behaviour), labels(HALF, HALF, **rows), wrong), "monotone amount").verdict is (
        Verdict.ERROR
    )


def test_a_latency_is_compared_if_enough_rows_were_timed() -> None:
    rule = Gate(latency=(Latency(99, 20.0),))
    measured = {"calls": 300, "warm_up": 20, "error": "", "p50": 1.0, "p99": 12.5}
    found = judged(rule, labels(HALF, HALF), facts(latency=measured))
    assert found.reasons == ("99 % of 300 single rows are answered within 12.5 ms, at most 20 ms demanded: PASS",)
    assert judged(rule, labels(HALF, HALF), facts(latency={**measured, "p99": 20.1})).verdict is Verdict.FAIL
    few = judged(rule, labels(HALF, HALF), facts(latency={**measured, "calls": 40}))
    assert few.verdict is Verdict.NODATA
    assert "60 more" in few.reasons[0]
    failed = judged(rule, labels(HALF, HALF), facts(latency={"calls": 0, "error": "ValueError: one row"}))
    assert failed.verdict is Verdict.ERROR


# --- for ever the same ------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_the_evidence_a_judgement_is_plain_data_and_always_the_same(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 60))
    columns = [data.draw(st.lists(st.integers(0, 1), min_size=size, max_size=size)) for _ in range(3)]
    rule = Gate(
        Primary(data.draw(st.sampled_from(["accuracy", "auc", "log_loss", "f1"])), resamples=200),
        thresholds=(Threshold("roc_auc", min=0.5),),
        guardrails=(Guardrail("recall", no_worse_than=data.draw(st.sampled_from([0.0, 0.1]))),),
        slices=Slices(by=("a",), auto_weak=1, min_rows=5),
        behaviour=Behaviour(no_null=True, minority=0.1),
        rows=data.draw(st.sampled_from([1, 30])),
    )
    given_facts = compared(searched=["a", "b"])
    parts = {"column:a": columns[0], "column:b": np.linspace(0, 1, size)}
    evidence = labels(np.array(columns[0], dtype=int), np.array(columns[1]), np.array(columns[2]), **parts)
    found = judged(rule, evidence, given_facts)
    text = json.dumps(found.to_value(), allow_nan=False)
    assert json.loads(text) == found.to_value()
    assert found.verdict is combine(check.verdict for check in found.checks if check.counts)
    assert all(check.sentence.endswith(f": {check.verdict.value}") for check in found.checks)
    assert any(check.kind in Kind for check in found.checks)


def test_a_metric_that_the_first_model_can_never_give_holds_it_up() -> None:
    evidence = labels(HALF, HALF).drop(columns=["candidate_score_0", "candidate_score_1"])
    rule = Gate(Primary("log_loss"), thresholds=(Threshold("accuracy", min=0.5),))
    found = judged(rule, evidence, facts(candidate=said(probabilities=False)))
    assert (found.verdict, found.compared) == (Verdict.ERROR, Champion.NONE)
    assert "log_loss cannot be compared: it needs probabilities" in found.reasons[0]
    assert "give the model a predict_proba" in found.reasons[0]


def test_slices_that_nobody_can_compare_are_told() -> None:
    rule = Gate(Primary("accuracy"), thresholds=(Threshold("accuracy", min=0.5),), slices=Slices(by=("site",)))
    found = judged(rule, labels(HALF, HALF), facts())
    assert found.verdict is Verdict.PASS
    told = only(found, "slices")
    assert (told.verdict, told.counts) == (Verdict.NODATA, False)
    assert "accuracy on slices; there is no champion yet to compare with" in told.sentence


def test_rows_without_a_label_are_said_and_many_of_them_loudly() -> None:
    rule = Gate(thresholds=(Threshold("accuracy", min=0.5),))
    few, many = (judged(rule, labels(HALF, HALF), facts(unlabelled=count)) for count in (1, 50))
    assert (few.verdict, many.verdict) == (Verdict.PASS, Verdict.PASS)
    assert f"1 of {len(HALF) + 1} rows has no value in 'y' and was left out: NODATA" in few.reasons
    loud = only(many, "labels").sentence
    assert f"50 of {len(HALF) + 50} rows have no value in 'y' and were left out" in loud
    assert "if they lack it for a reason" in loud
    assert not [one for one in judged(rule, labels(HALF, HALF), facts()).checks if one.name == "labels"]


def test_a_candidate_that_is_the_champion_is_said_to_be_though_the_rule_compares_nothing() -> None:
    before = {**said(), "same": True, "version": 2}
    found = judged(Gate(thresholds=(Threshold("accuracy", min=0.5),)), labels(HALF, HALF), facts(champion=before))
    assert found.verdict is Verdict.PASS
    assert "the candidate is the champion already: nothing is compared" in only(found, "champion").sentence
