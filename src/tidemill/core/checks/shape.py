"""Rules on the outline of a graph: names, double names, emptiness."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tidemill.core.checks.survey import Survey
from tidemill.core.checks.words import shorten
from tidemill.core.problems import Problem

LONGEST_ID = 250
_GOOD_ID = re.compile(r"[A-Za-z0-9_.-]+")
_BAD_IN_NAME = re.compile(r"[/\x00-\x1f\x7f]")


def the_pipeline_has_nodes(survey: Survey) -> Iterator[Problem]:
    if not survey.pipeline.root.nodes:
        message = f"the pipeline {survey.pipeline.name!r} has no nodes"
        yield survey.problem("empty-pipeline", None, message, "call at least one task in it")


def the_pipeline_has_a_name(survey: Survey) -> Iterator[Problem]:
    name = survey.pipeline.name
    remedy = f"use a name of 1 to {LONGEST_ID} characters without '/' and control characters"
    if not name.strip():
        yield survey.problem("bad-name", None, "the pipeline has no name", remedy)
    elif len(name) > LONGEST_ID or _BAD_IN_NAME.search(name):
        yield survey.problem("bad-name", None, f"the pipeline's name {shorten(name, 80)!r} cannot be used", remedy)


def names_are_well_formed(survey: Survey) -> Iterator[Problem]:
    remedy = f"use 1 to {LONGEST_ID} of the characters A-Z a-z 0-9 _ . -"
    for spot in survey.spots:
        node_id = spot.node.id
        if not node_id:
            inside = f" inside node {spot.holder.path!r}" if spot.holder else ""
            yield survey.problem("bad-id", spot, f"a node{inside} has an empty id", remedy)
        elif len(node_id) > LONGEST_ID:
            message = f"the id {shorten(node_id, 60)!r} has {len(node_id)} characters"
            yield survey.problem("bad-id", spot, message, remedy)
        elif not _GOOD_ID.fullmatch(node_id) or node_id in (".", ".."):
            message = f"the id {shorten(node_id, 60)!r} has characters that an id cannot have"
            yield survey.problem("bad-id", spot, message, remedy)


def names_are_unique(survey: Survey) -> Iterator[Problem]:
    for spot in survey.spots:
        first = survey.by_path[spot.path]
        # Below a double name everything is double; the outermost is the mistake.
        if first is not spot and (spot.holder is None or survey.by_path[spot.holder.path] is spot.holder):
            other = f"; the first is at {first.node.source}" if first.node.source else ""
            message = f"there are two nodes {spot.path!r}{other}"
            yield survey.problem("duplicate-id", spot, message, "give one of them another name")


def everything_can_be_read(survey: Survey) -> Iterator[Problem]:
    yield from survey.unreadable
