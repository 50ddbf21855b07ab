"""The check of a graph: each mistake is named with place and remedy, all at once, and nothing sound is refused."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings

from tests.unit.core.bad_graphs import BAD
from tests.unit.core.generated import nonsense, sound_pipelines
from tests.unit.core.graphs import (
    DATASET,
    FLOAT,
    INT,
    LIST,
    METRICS,
    MODEL,
    STR,
    call,
    compare,
    items,
    list_of,
    out,
    over,
    pipeline,
    setup,
    sub,
    teardown,
    wait,
)
from tidemill.core.bindings import Collect, Const, FirstOf, Index, Item, Output, Param, RunField, RunInfo, Status
from tidemill.core.check import RULES, Rule, check, ensure
from tidemill.core.checks.conditions import UNKNOWN, binary_kinds, unary_kinds
from tidemill.core.checks.survey import survey
from tidemill.core.expressions import Binary, ExpressionError, Fn, Op, Read, Unary, evaluate
from tidemill.core.graph import Each, Over, Pipeline, Retry, UntilApproval, UntilTime
from tidemill.core.joins import Join
from tidemill.core.problems import Problem, ProblemsFound
from tidemill.core.types import Parameter


@pytest.mark.parametrize(("bad", "problems"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_mistake_is_named(bad: Pipeline, problems: list[Problem]) -> None:
    assert problems
    assert check(bad) == problems


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_rule_is_seen_at_work(rule: Rule) -> None:
    surveys = [survey(bad) for _, bad, _ in BAD]
    assert any(list(rule(found)) for found in surveys if not found.overflow)


def test_messages_are_sentences_about_something() -> None:
    for _, _, problems in BAD:
        for problem in problems:
            assert re.fullmatch(r"[a-z]+(-[a-z]+)*", problem.code)
            assert problem.place
            assert not problem.message.endswith(".")
            assert len(problem.message) <= 500


def test_all_problems_come_at_once() -> None:
    bad = pipeline(
        call("load", gives=INT, timeout=-1.0, line=2),
        call("load", line=3),
        call("train", takes={"rows": DATASET}, inputs={"rows": out("load"), "deepth": Const(3)}, line=4),
        call("score", when=compare(out("trian"), Op.GT, 1), line=5),
        call("a", after=["b"], line=6),
        call("b", after=["a"], line=7),
        params=[Parameter("x", INT, "one")],
    )
    assert [(problem.code, problem.place) for problem in check(bad)] == [
        ("duplicate-id", "flow.py:3"),
        ("wrong-default", "flow"),
        ("unknown-node", "flow.py:5"),
        ("circle", "flow.py:6"),
        ("unknown-input", "flow.py:4"),
        ("wrong-type", "flow.py:4"),
        ("bad-timeout", "flow.py:2"),
    ]
    with pytest.raises(ProblemsFound) as raised:
        ensure(bad)
    assert list(raised.value.problems) == check(bad)
    assert "flow.py:5: node 'score' names the unknown node 'trian' (the condition)\n  did you mean 'train'?" in str(
        raised.value
    )


SOUND = {
    "plain": pipeline(
        call("load", gives=DATASET), call("train", takes={"rows": DATASET}, inputs={"rows": out("load")})
    ),
    "user's own class": pipeline(call("a", gives=MODEL), call("b", takes={"m": DATASET}, inputs={"m": out("a")})),
    "int for float": pipeline(call("a", gives=INT), call("b", takes={"x": FLOAT}, inputs={"x": out("a")})),
    "metrics in a condition": pipeline(
        call("score", gives=METRICS), call("a", when=compare(out("score", "accuracy"), Op.GE, 0.9))
    ),
    "content known to be there": pipeline(
        call("load", gives=DATASET), call("a", when=Unary(Fn.NOT, Unary(Fn.IS_NULL, Read(out("load")))))
    ),
    "maps in maps": pipeline(
        sub(
            "fold",
            call("fit", takes={"x": INT, "y": INT}, each=over(y=[1]), inputs={"x": Item("x", 1), "y": Item("y")}),
            call("pick", takes={"all": LIST, "n": INT}, inputs={"all": Collect("fold/fit"), "n": Index()}),
            outputs={"best": out("fold/pick"), "n": Index(), "x": Item("x")},
            each=over(x=[1, 2]),
        ),
        call("end", takes={"all": list_of(STR)}, inputs={"all": Collect("fold", "best")}),
        call("deep", takes={"all": list_of(list_of(FLOAT))}, inputs={"all": Collect("fold/fit")}),
    ),
    "the map around is read before the own one": pipeline(
        sub("s", call("a", each=over(y=Item("x")), when=compare(Item("x"), Op.NE, [])), each=over(x=[[1], [2]]))
    ),
    "one by one": pipeline(
        call("fit", gives=MODEL, each=over(x=[1])),
        call(
            "score",
            takes={"model": MODEL},
            each=Each((Over("model", Output("fit"), follow=True),)),
            inputs=items("model"),
        ),
    ),
    "out of another scope": pipeline(
        sub("yes", call("a", gives=INT)),
        sub("no", call("a", gives=INT)),
        call("pick", takes={"x": INT}, inputs={"x": FirstOf((out("yes/a"), out("no/a")))}),
    ),
    "scope outputs from outside": pipeline(call("a"), sub("s", call("b"), outputs={"x": out("a")})),
    "parameter of a scope further out": pipeline(
        sub(
            "s",
            sub("t", call("a", inputs={"x": Param("x", "s"), "y": Param("y")})),
            takes=[Parameter("x")],
            inputs={"x": Const(1)},
        ),
        params=[Parameter("y", STR)],
    ),
    "setup and teardown": pipeline(
        setup("up"),
        call("work", after=["up"]),
        teardown("down", after=["work"], setups=("up",), join=Join.ALL_DONE_SETUP_SUCCESS),
    ),
    "how the rest ended": pipeline(
        call("work"), call("end", inputs={"how": Status("work")}, join=Join.ALL_DONE, counts_for_outcome=False)
    ),
    "a scope that is retried": pipeline(sub("s", call("a"), retry=Retry(3, 1.0, 2.0, 60.0, 0.1))),
    "waits for a time": pipeline(
        wait("a", UntilTime(Const(90))),
        wait("b", UntilTime(Const("2026-01-02T03:04Z"))),
        wait("c", UntilTime(Const(timedelta(hours=1)))),
        wait("d", UntilTime(RunInfo(RunField.INTERVAL_END))),
    ),
    "an approval": pipeline(wait("ok", UntilApproval(Const("go?")), 3600.0), call("a", inputs={"by": out("ok")})),
}


@pytest.mark.parametrize("sound", SOUND.values(), ids=SOUND.keys())
def test_nothing_is_said_of_a_sound_graph(sound: Pipeline) -> None:
    assert check(sound) == []
    assert ensure(sound) is sound


@given(sound_pipelines())
def test_a_sound_graph_has_no_problem(sound: Pipeline) -> None:
    assert check(sound) == []


@given(nonsense)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_no_graph_is_too_odd_to_be_checked(odd: Pipeline) -> None:
    for problem in check(odd):
        assert problem.message
        assert problem.place


def test_long_circles_and_chains_are_within_reach() -> None:
    number = 5000
    chain = pipeline(*(call(f"n{n}", after=[f"n{n - 1}"] if n else []) for n in range(number)))
    assert check(chain) == []
    circle = pipeline(*(call(f"n{n}", after=[f"n{(n - 1) % number}"]) for n in range(number)))
    (problem,) = check(circle)
    assert problem.message.startswith("these nodes wait for each other in a circle: n0 -> n1 -> ")
    assert problem.message.endswith(" -> n4999 -> n0")


def test_shared_parts_do_not_multiply() -> None:
    """Each scope hands on the one before, named twice: looking through all must not take twice as long for each."""
    nodes = [call("n0", gives=INT)]
    for n in range(1, 60):
        before = Output(f"n{n - 1}")
        nodes.append(sub(f"n{n}", call("x"), outputs={"result": FirstOf((before, before))}))
    assert check(pipeline(*nodes)) == []


def test_a_pipeline_of_too_many_nodes_is_refused() -> None:
    node = call("x")
    (problem,) = check(pipeline(*[node] * 100_001))
    assert problem.code == "too-many-nodes"
    assert "more than 100,000 nodes" in problem.message


# --- the operators of conditions --------------------------------------------------------------------------------------

_SAMPLES = {
    "null": [None],
    "bool": [True, False],
    "number": [0, 2, 0.5],
    "text": ["", "3"],
    "list": [[], [1]],
    "object": [{}, {"a": 1}],
}


def _works(expression: Binary | Unary) -> bool:
    try:
        evaluate(expression, lambda binding: binding.value if isinstance(binding, Const) else None)
    except ExpressionError as error:
        return "division by zero" in str(error) or "invalid literal" in str(error) or "could not convert" in str(error)
    return True


@pytest.mark.parametrize("op", Op)
@pytest.mark.parametrize(("left", "right"), list(product(_SAMPLES, _SAMPLES)))
def test_operators_are_judged_as_they_are_evaluated(op: Op, left: str, right: str) -> None:
    pairs = list(product(_SAMPLES[left], _SAMPLES[right]))
    works = any(_works(Binary(op, Read(Const(one)), Read(Const(other)))) for one, other in pairs)
    if op in (Op.AND, Op.OR) and left == "bool" and right != "bool":
        works = False  # whether the right side is reached depends on the left
    assert bool(binary_kinds(op, frozenset({left}), frozenset({right}))) is works


@pytest.mark.parametrize("fn", Fn)
@pytest.mark.parametrize("operand", _SAMPLES)
def test_functions_are_judged_as_they_are_evaluated(fn: Fn, operand: str) -> None:
    works = any(_works(Unary(fn, Read(Const(value)))) for value in _SAMPLES[operand])
    assert bool(unary_kinds(fn, frozenset({operand}))) is works


def test_what_is_not_known_is_given_the_benefit() -> None:
    for op in Op:
        assert binary_kinds(op, UNKNOWN, UNKNOWN)
    for fn in Fn:
        assert unary_kinds(fn, UNKNOWN)
