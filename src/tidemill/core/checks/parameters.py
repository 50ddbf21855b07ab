"""Rules on parameters of pipelines and inputs of scopes."""

from __future__ import annotations

from collections.abc import Iterator

from tidemill.core.checks.spots import Spot
from tidemill.core.checks.survey import Survey, not_a_value
from tidemill.core.problems import Problem
from tidemill.core.types import Parameter, judge_value
from tidemill.core.values import MISSING


def parameters_are_sound(survey: Survey) -> Iterator[Problem]:
    for holder, _ in survey.scopes():
        owner = f"input of the scope {holder.path!r}" if holder else "parameter of the pipeline"
        seen: set[str] = set()
        for parameter in survey.inputs(holder):
            if not parameter.name:
                yield survey.problem("bad-parameter", holder, f"one {owner} has no name", "name it")
            if parameter.name in seen:
                message = f"{parameter.name!r} is more than one {owner}"
                yield survey.problem("duplicate-parameter", holder, message, "give one of them another name")
            seen.add(parameter.name)
            yield from _judge_default(survey, holder, owner, parameter)


def _judge_default(survey: Survey, holder: Spot | None, owner: str, parameter: Parameter) -> Iterator[Problem]:
    if parameter.default is MISSING:
        return
    trouble = not_a_value(parameter.default)
    if trouble:
        message = f"the default of {parameter.name!r}, {owner}: {trouble}"
        yield survey.problem("not-a-value", holder, message, "use text, numbers, lists, dicts, dates or None")
        return
    trouble = judge_value(parameter.default, parameter.type) or ""
    if trouble:
        message = f"the default of {parameter.name!r}, {owner}: {trouble}"
        yield survey.problem("wrong-default", holder, message, "change the default or the annotation")
