"""A project folder and the command line in it, as a process of its own: what a user has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

TIDEMILL = [sys.executable, "-m", "tidemill"]
LONG = 60.0
"""Seconds after which a process that hangs fails its test."""


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TIDEMILL_", "PYTEST"))}
    kept.pop("NO_COLOR", None)
    return {**kept, "COLUMNS": "80", "PYTHONUTF8": "1", "TZ": "UTC", **more}


class Folder:
    """A folder to call `tidemill` in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, text: str) -> Path:
        file = self.path / name
        file.write_text(text, encoding="utf-8")
        return file

    def call(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Exit code and output of one command."""
        return subprocess.run(
            [*TIDEMILL, *arguments],
            cwd=self.path,
            env=environment(**more),
            capture_output=True,
            encoding="utf-8",
            timeout=LONG,
            check=False,
        )

    def ok(self, *arguments: str) -> str:
        """The output of a command that ends with 0 and complains of nothing."""
        done = self.call(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout

    def document(self, *arguments: str, code: int = 0) -> Any:
        """The one JSON document that a command prints, and nothing else."""
        done = self.call(*arguments, "--json")
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    def begin(self, *arguments: str, **more: str) -> Begun:
        return Begun(
            subprocess.Popen(
                [*TIDEMILL, *arguments],
                cwd=self.path,
                env=environment(**more),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                # As a shell does: what Ctrl-C reaches is this process and all that did not leave its group.
                process_group=0,
            )
        )


class Begun:
    """A command under way. Its lines are read as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._watchdog = threading.Timer(LONG, process.kill)
        self._watchdog.daemon = True
        self._watchdog.start()

    def until(self, text: str) -> str:
        """The first line that holds `text`."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if text in line:
                return line
        raise AssertionError(f"it never said {text!r}:\n" + "\n".join(self.lines))

    def signal(self, number: signal.Signals, group: bool = False) -> None:
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def end(self) -> tuple[int, str, str]:
        """Exit code, all that it wrote to standard output, and to standard error."""
        rest, errors = self.process.communicate()
        self._watchdog.cancel()
        return self.process.returncode, "\n".join(self.lines) + "\n" + rest, errors


def processes_of(folder: Path) -> list[int]:
    """Processes of this machine that have something to do with a folder: by arguments, or by where they are."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                told = (entry / "cmdline").read_bytes() + b"\0" + os.readlink(entry / "cwd").encode()
            except OSError:
                continue
            if str(folder).encode() in told:
                found.append(int(entry.name))
    return found
