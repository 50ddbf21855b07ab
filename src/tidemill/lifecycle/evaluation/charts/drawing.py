"""Which charts there are for which answers. Knows neither files nor pages."""

from __future__ import annotations

from tidemill.lifecycle.evaluation.answers import Answers
from tidemill.lifecycle.evaluation.charts.calibration import calibration_chart
from tidemill.lifecycle.evaluation.charts.curves import pr_chart, roc_chart
from tidemill.lifecycle.evaluation.charts.matrix import confusion_chart
from tidemill.lifecycle.evaluation.charts.paper import Chart
from tidemill.lifecycle.evaluation.charts.residuals import predicted_chart, residuals_chart


def charts_of(answers: Answers, target: str = "") -> dict[str, Chart]:
    """Every chart that these answers have, by name: confusion, roc, pr, calibration; residuals, predicted.

    Charts of scores are missing where the model gives none, or where a class has no rows.
    """
    drawn = (
        confusion_chart(answers),
        roc_chart(answers),
        pr_chart(answers),
        calibration_chart(answers),
        residuals_chart(answers, target),
        predicted_chart(answers, target),
    )
    return {chart.name: chart for chart in drawn if chart is not None}
