"""What users write pipelines with: tasks, pipelines, typed artifacts and control flow, traced into the core's graph.

Imports the core only; knows nothing of storage, engine or executors.
"""

from __future__ import annotations

from tidemill.authoring.artifacts import Dataset, Metrics, Model, Report, artifact
from tidemill.authoring.control import (
    at_end,
    elif_,
    first_of,
    group,
    optional,
    otherwise,
    pushed,
    status_of,
    subgraph,
    template,
    when,
)
from tidemill.authoring.mapping import each, zipped
from tidemill.authoring.origins import RunFacts
from tidemill.authoring.pipeline import pipeline
from tidemill.authoring.task import task
from tidemill.authoring.traced import contains, is_null, length
from tidemill.authoring.waits import import_artifact, poll, wait_for, wait_for_approval, wait_for_event
from tidemill.core.signals import PollResult, Refuse, Skip

run_info = RunFacts()

__all__ = [
    "Dataset",
    "Metrics",
    "Model",
    "PollResult",
    "Refuse",
    "Report",
    "Skip",
    "artifact",
    "at_end",
    "contains",
    "each",
    "elif_",
    "first_of",
    "group",
    "import_artifact",
    "is_null",
    "length",
    "optional",
    "otherwise",
    "pipeline",
    "poll",
    "pushed",
    "run_info",
    "status_of",
    "subgraph",
    "task",
    "template",
    "wait_for",
    "wait_for_approval",
    "wait_for_event",
    "when",
    "zipped",
]
