"""A run's memory from the rows of a real database: what had ended counts, and is read only when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from sqlalchemy import delete, update

from tests.contract.engine_bench import Bench
from tests.unit.engine.simulation import pipeline, task
from tidemill.core.bindings import Collect, Const, Item
from tidemill.core.graph import Each, Over
from tidemill.core.history import RunRecord
from tidemill.core.instances import Key
from tidemill.core.states import TaskState
from tidemill.engine.moves import AttemptStarted
from tidemill.engine.progress import Progress
from tidemill.engine.recover import load
from tidemill.storage.metadata import tables, task_runs
from tidemill.storage.metadata.errors import RowDamaged

Open: TypeAlias = Callable[..., Bench]


@pytest.fixture
def open_bench(database_url: str, tmp_path: Path) -> Iterator[Open]:
    opened: list[Bench] = []

    def open_one() -> Bench:
        opened.append(Bench(tmp_path / "home", database_url, slots=12))
        return opened[-1]

    yield open_one
    for bench in opened:
        bench.die()


def go_on(bench: Bench, run: RunRecord) -> None:
    bench.hold(run)
    bench.turns()


def memory(bench: Bench, run: RunRecord) -> Progress:
    return load(bench.app.database, run.id, 1, bench.clock.now()).progress


def test_a_run_whose_every_row_has_ended_is_not_begun_anew(open_bench: Open) -> None:
    bench = open_bench()
    run = bench.start(pipeline(task("a"), task("b", "a")))
    bench.end("a", 1)
    bench.die()
    second = open_bench()
    with second.app.database.write() as connection:
        # As if the engine had gone away before the second task was ever started.
        for table in (tables.attempts, tables.task_runs):
            connection.execute(delete(table).where(table.c.run == run.id, table.c.path == "b"))
    go_on(second, run)
    assert second.names == ["b"]
    assert second.finish(run).state.value == "succeeded"


def test_attempts_are_numbered_on_after_those_that_have_ended(open_bench: Open) -> None:
    bench = open_bench()
    run = bench.start(pipeline(*(task(f"t{number:02}") for number in range(12)), task("last", "t00")))
    for number in range(12):
        bench.end(f"t{number:02}", number)
    bench.die()
    second = open_bench()
    assert memory(second, run).attempt_number == 13
    assert memory(second, run).open_attempts.keys() == {Key("last")}


def test_a_half_done_map_goes_on_with_what_has_not_ended(open_bench: Open) -> None:
    each = Each((Over("x", Const(list(range(20)))),))
    graph = pipeline(task("one", each=each, inputs={"x": Item("x")}), task("all", inputs={"xs": Collect("one")}))
    bench = open_bench()
    run = bench.start(graph)
    for number in range(7):
        bench.end(f"one[{number}]", number)
    bench.die()
    second = open_bench()
    go_on(second, run)
    assert second.finish(run).state.value == "succeeded"
    begun = [move.record for move in second.told if isinstance(move, AttemptStarted)]
    assert not {record.instance for record in begun if record.path == "one"} & {f"{number}.0" for number in range(7)}
    assert [record.number for record in begun if record.path == "all"] == [1]
    with second.app.database.read() as connection:
        (row,) = task_runs.history(connection, run.id, "one", "3.0")
    assert (row.state, row.outputs, row.attempts) == (TaskState.SUCCEEDED, {"result": 3}, 1)


def test_what_has_ended_is_found_damaged_when_somebody_asks_for_it(open_bench: Open) -> None:
    bench = open_bench()
    run = bench.start(pipeline(task("a"), task("b")))
    bench.end("a", 1)
    rows = tables.task_runs
    with bench.app.database.write() as connection:
        connection.execute(update(rows).where(rows.c.run == run.id, rows.c.path == "a").values(outputs="{"))
    progress = memory(bench, run)
    assert progress.units.take_over(Key("a")) is TaskState.SUCCEEDED
    with pytest.raises(RowDamaged, match="column outputs of table task_runs"):
        progress.units[Key("a")]
