"""`tidemill variables`: named values that tasks may read while they run."""

from __future__ import annotations

import json

import click

from tidemill.actions.variables import list_variables, remove_variable, set_variable
from tidemill.cli.calling import examples, json_option, opened
from tidemill.cli.main import Globals
from tidemill.cli.output import Out
from tidemill.core.errors import InputError
from tidemill.core.values import Value, decode, encode


@click.command(epilog=examples("tidemill variables", "tidemill variables depth 3", "tidemill variables depth --remove"))
@click.argument("name", metavar="[NAME]", required=False, default="")
@click.argument("value", metavar="[VALUE]", required=False, default=None)
@click.option("--text", is_flag=True, help="Take VALUE as a text, even if it looks like JSON.")
@click.option("--remove", is_flag=True, help="Delete the variable NAME.")
@json_option
@click.pass_obj
def variables(given: Globals, name: str, value: str | None, text: bool, remove: bool, wants_json: bool) -> None:
    """List the variables, or give NAME the VALUE: JSON where it is JSON, a text otherwise.

    A task reads one with `current().variable("NAME")`. They are stored as they are: nothing secret belongs here.
    """
    if remove and (not name or value is not None):
        raise InputError("--remove goes with a name and no value", remedy="tidemill variables NAME --remove")
    out = Out(given, wants_json)
    with opened(given) as app:
        if remove:
            remove_variable(app, name)
        elif value is not None:
            set_variable(app, name, value if text else _read(value))
        found = list_variables(app)
    shown = {key: found[key] for key in sorted(found) if not name or remove or key == name}
    if wants_json:
        out.document({"variables": {key: encode(item) for key, item in shown.items()}})
        return
    if not shown:
        out.say("There are no variables." if not name or remove else f"There is no variable {name}.")
        return
    rows = ((key, json.dumps(encode(item), ensure_ascii=False)) for key, item in shown.items())
    out.table(("VARIABLE", "VALUE"), (((key, "bold"), item) for key, item in rows))


def _read(text: str) -> Value:
    try:
        return decode(json.loads(text))
    except ValueError:
        return text
