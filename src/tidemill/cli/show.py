"""`tidemill show`: a run with its tasks, or one task with everything that is known of it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import click
from rich.text import Text

from tidemill.actions.documents import detail_document, run_document
from tidemill.actions.show import Made, RunView, TaskDetail, TaskView, show_run, show_task
from tidemill.actions.verdicts import Line, decided_in
from tidemill.actions.wording import approve_command, binding_text, condition_text, question_of, value_text
from tidemill.app import App
from tidemill.cli import looks
from tidemill.cli.calling import examples, json_option, opened_to_read, run_argument
from tidemill.cli.main import Globals
from tidemill.cli.output import Out
from tidemill.cli.verdicts import tell_verdicts
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.errors import InputError
from tidemill.core.history import RunRecord, TaskKind
from tidemill.core.instances import Key, instance_from
from tidemill.core.states import RunState, TaskState

FEW = 8
"""A map of more instances is one line, with a line for each of the first that went wrong."""

WRONG = 5
NAME = 34

_ROW = Sequence[str | Text | tuple[str, str]]
_WRONG = (TaskState.FAILED, TaskState.CANCELLED)


@click.command(
    epilog=examples(
        "tidemill show latest",
        "tidemill show 3f2a",
        "tidemill show latest --task 'train[2]'",
        "tidemill show latest --html run.html",
    )
)
@run_argument
@click.option("--task", default="", metavar="NAME", help="One task run, such as train[2] or folds/fit[0][1].")
@click.option("--all", "every", is_flag=True, help="Every instance of every map, however many there are.")
@click.option("--html", "html", default="", metavar="FILE", help="Write the run as one page for a browser.")
@json_option
@click.pass_obj
def show(given: Globals, run_id: str, task: str, every: bool, html: str, wants_json: bool) -> None:
    """Show a run: its dates, its parameters, and what became of each task.

    RUN is the id of a run, the beginning of one, or `latest`.
    """
    out = Out(given, wants_json)
    if html and task:
        raise InputError("--html writes a whole run", remedy="leave out --task, or --html")
    with opened_to_read(given) as app:
        if html:
            _written(out, app, show_run(app, run_id), Path(html), wants_json)
            return
        if task:
            detail = show_task(app, run_id, task)
            out.document(detail_document(detail)) if wants_json else _detail(out, detail)
            return
        view = show_run(app, run_id)
        decided = decided_in(app, view.run.id)
    out.document(run_document(view)) if wants_json else _run(out, view, every, decided)


def _written(out: Out, app: App, view: RunView, file: Path, wants_json: bool) -> None:
    # It brings its templates with it, which no other use of this command needs.
    from tidemill.cli.report.writing import write_report

    size = write_report(app, view, tuple(header_of(view.run)), file)
    if wants_json:
        out.document({"run": view.run.id, "written": str(file), "bytes": size})
    else:
        out.say(
            f"Run {view.run.id} is written to ", (str(file), "bold"), f" ({looks.size(size)}); open it in a browser."
        )


def _run(out: Out, view: RunView, every: bool, decided: Sequence[Line]) -> None:
    run = view.run
    text, style = out.state(run.state)
    took = looks.duration(looks.between(run.started_at, run.ended_at))
    if not took and view.carried == "alive":
        now = datetime.now(UTC)
        took = f"{looks.duration(looks.between(run.started_at, now))} so far" if run.started_at else ""
    out.say((run.pipeline, "bold"), f"  run {run.id}  ", (text, style), f"  in {took}" if took else "")
    if view.carried == "gone":
        out.say(("  its engine is gone", "yellow"), ": ", _resume(run), " goes on.")
    for label, value in header_of(run):
        out.say((f"  {label:14}", "dim"), value)
    if run.cause is not None:
        out.say(("  cause         ", "dim"), (looks.cut(run.cause.message, 400), looks.style(run.state)))
    tell_verdicts(out, decided, 12)
    out.say()
    out.table(("TASK", "STATE", ">TRIES", ">TOOK", ">CPU", ">MEMORY", "CAUSE"), _rows(out, view, every))
    _failures(out, view)
    _questions(out, view)
    if view.made:
        out.say()
        out.say((looks.plural(len(view.made), "artifact"), "bold"))
        _artifacts(out, view.made if every else view.made[:FEW])
        if not every and len(view.made) > FEW:
            out.say((f"  and {len(view.made) - FEW} more: --all lists them", "dim"))
    if view.carried == "free" and run.state is RunState.QUEUED:
        out.say()
        out.say("It waits for an engine: ", ("tidemill engine", "bold"), " carries it, or ", _resume(run), ".")
    elif view.carried == "free":
        out.say()
        out.say(("This run stands still: ", "yellow"), "no engine carries it; ", _resume(run), " goes on.")


def _resume(run: RunRecord) -> tuple[str, str]:
    return f"tidemill resume {run.id}", "bold"


def _failures(out: Out, view: RunView) -> None:
    """The whole message of what failed first: a table has no room for it."""
    failed = [task for task in view.tasks if task.state is TaskState.FAILED and task.kind is TaskKind.LEAF]
    if not failed:
        return
    out.say()
    for task in failed[:WRONG]:
        cause = task.record.cause if task.record is not None else None
        first, *more = (cause.message if cause is not None else "").splitlines() or [""]
        out.say(("✗ ", "red"), (str(task.key), "bold"), f"  {first}")
        for line in more:
            out.say(f"  {line}")
    name = shlex.quote(str(failed[0].key))
    out.say("  why, with its traceback: ", (f"tidemill show {view.run.id} --task {name}", "bold"))


def _questions(out: Out, view: RunView) -> None:
    """What waits for approval, with its path and the answer: the table has neither."""
    asking = [task.record for task in view.tasks if task.record is not None and question_of(task.record)]
    if asking:
        out.say()
    for record in asking[:WRONG]:
        name = Key(record.path, instance_from(record.instance))
        out.say(("… ", "magenta"), (str(name), "bold"), f"  waits for approval: {question_of(record)}")
        out.say("  answer with ", (approve_command(record), "bold"))
    if len(asking) > WRONG:
        out.say((f"  and {len(asking) - WRONG} more", "dim"))


def header_of(run: RunRecord) -> Iterator[tuple[str, str]]:
    if run.scheduled_for is not None:
        yield "scheduled for", looks.moment(run.scheduled_for)
    if run.interval_start is not None and run.interval_end is not None:
        yield "data interval", f"{looks.moment(run.interval_start)} to {looks.moment(run.interval_end)}"
    if run.generation:
        yield "submitted at", looks.moment(run.created_at)
        yield "reopened at", looks.moment(run.started_at)
    else:
        yield "started at", looks.moment(run.started_at) or "not yet"
    params = ", ".join(f"{name} = {value_text(value)}" for name, value in run.params.items())
    yield "parameters", looks.cut(params, 400) or "none"
    if run.tags:
        yield "tags", ", ".join(f"{key}={value}" for key, value in run.tags.items())
    by = f"{run.actor} on {run.executor}" if run.actor else run.executor
    yield "run by", f"{by}, seed {run.seed}" + (f", reopened {run.generation}x" if run.generation else "")


def _rows(out: Out, view: RunView, every: bool) -> Iterator[_ROW]:
    for path, group in groupby(view.tasks, key=lambda task: task.key.path):
        tasks = list(group)
        when = view.wiring.site(path).node.when
        condition = f"if {condition_text(when)}" if when is not None else ""
        instances = [task for task in tasks if task.key.instance and not _is_map(task)]
        if every or len(instances) <= FEW:
            # A map is told by its instances; alone it is shown if there are none.
            shown = [task for task in tasks if not (_is_map(task) and instances)]
            yield from (_row(out, task, _indent(path), condition, view.carried == "alive") for task in shown)
            continue
        yield _many(out, path, instances)
        wrong = [task for task in instances if task.state in _WRONG]
        yield from (_row(out, task, f"{_indent(path)}  ") for task in wrong[:WRONG])
        if len(wrong) > WRONG:
            yield [(f"{_indent(path)}  and {len(wrong) - WRONG} more", "dim"), *[""] * 6]


def _row(out: Out, task: TaskView, indent: str, condition: str = "", carried: bool = False) -> _ROW:
    name = str(Key(task.key.path.rpartition("/")[2], task.key.instance))
    return (
        indent + looks.cut(name, NAME),
        out.state(task.state),
        str(len(task.attempts)) if task.attempts else "",
        looks.duration(_so_far(task) if carried else task.seconds),
        looks.duration(task.cpu_seconds) if task.attempts and task.state.final else "",
        looks.size(task.peak_bytes),
        (looks.cut(_aside(task, condition), 200), "dim"),
    )


def _so_far(task: TaskView) -> float | None:
    """Seconds, of what runs until now."""
    if task.state is not TaskState.RUNNING:
        return task.seconds
    began = task.attempts[-1].started_at if task.attempts else task.record.started_at if task.record else None
    return looks.between(began, datetime.now(UTC))


def _aside(task: TaskView, condition: str) -> str:
    record = task.record
    if record is None:
        return ""
    if record.reused_from:
        return f"reused from {record.reused_from}"
    if record.wake is not None and not record.state.final:
        return _waits(task)
    if record.cause is not None and task.state is not TaskState.SUCCEEDED:
        return (
            f"{record.cause.message}: {condition[3:]}"
            if _is_condition(record.cause) and condition
            else (record.cause.message)
        )
    if task.kind is TaskKind.MAP and record.count is not None:
        return f"a map over {record.count}"
    return condition


def _is_condition(cause: Cause) -> bool:
    return cause.kind is CauseKind.CONDITION and not cause.by


def _indent(path: str) -> str:
    return "  " * path.count("/")


def _many(out: Out, path: str, instances: Sequence[TaskView]) -> _ROW:
    counts = Counter(task.state for task in instances)
    worst = next((state for state in (TaskState.RUNNING, TaskState.FAILED) if counts.get(state)), None)
    state = worst or counts.most_common(1)[0][0]
    starts = [task.record.started_at for task in instances if task.record and task.record.started_at]
    ends = [task.record.ended_at for task in instances if task.record and task.record.ended_at]
    took = looks.between(min(starts), max(ends)) if starts and ends else None
    told = ", ".join(f"{number} {looks.word(one)}" for one, number in counts.items())
    return (
        f"{_indent(path)}{looks.TIMES}{len(instances)} {looks.cut(path.rpartition('/')[2], NAME)}",
        out.state(state),
        str(sum(len(task.attempts) for task in instances)),
        looks.duration(took),
        looks.duration(sum(task.cpu_seconds for task in instances)),
        looks.size(max(task.peak_bytes for task in instances)),
        (told, "dim"),
    )


def _is_map(task: TaskView) -> bool:
    return task.kind is TaskKind.MAP


def _waits(task: TaskView) -> str:
    record = task.record
    wake = record.wake if record is not None else None
    if record is None or wake is None:
        return ""
    if wake.approval:
        return f"waits for approval: {wake.approval}"
    if wake.event:
        return f"waits for the event {wake.event}" + (f" with key {wake.event_key}" if wake.event_key else "")
    return f"waits until {looks.moment(record.due_at)}" if record.due_at is not None else ""


def _artifacts(out: Out, made: Sequence[Made]) -> None:
    out.table(
        ("  TYPE", "MADE BY", "FORMAT", ">SIZE", "CONTENT"),
        (
            (
                f"  {one.artifact.type.rpartition('.')[2]}",
                str(Key(one.by.path, instance_from(one.by.instance))),
                one.artifact.codec + ("" if one.artifact.safe else " (unsafe)"),
                looks.size(one.artifact.size),
                (f"reused from run {one.by.run}" if one.reused else one.artifact.uri or one.artifact.digest, "dim"),
            )
            for one in made
        ),
    )


# --- one task ---------------------------------------------------------------------------------------------------------


def _detail(out: Out, detail: TaskDetail) -> None:
    task, record = detail.view, detail.view.record
    text, style = out.state(task.state)
    out.say((str(task.key), "bold"), f"  run {detail.run.id}  ", (text, style), f"  {looks.duration(task.seconds)}")
    if detail.node.source is not None:
        out.say(("  defined at    ", "dim"), str(detail.node.source))
    if not task.state.final and (waits := _waits(task)):
        out.say(("  now           ", "dim"), waits)
    if record is not None and question_of(record):
        out.say(("  answer with   ", "dim"), (approve_command(record), "bold"))
    if record is not None and record.reused_from:
        out.say(("  reused from   ", "dim"), record.reused_from)
    misses = [str(event.payload["cache_miss"]) for event in detail.events if "cache_miss" in event.payload]
    for number, reason in enumerate(misses[-1].split("; ") if misses else ()):
        out.say((" " * 16 if number else "  not reused    ", "dim"), reason)
    if record is not None and record.count is not None:
        out.say(("  map over      ", "dim"), str(record.count))
    if record is not None and record.cause is not None:
        _cause(out, record.cause, "  cause         ")
    _inputs(out, detail)
    if record is not None and record.outputs:
        out.say()
        out.say(("outputs", "bold"))
        for name, value in record.outputs.items():
            out.say(f"  {name} = ", value_text(value, 400))
    if detail.made:
        out.say()
        out.say(("artifacts", "bold"))
        _artifacts(out, detail.made)
    _attempts(out, detail)
    if detail.events:
        out.say()
        out.say(("events", "bold"))
        for event in detail.events:
            out.say(f"  {_clock(event.at)}  {event.kind}", (_told(event.payload), "dim"))


def _inputs(out: Out, detail: TaskDetail) -> None:
    if not detail.node.inputs and not detail.used:
        return
    out.say()
    out.say(("inputs", "bold"))
    for name, binding in detail.node.inputs.items():
        out.say(f"  {name} ", ("from ", "dim"), looks.cut(binding_text(binding), 200))
    for one in detail.used:
        made_by = Key(one.by.path, instance_from(one.by.instance))
        elsewhere = f" of run {one.by.run}" if one.by.run != detail.run.id else ""
        kind = one.artifact.type.rpartition(".")[2]
        out.say(
            ("  was given ", "dim"), f"{kind} made by {made_by}{elsewhere}, {looks.size(one.artifact.size) or '0 B'}"
        )


def _attempts(out: Out, detail: TaskDetail) -> None:
    if not detail.view.attempts:
        return
    out.say()
    out.table(
        (">TRY", "STATE", "STARTED", ">TOOK", ">CPU", ">MEMORY", "CAUSE"),
        (
            (
                str(number),
                out.state(attempt.state),
                looks.day_and_time(attempt.started_at),
                looks.duration(attempt.usage.wall_s) if attempt.state.final else "",
                looks.duration(attempt.usage.cpu_s) if attempt.state.final else "",
                looks.size(attempt.usage.peak_bytes),
                (looks.cut(attempt.cause.message, 200) if attempt.cause is not None else "", "dim"),
            )
            for number, attempt in enumerate(detail.view.attempts, 1)
        ),
    )
    for number, attempt in enumerate(detail.view.attempts, 1):
        for note in attempt.notes:
            out.say((f"  try {number}: {note}", "dim"))


def _cause(out: Out, cause: Cause, label: str) -> None:
    first, *more = cause.message.splitlines() or [""]
    out.say((label, "dim"), (first, "red"), f"  ({cause.kind.value})")
    for line in more:
        out.say(" " * len(label), (line, "red"))
    for line in cause.traceback.rstrip().splitlines():
        out.say("    ", (line, "dim"))


def _clock(at: datetime) -> str:
    return at.astimezone().strftime("%H:%M:%S.%f")[:-3]


def _told(payload: object) -> str:
    if not isinstance(payload, dict):
        return ""
    said = ", ".join(f"{key} {value_text(value)}" for key, value in payload.items() if value not in ("", None))
    return f"  {looks.cut(said, 200)}" if said else ""
