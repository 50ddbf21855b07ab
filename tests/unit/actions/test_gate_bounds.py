"""Bounds held against numbers: what is no number never passes; and the forms in which others read the verdict."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

from tidemill.actions.ci.bounds import SCALES, Checked, GateReport, Number, bounds_from, check_bounds, flattened
from tidemill.actions.ci.gate_check import is_file, thresholds_of
from tidemill.actions.ci.gate_output import github_output, junit, markdown, outputs
from tidemill.actions.ci.step_files import pairs_in
from tidemill.core.errors import InputError
from tidemill.lifecycle.evaluation.gate import Gate, Latency, Primary, Threshold
from tidemill.lifecycle.evaluation.metrics import METRICS
from tidemill.lifecycle.verdicts import Verdict

DOCUMENT = {
    "accuracy": 0.91,
    "test": {"log_loss": 0.3, "f1": 0.8},
    "train": {"f1": 0.95},
    "flat.dotted": 2,
    "folds": [{"auc": 0.7}, {"auc": 0.8}],
    "nothing": None,
    "words": "0.99",
    "yes": True,
    "nan": math.nan,
    "huge": 10**400,
    "minus": -math.inf,
}


def verdict(*bounds: str, side: str = "min") -> Verdict:
    demanded = bounds_from(bounds, ()) if side == "min" else bounds_from((), bounds)
    report = GateReport("x", check_bounds(demanded, flattened(DOCUMENT), "x"))
    return report.verdict


@pytest.mark.parametrize(
    ("side", "bound", "wanted"),
    [
        ("min", "accuracy=0.91", Verdict.PASS),
        ("min", "accuracy=0.9100001", Verdict.FAIL),
        ("max", "accuracy=0.91", Verdict.PASS),
        ("max", "accuracy=0.9", Verdict.FAIL),
        ("min", "log_loss=0.3", Verdict.PASS),
        ("min", "test.log_loss=0.31", Verdict.FAIL),
        ("min", "test.f1=0.8", Verdict.PASS),
        ("min", "flat.dotted=2", Verdict.PASS),
        ("min", "dotted=2", Verdict.PASS),
        ("min", "folds[1].auc=0.75", Verdict.PASS),
        ("min", "absent=0", Verdict.NODATA),
        ("max", "nothing=1", Verdict.NODATA),
        ("min", "words=0.5", Verdict.NODATA),
        ("min", "yes=0", Verdict.NODATA),
        ("min", "nan=0", Verdict.NODATA),
        ("max", "nan=0", Verdict.NODATA),
        ("min", "huge=0", Verdict.NODATA),
        ("max", "minus=0", Verdict.NODATA),
    ],
)
def test_a_bound_and_its_verdict(side: str, bound: str, wanted: Verdict) -> None:
    assert verdict(bound, side=side) is wanted


def test_the_worst_counts_and_nothing_is_no_pass() -> None:
    assert verdict("accuracy=0.5", "absent=1") is Verdict.NODATA
    assert verdict("accuracy=0.99", "absent=1") is Verdict.FAIL
    assert GateReport("x", ()).verdict is Verdict.NODATA


def test_a_name_that_may_mean_several_is_an_error_that_lists_them() -> None:
    with pytest.raises(InputError, match="may mean 2") as found:
        verdict("f1=0.5")
    assert "test.f1, train.f1" in found.value.remedy
    twice = (Number("a.b[0].x", 1.0, "", ("x", "a.b.x")), Number("a.b[1].x", 1.0, "", ("x", "a.b.x")))
    with pytest.raises(InputError, match="may mean 2"):
        check_bounds(bounds_from(("a.b.x=1",), ()), twice, "x")


def test_an_unknown_name_has_its_neighbour() -> None:
    (check,) = check_bounds(bounds_from(("acuracy=1",), ()), flattened(DOCUMENT), "m.json")
    assert "did you mean 'accuracy'" in check.sentence


@pytest.mark.parametrize("text", ["accuracy", "=1", "accuracy=", "accuracy=high", "accuracy=nan", "accuracy=inf"])
def test_a_bound_that_is_none(text: str) -> None:
    with pytest.raises(InputError):
        bounds_from((text,), ())


def test_of_a_rule_the_thresholds_are_judged_and_the_rest_is_named() -> None:
    rule = Gate(
        primary=Primary("roc_auc"),
        thresholds=(Threshold("accuracy", min=0.8, max=0.99), Threshold("log_loss", max=3)),
        latency=(Latency(99, 50),),
    )
    bounds, notes = thresholds_of(rule)
    assert [(one.metric, one.side.value, one.limit) for one in bounds] == [
        ("accuracy", "min", 0.8),
        ("accuracy", "max", 0.99),
        ("log_loss", "max", 3),
    ]
    assert "primary, guardrails" in notes[0]
    assert thresholds_of(Gate(thresholds=(Threshold("a", min=1),)))[1] == ()


@pytest.mark.parametrize(
    ("what", "wanted"),
    [("latest", False), ("3f2a", False), ("metrics.json", True), ("out/metrics", True), ("a.JSON", True)],
)
def test_a_file_or_a_run(what: str, wanted: bool) -> None:
    assert is_file(what) is wanted


HOSTILE = 'a|b`\n::error::x\n<b>\x00</failure>&"\ud800 ${{ x }} @all'


def hostile() -> GateReport:
    checks = (
        Checked(HOSTILE, Verdict.FAIL, ">= 1", 0.5, f"{HOSTILE} is 0.5"),
        Checked("accuracy", Verdict.PASS, ">= 0.85", 0.9, "fine"),
        Checked("verdict", Verdict.NODATA, ">= 1", None, "gone"),
        Checked("metrics", Verdict.PASS, ">= 1", 2.0, "fine"),
        Checked("9lives", Verdict.PASS, ">= 1", 9.0, "fine"),
    )
    return GateReport(f"run {HOSTILE}", checks, (Number("accuracy", 0.9), Number(HOSTILE, math.nan)), (HOSTILE,))


def test_junit_is_what_readers_expect() -> None:
    top = ElementTree.fromstring(junit(hostile()).encode())
    (suite,) = top
    cases = list(suite)
    assert (top.tag, suite.tag, {case.tag for case in cases}) == ("testsuites", "testsuite", {"testcase"})
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5", "failures": "1", "errors": "1", "skipped": "0",
    }  # fmt: skip
    assert [child.tag for case in cases for child in case] == ["failure", "error"]
    assert cases[0][0].get("type") == "FAIL"
    assert "is 0.5" in str(cases[0][0].get("message"))
    assert cases[1].get("name") == "accuracy >= 0.85"


def test_markdown_is_one_table_whatever_is_in_it() -> None:
    lines = markdown(hostile()).splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 2 + 5
    assert lines[0] == "### ❌ Gate: FAIL"
    for row in rows[2:]:
        bare = row.replace("\\\\", "").replace("\\|", "")
        assert bare.count("|") == 6
    assert "<b>" not in "\n".join(lines)
    assert not any(line.startswith("::") for line in lines)


def test_outputs_can_add_no_further_ones() -> None:
    found = outputs(hostile())
    assert (found["verdict"], found["passed"], found["accuracy"]) == ("FAIL", "false", "0.9")
    assert found["metric_metrics"] == "2.0"
    assert found["metric_9lives"] == "9.0"
    values = {**found, "evil": "x\nend-1\nverdict=PASS\nverdict<<E\nPASS\nE"}
    written = github_output(values)
    assert pairs_in(written) == list(values.items())
    assert github_output(values) != written


@pytest.mark.parametrize(
    ("side", "bound", "told"),
    [
        ("min", "absent.accuracy=85", "accuracy is between 0 and 1"),
        ("min", "accuracy=2", "accuracy is between 0 and 1"),
        ("max", "log_loss=-0.1", "log_loss is not below 0"),
        ("min", "r2=1.01", "r2 is not above 1"),
        ("min", "recall@p90=90", "recall is between 0 and 1"),
    ],
)
def test_a_bound_that_a_metric_cannot_have_is_refused(side: str, bound: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as found:
        verdict(bound, side=side)
    if bound.endswith("=85"):
        assert found.value.remedy == "85 % is --min absent.accuracy=0.85"


def test_a_percentage_is_another_metric_than_the_share_of_that_name() -> None:
    (bound,) = bounds_from(["accuracy=85"], [])
    assert check_bounds([bound], [Number("accuracy", 91.5)], "x")[0].verdict is Verdict.PASS


def test_scales_are_those_of_the_metrics() -> None:
    assert {name: (one.least, one.most) for name, one in METRICS.items()} == SCALES
