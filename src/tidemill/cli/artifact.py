"""`tidemill artifact`: what tasks left: listed, looked at, fetched."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import click

from tidemill.actions.artifact_documents import detail_document, listing_document, task_text
from tidemill.actions.artifact_names import output_name
from tidemill.actions.artifacts import Detail, Listed, list_artifacts, short_type, show_artifact
from tidemill.actions.fetching import get_artifact
from tidemill.cli import looks
from tidemill.cli.calling import F, examples, json_option, opened_to_read
from tidemill.cli.main import Globals
from tidemill.cli.output import Out, Part
from tidemill.cli.previewing import show_preview
from tidemill.core.records import Artifact
from tidemill.storage.metadata.artifacts import TaskKey

FEW = 10
_PATHS = ("file", "folder")


@click.group(
    invoke_without_command=True,
    epilog=examples(
        "tidemill artifact ls",
        "tidemill artifact show latest:train",
        "tidemill artifact get 3f2a.4.1 --to model.skops",
    ),
)
@click.pass_context
def artifact(ctx: click.Context) -> None:
    """List, look at and fetch what tasks left."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def artifact_argument(command: F) -> F:
    return click.argument("which", metavar="ARTIFACT")(command)


@artifact.command(
    epilog=examples(
        "tidemill artifact ls", "tidemill artifact ls 3f2a --type model", "tidemill artifact ls --task train"
    )
)
@click.argument("run_id", metavar="[RUN]", default="latest")
@click.option(
    "--type", "kind", metavar="TYPE", default="", help="Only artifacts of this type, such as Model or DataFrame."
)
@click.option("--task", metavar="PATH", default="", help="Only those of this task, task run, or scope.")
@json_option
@click.pass_obj
def ls(given: Globals, run_id: str, kind: str, task: str, wants_json: bool) -> None:
    """List the artifacts of a run: those it made, and those it reused from earlier runs.

    RUN is the id of a run, the beginning of one, or `latest`, which is meant if none is named.
    """
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        found = list_artifacts(app, run_id, kind, task)
    if wants_json:
        out.document(listing_document(found))
        return
    if not found.artifacts:
        out.say(f"Run {found.run.id} of {found.run.pipeline} has no artifacts: its tasks gave plain values, if any.")
        out.say("`tidemill show RUN --task TASK` shows those.")
        return
    out.say(("artifacts of run ", "dim"), found.run.id, (f"  {looks.cut(found.run.pipeline, 40)}", "dim"))
    out.table(("ID", "TASK", "OUTPUT", "TYPE", ">SIZE", "WHERE"), map(_row, found.artifacts), give=1)


@artifact.command(epilog=examples("tidemill artifact show latest:load", "tidemill artifact show 3f2a:split:train"))
@artifact_argument
@json_option
@click.pass_obj
def show(given: Globals, which: str, wants_json: bool) -> None:
    """Show an artifact: its record, who made it and used it, and a preview of what is in it.

    ARTIFACT is an id as `ls` prints it, the beginning of one, or RUN:TASK[:OUTPUT], such as latest:train. The preview
    was made by the task; nothing is loaded here.
    """
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        detail = show_artifact(app, which)
    out.document(detail_document(detail)) if wants_json else _detail(out, detail)


@artifact.command(
    epilog=examples(
        "tidemill artifact get latest:report",
        "tidemill artifact get 3f2a.4.1 --to model.skops",
        "tidemill artifact get latest:split:train --to data/ --force",
    )
)
@artifact_argument
@click.option(
    "--to", metavar="PATH", default="", help="File or folder to write; in a folder that is there, under its own name."
)
@click.option("--force", is_flag=True, help="Replace what is there.")
@json_option
@click.pass_obj
def get(given: Globals, which: str, to: str, force: bool, wants_json: bool) -> None:
    """Write the content of an artifact, a file or a folder, to disk: a copy of your own, verified on the way.

    ARTIFACT is an id as `ls` prints it, the beginning of one, or RUN:TASK[:OUTPUT], such as latest:train.
    """
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        done = get_artifact(app, which, to, force)
    record = done.artifact
    if wants_json:
        out.document(
            {
                "artifact": record.id,
                "path": str(done.path),
                "size": record.size,
                "kind": record.kind,
                "safe": record.safe,
            }
        )
        return
    what = "folder" if record.kind == "tree" else "file"
    out.say(f"{done.path}", (f"  {what}, {looks.size(record.size) or '0 B'}, verified", "dim"))
    if not record.safe:
        out.say(("Loading it runs code that is in it: do so only if you trust the run that made it.", "yellow"))


def _row(one: Listed) -> Sequence[Part]:
    record = one.artifact
    return (
        (record.id, "bold"),
        str(one.task),
        looks.cut(output_name(record), 16),
        looks.cut(short_type(record), 16),
        looks.size(record.size),
        (_where(record, one), "dim"),
    )


def _where(record: Artifact, one: Listed) -> str:
    if one.reused:
        return f"reused from run {one.by.run}"
    if one.superseded:
        return "made again since"
    if record.uri:
        return record.uri
    return record.digest.removeprefix("blake2b:")[:12] if record.digest else "in the record"


def _detail(out: Out, detail: Detail) -> None:
    found, record = detail.found, detail.found.artifact
    out.say((short_type(record), "bold"), "  ", (record.id, "bold"), f"  {looks.size(record.size)}".rstrip())
    output = output_name(record)
    of = f" of {detail.pipeline}" if detail.pipeline else ", which was removed"
    _fact(out, "made by", task_text(found.by), (f"  run {found.by.run}{of}", "dim"))
    _fact(out, "output", output)
    if record.codec in _PATHS and (name := record.metadata.get("name")):
        _fact(out, "name", str(name))
    _fact(out, "at", looks.moment(found.created_at))
    if record.type not in (short_type(record), "path"):
        _fact(out, "type", record.type)
    if record.codec:
        unsafe = ("  loading it runs code that is in it", "yellow")
        _fact(out, "format", record.codec, *([] if record.safe else [unsafe]))
    _content(out, detail)
    _tasks(out, "used by", detail.users, found.by)
    _tasks(out, "reused by", detail.reused_by, found.by)
    if not detail.users and not detail.reused_by:
        _fact(out, "used by", ("no task", "dim"))
    out.say()
    show_preview(out, found.preview, f"tidemill artifact get {shlex.quote(record.id)}")


def _content(out: Out, detail: Detail) -> None:
    record = detail.found.artifact
    if record.uri:
        version = (f"  version {record.version}", "dim")
        _fact(out, "lies at", record.uri, *([version] if record.version else []))
        return
    if not record.digest:
        _fact(out, "content", "in the record")
        return
    _fact(out, "content", record.digest.removeprefix("blake2b:")[:12], (" in the store", "dim"))
    if detail.is_there is False:
        by = detail.found.by
        again = f"tidemill rerun {by.run} --from {shlex.quote(by.path)}"
        _fact(out, "", ("it is gone; ", "red"), (again, "bold"), (" makes it again", "dim"))


def _tasks(out: Out, label: str, tasks: Sequence[TaskKey], maker: TaskKey) -> None:
    for n, task in enumerate(tasks[:FEW]):
        elsewhere = (f"  run {task.run}", "dim")
        _fact(out, "" if n else label, task_text(task), *([elsewhere] if task.run != maker.run else []))
    if len(tasks) > FEW:
        _fact(out, "", (f"and {len(tasks) - FEW} more", "dim"))


def _fact(out: Out, label: str, *parts: Part) -> None:
    out.say((f"  {label:<10}", "dim"), *parts)
