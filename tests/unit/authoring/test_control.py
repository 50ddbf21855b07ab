"""Branches, maps, sub-pipelines, blocks, order and waits, alone and inside each other, as the graphs they become."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.authoring.graphs import graph_of, nodes_of, problem_of
from tidemill import (
    Dataset,
    Metrics,
    Model,
    at_end,
    contains,
    each,
    elif_,
    first_of,
    group,
    import_artifact,
    is_null,
    length,
    optional,
    otherwise,
    pipeline,
    poll,
    pushed,
    run_info,
    status_of,
    subgraph,
    task,
    template,
    wait_for,
    wait_for_approval,
    wait_for_event,
    when,
    zipped,
)
from tidemill.core.bindings import (
    Absent,
    Binding,
    Collect,
    Const,
    FirstOf,
    FunctionRef,
    Gap,
    Item,
    ListOf,
    Output,
    Param,
    RunField,
    RunInfo,
    Status,
    Template,
)
from tidemill.core.check import check
from tidemill.core.errors import DefinitionError
from tidemill.core.expressions import Binary, Expression, Fn, Op, Read, Unary
from tidemill.core.graph import (
    After,
    Combine,
    Each,
    Empty,
    Import,
    Outcome,
    Over,
    Overdue,
    Retry,
    Role,
    Sub,
    UntilApproval,
    UntilEvent,
    UntilTime,
    UntilTrue,
    Wait,
)
from tidemill.core.graph_json import pipeline_from_text, pipeline_text
from tidemill.core.joins import Join
from tidemill.core.types import Parameter, Type


class Pair(NamedTuple):
    model: Model
    rows: int


@task
def load(path: str = "") -> Dataset: ...


@task
def numbers(n: int = 3) -> list[int]:
    return list(range(n))


@task
def score(model: Model | None = None, rows: Dataset = None, depth: int = 0) -> Metrics: ...


@task
def fit(rows: Dataset = None, depth: int = 1, rate: float = 0.1) -> Model: ...


@task
def fit_pair(depth: int) -> Pair: ...


@task
def step(x: Any = None, name: str = "") -> str: ...


@task
def use(**things: Any) -> None: ...


def there(path: str) -> bool:
    return True


def read(binding: Binding) -> Expression:
    return Read(binding)


def number(value: Any) -> Expression:
    return Read(Const(value))


# --- conditions -------------------------------------------------------------------------------------------------------

ACCURACY = read(Output("score", path=("accuracy",)))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda s: s.accuracy >= 0.9, Binary(Op.GE, ACCURACY, number(0.9))),
        (lambda s: s.accuracy < 0.9, Binary(Op.LT, ACCURACY, number(0.9))),
        (lambda s: s.accuracy == None, Binary(Op.EQ, ACCURACY, number(None))),  # noqa: E711
        (lambda s: s.accuracy != "x", Binary(Op.NE, ACCURACY, number("x"))),
        (lambda s: ~(s.accuracy < 1), Unary(Fn.NOT, Binary(Op.LT, ACCURACY, number(1)))),
        (
            lambda s: (s.accuracy > 0) & (s.accuracy <= 1) | s.ok,
            Binary(
                Op.OR,
                Binary(Op.AND, Binary(Op.GT, ACCURACY, number(0)), Binary(Op.LE, ACCURACY, number(1))),
                read(Output("score", path=("ok",))),
            ),
        ),
        (lambda s: True & s.ok, Binary(Op.AND, number(True), read(Output("score", path=("ok",))))),
        (
            lambda s: 1 - s.accuracy * 2 < -s.loss / 3 + 1,
            Binary(
                Op.LT,
                Binary(Op.SUB, number(1), Binary(Op.MUL, ACCURACY, number(2))),
                Binary(
                    Op.ADD, Binary(Op.DIV, Unary(Fn.NEG, read(Output("score", path=("loss",)))), number(3)), number(1)
                ),
            ),
        ),
        (
            lambda s: length(s.items) > 0,
            Binary(Op.GT, Unary(Fn.LEN, read(Output("score", path=("items",)))), number(0)),
        ),
        (lambda s: contains(s.tags, "new"), Binary(Op.IN, number("new"), read(Output("score", path=("tags",))))),
        (lambda s: is_null(s.best), Unary(Fn.IS_NULL, read(Output("score", path=("best",))))),
        (lambda s: s.ok, read(Output("score", path=("ok",)))),
        (lambda s: True, number(True)),
        (
            lambda s: run_info.scheduled_for > datetime(2026, 1, 1, tzinfo=UTC),
            Binary(Op.GT, read(RunInfo(RunField.SCHEDULED_FOR)), number(datetime(2026, 1, 1, tzinfo=UTC))),
        ),
    ],
)
def test_conditions_become_expressions(make: Any, expected: Expression) -> None:
    def example() -> None:
        with when(make(score())):
            step()

    nodes = nodes_of(example)
    assert nodes["when_1"].when == expected
    assert isinstance(nodes["when_1"].body, Sub)
    assert "when_1/step" in nodes


def test_branches_exclude_each_other() -> None:
    def example(n: int) -> None:
        with when(n > 10):
            step()
        with elif_(n > 5, name="middle"):
            step()
        with otherwise():
            step()
        with when(n == 0):
            step()

    nodes = nodes_of(example)
    high = Binary(Op.GT, read(Param("n")), number(10))
    middle = Binary(Op.GT, read(Param("n")), number(5))
    assert {path: node.when for path, node in nodes.items() if "/" not in path} == {
        "when_1": high,
        "middle": Binary(Op.AND, Unary(Fn.NOT, high), middle),
        "otherwise_1": Binary(Op.AND, Unary(Fn.NOT, high), Unary(Fn.NOT, middle)),
        "when_2": Binary(Op.EQ, read(Param("n")), number(0)),
    }


def test_an_empty_branch_is_no_node_but_counts_for_those_after_it() -> None:
    def example(n: int) -> None:
        with when(n > 10):
            pass
        with otherwise():
            step()

    nodes = nodes_of(example)
    assert list(nodes) == ["otherwise_1", "otherwise_1/step"]
    assert nodes["otherwise_1"].when == Unary(Fn.NOT, Binary(Op.GT, read(Param("n")), number(10)))


def test_values_of_branches_are_picked_and_read() -> None:
    def example(n: int) -> None:
        with when(n > 10) as branch:
            a = score()
        with otherwise():
            b = score()
        use(best=first_of(a, b).accuracy, only=a, plain=first_of(a, {"accuracy": 0}).accuracy)
        branch >> step()

    nodes = nodes_of(example)
    one, two = "when_1/score", "otherwise_1/score"
    assert nodes["use"].inputs == {
        "best": FirstOf((Output(one, path=("accuracy",)), Output(two, path=("accuracy",))), Absent.SKIP),
        "only": Output(one),
        "plain": FirstOf((Output(one, path=("accuracy",)), Const(0)), Absent.SKIP),
    }
    assert nodes["step"].after == (After("when_1"),)


def _elif_alone() -> None:
    with elif_(True):
        step()


def _after_otherwise() -> None:
    with when(True):
        step()
    with otherwise():
        step()
    with elif_(True):
        step()


def _number_condition() -> None:
    with when(length(numbers())):
        step()


def _sum_condition() -> None:
    with when(score().a + 1):
        step()


def _text_condition() -> None:
    with when("yes"):
        step()


def _first_of_one() -> None:
    use(a=first_of(step()))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_elif_alone, "elif_ follows no `with when"),
        (_after_otherwise, "elif_ follows no `with when"),
        (_number_condition, "is given a number"),
        (_sum_condition, "is given a calculation"),
        (_text_condition, "neither a condition nor a bool"),
        (_first_of_one, "at least two values"),
    ],
)
def test_wrong_branches_are_told(function: Any, message: str) -> None:
    problem = problem_of(function)
    assert message in problem.message
    assert problem.remedy
    assert "test_control.py:" in problem.place


# --- what Python may not do with a traced value -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("do", "remedy"),
    [
        (lambda x: 1 if x else 2, "& | ~"),
        (lambda x: x and 1, "& | ~"),
        (lambda x: not x, "& | ~"),
        (lambda x: x or 1, "& | ~"),
        (lambda x: list(x), "each(task, over={...})"),
        (lambda x: [*x], "-> tuple[A, B]"),
        (len, "length(x)"),
        (lambda x: 1 in x, "contains(x, item)"),
        (lambda x: f"{x}", "template("),
        (str, "template("),
        (lambda x: "%s" % x, "template("),  # noqa: UP031
        (int, "inside a task"),
        (float, "inside a task"),
        (lambda x: [0, 1][x], "inside a task"),
        (lambda x: x % 2, "inside a task"),
        (lambda x: x // 2, "inside a task"),
        (lambda x: x**2, "inside a task"),
        (lambda x: x.head(), "inside a task"),
        (lambda x: setattr(x, "a", 1), "return the changed value"),
        (lambda x: x.__setitem__("a", 1), "return the changed value"),
        (lambda x: x[1.5], "whole number"),
    ],
)
def test_what_needs_the_value_itself_is_refused_with_another_way(do: Any, remedy: str) -> None:
    def example() -> None:
        do(numbers())

    problem = problem_of(example)
    assert "the result of 'numbers'" in problem.message
    assert remedy in problem.remedy
    assert "test_control.py:" in problem.place


def test_a_traced_value_can_be_looked_at_in_a_debugger() -> None:
    seen: list[str] = []

    def example(n: int) -> None:
        seen.extend([repr(score().accuracy), repr(n)])

    graph_of(example)
    assert seen == [
        "<the result of 'score'.accuracy, known only when the run is under way>",
        "<the parameter 'n', known only when the run is under way>",
    ]


# --- maps -------------------------------------------------------------------------------------------------------------


def test_a_product_a_zip_and_what_is_fixed() -> None:
    def example(rates: list[float]) -> None:
        rows = load()
        models = each(fit, over={"depth": [5, 10], "rate": rates}, rows=rows, parallelism=2, longest=50, empty="skip")
        each(score, over=zipped(model=models, depth=range(2)), name="scores", rows=rows)
        use(models=models, part=models.weights)

    nodes = nodes_of(example)
    assert nodes["fit"].each == Each(
        (Over("depth", Const([5, 10])), Over("rate", Param("rates"))), Combine.PRODUCT, 2, Empty.SKIP, 50
    )
    assert nodes["fit"].inputs == {"rows": Output("load"), "depth": Item("depth"), "rate": Item("rate")}
    assert nodes["scores"].each == Each(
        (Over("model", Output("fit"), follow=True), Over("depth", Const([0, 1]))), Combine.ZIP
    )
    assert nodes["use"].inputs == {"models": Collect("fit"), "part": Collect("fit", path=("weights",))}


def test_sources_of_a_map() -> None:
    def example() -> None:
        rows = load()
        each(step, over={"x": {"a": 1, "b": 2}})
        each(step, over={"x": numbers()})
        each(step, over={"x": [rows, 1]})
        each(step, over={"x": score().lists})
        each(step, over={"x": [1]}, fixed={"name": "n"}, name="named")

    nodes = nodes_of(example)
    sources = [node.each.over[0].source for node in nodes.values() if node.each]
    assert sources == [
        Const({"a": 1, "b": 2}),
        Output("numbers"),
        ListOf((Output("load"), Const(1))),
        Output("score", path=("lists",)),
        Const([1]),
    ]
    assert nodes["named"].inputs == {"name": Const("n"), "x": Item("x")}


def test_several_outputs_of_a_map_are_taken_one_by_one() -> None:
    def example() -> None:
        pairs = each(fit_pair, over={"depth": [1, 2]})
        models, rows = pairs
        each(score, over={"model": pairs.model})
        use(models=models, rows=rows)

    nodes = nodes_of(example)
    assert nodes["score"].each == Each((Over("model", Output("fit_pair", "model"), follow=True),))
    assert nodes["use"].inputs == {"models": Collect("fit_pair", "model"), "rows": Collect("fit_pair", "rows")}


@pipeline
def inner(rows: Dataset, depth: int = 3) -> Metrics:
    """One candidate."""
    models = each(fit, over={"rate": [0.1, 0.2]}, rows=rows, depth=depth)
    scores = each(score, over={"model": models}, rows=rows)
    return step(scores)


def test_a_map_over_a_pipeline_holds_maps() -> None:
    def example() -> None:
        rows = load()
        results = each(inner, over={"depth": [1, 2]}, rows=rows)
        each(step, over={"x": results})
        use(all=results)

    graph = graph_of(example)
    nodes = {node.id: node for node in graph.root.nodes}
    sub = nodes["inner"]
    assert sub.inputs == {"rows": Output("load"), "depth": Item("depth")}
    assert isinstance(sub.body, Sub)
    assert sub.body.scope.inputs == (Parameter("rows", Type("Dataset")), Parameter("depth", Type("int"), 3))
    assert sub.body.scope.outputs == {"result": Output("inner/step", absent=Absent.OMIT)}
    assert sub.labels["description"] == "One candidate."
    by_path = nodes_of(example)
    assert by_path["inner/fit"].inputs == {
        "rows": Param("rows", "inner"),
        "depth": Param("depth", "inner"),
        "rate": Item("rate"),
    }
    assert by_path["inner/score"].each == Each((Over("model", Output("inner/fit"), follow=True),))
    assert by_path["inner/step"].inputs == {"x": Collect("inner/score")}
    assert by_path["step"].each == Each((Over("x", Output("inner", absent=Absent.SKIP), follow=True),))
    assert by_path["use"].inputs == {"all": Collect("inner")}


def test_a_map_under_other_frames_collects_and_does_not_follow() -> None:
    def example() -> None:
        models = each(fit, over={"depth": [1, 2]})
        with subgraph("block", retries=1):
            each(score, over={"model": models})
        with when(length(models) > 1):
            each(score, over={"model": models})

    nodes = nodes_of(example)
    assert nodes["block/score"].each == Each((Over("model", Collect("fit")),))
    assert nodes["when_1/score"].each == Each((Over("model", Output("fit"), follow=True),))


def _no_over() -> None:
    each(fit, over={})


def _not_a_task() -> None:
    each(there, over={"path": ["a"]})  # type: ignore[arg-type]


def _text_over() -> None:
    each(fit, over={"depth": "abc"})


def _set_over() -> None:
    each(fit, over={"depth": {1, 2}})


def _wrong_items() -> None:
    each(fit, over={"depth": [1, "two"]})


def _zip_lengths() -> None:
    each(fit, over=zipped(depth=[1, 2], rate=[0.1]))


def _unknown_over() -> None:
    each(fit, over={"dept": [1]})


def _twice() -> None:
    each(fit, over={"depth": [1]}, depth=2)


def _parallelism() -> None:
    each(fit, over={"depth": [1]}, parallelism=0)


def _by_number() -> None:
    use(a=each(fit, over={"depth": [1]})[0])


def _whole_pair() -> None:
    use(a=each(fit_pair, over={"depth": [1]}))


def _endless() -> None:
    endless()


@pipeline
def endless() -> None:
    endless()


@pytest.mark.parametrize(
    ("function", "message", "remedy"),
    [
        (_no_over, "does not say what is mapped", "over={'rows': [...]}"),
        (_not_a_task, "neither a task nor a pipeline", "@task"),
        (_text_over, "'abc', which is no list", "give a list"),
        (_set_over, "which is no list", "give a list"),
        (_wrong_items, "item 1 of what 'depth' of task fit is mapped over does not fit: 'two' is not int", "int"),
        (_zip_lengths, "different lengths: depth has 2, rate has 1", "every combination"),
        (_unknown_over, "no parameter 'dept' to map over", "did you mean 'depth'?"),
        (_twice, "is given 'depth' and maps over it", "once"),
        (_parallelism, "0 is not a whole number of at least 1", ""),
        (_by_number, "cannot be picked by number", "pick there"),
        (_whole_pair, "gives several outputs per item", "results.model"),
        (_endless, "calls itself", "each(...)"),
    ],
)
def test_wrong_maps_are_told(function: Any, message: str, remedy: str) -> None:
    problem = problem_of(function)
    assert message in problem.message
    assert remedy in problem.remedy
    assert "test_control.py:" in problem.place


# --- sub-pipelines, groups, blocks ------------------------------------------------------------------------------------


@pipeline(tags=["part"], outcome="leaves")
def parts(path: str) -> Pair:
    rows = load(path)
    return Pair(fit(rows), 5)


@pipeline
def nothing(path: str) -> None:
    load(path)


@pipeline
def perhaps(n: int) -> dict[str, Any]:
    rows = load("a")
    with when(n > 2):
        model = fit()
    return {"model": model, "weights": model.weights, "first": first_of(model, rows), "inside": rows.x}


@pipeline
def named(path: str) -> dict[str, Any]:
    pair = parts(path)
    return {"model": pair.model, "list": [pair.rows, path]}


def test_a_pipeline_in_a_pipeline_is_one_node() -> None:
    def example(path: str) -> Any:
        model, rows = parts(path)
        done = nothing.options(retries=2, timeout=5)(path)
        done >> step(model)
        return model, rows, named(path).list[1]

    graph = graph_of(example)
    nodes = {node.id: node for node in graph.root.nodes}
    body = nodes["parts"].body
    assert isinstance(body, Sub)
    assert body.scope.outputs == {"model": Output("parts/fit", absent=Absent.OMIT), "rows": Const(5)}
    assert body.scope.outcome is Outcome.LEAVES
    assert nodes["parts"].labels["tags"] == ["part"]
    assert nodes["nothing"].retry == Retry(2)
    assert nodes["nothing"].timeout == 5
    assert nodes["step"].after == (After("nothing"),)
    assert nodes["step"].inputs == {"x": Output("parts", "model", absent=Absent.SKIP)}
    assert graph.root.outputs == {
        "0": Output("parts", "model", absent=Absent.SKIP),
        "1": Output("parts", "rows", absent=Absent.SKIP),
        "2": Output("named", "list", (1,)),
    }
    inside = nodes["named"].body
    assert isinstance(inside, Sub)
    assert inside.scope.outputs == {
        "model": Output("named/parts", "model", absent=Absent.SKIP),
        "list": ListOf((Output("named/parts", "rows", absent=Absent.SKIP), Param("path", "named"))),
    }


def test_what_pipelines_return_and_take_is_checked() -> None:
    def unknown() -> None:
        parts("a").modle  # type: ignore[attr-defined]  # noqa: B018

    def missing() -> None:
        parts()  # type: ignore[call-arg]

    def empty() -> None:
        use(a=nothing("a"))  # type: ignore[func-returns-value]

    assert "no output 'modle'" in problem_of(unknown).message
    assert problem_of(missing).message == "pipeline parts needs 'path'"
    assert "gives no value" in problem_of(empty).message


def test_groups_are_labels() -> None:
    def example() -> None:
        with group("features"):
            load()
            with group("dense"):
                step()
        step()

    nodes = nodes_of(example)
    assert {path: node.labels.get("group") for path, node in nodes.items()} == {
        "load": "features",
        "step": "features/dense",
        "step_2": None,
    }


def test_a_retried_block_gives_its_values_when_it_is_done() -> None:
    def example() -> None:
        with subgraph("outer", retries=2, timeout=60):
            with subgraph("inner", retries=1):
                model = fit()
                scores = each(score, over={"depth": [1, 2]}, model=model)
                pair = fit_pair(1)
            use(model=model)
        use(again=model.weights, scores=scores, loss=scores.loss, rows=pair.rows, last=model)

    nodes = nodes_of(example)
    assert nodes["outer"].retry == Retry(2)
    assert nodes["outer"].timeout == 60
    assert nodes["outer/use"].inputs == {"model": Output("outer/inner", "fit.result", absent=Absent.SKIP)}
    assert nodes["use"].inputs == {
        "again": Output("outer", "fit.result", ("weights",)),
        "scores": Output("outer", "score.result", absent=Absent.SKIP),
        "loss": Output("outer", "score.result.loss", absent=Absent.SKIP),
        "rows": Output("outer", "fit_pair.rows", absent=Absent.SKIP),
        "last": Output("outer", "fit.result", absent=Absent.SKIP),
    }
    outer, innermost = nodes["outer"].scope, nodes["outer/inner"].scope
    assert outer is not None
    assert innermost is not None
    assert outer.outputs["score.result"] == Output("outer/inner", "score.result", absent=Absent.OMIT)
    assert innermost.outputs == {
        "fit.result": Output("outer/inner/fit", absent=Absent.OMIT),
        "score.result": Collect("outer/inner/score"),
        "score.result.loss": Collect("outer/inner/score", path=("loss",)),
        "fit_pair.rows": Output("outer/inner/fit_pair", "rows", absent=Absent.OMIT),
    }


def test_what_a_branch_may_leave_out_is_no_failure_of_its_pipeline() -> None:
    def example() -> Any:
        chosen = perhaps(3)
        use(a=chosen.model.weights, b=chosen.model, c=chosen.first.x)
        return chosen.model

    graph = graph_of(example)
    sub, user = graph.root.nodes
    assert sub.scope is not None
    assert sub.scope.outputs == {
        "model": Output("perhaps/when_1/fit", absent=Absent.OMIT),
        "weights": Output("perhaps/when_1/fit", path=("weights",), absent=Absent.OMIT),
        "first": FirstOf((Output("perhaps/when_1/fit"), Output("perhaps/load")), Absent.SKIP),
        "inside": Output("perhaps/load", path=("x",)),
    }
    assert user.inputs == {
        "a": Output("perhaps", "model", ("weights",), Absent.SKIP),
        "b": Output("perhaps", "model", absent=Absent.SKIP),
        "c": Output("perhaps", "first", ("x",), Absent.SKIP),
    }
    assert graph.root.outputs == {"result": Output("perhaps", "model", absent=Absent.SKIP)}


# --- order, ends, waits -----------------------------------------------------------------------------------------------


def test_order_without_data() -> None:
    def example() -> None:
        a, b, c, d = step(), step(), step(), step()
        a >> b >> [c, d]
        [a, b] >> step.options(after=c)()
        d << a

    nodes = nodes_of(example)
    assert {path: [after.node for after in node.after] for path, node in nodes.items()} == {
        "step": [],
        "step_2": ["step"],
        "step_3": ["step_2"],
        "step_4": ["step_2", "step"],
        "step_5": ["step_3", "step", "step_2"],
    }


def test_order_needs_tasks() -> None:
    def with_param(n: int) -> None:
        n >> step()  # type: ignore[operator]

    def with_itself() -> None:
        a = step()
        a >> a

    def in_options() -> None:
        step.options(after=["load"])()

    assert "the parameter 'n' is not the result of a task" in problem_of(with_param).message
    assert "cannot come after itself" in problem_of(with_itself).message
    assert "'load' is not the result of a task" in problem_of(in_options).message


def test_what_runs_at_the_end() -> None:
    def example() -> None:
        with at_end():
            use(how=status_of(load()))
        step()
        with when(True):
            step()

    nodes = nodes_of(example)
    assert (nodes["use"].role, nodes["use"].join) == (Role.TEARDOWN, Join.ALL_DONE)
    assert nodes["use"].after == (After("step"), After("when_1"))
    assert nodes["use"].inputs == {"how": Status("load")}
    assert nodes["load"].role is Role.TEARDOWN
    assert nodes["step"].role is Role.NORMAL


def test_whoever_asks_how_something_ended_runs_when_it_failed() -> None:
    def example() -> None:
        use(how=status_of(load()))
        use.options(join="all_failed")(how=status_of(load()))

    nodes = nodes_of(example)
    assert nodes["use"].join is Join.ALL_DONE
    assert nodes["use_2"].join is Join.ALL_FAILED


def test_a_teardown_comes_after_what_uses_its_setup() -> None:
    def example() -> None:
        cluster = step.options(name="start")()
        step.options(name="stop", teardown_of=cluster)(cluster)
        model = fit(cluster)
        with when(model.metadata.good == True):  # noqa: E712
            score(model)
        load()

    nodes = nodes_of(example)
    assert nodes["start"].role is Role.SETUP
    stop = nodes["stop"]
    assert (stop.role, stop.setups, stop.join) == (Role.TEARDOWN, ("start",), Join.ALL_DONE_SETUP_SUCCESS)
    assert stop.after == (After("fit"), After("when_1"))


def test_a_teardown_may_be_told_when() -> None:
    def example() -> None:
        cluster = step.options(name="start")()
        model = fit(cluster)
        wait_for_approval("go on?", after=model)
        step.options(name="stop", teardown_of=cluster, after=model)(cluster)

    assert nodes_of(example)["stop"].after == (After("fit"),)


def test_inputs_that_may_be_missing() -> None:
    def example(n: int) -> None:
        with when(n > 1):
            model = fit()
            many = each(fit, over={"depth": [1]})
        use(a=optional(model), b=optional(model.weights, "null"), c=pushed(model, "extra"), d=optional(many, "null"))

    assert nodes_of(example)["use"].inputs == {
        "a": Output("when_1/fit", absent=Absent.OMIT),
        "b": Output("when_1/fit", path=("weights",), absent=Absent.NULL),
        "c": Output("when_1/fit", "extra", absent=Absent.OMIT),
        "d": Collect("when_1/fit_2", missing=Gap.NULL),
    }


def test_waits() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)

    def example(bucket: str) -> None:
        a = wait_for(90)
        wait_for(moment, name="later", after=a)
        wait_for(run_info.interval_end)
        event = wait_for_event("upload", key=bucket, timeout="1h", on_timeout="skip")  # type: ignore[arg-type]
        wait_for_approval(template("{} ok?", event.name), approvers=["ann"], timeout=timedelta(days=1))
        poll(there, every="30s", path=bucket)  # type: ignore[arg-type]

    nodes = nodes_of(example)
    assert [node.body for node in nodes.values()] == [
        Wait(UntilTime(Const(timedelta(seconds=90)))),
        Wait(UntilTime(Const(moment))),
        Wait(UntilTime(RunInfo(RunField.INTERVAL_END))),
        Wait(UntilEvent(Const("upload"), Param("bucket")), 3600, Overdue.SKIP),
        Wait(
            UntilApproval(Template((Output("wait_for_event", path=("name",)), Const(" ok?"))), ("ann",)),
            86400,
            Overdue.FAIL,
        ),
        Wait(UntilTrue(FunctionRef(__name__, "there", __file__), 30, {"path": Type("str")})),
    ]
    assert list(nodes) == ["wait", "later", "wait_2", "wait_for_event", "approval", "there"]
    assert nodes["later"].after == (After("wait"),)
    assert nodes["there"].inputs == {"path": Param("bucket")}


def test_imports_and_texts() -> None:
    def example(bucket: str) -> None:
        rows = import_artifact(
            template("s3://{b}/{{x}}/{}", 5, b=bucket), kind="Model", metadata={"n": 1}, reimport=True
        )
        use(rows=rows, n=rows.metadata.n)

    uri = Template((Const("s3://"), Param("bucket"), Const("/{"), Const("x}"), Const("/"), Const(5)))
    body = nodes_of(example)["import"].body
    assert isinstance(body, Import)
    assert body.type == Type("Model")
    assert (body.metadata, body.reimport) == ({"n": Const(1)}, True)
    assert isinstance(body.uri, Template)
    assert _joined(body.uri) == _joined(uri)


def _joined(template: Template) -> list[Any]:
    """Parts with neighbouring texts put together."""
    joined: list[Any] = []
    for part in template.parts:
        if isinstance(part, Const) and isinstance(part.value, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part.value
        else:
            joined.append(part.value if isinstance(part, Const) and isinstance(part.value, str) else part)
    return joined


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: template("{x:.2f}", x=1), "does more than put a value in"),
        (lambda: template("{x.y}", x=1), "does more than put a value in"),
        (lambda: template("{x}", y=1), "no value for {x}"),
        (lambda: template("{}"), "no value for {0}"),
        (lambda: template("a", x=1), "'x' is given and not used"),
        (lambda: template("{x"), "cannot be read"),
        (lambda: wait_for("tomorrow"), "neither a duration nor a moment"),
        (lambda: wait_for_event("x", timeout=-1), "'timeout' of wait_for_event: -1 is not a duration above zero"),
        (lambda: wait_for_approval("x", on_timeout="skip"), "'on_timeout' of approval has no effect without"),
        (lambda: wait_for_approval("x", timeout=1, on_timeout="skp"), "'skp' is not one of"),
        (lambda: poll(there, every=5), "there needs 'path'"),
        (lambda: poll(there, every=0, path="a"), "'every' of there: 0 is not a duration above zero"),
        (lambda: optional(5), "is not the result of a task"),
        (lambda: optional(load(), "none"), "missing='none' is not one of"),
        (lambda: status_of(5), "5 is not the result of a task"),
        (lambda: use(a=status_of(load()).sate), "has no 'sate'"),
        (lambda: use(a=status_of(load()).error.messag), "has no 'messag'"),
        (lambda: use(a=status_of(load()).state.value), "has no 'value'"),
    ],
)
def test_wrong_steps_are_told(make: Any, message: str) -> None:
    def example() -> None:
        make()

    problem = problem_of(example)
    assert message in problem.message
    assert "test_control.py:" in problem.place


@pytest.mark.parametrize(
    "make", [lambda: each(fit, over={"depth": [1]}), lambda: wait_for(1), lambda: use(a=when(True).__enter__())]
)
def test_control_flow_outside_of_a_pipeline_is_refused(make: Any) -> None:
    with pytest.raises(DefinitionError, match="outside of a pipeline") as caught:
        make()
    assert "@pipeline" in caught.value.remedy


# --- anything inside anything -----------------------------------------------------------------------------------------


@pipeline
def nest(plan: list[Any], x: Any) -> Any:
    return step(x)


SHAPES = st.recursive(
    st.just(("step",)),
    lambda inner: st.tuples(
        st.sampled_from(["when", "branches", "subgraph", "group", "end", "each", "plain"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=8,
)


def build(shape: Any, values: list[Any]) -> None:
    """Record a shape; every step may read what any step before it gave, in whatever block that was."""
    match shape:
        case ("step",):
            values.append(step(optional(values[len(values) // 2]) if values else None))
        case ("when", parts):
            with when(score().good == True):  # noqa: E712
                for part in parts:
                    build(part, values)
        case ("branches", parts):
            with when(score().good == True):  # noqa: E712
                build(parts[0], values)
                a = values[-1]
            with otherwise():
                build(parts[-1], values)
                b = values[-1]
            values.append(step(first_of(a, b)))
        case ("subgraph", parts):
            with subgraph("block", retries=1):
                for part in parts:
                    build(part, values)
        case ("group", parts):
            with group("some"):
                for part in parts:
                    build(part, values)
        case ("end", parts):
            before = values[:]
            for part in parts:
                build(part, values)
            with at_end():
                step(status_of(values[-1]))
            del values[len(before) :]
            values.append(step())
        case ("each", parts):
            items = each(step, over={"x": numbers()})
            follow = each(step, over={"x": items})
            values.append(step(follow))
            for part in parts:
                build(part, values)
        case ("plain", parts):
            values.append(nest([1], values[-1] if values else 0))
            for part in parts:
                build(part, values)


@given(SHAPES)
def test_nesting_is_free(shape: Any) -> None:
    def example() -> None:
        build(shape, [])
        step()

    graph = graph_of(example)
    assert pipeline_from_text(pipeline_text(graph)) == graph
    assert check(graph) == []
