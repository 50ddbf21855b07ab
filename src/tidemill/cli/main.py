"""The program `tidemill`: its global options and the table of its commands.

Each command is loaded when it is called, so that `--help` costs little more than click itself. Nothing of the product
may be imported here.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import NamedTuple

import click

CANCELLED = 4
UNFINISHED = 5

COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "init": ("tidemill.cli.init:init", "Make a new project that runs."),
        "demo": ("tidemill.cli.demo:demo", "Tell the life of a real model on real data."),
        "plan": ("tidemill.cli.plan:plan", "Say what would run, and what would be reused or why not."),
        "run": ("tidemill.cli.run:run", "Run a pipeline and watch it."),
        "engine": ("tidemill.cli.engine:engine", "Carry runs that nobody carries, until it is told to end."),
        "runs": ("tidemill.cli.runs:runs", "List the newest runs, or those that fulfil a condition."),
        "compare": ("tidemill.cli.compare:compare", "Compare runs: parameters, metrics, durations."),
        "show": ("tidemill.cli.show:show", "Show a run, or one of its tasks."),
        "logs": ("tidemill.cli.logs:logs", "Show what a task printed."),
        "artifact": ("tidemill.cli.artifact:artifact", "List, look at and fetch what tasks left."),
        "lineage": ("tidemill.cli.lineage:lineage", "Show what something was made from, and what was made from it."),
        "model": ("tidemill.cli.model:model", "Look at registered models, and say which version is champion."),
        "cancel": ("tidemill.cli.cancel:cancel", "Cancel a run."),
        "resume": ("tidemill.cli.resume:resume", "Go on with a run whose engine went away."),
        "retry": ("tidemill.cli.retry:retry", "Run again what failed, and keep what succeeded."),
        "replay": ("tidemill.cli.replay:replay", "Run a recorded task again here, and compare what it gives."),
        "rerun": ("tidemill.cli.rerun:rerun", "Start a new run from some tasks on, and take over the rest."),
        "diff": ("tidemill.cli.diff:diff", "Say what differs between two runs."),
        "approve": ("tidemill.cli.approve:approve", "Answer a task that waits for approval."),
        "emit": ("tidemill.cli.emit:emit", "Send an event to the tasks that wait for it."),
        "pools": ("tidemill.cli.pools:pools", "List or set how many slots something scarce has."),
        "variables": ("tidemill.cli.variables:variables", "List or set named values that tasks may read."),
        "graph": ("tidemill.cli.graph:graph", "Draw a pipeline."),
        "data": ("tidemill.cli.data:data", "Keep versions of files and folders, and put them back."),
        "contract": ("tidemill.cli.contract:contract", "Hold data against a contract, or write a first one."),
        "decision": ("tidemill.cli.decision:decision", "Show what was decided about models, and verify it."),
        "gate": ("tidemill.cli.gate:gate", "Hold recorded metrics against bounds, for scripts and CI."),
        "ci": ("tidemill.cli.ci:ci", "Write a workflow for GitHub, and run one on this machine."),
        "mlflow": ("tidemill.cli.mlflow:mlflow", "Show runs and registered models in MLflow."),
        "gc": ("tidemill.cli.gc:gc", "Remove what nobody needs, or what a policy gives up."),
        "doctor": ("tidemill.cli.doctor:doctor", "Say whether everything is in order, and what to do if not."),
    }
)


ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "cache": "`tidemill plan FILE` says what is reused and why not, `tidemill gc` removes kept results",
        "test": "`pytest` runs tests: its fixture `tidemill` runs pipelines, see `python -m pydoc tidemill.testing`",
    }
)
"""What some look for among the commands, and where it is."""


class Globals(NamedTuple):
    """What was said before the command. An empty `home` is that of the settings."""

    home: str = ""
    color: bool = True


@contextmanager
def loading() -> Iterator[None]:
    """Around imports: what they make stays, and looking for garbage in it time and again is a sixth of their cost."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class Commands(click.Group):
    """The commands of the table, in its order."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        with loading():
            command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            hint = ELSEWHERE.get(args[0].lower()) or importlib.import_module("tidemill.core.errors").did_you_mean(
                args[0], COMMANDS
            )
            raise click.UsageError(f"there is no command {args[0]!r}" + (f"; {hint}" if hint else ""), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        version = importlib.import_module("importlib.metadata").version("tidemill")
        click.echo(f"tidemill {version}")
        ctx.exit()


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nBegin with `tidemill init NAME`; `tidemill COMMAND --help` shows examples.\n"
    "Test with pytest's fixture `tidemill`: `python -m pydoc tidemill.testing`.",
)
@click.option(
    "--home", metavar="PATH", default="", help="Folder of runs, artifacts and logs, instead of the project's."
)
@click.option("--no-color", is_flag=True, help="Print without colours; so does the environment variable NO_COLOR.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.pass_context
def program(ctx: click.Context, home: str, no_color: bool) -> None:
    """Tidemill runs the whole life of a machine-learning model as one system."""
    ctx.obj = Globals(home, not no_color and not os.environ.get("NO_COLOR"))


def _readable(arguments: Sequence[str]) -> None:
    """Raise UsageError for bytes that are no text: no name, value or path of ours can hold them."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise click.UsageError(f"the argument {argument!a} is not UTF-8 text") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 a run failed, 2 wrong definition or arguments, 3 a defect, 4 cancelled, 5 left.

    Without `arguments` this is the program, and may end the process itself.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _readable(given)
        code = program.main(args=given, prog_name="tidemill", standalone_mode=False)
    except BaseException as error:
        code = importlib.import_module("tidemill.cli.failure").tell(error, given)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has left; Python would say so once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    code = code if isinstance(code, int) else 0
    # Whoever was interrupted too: Python forgets the code if the interruption came while it made a class.
    if arguments is None and ("tidemill.app" in sys.modules or code == CANCELLED):
        importlib.import_module("tidemill.worker.leaving").leave_at_once(code)
    return code
