"""Tests, intervals and power for judging a model against another on the same rows.

Pure functions of numbers: no file, no clock, no randomness but a seed that is given. Nothing here knows models or
gates.
"""

from __future__ import annotations
