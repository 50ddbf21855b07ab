"""One look at a pipeline function: its calls become the graph, and everything wrong is told at once.

Reads no file but the sources of the functions, for their fingerprints; changes nothing outside.
"""

from __future__ import annotations

import traceback
from dataclasses import replace
from typing import Any

from tidemill.authoring.drafts import Recorder, ScopeDraft, Tracing, current
from tidemill.authoring.fingerprint import NoFingerprint, fingerprints
from tidemill.authoring.freezing import freeze
from tidemill.authoring.pipeline import PipelineDefinition, run_function
from tidemill.authoring.place import relative, show
from tidemill.core.check import check
from tidemill.core.errors import DefinitionError, TidemillError
from tidemill.core.graph import Pipeline, Source
from tidemill.core.problems import Problem, ProblemsFound
from tidemill.core.values import Json


def trace(definition: PipelineDefinition[..., Any]) -> Pipeline:
    """The graph of a pipeline. Raises ProblemsFound with every problem of its definition.

    `labels["code"]` keeps what each fingerprint is made of: {"parts": {name: [digest, file, line]},
    "uses": {function: [names]}}.
    """
    pipeline, _ = trace_with_calls(definition)
    return pipeline


def trace_with_calls(definition: PipelineDefinition[..., Any]) -> tuple[Pipeline, list[object]]:
    """As `trace`, with the functions of the pipelines that it calls."""
    if not isinstance(definition, PipelineDefinition):
        raise DefinitionError(f"{definition!r} is not a pipeline", remedy="decorate its function with @pipeline")
    if current() is not None:
        raise DefinitionError("a trace is under way already", remedy="call the pipeline to use it inside another")
    recorder = Recorder()
    root = recorder.root
    root.outcome = definition.outcome
    place = definition.source or Source("", 0)
    try:
        root.inputs = definition.parameters
        with Tracing(recorder):
            run_function(recorder, definition, root)
    except TidemillError as error:
        recorder.caught(error, place)
    except (Exception, SystemExit) as error:
        recorder.problems.append(_users_own(definition, error))
    functions, code = ({}, {"parts": {}}) if recorder.problems else _fingerprints(recorder)
    labels = {**definition.labels, **({"code": code} if code["parts"] else {})}
    if recorder.problems:
        functions = functions or {str(reference): "unknown" for reference in recorder.functions}
        more = _seen_so_far(definition, root, functions, labels)
        raise ProblemsFound(_in_order([*recorder.problems, *_besides(recorder.problems, more, show(place))]))
    return _pipeline(definition, root, functions, labels), recorder.called


def _pipeline(
    definition: PipelineDefinition[..., Any], root: ScopeDraft, functions: dict[str, str], labels: dict[str, Json]
) -> Pipeline:
    return Pipeline(
        name=definition.name,
        root=freeze(root),
        params=root.inputs,
        description=definition.description,
        labels=labels,
        schedule=definition.schedule,
        timeout=definition.timeout,
        parallelism=definition.parallelism,
        functions=functions,
        source=definition.source,
    )


def _seen_so_far(
    definition: PipelineDefinition[..., Any], root: ScopeDraft, functions: dict[str, str], labels: dict[str, Json]
) -> list[Problem]:
    """What is wrong with the part of the graph that came to be; nothing if a step was left half made."""
    try:
        pipeline = _pipeline(definition, root, functions, labels)
    except DefinitionError:
        return []
    return [replace(problem, place=relative(problem.place)) for problem in check(pipeline)]


def _besides(told: list[Problem], more: list[Problem], whole: str) -> list[Problem]:
    """Those of `more` at lines of which nothing was told yet.

    `whole` is the place of the pipeline itself: what is said of it as a whole may be due to what is missing.
    """
    places = {whole, *(problem.place for problem in told)}
    return [problem for problem in more if problem.place not in places]


def _in_order(problems: list[Problem]) -> list[Problem]:
    """By file and line."""

    def place(problem: Problem) -> tuple[str, int]:
        file, _, line = problem.place.rpartition(":")
        return file, int(line) if line.isdigit() else 0

    return sorted(problems, key=place)


def _users_own(definition: PipelineDefinition[..., Any], error: BaseException) -> Problem:
    """What the pipeline function itself raised, at the last line of the user's code that led there."""
    ours = __file__.rpartition("authoring")[0]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(ours)]
    place = show(Source(frames[-1].filename, frames[-1].lineno or 0)) if frames else show(definition.source)
    text = "".join([*traceback.format_list(frames), *traceback.format_exception_only(error)])
    message = f"the function of {definition.title} raised {type(error).__name__}: {error}"
    remedy = "it is only traced here: what needs real values belongs into a task"
    return Problem("trace-failed", place, message, remedy, text)


def _fingerprints(recorder: Recorder) -> tuple[dict[str, str], dict[str, Json]]:
    digests: dict[str, str] = {}
    digests_of: dict[str, str] = {}
    parts: dict[str, Json] = {}
    uses: dict[str, list[str]] = {}
    taken = fingerprints([use.function for use in recorder.functions.values()])
    for (reference, use), found in zip(recorder.functions.items(), taken, strict=True):
        if isinstance(found, NoFingerprint):
            digests[str(reference)] = ""
            recorder.problems += [
                Problem("no-fingerprint", found.place or place, found.message, found.remedy) for place in use.places[:1]
            ]
            continue
        digests[str(reference)] = found.digest
        uses[str(reference)] = used = []
        for name, part in found.parts.items():
            told: Json = [part.digest, part.file, part.line]
            if name in digests_of and digests_of[name] != part.digest:
                # Of several functions that a factory makes, each task may reach another.
                name = f"{name} (of {reference.name})"
            digests_of[name] = part.digest
            parts.setdefault(name, told)
            used.append(name)
    return digests, {"parts": parts, "uses": uses}
