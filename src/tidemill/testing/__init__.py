"""For users' tests: pipelines in this process on a clock that leaps, and assertions on runs. With pytest:

    def test_it(tidemill):  # a fixture that comes with Tidemill; without pytest `with inline() as tidemill:`
        tidemill.run(churn, {"threshold": 0.5}, returns={"load": [1, 2]}).assert_succeeded("train")

Harness, which is what `tidemill` is there, says the rest."""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING

# Each name is loaded when it is first asked for: processes that only arm a crash point import nothing else.
if TYPE_CHECKING:
    from tidemill.testing.clock import LeapingClock
    from tidemill.testing.crash import arm, crash_environment, disarm, kill_at
    from tidemill.testing.harness import Harness, inline
    from tidemill.testing.in_process import InlineApp, Unanswered, inline_app
    from tidemill.testing.looking import attempts_of, causes, events_of, gapless, logs_of, outputs, states
    from tidemill.testing.outcome import RunResult, TaskResult

__all__ = [
    "Harness",
    "InlineApp",
    "LeapingClock",
    "RunResult",
    "TaskResult",
    "Unanswered",
    "arm",
    "attempts_of",
    "causes",
    "crash_environment",
    "disarm",
    "events_of",
    "gapless",
    "inline",
    "inline_app",
    "kill_at",
    "logs_of",
    "outputs",
    "states",
]

_PLACES = MappingProxyType(
    {
        "clock": ("LeapingClock",),
        "crash": ("arm", "crash_environment", "disarm", "kill_at"),
        "harness": ("Harness", "inline"),
        "in_process": ("InlineApp", "Unanswered", "inline_app"),
        "looking": ("attempts_of", "causes", "events_of", "gapless", "logs_of", "outputs", "states"),
        "outcome": ("RunResult", "TaskResult"),
    }
)


def __getattr__(name: str) -> object:
    for place, names in _PLACES.items():
        if name in names:
            value: object = getattr(importlib.import_module(f"{__name__}.{place}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
