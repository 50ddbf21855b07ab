"""The candidate is tried out: how long one row takes it, what it makes of a shuffled and of a raised column.

Whatever is found is a fact or a column of the evidence; nothing is judged here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tidemill.core.errors import InputError, did_you_mean
from tidemill.lifecycle.evaluation.asking import ask
from tidemill.lifecycle.evaluation.columns import column_of
from tidemill.lifecycle.evaluation.evidence import CANDIDATE, CHANGED, RAISED, RESPONSE, label
from tidemill.lifecycle.evaluation.gate import Gate, Latency
from tidemill.lifecycle.evaluation.problems import Problem

WARM_UP = 20
"""Single rows that are answered before time is taken: first calls load, compile and fill caches."""

FEWEST_CALLS, MOST_CALLS = 200, 5000
SECONDS = 10.0
"""After so long no further rows are timed; a percentile of too few is then no verdict."""

_SAME = 1e-9
"""Relative difference below which two scores are the same answer."""


def latencies(
    model: Any, features: pd.DataFrame, wanted: Sequence[Latency], clock: Callable[[], float]
) -> dict[str, Any]:
    """Milliseconds for one row, by percentile (the smallest time not exceeded by such a share of the calls)."""
    sharpest = max(item.percentile for item in wanted)
    calls = min(max(FEWEST_CALLS, math.ceil(300 / (100 - sharpest))), MOST_CALLS)
    single = [features.iloc[[(place * 7919) % len(features)]] for place in range(min(calls, len(features), 500))]
    taken: list[float] = []
    try:
        for place in range(WARM_UP):
            model.predict(single[place % len(single)])
        began = clock()
        for place in range(calls):
            row = single[place % len(single)]
            start = clock()
            model.predict(row)
            end = clock()
            taken.append((end - start) * 1000)
            if end - began > SECONDS:
                break
    except Exception as error:  # a model may raise anything, and for one row what it does not for many
        return {"calls": 0, "warm_up": WARM_UP, "error": f"{type(error).__name__}: {error}"[:300]}
    taken.sort()
    percentiles = sorted({50.0, 90.0, 99.0, *(item.percentile for item in wanted)})
    found = {f"p{one:g}": round(taken[math.ceil(one / 100 * len(taken)) - 1], 6) for one in percentiles}
    return {"calls": len(taken), "warm_up": WARM_UP, "error": "", **found}


def probe(
    rule: Gate,
    model: Any,
    features: pd.DataFrame,
    problem: Problem,
    evidence: dict[str, Any],
    columns: Sequence[str] = (),
) -> dict[str, str]:
    """Put what the candidate says of changed rows into the evidence; answers with what went wrong, by name.

    `columns` are those of the rows: of them the model may be shown a part, the features.
    """
    demanded = rule.behaviour
    wrong: dict[str, str] = {}
    for place, name in enumerate(demanded.invariant):
        if name not in features.columns and name not in columns:
            known = [str(one) for one in (*features.columns, *columns)]
            wrong[CHANGED + name] = InputError(
                f"the rows have no column {name!r}", remedy=did_you_mean(name, known)
            ).in_one_line
            continue
        try:
            evidence[CHANGED + name] = _changed(model, features, name, problem, (rule.seed, place), evidence)
        except Exception as error:  # a model may raise anything
            wrong[CHANGED + name] = _told(error)
    if demanded.monotone:
        try:
            evidence[RESPONSE] = _response(model, features, problem, rule.positive)
        except Exception as error:  # as above
            return {**wrong, **{RAISED + name: _told(error) for name, _ in demanded.monotone}}
    for name, _ in demanded.monotone:
        try:
            evidence[RAISED + name] = _response(model, _raised(features, name), problem, rule.positive)
        except Exception as error:  # as above
            wrong[RAISED + name] = _told(error)
    return wrong


def _changed(
    model: Any, features: pd.DataFrame, name: str, problem: Problem, seed: tuple[int, int], evidence: dict[str, Any]
) -> NDArray[np.bool_]:
    """For each row whether its answer changes when it gets another row's value in this column."""
    if name not in features.columns:
        return np.zeros(len(features), dtype=bool)  # the model is not even shown it
    order = np.random.Generator(np.random.PCG64(list(seed))).permutation(len(features))
    shuffled = features.assign(**{name: features[name].to_numpy()[order]}).astype({name: features[name].dtype})
    said = ask(model, shuffled, problem)
    changed: NDArray[np.bool_]
    if problem.classifies:
        before, now = column_of(evidence[CANDIDATE]), column_of(said.predicted)
        changed = np.asarray(before.values.astype(object) != now.values.astype(object), dtype=bool)
    else:
        changed = _differs(np.asarray(evidence[CANDIDATE], dtype=float), np.asarray(said.predicted, dtype=float))
    if said.scores is not None:
        table = np.asarray(said.scores, dtype=float).reshape(len(features), -1)
        for place in range(table.shape[1]):
            changed |= _differs(np.asarray(evidence[f"{CANDIDATE}_score_{place}"]), table[:, place])
    return changed


def _differs(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    reach = _SAME * np.maximum(1.0, np.maximum(np.abs(one), np.abs(other)))
    return np.asarray(np.abs(one - other) > reach)


def _raised(features: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows with one column raised by its standard deviation, a whole number at least by one."""
    if name not in features.columns:
        raise InputError(
            f"the model is shown no column {name!r}", remedy=did_you_mean(name, [str(one) for one in features.columns])
        )
    column = features[name]
    if column.dtype.kind not in "iuf":
        raise InputError(f"the column {name!r} holds no numbers, and only numbers can be raised")
    step = float(np.nanstd(column.to_numpy(dtype=float)))
    if column.dtype.kind != "f":
        return features.assign(**{name: (column + max(1, round(step))).astype(column.dtype)})
    return features.assign(**{name: column + (step or 1.0)})


def _response(model: Any, features: pd.DataFrame, problem: Problem, positive: str) -> NDArray[np.float64]:
    """What should move in one direction: the number predicted, or the score of the class that is looked for."""
    if problem is Problem.MULTICLASS:
        raise InputError("an answer among several classes has no direction")
    said = ask(model, features.copy(), problem)
    if problem is Problem.REGRESSION:
        return np.asarray(said.predicted, dtype=np.float64)
    if said.scores is None:
        raise InputError("the model gives no scores, and a class alone cannot be seen to rise")
    table = np.asarray(said.scores, dtype=np.float64).reshape(len(features), -1)
    if positive and said.classes and str(label(said.classes[0])) == positive:
        return table[:, 0].copy() if table.shape[1] > 1 else -table[:, 0]
    return table[:, -1].copy()


def _told(error: Exception) -> str:
    if isinstance(error, InputError):
        return error.in_one_line
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"[:300]
