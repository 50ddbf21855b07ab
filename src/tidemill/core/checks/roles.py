"""Rules on setups, teardowns and outcomes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tidemill.core.checks.survey import Survey
from tidemill.core.graph import Outcome, Role
from tidemill.core.joins import Join
from tidemill.core.problems import Problem


def setups_are_setups(survey: Survey) -> Iterator[Problem]:
    for spot in survey.spots:
        for path in spot.node.setups:
            setup = survey.by_path.get(path)
            if setup is None:
                continue  # an unknown node has been reported as such
            if setup.node.role is not Role.SETUP:
                message = (
                    f"node {spot.path!r} names {path!r} as its setup, and that one is a {setup.node.role.value} node"
                )
                yield survey.problem("no-setup", spot, message, f"give {path!r} the role of a setup")
            elif setup.holder is not spot.holder:
                message = f"node {spot.path!r} names {path!r} as its setup, and that one is in another scope"
                yield survey.problem("no-setup", spot, message, "put both into the same scope")


def setups_set_something_up(survey: Survey) -> Iterator[Problem]:
    wanted = {reference.up for reference in survey.references}
    for spot in survey.spots:
        if spot.node.role is Role.SETUP and spot.path not in wanted:
            message = f"nothing comes after the setup {spot.path!r}"
            yield survey.problem("idle-setup", spot, message, "let the tasks that need it come after it")


def setup_joins_have_setups(survey: Survey) -> Iterator[Problem]:
    ups: dict[str, list[str]] = defaultdict(list)
    for reference in survey.references:
        if reference.spot is not None:
            ups[reference.spot.path].append(reference.up)
    for spot in survey.spots:
        if spot.node.join is not Join.ALL_DONE_SETUP_SUCCESS:
            continue
        known = [survey.by_path[up] for up in ups[spot.path] if up in survey.by_path]
        if not any(up.node.role is Role.SETUP for up in known):
            message = f"node {spot.path!r} joins by {spot.node.join.value}, and no setup comes before it"
            yield survey.problem(
                "join-without-setup", spot, message, f"join by {Join.ALL_DONE.value}, or name its setup"
            )


def outcomes_can_be_told(survey: Survey) -> Iterator[Problem]:
    for holder, scope in survey.scopes():
        if scope.outcome is not Outcome.LEAVES or not scope.nodes:
            continue
        if not any(node.counts_for_outcome and node.role is not Role.TEARDOWN for node in scope.nodes):
            name = f"scope {holder.path!r}" if holder else "pipeline"
            message = f"the outcome of the {name} is told by its leaves, and no node in it counts"
            yield survey.problem("no-outcome", holder, message, "let at least one node count for the outcome")
