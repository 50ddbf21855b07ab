"""Evidence as `weigh` makes it, from arrays: for judging without models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tidemill.lifecycle.evaluation.gate import Gate
from tidemill.lifecycle.evaluation.judging import Check, Judgement, judge

CLASSES = (0, 1)


def said(classes: tuple[Any, ...] = CLASSES, **more: Any) -> dict[str, Any]:
    """Facts about one model."""
    usual = {"digest": "d", "version": 0, "error": "", "remedy": "", "type": "Fake", "probabilities": True}
    return {**usual, "classes": list(classes), **more}


def facts(problem: str = "binary", champion: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    before = {"there": False, "same": False} if champion is None else {"there": True, "same": False, **champion}
    classes = CLASSES if problem == "binary" else ()
    usual = {"format": 1, "problem": problem, "target": "y", "unlabelled": 0, "behaviour": {}, "searched": []}
    return {**usual, "candidate": said(classes), "champion": before, **more}


def compared(problem: str = "binary", **more: Any) -> dict[str, Any]:
    """Facts of a comparison with a champion."""
    classes = CLASSES if problem == "binary" else ()
    return facts(problem, champion=said(classes, version=3), **more)


def labels(truth: Any, candidate: Any, champion: Any = None, **columns: Any) -> pd.DataFrame:
    """Evidence of predicted labels; scores are sure of what is predicted."""
    table: dict[str, Any] = {"truth": np.asarray(truth)}
    for who, predicted in (("candidate", candidate), ("champion", champion)):
        if predicted is not None:
            table[who] = np.asarray(predicted)
            for place in CLASSES:
                table[f"{who}_score_{place}"] = np.where(np.asarray(predicted) == place, 0.9, 0.1)
    return pd.DataFrame({**table, **columns})


def scored(truth: NDArray[Any], candidate: NDArray[Any], champion: NDArray[Any]) -> pd.DataFrame:
    """Evidence of scores between 0 and 1, cut at a half for predictions."""
    table: dict[str, Any] = {"truth": truth.astype(int)}
    for who, score in (("candidate", candidate), ("champion", champion)):
        table |= {who: (score > 0.5).astype(int), f"{who}_score_0": 1 - score, f"{who}_score_1": score}
    return pd.DataFrame(table)


def numbers(truth: Any, candidate: Any, champion: Any, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"truth": truth, "candidate": candidate, "champion": champion, **columns})


def flipped(truth: NDArray[Any], count: int, first: int = 0) -> NDArray[Any]:
    """The truth with so many rows wrong, from row `first` on."""
    wrong = truth.copy()
    wrong[first : first + count] = 1 - wrong[first : first + count]
    return wrong


def only(found: Judgement, name: str) -> Check:
    (check,) = [check for check in found.checks if check.name == name]
    return check


def judged(rule: Gate, evidence: pd.DataFrame, given: dict[str, Any]) -> Judgement:
    """Judged twice, which is the same to the last digit, also after the facts have been through JSON as floats."""
    found = judge(rule, evidence, given)
    again = judge(rule, evidence.copy(), {**given, "unlabelled": float(given["unlabelled"])})
    assert found.to_value() == again.to_value()
    return found
