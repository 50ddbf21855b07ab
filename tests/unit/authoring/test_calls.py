"""A call in a pipeline becomes a node with its header, inputs, outputs and place; a plain call runs the function."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import pytest

from tests.unit.authoring.graphs import graph_of, nodes_of, problem_of, problems_of
from tidemill import Dataset, Metrics, Model, artifact, pipeline, run_info, task
from tidemill.authoring.trace import trace
from tidemill.core.bindings import Const, DictOf, FunctionRef, ListOf, Metadata, Output, Param, RunField, RunInfo
from tidemill.core.check import check
from tidemill.core.errors import DefinitionError
from tidemill.core.graph import (
    Cache,
    Call,
    Hook,
    HookEvent,
    LimitUse,
    LostPolicy,
    OnLost,
    OutputSpec,
    PreviousRun,
    Retry,
    RetryRule,
    Returns,
    Role,
    Source,
)
from tidemill.core.joins import Join
from tidemill.core.problems import ProblemsFound
from tidemill.core.types import ANY, MISSING, Parameter, Type


class Frame: ...


class Halves(NamedTuple):
    train: Dataset
    test: Dataset


@dataclass(frozen=True)
class Config:
    depth: int
    since: date | None = None


class Both(TypedDict):
    model: Model
    note: str


@task
def load(path: str, limit: int = 10) -> Dataset:
    """Read the rows.

    At most `limit` of them.
    """
    return [path, limit]


@task
def halves(rows: Dataset) -> Halves:
    return Halves(rows, rows)


@task
def pair(rows: Dataset) -> tuple[Dataset, int]:
    return rows, 1


@task
def both(rows: Dataset) -> Both:
    return {"model": rows, "note": ""}


@task
def configure(depth: int) -> Config:
    return Config(depth)


@task
def fit(rows: Dataset, config: Config) -> Model:
    return config.depth


@task
def score(model: Model) -> Metrics:
    return {"accuracy": 1.0}


@task
def frame() -> Annotated[Frame, artifact("Dataset")]:
    return Frame()


@task
def use(**things: Any) -> None: ...


@task
async def fetch(url: str) -> str:
    return url.upper()


def told(context: object) -> None: ...


def test_a_plain_call_runs_the_function() -> None:
    assert load("x") == ["x", 10]
    assert asyncio.run(fetch("a")) == "A"  # type: ignore[arg-type]
    assert load.function("y", 1) == ["y", 1]
    assert load.__name__ == "load"
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        load(pth="x")  # type: ignore[call-arg]


def test_a_call_becomes_a_node() -> None:
    def example(path: str) -> None:
        load(path, limit=5)

    graph = graph_of(example)
    (node,) = graph.root.nodes
    assert node.id == "load"
    assert node.inputs == {"path": Param("path"), "limit": Const(5)}
    assert node.body == Call(
        function=FunctionRef(__name__, "load", __file__),
        outputs={"result": OutputSpec(Type("Dataset"))},
        takes={"path": Type("str"), "limit": Type("int")},
        required=("path",),
    )
    assert node.source == Source(__file__, example.__code__.co_firstlineno + 1)
    assert node.labels == {"description": "Read the rows."}
    assert graph.params == (Parameter("path", Type("str")),)
    assert graph.name == "example"


def test_names_are_made_unique() -> None:
    def example() -> None:
        load("a")
        load("b")
        load.options(name="other")("c")
        load.options(name="load_2")("d")

    assert list(nodes_of(example)) == ["load", "load_2", "other", "load_2_2"]


def test_several_outputs_are_read_by_name_position_or_unpacking() -> None:
    def example() -> None:
        rows = load("a")
        train, test = halves(rows)
        first, number = pair(rows)
        use(a=train, b=test, c=first, d=number, e=halves(rows).test, f=pair(rows)[-1], g=both(rows)["note"])

    inputs = nodes_of(example)["use"].inputs
    assert inputs == {
        "a": Output("halves", "train"),
        "b": Output("halves", "test"),
        "c": Output("pair", "0"),
        "d": Output("pair", "1"),
        "e": Output("halves_2", "test"),
        "f": Output("pair_2", "1"),
        "g": Output("both", "note"),
    }
    body = nodes_of(example)["pair"].body
    assert isinstance(body, Call)
    assert body.returns is Returns.ITEMS
    assert body.outputs == {"0": OutputSpec(Type("Dataset")), "1": OutputSpec(Type("int"))}


def test_several_outputs_passed_whole_are_put_together_again() -> None:
    def example() -> None:
        rows = load("a")
        fit(rows, configure(3))
        use(both=pair(rows))

    nodes = nodes_of(example)
    assert nodes["fit"].inputs["config"] == DictOf(
        {"depth": Output("configure", "depth"), "since": Output("configure", "since")}
    )
    assert nodes["use"].inputs["both"] == ListOf((Output("pair", "0"), Output("pair", "1")))


def test_insides_are_paths_and_metadata() -> None:
    def example(settings: dict[str, Any]) -> None:
        rows = load("a")
        scores = score(rows)
        use(
            a=scores.accuracy,
            b=scores["per class"][0].f1,
            c=rows.metadata["rows"],
            d=frame().metadata.columns,  # type: ignore[attr-defined]
            e=settings["deep"][1],
            f=scores.metadata,
            g=rows.metadata,
        )

    assert nodes_of(example)["use"].inputs == {
        "a": Output("score", path=("accuracy",)),
        "b": Output("score", path=("per class", 0, "f1")),
        "c": Metadata(Output("load"), ("rows",)),
        "d": Metadata(Output("frame"), ("columns",)),
        "e": Param("settings", path=("deep", 1)),
        "f": Output("score", path=("metadata",)),
        "g": Metadata(Output("load")),
    }


def test_lists_and_dicts_may_hold_traced_values() -> None:
    def example(path: str) -> None:
        rows = load(path)
        use(a=[1, rows, {"x": path}], b={"run": run_info.run_id, "n": 1}, c=(1, 2), d={"plain": [1]})

    assert nodes_of(example)["use"].inputs == {
        "a": ListOf((Const(1), Output("load"), DictOf({"x": Param("path")}))),
        "b": DictOf({"run": RunInfo(RunField.RUN_ID), "n": Const(1)}),
        "c": Const([1, 2]),
        "d": Const({"plain": [1]}),
    }


@task
def typed(
    when: date, wait: timedelta, rate: float, mode: Literal["fast", "slow"], config: Config, names: list[str]
) -> None: ...


def test_literals_take_the_form_of_their_type() -> None:
    def example() -> None:
        typed("2026-01-31", 90, 1, "fast", Config(3), ("a", "b"))  # type: ignore[arg-type]

    inputs = nodes_of(example)["typed"].inputs
    assert inputs == {
        "when": Const(date(2026, 1, 31)),
        "wait": Const(timedelta(seconds=90)),
        "rate": Const(1.0),
        "mode": Const("fast"),
        "config": Const({"depth": 3, "since": None}),
        "names": Const(["a", "b"]),
    }
    assert isinstance(inputs["rate"], Const)
    assert isinstance(inputs["rate"].value, float)


def test_all_options_reach_the_header() -> None:
    everything = load.options(
        name="big",
        retries=3,
        retry_delay=timedelta(seconds=5),
        retry_backoff=True,
        retry_max_delay=60,
        retry_jitter=0.5,
        retry_on=(ConnectionError, "requests.Timeout"),
        do_not_retry_on="ValueError",
        timeout="1h30m",
        cache=timedelta(days=1),
        cache_ignore=["limit"],
        cache_parts={"release": 7},
        pool="gpu",
        pools={"db": 2},
        limits={"api": 3},
        priority=4,
        resources={"cpu": 2, "memory": "2GB", "nvidia.com/gpu": 1},
        tags=["nightly"],
        owner="ann",
        join="all_done",
        codec="parquet",
        on_lost="never",
        previous_run="self",
        counts_for_outcome=False,
        on_success=told,
        on_failure=[told, load],
    )

    def example(path: str) -> None:
        everything(path)

    node = nodes_of(example)["big"]
    assert node.retry == Retry(
        limit=3,
        delay=5,
        factor=2,
        cap=60,
        jitter=0.5,
        rules=(
            RetryRule(("ValueError",), retry=False),
            RetryRule(("ConnectionError", "requests.Timeout")),
            RetryRule(("BaseException",), retry=False),
        ),
    )
    assert node.timeout == 5400
    assert node.cache == Cache(ttl=86400, parts={"release": Const(7)}, ignore=("limit",))
    assert node.limits == tuple(
        LimitUse(Const(key), Const(slots)) for key, slots in [("pool:db", 2), ("pool:gpu", 1), ("api", 3)]
    )
    assert node.resources == {"cpu": Const(2), "memory": Const(2_000_000_000), "nvidia.com/gpu": Const(1)}
    assert node.labels == {"tags": ["nightly"], "owner": "ann", "description": "Read the rows."}
    assert (node.priority, node.join, node.role, node.counts_for_outcome) == (4, Join.ALL_DONE, Role.NORMAL, False)
    assert (node.on_lost, node.previous_run) == (OnLost(LostPolicy.NEVER), PreviousRun.SELF)
    here = FunctionRef(__name__, "told", __file__)
    loading = FunctionRef(__name__, "load", __file__)
    assert node.hooks == (
        Hook(HookEvent.SUCCESS, here),
        Hook(HookEvent.FAILURE, here),
        Hook(HookEvent.FAILURE, loading),
    )
    assert isinstance(node.body, Call)
    assert node.body.outputs == {"result": OutputSpec(Type("Dataset"), "parquet")}


def test_options_add_up_and_leave_the_task_alone() -> None:
    twice = load.options(retries=2).options(retry_delay=1)
    assert twice.settings.retry == Retry(2, delay=1)
    assert load.settings.retry is None


def test_limits_and_resources_may_be_read_from_outputs() -> None:
    def example(gpus: int) -> None:
        rows = load("a")
        big = rows.metadata["bytes"]
        load.options(resources={"memory": big}, limits={"gpus": gpus})("b")

    node = nodes_of(example)["load_2"]
    assert node.resources == {"memory": Metadata(Output("load"), ("bytes",))}
    assert node.limits == (LimitUse(Const("gpus"), Param("gpus")),)


@pytest.mark.parametrize(
    ("options", "message", "remedy"),
    [
        ({"retires": 3}, "task load has no option 'retires'", "did you mean 'retries'?"),
        ({"retries": -1}, "-1 is not a whole number of at least 0", ""),
        ({"retries": True}, "True is not a whole number", ""),
        ({"retry_delay": 3}, "'retry_delay' has no effect without 'retries'", "add retries=3"),
        ({"retries": 1, "retry_delay": -1}, "-1 is less than 0", ""),
        ({"retries": 1, "retry_jitter": 3}, "jitter of 3", "from 0 to 1"),
        ({"retries": 1, "retry_on": "Time out"}, "'Time out' is not an exception class", "module.Class"),
        ({"retries": 1, "retry_on": int}, "is not an exception class", ""),
        ({"timeout": 0}, "0 is not a duration above zero", ""),
        ({"timeout": "soon"}, "'soon' is not a duration", ""),
        ({"cache": "yes"}, "'yes' is not a duration", ""),
        ({"cache_ignore": ["path"]}, "has no effect without 'cache'", "add cache=True"),
        ({"cache": True, "acts": True}, "acts on the outside and is cached", "drop either"),
        ({"join": "all_sucess"}, "'all_sucess' is not one of", "did you mean 'all_success'"),
        ({"resources": {"memmory": 1}}, "there is no resource 'memmory'", "did you mean 'memory'?"),
        ({"resources": {"memory": "2 bananas"}}, "'2 bananas' is not a size", "2GiB"),
        ({"resources": {"cpu": -1}}, "-1 is not an amount of cpu", ""),
        ({"resources": {"processes": "few"}}, "'few' is not a number of processes", "256"),
        ({"pools": {"gpu": 0}}, "0 is not a whole number of at least 1", ""),
        ({"on_lost": "retyr"}, "'retyr' is not one of", "did you mean 'retry'?"),
        ({"name": ""}, "'' is not a text", ""),
        ({"on_success": "told"}, "'told' is not a function", ""),
        ({"role": "setup", "teardown_of": 1}, "cannot be a setup and the teardown", ""),
        ({"priority": "high"}, "'high' is not a whole number", ""),
        ({"tags": [1]}, "is not a list of names", ""),
    ],
)
def test_wrong_options_fail_where_they_are_written(options: dict[str, Any], message: str, remedy: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        task(**options)(load.function)
    assert message in caught.value.message
    assert remedy in caught.value.remedy
    assert "test_calls.py:" in caught.value.place


def test_several_wrong_options_are_told_at_once() -> None:
    with pytest.raises(ProblemsFound) as caught:
        load.options(retires=1, timeout=-1, join="any")  # type: ignore[call-arg]
    assert [problem.code for problem in caught.value.problems] == ["unknown-option", "bad-option", "bad-option"]


def test_what_is_no_function_is_no_task() -> None:
    def numbers() -> Iterator[int]:
        yield 1

    for wrong, words in [(5, "not a function"), (Frame, "not a function"), (numbers, "is a generator")]:
        with pytest.raises(DefinitionError, match=words):
            task(wrong)  # type: ignore[call-overload]


# --- mistakes in the pipeline -----------------------------------------------------------------------------------------


@task
def depends(value: int, *more: int, name: str = "") -> int:
    return value


redefined = task(lambda: 1)


@task
def shadowed() -> int:
    return 1


@task
def unresolved(x: Nowhere) -> int:  # type: ignore[name-defined]  # noqa: F821
    return 1


class Unplain:
    def __init__(self) -> None:
        self.x = 1


def _too_many() -> None:
    depends(1, 2)


def _twice() -> None:
    depends(1, value=2)  # type: ignore[misc]


def _not_plain() -> None:
    use(a={"deep": [Unplain()]})


def _bytes() -> None:
    use(a=b"x")


def _dataclass() -> None:
    use(a=Config(1))


def _condition(n: int) -> None:
    use(a=n > 3)


def _no_output() -> None:
    use(a=halves(load("a")).tst)  # type: ignore[attr-defined]


def _lambda() -> None:
    redefined()


def _local() -> None:
    @task
    def inner() -> int:
        return 1

    inner()


def _unresolved() -> None:
    unresolved(1)


def _bad_id() -> None:
    load.options(name="a/b")("x")


def _bad_codec() -> None:
    load.options(codec={"reslut": "json"})("x")


def _ignores_unknown() -> None:
    load.options(cache=True, cache_ignore=["pth"])("x")


def _raises() -> None:
    load("a")
    {}["missing"]


def _exits() -> None:
    raise SystemExit(3)


def _run_info() -> None:
    use(a=run_info.runid)


@pytest.mark.parametrize(
    ("function", "code", "message", "remedy"),
    [
        (_too_many, "too-many-arguments", "takes 1 argument by position, and 2 are given", "(value, name)"),
        (_twice, "argument-twice", "is given 'value' twice", ""),
        (_not_plain, "not-plain", "Unplain (at .deep[0])", "let a task make it"),
        (_bytes, "not-plain", "is a builtins.bytes", "pass the path of a file"),
        (_dataclass, "not-plain", "Config", "annotate the parameter with Config"),
        (_condition, "definition", "cannot be passed on as a value", "calculate inside a task"),
        (_no_output, "definition", "'halves' has no output 'tst'", "did you mean 'test'"),
        (_lambda, "definition", "a lambda has no name", "with `def`"),
        (_local, "definition", "is defined inside a function", "top of its module"),
        (_unresolved, "definition", "'Nowhere' of 'x' of unresolved cannot be resolved", "TYPE_CHECKING"),
        (_bad_id, "bad-name", "'a/b' cannot name a task", "letters"),
        (_bad_codec, "definition", "names 'reslut'", "did you mean 'result'?"),
        (_ignores_unknown, "bad-option", "unknown parameter 'pth'", "did you mean 'path'?"),
        (_raises, "trace-failed", "raised KeyError: 'missing'", "belongs into a task"),
        (_exits, "trace-failed", "raised SystemExit: 3", "belongs into a task"),
        (_run_info, "definition", "run_info has no 'runid'", "did you mean 'run_id'?"),
    ],
)
def test_a_mistake_is_told_with_place_and_remedy(function: Any, code: str, message: str, remedy: str) -> None:
    problem = problem_of(function)
    assert problem.code == code
    assert message in problem.message
    assert remedy in problem.remedy
    assert "test_calls.py:" in problem.place


def test_a_task_whose_name_leads_elsewhere_is_refused() -> None:
    gone = task(shadowed.function)
    original = shadowed.function

    def example() -> None:
        gone()

    assert list(nodes_of(example)) == ["shadowed"]
    globals()["shadowed"] = load
    try:
        problem = problem_of(example)
    finally:
        globals()["shadowed"] = task(original)
    assert problem.code == "unreachable-function"


def test_all_mistakes_are_told_at_once() -> None:
    def example(path: str) -> None:
        rows = load(pth=path)  # type: ignore[call-arg]
        load(rows, limit="x")  # type: ignore[arg-type]
        use(a=object())

    line = example.__code__.co_firstlineno
    problems = problems_of(example)
    assert [problem.code for problem in problems] == ["unknown-argument", "wrong-type", "not-plain"]
    assert [problem.place.rpartition(":")[2] for problem in problems] == [str(line + n) for n in (1, 2, 3)]


# --- parameters -------------------------------------------------------------------------------------------------------


def test_parameters_have_types_and_defaults() -> None:
    def example(
        path: str,
        since: date = "2026-01-31",
        rate: float = 1,
        config: Config = Config(2),
        x=None,  # type: ignore
    ) -> None:
        load(path)

    assert graph_of(example).params == (
        Parameter("path", Type("str"), MISSING),
        Parameter("since", Type("date"), date(2026, 1, 31)),
        Parameter("rate", Type("float"), 1.0),
        Parameter("config", Type(f"{__name__}.Config"), {"depth": 2, "since": None}),
        Parameter("x", ANY, None),
    )


def test_wrong_defaults_are_told_at_once() -> None:
    def example(n: int = "x", frame: Any = Unplain(), *more: int) -> None:  # type: ignore[assignment]  # noqa: B008
        load("a")

    problems = problems_of(example)
    assert [problem.code for problem in problems] == ["wrong-type", "not-plain", "bad-parameter"]


def test_the_pipeline_keeps_its_options() -> None:
    def example() -> None:
        """What it does.

        And more.
        """
        load("a")

    graph = graph_of(example, name="nightly", schedule="0 2 * * *", tags=["a"], owner="ann", timeout=60, parallelism=3)
    assert (graph.name, graph.schedule, graph.timeout, graph.parallelism) == ("nightly", "0 2 * * *", 60, 3)
    assert graph.description == "What it does."
    assert graph.labels["tags"] == ["a"]
    assert graph.labels["owner"] == "ann"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shedule": "x"}, "no option 'shedule'"),
        ({"timeout": -1}, "'timeout'"),
        ({"parallelism": 0}, "'parallelism'"),
        ({"outcome": "leafs"}, "is not one of 'any_failure', 'leaves'"),
    ],
)
def test_wrong_pipeline_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        pipeline(**options)(test_the_pipeline_keeps_its_options)


def test_a_pipeline_is_not_called_like_a_function() -> None:
    @pipeline
    def example() -> None:
        load("a")

    with pytest.raises(DefinitionError, match="called outside of a pipeline") as caught:
        example()
    assert "tidemill run" in caught.value.remedy
    assert "tidemill.testing, `def test_it(tidemill): tidemill.run(example)`" in caught.value.remedy


def test_traced_values_do_not_leave_their_pipeline() -> None:
    kept: list[Any] = []

    def first() -> None:
        kept.append(load("a"))

    def second() -> None:
        use(a=kept[0])

    graph_of(first)
    assert "belongs to another pipeline" in problem_of(second).message
    with pytest.raises(DefinitionError, match="called outside of a pipeline with"):
        load(kept[0])


def test_a_trace_inside_a_trace_is_refused() -> None:
    @pipeline
    def inner() -> None:
        load("a")

    def outer() -> None:
        trace(inner)

    assert "under way already" in problem_of(outer).message


@task
def number_of(rows: Dataset) -> int:
    return len(rows)


@task
def titled(title: str) -> str:
    return title


@task
def half_annotated(rows, config: dict[str, int]):  # type: ignore[no-untyped-def]
    return rows


@task
def any_keyword(one: int, **others: int) -> int:
    return one


def test_everything_wrong_with_a_definition_is_told_at_once_in_the_order_of_its_lines() -> None:
    def example() -> None:
        rows = load(mode="x")  # type: ignore[call-arg]
        number = number_of(rows)
        titled(number)
        if number > 3:
            number_of(rows)

    found = problems_of(example)
    lines = [int(problem.place.rpartition(":")[2]) for problem in found]
    assert lines == sorted(lines)
    assert {problem.code for problem in found} >= {"unknown-argument", "wrong-type"}
    assert any("is int, not str" in problem.message for problem in found), "edges are judged although a call is wrong"
    assert any("known only when the run is under way" in problem.message for problem in found)


def test_a_function_that_is_annotated_in_part_takes_all_of_its_parameters() -> None:
    def example() -> None:
        half_annotated(1, config={"a": 1})
        any_keyword(one=1, other=2)

    assert check(graph_of(example)) == []
