"""Metrics of runs and conditions on runs: the same rows, the same answer, on every database."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.contract.metadata_records import NOW, TEAM, later, run, task
from tests.unit.core.test_filters import FILTERS
from tidemill import Metrics, each, pipeline
from tidemill import task as a_task
from tidemill.actions.artifacts import list_artifacts
from tidemill.actions.comparing import compare_runs
from tidemill.actions.filtering import Order, select_runs
from tidemill.actions.listing import list_runs
from tidemill.actions.show import show_run
from tidemill.core.bindings import FunctionRef
from tidemill.core.errors import InputError, NotFound
from tidemill.core.filter_text import parse_filter, parse_name
from tidemill.core.filters import Compare, Filter, Name, Op, Space, holds
from tidemill.core.graph import Call, Node, OutputSpec, Pipeline, Scope
from tidemill.core.history import TaskRecord
from tidemill.core.states import RunState, TaskState
from tidemill.core.types import Type
from tidemill.core.wiring import Wiring
from tidemill.storage.metadata import metrics, runs, selecting, task_runs
from tidemill.storage.metadata.database import Database
from tidemill.storage.metadata.selecting import Candidate
from tidemill.testing import InlineApp

MEASURED = {"result": OutputSpec(Type("Metrics"))}
SEVERAL = {"a": OutputSpec(Type("Metrics")), "b": OutputSpec(Type("Metrics")), "rest": OutputSpec()}


def node(id_: str, outputs: Mapping[str, OutputSpec]) -> Node:
    return Node(id_, Call(FunctionRef("steps", id_), outputs))


WIRING = Wiring(
    Pipeline(
        "churn", Scope((node("evaluate", MEASURED), node("both", SEVERAL), node("plain", {"result": OutputSpec()})))
    )
)


def ended(path: str, outputs: Mapping[str, Any], run_id: str = "r1", **fields: Any) -> TaskRecord:
    known: dict[str, Any] = {"state": TaskState.SUCCEEDED, "run": run_id, "outputs": outputs}
    return task(path, fields.pop("instance", ""), fields.pop("generation", 0), **(known | fields))


def save(database: Database, *rows: TaskRecord) -> None:
    with database.write() as connection:
        metrics.save(connection, TEAM, WIRING, rows)


def stored(database: Database, run_id: str = "r1") -> dict[str, float]:
    with database.read() as connection:
        found = metrics.of_runs(connection, TEAM, [run_id])
    return {metric.full_name: metric.value for metric in found.get(run_id, ())}


def test_numbers_come_back_as_they_were(database: Database) -> None:
    numbers = {"acc": 0.1, "n": 3, "yes": True, "huge": 10**400, "low": -math.inf, "bad\0name": 1.5, "none": math.nan}
    save(database, ended("evaluate", {"result": numbers}), ended("plain", {"result": {"acc": 1.0}}))
    found = stored(database)
    assert math.isnan(found.pop("evaluate.none"))
    assert found == {
        "evaluate.acc": 0.1,
        "evaluate.n": 3.0,
        "evaluate.yes": 1.0,
        "evaluate.huge": math.inf,
        "evaluate.low": -math.inf,
        "evaluate.bad\ufffdname": 1.5,
    }


def test_several_outputs_of_one_task_keep_their_names(database: Database) -> None:
    save(database, ended("both", {"a": {"x": 1.0}, "b": {"x": 2.0}, "rest": {"x": 3.0}}))
    assert stored(database) == {"both.a.x": 1.0, "both.b.x": 2.0}


def test_what_is_run_again_has_only_its_newest_numbers(database: Database) -> None:
    save(database, ended("evaluate", {"result": {"acc": 0.1, "old": 1.0}}, instance="2.0"))
    save(database, ended("evaluate", {"result": {"acc": 0.2}}, instance="2.1"))
    assert stored(database) == {"evaluate[2].acc": 0.2}
    save(database, ended("evaluate", {}, instance="2.1", generation=1, state=TaskState.RUNNING))
    assert stored(database) == {}
    first, again = (ended("evaluate", {"result": {"acc": n}}, generation=n) for n in (0, 1))
    save(database, first, again)
    assert stored(database) == {"evaluate.acc": 1.0}


@pytest.fixture
def populated(home: InlineApp) -> InlineApp:
    """Runs of two pipelines with parameters, tags, states and metrics of all sorts, one of another team."""
    states = [RunState.SUCCEEDED, RunState.FAILED, RunState.RUNNING, RunState.QUEUED]
    values = [0.5, math.nan, None, 0.9, math.inf, 0.7, -1.0, 0.9]
    with home.database.write() as connection:
        for n, value in enumerate(values):
            record = run(
                f"run{n}",
                pipeline="churn" if n % 3 else "other",
                state=states[n % 4],
                params={"depth": n % 5, "name": f"n{n}", "nested": {"rate": n / 10}},
                tags={"stage": "test"} if n % 2 else {},
                created_at=later(60 * n),
                started_at=later(60 * n + 1) if n % 4 != 3 else None,
                ended_at=later(60 * n + 1 + 10 * n) if n % 4 < 2 else None,
                actor="ann",
            )
            runs.insert(connection, record)
            rows = [] if value is None else [ended("evaluate", {"result": {"acc": value}}, record.id)]
            if n == 5:
                rows.append(ended("both", {"a": {"acc": 0.1}, "b": {}}, record.id))
                rows.append(ended("evaluate", {"result": {"acc": 0.8}}, record.id, instance="1.0"))
            metrics.save(connection, TEAM, WIRING, rows)
        runs.insert(connection, run("run-there", team="there", created_at=later(5)))
    home.leaping.advance_to(NOW + timedelta(hours=1))
    return home


def ids(app: InlineApp, text: str, **more: Any) -> list[str]:
    return [one.id for one in list_runs(app, filter=text, **more).runs]


ANSWERS = [
    ("metrics.acc > 0.6", "run7 run4 run3"),
    ("metrics.evaluate.acc > 0.6", "run7 run4 run3"),
    ("metrics.evaluate[1].acc > 0.6", "run5"),
    ("metrics.acc = inf", "run4"),
    ("metrics.acc < 0", "run6"),
    ("metrics.acc != 0.5 and not metrics.acc > 0", "run6 run1"),
    ("metrics.acc is nan", "run1"),
    ("metrics.acc is missing", "run5 run2"),
    ("not metrics.acc > 0.6", "run6 run5 run2 run1 run0"),
    ("params.depth = 2", "run7 run2"),
    ("params.nested.rate > 0.55", "run7 run6"),
    ("params.depth in (0, 1) and metrics.acc > 0.4", "run0"),
    ("tags.stage = test and pipeline = churn", "run7 run5 run1"),
    ("tags.stage is missing", "run6 run4 run2 run0"),
    ("state in (queued, running)", "run7 run6 run3 run2"),
    ("started is missing", "run7 run3"),
    ("not started > 2026-03-01T12:02:00+00:00", "run7 run3 run1 run0"),
    ("duration > 45s", "run6 run5 run2"),
    ("id like 'run_' and pipeline contains 'OTH'", "run6 run3 run0"),
    ("created > '58 minutes ago'", "run7 run6 run5 run4 run3"),
    ("pipeline < 'd'", "run7 run5 run4 run2 run1"),
]


@pytest.mark.parametrize(("text", "answer"), ANSWERS)
def test_a_filter_finds(populated: InlineApp, text: str, answer: str) -> None:
    assert ids(populated, text) == answer.split()


def test_an_order_puts_what_has_no_value_last_either_way(populated: InlineApp) -> None:
    assert ids(populated, "", sort="metrics.acc") == ["run6", "run0", "run7", "run3", "run4", "run1", "run5", "run2"]
    assert ids(populated, "", sort="metrics.acc", descending=True) == [
        "run4",
        "run7",
        "run3",
        "run0",
        "run6",
        "run1",
        "run5",
        "run2",
    ]
    assert ids(populated, "", sort="created", limit=2) == ["run0", "run1"]


def test_limits_and_what_is_left(populated: InlineApp) -> None:
    for text in ("metrics.acc > 0.6", "params.depth >= 0 and metrics.acc > 0.6"):
        found = list_runs(populated, filter=text, limit=2)
        assert ([one.id for one in found.runs], found.more) == (["run7", "run4"], True)
        assert not list_runs(populated, filter=text, limit=3).more


def test_ambiguous_and_unknown_metrics_are_told(populated: InlineApp) -> None:
    found = list_runs(populated, filter="metrics.acc > 0.6")
    (note,) = found.notes
    assert note == (
        "metrics.acc means several metrics in run run5, and counts as missing: evaluate.acc, evaluate[1].acc; "
        "write such as metrics.evaluate.acc"
    )
    assert list_runs(populated, filter="metrics.acc > 0.6 and state = running").notes == ()
    assert list_runs(populated, filter="metrics.ac > 0.6").notes == ("no run has a metric 'ac'; did you mean 'acc'?",)


def test_names_that_no_run_has_are_told_and_errors_name_the_option(populated: InlineApp) -> None:
    known = "did you mean 'evaluate[1].acc' or 'evaluate.acc'?"
    cases: list[tuple[dict[str, Any], str]] = [
        ({"sort": "params.depht"}, "no run has a parameter 'depht'; did you mean 'depth'?"),
        ({"columns": ["tags.stag"]}, "no run has a tag 'stag'; did you mean 'stage'?"),
        ({"filter": "metrics.evalute.acc > 0"}, f"no run has a metric 'evalute.acc'; {known}"),
        ({"sort": "metrics.los"}, "no run has a metric 'los'"),
        ({"pipeline": "chrun"}, "no run is of a pipeline 'chrun'; did you mean 'churn'?"),
    ]
    for more, note in cases:
        (told,) = list_runs(populated, **more).notes
        assert set(told.replace("?", "").split()) == set(note.replace("?", "").split())
    assert list_runs(populated, sort="params.nested.rate").notes == ()
    assert list_runs(populated, columns=["tags.stage"], limit=1, filter="tags.stage is missing").notes == ()
    with pytest.raises(InputError, match="there is no name 'depth'") as wrong:
        list_runs(populated, sort="depth")
    assert wrong.value.place == "column 1 of --sort"
    with pytest.raises(InputError, match="there is no name 'acc'") as wrong:
        list_runs(populated, columns=["acc"])
    assert wrong.value.place == "column 1 of --columns"


def _all(app: InlineApp) -> Iterator[Candidate]:
    clause = selecting.clause_of(None, TEAM, NOW)
    with app.database.read() as connection:
        found, _ = selecting.page(connection, TEAM, clause, [], NOW)
        numbers = metrics.of_runs(connection, TEAM, [one.id for one in found])
    for one in found:
        yield replace(one, metrics=numbers.get(one.id, ()), now=app.clock.now())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(Compare(Name(Space.METRICS, "\0"), Op.EQ, 0.0), "acc")
@example(Compare(Name(Space.METRICS, "a.\ud800"), Op.NE, 0.0), "acc")
@example(Compare(Name(Space.FIELD, "pipeline"), Op.NE, "\0"), "acc")
@given(FILTERS, st.sampled_from(["acc", "evaluate.acc", "both.a.acc"]))
def test_the_database_answers_as_each_run_does(populated: InlineApp, condition: Filter, name: str) -> None:
    with_metric = parse_filter(f"metrics.{name} >= 0.7")
    for asked in (condition, with_metric):
        now = populated.clock.now()
        by_hand = [one.id for one in _all(populated) if holds(asked, one.read, now)]
        found = select_runs(populated, asked, Order(parse_name("created"), True), (), 100)
        assert [one.run.id for one in found.found] == by_hand
        clause = selecting.clause_of(asked, TEAM, now)
        with populated.database.read() as connection:
            page, _ = selecting.page(connection, TEAM, clause, [], now)
        narrowed = [one.id for one in page]
        assert narrowed == by_hand if clause.exact else set(narrowed) >= set(by_hand)


def test_pages_are_joined(populated: InlineApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selecting, "PAGE", 3)
    assert ids(populated, "params.depth >= 0") == [f"run{n}" for n in range(7, -1, -1)]


# --- through the engine -----------------------------------------------------------------------------------------------


@a_task(cache=True)
def measured(x: float) -> Metrics:
    return {"acc": x, "loss": 1 - x}


@a_task
def breaks(numbers: Metrics, wrong: bool) -> None:
    assert not wrong


@pipeline
def once(x: float = 0.5, wrong: bool = False) -> None:
    breaks(measured(x), wrong)


@pipeline
def many() -> None:
    each(measured, over={"x": [0.25, 0.75]})


def test_a_reused_task_counts_for_the_run_that_reused_it(home: InlineApp) -> None:
    first, second = home.run(once), home.run(once)
    (listed,) = list_artifacts(home, second.id).artifacts
    assert (str(listed.task), listed.by.run, listed.reused) == ("measured", first.id, True)
    (shown,) = show_run(home, second.id).made
    assert (shown.artifact, shown.by, shown.reused) == (listed.artifact, listed.by, True)
    assert (
        stored(home.database, first.id)
        == stored(home.database, second.id)
        == {"measured.acc": 0.5, "measured.loss": 0.5}
    )


def test_what_is_taken_over_from_another_run_counts(home: InlineApp) -> None:
    first = home.run(once)
    with home.database.read() as connection:
        rows = [row for row in task_runs.load(connection, first.id) if row.path == "measured"]
    again = home.run(once, taken=tuple(replace(row, reused_from=first.id) for row in rows))
    assert stored(home.database, again.id) == stored(home.database, first.id) != {}


def test_tasks_that_a_run_has_no_more_are_forgotten(database: Database) -> None:
    save(database, ended("evaluate", {"result": {"acc": 1.0}}), ended("both", {"a": {"x": 1.0}, "b": {}}))
    with database.write() as connection:
        metrics.forget(connection, "r1", ["evaluate", "nothing"])
    assert stored(database) == {"both.a.x": 1.0}
    save(database, ended("both", {}, state=TaskState.REMOVED))
    assert stored(database) == {}


def test_a_reopened_run_has_each_metric_once(home: InlineApp) -> None:
    failed = home.run(once, {"wrong": True})
    again = home.retry(failed, "measured")
    assert again.generation == 1
    assert stored(home.database, failed.id) == {"measured.acc": 0.5, "measured.loss": 0.5}


def test_runs_are_compared(home: InlineApp) -> None:
    for x in (0.5, 0.75, 0.25):
        home.run(once, {"x": x}, tags={"experiment": "e", "sweep": str(x)})
    found = compare_runs(home, experiment="e", sort="acc")
    assert found.params == {"x": (0.75, 0.5, 0.25)}
    assert found.tags == {}
    assert found.same == {"wrong": False}
    assert [(one.name, one.best.value, one.winners) for one in found.measures] == [
        ("acc", "highest", frozenset({0})),
        ("loss", "lowest", frozenset({0})),
    ]
    assert compare_runs(home, experiment="e", sort="acc", minimize=["metrics.acc"]).measures[0].values == (
        0.25,
        0.5,
        0.75,
    )
    assert {run.id for run in list_runs(home, experiment="e").runs} == {run.id for run in found.runs}
    home.run(once, tags={"experiment": "depths"})
    (near,) = list_runs(home, experiment="dephts").notes
    assert near == "no run is of an experiment 'dephts'; did you mean 'depths'?"
    mapped = home.run(many)
    both = compare_runs(home, [found.runs[0].id, mapped.id])
    assert [one.name for one in both.measures] == [
        "measured.acc",
        "measured.loss",
        "measured[0].acc",
        "measured[0].loss",
        "measured[1].acc",
        "measured[1].loss",
    ]
    with pytest.raises(NotFound, match="there are no runs of experiment 'E'"):
        compare_runs(home, experiment="E")
    with pytest.raises(NotFound, match="these runs have no metric 'ac'"):
        compare_runs(home, experiment="e", sort="ac")
