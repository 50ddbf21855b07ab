"""What is said when a run has ended: how, how long, how many; and after a failure why, and the commands to go on."""

from __future__ import annotations

import shlex
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

from tidemill.actions.logs import Log, read_log
from tidemill.actions.show import RunView, TaskView
from tidemill.actions.verdicts import decided_in
from tidemill.app import App
from tidemill.cli import looks
from tidemill.cli.output import Out
from tidemill.cli.verdicts import tell_verdicts
from tidemill.core.history import TaskKind
from tidemill.core.states import RunState, TaskState

LOG_LINES = 10
"""Of the last ones of a failed task."""

_FAILED = (TaskState.FAILED,)


def summarize(out: Out, app: App, view: RunView) -> None:
    """Tell how a run ended, in a few lines."""
    run = view.run
    out.say()
    if run.state is RunState.FAILED:
        _failure(out, app, view)
    took = looks.duration(looks.between(run.started_at, run.ended_at))
    text, style = out.state(run.state)
    out.say((text, f"bold {style}"), f"  {run.pipeline}  run {run.id}", f"  in {took}" if took else "")
    counts = ", ".join(f"{number} {looks.word(state)}" for state, number in view.counts().items())
    reused = sum(bool(task.record and task.record.reused_from) for task in view.tasks if task.kind is TaskKind.LEAF)
    out.say("  tasks      ", counts or "none", f" ({reused} reused)" if reused else "")
    if view.made:
        stored = sum(made.artifact.size for made in view.made)
        where = app.settings.artifacts_url or near(app.settings.artifacts)
        out.say("  artifacts  ", f"{len(view.made)}, {looks.size(stored) or '0 B'}, in {where}")
    tell_verdicts(out, decided_in(app, run.id), 9)
    for label, command in _next_commands(view):
        out.say(f"  {label:9}  ", (command, "bold"))


def near(path: Path) -> str:
    """The path as seen from here, if it lies below."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def first_failed(view: RunView) -> TaskView | None:
    """The task whose failure came first; what lies deepest tells most."""
    failed = [task for task in view.tasks if task.state in _FAILED and task.record is not None]
    leaves = [task for task in failed if task.kind is TaskKind.LEAF] or failed
    return min(leaves, key=_ended, default=None)


def _ended(task: TaskView) -> datetime:
    at = task.record.ended_at if task.record is not None else None
    return at or datetime.max.replace(tzinfo=UTC)


def _failure(out: Out, app: App, view: RunView) -> None:
    task = first_failed(view)
    if task is None or task.record is None or task.record.cause is None:
        if view.run.cause is not None:
            out.say((view.run.cause.message, "red"))
        return
    cause = task.record.cause
    tries = f" after {len(task.attempts)} tries" if len(task.attempts) > 1 else ""
    first, *more = cause.message.splitlines() or [""]
    out.say(("✗ ", "red"), (str(task.key), "bold"), f" failed{tries} ({cause.kind.value}): ", (first, "red"))
    for line in more:
        out.say("  ", (line, "red"))
    for line in cause.traceback.rstrip().splitlines():
        out.say("  ", (line, "dim"))
    if task.attempts:
        kept = deque(read_log(app, Log(view.run, task.key, task.attempts[-1], len(task.attempts))), maxlen=LOG_LINES)
        shown = [looks.last_shown(record.text) for record in kept]
        # What the worker wrote of the failure itself is the traceback once more.
        shown = [line for line in shown if line.strip()]
        if shown and not _repeats(shown, cause.traceback):
            out.say(f"  last lines of its log ({looks.plural(len(shown), 'line')}):")
            for line in shown:
                out.say("  | ", line)
    out.say()


def _repeats(lines: list[str], traceback: str) -> bool:
    return all(line.strip() in traceback for line in lines)


def _next_commands(view: RunView) -> list[tuple[str, str]]:
    run = view.run
    look = [("look", f"tidemill show {run.id}")]
    task = first_failed(view)
    match run.state:
        case RunState.FAILED:
            logged = task is not None and task.attempts
            name = f"{run.id} {shlex.quote(str(task.key))}" if task and logged else ""
            offered = [("logs", f"tidemill logs {name}"), ("debug", f"tidemill replay {name} --pdb")] if name else []
            return [*look, *offered, ("go on", f"tidemill retry {run.id}")]
        case RunState.CANCELLED:
            return [*look, ("go on", f"tidemill retry {run.id}")]
        case RunState.SUCCEEDED:
            return look
        case _:
            return [*look, ("go on", f"tidemill resume {run.id}")]
