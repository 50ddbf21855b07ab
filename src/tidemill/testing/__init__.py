"""For users' tests: pipelines in this process on a clock that leaps, assertions on runs, crashes at named points.

Each name is loaded when it is first asked for: processes that only arm a crash point import nothing else.
"""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidemill.testing.clock import LeapingClock
    from tidemill.testing.crash import arm, crash_environment, disarm, kill_at
    from tidemill.testing.inline import InlineApp, Unanswered, inline_app
    from tidemill.testing.looking import attempts_of, causes, events_of, gapless, logs_of, outputs, states

__all__ = [
    "InlineApp",
    "LeapingClock",
    "Unanswered",
    "arm",
    "attempts_of",
    "causes",
    "crash_environment",
    "disarm",
    "events_of",
    "gapless",
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
        "inline": ("InlineApp", "Unanswered", "inline_app"),
        "looking": ("attempts_of", "causes", "events_of", "gapless", "logs_of", "outputs", "states"),
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
