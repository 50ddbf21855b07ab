"""`tidemill emit`: an event for tasks that wait for one."""

from __future__ import annotations

import json

import click

from tidemill.actions.signals import emit as send
from tidemill.cli.approve import say_if_nobody_listens, told_document
from tidemill.cli.calling import examples, json_option, opened_to_read, run_argument
from tidemill.cli.main import Globals
from tidemill.cli.output import Out
from tidemill.core.errors import InputError
from tidemill.core.values import Value, decode


@click.command(
    epilog=examples("tidemill emit latest data-arrived", "tidemill emit 3f2a data-arrived --payload '{\"rows\": 120}'")
)
@run_argument
@click.argument("name", metavar="NAME")
@click.option("--key", default="", metavar="KEY", help="For tasks that wait for this key of the event.")
@click.option("--payload", default="", metavar="JSON", help="What the waiting task gets as its result.")
@json_option
@click.pass_obj
def emit(given: Globals, run_id: str, name: str, key: str, payload: str, wants_json: bool) -> None:
    """Send the event NAME to the tasks of a run that wait for it.

    RUN is the id of a run, the beginning of one, or `latest`.
    """
    value = _payload(payload)
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        told = send(app, run_id, name, key, value)
    if wants_json:
        out.document(told_document(told))
    else:
        out.say(f"Sent to run {told.run.id}: ", ", ".join(map(str, told.tasks)))
        say_if_nobody_listens(out, told)


def _payload(text: str) -> Value:
    if not text:
        return None
    try:
        return decode(json.loads(text))
    except ValueError as error:
        raise InputError(
            f"the payload is not JSON: {error}", remedy="a text needs quotes of its own: '\"text\"'"
        ) from None
