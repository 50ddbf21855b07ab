"""`tidemill gc`: collect what nobody needs, or what a policy gives up; look for damage."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from tidemill.actions.collecting.decide import Going, Staying
from tidemill.actions.collecting.foreseeing import Foreseen
from tidemill.actions.collecting.removing import Collected
from tidemill.actions.gc import Limits, collect, foresee_collection, keep_run, policy_of, verify_artifacts
from tidemill.app import App
from tidemill.cli import looks
from tidemill.cli.calling import examples, json_option, opened_to_read
from tidemill.cli.collecting import Progress
from tidemill.cli.main import CANCELLED, Globals
from tidemill.cli.output import Out, Part
from tidemill.core.errors import InputError
from tidemill.core.sizes import size_text

DAMAGED = 1
FEW = 12


@click.command(
    epilog=examples(
        "tidemill gc --dry-run",
        "tidemill gc --older-than 30d --keep 10",
        "tidemill gc --max-size 50GB --yes",
        "tidemill gc --protect 3f2a --why 'the one we published'",
        "tidemill gc --verify",
    )
)
@click.option("--older-than", default=None, metavar="AGE", help="Remove runs that ended longer ago, such as 30d.")
@click.option("--keep", type=int, default=None, metavar="N", help="Keep only the N newest runs of each pipeline.")
@click.option(
    "--max-size",
    default=None,
    metavar="SIZE",
    help="Remove the oldest runs while artifacts take up more, such as 50GB.",
)
@click.option(
    "--cache-older-than", default=None, metavar="AGE", help="Reuse no results any more that were kept longer ago."
)
@click.option("--grace", default=None, metavar="AGE", help="Spare what was in use more recently (1h unless set).")
@click.option("--dry-run", is_flag=True, help="Only say what would go and why, and what stays and why.")
@click.option("--verify", is_flag=True, help="Remove nothing, hash every artifact again, and name what is damaged.")
@click.option("--protect", default=None, metavar="RUN", help="Remove nothing; let no policy ever remove this run.")
@click.option("--why", default="yes", metavar="TEXT", help="With --protect: the reason, which the run is tagged with.")
@click.option("--release", default=None, metavar="RUN", help="Remove nothing; take back that this run is kept.")
@click.option("--alone", is_flag=True, help="No other database has records of what is in this artifact store.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def gc(
    given: Globals,
    older_than: str | None,
    keep: int | None,
    max_size: str | None,
    cache_older_than: str | None,
    grace: str | None,
    dry_run: bool,
    verify: bool,
    protect: str | None,
    why: str,
    release: str | None,
    alone: bool,
    yes: bool,
    wants_json: bool,
) -> int:
    """Remove what nobody needs, and the finished runs that a policy gives up.

    Without a policy no run goes. What a kept result in force, a snapshot or a run that stays needs is never removed;
    nor are unfinished runs, the newest finished run of each pipeline, and runs tagged `keep`.
    """
    if sum((dry_run, verify, protect is not None, release is not None)) > 1:
        raise InputError("--dry-run, --verify, --protect and --release go each alone")
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        if protect is not None:
            return _tag(out, app, protect, why)
        if release is not None:
            return _tag(out, app, release, "")
        if verify:
            return _verify(out, app)
        policy = policy_of(Limits(older_than, keep, max_size, cache_older_than, grace), app.settings)
        if wants_json and not (yes or dry_run):
            raise InputError("with --json nobody is asked", remedy="say --yes to remove, or --dry-run")
        if dry_run or not yes:
            with Progress(out) as told:
                foreseen = foresee_collection(app, policy, told, alone)
            if wants_json:
                out.document(_foreseen_document(foreseen))
                return 0
            _show_foreseen(out, foreseen)
            if dry_run or _is_nothing(foreseen):
                return 0
            if not sys.stdin.isatty():
                raise InputError("nobody is here to be asked", remedy="say --yes to remove this, or --dry-run")
            if not click.confirm("Remove this?", default=False):
                return CANCELLED
        with Progress(out) as told:
            done = collect(app, policy, told, alone)
    out.document(asdict(done)) if wants_json else _show_done(out, done)
    return 0


def _tag(out: Out, app: App, run_id: str, why: str) -> int:
    run = keep_run(app, run_id, why)
    if out.wants_json:
        out.document({"run": run.id, "tags": dict(run.tags)})
    else:
        out.say(f"Run {run.id} of {run.pipeline} ", "is kept from now on." if why else "is kept no more.")
    return 0


def _verify(out: Out, app: App) -> int:
    with Progress(out) as told:
        found = verify_artifacts(app, told)
    if out.wants_json:
        out.document(asdict(found))
    elif not found.damage:
        out.say(f"{looks.plural(found.contents, 'content')} ({size_text(found.bytes)}) hashed: all are whole.")
    else:
        out.say((f"{looks.plural(len(found.damage), 'artifact')} damaged or missing:", "red"))
        for one in found.damage:
            out.say()
            out.say((one.artifact, "bold"), f"  {one.made_by}")
            out.say("  ", one.problem)
            out.say("  ", ("heal: ", "dim"), one.heal)
    return DAMAGED if found.damage else 0


def _is_nothing(found: Foreseen) -> bool:
    plan = found.plan
    return not (plan.runs or plan.expired or plan.ending or plan.artifacts or found.objects)


def _show_foreseen(out: Out, found: Foreseen) -> None:
    plan = found.plan
    if _is_nothing(found):
        out.say(f"Nothing is to be removed. {size_text(plan.total)} of artifacts are needed.")
    else:
        if going := _going(plan.runs, plan.expired, plan.ending):
            _cut(out, ("GOES", "WHAT", ">FREES", "WHY"), going)
        out.say(*_sums(found))
    if plan.stays:
        out.say()
        _cut(out, ("STAYS", "WHAT", ">NEEDS", "WHY"), [_row(one, one.size) for one in plan.stays])
    for note in found.notes:
        out.say(("note: ", "yellow"), note)


def _going(*kinds: Sequence[Going]) -> list[tuple[Part, ...]]:
    return [_row(one, one.frees) for kind in kinds for one in kind]


def _row(one: Going | Staying, size: int) -> tuple[Part, ...]:
    return (one.name[:12] if len(one.name) > 40 else one.name, "bold"), one.what, size_text(size), one.why


def _cut(out: Out, heads: Sequence[str], rows: Sequence[tuple[Part, ...]]) -> None:
    out.table(heads, rows[:FEW], give=1)
    if len(rows) > FEW:
        out.say((f"and {len(rows) - FEW} more; --json names all", "dim"))


def _sums(found: Foreseen) -> list[Part]:
    plan = found.plan
    parts = [
        looks.plural(len(plan.runs), "run"),
        looks.plural(len(plan.expired) + len(plan.ending), "kept result"),
        looks.plural(len(plan.artifacts), "artifact"),
        looks.plural(found.objects, "orphan"),
    ]
    room = size_text(plan.frees + found.bytes + found.log_bytes)
    later = ["; what ended results leave goes when the grace has passed"] if plan.ending else []
    return [", ".join(part for part in parts if not part.startswith("0 ")), f": {room} of room", *later, "."]


def _foreseen_document(found: Foreseen) -> dict[str, Any]:
    return {"dry_run": True, **asdict(found)}


def _show_done(out: Out, done: Collected) -> None:
    parts = [
        looks.plural(len(done.runs), "run"),
        looks.plural(done.expired, "expired result"),
        looks.plural(done.artifacts, "artifact"),
        looks.plural(done.objects, "object"),
    ]
    said = ", ".join(part for part in parts if not part.startswith("0 "))
    out.say(f"Removed {said or 'nothing'}: {size_text(done.bytes)} of room.")
    if done.ended:
        out.say(f"{looks.plural(done.ended, 'kept result')} are in force no more, and go when the grace has passed.")
    if done.remains:
        out.say(f"{looks.plural(done.remains, 'file')} that dead processes left removed.")
    for run, why in done.left.items():
        out.say(("left: ", "yellow"), f"run {run}: {why}")
    for note in done.notes:
        out.say(("note: ", "yellow"), note)
