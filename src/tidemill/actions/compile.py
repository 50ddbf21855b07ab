"""From a file to a pipeline, in a child process: user code is never imported here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tidemill.core.check import check
from tidemill.core.errors import DefinitionError, InputError
from tidemill.core.graph import Pipeline
from tidemill.core.graph_json import pipeline_from_json
from tidemill.core.plain import Malformed, from_plain
from tidemill.core.problems import Problem, ProblemsFound


def compile_pipeline(target: str, checked: bool = True) -> Pipeline:
    """The pipeline of `FILE` or `FILE:NAME`. Raises InputError, or ProblemsFound with everything wrong with it."""
    file, _, name = target.partition(":")
    path = Path(file)
    if not path.is_file():
        raise InputError(f"there is no file {file!r}", remedy="give the path of a Python file with a @pipeline in it")
    command = [sys.executable, "-P", "-m", "tidemill.authoring.compile", str(path) + (f":{name}" if name else "")]
    # The child says what it found on a pipe of its own, so that nothing the user's code prints can be taken for it.
    # In a process group of its own, Ctrl-C is heard here, which ends it, and not answered there with a traceback.
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=_environment(),
        check=False,
        process_group=0,
    )
    pipeline = _read(done.stdout, file, done.returncode)
    if checked:
        problems = check(pipeline)
        if problems:
            raise ProblemsFound(replace(problem, place=_near(problem.place)) for problem in problems)
    return pipeline


def _read(output: bytes, file: str, code: int) -> Pipeline:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    try:
        answer = json.loads(lines[-1]) if lines else None
    except ValueError:
        answer = None
    if isinstance(answer, dict) and "ok" in answer:
        return pipeline_from_json(answer["ok"])
    if isinstance(answer, dict) and "problems" in answer:
        try:
            raise ProblemsFound(tuple(from_plain(Problem, problem) for problem in answer["problems"]))
        except Malformed as error:
            raise DefinitionError(f"the compiler's answer is malformed: {error}", place=file) from None
    raise DefinitionError(
        f"the process that reads the file ended with code {code} and no answer",
        place=file,
        remedy="see what it printed",
    )


def _near(place: str) -> str:
    """A place as seen from the current folder, where it lies below it."""
    here = os.getcwd() + os.sep
    return place.removeprefix(here)


def _environment() -> dict[str, str]:
    """The environment without our own settings: a definition must not read the server's secrets."""
    return {name: value for name, value in os.environ.items() if name != "TIDEMILL_DATABASE_URL"}
