"""Judging a recorded decision of a gate again: from plain data to the gate's own words and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidemill.core.values import Json
from tidemill.lifecycle.evaluation.gate_yaml import gate_from
from tidemill.lifecycle.evaluation.judging import judge


def judge_gate(rule: Json, evidence: Any, facts: Mapping[str, Json]) -> Mapping[str, Json]:
    """The judgement of a rule in its recorded form, as plain data."""
    return judge(gate_from(rule), evidence, facts).to_value()
