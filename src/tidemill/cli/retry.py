"""`tidemill retry`: reopen a finished run."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tidemill.actions.retrying import Version, version_for
from tidemill.actions.runs import find_run, retry_run
from tidemill.actions.show import definition_of, rows_of
from tidemill.cli import looks
from tidemill.cli.calling import examples, json_option, opened_to_read, run_argument
from tidemill.cli.carrying import carry
from tidemill.cli.main import Globals
from tidemill.cli.output import Out
from tidemill.core.history import RunRecord
from tidemill.core.states import RunState, TaskState

_SHOWN = 6


@click.command(
    epilog=examples(
        "tidemill retry latest", "tidemill retry 3f2a --also load", "tidemill retry 3f2a --newest   # after an edit"
    )
)
@run_argument
@click.option(
    "--also", multiple=True, metavar="TASK", help="A task to run again although it succeeded; with what follows."
)
@click.option("--newest", is_flag=True, help="Go on with the graph that the file describes now.")
@json_option
@click.pass_obj
def retry(given: Globals, run_id: str, also: tuple[str, ...], newest: bool, wants_json: bool) -> int:
    """Run again what failed or was cancelled in a finished run, with all that follows; keep what succeeded.

    RUN is the id of a run, the beginning of one, or `latest`. The run goes on with the graph it was made with (the same
    version), and tasks that run again run their code as it is now. With --newest the file is read again: tasks that
    succeeded are kept by their path, new ones run, and those that are gone are named.
    """
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        run = find_run(app, run_id)
        version = version_for(app, run, newest, also) if run.state.final else None
        also = version.also if version is not None else also
        if version is not None and (also or version.changed.added or run.state is not RunState.SUCCEEDED):
            _tell(out, run, version)
        kept = [row for row in rows_of(app, run) if row.state in (TaskState.SUCCEEDED, TaskState.SKIPPED)]
        read = version.read if version is not None else None
        by_newest = version.newest if version is not None else None
        pipeline = version.pipeline if version is not None else definition_of(app, run)
        return carry(
            out,
            app,
            pipeline,
            lambda watch, begun: retry_run(app, run.id, also, watch, begun, newest=by_newest, read=read),
            [row for row in kept if row.path not in also],
            inline=run.executor == "inline",
        )


def _tell(out: Out, run: RunRecord, version: Version) -> None:
    digest = run.definition.rpartition(":")[2][:8]
    changed = version.changed
    differs = [f"{word} {_named(paths)}" for word, paths in _ways(version) if paths]
    if version.newest is None:
        out.say("Same version: ", (run.id, "bold"), f" goes on with the graph it was made with ({digest})")
        if version.unread:
            out.say(("  note ", "yellow"), f"its file cannot be read as a pipeline now: {version.unread}")
        if not changed.nothing:
            out.say(("  note ", "yellow"), f"the file has another graph now: {'; '.join(differs)}")
            out.say("       ", (f"tidemill retry {run.id} --newest", "bold"), " goes on with that one")
    else:
        out.say("Newest version: ", (run.id, "bold"), f" goes on with the graph of its file, not with {digest}")
        for line in differs:
            out.say(f"  {line}")
        if changed.nothing:
            out.say("  the graph is the same")
        if changed.edited:
            out.say(("  what has succeeded of the changed ones is kept; --also TASK runs it again", "dim"))
    code = [one for one in version.code if one.how == "changed"]
    for one in code[:_SHOWN]:
        out.say(("  note ", "yellow"), f"{one}: what runs again runs it as it is now")
    if len(code) > _SHOWN:
        out.say((f"  and {looks.plural(len(code) - _SHOWN, 'more part')} of the code", "dim"))
    for task in version.outdated[:_SHOWN]:
        remedy = f"--also {task} runs it again"
        out.say(("  note ", "yellow"), (task, "bold"), f" is kept although its code has changed; {remedy}")
    if len(version.outdated) > _SHOWN:
        out.say((f"  and {looks.plural(len(version.outdated) - _SHOWN, 'more task')}", "dim"))


def _ways(version: Version) -> Sequence[tuple[str, tuple[str, ...]]]:
    changed = version.changed
    return (
        ("added", changed.added),
        ("removed", changed.removed),
        ("changed", (*changed.reshaped, *changed.edited)),
    )


def _named(paths: Sequence[str]) -> str:
    return ", ".join(paths[:_SHOWN]) + (f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else "")
