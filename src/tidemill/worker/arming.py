"""The one hook for tests in helper processes: a function named by the environment is called at their start."""

from __future__ import annotations

import importlib
import os

VARIABLE = "TIDEMILL_TEST_ARM"


def arm() -> None:
    """Call `module:function` of the variable, if it is set. Nothing is imported otherwise."""
    module, _, name = os.environ.get(VARIABLE, "").partition(":")
    if module and name:
        getattr(importlib.import_module(module), name)()
