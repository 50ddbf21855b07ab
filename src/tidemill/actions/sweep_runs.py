"""The runs of a sweep: submitted and carried side by side by this process, or gone on with where they stand.

Each has a request key made of the experiment and its parameters, so calling again finds what is there already.
"""

from __future__ import annotations

import re
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tidemill.actions.comparing import EXPERIMENT, POSITION
from tidemill.actions.runs import Running, actor, cancel_run, submit_run
from tidemill.actions.sweep import Combination, Sweep
from tidemill.app import App
from tidemill.core.errors import InputError, StateError
from tidemill.core.graph import Pipeline
from tidemill.core.graph_json import pipeline_digest
from tidemill.core.history import RunRecord
from tidemill.core.states import RunState
from tidemill.engine.held import Held
from tidemill.engine.loop import Engine, Watcher
from tidemill.engine.moves import Move
from tidemill.engine.ownership import Observer, Owner
from tidemill.engine.recover import load, reopen, take, take_lapsed
from tidemill.engine.submit import Submission, submit
from tidemill.executors.early import Early
from tidemill.storage.metadata import runs

LONGEST_NAME = 100
_AHEAD = 2
"""Runs that are held for each slot: while one waits for a result to be looked up another can use the slot."""


class Stand(Enum):
    """Where a combination stands. The words of states are those of runs."""

    WAITING = "waiting"
    RUNNING = "running"
    ELSEWHERE = "elsewhere"  # another engine carries it
    LEFT = "left"  # it cannot be carried on here
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        return self in _OVER


_OVER = frozenset({Stand.LEFT, Stand.SUCCEEDED, Stand.FAILED, Stand.CANCELLED})
_ENDS = {RunState.SUCCEEDED: Stand.SUCCEEDED, RunState.FAILED: Stand.FAILED, RunState.CANCELLED: Stand.CANCELLED}


@dataclass(slots=True)
class Member:
    """One combination with its run, if there is one yet. `before`: it had ended before this call, and stays so."""

    combination: Combination
    key: str
    run: RunRecord | None = None
    stand: Stand = Stand.WAITING
    before: bool = False
    problem: str = ""


Tell = Callable[[Member], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to do with a sweep. `more` are further fields of a `Submission`."""

    experiment: str
    executor: str = ""
    retry_failed: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)


def named(pipeline: Pipeline, name: str, tags: Mapping[str, str]) -> str:
    """The name of the experiment, drawn if none is given. Raises InputError for one that cannot be one."""
    for tag in (EXPERIMENT, POSITION):
        if tag in tags:
            raise InputError(
                f"the tag {tag!r} is set by the sweep itself", remedy="leave it out; --experiment names it"
            )
    if not name:
        return f"{re.sub(r'[^A-Za-z0-9_.-]', '-', pipeline.name)[:60]}-{uuid.uuid4().hex[:6]}"
    if len(name) > LONGEST_NAME or not name.isprintable() or name.strip() != name:
        raise InputError(
            f"{name!r} is no name for an experiment", remedy=f"write at most {LONGEST_NAME} characters in one line"
        )
    return name


def members(app: App, sweep: Sweep, wanted: Wanted) -> list[Member]:
    """Every combination as it stands now."""
    found = [Member(one, one.key(wanted.experiment)) for one in sweep.combinations]
    with app.database.read() as connection:
        known = runs.requested(connection, app.settings.team, [one.key for one in found])
    for one in found:
        one.run = known.get(one.key)
        ended = _ENDS.get(one.run.state) if one.run is not None else None
        if ended is Stand.SUCCEEDED or (ended is Stand.FAILED and not wanted.retry_failed):
            one.stand, one.before = ended, True
    return found


def outdated(pipeline: Pipeline, found: Sequence[Member]) -> int:
    """How many of the runs are of an earlier definition of the pipeline."""
    now = pipeline_digest(pipeline)
    return sum(one.run is not None and one.run.definition != now for one in found)


def submit_sweep(app: App, pipeline: Pipeline, found: Sequence[Member], wanted: Wanted) -> None:
    """Store the runs that are not there yet for whichever engine serves."""
    for one in found:
        if one.run is None:
            fields = _fields(wanted, one)
            one.run = submit_run(app, pipeline, one.combination.params, executor=wanted.executor, **fields)


def carry_sweep(
    app: App,
    pipeline: Pipeline,
    found: Sequence[Member],
    wanted: Wanted,
    tell: Tell = lambda member: None,
    watch: Watcher | None = None,
    begun: Callable[[Running], None] = lambda running: None,
    early: Early | None = None,
) -> None:
    """Carry all that has not ended, side by side; what others carry is waited for. Members are changed as they go.

    `tell` hears of each change, `watch` of every move. A `Running` that is asked to cancel ends all of them.
    """
    carrier = app.executor(wanted.executor, early=early)
    owner = app.owner()
    try:
        crew = _Crew(app, pipeline, found, wanted, owner, tell, watch)
        engine = app.engine(carrier, owner, crew.watch, troubled=crew.troubled)
        try:
            running = Running(engine, "", actor())
            begun(running)
            crew.carry(engine, running, carrier.slots)
        finally:
            engine.close()
    finally:
        owner.close()


def cancel_rest(app: App, found: Sequence[Member]) -> None:
    """Record that what was under way here is over, after its engine has been closed."""
    for one in found:
        if one.run is not None and one.stand is Stand.RUNNING:
            one.run = cancel_run(app, one.run.id, "interrupted")
            one.stand = _ENDS.get(one.run.state, one.stand)


class _Crew:
    """The members of a sweep on one engine."""

    def __init__(
        self,
        app: App,
        pipeline: Pipeline,
        found: Sequence[Member],
        wanted: Wanted,
        owner: Owner,
        tell: Tell,
        watch: Watcher | None,
    ) -> None:
        self._app = app
        self._pipeline = pipeline
        self._wanted = wanted
        self._owner = owner
        self._tell = tell
        self._watch = watch
        self._waiting = deque(one for one in found if not one.stand.over)
        self._by_run: dict[str, Member] = {}
        length = app.settings.lease_seconds
        self._observer = Observer(length, max(length / 2, 2 * app.settings.sweep_seconds))
        self._sought = float("-inf")
        # The code of today, which a repeated task runs.
        self._code = pipeline.functions if pipeline.source is not None else None

    def carry(self, engine: Engine, running: Running, slots: int) -> None:
        told = 0
        while True:
            while told < running.asked:
                told += 1
                for run_id in [run_id for run_id in self._by_run if engine.holds(run_id)]:
                    engine.cancel(run_id, running.actor)
            while self._waiting and not running.asked and engine.room > 0 and engine.holding < _AHEAD * slots:
                self._begin(engine, self._waiting.popleft())
            self._look(engine)
            if not running.asked:
                self._inherit(engine)
            carried = [one for one in self._by_run.values() if not running.asked or one.stand is Stand.RUNNING]
            if not carried and (running.asked or not self._waiting):
                return
            engine.turn()

    def watch(self, run: RunRecord, moves: Sequence[Move]) -> None:
        member = self._by_run.get(run.id)
        if member is not None:
            member.run = run
        if self._watch is not None:
            self._watch(run, moves)

    def troubled(self, held: Held, problem: Exception) -> None:
        """One run that cannot be carried on is left as it is, and the others go on."""
        with self._app.database.write() as connection:
            runs.release(connection, held.run.id, self._owner.id, held.epoch)
        member = self._by_run.pop(held.run.id, None)
        if member is not None:
            member.problem = f"{type(problem).__name__}: {problem}"
            self._set(member, Stand.LEFT)

    def _begin(self, engine: Engine, member: Member) -> None:
        now = self._app.clock.now()
        run = member.run
        if run is None:
            run = member.run = submit(self._app.database, self._submission(member), now, self._owner.id)
        self._by_run[run.id] = member
        if not run.state.final:
            self._take(engine, member, take(self._app.database, run.id, self._owner))
            return
        try:
            held = reopen(self._app.database, run.id, self._owner, actor(), now, (), self._code)
        except StateError:
            # Somebody else was faster, and now it is as they have it.
            self._set(member, Stand.ELSEWHERE)
        else:
            self._hold(engine, member, held)

    def _take(self, engine: Engine, member: Member, epoch: int | None) -> None:
        """Go on with a run whose lease is ours since `epoch`; None says that it is somebody else's."""
        assert member.run is not None
        if epoch is not None:
            now = self._app.clock.now()
            self._hold(engine, member, load(self._app.database, member.run.id, epoch, now, self._code))
        elif member.stand is not Stand.ELSEWHERE:
            self._set(member, Stand.ELSEWHERE)

    def _hold(self, engine: Engine, member: Member, held: Held) -> None:
        member.run = held.run
        self._set(member, Stand.RUNNING)
        engine.hold(held)

    def _submission(self, member: Member) -> Submission:
        return Submission(
            self._pipeline,
            member.combination.params,
            team=self._app.settings.team,
            actor=actor(),
            executor=self._wanted.executor or self._app.settings.executor,
            **_fields(self._wanted, member),
        )

    def _look(self, engine: Engine) -> None:
        """See what has ended here, and what others have made of theirs."""
        elsewhere = [run_id for run_id, one in self._by_run.items() if not engine.holds(run_id) and not _final(one)]
        if elsewhere:
            with self._app.database.read() as connection:
                for run in runs.records(connection, self._app.settings.team, elsewhere):
                    self._by_run[run.id].run = run
        for run_id, member in list(self._by_run.items()):
            if engine.holds(run_id) or member.run is None:
                continue
            ended = _ENDS.get(member.run.state)
            if ended is not None:
                del self._by_run[run_id]
                self._set(member, ended)
            elif member.stand is Stand.RUNNING:
                self._set(member, Stand.ELSEWHERE)

    def _inherit(self, engine: Engine) -> None:
        """Go on with what others carried until they went away; looked for now and then."""
        now = self._app.clock.monotonic()
        others = {run_id: one for run_id, one in self._by_run.items() if one.stand is Stand.ELSEWHERE}
        if not others or now - self._sought < self._app.settings.sweep_seconds:
            return
        self._sought = now
        with self._app.database.read() as connection:
            leases = {lease.run: lease for lease in runs.held(connection) if lease.run in others}
        lapsed = {lease.run for lease in self._observer.lapsed(list(leases.values()), now)}
        for run_id, member in others.items():
            lease = leases.get(run_id)
            if lease is not None and run_id in lapsed:
                self._take(engine, member, take_lapsed(self._app.database, lease, self._owner))
            elif lease is None or self._owner.is_dead(lease.owner):
                self._take(engine, member, take(self._app.database, run_id, self._owner))

    def _set(self, member: Member, stand: Stand) -> None:
        member.stand = stand
        self._tell(member)


def _final(member: Member) -> bool:
    return member.run is not None and member.run.state.final


def _fields(wanted: Wanted, member: Member) -> dict[str, Any]:
    tags = {**wanted.tags, EXPERIMENT: wanted.experiment, POSITION: str(member.combination.number)}
    return {**wanted.more, "request_key": member.key, "tags": tags}
