"""A gate's rule: YAML and plain data are the very same as the object, and what is wrong is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.core.values import canonical, decode, encode, normalize
from tidemill.lifecycle.decisions.canonical import as_recorded
from tidemill.lifecycle.evaluation.gate import (
    BadGate,
    Behaviour,
    Correction,
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
from tidemill.lifecycle.evaluation.gate_yaml import gate_from, gate_from_yaml, gate_to_yaml, read_gate

WHOLE = """\
gate:
  problem: binary
  primary: {metric: auc, test: delong, margin: 0.0, better_by: 0.002}
  thresholds: {accuracy: {min: 0.85}}
  guardrails:
    - {metric: recall@p90, no_worse_than: 0.005}
    - {metric: ece, max: 3%}
    - {latency_p99: 20ms}
  slices: {by: [country, channel], auto_weak: 5, no_worse_than: 0.01, correction: holm}
  behaviour: [no_null, minority>=1%, invariant: [request_id], monotone: {amount: up}]
"""
SAME = Gate(
    problem="binary",
    primary=Primary("auc", Test.DELONG, better_by=0.002),
    thresholds=(Threshold("accuracy", min=0.85),),
    guardrails=(Guardrail("recall@p90", no_worse_than=0.005), Guardrail("ece", max=0.03)),
    latency=(Latency(99, 20),),
    slices=Slices(by=("country", "channel"), auto_weak=5, no_worse_than=0.01),
    behaviour=Behaviour(True, 0.01, ("request_id",), (("amount", Trend.UP),)),
)


def test_the_yaml_of_a_gate_is_the_object() -> None:
    assert gate_from_yaml(WHOLE) == SAME
    assert gate_from_yaml(WHOLE.replace("gate:\n", "").replace("\n  ", "\n")[2:]) == SAME
    assert gate_from_yaml("primary: accuracy") == Gate(Primary("accuracy"))


def test_a_rule_may_be_an_object_a_dict_or_a_path(tmp_path: Path) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text(WHOLE, encoding="utf-8")
    assert read_gate(SAME) is SAME
    assert read_gate(path) == read_gate(str(path)) == read_gate(SAME.to_value()) == SAME
    with pytest.raises(BadGate, match=r"absent\.yaml cannot be read: No such file"):
        read_gate(tmp_path / "absent.yaml")
    with pytest.raises(BadGate, match="a rule is not a int"):
        read_gate(7)


numbers = st.floats(0.0, 1.0, allow_nan=False)
few = st.lists(st.sampled_from("abcde"), max_size=3, unique=True).map(tuple)
primaries = st.one_of(
    st.builds(
        Primary,
        st.sampled_from(["accuracy", "roc_auc", "recall@p90"]),
        st.sampled_from(Test),
        better_by=numbers,
        margin=st.floats(-1, 1),
        alpha=st.floats(0.001, 0.5),
        resamples=st.integers(200, 9999),
        effect=st.none() | st.floats(1.5, 2),
        power=st.floats(0.1, 0.9),
    ),
    st.builds(Primary, st.just("brier"), no_worse_than=numbers),
)
gates = st.builds(
    Gate,
    primary=primaries,
    thresholds=st.lists(st.builds(Threshold, st.sampled_from(["f1", "brier"]), min=numbers), max_size=2).map(tuple),
    guardrails=st.lists(st.builds(Guardrail, st.sampled_from(["ece", "mcc"]), numbers), max_size=2).map(tuple),
    latency=st.lists(st.builds(Latency, st.sampled_from([50, 99.0, 99.9]), st.floats(1e-3, 1e6)), max_size=2).map(
        tuple
    ),
    slices=st.none()
    | st.builds(
        Slices,
        by=few,
        no_worse_than=numbers,
        auto_weak=st.integers(1, 9),
        min_rows=st.integers(2, 99),
        metric=st.sampled_from(["", "f1"]),
        correction=st.sampled_from(Correction),
        require=st.booleans(),
    ),
    behaviour=st.builds(
        Behaviour,
        no_null=st.booleans(),
        minority=st.none() | st.floats(0.01, 0.5),
        invariant=few,
        monotone=few.map(lambda names: tuple((name, Trend.DOWN) for name in names)),
    ),
    problem=st.sampled_from(["auto", "binary"]),
    first=st.sampled_from(First),
    rows=st.integers(1, 999),
    cluster=st.sampled_from(["", "customer"]),
    positive=st.sampled_from(["", "yes", "1"]),
    seed=st.integers(0, 2**53 - 1),
)


@given(gates)
def test_every_gate_is_read_back_as_the_very_same(gate: Gate) -> None:
    assert gate_from_yaml(gate_to_yaml(gate)) == gate
    assert gate_from(gate.to_value()) == gate
    # As an argument of a task, stored and loaded.
    plain = decode(encode(normalize(gate)))
    assert gate_from(plain) == gate
    assert canonical(encode(normalize(gate_from(plain)))) == canonical(encode(normalize(gate)))


WRONG = [
    ("better_by", "beter_by", 3, "primary has no 'beter_by'", "did you mean 'better_by'?"),
    ("metric: auc", "metric: auk", 3, "there is no metric 'auk'", "known: "),
    ("primary", "primry", 3, "the gate has no 'primry'", "did you mean 'primary'?"),
    ("20ms", "20", 8, "latency_p99 is 20, which has no unit", "such as latency_p99: 20ms"),
    ("latency_p99", "latency", 8, "'latency' names no percentile", "latency_p99: 20ms"),
    ("latency_p99", "latency_p0", 8, "the percentile 0 is not from 1", ""),
    ("{metric: ece, max: 3%}", "{metric: ece}", 7, "has neither no_worse_than nor min nor max", ""),
    ("0.005", "-1", 6, "no_worse_than is negative", ""),
    ("0.005", "much", 6, "no_worse_than is 'much', and must be a number", ""),
    ("0.005", ".nan", 6, "no_worse_than is nan", ""),
    ("delong", "deLong", 3, "test is 'deLong'", "did you mean 'delong'?"),
    ("no_null", "nonull", 10, "behaviour has no demand 'nonull'", "did you mean 'no_null'?"),
    ("amount: up", "amount: upwards", 10, "amount is 'upwards'", "up"),
    ("minority>=1%", "minority>=70%", 10, "the minority share is 0.7", ""),
    ("{min: 0.85}", "{min: 85}", 4, "min is 85, and accuracy is from 0 to 1", "did you mean 0.85?"),
    ("{min: 0.85}", "{min: -1}", 4, "min is -1, and accuracy is from 0 to 1", ""),
    ("{metric: ece, max: 3%}", "{metric: ece, max: 3}", 7, "max is 3, and ece is from 0 to 1", "did you mean 0.03?"),
    ("0.005", "5", 6, "two values of", "did you mean 0.05?"),
    ("metric: ece, max: 3%", "metric: rmse, max: 3", 5, "rmse is a metric of numbers", "choose metrics of one kind"),
    ("{min: 0.85}", "0.85", 4, "the threshold of 'accuracy' is 0.85", "{min: 0.85}"),
    ("{min: 0.85}", "{min: 0.9, max: 0.1}", 4, "min 0.9 is above max 0.1", ""),
    ("auto_weak: 5", "auto_weak: many", 9, "auto_weak is 'many', and must be a whole number", ""),
    ("[country, channel]", "[country, country]", 9, "a column is named twice", ""),
    ("problem: binary", "problem: binry", 2, "'binry' is no kind of problem", "did you mean 'binary'?"),
    ("margin: 0.0", "no_worse_than: 0.1", 3, "has both better_by and no_worse_than", ""),
    ("problem: binary", "fairness: {by: age}", 2, "the gate has no 'fairness'", "leave it out"),
]


@pytest.mark.parametrize(("old", "new", "line", "message", "remedy"), WRONG)
def test_what_is_wrong_is_named_with_its_line(old: str, new: str, line: int, message: str, remedy: str) -> None:
    with pytest.raises(BadGate) as caught:
        gate_from_yaml(WHOLE.replace(old, new), "gate.yaml")
    assert message in caught.value.message
    assert remedy in caught.value.remedy
    assert caught.value.place == f"gate.yaml:{line}"


def test_what_is_no_rule_at_all_is_refused() -> None:
    for text, message in (
        ("", "must be a mapping"),
        ("gate: {}", "demands nothing"),
        ("gate: [1", "is not YAML|not YAML"),
        ("- 1", "must be a mapping"),
        ("a: &a [*a]", "nested more than"),
        ("{" * 5000, "nested more than"),
        ("primary: !!python/object/apply:os.system [true]", "the tag .* is not known here"),
    ):
        with pytest.raises(BadGate, match=message):
            gate_from_yaml(text)
    with pytest.raises(BadGate) as caught:
        gate_from({"primary": {"metric": "accuracy", "alpha": 0.9}})
    assert caught.value.place == "gate.primary"


def test_contradictions_are_refused_where_they_are_made() -> None:
    for wrong in (
        lambda: Gate(),
        lambda: Gate(Primary("accuracy"), rows=0),
        lambda: Gate(slices=Slices(by=("a",))),
        lambda: Primary("accuracy", alpha=0.0),
        lambda: Primary("accuracy", better_by=-0.1),
        lambda: Primary("accuracy", no_worse_than=0.1, margin=-0.2),
        lambda: Primary("accuracy", effect=0.0),
        lambda: Primary("accuracy", resamples=10),
        lambda: Threshold("accuracy"),
        lambda: Slices(),
        lambda: Latency(99, 0),
    ):
        with pytest.raises(BadGate):
            wrong()


def test_a_seed_that_could_not_be_recorded_is_refused() -> None:
    largest = Gate(Primary("accuracy"), seed=(1 << 53) - 1)
    assert read_gate(as_recorded(largest.to_value())) == largest
    with pytest.raises(BadGate, match="below 2\\^53"):
        Gate(Primary("accuracy"), seed=1 << 53)


def test_metrics_that_no_problem_has_together_are_refused_where_the_odd_one_stands() -> None:
    with pytest.raises(BadGate) as caught:
        gate_from_yaml("thresholds: {accuracy: {min: 0.8}}\nprimary: rmse\n", "gate.yaml")
    assert "primary: rmse is a metric of numbers, which does not go with thresholds: accuracy" in caught.value.message
    assert caught.value.place == "gate.yaml:2"
    with pytest.raises(BadGate) as caught:
        gate_from_yaml("rows: 40\nthresholds: {accuracy: {min: 0.8}}\nslices: {by: [site]}\n", "gate.yaml")
    assert caught.value.place == "gate.yaml:3"
    assert "such as metric: accuracy" in caught.value.remedy


@pytest.mark.parametrize("bounds", [{"min": -3.0}, {"max": 1.0}])
def test_a_scale_without_an_end_is_open_there(bounds: dict[str, float]) -> None:
    assert Gate(thresholds=(Threshold("r2", **bounds),)).thresholds
    with pytest.raises(BadGate, match="and r2 is 1 or less"):
        Threshold("r2", min=1.5)
    with pytest.raises(BadGate, match="and rmse is 0 or more"):
        Threshold("rmse", max=-1.0)
