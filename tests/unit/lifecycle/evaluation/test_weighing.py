"""Both models are asked about the same rows: what becomes evidence, and what becomes a fact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info

from tests.unit.lifecycle.evaluation.evidence_made import only
from tidemill.core.errors import InputError
from tidemill.core.values import canonical
from tidemill.lifecycle.evaluation.gate import Behaviour, Gate, Latency, Primary, Slices, Threshold, Trend
from tidemill.lifecycle.evaluation.judging import Champion, judge
from tidemill.lifecycle.evaluation.weighing import Subject, weigh
from tidemill.lifecycle.verdicts import Verdict

ROWS = pd.DataFrame(
    {
        "amount": np.linspace(0, 1, 120),
        "noise": np.random.default_rng(0).normal(size=120),
        "site": ["a", "b", "c"] * 40,
        "target": np.where(np.linspace(0, 1, 120) > 0.4, "yes", "no"),
    }
)
RULE = Gate(Primary("accuracy"), thresholds=(Threshold("accuracy", min=0.5),))


class Cut:
    """Says yes above a value of a column, with a score that rises with it."""

    def __init__(self, at: float, column: str = "amount", classes: tuple[Any, ...] = ("no", "yes")) -> None:
        self.at, self.column, self.classes_ = at, column, np.array(classes)
        self.asked = 0

    def predict(self, features: pd.DataFrame) -> Any:
        self.asked += 1
        features["scribbled"] = 1  # nobody may be disturbed by it
        return self.classes_[(features[self.column].to_numpy() > self.at).astype(int)]

    def predict_proba(self, features: pd.DataFrame) -> Any:
        score = 1 / (1 + np.exp(-5 * (features[self.column].to_numpy() - self.at)))
        return np.column_stack([1 - score, score])


class Watched(Cut):
    """Notes how many threads it could use."""

    def predict(self, features: pd.DataFrame) -> Any:
        self.threads = {pool["num_threads"] for pool in threadpool_info()}
        return super().predict(features)


class Broken(Cut):
    def predict(self, features: pd.DataFrame) -> Any:
        raise RuntimeError("no such kernel\nat line 3")


class Forgetful(Cut):
    def predict(self, features: pd.DataFrame) -> Any:
        said = super().predict(features).astype(object)
        said[:4] = None
        return said


class Labels:
    def predict(self, features: pd.DataFrame) -> list[str]:
        return ["yes" if value > 0.5 else "no" for value in features["amount"]]


def test_evidence_has_a_line_for_each_row_and_says_what_both_answered() -> None:
    good, bad = Cut(0.4), Cut(0.7)
    found = weigh(RULE, Subject(good, "sha:a"), Subject(bad, "sha:b", 3), ROWS, "target")
    both = [f"{who}{column}" for who in ("candidate", "champion") for column in ("", "_score_0", "_score_1")]
    assert list(found.evidence.columns) == ["truth", *both]
    assert len(found.evidence) == 120
    assert found.facts["problem"] == "binary"
    assert found.facts["candidate"]["classes"] == ["no", "yes"]
    assert (found.facts["champion"]["digest"], found.facts["champion"]["version"]) == ("sha:b", 3)
    canonical(found.facts)
    assert judge(RULE, found.evidence, found.facts).verdict is Verdict.PASS
    assert "scribbled" not in ROWS.columns


def test_models_answer_with_one_thread_and_the_environment_is_told() -> None:
    model = Watched(0.4)
    found = weigh(RULE, Subject(model), None, ROWS, "target")
    assert model.threads == {1}
    assert found.facts["environment"]["threads"] == 1
    assert {"python", "numpy", "scikit-learn", "machine"} <= found.facts["environment"].keys()


def test_the_champion_is_asked_anew_about_these_very_rows() -> None:
    """What was measured of it in its day does not count: on these rows it is no good any more."""
    champion = Cut(0.4)
    changed = ROWS.assign(target=np.where(ROWS["amount"] > 0.9, "yes", "no"))
    found = weigh(RULE, Subject(Cut(0.85), "a"), Subject(champion, "b"), changed, "target")
    judged = judge(RULE, found.evidence, found.facts)
    assert champion.asked == 1
    assert judged.champion_metrics["accuracy"] == pytest.approx(0.5)
    assert judged.verdict is Verdict.PASS


def test_rows_without_truth_are_left_out_and_counted() -> None:
    rows = ROWS.assign(target=ROWS["target"].where(ROWS.index % 4 != 0))
    found = weigh(RULE, Subject(Cut(0.4)), None, rows, "target")
    assert (len(found.evidence), found.facts["rows"], found.facts["unlabelled"]) == (90, 90, 30)
    nothing = weigh(RULE, Subject(Cut(0.4)), None, rows.assign(target=None), "target")
    judged = judge(RULE, nothing.evidence, nothing.facts)
    assert judged.verdict is Verdict.NODATA
    assert (
        "there are 0 rows with a known 'target' (and 120 without), at least 30 demanded: 30 more" in judged.reasons[0]
    )


def test_the_same_digest_is_the_same_model_and_asked_once() -> None:
    champion = Broken(0.4)
    found = weigh(RULE, Subject(Cut(0.4), "sha:a"), Subject(champion, "sha:a", 2), ROWS, "target")
    assert found.facts["champion"]["same"]
    assert judge(RULE, found.evidence, found.facts).compared is Champion.SAME
    unknown = weigh(RULE, Subject(Cut(0.4)), Subject(Cut(0.4)), ROWS, "target")
    assert not unknown.facts["champion"]["same"]


@pytest.mark.parametrize(
    ("champion", "why"),
    [
        (Subject(Broken(0.4), "b"), "RuntimeError: no such kernel: ERROR"),
        (Subject(None, "b", 0, "the file is damaged"), "the file is damaged"),
        (Subject(Cut(0.4, "income"), "b"), "KeyError: 'income'"),
        (Subject(object(), "b"), "it has no method predict"),
        (Subject(Cut(0.4, classes=("0", "1")), "b"), "it knows 0, 1, and the rows have no, yes besides"),
        (Subject(Forgetful(0.4), "b"), "4 of 120 rows have no value in the pr"),
    ],
)
def test_a_champion_that_cannot_answer_is_an_error_and_the_candidate_is_not_promoted(
    champion: Subject, why: str
) -> None:
    found = weigh(RULE, Subject(Cut(0.4), "a"), champion, ROWS, "target")
    judged = judge(RULE, found.evidence, found.facts)
    assert judged.verdict is Verdict.ERROR
    assert why.removesuffix(": ERROR") in judged.reasons[0]


def test_columns_that_the_champion_was_trained_with_and_the_rows_lack_are_named() -> None:
    champion = Cut(0.4)
    champion.feature_names_in_ = np.array(["amount", "income"])  # type: ignore[attr-defined]
    found = weigh(RULE, Subject(Cut(0.4), "a"), Subject(champion, "b", 2), ROWS, "target")
    judged = judge(RULE, found.evidence, found.facts)
    assert judged.verdict is Verdict.ERROR
    assert "the rows lack 'income'" in judged.reasons[0]


def test_a_candidate_that_raises_is_an_error_and_one_that_gives_nulls_fails() -> None:
    rule = Gate(Primary("accuracy"), behaviour=Behaviour(no_null=True))
    broken = weigh(rule, Subject(Broken(0.4)), None, ROWS, "target")
    judged = judge(rule, broken.evidence, broken.facts)
    assert judged.reasons == ("the candidate cannot be judged: RuntimeError: no such kernel: ERROR",)
    nulls = weigh(rule, Subject(Forgetful(0.4)), Subject(Cut(0.4), "b"), ROWS, "target")
    judged = judge(rule, nulls.evidence, nulls.facts)
    assert judged.verdict is Verdict.FAIL
    assert judged.reasons[0] == "the candidate gives no answer for 4 of 120 rows, none demanded: FAIL"


def test_a_model_without_scores_is_judged_by_its_answers() -> None:
    found = weigh(RULE, Subject(Labels()), Subject(Cut(0.9), "b"), ROWS, "target")
    assert judge(RULE, found.evidence, found.facts).verdict is Verdict.PASS
    area = Gate(Primary("auc"))
    found = weigh(area, Subject(Labels()), Subject(Cut(0.9), "b"), ROWS, "target")
    assert judge(area, found.evidence, found.facts).verdict is Verdict.ERROR


def test_latency_is_that_of_single_rows_after_warming_up() -> None:
    ticks = iter(range(10**6))

    class Counting(Cut):
        sizes: list[int] = []  # noqa: RUF012

        def predict(self, features: pd.DataFrame) -> Any:
            self.sizes.append(len(features))
            if len(self.sizes) > 21 and len(self.sizes) % 50 == 0:
                for _ in range(30):
                    next(ticks)
            return super().predict(features)

    rule = Gate(latency=(Latency(99, 5000.0), Latency(90, 5000.0)))
    found = weigh(rule, Subject(Counting(0.4)), None, ROWS, "target", clock=lambda: next(ticks) / 1000)
    measured = found.facts["latency"]
    assert Counting.sizes[0] == 120
    assert set(Counting.sizes[1:]) == {1}
    assert (measured["calls"], measured["warm_up"]) == (300, 20)
    assert len(Counting.sizes) == 1 + 20 + 300
    assert (measured["p50"], measured["p90"], measured["p99"]) == (1.0, 1.0, 31.0)
    assert judge(rule, found.evidence, found.facts).verdict is Verdict.PASS


def test_a_slow_model_is_not_timed_for_ever() -> None:
    seconds = iter(range(10**6))
    rule = Gate(latency=(Latency(99, 1.0),))
    found = weigh(rule, Subject(Cut(0.4)), None, ROWS, "target", clock=lambda: next(seconds))
    assert found.facts["latency"]["calls"] < 20
    judged = judge(rule, found.evidence, found.facts)
    assert judged.verdict is Verdict.NODATA
    assert "100 are needed to see this percentile" in judged.reasons[0]


def test_indifference_and_direction_are_tried_out() -> None:
    rule = Gate(behaviour=Behaviour(invariant=("noise", "amount"), monotone=(("amount", Trend.UP), ("site", Trend.UP))))
    found = weigh(rule, Subject(Cut(0.4)), None, ROWS, "target")
    judged = judge(rule, found.evidence, found.facts)
    assert only(judged, "invariant noise").verdict is Verdict.PASS
    assert only(judged, "invariant amount").verdict is Verdict.FAIL
    assert only(judged, "monotone amount").verdict is Verdict.PASS
    assert only(judged, "monotone site").verdict is Verdict.ERROR
    assert "only numbers can be raised" in only(judged, "monotone site").sentence
    down = Gate(behaviour=Behaviour(monotone=(("amount", Trend.DOWN),)))
    found = weigh(down, Subject(Cut(0.4)), None, ROWS, "target")
    assert judge(down, found.evidence, found.facts).verdict is Verdict.FAIL


@pytest.mark.parametrize(("positive", "trend"), [("", Trend.UP), ("yes", Trend.UP), ("no", Trend.DOWN)])
def test_the_direction_is_that_of_the_class_that_the_rule_looks_for(positive: str, trend: Trend) -> None:
    other = Trend.DOWN if trend is Trend.UP else Trend.UP
    for one, verdict in ((trend, Verdict.PASS), (other, Verdict.FAIL)):
        rule = Gate(positive=positive, behaviour=Behaviour(monotone=(("amount", one),)))
        found = weigh(rule, Subject(Cut(0.4)), None, ROWS, "target")
        assert judge(rule, found.evidence, found.facts).verdict is verdict


def test_a_column_that_stands_there_twice_is_refused() -> None:
    rule = Gate(Primary("accuracy"), slices=Slices(by=("site",)))
    with pytest.raises(InputError, match=r"'target', which the gate needs for .* 2 times"):
        weigh(rule, Subject(Cut(0.4)), None, pd.concat([ROWS, ROWS[["target"]]], axis=1), "target")
    found = weigh(rule, Subject(Cut(0.4)), None, pd.concat([ROWS, ROWS[["site"]]], axis=1), "target")
    told = judge(rule, found.evidence, found.facts)
    assert told.verdict is Verdict.ERROR
    assert "'site', which the gate needs for slices, stands in the rows 2 times" in told.reasons[0]


def test_classes_that_are_whole_floats_are_counted_as_what_they_are() -> None:
    rows = ROWS.assign(target=(ROWS["target"] == "yes").astype(float))
    rule = Gate(behaviour=Behaviour(minority=0.3))
    found = weigh(rule, Subject(Cut(0.4, classes=(0.0, 1.0))), None, rows, "target")
    check = only(judge(rule, found.evidence, found.facts), "minority")
    assert check.verdict is Verdict.PASS
    assert check.candidate == pytest.approx(0.4, abs=0.01)


def test_columns_for_slices_travel_with_the_evidence_and_missing_ones_are_named() -> None:
    rule = Gate(Primary("accuracy"), slices=Slices(by=("site",), auto_weak=2, no_worse_than=0.5))
    found = weigh(rule, Subject(Cut(0.4), "a"), Subject(Cut(0.5), "b"), ROWS, "target")
    assert found.facts["searched"] == ["amount", "noise", "site"]
    assert {"column:amount", "column:noise", "column:site"} <= set(found.evidence.columns)
    judged = judge(rule, found.evidence, found.facts)
    assert {"site=a", "site=b", "site=c"} <= {check.slice for check in judged.checks}
    wrong = Gate(Primary("accuracy"), slices=Slices(by=("sites",)))
    found = weigh(wrong, Subject(Cut(0.4)), None, ROWS, "target")
    judged = judge(wrong, found.evidence, found.facts)
    assert judged.verdict is Verdict.ERROR
    assert "there is no column 'sites' in the rows, which the gate needs for slices" in judged.reasons[0]
    assert "did you mean 'site'?" in judged.reasons[0]
    with pytest.raises(InputError, match="for the target"):
        weigh(RULE, Subject(Cut(0.4)), None, ROWS, "targt")


def test_evidence_that_was_stored_gives_the_same_judgement(tmp_path: Any) -> None:
    """As it is when a decision is replayed: through an Arrow file, and facts through JSON."""
    rows = ROWS.assign(when=pd.Timestamp("2026-03-03"), kind=pd.Categorical(ROWS["site"]), some=[None, "x"] * 60)
    rule = Gate(
        Primary("log_loss"),
        slices=Slices(by=("kind", "some"), auto_weak=3, no_worse_than=0.5),
        behaviour=Behaviour(True, 0.1, ("noise",)),
    )
    found = weigh(rule, Subject(Cut(0.4), "a"), Subject(Cut(0.5), "b"), rows, "target")
    path = tmp_path / "evidence.arrow"
    found.evidence.to_feather(path)
    again = judge(rule, pd.read_feather(path), found.facts)
    assert again.to_value() == judge(rule, found.evidence, found.facts).to_value()
    assert again.verdict is Verdict.PASS, again.reasons


def test_classes_that_are_numbers_or_booleans_stay_what_they_are() -> None:
    for classes in ((0, 1), (False, True), (1.0, 2.0)):
        rows = ROWS.assign(target=np.array(classes)[(ROWS["amount"] > 0.4).astype(int)])
        found = weigh(RULE, Subject(Cut(0.4, classes=classes)), Subject(Cut(0.7, classes=classes), "b"), rows, "target")
        assert judge(RULE, found.evidence, found.facts).verdict is Verdict.PASS
        canonical(found.facts)


class Narrow(Cut):
    feature_names_in_ = np.array(["amount"])


def test_a_column_that_is_not_there_cannot_be_shuffled_and_one_that_is_not_shown_is_said() -> None:
    rule = Gate(behaviour=Behaviour(invariant=("nois", "noise")))
    found = weigh(rule, Subject(Narrow(0.4)), None, ROWS, "target")
    told = judge(rule, found.evidence, found.facts)
    assert only(told, "invariant nois").verdict is Verdict.ERROR
    assert "the rows have no column 'nois'; did you mean 'noise'?" in only(told, "invariant nois").sentence
    assert only(told, "invariant noise").verdict is Verdict.PASS
    assert "(the model is not shown this column)" in only(told, "invariant noise").sentence


def test_a_rule_that_does_not_fit_the_problem_becomes_evidence_all_the_same() -> None:
    rule = Gate(Primary("rmse"))
    found = weigh(rule, Subject(Cut(0.4)), None, ROWS, "target")
    told = judge(rule, found.evidence, found.facts)
    assert told.verdict is Verdict.ERROR
    assert "primary: rmse is no metric of a binary problem" in told.reasons[0]
