"""The commands that the README of an example prints, carried out as printed, in a copy of its folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.stories.terminal import LONG, environment

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Done:
    command: str
    code: int
    output: str


def copy_of(example: str, folder: Path) -> Path:
    """The files of an example as they are after a fresh clone."""
    ignored = shutil.ignore_patterns("__pycache__", ".tidemill", "data", "inbox", "models", "alerts")
    return Path(shutil.copytree(EXAMPLES / example, folder / example, ignore=ignored))


def carried_out(folder: Path) -> Iterator[Done]:
    """Each command in turn; its comment says if it is to fail."""
    page = (folder / "README.md").read_text(encoding="utf-8")
    names = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for block in re.findall(r"^```\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if not line.startswith(("tidemill ", "python ")):
                continue
            done = subprocess.run(
                ["bash", "-c", line],
                cwd=folder,
                env=environment(PATH=names),
                capture_output=True,
                encoding="utf-8",
                timeout=LONG,
                check=False,
            )
            output = done.stdout + done.stderr
            assert done.returncode == ("# exit code 1" in line), f"{line}\n{output}"
            yield Done(line.partition("  #")[0].rstrip(), done.returncode, output)
