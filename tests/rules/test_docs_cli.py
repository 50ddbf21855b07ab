"""Every command, option and exit code of the command line stands in its reference, and nothing that is not there."""

from __future__ import annotations

import re

import click
import pytest

from tests.rules.sources import ROOT
from tidemill.cli.main import COMMANDS, Commands, program

REFERENCE = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
CONTEXT = click.Context(program, info_name="tidemill")


def _section(command: str) -> str:
    found = re.search(rf"^## {command}\n(.*?)(?=^## |\Z)", REFERENCE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/reference/cli.md has no section {command!r}"
    return found[1]


def _command(name: str) -> click.Command:
    assert isinstance(program, Commands)
    command = program.get_command(CONTEXT, name)
    assert command is not None
    return command


def _inner(name: str) -> list[tuple[str, click.Command]]:
    """The commands that do something, with what one types for each: those inside of a group, or the one itself."""
    command = _command(name)
    if not isinstance(command, click.Group):
        return [(name, command)]
    return [(f"{name} {inner}", found) for inner, found in command.commands.items()]


def _options(command: click.Command) -> list[str]:
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    own = [text for param in command.params if isinstance(param, click.Option) for text in param.opts]
    return own + [text for one in inner for text in _options(one)]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented(name: str) -> None:
    section = _section(name)
    missing = [text for text in _options(_command(name)) if not re.search(rf"`{text}[` ]", section)]
    assert missing == []


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_is_documented_that_is_not_there(name: str) -> None:
    documented = {
        text
        for row in re.findall(r"^\| (`-.*?) \|", _section(name), re.MULTILINE)
        for text in re.findall(r"`(-[\w-]+)", row)
    }
    assert documented <= set(_options(_command(name)))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_json_and_an_example(name: str) -> None:
    for typed, command in _inner(name):
        assert "--json" in _options(command), typed
        epilog = command.epilog or ""
        assert f"tidemill {typed}" in epilog or f"tidemill --home /data/home {typed}" in epilog
        assert all(getattr(param, "help", "") for param in command.params if isinstance(param, click.Option))
        assert f"`tidemill {typed}" in _section(name), typed


def test_the_global_options_are_documented() -> None:
    head = REFERENCE.partition("# Commands")[0]
    assert [text for text in _options(program) if f"`{text}" not in head] == []


def test_sections_and_commands_are_the_same() -> None:
    commands = REFERENCE.partition("\n# Commands")[2]
    assert re.findall(r"^## (\w+)$", commands, re.MULTILINE) == list(COMMANDS)


def test_the_table_of_help_says_what_the_command_says() -> None:
    for name, (_, text) in COMMANDS.items():
        for typed, command in [(name, _command(name)), *_inner(name)]:
            assert " ".join((command.help or "").split()), f"{typed} has no help"
        assert text.endswith("."), name
