"""Carries a case to its end on `decide` alone or in a whole application, and compares what came of it.

What came of a run is a dict from the names of its task runs to their ends, and how often each task was called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.matrix.behaviour import Answer, answer
from tests.matrix.generated import Case
from tests.matrix.reference import HAPPENS, Reference, World
from tests.matrix.reference_ends import Place, shown
from tests.matrix.reference_reopen import to_run_again
from tests.unit.engine.simulation import Simulation, Started
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import Container, UntilTrue, Wait
from tidemill.core.history import TaskRecord
from tidemill.core.instances import Key, instance_from
from tidemill.core.records import Pushed, Report, Steer, Wake
from tidemill.core.states import AttemptState, TaskState
from tidemill.core.values import ArtifactRef
from tidemill.engine.moves import Approved, Happened, PushedOutput

Ends: TypeAlias = "dict[str, tuple[str, Any, int, int | None]]"
"""By name: state, outputs, attempts, number of instances."""
MOST_STEPS = 5_000


@dataclass(frozen=True)
class Came:
    """What came of a run, the run itself under the empty name."""

    ends: Ends
    calls: dict[str, int] = field(default_factory=dict)


def came(rows: list[TaskRecord], calls: Mapping[str, int]) -> Came:
    """From the newest rows of a run."""
    return Came(
        {
            str(Key(row.path, instance_from(row.instance))): (
                row.state.value,
                nameless(dict(row.outputs)),
                row.attempts,
                row.count,
            )
            for row in rows
            if row.state is not TaskState.REMOVED
        },
        dict(calls),
    )


def nameless(value: Any) -> Any:
    """The value without the id of the run in it."""
    match value:
        case ArtifactRef(id=id):
            # Its name is of the run and of the generation of what made it.
            return f"artifact {id.partition('/')[2].partition('~')[0]}"
        case list():
            return [nameless(item) for item in value]
        case dict():
            return {key: nameless(item) for key, item in value.items()}
        case _:
            return value


# --- the reference ---


def expected(case: Case, seen: Came, again: Came | None = None, person: str = "ann") -> tuple[Came, Came | None]:
    """What must come of a case, and of its reopening. Where more than one end is right, the one that was `seen` is."""
    first = _reference(case, case.behaviours, seen, person)
    second = None if again is None else _reopened(case, first, again, person)
    return _came_of(first), None if second is None else _came_of(second)


def reopens(case: Case, first: Came) -> bool:
    return case.again is not None and (bool(case.also) or first.ends[""][0] == "failed")


def references(case: Case) -> list[Reference]:
    """The reading of a case, and of its reopening if it failed, along what `decide` made of it."""
    seen, again = played(case)
    first = _reference(case, case.behaviours, seen, "ann")
    return [first] if again is None else [first, _reopened(case, first, again, "ann")]


def _reopened(case: Case, first: Reference, seen: Came, person: str) -> Reference:
    repeated = to_run_again(first, case.also)
    kept = {place for place in first.ends if place[0] and place not in repeated}
    return _reference(case, case.again or {}, seen, person, first, lambda place: place in kept)


def _reference(
    case: Case,
    behaviours: Mapping[str, Any],
    seen: Came,
    person: str,
    before: Reference | None = None,
    kept: Callable[[Place], bool] = lambda place: False,
) -> Reference:
    def behave(path: str, items: list[int], nth: int, inputs: Mapping[str, Any]) -> Answer:
        return answer(behaviours.get(path, {}), path, items, nth, inputs)

    def observed(place: Place) -> str | None:
        return seen.ends[shown(place)][0] if shown(place) in seen.ends else None

    return Reference(case.graph, World(behave, case.approves, person, observed, kept, before), {"folder": ""}).run()


def _came_of(reference: Reference) -> Came:
    before = reference.world.before
    kept = {} if before is None else {place: end for place, end in before.ends.items() if reference.world.kept(place)}
    ends = {**kept, **reference.ends}
    return Came(
        {
            shown(place): (end.state, nameless(dict(end.outputs)), end.attempts, end.count)
            for place, end in ends.items()
        },
        dict(reference.calls),
    )


def difference(seen: Came, wanted: Came) -> str:
    """What is not as it must be, one line for each; "" if nothing is."""
    lines = []
    for what, one, other in (("", seen.ends, wanted.ends), ("calls of ", seen.calls, wanted.calls)):
        for name in sorted(one.keys() | other.keys()):
            if one.get(name) != other.get(name):
                lines.append(f"{what}{name or 'the run'}: {one.get(name)} instead of {other.get(name)}")
    return "\n".join(lines)


# --- decide alone ---


class Played(Simulation):
    """Attempts end as `behaviours` say; `calls` counts them by place."""

    def act(self, behaviours: Mapping[str, Any]) -> Played:
        self.behaviours, self.calls = behaviours, Counter[str]()
        return self

    def report(self, attempt: str, told: Started) -> Report:
        body = self.progress.wiring.site(told.path).node.body
        if isinstance(body, Container):
            return _failed(attempt, CauseKind.REFUSED)
        items = [step.item for step in told.instance]
        place = f"{told.path}{items}"
        self.calls[place] += 1
        inputs = {name: value for name, value in told.inputs.items() if name != "folder"}
        said = answer(self.behaviours.get(told.path, {}), told.path, items, self.calls[place], inputs)
        polls = isinstance(body, Wait) and isinstance(body.until, UntilTrue)
        for key, value in said.pushed.items() if not polls else ():
            self.send(PushedOutput(Pushed(attempt, key, value)))
        match said.word:
            case "ok":
                steer = None if said.follow is None else Steer(said.follow, transitive=said.transitive)
                return Report(attempt, AttemptState.SUCCEEDED, said.outputs, steer=steer)
            case "skip":
                return Report(attempt, AttemptState.SKIPPED, cause=Cause(CauseKind.CONDITION, "it was to be skipped"))
            case "later":
                return Report(attempt, AttemptState.SUSPENDED, wake=Wake(after_s=30.0))
            case "refuse":
                return _failed(attempt, CauseKind.REFUSED)
            case _:
                return _failed(attempt, CauseKind.USER_CODE)

    def play(self, case: Case) -> Came:
        """To the end. Raises RuntimeError for a run that does not come to one."""
        self.begin()
        for _ in range(MOST_STEPS):
            for unit in list(self.progress.units.values()):
                if unit.state is TaskState.SUSPENDED and unit.wake is not None:
                    if unit.wake.event == HAPPENS:
                        self.send(Happened(HAPPENS, payload="it happened"))
                    elif unit.wake.approval:
                        self.send(Approved(unit.key, case.approves(unit.key.path), "ann"))
            if not self.step():
                break
        if not self.progress.state.final:
            raise RuntimeError("it never ends")
        return came(self.ledger.newest(), self.calls)


def _failed(attempt: str, kind: CauseKind) -> Report:
    return Report(attempt, AttemptState.FAILED, cause=Cause(kind, "it was to fail"))


def played(case: Case, slots: int = 2) -> tuple[Came, Came | None]:
    """What comes of a case, and of its reopening if there is a reason for one, by `decide` alone."""
    run = Played(case.graph, slots=slots, params={"folder": ""}).act(case.behaviours)
    first = run.play(case)
    if not reopens(case, first):
        return first, None
    second = run.reopened(*case.also)
    assert isinstance(second, Played)
    return first, second.act(case.again or {}).play(case)


def disagreement(case: Case, slots: int = 2) -> str:
    """What `decide` makes of a case otherwise than the reference, in words; "" if nothing."""
    first, second = played(case, slots)
    wanted, wanted_again = expected(case, first, second)
    found = difference(first, wanted)
    if not found and second is not None and wanted_again is not None:
        found = difference(second, wanted_again)
        found = found and "after the reopening:\n" + found
    return found
