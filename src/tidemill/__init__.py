"""Tidemill: the whole life of a machine-learning model as one system.

The names to write pipelines with; each is loaded when it is first asked for, so importing this costs next to nothing.
"""

from __future__ import annotations

import importlib

# Type checkers take this name as true; importing it from `typing` would cost more than all the rest here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from tidemill.authoring import (
        Dataset,
        Metrics,
        Model,
        PollResult,
        Refuse,
        Report,
        Skip,
        artifact,
        at_end,
        contains,
        each,
        elif_,
        first_of,
        group,
        import_artifact,
        is_null,
        length,
        optional,
        otherwise,
        pipeline,
        poll,
        pushed,
        run_info,
        status_of,
        subgraph,
        task,
        template,
        wait_for,
        wait_for_approval,
        wait_for_event,
        when,
        zipped,
    )
    from tidemill.worker.context import current

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
    "current",
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

# What a running task asks for is part of the worker; everything else is for writing pipelines.
_ELSEWHERE = {"current": "tidemill.worker.context"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _ELSEWHERE.get(name, "tidemill.authoring")
    value: object = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
