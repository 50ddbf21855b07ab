"""Which function judges decisions of which kind. Loaded by name: listing decisions must not load numerical libraries.

A judge takes the rule, the evidence (a DataFrame, or None) and the facts, all in their recorded form, and answers with
the judgement as plain data.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from tidemill.core.errors import InputError
from tidemill.core.values import Json

Judge: TypeAlias = Callable[[Json, Any, Mapping[str, Json]], Mapping[str, Json]]

JUDGES: Mapping[str, str] = MappingProxyType({"gate": "tidemill.lifecycle.decisions.judging_gates:judge_gate"})


class JudgeUnusable(InputError):
    """Decisions of a kind cannot be judged here."""

    code = "judge-unusable"


def judge_of(kind: str) -> Judge | None:
    """The judge for decisions of this kind; None for one that nobody judged, such as a person's.

    Raises JudgeUnusable if its libraries are not installed.
    """
    target = JUDGES.get(kind)
    if target is None:
        return None
    module, _, name = target.partition(":")
    try:
        judge: Judge = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise JudgeUnusable(
            f"judging a {kind} needs {error.name or module}, which is not installed",
            remedy="pip install 'tidemill[ml]'",
        ) from error
    return judge
