"""What every command begins with: the settings of the project, its open home, and the options that all share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tidemill.cli.main import Globals
from tidemill.core.errors import InputError, NotFound
from tidemill.settings import Settings, load_settings

if TYPE_CHECKING:
    from tidemill.app import App

F = TypeVar("F", bound=Callable[..., Any])

RUN_HELP = "RUN is the id of a run, the beginning of one, or `latest`."


def settings_of(given: Globals) -> Settings:
    """The settings of the project around the current folder. Raises InputError naming the place."""
    environment = dict(os.environ)
    if given.home:
        environment["TIDEMILL_HOME"] = str(Path(given.home).absolute())
    return load_settings(environment=environment)


@contextmanager
def opened(given: Globals, settings: Settings | None = None) -> Iterator[App]:
    """The home, made if need be. Raises InputError if it cannot be written to, and the errors of the database."""
    # It loads the database library, which a command may have better things to do than to wait for.
    from tidemill.app import App

    settings = settings or settings_of(given)
    try:
        app = App(settings)
    except OSError as error:
        raise InputError(
            f"the home cannot be written to: {error.strerror or error}",
            place=str(settings.home),
            remedy="let --home or TIDEMILL_HOME name a folder that you may write to",
        ) from None
    with app:
        yield app


def has_home(settings: Settings) -> bool:
    """Whether anything can have run here; a database elsewhere may hold runs of others."""
    return bool(settings.database_url) or settings.home.exists()


@contextmanager
def opened_to_read(given: Globals) -> Iterator[App]:
    """The home if there is one: looking at runs makes none. Raises NotFound."""
    settings = settings_of(given)
    if not has_home(settings):
        raise NotFound(
            "nothing has run here yet: there is no home",
            place=str(settings.home),
            remedy="go to the folder of your project, or name its home with --home; "
            "`tidemill init NAME` makes a project, `tidemill run FILE` runs a file",
        )
    with opened(given, settings) as app:
        yield app


def json_option(command: F) -> F:
    return click.option("--json", "wants_json", is_flag=True, help="Print one JSON document and nothing else.")(command)


def run_argument(command: F) -> F:
    return click.argument("run_id", metavar="RUN")(command)


def param_options(command: F) -> F:
    command = click.option(
        "--params-file",
        metavar="FILE",
        default="",
        help="JSON file with an object of parameters; -p goes before it.",
    )(command)
    return click.option(
        "-p",
        "--param",
        "params",
        metavar="NAME=VALUE",
        multiple=True,
        help="Value of a parameter, read as its type says; may be repeated.",
    )(command)


def cache_options(command: F) -> F:
    command = click.option(
        "--refresh",
        "refresh",
        metavar="TASK",
        multiple=True,
        help="Compute this task, or all that is in this scope, anew; may be repeated.",
    )(command)
    return click.option(
        "--no-cache", is_flag=True, help="Reuse nothing of earlier runs; what is computed is kept for later ones."
    )(command)


def examples(*lines: str) -> str:
    """The last part of a help text."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
