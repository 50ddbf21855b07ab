"""`tidemill lineage`: what an artifact or a run was made from, and what was made from it."""

from __future__ import annotations

from collections.abc import Iterable

import click

from tidemill.actions.artifact_documents import lineage_document, task_text
from tidemill.actions.artifacts import short_type
from tidemill.actions.drawing.lineage_mermaid import draw_lineage
from tidemill.actions.drawing.lineage_tree import Aside, Branch, LineageTree
from tidemill.actions.lineage import Lineage, trace_lineage
from tidemill.cli import looks
from tidemill.cli.calling import examples, json_option, opened_to_read
from tidemill.cli.main import Globals
from tidemill.cli.output import Out, Part
from tidemill.core.errors import InputError


@click.command(
    epilog=examples(
        "tidemill lineage latest",
        "tidemill lineage latest:train --up",
        "tidemill lineage 3f2a.4.1 --down --depth 1",
        "tidemill lineage model:churn@champion",
        "tidemill lineage latest --format mermaid > lineage.mmd",
    )
)
@click.argument("what", metavar="ARTIFACT|RUN")
@click.option("--up", is_flag=True, help="Only what it was made from.")
@click.option("--down", is_flag=True, help="Only what was made from it.")
@click.option("--depth", type=click.IntRange(1), metavar="N", help="So many tasks far, not to the ends.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["tree", "mermaid", "json"]),
    default="tree",
    show_default=True,
    help="A tree for people, a flowchart for a page, or a document.",
)
@json_option
@click.pass_obj
def lineage(given: Globals, what: str, up: bool, down: bool, depth: int | None, form: str, wants_json: bool) -> None:
    """Show what an artifact or a run was made from, and what was made from it, across runs.

    Name an artifact by its id, the beginning of one, RUN:TASK[:OUTPUT], or model:NAME[@VERSION]; a run by its id, the
    beginning of one, or `latest`. What was reused is told with the run that made it.
    """
    if wants_json and form == "mermaid":
        raise InputError("--json and --format mermaid are two forms", remedy="leave out one of them")
    out = Out(given, wants_json or form == "json")
    both = up == down
    with opened_to_read(given) as app:
        found = trace_lineage(app, what, up=up or both, down=down or both, depth=depth)
    if out.wants_json:
        out.document(lineage_document(found))
    elif form == "mermaid":
        out.console.file.write(draw_lineage(found))
    else:
        _tree(out, found, up or both, down or both)


def _tree(out: Out, found: Lineage, up: bool, down: bool) -> None:
    tree = LineageTree(found)
    if found.run and not found.starts:
        out.say(f"No task of run {found.run} made or was given an artifact.")
        return
    if up:
        title = f"run {found.run}: what it made, and from what" if found.run else "made from"
        _section(out, found, title, tree.up(), "nothing else")
    if up and down:
        out.say()
    if down:
        title = "made from it in other runs" if found.run else "what was made from it"
        _section(out, found, title, tree.down(), "nothing")


def _section(out: Out, found: Lineage, title: str, branches: Iterable[Branch], nothing: str) -> None:
    out.say((title, "bold"))
    told = list(branches)
    for branch in told:
        out.say(*_cut(out, _line(found, branch)))
    if any(branch.aside is Aside.MORE for branch in told):
        out.say(("  … means that there is more: `tidemill lineage ID` goes on from there", "dim"))
    elif not told or (len(told) == 1 and not found.run):
        out.say((f"  {nothing}", "dim"))


def _line(found: Lineage, branch: Branch) -> list[Part]:
    point = branch.point
    parts: list[Part] = [("  " + branch.guide, "dim")]
    if isinstance(point, str):
        record = found.artifacts.get(point)
        parts += [(short_type(record) if record is not None else "removed", "bold"), f" {point}"]
        parts += [(" by ", "dim"), task_text(branch.by)] if branch.by is not None else []
        if record is not None and (size := looks.size(record.size)):
            parts.append((f"  {size}", "dim"))
    else:
        elsewhere = f" of run {point.run}" if point.run != found.run else ""
        parts += [("reused by " if branch.took_over else "", "green"), task_text(point), (elsewhere, "dim")]
    if branch.reused:
        parts.append((f"  reused by {', '.join(map(task_text, branch.reused))}", "green"))
    match branch.aside:
        case Aside.ABOVE:
            parts.append(("  (see above)", "dim"))
        case Aside.MORE:
            parts.append(("  …", "dim"))
        case Aside.NOTHING:
            pass
    return parts


def _cut(out: Out, parts: list[Part]) -> list[Part]:
    line = out.text(*parts)
    out.fit(line, out.width)
    return [line]
