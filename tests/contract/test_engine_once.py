"""What several tasks want at once, of one run, of several, or of several engines, is computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.engine_bench import Bench
from tests.unit.engine.simulation import Done, Fail, pipeline, task
from tidemill.core.bindings import Const, Item
from tidemill.core.graph import ONCE, Cache, Each, LimitUse, Over, Pipeline
from tidemill.core.history import EVERYTHING, RunRecord
from tidemill.core.records import Artifact
from tidemill.core.values import ArtifactRef, digest
from tidemill.storage.metadata import limits
from tidemill.storage.metadata.tables import limit_claims
from tidemill.storage.metadata.tables import limits as limits_table
from tidemill.testing import attempts_of, causes, events_of, gapless, outputs, states

Open = Callable[..., Bench]


@pytest.fixture
def open_bench(database_url: str, tmp_path: Path) -> Iterator[Open]:
    opened: list[Bench] = []

    def open_one(**more: Any) -> Bench:
        opened.append(Bench(tmp_path / "home", database_url, **more))
        return opened[-1]

    yield open_one
    for bench in opened:
        bench.die()


def kept(id: str = "slow", n: Any = 1, **options: Any) -> Any:
    return task(id, inputs={"n": Const(n)}, cache=Cache(), **options)


def graph(*nodes: Any) -> Pipeline:
    return pipeline(*nodes, functions={"user:slow": "f1", "user:other": "f2"})


ONE = graph(kept(), task("after", "slow"))


def nothing_is_left(bench: Bench) -> None:
    with bench.app.database.read() as connection:
        assert connection.execute(limit_claims.select()).all() == []
        names = [row.key for row in connection.execute(limits_table.select())]
        assert not [name for name in names if name.startswith(ONCE)]


def reused(bench: Bench, run: RunRecord, path: str = "slow") -> str:
    (event,) = [event for event in events_of(bench.app, run, "task.succeeded") if event.path == path]
    return str(event.payload.get("reused_from", ""))


def test_two_runs_of_one_engine(open_bench: Open) -> None:
    bench = open_bench()
    first, second = bench.start(ONE), bench.start(ONE)
    assert bench.names == ["slow"]
    assert bench.ticket("slow").facts.run == first.id
    (event,) = events_of(bench.app, second, "limit.refused")
    assert event.payload["by"] == f"{first.id}.1"
    bench.end("slow", 7)
    assert bench.names == ["after", "after"], "it goes on with the commit that keeps the result"
    assert outputs(bench.app, second, "slow") == {"result": 7}
    assert (reused(bench, first), reused(bench, second)) == ("", f"run {first.id}, slow")
    assert attempts_of(bench.app, second, "slow") == []
    assert [bench.finish(run).state.value for run in (first, second)] == ["succeeded", "succeeded"]
    assert gapless(events_of(bench.app, second))
    nothing_is_left(bench)


def test_the_same_twice_in_one_run(open_bench: Open) -> None:
    bench = open_bench()
    each = Each((Over("n", Const([4, 5, 4, 4])),))
    run = bench.start(graph(task("slow", each=each, inputs={"n": Item("n")}, cache=Cache())))
    assert bench.names == ["slow[0]", "slow[1]"]
    bench.end("slow[0]", 16)
    assert bench.names == ["slow[1]"]
    bench.end("slow[1]", 25)
    assert bench.state(run) == "succeeded"
    found = [outputs(bench.app, run, f"slow[{number}]")["result"] for number in range(4)]
    assert found == [16, 25, 16, 16]
    nothing_is_left(bench)


def test_who_waited_computes_what_the_other_could_not(open_bench: Open) -> None:
    bench = open_bench()
    runs = [bench.start(ONE) for _ in range(3)]
    bench.end("slow", Fail())
    assert bench.names == ["slow"]
    assert bench.ticket("slow").facts.run in {run.id for run in runs[1:]}
    bench.end("slow", 7)
    assert bench.names == ["after", "after"]
    assert "slow" in causes(bench.app, runs[0])
    ended = sorted(states(bench.app, run)["slow"] for run in runs)
    assert ended == ["failed", "succeeded", "succeeded"]
    nothing_is_left(bench)


def test_two_engines(open_bench: Open) -> None:
    one, other = open_bench(), open_bench()
    first, second = one.start(ONE), other.start(ONE)
    assert (one.names, other.names) == (["slow"], [])
    other.turns()
    assert other.names == []
    one.end("slow", 7)
    other.turns()
    assert other.names == ["after"]
    assert reused(other, second) == f"run {first.id}, slow"
    nothing_is_left(one)


def test_a_result_that_comes_between_the_question_and_the_claim(open_bench: Open) -> None:
    one, other = open_bench(), open_bench()
    first = one.start(ONE)
    second = other.submit(ONE)
    write = other.app.database.write

    def late() -> Any:
        # The cache was asked, and had nothing.
        if one.names == ["slow"] and other.engine._turns:
            one.end("slow", 7)
        return write()

    other.app.database.write = late  # type: ignore[method-assign]
    other.hold(second)
    other.turns()
    assert attempts_of(other.app, second, "slow") == []
    assert reused(other, second) == f"run {first.id}, slow"
    assert other.executor.started == ["after"]
    nothing_is_left(one)


def test_an_engine_that_dies_holds_nobody_up(open_bench: Open) -> None:
    one, other = open_bench(), open_bench()
    first, second = one.start(ONE), other.start(ONE)
    one.die()
    other.hold(first)
    other.turns()
    assert other.names == ["slow"], "one of the two, and not both"
    other.end("slow", 7)
    assert sorted(other.names) == ["after", "after"]
    assert {other.finish(run).state.value for run in (first, second)} == {"succeeded"}
    nothing_is_left(other)


def test_what_is_to_be_computed_anew_waits_for_nobody(open_bench: Open) -> None:
    bench = open_bench()
    bench.start(ONE)
    anew = bench.start(ONE, refresh=(EVERYTHING,))
    assert bench.names == ["slow", "slow"]
    bench.end("slow", 8, run=anew)
    (event,) = [event for event in events_of(bench.app, anew, "attempt.started") if event.path == "slow"]
    assert event.payload["cache_miss"] == "it was asked to be computed anew"
    assert reused(bench, anew) == ""


def test_what_is_computed_anew_and_lost_is_tried_again_whatever_has_been_kept(open_bench: Open) -> None:
    """Nobody waits for himself: what is kept is not what is wanted, and what is out with a dead engine holds nobody."""
    bench, other = open_bench(), open_bench()
    bench.finish(bench.start(ONE))
    anew = bench.start(ONE, refresh=("slow",))
    assert bench.names == ["slow"]
    bench.lose("slow")
    bench.turns()
    assert bench.names == ["slow"], "by the engine that lost it"
    bench.die()
    other.hold(anew)
    other.turns()
    assert other.names == ["slow"], "and by the one that goes on"
    assert other.finish(anew).state.value == "succeeded"
    nothing_is_left(other)


def test_a_scope_and_a_task_are_computed_anew_by_their_paths(open_bench: Open) -> None:
    bench = open_bench()
    both = graph(kept(), kept("other", 2))
    bench.finish(bench.start(both))
    run = bench.start(both, refresh=("other",))
    assert bench.names == ["other"]
    assert reused(bench, run).endswith("slow")


def test_a_result_that_is_there_and_damaged_is_computed_by_one_of_them(open_bench: Open) -> None:
    bench = open_bench()

    def made(id: str) -> Done:
        artifact = Artifact(id, "Dataset", digest=f"blake2b:{id}", kind="file")
        return Done({"result": ArtifactRef(id)}, artifacts=(artifact,))

    graph_of_one = graph(kept())
    before = bench.start(graph_of_one)
    bench.end("slow", made("old"))
    bench.engine._verify = lambda artifact: "it is gone" if artifact.id == "old" else ""
    first, second = bench.start(graph_of_one), bench.start(graph_of_one)
    assert bench.names == ["slow"]
    bench.turns(5)
    assert len(bench.executor.started) == 2, "what is damaged is not taken for the result that is awaited"
    bench.end("slow", made("new"))
    assert {bench.state(run) for run in (before, first, second)} == {"succeeded"}
    assert reused(bench, second) == f"run {first.id}, slow"
    (event,) = events_of(bench.app, first, "attempt.started")
    assert event.payload["cache_miss"] == "the kept result cannot be used: it is gone"
    nothing_is_left(bench)


def test_the_name_of_a_limit_cannot_stand_for_a_result(open_bench: Open) -> None:
    bench = open_bench()
    run = bench.start(graph(task("thief", limits=(LimitUse(Const(ONCE + digest({})), Const(1)),))))
    assert bench.state(run) == "failed"
    assert "which is for results that are kept" in causes(bench.app, run)["thief"].message


def test_claims_of_results_are_no_pools(open_bench: Open) -> None:
    bench = open_bench()
    bench.start(ONE)
    with bench.app.database.read() as connection:
        assert limits.usage(connection, "default") == {}
        (claim,) = connection.execute(limit_claims.select())
        assert limits.holder(connection, "default", claim.key) == claim.attempt
        assert limits.holder(connection, "other", claim.key) == ""
