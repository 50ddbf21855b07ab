"""The task that measures a model on rows: metrics that conditions may read, and charts for people."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from tidemill import Dataset, Metrics, Model, Report, task
from tidemill.core.errors import InputError
from tidemill.core.signals import Refuse
from tidemill.lifecycle.evaluation.answers import Answers
from tidemill.lifecycle.evaluation.asking import answers, features_for
from tidemill.lifecycle.evaluation.charts.drawing import charts_of
from tidemill.lifecycle.evaluation.charts.page import page
from tidemill.lifecycle.evaluation.metrics import BadMetric, measure, metric, why_undefined
from tidemill.lifecycle.evaluation.problems import problem_of


class Evaluated(NamedTuple):
    """What `evaluate` gives. Charts are SVG; one that the problem or the model does not have is None."""

    metrics: Metrics
    report: Report
    """One HTML page with the metrics and all charts."""
    confusion: Report | None = None
    roc: Report | None = None
    pr: Report | None = None
    calibration: Report | None = None
    residuals: Report | None = None
    predicted: Report | None = None


@task(cache=True)
def evaluate(
    model: Model,
    rows: Dataset,
    target: str,
    problem: str = "auto",
    positive: Any = None,
    metrics: list[str] | None = None,
) -> Evaluated:
    """The model's metrics and charts for rows whose right answers stand in the column `target`.

    `problem`: auto, regression, binary or multiclass. `positive`: the class that a binary problem looks for; the second
    one of the model unless said. `metrics`: names of those wanted; all that fit unless said. One that is not defined
    for these rows is NaN, and the report says why. Raises Refuse for a target, problem or metric that does not fit,
    and if the model can give none of those asked for.
    """
    try:
        features, truth = features_for(model, rows, target)
        kind = problem_of(problem, truth, model)
        found = answers(model, features, truth, kind, positive=positive)
        measured = measure(found, metrics)
        _tell_missing(found, measured, metrics or ())
    except InputError as misfit:
        raise Refuse(misfit.in_one_line) from None  # it will not fit the next time
    charts = charts_of(found, target)
    return Evaluated(
        metrics=measured,
        report=page(found, measured, charts, target),
        **{name: chart.svg() for name, chart in charts.items()},
    )


def _tell_missing(found: Answers, measured: dict[str, float], asked: Sequence[str]) -> None:
    """Warn of what was asked for and cannot be told. Raises BadMetric if the model can give none of it."""
    wanted = [metric(name, found.problem) for name in asked]
    missing = [why_undefined(one, found) for one in wanted if math.isnan(measured.get(one.name, math.nan))]
    if wanted and not measured:
        raise BadMetric(
            f"none of the metrics asked for can be told: {'; '.join(missing)}",
            remedy="give the model a predict_proba, or ask for metrics of its answers, such as accuracy",
        )
    for why in missing:
        logging.getLogger("tidemill.tasks.evaluate").warning("a metric asked for is undefined: %s", why)
