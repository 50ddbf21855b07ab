"""Whether a run came to what it should, once, and left nothing behind: what is wrong, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.soak.graphs import Graph
from tidemill.app import App
from tidemill.core.causes import CauseKind
from tidemill.core.history import AttemptRecord, RunRecord, TaskKind, TaskRecord
from tidemill.core.instances import Key, instance_from
from tidemill.core.states import AttemptState, TaskState
from tidemill.storage.logs.files import log_path, read
from tidemill.storage.metadata import artifacts, attempts, effects, limits, runs, task_runs, variables
from tidemill.testing import events_of, gapless


@dataclass(frozen=True)
class Line:
    """One line of the outside ledger."""

    what: str
    attempt: str
    pid: int
    place: str


@dataclass(frozen=True)
class Kept:
    """What was recorded as succeeded when an engine had been killed, and how many lines the ledger had."""

    places: frozenset[str]
    lines: int


def lines_of(ledger: Path) -> list[Line]:
    if not ledger.exists():
        return []
    found = [line.split(" ", 3) for line in ledger.read_text().splitlines()]
    return [Line(what, attempt, int(pid), place) for what, attempt, pid, place in found]


def at_work(ledger: Path) -> set[int]:
    """The processes whose task has begun and not ended."""
    last = {line.pid: line.what for line in lines_of(ledger)}
    return {pid for pid, what in last.items() if what == "begin"}


def kept(app: App, run: RunRecord | None, ledger: Path) -> Kept:
    places = {_place(row) for row in _rows(app, run) if row.state is TaskState.SUCCEEDED} if run else set()
    return Kept(frozenset(places), len(lines_of(ledger)))


def run_is_wrong(app: App, run: RunRecord, graph: Graph, ledger: Path, known: list[Kept]) -> Iterator[str]:
    """`known` is empty if two engines had the run at once: then a task may be run by both."""
    rows, lines = _rows(app, run), lines_of(ledger)
    with app.database.read() as connection:
        tried = attempts.of_run(connection, run.id)
    yield from _outcome(run, rows, graph)
    yield from _once(rows, tried)
    yield from _ledger(tried, lines)
    yield from _never_twice(rows, lines, graph)
    for one in known:
        again = {line.place for line in lines[one.lines :] if line.what == "begin"} & one.places
        if again:
            yield f"had been recorded as succeeded and ran again: {sorted(again)}"
    if not gapless(events_of(app, run)):
        yield "the events are not numbered without a gap"
    yield from _acts(app, run, rows, graph)
    with app.database.read() as connection:
        made = [artifact for _, artifact in artifacts.of_run(connection, run.id)]
    yield from (f"artifact {one.id}: {wrong}" for one in made if (wrong := app.verify(one)))
    yield from _logs(app, rows, tried)


def home_is_wrong(app: App) -> Iterator[str]:
    """When no engine of it is left, and one more has buried the dead."""
    owner = app.owner()
    owner.bury_the_dead()
    owner.close()
    app.artifacts.bury_the_dead()
    with app.database.read() as connection:
        if held := runs.held(connection):
            yield f"leases are held by nobody: {held}"
        if free := list(runs.claimable(connection)):
            yield f"runs wait for an engine: {free}"
        if used := {key: use.used for key, use in limits.usage(connection, app.settings.team).items() if use.used}:
            yield f"slots of limits are not given back: {used}"
    for place in (app.settings.engines, app.settings.scratch, app.settings.home / "artifacts" / "tmp"):
        if left := sorted(found.name for found in place.glob("*")):
            yield f"left in {place.name}: {left}"


def _rows(app: App, run: RunRecord) -> list[TaskRecord]:
    with app.database.read() as connection:
        return [row for row in task_runs.load(connection, run.id) if row.path]


def _name(row: TaskRecord) -> str:
    return str(Key(row.path, instance_from(row.instance)))


def _place(row: TaskRecord | AttemptRecord) -> str:
    return f"{row.path}:{row.instance}"


def _outcome(run: RunRecord, rows: list[TaskRecord], graph: Graph) -> Iterator[str]:
    if run.state.value != graph.state:
        yield f"the run is {run.state.value}, not {graph.state}: {run.cause}"
    found = {_name(row): row for row in rows}
    for name, wanted in graph.tasks.items():
        row = found.get(name)
        if row is None:
            yield f"{name} is not recorded"
        elif wanted.once and row.state is TaskState.FAILED:
            if row.cause is None or row.cause.kind is not CauseKind.INFRASTRUCTURE:
                yield f"{name} failed by itself: {row.cause}"
        elif row.state.value != wanted.state:
            yield f"{name} is {row.state.value}, not {wanted.state}: {row.cause}"
        elif wanted.value is not None and row.outputs.get("result") != wanted.value:
            yield f"{name} gave {dict(row.outputs)}, not {wanted.value}"
    leaves = {name for name, row in found.items() if row.kind is TaskKind.LEAF}
    if more := leaves - graph.tasks.keys():
        yield f"nobody asked for {sorted(more)}"
    if unfinished := [name for name, row in found.items() if not row.state.final]:
        yield f"unfinished in a finished run: {unfinished}"


def _once(rows: list[TaskRecord], tried: list[AttemptRecord]) -> Iterator[str]:
    if unfinished := [one.id for one in tried if not one.state.final]:
        yield f"attempts without an end: {unfinished}"
    succeeded = Counter((_place(one), one.generation) for one in tried if one.state is AttemptState.SUCCEEDED)
    expected = Counter((_place(row), row.generation) for row in rows if _ran(row))
    if succeeded != expected:
        yield f"succeeded attempts and task runs differ: {succeeded - expected}, {expected - succeeded}"


def _ran(row: TaskRecord) -> bool:
    """Whether it succeeded by an attempt: not by waiting, and not by a result that was there."""
    waits = row.attempts == 0
    return row.kind is TaskKind.LEAF and row.state is TaskState.SUCCEEDED and not row.reused_from and not waits


def _never_twice(rows: list[TaskRecord], lines: list[Line], graph: Graph) -> Iterator[str]:
    begun = Counter(line.place for line in lines if line.what == "begin")
    for row in rows:
        wanted = graph.tasks.get(_name(row))
        if wanted is not None and wanted.once and begun[_place(row)] > 1:
            yield f"{_name(row)} was never to be run twice and began {begun[_place(row)]} times"


def _ledger(tried: list[AttemptRecord], lines: list[Line]) -> Iterator[str]:
    known = {one.id: _place(one) for one in tried}
    begun = Counter(line.attempt for line in lines if line.what == "begin")
    ended = Counter(line.attempt for line in lines if line.what == "end")
    for line in lines:
        if known.get(line.attempt) != line.place:
            yield f"{line.place} ran as attempt {line.attempt}, which is not recorded"
    if twice := [attempt for attempt, count in begun.items() if count > 1]:
        yield f"attempts that began twice: {twice}"
    for one in tried:
        if one.state is AttemptState.SUCCEEDED and ended[one.id] != 1:
            yield f"{_place(one)} succeeded as {one.id}, and came to its end {ended[one.id]} times"


def _acts(app: App, run: RunRecord, rows: list[TaskRecord], graph: Graph) -> Iterator[str]:
    for row in rows:
        wanted = graph.tasks.get(_name(row))
        if wanted is None or not wanted.acts or row.state is not TaskState.SUCCEEDED:
            continue
        answers = row.outputs["result"]
        with app.database.read() as connection:
            said = [variables.get(connection, run.team, f"{wanted.acts}.{n}") for n in range(len(answers))]
            done = [
                effects.answer(connection, run.id, row.path, row.instance, row.generation, ordinal + 1)
                for ordinal in range(len(answers) + 1)
            ]
        if said != answers:
            yield f"{_name(row)}: an effect was done twice: {said} is there, and {answers} was answered"
        if done[-1] is not None or [one.answer for one in done if one is not None] != answers:
            yield f"{_name(row)}: effects are recorded as {done}, and answered as {answers}"


def _logs(app: App, rows: list[TaskRecord], tried: list[AttemptRecord]) -> Iterator[str]:
    """What a task printed is in its log, in order, or the attempt says that something may be missing."""
    printed = {_place(row): row for row in rows if row.path.endswith("_printing")}
    for one in tried:
        if _place(one) not in printed or one.state is not AttemptState.SUCCEEDED:
            continue
        path = log_path(app.settings.logs, one.run, one.id)
        text = [record.text for record in read(path) if record.text.startswith("line ")] if path.exists() else []
        numbers = [int(line.split()[1]) for line in text]
        if numbers != sorted(set(numbers)):
            yield f"the log of {one.id} has lines twice, or not in order"
        count = int(text[0].split()[3]) if text else None
        if not one.notes and (count is None or len(numbers) != count):
            yield f"the log of {one.id} has {len(numbers)} of {count} lines, and no note says so"
