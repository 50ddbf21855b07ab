"""`tidemill data`: versions of files and folders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from tidemill.actions.data.checking_out import check_out
from tidemill.actions.data.versions import (
    Difference,
    compare,
    list_snapshots,
    remove_snapshot,
    short,
    take_snapshot,
)
from tidemill.cli import looks
from tidemill.cli.calling import examples, json_option, opened, opened_to_read
from tidemill.cli.collecting import Progress
from tidemill.cli.main import Globals
from tidemill.cli.output import Out, Part
from tidemill.core.records import Artifact
from tidemill.core.sizes import size_text
from tidemill.storage.metadata.snapshots import Snapshot

FEW = 20


@click.group(
    epilog=examples(
        "tidemill data snapshot data/raw --message 'as delivered in May'",
        "tidemill data ls",
        "tidemill data checkout data/raw",
    )
)
def data() -> None:
    """Keep versions of files and folders, and put them back.

    A version is the digest of what it holds. A small note beside the path, PATH.tide, says which version belongs there:
    commit it with the code.
    """


@data.command(
    epilog=examples("tidemill data snapshot data/raw", "tidemill data snapshot prices.csv --name prices --message May")
)
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
@click.option("--name", default="", metavar="NAME", help="What to call it, instead of as the path or its note do.")
@click.option("--message", default="", metavar="TEXT", help="What is to be known of this version.")
@json_option
@click.pass_obj
def snapshot(given: Globals, path: Path, name: str, message: str, wants_json: bool) -> None:
    """Keep what PATH holds as a version, and write PATH.tide beside it.

    Only files that have changed since the last time are read. What `.tidemillignore` in the folder names, in the
    patterns of git, is left out.
    """
    out = Out(given, wants_json)
    with opened(given) as app, Progress(out) as told:
        taken = take_snapshot(app, path, name, message, told)
    if wants_json:
        document = {**_document(taken.snapshot, taken.artifact), "new": taken.is_new, "files": taken.files}
        out.document({**document, "hashed": taken.hashed, "notes": list(taken.notes)})
        return
    out.say(
        (_label(taken.snapshot), "bold"),
        f"  {looks.plural(taken.files, 'file')}, {size_text(taken.artifact.size)}",
        "" if taken.is_new else "  (nothing has changed: it is kept already)",
    )
    for note in taken.notes:
        out.say(("note: ", "yellow"), note)
    out.say((f"Commit {os.path.relpath(path)}.tide; `tidemill data checkout {path}` puts this version back.", "dim"))


@data.command(
    epilog=examples(
        "tidemill data checkout data/raw",
        "tidemill data checkout raw@3f2a91bc --to /tmp/raw",
        "tidemill data checkout data/raw --force",
    )
)
@click.argument("which", metavar="PATH|NAME[@VERSION]")
@click.option("--to", default="", metavar="PATH", help="Put it there instead.")
@click.option("--force", is_flag=True, help="Give up what was changed there and not kept.")
@json_option
@click.pass_obj
def checkout(given: Globals, which: str, to: str, force: bool, wants_json: bool) -> None:
    """Put a version back: that of the note beside PATH, or one that is named.

    Every file is verified, and the path changes as a whole. Changes that no snapshot has are never overwritten without
    --force; ignored files stay where they are.
    """
    out = Out(given, wants_json)
    with opened_to_read(given) as app, Progress(out) as told:
        done = check_out(app, which, to, force, told)
    place = os.path.relpath(done.path)
    if wants_json:
        out.document(
            {
                "name": done.snapshot.name,
                "version": done.snapshot.version,
                "path": str(done.path),
                "changed": done.had_nothing or not done.was.nothing,
                **_paths(done.was),
                "notes": list(done.notes),
            }
        )
    elif done.had_nothing:
        out.say((_label(done.snapshot), "bold"), f" is at {place}.")
    elif done.was.nothing:
        out.say((_label(done.snapshot), "bold"), f" is at {place} already.")
    else:
        out.say((_label(done.snapshot), "bold"), f" is at {place}: ", _counts(done.was), ".")
    for note in done.notes:
        out.say(("note: ", "yellow"), note)


@data.command(epilog=examples("tidemill data ls", "tidemill data ls raw"))
@click.argument("name", metavar="[NAME]", default="")
@json_option
@click.pass_obj
def ls(given: Globals, name: str, wants_json: bool) -> None:
    """List what there are snapshots of, or all versions of NAME, the newest first."""
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        found = list_snapshots(app, name)
    if wants_json:
        out.document({"snapshots": [_document(one.snapshot, one.artifact) for one in found]})
        return
    if not found:
        out.say("There are no snapshots. `tidemill data snapshot PATH` takes one.")
        return
    messages = any(one.snapshot.message for one in found)
    out.table(
        ("NAME", "VERSION", "TAKEN", ">SIZE", "BY", "OF", *(["MESSAGE"] if messages else [])),
        (
            (
                (one.snapshot.name, "bold"),
                short(one.snapshot.version),
                looks.day_and_time(one.snapshot.taken_at),
                size_text(one.artifact.size),
                one.snapshot.actor,
                one.snapshot.source,
                *([one.snapshot.message] if messages else []),
            )
            for one in found
        ),
    )


@data.command(
    epilog=examples(
        "tidemill data diff raw", "tidemill data diff raw@3f2a91bc raw", "tidemill data diff raw@3f2a raw@9c1e"
    )
)
@click.argument("one", metavar="NAME[@VERSION]")
@click.argument("other", metavar="[NAME[@VERSION]]", default="")
@json_option
@click.pass_obj
def diff(given: Globals, one: str, other: str, wants_json: bool) -> None:
    """Say which files were added, removed and changed from one version to another, or to what is at the path now."""
    out = Out(given, wants_json)
    with opened_to_read(given) as app, Progress(out) as told:
        found, before, after = compare(app, one, other, told)
    if wants_json:
        out.document({"from": before, "to": after, **_paths(found)})
        return
    if found.nothing:
        out.say(f"{before} and {after} hold the same.")
        return
    out.say((f"{before} -> {after}: ", "dim"), _counts(found))
    lines = [("+", "green", path) for path in found.added] + [("-", "red", path) for path in found.removed]
    lines += [("~", "yellow", path) for path in found.changed]
    for mark, style, path in lines[:FEW]:
        out.say((f"{mark} ", style), path or "the file itself")
    if len(lines) > FEW:
        out.say((f"and {len(lines) - FEW} more; --json names all", "dim"))


@data.command(epilog=examples("tidemill data rm raw@3f2a91bc"))
@click.argument("which", metavar="NAME@VERSION")
@click.option("--force", is_flag=True, help="Release it although a note beside the path names it.")
@json_option
@click.pass_obj
def rm(given: Globals, which: str, force: bool, wants_json: bool) -> None:
    """Release a version: `tidemill gc` removes its content, unless something else needs it."""
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        gone = remove_snapshot(app, which, force)
    if wants_json:
        out.document({"name": gone.name, "version": gone.version})
    else:
        out.say((_label(gone), "bold"), " is kept no more; `tidemill gc` makes room.")


def _label(one: Snapshot) -> str:
    return f"{one.name}@{short(one.version)}"


def _counts(found: Difference) -> Part:
    parts = [
        f"{len(paths)} {word}"
        for word, paths in (("added", found.added), ("removed", found.removed), ("changed", found.changed))
        if paths
    ]
    return ", ".join(parts) or "nothing"


def _paths(found: Difference) -> dict[str, Any]:
    return {"added": list(found.added), "removed": list(found.removed), "modified": list(found.changed)}


def _document(one: Snapshot, artifact: Artifact) -> dict[str, Any]:
    return {
        "name": one.name,
        "version": one.version,
        "artifact": one.artifact,
        "kind": artifact.kind,
        "size": artifact.size,
        "source": one.source,
        "message": one.message,
        "by": one.actor,
        "taken_at": looks.iso(one.taken_at),
    }
