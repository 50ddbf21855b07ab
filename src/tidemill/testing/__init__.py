"""For users' tests: pipelines in this process on a clock that leaps, assertions on runs, crashes at named points."""

from __future__ import annotations

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
