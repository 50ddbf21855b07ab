"""Short ways to look at traced graphs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidemill.authoring.pipeline import pipeline
from tidemill.authoring.trace import trace
from tidemill.core.graph import Node, Pipeline, walk_nodes
from tidemill.core.problems import Problem, ProblemsFound

PIPELINES = Path(__file__).parent / "pipelines"


def graph_of(function: Callable[..., Any], **options: Any) -> Pipeline:
    return trace(pipeline(**options)(function))


def nodes_of(function: Callable[..., Any]) -> dict[str, Node]:
    """Every node by path."""
    return dict(walk_nodes(graph_of(function).root))


def problems_of(function: Callable[..., Any]) -> tuple[Problem, ...]:
    with pytest.raises(ProblemsFound) as caught:
        graph_of(function)
    return caught.value.problems


def problem_of(function: Callable[..., Any]) -> Problem:
    (problem,) = problems_of(function)
    return problem
