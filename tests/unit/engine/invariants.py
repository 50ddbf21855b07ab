"""What must hold after every single event of a run, whatever the graph."""

from __future__ import annotations

from tests.unit.engine.ledger import Ledger
from tests.unit.engine.simulation import Simulation
from tidemill.core.history import TaskKind
from tidemill.core.joins import Counts
from tidemill.core.states import TASK_MOVES, TaskState
from tidemill.engine.moves import Move, TaskMoved
from tidemill.engine.progress import ROOT
from tidemill.engine.tally import combined
from tidemill.engine.unit import Unit


class Invariants:
    """Call with a simulation and what one event led to."""

    def __init__(self, before: Ledger | None = None) -> None:
        self._states = {key: row.state for key, row in before.tasks.items()} if before is not None else {}

    def __call__(self, run: Simulation, moves: list[Move]) -> None:
        for move in moves:
            if isinstance(move, TaskMoved):
                self._legal(move)
        units = run.progress.units.values()
        ready = {unit.key for unit in units if unit.state is TaskState.READY}
        assert run.progress.ready.keys == ready, "the queue holds what is ready, and nothing else"
        attempts = {unit.attempt.id for unit in units if unit.attempt is not None}
        assert set(run.progress.attempts) == attempts
        for unit in units:
            self._unit(run, unit)
        self._tallies(run)
        if run.progress.state.final:
            assert [str(unit.key) for unit in units if not unit.state.final] == []
            assert not attempts
            open_attempts = [attempt.id for attempt in run.ledger.attempts.values() if not attempt.state.final]
            assert open_attempts == []

    def _legal(self, move: TaskMoved) -> None:
        row = move.record
        key = (row.path, row.instance, row.generation)
        before = self._states.get(key, TaskState.PENDING)
        # That something became ready follows from the rest and is not recorded.
        # And what was ready for having been woken is suspended once more for an engine that takes over.
        known = (before, TaskState.READY, *([TaskState.SUSPENDED] if before is TaskState.READY else []))
        assert move.old in known or row.path == "", (key, before, move.old)
        assert row.state in TASK_MOVES[move.old]
        self._states[key] = row.state

    @staticmethod
    def _unit(run: Simulation, unit: Unit) -> None:
        counts: Counts = unit.counts
        assert min(counts.open, counts.succeeded, counts.failed, counts.upstream_failed, counts.skipped) >= 0, unit.key
        assert unit.open >= 0
        if unit.state is TaskState.RUNNING and unit.kind is TaskKind.LEAF:
            assert unit.attempt is not None, f"{unit.key} runs without an attempt"
        if unit.state.final or unit.state is TaskState.PENDING:
            assert unit.attempt is None
        if unit.kind is TaskKind.LEAF or unit.state is not TaskState.RUNNING:
            return
        inside = run.progress.instances(unit) if unit.kind is TaskKind.MAP else run.progress.children(unit)
        assert unit.open == sum(not child.state.final for child in inside), unit.key
        assert unit.open or unit.key == ROOT, f"{unit.key} runs with nothing in it"

    @staticmethod
    def _tallies(run: Simulation) -> None:
        progress = run.progress
        for key, tally in progress.tallies.items():
            assert tally.open >= 0, key
            assert min(tally.ends.values(), default=0) >= 0, key
            if tally.open == 0:
                ends = progress.ends_below(progress.wiring.site(key.path), key.instance)
                assert combined(ends) is tally.state, (key, ends, tally.ends)
