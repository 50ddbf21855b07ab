"""Records as plain JSON: every class comes back as it was, and what is malformed is refused with its place."""

from __future__ import annotations

import dataclasses
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.generated import nonsense, sound_pipelines
from tests.unit.core.graphs import call, function, pipeline
from tidemill.core import graph, history, plain_quick, records
from tidemill.core.bindings import Apply, Const, DictOf, FunctionRef, ListOf, Template
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import Hook, HookEvent, Node, OutputSpec, Pipeline, Retry, RetryRule, Returns
from tidemill.core.history import (
    AttemptRecord,
    CommandKind,
    CommandRecord,
    EventRecord,
    RunRecord,
    TaskKind,
    TaskRecord,
)
from tidemill.core.plain import Malformed, from_plain, from_plain_at_length, to_plain, to_plain_at_length
from tidemill.core.records import (
    Artifact,
    Began,
    Gone,
    Note,
    PollFunction,
    Pushed,
    Reply,
    Report,
    Request,
    RunCommand,
    RunFacts,
    RunFunction,
    Steer,
    Ticket,
    Usage,
    Verb,
    Wake,
)
from tidemill.core.states import AttemptState, RunState, TaskState
from tidemill.core.types import Parameter, Type
from tidemill.core.values import MISSING, ArtifactRef, canonical

NOW = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
INT = Type("int")
CAUSE = Cause(CauseKind.USER_CODE, "it broke", "train", ("flow.Broken", "Exception"), "Traceback ...", "SIGTERM", -15)
USAGE = Usage(1.5, 0.25, 1 << 20)
ARTIFACT = Artifact("a1", "Dataset", {"rows": 3, "at": NOW}, "arrow", "blake2b:00", 10, "file", "s3://b/x", "7", False)
STEER = Steer(("left",), ("right",), True)
WAKE = Wake(1.5, NOW, "data", "k", "ok?", {"page": 2}, 60.0)
FACTS = RunFacts("r1", "flow", "default", NOW, 7, NOW, NOW, NOW, "ann", {"x": ArtifactRef("a1", ("rows", 0))})
RULES = (RetryRule(("flow.Broken",), False, 2, 1.5),)
INPUTS = {
    "x": Const({"ref": ArtifactRef("a1"), "n": [1, 1.0, None]}),
    "y": Template((Const("a"), ListOf((Const(True),)))),
    "z": DictOf({"k": Apply(FunctionRef("flow", "half", "flow.py"), {"n": Const(2)})}),
}
WORKS = [
    RunFunction(function("train"), Returns.FIELDS, {"model": OutputSpec(Type("Model"), "skops")}, {"x": INT}),
    PollFunction(function("ready"), 30.0, {"x": INT}),
    RunCommand("python:3.12", ("python", "-c", "1"), {"A": "b"}, {"out": OutputSpec()}),
]


def _ticket(work: records.Work) -> Ticket:
    return Ticket(
        attempt="t1",
        path="s/train",
        instance="0.0/2.1",
        generation=1,
        number=2,
        work=work,
        facts=FACTS,
        store="file:store",
        inputs=INPUTS,
        artifacts={"a1": ARTIFACT},
        retry_rules=RULES,
        hooks=(Hook(HookEvent.RETRY, function("tell")),),
        final_number=3,
        timeout=60.0,
        indexes=(0, 2),
        resources={"memory": "2GB"},
        resume={"page": 2},
        secrets=("token",),
    )


RECORDS: list[Any] = [
    ARTIFACT,
    FACTS,
    STEER,
    WAKE,
    USAGE,
    CAUSE,
    *WORKS,
    *map(_ticket, WORKS),
    Began("t1", 77),
    Pushed("t1", "loss", 0.5, (ARTIFACT,)),
    Request("t1", 3, Verb.READ, "output", {"node": "a", "n": 1}),
    Reply(3, [ArtifactRef("a1")], {"a1": ARTIFACT}, "not there"),
    Report("t1", AttemptState.SUSPENDED, {"x": 1.0}, (ARTIFACT,), CAUSE, 0, STEER, WAKE, USAGE, ("spawned",)),
    Gone("t1", CAUSE, USAGE, True),
    Note("t1", "spawned"),
    RunRecord(
        id="r1",
        team="default",
        pipeline="flow",
        definition="blake2b:00",
        params={"x": 1.0, "when": NOW},
        state=RunState.FAILED,
        created_at=NOW,
        request_key="k",
        scheduled_for=NOW,
        started_at=NOW,
        seed=1 << 60,
        generation=2,
        cause=CAUSE,
        tags={"team": "ml"},
        next_seq=9,
    ),
    TaskRecord(
        run="r1",
        path="s/train",
        instance="0.0",
        generation=0,
        kind=TaskKind.MAP,
        state=TaskState.RETRYING,
        outputs={"result": ArtifactRef("a1", (0,))},
        inputs={"x": None},
        cause=CAUSE,
        count=3,
        sizes=(3, 1),
        steer=STEER,
        wake=WAKE,
        due_at=NOW,
    ),
    AttemptRecord("t1", "r1", "a", "", 0, 1, AttemptState.LOST, NOW, cause=CAUSE, usage=USAGE, notes=("a", "b")),
    EventRecord("r1", 4, NOW, "task.ended", "a", "0.0", {"state": "failed"}),
    CommandRecord(5, "r1", CommandKind.APPROVE, "ann", NOW, {"yes": True}),
    Parameter("x", Type("union", (INT, Type("none"))), None),
    Parameter("required", Type("choice", choices=("a", 1, 1.0, True))),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_as_it_was(record: Any) -> None:
    text = canonical(to_plain(record))
    found = from_plain(type(record), json.loads(text))
    assert found == record
    assert canonical(to_plain(found)) == text


@pytest.mark.parametrize("module", [records, history])
def test_every_record_has_a_line_above(module: Any) -> None:
    classes = {
        thing
        for thing in vars(module).values()
        if dataclasses.is_dataclass(thing) and isinstance(thing, type) and thing.__module__ == module.__name__
    }
    assert classes - {type(record) for record in RECORDS} == set()


def test_defaults_are_left_out() -> None:
    assert to_plain(Began("t1")) == {"attempt": "t1"}
    assert to_plain(Report("t1", AttemptState.SUCCEEDED)) == {"attempt": "t1", "state": "succeeded"}


def test_what_equals_a_default_but_is_another_value_is_kept() -> None:
    for default in (None, 0, 0.0, False, ""):
        parameter = Parameter("x", default=default)
        found = from_plain(Parameter, to_plain(parameter))
        assert type(found.default) is type(default)
    choices = from_plain(Type, to_plain(Type("choice", choices=(1, 1.0, True)))).choices
    assert [type(choice) for choice in choices] == [int, float, bool]


def test_equal_records_have_one_text() -> None:
    assert to_plain(Retry(1, delay=0)) == to_plain(Retry(1))
    assert canonical(to_plain(Retry(1, delay=60))) == canonical(to_plain(Retry(1, delay=60.0)))
    assert to_plain(call("a", labels=MappingProxyType({}))) == to_plain(call("a"))


TICKET = to_plain(_ticket(WORKS[0]))


def _with(path: str, value: Any) -> Any:
    """The ticket with another value at a place such as `facts.seed`."""
    plain = json.loads(json.dumps(TICKET))
    *outer, last = path.split(".")
    at = plain
    for key in outer:
        at = at[key]
    at[last] = value
    return plain


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        (None, "Ticket: an object is expected, not NoneType"),
        ([], "Ticket: an object is expected, not list"),
        ({}, "Ticket: field 'attempt' is missing"),
        ({"attempt": "t1"}, "Ticket: field 'path' is missing"),
        (_with("more", 1), "Ticket: unknown field 'more'"),
        (_with("number", "2"), "Ticket.number: '2' has the wrong type"),
        (_with("number", True), "Ticket.number: True has the wrong type"),
        (_with("timeout", True), "Ticket.timeout: True has the wrong type"),
        (_with("timeout", 10**400), "Ticket.timeout: int too large to convert to float"),
        (_with("facts.seed", 1.5), "Ticket.facts.seed: 1.5 has the wrong type"),
        (_with("facts.started_at", "2026-01-01"), "Ticket.facts.started_at: '2026-01-01' has the wrong type"),
        (_with("facts.started_at", {"$datetime": "then"}), "Ticket.facts.started_at: Invalid isoformat string: 'then'"),
        (_with("facts.params", {"x": {"$what": 1}}), "Ticket.facts.params.x: unknown value tag '$what'"),
        (_with("facts.params", {"x": {"$seconds": [10**30, 0]}}), "Ticket.facts.params.x: "),
        (_with("work.is", "Shell"), "Ticket.work: 'Shell' is not one of PollFunction, RunCommand, RunFunction"),
        (_with("work.is", ["RunFunction"]), "Ticket.work: ['RunFunction'] is not one of"),
        (_with("work.returns", "many"), "Ticket.work.returns: 'many' is not a valid Returns"),
        (_with("work.returns", []), "Ticket.work.returns: [] is not a valid Returns"),
        (_with("work.takes", {"x": {"name": 5}}), "Ticket.work.takes.x.name: 5 has the wrong type"),
        (_with("work.outputs", []), "Ticket.work.outputs: [] has the wrong type"),
        (_with("inputs", {"x": {"is": "Const"}}), "Ticket.inputs.x: field 'value' is missing"),
        (_with("inputs", {"x": 3}), "Ticket.inputs.x: None is not one of Apply, Collect, Const"),
        (_with("retry_rules", [{"exceptions": [1]}]), "Ticket.retry_rules[0].exceptions[0]: 1 has the wrong type"),
        (_with("indexes", [0, "1"]), "Ticket.indexes[1]: '1' has the wrong type"),
        (_with("indexes", {}), "Ticket.indexes: {} has the wrong type"),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(plain: Any, message: str) -> None:
    with pytest.raises(Malformed) as raised:
        from_plain(Ticket, plain)
    assert str(raised.value).startswith(message)


def test_a_path_has_texts_and_numbers_only() -> None:
    for wrong in (None, True, 1.5, []):
        plain = {"node": "a", "path": [wrong]}
        with pytest.raises(Malformed, match=r"Node.inputs.x.path\[0\]"):
            from_plain(Node, {"id": "n", "body": to_plain_body(), "inputs": {"x": {"is": "Output", **plain}}})


def to_plain_body() -> Any:
    return to_plain(call("a"))["body"]


def test_what_has_no_end_is_refused() -> None:
    plain: Any = {"is": "Const", "value": 1}
    for _ in range(100_000):
        plain = {"is": "ListOf", "items": [plain]}
    with pytest.raises(Malformed, match="nested too deeply"):
        from_plain(Node, {"id": "n", "body": to_plain_body(), "inputs": {"x": plain}})


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["is", "id", "$date", "x"]), inner),
    max_leaves=6,
)


@given(_json, st.sampled_from(sorted(TICKET)))
def test_any_json_is_a_record_or_malformed(odd: Any, name: str) -> None:
    try:
        found = from_plain(Ticket, {**TICKET, name: odd})
    except Malformed:
        return
    assert from_plain(Ticket, to_plain(found)) == found


@given(_json)
def test_any_json_is_a_pipeline_or_malformed(odd: Any) -> None:
    good = to_plain(pipeline(call("a", inputs={"x": Const(1)})))
    good["root"]["nodes"][0]["inputs"]["x"] = odd
    try:
        found = from_plain(Pipeline, good)
    except Malformed:
        return
    assert from_plain(Pipeline, to_plain(found)) == found


# --- the quick way gives what the long way gives ----------------------------------------------------------------------


def _outcome(work: Callable[..., Any], *given: Any) -> tuple[str, str]:
    """What comes of it, down to the types of numbers (which `repr` tells, while 1 == 1.0 == True); or the refusal."""
    try:
        return "gives", repr(work(*given))
    except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
        return type(error).__name__, str(error)


def _check_reading(cls: type, plain: Any) -> None:
    assert _outcome(from_plain, cls, plain) == _outcome(from_plain_at_length, cls, plain)


def _check_writing(record: Any) -> None:
    assert _outcome(to_plain, record) == _outcome(to_plain_at_length, record)


CLASSES = sorted(
    {
        thing
        for module in (records, history, graph)
        for thing in vars(module).values()
        if dataclasses.is_dataclass(thing) and isinstance(thing, type)
    },
    key=lambda cls: cls.__qualname__,
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_good_record_takes_the_quick_way(record: Any) -> None:
    plain = to_plain_at_length(record)
    assert repr(plain_quick.write(record)) == repr(plain)
    assert plain_quick.reader(type(record))(json.loads(json.dumps(plain))) == record


@settings(max_examples=50)
@given(sound_pipelines() | nonsense)
def test_pipelines_are_read_and_written_the_same_both_ways(pipeline: Pipeline) -> None:
    _check_writing(pipeline)
    if _outcome(to_plain, pipeline)[0] == "gives":
        _check_reading(Pipeline, to_plain(pipeline))


_odd_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 3)
    | st.just(1 << 5000)
    | st.floats()
    | st.sampled_from(["", "a", "x", "int", "train", "succeeded", "value", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["is", "id", "name", "value", "items", "$date", "$datetime", "$float", "$seconds", "$dict"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@settings(max_examples=200)
@given(st.sampled_from(CLASSES), st.data())
def test_random_data_is_read_the_same_both_ways(cls: type, data: st.DataObject) -> None:
    names = [field.name for field in dataclasses.fields(cls)]
    _check_reading(cls, data.draw(_odd_json))
    plain = data.draw(st.dictionaries(st.sampled_from([*names, "is"]), _odd_json))
    _check_reading(cls, plain)
    _check_reading(cls, {**plain, "no such field": 1})


@settings(max_examples=200)
@given(st.sampled_from(RECORDS), st.data())
def test_damaged_data_is_read_the_same_both_ways(record: Any, data: st.DataObject) -> None:
    plain = json.loads(json.dumps(to_plain_at_length(record)))
    place = data.draw(st.sampled_from(list(_places(plain))))
    outer = plain
    for key in place[:-1]:
        outer = outer[key]
    if data.draw(st.booleans()):
        del outer[place[-1]]
    else:
        outer[place[-1]] = data.draw(_odd_json)
    _check_reading(type(record), plain)


def _places(plain: Any) -> Iterator[tuple[Any, ...]]:
    items = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    for key, item in items:
        yield (key,)
        for inner in _places(item):
            yield (key, *inner)


class _Text(str):
    __slots__ = ()


_odd_values = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        2,
        0.0,
        -0.0,
        1.0,
        float("nan"),
        "",
        "a",
        "\ud800",
        _Text(""),
        _Text("b"),
        (),
        [],
        {},
        MappingProxyType({}),
        MappingProxyType({"a": 1}),
        OrderedDict(a=(1, 2.0)),
        {1: 2},
        {"$x": 1},
        {"a": object()},
        NOW,
        NOW.date(),
        NOW - NOW,
        ArtifactRef("a"),
        Returns.VALUE,
        RunState.FAILED,
        Usage(),
        Usage(wall_s=0),
        CAUSE,
        INT,
        Const(1),
        ("a",),
        ("a", True, 1),
        (Const(1),),
        {"a": Const(1.0)},
        {"a": INT},
        MISSING,
        1 << 5000,
        object,
    ]
)


@settings(max_examples=200)
@given(st.sampled_from(RECORDS), st.data())
def test_odd_records_are_written_the_same_both_ways(record: Any, data: st.DataObject) -> None:
    names = [field.name for field in dataclasses.fields(record)]
    changes = data.draw(st.dictionaries(st.sampled_from(names), _odd_values, min_size=1, max_size=3))
    _check_writing(dataclasses.replace(record, **changes))


@dataclasses.dataclass(frozen=True)
class _Checked:
    low: int
    high: int = 9
    seen: list[int] = dataclasses.field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


@dataclasses.dataclass(frozen=True)
class _Doubling:
    number: int

    def __init__(self, number: int) -> None:
        object.__setattr__(self, "number", number * 2)


@dataclasses.dataclass
class _Noting:
    number: float = 0.0

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value + 1)


@dataclasses.dataclass(frozen=True)
class _Bounded:
    low: int = 0
    high: int = 9

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


class _Inheriting(_Bounded):
    pass


@pytest.mark.parametrize("cls", [_Checked, _Doubling, _Noting, _Bounded, _Inheriting])
@pytest.mark.parametrize("plain", [{}, {"number": 1}, {"low": 10}, {"low": 1}, {"low": 1, "high": 2, "is": "x"}])
def test_what_a_class_does_when_it_is_made_is_done(cls: type, plain: Any) -> None:
    _check_reading(cls, plain)


def test_defaults_made_for_each_are_not_shared() -> None:
    one, other = (from_plain(Artifact, {"id": "a", "type": "Dataset"}) for _ in range(2))
    assert one == other
    assert one.metadata is not other.metadata
