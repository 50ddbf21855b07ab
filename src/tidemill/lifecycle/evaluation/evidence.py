"""How evidence is laid out: the names of its columns, labels that can be stored, and answers read back out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tidemill.lifecycle.evaluation.answers import Answers, answers_of
from tidemill.lifecycle.evaluation.columns import Column, column_of
from tidemill.lifecycle.evaluation.problems import Problem

FORMAT = 1
TRUTH = "truth"
CANDIDATE = "candidate"
CHAMPION = "champion"
CLUSTER = "cluster"
RESPONSE = "response"
COLUMN = "column:"  # a column of the rows, for slices
CHANGED = "changed:"  # whether shuffling this column changed the answer
RAISED = "raised:"  # the response with this column raised


def score_name(who: str, place: int) -> str:
    return f"{who}_score_{place}"


def label(value: Any) -> Any:
    """A class as plain data: a text, a whole number, true or false; anything else by its text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, str | bool | int | float) else str(value)


def labels(column: Column) -> NDArray[Any]:
    """Classes as one kind of value, so that a table can hold them: numbers and booleans as they are, else texts."""
    if column.values.dtype.kind in "biuf":
        return column.values
    plain = np.empty(len(column.values), dtype=object)
    plain[:] = [None if null else label(value) for value, null in zip(column.values, column.nulls, strict=True)]
    kinds = {type(value) for value in plain[~column.nulls]}
    if len(kinds) > 1:
        plain[:] = [None if value is None else str(value) for value in plain]
    return plain


def nulls_in(evidence: pd.DataFrame, who: str) -> int:
    """The rows for which `who` gave no answer: the prediction or a score is null."""
    missing = column_of(evidence[who]).nulls
    for name in _scores(evidence, who):
        missing = missing | column_of(evidence[name]).nulls
    return int(missing.sum())


def read_answers(evidence: pd.DataFrame, facts: Mapping[str, Any], who: str, positive: Any = None) -> Answers:
    """The answers of candidate or champion. Raises BadAnswers, as `answers_of`."""
    problem, known = Problem(facts["problem"]), facts[who]
    names = _scores(evidence, who)
    scores = evidence[names].to_numpy(dtype=np.float64) if names else None
    return answers_of(
        problem,
        evidence[TRUTH],
        evidence[who],
        scores,
        tuple(known["classes"]),
        probabilities=bool(known["probabilities"]),
        positive=positive,
    )


def _scores(evidence: pd.DataFrame, who: str) -> list[str]:
    names: list[str] = []
    while score_name(who, len(names)) in evidence.columns:
        names.append(score_name(who, len(names)))
    return names
