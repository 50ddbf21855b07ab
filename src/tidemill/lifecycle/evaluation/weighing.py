"""Both models answer for the same rows, and what they said becomes evidence: a table and facts. Nothing is decided yet.

What goes wrong in a model while it answers is a fact too: a gate that fails with it would leave no decision behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from tidemill.core.errors import InputError, TidemillError, did_you_mean
from tidemill.lifecycle.evaluation.asking import Predictions, ask, features_for
from tidemill.lifecycle.evaluation.columns import column_of
from tidemill.lifecycle.evaluation.evidence import (
    CANDIDATE,
    CHAMPION,
    CLUSTER,
    COLUMN,
    FORMAT,
    TRUTH,
    label,
    labels,
    score_name,
)
from tidemill.lifecycle.evaluation.gate import Gate
from tidemill.lifecycle.evaluation.judging import misfit_of
from tidemill.lifecycle.evaluation.problems import Problem, problem_of
from tidemill.lifecycle.evaluation.weighing_probes import latencies, probe
from tidemill.lifecycle.surroundings import surroundings

LIBRARIES = ("numpy", "pandas", "scikit-learn", "threadpoolctl")
MOST_SEARCHED = 50
"""Columns in which weak slices are searched for, at most: each costs the others some power."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model with what it is known by. `error`: why it could not be loaded, in which case there is no model."""

    model: Any
    digest: str = ""
    version: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """What `judge` takes: one line of evidence for each row whose truth is known, and facts as plain data."""

    evidence: pd.DataFrame
    facts: dict[str, Any] = field(default_factory=dict)


def weigh(
    rule: Gate,
    candidate: Subject,
    champion: Subject | None,
    rows: Any,
    target: str,
    *,
    clock: Callable[[], float] = perf_counter,
) -> Weighed:
    """Ask the models about the rows, one thread each so that sums come out the same every time on the same machine.

    `rows`: a data frame or an Arrow table with the column `target`. Raises InputError for rows without it; in what the
    rule does not fit rows or problem, and what the models raise, is kept as a fact.
    """
    frame = _frame(rows, target)
    misfit = _lacking(frame, rule)
    known = frame[~column_of(frame[target]).nulls].reset_index(drop=True)
    same = champion is not None and bool(candidate.digest) and candidate.digest == champion.digest
    with one_thread() as threads:
        problem = problem_of(rule.problem, known[target], candidate.model) if len(known) else None
        if problem is not None:
            misfit = misfit_of(rule, problem) or misfit
        evidence: dict[str, Any] = {TRUTH: _values(known[target], problem)}
        facts: dict[str, Any] = {
            "format": FORMAT,
            "problem": problem.value if problem else "",
            "target": target,
            "rows": len(known),
            "unlabelled": len(frame) - len(known),
            "candidate": _asked(candidate, known, target, problem, CANDIDATE, evidence),
            "champion": _champion(champion, same, known, target, problem, evidence),
        }
        facts["misfit"] = misfit
        if problem and not misfit and not facts["candidate"]["error"]:
            features, _ = features_for(candidate.model, known, target)
            if rule.latency:
                facts["latency"] = latencies(candidate.model, features, rule.latency, clock)
            have = [str(name) for name in known.columns]
            facts["behaviour"] = probe(rule, candidate.model, features, problem, evidence, have)
            facts["unseen"] = [name for name in rule.behaviour.invariant if name in have and name not in features]
    searched = [] if misfit else _searched(rule, known, target)
    for name in () if misfit else dict.fromkeys((*(rule.slices.by if rule.slices else ()), *searched)):
        evidence[COLUMN + name] = _storable(known[name])
    if rule.cluster and not misfit:
        evidence[CLUSTER] = _storable(known[rule.cluster])
    facts["searched"] = searched
    facts["environment"] = {**surroundings(LIBRARIES), "threads": threads}
    return Weighed(pd.DataFrame(evidence), facts)


@contextmanager
def one_thread() -> Iterator[int]:
    """Numerical libraries use one thread inside: with several, the order of sums, and so the last digit, would vary."""
    with threadpool_limits(limits=1):
        yield 1


def _frame(rows: Any, target: str) -> pd.DataFrame:
    frame: pd.DataFrame = rows.to_pandas() if hasattr(rows, "to_pandas") else rows
    if not isinstance(frame, pd.DataFrame):
        raise InputError(
            f"a gate judges rows with named columns, and this is a {type(rows).__name__}",
            remedy="give a pandas DataFrame or an Arrow table",
        )
    have = [str(name) for name in frame.columns]
    _demand_column(have, target, "the target")
    return frame.set_axis(have, axis="columns")


def _lacking(frame: pd.DataFrame, rule: Gate) -> str:
    """What column the rule names and the rows lack, in one line; "" if none."""
    have = [str(name) for name in frame.columns]
    try:
        for name in rule.slices.by if rule.slices else ():
            _demand_column(have, name, "slices")
        if rule.cluster:
            _demand_column(have, rule.cluster, "cluster")
    except InputError as error:
        return error.in_one_line
    return ""


def _demand_column(have: list[str], name: str, what: str) -> None:
    if name not in have:
        raise InputError(
            f"there is no column {name!r} in the rows, which the gate needs for {what}",
            remedy=did_you_mean(name, have) or f"there are {', '.join(have[:12])}",
        )
    times = have.count(name)
    if times > 1:
        raise InputError(
            f"the column {name!r}, which the gate needs for {what}, stands in the rows {times} times",
            remedy="leave one of them",
        )


def _asked(
    subject: Subject, known: pd.DataFrame, target: str, problem: Problem | None, who: str, evidence: dict[str, Any]
) -> dict[str, Any]:
    """What is known of a model, its answers put into the evidence; `error` says why there are none."""
    facts: dict[str, Any] = {"digest": subject.digest, "version": subject.version, "error": subject.error, "remedy": ""}
    facts |= {"type": "" if subject.error else type(subject.model).__name__, "classes": [], "probabilities": False}
    if subject.error or problem is None:
        return facts
    try:
        features, _ = features_for(subject.model, known, target)
        said = ask(subject.model, features.copy(), problem)
        columns = _answers(said, who, len(known), problem)
    except TidemillError as error:
        return {**facts, "error": error.message, "remedy": error.remedy}
    except Exception as error:  # a model may raise anything
        return {**facts, "error": f"{type(error).__name__}: {_first_line(error)}"}
    evidence |= columns
    return {**facts, "classes": [label(one) for one in said.classes], "probabilities": said.probabilities}


def _answers(said: Predictions, who: str, rows: int, problem: Problem) -> dict[str, Any]:
    predicted = _values(said.predicted, problem)
    if len(predicted) != rows:
        raise InputError(f"it gave {len(predicted)} answers for {rows} rows", remedy="predict gives one for each row")
    columns: dict[str, Any] = {who: predicted}
    if said.scores is not None:
        table = np.asarray(said.scores, dtype=np.float64)
        if table.shape[0] != rows or table.ndim > 2:
            raise InputError(f"its scores have the shape {table.shape} for {rows} rows")
        table = table.reshape(rows, -1)
        columns |= {score_name(who, place): table[:, place].copy() for place in range(table.shape[1])}
    return columns


def _champion(
    champion: Subject | None,
    same: bool,
    known: pd.DataFrame,
    target: str,
    problem: Problem | None,
    evidence: dict[str, Any],
) -> dict[str, Any]:
    if champion is None:
        return {"there": False, "same": False}
    if same:
        return {"there": True, "same": True, "digest": champion.digest, "version": champion.version, "error": ""}
    return {"there": True, "same": False, **_asked(champion, known, target, problem, CHAMPION, evidence)}


def _values(given: Any, problem: Problem | None) -> Any:
    """One column that can be stored as it is: numbers, or classes of one kind."""
    column = column_of(given)
    if problem is None or problem.classifies:
        return labels(column)
    try:
        return column.values.astype(np.float64)
    except (TypeError, ValueError):
        return labels(column)


def _storable(column: pd.Series[Any]) -> Any:
    """Numbers and booleans as they are, all else as text."""
    if column.dtype.kind in "biuf":
        return column.to_numpy()
    nulls = column.isna().to_numpy()
    texts = column.astype(object).map(str).to_numpy(dtype=object, copy=True)
    texts[nulls] = None
    return texts


def _searched(rule: Gate, known: pd.DataFrame, target: str) -> list[str]:
    if rule.slices is None or not rule.slices.auto_weak:
        return []
    return [str(name) for name in known.columns if name not in (target, rule.cluster)][:MOST_SEARCHED]


def _first_line(error: BaseException) -> str:
    text = str(error).strip().partition("\n")[0]
    return text[:300] or "no message"
