"""`tidemill model`: the registry: models, versions, aliases, and who had one when."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from tidemill.actions.models import documents
from tidemill.actions.models.adding import register_artifact
from tidemill.actions.models.card import card_of
from tidemill.actions.models.looking import history_of, list_models, list_versions, who_had
from tidemill.actions.models.moving import promote, remove_alias, rollback
from tidemill.cli import looks
from tidemill.cli.calling import F, examples, json_option, opened_to_read
from tidemill.cli.main import Globals
from tidemill.cli.mirrored import mirror_after
from tidemill.cli.model_card import show_card
from tidemill.cli.model_moves import show_at, show_models, show_moves, show_versions, tell_move
from tidemill.cli.output import Out
from tidemill.core.errors import InputError
from tidemill.core.models import CHAMPION


@click.group(
    invoke_without_command=True,
    epilog=examples(
        "tidemill model ls",
        "tidemill model show churn",
        "tidemill model register latest:train churn",
        "tidemill model promote churn@3",
        "tidemill model rollback churn --reason 'fewer people answer'",
        'tidemill model history churn --at "2026-03-03 14:00"',
    ),
)
@click.pass_context
def model(ctx: click.Context) -> None:
    """Registered models: look at them, and say which version is champion.

    Pipelines register models with `tidemill.tasks.register`, people with `tidemill model register`. A version is
    written NAME@3, NAME@champion or NAME@latest.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def alias_option(command: F) -> F:
    return click.option(
        "--alias", default=CHAMPION, show_default=True, metavar="ALIAS", help="Which alias: champion, challenger, ..."
    )(command)


def expected_option(command: F) -> F:
    return click.option(
        "--expected",
        type=click.IntRange(0),
        metavar="N",
        help="Do nothing unless version N has the alias now; 0: none has it.",
    )(command)


def override_option(command: F) -> F:
    return click.option(
        "--override",
        default="",
        callback=_reason,
        metavar="REASON",
        help="Why it becomes champion though no gate has passed it.",
    )(command)


def _reason(ctx: click.Context, param: click.Parameter, said: str) -> str:
    if param.name and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE and not said.strip():
        raise InputError("the reason to override is empty", place="--override", remedy="say why no gate is needed")
    return said


@model.command(epilog=examples("tidemill model ls", "tidemill model ls churn"))
@click.argument("name", metavar="[NAME]", default="")
@json_option
@click.pass_obj
def ls(given: Globals, name: str, wants_json: bool) -> None:
    """List models, or the versions of NAME, the newest first."""
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        known = list_models(app) if not name else []
        lines = list_versions(app, name) if name else []
    if wants_json:
        found = [documents.line_document(line) for line in lines] if name else map(documents.model_document, known)
        out.document({"versions" if name else "models": list(found)})
    elif name:
        show_versions(out, lines)
    elif known:
        show_models(out, known)
    else:
        out.say("No model is registered yet. `tidemill model register RUN:TASK NAME` registers one.")


@model.command(
    epilog=examples(
        "tidemill model show churn", "tidemill model show churn@3", "tidemill model show churn --html c.html"
    )
)
@click.argument("which", metavar="NAME[@VERSION]")
@click.option("--html", default="", metavar="FILE", help="Write the card as one page for a browser.")
@json_option
@click.pass_obj
def show(given: Globals, which: str, html: str, wants_json: bool) -> None:
    """Show the card of a version: what it is, how it was made, how good it is, what was decided about it.

    VERSION is a number, an alias or `latest`; NAME alone is its champion, or its newest version if it has none. Its
    content is hashed, and never loaded.
    """
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        card = card_of(app, which)
        if html:
            # It brings its templates with it, which no other use of this command needs.
            from tidemill.cli.modelcard.writing import write_card

            size = write_card(app, card, Path(html))
            if wants_json:
                out.document(
                    {"name": card.version.name, "version": card.version.version, "written": html, "bytes": size}
                )
            else:
                out.say(f"The card of {card.label} is written to ", (html, "bold"), f" ({looks.size(size)}).")
            return
    out.document(documents.card_document(card)) if wants_json else show_card(out, card)


@model.command(
    "register",
    epilog=examples(
        "tidemill model register latest:train churn",
        "tidemill model register 3f2a:train churn --alias challenger --description 'with the data of May'",
    ),
)
@click.argument("artifact", metavar="RUN:TASK")
@click.argument("name", metavar="NAME")
@click.option("--alias", default="", metavar="ALIAS", help="Give it this alias too: champion, challenger, ...")
@click.option("--description", default="", metavar="TEXT", help="What is to be known of it.")
@click.option("--decision", default="", metavar="ID", help="The decision of a gate, instead of the newest about it.")
@override_option
@expected_option
@json_option
@click.pass_obj
def register_command(
    given: Globals,
    artifact: str,
    name: str,
    alias: str,
    description: str,
    decision: str,
    override: str,
    expected: int | None,
    wants_json: bool,
) -> None:
    """Register an artifact of a run as the next version of the model NAME, as `tidemill.tasks.register` does.

    RUN:TASK is such as latest:train; RUN:TASK:OUTPUT and the id of an artifact will do, too. Its content is verified.
    The same content again is the version that is there. With --alias champion a gate must have passed it.
    """
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        entered = register_artifact(
            app,
            artifact,
            name,
            alias=alias,
            description=description,
            decision=decision,
            override=override,
            expected=expected,
        )
        version = entered.version
        if wants_json:
            out.document(documents.entered_document(entered, alias))
        else:
            new = "is registered" if entered.is_new else "had this content already: nothing was added"
            out.say((f"{name}@{version.version}", "bold"), f" {new}.")
            if alias:
                out.say(f"It is {alias} now." if entered.move is not None else f"It was {alias} already.")
            if entered.move is not None and entered.move.overrode:
                out.say(("note: ", "yellow"), f"no gate has passed it; recorded as the reason: {entered.move.reason}")
            out.say((f"`tidemill model show {name}@{version.version}` shows how it was made.", "dim"))
        mirror_after(app, models=[name])


@model.command(
    "promote",
    epilog=examples(
        "tidemill model promote churn@3",
        "tidemill model promote churn@latest --alias challenger",
        "tidemill model promote churn@1 --override 'there is no gate yet'",
    ),
)
@click.argument("which", metavar="NAME@VERSION")
@alias_option
@click.option("--decision", default="", metavar="ID", help="The decision of a gate, instead of the newest about it.")
@override_option
@click.option("--reason", default="", metavar="TEXT", help="Why, for whoever looks later.")
@expected_option
@json_option
@click.pass_obj
def promote_command(
    given: Globals,
    which: str,
    alias: str,
    decision: str,
    override: str,
    reason: str,
    expected: int | None,
    wants_json: bool,
) -> None:
    """Give an alias to a version: champion, unless another one is said.

    What becomes champion has passed a gate that compared it with the champion of now, and has not been rolled back or
    taken away; or somebody says with --override why not, which is recorded.
    """
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        moved = promote(app, which, alias, reason=reason, decision=decision, override=override, expected=expected)
        tell_move(out, moved)
        mirror_after(app, models=[moved.name])


@model.command(
    "rollback",
    epilog=examples(
        "tidemill model rollback churn --reason 'fewer people answer'",
        "tidemill model rollback churn --to 2 --reason 'as before the sale'",
    ),
)
@click.argument("name", metavar="NAME")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for whoever looks later.")
@click.option("--to", default="", metavar="VERSION", help="To this earlier champion, not to the one before.")
@alias_option
@expected_option
@json_option
@click.pass_obj
def rollback_command(
    given: Globals, name: str, reason: str, to: str, alias: str, expected: int | None, wants_json: bool
) -> None:
    """Give an alias back to the version that had it before.

    Twice goes back two champions: before is by history, and never the one that was just left. A version that was
    rolled back becomes champion again with --override only.
    """
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        moved = rollback(app, name, reason=reason, to=to, alias=alias, expected=expected)
        tell_move(out, moved)
        mirror_after(app, models=[moved.name])


@model.command(
    "unalias", epilog=examples("tidemill model unalias churn --alias challenger --reason 'the trial has ended'")
)
@click.argument("name", metavar="NAME")
@click.option("--alias", required=True, metavar="ALIAS", help="Which alias: champion, challenger, ...")
@click.option("--reason", default="", metavar="TEXT", help="Why, for whoever looks later.")
@expected_option
@json_option
@click.pass_obj
def unalias_command(given: Globals, name: str, alias: str, reason: str, expected: int | None, wants_json: bool) -> None:
    """Take an alias away: no version has it then. The versions stay."""
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        moved = remove_alias(app, name, alias, reason=reason, expected=expected)
        tell_move(out, moved)
        mirror_after(app, models=[moved.name])


@model.command(
    epilog=examples(
        "tidemill model history churn",
        'tidemill model history churn --at "2026-03-03 14:00"',
        "tidemill model history churn --at '2 days ago' --alias challenger",
    )
)
@click.argument("name", metavar="NAME")
@click.option("--alias", default="", metavar="ALIAS", help="Only this alias; with --at champion, unless it is said.")
@click.option("--at", "at_text", default="", metavar="WHEN", help="Which version had it then: why, and by whom.")
@json_option
@click.pass_obj
def history(given: Globals, name: str, alias: str, at_text: str, wants_json: bool) -> None:
    """Say how the aliases of a model moved, or which version was champion at a moment.

    WHEN is such as '2026-03-03 14:00', '2026-03-03T14:00Z' or '2 days ago'; without a zone it is this machine's.
    """
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        if at_text:
            found = who_had(app, name, at_text, alias or CHAMPION)
            out.document({"model": name, **documents.at_document(found)}) if wants_json else show_at(out, name, found)
            return
        moves = history_of(app, name, alias)
    if wants_json:
        out.document({"model": name, "moves": [documents.move_document(move) for move in moves]})
    elif not moves:
        out.say(f"No version of {name} has ever had " + (f"the alias {alias}." if alias else "an alias."))
    else:
        show_moves(out, moves)
