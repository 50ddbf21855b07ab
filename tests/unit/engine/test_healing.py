"""What a task finds damaged is made anew by the task run that made it, and the run ends as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.engine.invariants import Invariants
from tests.unit.engine.simulation import Fail, Simulation, Stays, pipeline, task
from tests.unit.engine.storing import Storing
from tidemill.core.bindings import Collect, Const, Item, Output, Param, Status
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import (
    After,
    Cache,
    Call,
    Each,
    LostPolicy,
    Node,
    OnLost,
    Over,
    Retry,
    Role,
    Scope,
    Sub,
)
from tidemill.core.instances import Key
from tidemill.core.records import Artifact, Report, Steer
from tidemill.core.states import AttemptState, TaskState
from tidemill.core.types import Parameter
from tidemill.core.values import ArtifactRef
from tidemill.engine.former import ids_in
from tidemill.engine.moves import CacheAnswered, Forget, Noted, Reported
from tidemill.planning.facts import CacheHit


class Shelf(Storing):
    """A run of which everything that tasks made so far can be damaged at once."""

    def damage(self, *paths: str) -> None:
        for unit in self.progress.units.values():
            if unit.key.path in paths:
                self.damaged |= {self.contents[id] for id in ids_in(unit.outputs)}

    def told(self) -> list[str]:
        found = [move for move in self.moves if isinstance(move, Noted) and move.kind == "artifact.damaged"]
        return [f"{move.key}: {move.payload['then']}" for move in found]


def shelf(*nodes: Node, script: Any = None, slots: int = 4, **options: Any) -> Shelf:
    run = Shelf(pipeline(*nodes, **options), script, slots)
    run.watch = Invariants()
    return run


def until(*paths: str) -> Callable[[Simulation], bool]:
    """Until these have succeeded."""
    return lambda run: all(
        any(row.path == path and row.state is TaskState.SUCCEEDED for row in run.ledger.newest()) for path in paths
    )


def damaged_after(run: Shelf, *paths: str) -> Shelf:
    run.run(until=until(*paths))
    run.damage(*paths)
    run.go_on()
    return run


def test_what_is_damaged_is_made_anew_and_the_run_goes_on() -> None:
    run = damaged_after(shelf(task("load"), task("train", "load"), task("show", "train")), "load")
    assert run.state == "succeeded"
    assert [told.path for told in run.started] == ["load", "train", "load", "train", "show"]
    assert run.told() == ["train: load is run again"]
    assert [
        (row.generation, row.state.value) for (path, _, _), row in sorted(run.ledger.tasks.items()) if path == "load"
    ] == [
        (0, "succeeded"),
        (1, "succeeded"),
    ]
    assert (run.ledger.row(Key("train")).generation, run.ledger.row(Key("train")).attempts) == (0, 2)
    assert run.ledger.row(Key("train")).failures == 0, "the task has done nothing wrong"
    (forgotten,) = [move for move in run.moves if isinstance(move, Forget)]
    assert forgotten.artifacts == ("r.1.1",)


def test_the_cause_is_told_while_it_is_mended() -> None:
    run = shelf(task("load"), task("train", "load"))
    run.run(until=until("load"))
    run.damage("load")
    run.go_on(lambda run: run.of("train") == "retrying")
    assert run.cause("train").message == "r.1.1 is damaged; it waits for load to run again"
    row = run.ledger.row(Key("load"))
    assert (row.state, row.generation) == (TaskState.READY, 1)
    assert row.cause is not None
    assert (row.cause.message, row.cause.by) == ("a flipped byte; train needs it", "engine")


def test_several_who_find_the_same_damage_lead_to_one_healing() -> None:
    readers = [task(f"r{n}", "load") for n in range(8)]
    run = damaged_after(shelf(task("load"), *readers), "load")
    assert run.state == "succeeded"
    assert len(run.ran("load")) == 2
    # Four were out; those that had not begun are not sent to find the same.
    assert run.told() == [f"r{n}: load is run again" for n in range(4)]
    assert sorted(len(run.ran(f"r{n}")) for n in range(8)) == [1, 1, 1, 1, 2, 2, 2, 2]


def test_damage_in_a_chain_is_mended_from_its_beginning() -> None:
    graph = (task("a"), task("b", "a"), task("c", "b"), task("d", "c"))
    run = damaged_after(shelf(*graph), "a", "b", "c")
    assert run.state == "succeeded"
    assert [told.path for told in run.started] == ["a", "b", "c", "d", "c", "b", "a", "b", "c", "d"]


def test_a_second_damage_of_the_same_output_fails_with_its_cause() -> None:
    run = shelf(task("load"), task("first", "load"), task("second", "load", after=(After("first"),)))
    run.run(until=until("load"))
    run.damage("load")
    run.go_on(until("first"))
    run.damage("load")
    run.go_on()
    assert run.state == "failed"
    assert run.told() == [
        "first: load is run again",
        "second: not made anew: load was run again once already in this run",
    ]
    assert run.cause("second").message == (
        "r.3.1 is damaged; it was not made anew: load was run again once already in this run; "
        "`tidemill retry r --also load` runs it all the same"
    )


def test_a_run_that_is_reopened_may_heal_once_more() -> None:
    run = shelf(task("load"), task("first", "load"), task("second", "load", after=(After("first"),)))
    run.run(until=until("load"))
    run.damage("load")
    run.go_on(until("first"))
    run.damage("load")
    run.go_on()
    assert run.reopened().run().state == "succeeded"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"on_lost": OnLost(LostPolicy.NEVER)}, "load must never run twice"),
        ({"role": Role.SETUP}, "load is a setup"),
        ({"body": Call(task("load").body.function, acts=True)}, "load has effects, which would happen twice"),  # type: ignore[union-attr]
    ],
)
def test_what_must_not_run_twice_is_not_run_again(options: Any, why: str) -> None:
    run = damaged_after(shelf(replace(task("load"), **options), task("train", "load", retry=Retry(1))), "load")
    assert run.state == "failed"
    assert len(run.ran("load")) == 1
    assert len(run.ran("train")) == 2, "its own retries are its own affair"
    assert run.told() == [f"train: not made anew: {why}"] * 2
    assert why in run.cause("train").message
    assert "`tidemill retry r --also load`" in run.cause("train").message


def test_who_had_effects_is_not_run_again_whoever_goes_on() -> None:
    run = shelf(task("load"), task("train", "load"))
    run.run(until=until("load"))
    run.progress.acted.add((Key("load"), 0))
    run.damage("load")
    run.go_on()
    assert run.told() == ["train: not made anew: load has effects, which would happen twice"]


def test_what_a_teardown_has_taken_away_cannot_be_made_anew() -> None:
    run = shelf(
        task("create", role=Role.SETUP),
        task("work", after=(After("create"),)),
        task("delete", after=(After("work"),), role=Role.TEARDOWN, setups=("create",)),
        task("show", "work", after=(After("delete"),)),
    )
    damaged_after(run, "work", "delete")
    assert run.told() == ["show: not made anew: delete has taken away what work relies on"]
    assert run.state == "failed"


def test_what_decides_what_follows_it_is_not_asked_again() -> None:
    def script(told: Any) -> Any:
        return told.path

    run = shelf(task("branch"), task("a", "branch"), task("b", "branch"), script=script)
    run.run(until=until("branch"))
    run.progress.units[Key("branch")].steer = Steer(follow=("a",))
    run.damage("branch")
    run.go_on()
    assert run.told()[0] == "a: not made anew: branch has decided what follows it"


def test_when_the_maker_fails_those_who_wait_fail_with_it() -> None:
    asked: list[str] = []

    def script(told: Any) -> Any:
        asked.append(told.path)
        return Fail("the source is gone") if asked.count("load") == 2 and told.path == "load" else told.path

    run = shelf(task("load"), task("train", "load"), task("never", "load", after=(After("train"),)), script=script)
    damaged_after(run, "load")
    assert (run.state, run.of("load"), run.of("train"), run.of("never")) == (
        "failed",
        "failed",
        "failed",
        "upstream_failed",
    )
    assert run.cause("train").message == "r.1.1 is damaged; load was run again and failed: the source is gone"


def test_the_maker_is_tried_again_as_its_policy_says() -> None:
    tries: list[str] = []

    def script(told: Any) -> Any:
        tries.append(told.path)
        return Fail() if tries.count("load") == 2 and told.path == "load" else told.path

    run = damaged_after(shelf(task("load", retry=Retry(1, delay=60)), task("train", "load"), script=script), "load")
    assert (run.state, len(run.ran("load"))) == ("succeeded", 3)


def test_other_bytes_are_for_those_who_wait_and_others_keep_what_they_had() -> None:
    versions = iter(["one", "two"])
    run = shelf(
        task("load"),
        task("early", "load"),
        task("late", "load", after=(After("early"),)),
        script=lambda told: next(versions) if told.path == "load" else f"{told.path} of {told.inputs['load']}",
    )
    run.run(until=until("early"))
    run.damage("load")
    run.go_on()
    assert run.state == "succeeded"
    found = {row.path: run.loaded(dict(row.outputs))["result"] for row in run.ledger.newest() if row.path}
    assert found == {"load": "two", "early": "early of one", "late": "late of two"}


def deep() -> tuple[Node, ...]:
    """`s/load` is read as what the scope gives, as what another scope was given, and as an item of a map."""
    inner = task("load")
    gives = Node("s", Sub(Scope((inner,), (), {"rows": Output("s/load")})))
    uses = task("use", inputs={"rows": Param("rows", "t")})
    takes = Node(
        "t",
        Sub(Scope((task("first"), replace(uses, after=(After("t/first"),))), (Parameter("rows"),), {})),
        inputs={"rows": Output("s", "rows")},
    )
    return gives, takes, task("end", inputs={"rows": Output("s", "rows")}, after=(After("t"),))


@pytest.mark.parametrize("cut", [None, 0, 1, 2, 3, 4, 5, 6])
def test_those_who_were_given_the_old_content_get_the_new(cut: int | None) -> None:
    versions = iter(["one", "two", "three"])
    run = shelf(*deep(), script=lambda told: next(versions) if told.path == "s/load" else str(told.inputs.get("rows")))
    run.run(until=until("t/first"))
    run.damage("s/load")
    steps = 0
    while not run.progress.state.final:
        if steps == cut:
            run = run.crash()  # type: ignore[assignment]
        assert run.step()
        steps += 1
    assert run.state == "succeeded"
    found = {row.path: run.loaded(dict(row.outputs)) for row in run.ledger.newest()}
    assert (
        found["t/use"]["result"] == found["end"]["result"] == found["s"]["rows"] == found["s/load"]["result"] != "one"
    )
    assert [row.generation for row in run.ledger.newest() if row.path in ("s", "s/load")] == [1, 1]


def test_of_a_map_only_the_instance_that_made_it_runs_again() -> None:
    each = Each((Over("n", Const([0, 1, 2])),))
    run = shelf(
        task("m", each=each, inputs={"n": Item("n")}),
        task("sum", inputs={"x": Collect("m")}),
        script=lambda told: f"{told.path} {told.inputs.get('n', '')}",
    )
    run.run(until=lambda run: run.states().get("m") == "succeeded")
    run.damaged.add("m 1")
    run.go_on()
    assert run.state == "succeeded"
    assert [told.index for told in run.ran("m")] == [0, 1, 2, 1]
    assert {str(key): row for key, row in run.states().items()}["m"] == "succeeded"


def test_an_instance_that_runs_again_does_not_hide_one_that_is_out() -> None:
    """With a window of one, two are open at a time: the one that heals, and the one whose turn it is."""
    each = Each((Over("n", Const([0, 1])),), parallelism=1)
    run = shelf(
        task("m", each=each, inputs={"n": Item("n")}),
        task("r", each=Each((Over("m", Output("m"), follow=True),)), inputs={"m": Item("m")}),
        script=lambda told: Stays() if (told.path, told.index) == ("m", 1) else f"{told.path} {told.index}",
    )
    run.run(until=until("m"))
    run.damage("m")
    run.script = lambda told: Stays() if told.path == "m" else f"{told.path} {told.index}"
    run.go_on(lambda run: len(run.ran("m")) == 3)
    assert {str(unit.key) for unit in run.progress.attempts.values()} == {"m[0]", "m[1]"}
    other = run.crash()
    other.script = lambda told: f"{told.path} {told.index}"
    assert other.go_on().state == "succeeded"


def test_a_result_that_was_reused_is_made_in_this_run() -> None:

    class Reusing(Shelf):
        def send(self, event: Any) -> None:
            if isinstance(event, CacheAnswered) and event.key.path == "load":
                self.progress.artifacts["old.1.1"] = Artifact("old.1.1", "str", digest="rows")
                self.contents["old.1.1"] = "rows"
                self.ledger.artifacts["old.1.1"] = self.progress.artifacts["old.1.1"]
                event = CacheAnswered(event.key, CacheHit({"result": ArtifactRef("old.1.1")}, "run old, load"))
            super().send(event)

    graph = replace(
        pipeline(task("load", cache=Cache()), task("train", "load"), task("also", "load")),
        functions={"user:load": "f1"},
    )
    run = Reusing(graph, lambda told: "rows" if told.path == "load" else told.path)
    run.watch = Invariants()
    run.run(until=until("load"))
    assert run.started == []
    run.damage("load")
    run.go_on()
    assert run.state == "succeeded"
    assert sorted(told.path for told in run.started) == ["also", "also", "load", "train", "train"]
    assert [move.artifacts for move in run.moves if isinstance(move, Forget)] == [("old.1.1",)]
    row = run.ledger.row(Key("load"))
    assert (row.generation, row.reused_from) == (1, "")


def test_the_content_of_another_run_is_not_made_here() -> None:
    run = shelf(task("train"), script=lambda told: Stays())
    run.run(until=lambda run: bool(run.started))

    (attempt,) = run.progress.attempts
    cause = Cause(CauseKind.DATA, "x.1.1 is gone")
    run.send(Reported(Report(attempt, AttemptState.FAILED, cause=cause, damaged={"x.1.1": "it is gone"})))
    assert run.of("train") == "failed"
    assert run.cause("train").message == (
        "x.1.1 is gone; it was not made anew: no task of this run made it; "
        "run again what made it, then `tidemill retry r`"
    )


def test_who_is_tried_again_meanwhile_is_not_told_of_the_repair() -> None:
    """`watch` reads how `load` ended while it is being run again."""
    mended: list[bool] = []

    def script(told: Any) -> Any:
        if told.path == "load" and run.progress.units[Key("load")].generation and not mended:
            return Stays()
        if told.path == "watch" and told.number == 1:
            return Fail() if len(run.ran("load")) == 2 else Stays()
        if told.path == "watch":
            mended.append(True)
        return str(told.inputs.get("state", told.path))

    watch = task("watch", inputs={"state": Status("load", ("state",))}, retry=Retry(1))
    run = shelf(task("load"), task("train", "load"), watch, script=script)
    damaged_after(run, "load")
    assert run.state == "succeeded"
    assert run.loaded(dict(run.ledger.row(Key("watch")).outputs)) == {"result": "succeeded"}
