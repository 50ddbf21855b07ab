"""A machine that could not take a result is no failure of the task: it is tried again later, out of another budget."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.engine.invariants import Invariants
from tests.unit.engine.simulation import Fail, Simulation, pipeline, task
from tidemill.core.causes import CauseKind
from tidemill.core.clock import EPOCH
from tidemill.core.graph import LostPolicy, OnLost, Retry
from tidemill.core.instances import Key

FULL = Fail("there is no room left", CauseKind.INFRASTRUCTURE)


def run_of(full: int, **options: Any) -> Simulation:
    """The disk is full for the first tries."""
    run = Simulation(
        pipeline(task("train", **options), task("show", "train")),
        lambda told: FULL if told.path == "train" and told.number <= full else told.path,
    )
    run.watch = Invariants()
    return run.run()


@pytest.mark.parametrize(("full", "waited"), [(1, 5), (2, 35), (3, 215)])
def test_it_is_tried_again_after_growing_waits(full: int, waited: int) -> None:
    run = run_of(full)
    assert run.state == "succeeded"
    assert (run.clock.now() - EPOCH).total_seconds() == waited
    row = run.ledger.row(Key("train"))
    assert (row.attempts, row.failures, row.losses) == (full + 1, 0, full)


def test_not_for_ever() -> None:
    run = run_of(99)
    assert (run.state, len(run.ran("train"))) == ("failed", 4)
    assert run.cause("train").message == "there is no room left"
    assert run.cause("train").kind is CauseKind.INFRASTRUCTURE


def test_what_must_not_run_twice_does_not() -> None:
    run = run_of(1, on_lost=OnLost(LostPolicy.NEVER))
    assert (run.state, len(run.ran("train"))) == ("failed", 1)


def test_where_a_loss_counts_as_a_failure_so_does_this() -> None:
    run = run_of(1, on_lost=OnLost(LostPolicy.FAIL), retry=Retry(1, delay=60))
    assert run.state == "succeeded"
    assert (run.ledger.row(Key("train")).failures, (run.clock.now() - EPOCH).total_seconds()) == (1, 60)


def test_the_wait_outlives_the_engine() -> None:
    run = Simulation(pipeline(task("train")), lambda told: FULL if told.number == 1 else told.path)
    run.run(lambda run: run.of("train") == "retrying")
    other = run.crash().go_on()
    assert other.state == "succeeded"
    assert (other.clock.now() - EPOCH).total_seconds() == 5
