"""The check of a graph before anything runs: every problem at once, each with its place and a remedy.

Pure; it says nothing about what only the machine knows (connections, pools, files).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tidemill.core.checks import conditions, cycles, flow, maps, parameters, policies, references, roles, shape
from tidemill.core.checks.survey import Survey, survey
from tidemill.core.graph import Pipeline
from tidemill.core.problems import Problem, ProblemsFound

Rule = Callable[[Survey], Iterator[Problem]]

RULES: tuple[Rule, ...] = (
    shape.the_pipeline_has_nodes,
    shape.the_pipeline_has_a_name,
    shape.names_are_well_formed,
    shape.names_are_unique,
    shape.everything_can_be_read,
    parameters.parameters_are_sound,
    references.nodes_are_known,
    references.outputs_are_known,
    references.parameters_are_known,
    references.items_are_known,
    references.alternatives_are_several,
    references.functions_are_applied_in_workers,
    references.metadata_is_of_artifacts,
    cycles.nobody_waits_for_what_holds_it,
    cycles.there_are_no_circles,
    maps.maps_run_over_something,
    maps.maps_are_bounded,
    maps.maps_run_over_lists,
    maps.zipped_lengths_agree,
    maps.followers_have_a_leader,
    flow.inputs_are_complete,
    flow.inputs_are_known,
    flow.types_fit,
    flow.paths_lead_somewhere,
    flow.templates_are_of_texts,
    conditions.conditions_make_sense,
    conditions.conditions_read_no_content,
    policies.timeouts_are_positive,
    policies.parallelism_is_positive,
    policies.waits_make_sense,
    policies.retries_make_sense,
    policies.caches_make_sense,
    policies.limits_make_sense,
    policies.priorities_are_bounded,
    roles.setups_are_setups,
    roles.setups_set_something_up,
    roles.setup_joins_have_setups,
    roles.outcomes_can_be_told,
)


def check(pipeline: Pipeline) -> list[Problem]:
    """Everything that is wrong with a pipeline, in the order of the rules; an empty list if nothing is."""
    found = survey(pipeline)
    if found.overflow:
        return found.overflow
    problems: dict[Problem, None] = {}
    for rule in RULES:
        problems.update(dict.fromkeys(rule(found)))
    return list(problems)


def ensure(pipeline: Pipeline) -> Pipeline:
    """The pipeline itself. Raises ProblemsFound, which tells of all problems, if there is any."""
    problems = check(pipeline)
    if problems:
        raise ProblemsFound(problems)
    return pipeline
