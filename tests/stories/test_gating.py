"""A gate in a real run: the first model, a better one, a worse one, and a champion that nobody can load any more."""

from __future__ import annotations

import pytest

from tests.stories.terminal import Folder

MODELS = """
import numpy as np

class Cut:
    classes_ = np.array(["no", "yes"])

    def __init__(self, at):
        self.at = at

    def predict(self, rows):
        return self.classes_[(rows["amount"].to_numpy() > self.at).astype(int)]

class Old(Cut):
    pass
"""
PIPE = """
import models
import numpy as np
import pandas as pd

from tidemill import Dataset, Model, otherwise, pipeline, task, when
from tidemill.tasks import gate, register

@task(cache=True)
def holdout() -> Dataset:
    amount = np.linspace(0, 1, 200)
    return pd.DataFrame({"amount": amount, "site": ["a", "b"] * 100, "left": np.where(amount > 0.4, "yes", "no")})

@task(cache=True)
def train(at: float, old: bool) -> Model:
    return getattr(models, "Old" if old else "Cut")(at)

@task
def turn_down(reasons: list[str]) -> str:
    return reasons[0]

@pipeline
def churn(at: float = 0.5, old: bool = False, rule: str = "gate.yaml"):
    judged = gate(train(at, old), holdout(), "left", "churn", rule)
    with when(judged.passed):
        register(train(at, old), "churn", decision=judged.decision, alias="champion")
    with otherwise():
        turn_down(judged.reasons)
"""
RULE = """
gate:
  primary: {metric: accuracy, better_by: 0.01}
  thresholds: {accuracy: {min: 0.8}}
  slices: {by: [site], no_worse_than: 0.1}
  behaviour: [no_null, minority>=5%]
"""


@pytest.fixture
def churn(folder: Folder) -> Folder:
    folder.write("models.py", MODELS)
    folder.write("pipe.py", PIPE)
    folder.write("gate.yaml", RULE)
    return folder


def champion(folder: Folder) -> int:
    return int(folder.document("model", "show", "churn@champion")["version"])


def test_a_model_is_promoted_by_the_gate_alone_and_refused_with_its_numbers(churn: Folder) -> None:
    said = churn.ok("run", "pipe.py", "-p", "at=0.55", "-p", "old=true")
    assert "gate/decide succeeded" in said
    assert "when_1/register succeeded" in said
    assert "gate       ✓ PASS  churn d_" in said
    assert "✓ PASS  churn d_" in churn.ok("show", "latest")

    said = churn.ok("run", "pipe.py", "-p", "at=0.42")
    assert "when_1/register succeeded" in said

    said = churn.ok("run", "pipe.py", "-p", "at=0.6")
    assert "when_1 skipped" in said
    assert "otherwise_1/turn_down succeeded" in said
    assert "gate       ✗ FAIL  churn d_" in said
    assert champion(churn) == 2
    latest = " ".join(churn.ok("decision", "show", "--model", "churn").split())
    assert "✗ FAIL gate of churn" in latest
    assert "Slices by accuracy: none worse than the champion by more than 0.1 beyond doubt, at the level 0.05" in latest
    assert latest == " ".join(churn.ok("decision", "show", "latest", "--run", "latest").split())
    shown = churn.ok("decision", "show", "3")
    assert "accuracy 0.8000 against 0.9800 of the champion on the same 200 rows: worse by 0.1800" in " ".join(
        shown.split()
    )

    # The same again answers from what is known; another rule, in the same file, does not.
    again = churn.ok("run", "pipe.py", "-p", "at=0.6")
    assert "gate/weigh succeeded, reused from run" in again
    churn.write("gate.yaml", "primary: {metric: accuracy, no_worse_than: 0.5}")
    assert "gate/weigh running" in churn.ok("run", "pipe.py", "-p", "at=0.6")
    assert champion(churn) == 3

    assert "the same to the last byte" in churn.ok("decision", "replay", "2")
    assert "5 records are as written" in churn.ok("decision", "verify")


def test_a_champion_that_cannot_be_loaded_is_an_error_that_is_not_kept(churn: Folder) -> None:
    churn.ok("run", "pipe.py", "-p", "at=0.55", "-p", "old=true")
    churn.write("models.py", MODELS.partition("class Old")[0])
    broken = churn.ok("run", "pipe.py", "-p", "at=0.42")
    assert "when_1 skipped" in broken
    assert champion(churn) == 1
    shown = " ".join(churn.ok("decision", "show", "2").split())
    assert "ERROR gate of churn" in shown
    assert "the champion (version 1) cannot answer for these rows: it cannot be read by the codec 'pickle'" in shown
    assert "Can't get attribute 'Old'" in shown
    assert "promote by hand with --override, or roll back" in shown
    churn.write("models.py", MODELS)
    mended = churn.ok("run", "pipe.py", "-p", "at=0.42")
    assert "when_1/register succeeded" in mended
    assert champion(churn) == 2


def test_a_rule_with_a_mistake_is_told_with_its_line(churn: Folder) -> None:
    churn.write("gate.yaml", RULE.replace("better_by", "beter_by"))
    done = churn.call("run", "pipe.py")
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert "gate.yaml:3: primary has no 'beter_by'" in said
    assert "did you mean 'better_by'?" in said


def test_the_graph_reads_well(churn: Folder) -> None:
    shown = churn.ok("graph", "pipe.py")
    assert [line.split()[:3] for line in shown.splitlines() if "│ ●" in line or "╰ ●" in line][:3] == [
        ["│", "●", "champion"],
        ["│", "●", "weigh"],
        ["╰", "●", "decide"],
    ]
