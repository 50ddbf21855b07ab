"""A model is measured in a run: conditions read its metrics, people look at charts, a second run reuses both."""

from __future__ import annotations

import re
from base64 import b64decode
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.stories.terminal import Folder

PIPELINE = """
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression, LogisticRegression
from tidemill import Dataset, Model, pipeline, task, when
from tidemill.tasks import evaluate

@task(cache=True)
def load(rows: int) -> Dataset:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(rows, 2))
    left = np.where(x[:, 0] + draw.normal(size=rows) > 0, "yes", "no")
    return pd.DataFrame({"x": x[:, 0], "y": x[:, 1], "left": left, "bill": x.sum(axis=1) + draw.normal(size=rows)})

@task(cache=True)
def classify(rows: Dataset) -> Model:
    return LogisticRegression().fit(rows[["x", "y"]], rows["left"])

@task(cache=True)
def estimate(rows: Dataset) -> Model:
    return LinearRegression().fit(rows[["x", "y"]], rows["bill"])

@task
def release(accuracy: float) -> str:
    return f"released with {accuracy:.3f}"

@pipeline
def churn(rows: int = 400, target: str = "left"):
    table = load(rows)
    scores = evaluate(classify(table), table, target, positive="yes")
    evaluate(estimate(table), table, "bill")
    with when(scores.metrics.roc_auc >= 0.7):
        release(scores.metrics.accuracy)
    with when(scores.metrics.roc_auc > 0.99):
        release(1.0)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    found = Folder(tmp_path_factory.mktemp("evaluating"))
    found.write("churn.py", PIPELINE)
    return found


@pytest.fixture(scope="module")
def run(folder: Folder) -> str:
    return str(folder.document("run", "churn.py")["id"])


def test_conditions_read_the_metrics(folder: Folder, run: str) -> None:
    states = {task["path"]: task["state"] for task in folder.document("show", run)["tasks"]}
    assert states["when_1/release"] == "succeeded"
    assert states["when_2"] == "skipped"
    assert run[:8] in folder.ok("runs", "--filter", "metrics.evaluate.roc_auc > 0.7 and metrics.rmse < 2")


def test_charts_are_pictures(folder: Folder, run: str) -> None:
    names = ("confusion", "roc", "pr", "calibration")
    for name in names:
        assert "SVG image, 480 x" in folder.ok("artifact", "show", f"{run}:evaluate:{name}")
    folder.ok("artifact", "get", f"{run}:evaluate:roc")
    assert ElementTree.parse(folder.path / "evaluate.roc.svg").getroot().tag.endswith("}svg")
    folder.ok("artifact", "get", f"{run}:evaluate:report")
    assert (folder.path / "evaluate.report.html").read_text().count("<svg") == 4
    listed = folder.ok("artifact", "ls", run)
    assert "residuals" in listed
    assert listed.count("roc") == 1


def test_charts_stand_in_the_page_of_the_run(folder: Folder, run: str) -> None:
    folder.ok("show", run, "--html", "run.html")
    page = Path(folder.path / "run.html").read_text(encoding="utf-8")
    pictures = re.findall(r'src="data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)"', page)
    titles = {ElementTree.fromstring(b64decode(one)).get("aria-label") for one in pictures}
    assert titles == {
        "Confusion matrix", "ROC curve", "Precision and recall", "Calibration", "Residuals", "True and predicted",
    }  # fmt: skip


def test_a_second_run_reuses_metrics_and_charts(folder: Folder, run: str) -> None:
    again = str(folder.document("run", "churn.py")["id"])
    tasks = {task["path"]: task for task in folder.document("show", again)["tasks"]}
    assert tasks["evaluate"]["reused_from"]
    assert tasks["when_1/release"]["state"] == "succeeded"
    assert "SVG image" in folder.ok("artifact", "show", f"{again}:evaluate:roc")


def test_a_target_that_is_not_there_is_told_with_the_remedy(folder: Folder) -> None:
    done = folder.call("run", "churn.py", "-p", "target=lefft")
    assert done.returncode != 0
    assert "there is no column 'lefft' to compare with" in done.stdout + done.stderr
    assert "did you mean 'left'?" in done.stdout + done.stderr
