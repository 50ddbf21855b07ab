"""Rules on what flows along the edges: types, constants, missing and unknown inputs, paths into values."""

from __future__ import annotations

from collections.abc import Iterator

from tidemill.core.bindings import Absent, Collect, Const, Item, Output, Param, Template
from tidemill.core.checks.kinds import complaint, inside, type_of, whole_of
from tidemill.core.checks.survey import Survey
from tidemill.core.checks.words import quote_binding, show_path
from tidemill.core.errors import did_you_mean
from tidemill.core.graph import KEYWORDS, Call, Sub, UntilTrue, Wait
from tidemill.core.problems import Problem
from tidemill.core.values import ArtifactRef

CONTENT_TYPES = frozenset({"Dataset", "Model", "Report"})
"""Artifacts whose content only a worker opens."""


def types_fit(survey: Survey) -> Iterator[Problem]:
    for use in survey.uses:
        if use.wanted is None:
            continue
        trouble = complaint(survey, use.binding, use.wanted, use)
        if trouble:
            remedy = f"bind a value of type {use.wanted}, or change the annotation"
            yield survey.problem("wrong-type", use.spot, f"{use.title}: {trouble}", remedy)


def inputs_are_complete(survey: Survey) -> Iterator[Problem]:
    for spot in survey.spots:
        match spot.node.body:
            case Call(required=required):
                missing = [name for name in required if name not in spot.node.inputs]
            case Sub(scope=scope):
                missing = [
                    known.name for known in scope.inputs if known.required and known.name not in spot.node.inputs
                ]
            case _:
                missing = []
        for name in missing:
            message = f"node {spot.path!r} has no value for its input {name!r}"
            yield survey.problem("missing-input", spot, message, f"pass {name}=... or give it a default")


def inputs_are_known(survey: Survey) -> Iterator[Problem]:
    for spot in survey.spots:
        match spot.node.body:
            # Without any annotation nothing is known of what a function takes.
            case Call(takes=takes) | Wait(until=UntilTrue(takes=takes)) if takes and KEYWORDS not in takes:
                known = set(takes)
            case Sub(scope=scope):
                known = {parameter.name for parameter in scope.inputs}
            case _:
                continue
        for name in spot.node.inputs:
            if name not in known:
                message = f"node {spot.path!r} has no input {name!r}"
                yield survey.problem("unknown-input", spot, message, did_you_mean(name, known))


def paths_lead_somewhere(survey: Survey) -> Iterator[Problem]:
    for use, part in survey.parts:
        if not isinstance(part, Param | Item | Output | Collect) or not part.path:
            continue
        whole, _ = whole_of(survey, part, use)
        forgiving = isinstance(part, Param | Output) and part.absent is not Absent.FAIL
        if not forgiving and inside(whole, part.path) is None:
            message = f"{use.title} reads {quote_binding(part)}, and {whole} has nothing at {show_path(part.path)}"
            yield survey.problem("no-such-item", use.spot, message, "read the value itself")


def templates_are_of_texts(survey: Survey) -> Iterator[Problem]:
    for use, part in survey.parts:
        if not isinstance(part, Template):
            continue
        for piece in part.parts:
            kind = type_of(survey, piece, use)
            if kind.name in CONTENT_TYPES or (isinstance(piece, Const) and isinstance(piece.value, ArtifactRef)):
                message = f"{use.title} puts {quote_binding(piece)} into a text, and it is of type {kind}"
                remedy = "use its metadata, or a plain value that the task returns"
                yield survey.problem("artifact-in-text", use.spot, message, remedy)
