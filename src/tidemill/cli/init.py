"""`tidemill init`: a new project."""

from __future__ import annotations

from pathlib import Path

import click

from tidemill.actions.documents import paths
from tidemill.actions.init import init_project
from tidemill.cli.calling import examples, json_option
from tidemill.cli.main import Globals
from tidemill.cli.output import Out


@click.command(epilog=examples("tidemill init churn", "cd churn && tidemill run pipeline.py"))
@click.argument("name", metavar="NAME")
@json_option
@click.pass_obj
def init(given: Globals, name: str, wants_json: bool) -> None:
    """Make the folder NAME with a small pipeline that runs, its test, settings and a README."""
    out = Out(given, wants_json)
    folder = Path(name)
    written = init_project(folder)
    if wants_json:
        out.document({"folder": str(folder), "files": paths(written)})
        return
    out.say("Made ", (str(folder), "bold"), ":")
    for path in written:
        out.say(f"  {path}")
    out.say()
    out.say("Next:  ", (f"cd {folder} && tidemill run pipeline.py", "bold"))
    out.say("Test:  ", ("pytest", "bold"))
