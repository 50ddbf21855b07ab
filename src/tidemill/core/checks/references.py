"""Rules on what bindings and orderings name: nodes, outputs, parameters, items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tidemill.core.bindings import RESULT, Absent, Apply, Collect, FirstOf, Gap, Index, Item, Metadata, Output, Param
from tidemill.core.checks.spots import Spot, Use, Where
from tidemill.core.checks.survey import Survey
from tidemill.core.checks.words import quote_binding
from tidemill.core.errors import did_you_mean
from tidemill.core.graph import Call, Container, Import, OutputSpec, Sub, Wait
from tidemill.core.problems import Problem
from tidemill.core.types import ANY
from tidemill.core.values import ArtifactRef


def nodes_are_known(survey: Survey) -> Iterator[Problem]:
    for reference in survey.references:
        if reference.up not in survey.by_path:
            who = f"node {reference.spot.path!r}" if reference.spot else "the pipeline"
            message = f"{who} names the unknown node {reference.up!r} ({reference.what})"
            yield survey.problem("unknown-node", reference.spot, message, survey.suggest(reference.up, reference.spot))


def declared_outputs(spot: Spot) -> Mapping[str, OutputSpec]:
    """The outputs of a node by key; those of a scope have no type of their own here."""
    match spot.node.body:
        case Call(outputs=outputs) | Container(outputs=outputs):
            return outputs
        case Import(type=kind):
            return {RESULT: OutputSpec(kind)}
        case Wait():
            return {RESULT: OutputSpec()}
        case Sub(scope=scope):
            return {key: OutputSpec(ANY) for key in scope.outputs}


def outputs_are_known(survey: Survey) -> Iterator[Problem]:
    for reference in survey.references:
        spot = survey.by_path.get(reference.up)
        binding = reference.binding
        if spot is None or not isinstance(binding, Output | Collect):
            continue
        known = declared_outputs(spot)
        if binding.key in known or (_may_be_pushed(binding) and isinstance(spot.node.body, Call)):
            continue
        who = f"node {reference.spot.path!r}" if reference.spot else "the pipeline"
        message = f"{who} reads {binding.key!r} of node {spot.path!r}, which has no such output ({reference.what})"
        remedy = did_you_mean(binding.key, known) or (
            "a key pushed while running may be missing: say what then happens" if known else "it has no outputs at all"
        )
        yield survey.problem("unknown-output", reference.spot, message, remedy)


def _may_be_pushed(binding: Output | Collect) -> bool:
    """Pushed keys are known at run time only, so whoever reads one must be prepared for its absence."""
    if isinstance(binding, Output):
        return binding.absent is not Absent.FAIL
    return binding.missing is Gap.NULL


def parameters_are_known(survey: Survey) -> Iterator[Problem]:
    for use, part in survey.parts:
        if not isinstance(part, Param):
            continue
        holder = next((holder for holder in use.holders if holder.path == part.scope), None)
        if part.scope and holder is None:
            message = f"{use.title} reads {part.name!r} of the scope {part.scope!r}, which is not around it"
            yield survey.problem("wrong-scope", use.spot, message, _right_scope(survey, use, part.name))
            continue
        names = [parameter.name for parameter in survey.inputs(holder)]
        if part.name not in names:
            owner = (
                f"the scope {part.scope!r} has no such input" if part.scope else "the pipeline has no such parameter"
            )
            message = f"{use.title} reads {part.name!r}, and {owner}"
            yield survey.problem("unknown-parameter", use.spot, message, did_you_mean(part.name, names))


def _right_scope(survey: Survey, use: Use, name: str) -> str:
    for holder in (*reversed(use.holders), None):
        if name in [parameter.name for parameter in survey.inputs(holder)]:
            return f"did you mean {name!r} of {f'the scope {holder.path!r}' if holder else 'the pipeline'}?"
    return "pass the value down as an input of the scopes in between"


def items_are_known(survey: Survey) -> Iterator[Problem]:
    for use, part in survey.parts:
        if isinstance(part, Item | Index):
            yield from _judge_item(survey, use, part)


def _judge_item(survey: Survey, use: Use, part: Item | Index) -> Iterator[Problem]:
    what = quote_binding(part)
    own = use.spot.node.each if use.spot and use.where is Where.BEFORE else None
    if 0 <= part.depth < len(use.maps):
        if isinstance(part, Index):
            return
        each = use.maps[-1 - part.depth].node.each
        names = [over.name for over in each.over] if each else []
        if part.name in names:
            return
        message = f"{use.title} reads {what}, and the map of {use.maps[-1 - part.depth].path!r} has no such item"
        code, remedy = "unknown-item", did_you_mean(part.name, names)
    else:
        number = len(use.maps)
        around = "no map" if number == 0 else f"{number} map{'s' if number > 1 else ''}"
        message = f"{use.title} reads {what} at depth {part.depth}, and there is {around} around it"
        code, remedy = "item-depth", "depth 0 is the innermost map"
    if own is not None and (isinstance(part, Index) or part.name in [over.name for over in own.over]):
        message = f"{use.title} reads {what} of its own map, which is expanded only after it"
        code, remedy = "own-item", "put the node into a scope, map that scope, and read its item inside"
    yield survey.problem(code, use.spot, message, remedy)


def alternatives_are_several(survey: Survey) -> Iterator[Problem]:
    for use, part in survey.parts:
        if isinstance(part, FirstOf) and len(part.options) < 2:
            number = "no value" if not part.options else "one value only"
            message = f"{use.title} picks the first of {number}"
            yield survey.problem("first-of-few", use.spot, message, "give at least two, or bind the value itself")


def functions_are_applied_in_workers(survey: Survey) -> Iterator[Problem]:
    for use, part in survey.parts:
        if isinstance(part, Apply) and not use.in_worker:
            message = f"{use.title} applies the function {part.function}, which only a worker can do"
            remedy = "make the function a task and bind its result"
            yield survey.problem("apply-outside-worker", use.spot, message, remedy)


def metadata_is_of_artifacts(survey: Survey) -> Iterator[Problem]:
    for use, part in survey.parts:
        if isinstance(part, Metadata) and not isinstance(part.of, Output | Param | Item | FirstOf | Metadata | Collect):
            constant = getattr(part.of, "value", None)
            if not isinstance(constant, ArtifactRef):
                message = f"{use.title} asks {quote_binding(part.of)} for metadata, and only artifacts have it"
                yield survey.problem("no-artifact", use.spot, message, "read the value itself")
