"""From a file to a pipeline, in a child process: user code is never imported here."""

from __future__ import annotations

import json
import os
from dataclasses import replace

from tidemill.actions.reading import Reading, reading
from tidemill.core.check import check
from tidemill.core.errors import DefinitionError, InputError
from tidemill.core.graph import Pipeline
from tidemill.core.graph_json import pipeline_from_json
from tidemill.core.plain import Malformed, from_plain
from tidemill.core.problems import Problem, ProblemsFound


def compile_pipeline(target: str, checked: bool = True) -> Pipeline:
    """The pipeline of `FILE` or `FILE:NAME`. Raises InputError, or ProblemsFound with everything wrong with it."""
    with reading(target) as begun:
        return pipeline_of(begun, checked)


def pipeline_of(begun: Reading, checked: bool = True) -> Pipeline:
    """What came of reading a file, once it has been read. Raises as `compile_pipeline` does."""
    file = begun.target.partition(":")[0]
    if begun.reader is None:
        raise InputError(f"there is no file {file!r}", remedy="give the path of a Python file with a @pipeline in it")
    pipeline = _read(*begun.reader.answer(), file)
    if checked:
        problems = check(pipeline)
        if problems:
            raise ProblemsFound(replace(problem, place=_near(problem.place)) for problem in problems)
    if begun.early is not None and begun.early.entry[0] not in {name.partition(":")[0] for name in pipeline.functions}:
        # Its tasks are functions of other files.
        begun.early.end_unused()
    return pipeline


def _read(output: bytes, code: int, file: str) -> Pipeline:
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
