"""What a report tells of a run, gathered once: plain values and texts, nothing that still has to be asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tidemill.actions.drawing.figure import figure_of
from tidemill.actions.logs import log_tail
from tidemill.actions.show import RunView, TaskView
from tidemill.app import App
from tidemill.cli import looks
from tidemill.cli.report.picture import counted, draw_standing, worst
from tidemill.cli.report.previews import Shown, shown
from tidemill.cli.report.spans import ROWS, Span, draw_timeline
from tidemill.cli.report.table import METRICS, Metrics, metrics_of
from tidemill.core.history import AttemptRecord, TaskKind
from tidemill.core.states import RunState, TaskState
from tidemill.storage.metadata.artifacts import Stored

FAILURES = 20
INSTANCES = 60
LINES = 150
PREVIEWS = 60
_TAIL = 60
_WRONG = (TaskState.FAILED, TaskState.UPSTREAM_FAILED, TaskState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table; `share` is the part of the longest row's time, from 0 to 1."""

    name: str
    depth: int
    state: str
    told: str
    tries: int
    took: str
    share: float
    cpu: str
    memory: str
    aside: str
    inside: tuple[Line, ...] = ()
    more: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    name: str
    message: str
    kind: str
    traceback: str
    log: tuple[str, ...]
    command: str


@dataclass(frozen=True, slots=True)
class Facts:
    pipeline: str
    run: str
    state: str
    cause: str
    header: tuple[tuple[str, str], ...]
    tiles: tuple[tuple[str, str], ...]
    graph: str
    timeline: str
    timeline_rest: int
    lines: tuple[Line, ...]
    lines_rest: tuple[Line, ...]
    maps: tuple[Line, ...]
    failures: tuple[Failure, ...]
    failures_rest: int
    metrics: tuple[Metrics, ...]
    previews: tuple[Shown, ...]
    previews_rest: int
    written: str


def gather(
    app: App, view: RunView, previews: Sequence[Stored], header: Sequence[tuple[str, str]], now: datetime
) -> Facts:
    """`previews` are the first artifacts of the run that are no metrics; `now` is the moment of writing."""
    tasks: dict[str, list[TaskView]] = {}
    for task in view.tasks:
        tasks.setdefault(task.key.path, []).append(task)
    rows = _spans(view, tasks, now)
    failed = [task for task in view.tasks if task.state is TaskState.FAILED and task.kind is TaskKind.LEAF]
    lines, rest = _split(tuple(_lines(tasks)))
    others = sum(1 for one in view.made if one.artifact.type != METRICS)
    return Facts(
        pipeline=view.run.pipeline,
        run=view.run.id,
        state=view.run.state.value,
        cause=view.run.cause.message if view.run.cause is not None and view.run.state is not RunState.RUNNING else "",
        header=tuple(header),
        tiles=tuple(_tiles(view, now)),
        graph=draw_standing(figure_of(view.pipeline), tasks),
        timeline=draw_timeline(rows, _seconds(view, now)) if rows else "",
        timeline_rest=max(len(rows) - ROWS, 0),
        lines=lines,
        lines_rest=rest,
        maps=tuple(line for line in (*lines, *rest) if line.inside),
        failures=tuple(_failure(app, view, task) for task in failed[:FAILURES]),
        failures_rest=max(len(failed) - FAILURES, 0),
        metrics=tuple(metrics_of(view.made)),
        previews=tuple(shown(app, one) for one in previews),
        previews_rest=others - len(previews),
        written=looks.moment(now),
    )


def _seconds(view: RunView, now: datetime) -> float:
    started = view.run.started_at
    ended = max([now if view.run.ended_at is None else view.run.ended_at, *_ends(view)])
    return (ended - started).total_seconds() if started is not None else 0.0


def _ends(view: RunView) -> Iterator[datetime]:
    for task in view.tasks:
        for attempt in task.attempts:
            if attempt.ended_at is not None:
                yield attempt.ended_at


def _spans(view: RunView, tasks: Mapping[str, Sequence[TaskView]], now: datetime) -> dict[str, list[Span]]:
    started = view.run.started_at
    if started is None:
        return {}
    found: dict[str, list[Span]] = {}
    for path, some in tasks.items():
        spans = [_span(task, attempt, started, now) for task in some for attempt in task.attempts]
        if spans:
            found[path] = spans
    return found


def _span(task: TaskView, attempt: AttemptRecord, started: datetime, now: datetime) -> Span:
    end = attempt.ended_at or now
    state = attempt.state.value if attempt.state.final else "running"
    told = f"{task.key}: {looks.word(state)}, {looks.duration(looks.between(attempt.started_at, end))}"
    return Span((attempt.started_at - started).total_seconds(), (end - started).total_seconds(), state, told)


def _tiles(view: RunView, now: datetime) -> Iterator[tuple[str, str]]:
    run = view.run
    yield "took", looks.duration(looks.between(run.started_at, run.ended_at or now)) or "not begun"
    for state, number in view.counts().items():
        yield looks.word(state), str(number)
    reused = sum(1 for task in view.tasks if task.record is not None and task.record.reused_from)
    if reused:
        yield "reused", str(reused)
    tries = sum(len(task.attempts) for task in view.tasks)
    yield "attempts", str(tries)
    yield "processor time", looks.duration(sum(task.cpu_seconds for task in view.tasks))
    yield "most memory", looks.size(max((task.peak_bytes for task in view.tasks), default=0)) or "none"


def _lines(tasks: Mapping[str, Sequence[TaskView]]) -> Iterator[Line]:
    longest = max((task.seconds or 0.0 for some in tasks.values() for task in some), default=0.0)
    for path, some in tasks.items():
        instances = [task for task in some if task.key.instance and task.kind is not TaskKind.MAP]
        if len(instances) <= 1:
            shown_one = instances[0] if instances else some[0]
            yield _line(shown_one, longest, path.rpartition("/")[2] + str(shown_one.key)[len(path) :])
            continue
        first = sorted(instances, key=lambda task: task.state not in _WRONG)[:INSTANCES]
        starts = [task.record.started_at for task in instances if task.record and task.record.started_at]
        ends = [task.record.ended_at for task in instances if task.record and task.record.ended_at]
        took = looks.between(min(starts), max(ends)) if starts and ends else None
        yield Line(
            name=f"{path.rpartition('/')[2]} {looks.TIMES}{len(instances)}",
            depth=path.count("/"),
            state=worst(instances).value,
            told=", ".join(f"{number} {looks.word(state)}" for state, number in counted(instances).items()),
            tries=sum(len(task.attempts) for task in instances),
            took=looks.duration(took),
            share=min((took or 0.0) / longest, 1.0) if longest else 0.0,
            cpu=looks.duration(sum(task.cpu_seconds for task in instances)),
            memory=looks.size(max(task.peak_bytes for task in instances)),
            aside="",
            inside=tuple(_line(task, longest, str(task.key)[len(path) :] or str(task.key)) for task in first),
            more=f"and {len(instances) - len(first)} more" if len(first) < len(instances) else "",
        )


def _split(lines: tuple[Line, ...]) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    """Those to be seen at once, which failed or took longest, and the others; both in their order."""
    wrong = {state.value for state in _WRONG}
    order = sorted(range(len(lines)), key=lambda at: (lines[at].state not in wrong, -lines[at].share))
    kept = set(order[:LINES])
    shown_at_once = tuple(line for at, line in enumerate(lines) if at in kept)
    return shown_at_once, tuple(line for at, line in enumerate(lines) if at not in kept)


def _line(task: TaskView, longest: float, name: str) -> Line:
    record = task.record
    aside = ""
    if record is not None and record.reused_from:
        aside = f"reused from {record.reused_from}"
    elif record is not None and record.cause is not None and task.state is not TaskState.SUCCEEDED:
        aside = record.cause.message
    return Line(
        name=name,
        depth=task.key.path.count("/"),
        state=task.state.value,
        told=looks.word(task.state),
        tries=len(task.attempts),
        took=looks.duration(task.seconds),
        share=min((task.seconds or 0.0) / longest, 1.0) if longest else 0.0,
        cpu=looks.duration(task.cpu_seconds) if task.attempts else "",
        memory=looks.size(task.peak_bytes),
        aside=looks.cut(aside, 300),
    )


def _failure(app: App, view: RunView, task: TaskView) -> Failure:
    cause = task.record.cause if task.record is not None else None
    return Failure(
        name=str(task.key),
        message=cause.message if cause is not None else "",
        kind=cause.kind.value if cause is not None else "",
        traceback=cause.traceback if cause is not None else "",
        log=tuple(log_tail(app, view.run.id, task.attempts[-1].id, _TAIL)) if task.attempts else (),
        command=f"tidemill show {view.run.id} --task '{task.key}'",
    )
