"""A run in words, for who has to find out why it did not do what a test expects. Reads rows and logs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidemill.actions.naming import key_of
from tidemill.app import App
from tidemill.core.history import RunRecord, TaskKind, TaskRecord
from tidemill.core.states import TaskState
from tidemill.testing.looking import attempts_of, logs_of

_ROWS = 60
_FAILURES = 5
_LINES = 40
_WIDEST = 40


def report(app: App, run: RunRecord, rows: Sequence[TaskRecord]) -> str:
    """The table of tasks; of those that failed the cause, the traceback, and the last lines they printed."""
    return "\n".join(_lines(app, run, rows))


def _lines(app: App, run: RunRecord, rows: Sequence[TaskRecord]) -> Iterator[str]:
    why = f": {_first_line(run.cause.message)}" if run.cause is not None else ""
    yield f"run {run.id} of {run.pipeline} {run.state.value}{why}"
    yield from _table(rows)
    failed = [row for row in rows if row.state is TaskState.FAILED and row.kind is TaskKind.LEAF]
    for row in failed[:_FAILURES]:
        yield from _failure(app, run, row)
    if len(failed) > _FAILURES:
        yield f"... and {len(failed) - _FAILURES} more failed"


def _table(rows: Sequence[TaskRecord]) -> Iterator[str]:
    # What went well is the first to be left out.
    shown = sorted(rows, key=lambda row: row.state is TaskState.SUCCEEDED)[:_ROWS]
    shown = [row for row in rows if any(row is one for one in shown)]
    width = max((min(len(str(key_of(row))), _WIDEST) for row in shown), default=0)
    states = max((len(row.state.value) for row in shown), default=0)
    for row in shown:
        why = _first_line(row.cause.message) if row.cause is not None else ""
        if row.reused_from:
            why = "reused"
        yield f"  {key_of(row)!s:<{width}}  {row.state.value:<{states}}  {why}".rstrip()
    if len(rows) > len(shown):
        yield f"  ... and {len(rows) - len(shown)} more"


def _failure(app: App, run: RunRecord, row: TaskRecord) -> Iterator[str]:
    name = str(key_of(row))
    tried = attempts_of(app, run, name)
    after = f" after {len(tried)} attempts" if len(tried) > 1 else ""
    cause = row.cause
    yield ""
    yield f"{name} failed{after}" + (f", {cause.kind.value}: {cause.message}" if cause is not None else "")
    if cause is not None:
        yield from (f"  {line}" for line in cause.traceback.splitlines())
    printed = logs_of(app, run, name).splitlines()
    if printed:
        more = f", the last {_LINES} of {len(printed)} lines" if len(printed) > _LINES else ""
        yield f"  it printed{more}:"
        yield from (f"  | {line}" for line in printed[-_LINES:])


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
