"""How the program begins: what it imports, what its exit codes are, what it does with colours and marks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tidemill.cli.main import COMMANDS, main

HEAVY = (
    "sqlalchemy",
    "alembic",
    "fastapi",
    "rich",
    "numpy",
    "pandas",
    "psutil",
    "json",
    "tidemill.core",
    "tidemill.app",
)


def imported(*arguments: str) -> set[str]:
    program = (
        "import contextlib, io, sys\nfrom tidemill.cli.main import main\n"
        f"with contextlib.redirect_stdout(io.StringIO()):\n    code = main({list(arguments)!r})\n"
        "print(code); print('\\n'.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    code, *names = done.stdout.splitlines()
    assert code == "0"
    return set(names)


def test_help_imports_nothing_of_the_product() -> None:
    names = imported("--help")
    assert [name for name in HEAVY if name in names] == []
    assert {name for name in names if name.startswith("tidemill")} == {"tidemill", "tidemill.cli", "tidemill.cli.main"}


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "demo"])
def test_help_of_a_command_needs_no_web_server(name: str) -> None:
    assert "fastapi" not in imported(name, "--help")


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out.partition("Commands:")[2]
    for name, (_, text) in COMMANDS.items():
        assert f"  {name} " in listed
        assert text.split()[0] in listed


def test_nothing_said_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Commands:" in capsys.readouterr().err


def test_the_module_is_the_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tidemill", "--home", str(tmp_path / "home"), "runs", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert json.loads(done.stdout) == {"runs": [], "more": False, "notes": []}


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "tidemill", "init", "--help"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_without_unicode_gets_plain_marks(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "tidemill", "doctor"], capture_output=True, cwd=tmp_path, env=environment, check=False
    )
    assert done.stderr == b""
    assert done.stdout.startswith(b"+ python")
