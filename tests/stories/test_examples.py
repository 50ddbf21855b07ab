"""The project's own examples, tested as a user tests theirs: with the fixture `tidemill`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from threadpoolctl import threadpool_limits

from tidemill.actions.compile import compile_pipeline
from tidemill.core.graph import Pipeline
from tidemill.testing import Harness

ROOT = Path(__file__).parents[2]
DIAGNOSIS = ROOT / "examples" / "diagnosis" / "pipeline.py"
ONE = {"candidates": ["logistic regression"]}


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """The example limits the threads of its process, which is this one."""
    with threadpool_limits():
        yield


def blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def tumours(count: int = 200) -> pd.DataFrame:
    """Rows that any model can tell apart, with a gap."""
    malignant = np.arange(count) % 2 == 0
    bunch = load_breast_cancer(as_frame=True)
    rows = bunch.data.iloc[:count].copy()
    rows["mean radius"] = np.where(malignant, 20.0, 10.0) + np.arange(count) % 7 / 10
    rows["diagnosis"] = np.where(malignant, "malignant", "benign")
    rows.loc[3, "mean radius"] = None
    return rows


@pytest.fixture(scope="module")
def diagnosis() -> Pipeline:
    """Read once: its libraries are large."""
    return compile_pipeline(str(DIAGNOSIS))


def test_diagnosis_registers_the_best_model(tidemill: Harness, diagnosis: Pipeline) -> None:
    names = ["logistic regression", "random forest"]
    run = tidemill.run(diagnosis, {"candidates": names}, returns={"ingest": tumours()})
    run.assert_succeeded()
    run.assert_skipped("turn_down")
    assert run["validate"].outputs["passed"] is True
    assert [len(run["split"].outputs[part]) for part in ("train", "holdout")] == [150, 50]
    assert [run[f"evaluate[{n}]"].outputs["metrics"]["accuracy"] for n in (0, 1)] == [1.0, 1.0]
    best = run["pick_best"].outputs
    assert best["candidate"] in names
    whole = tumours().dropna()
    assert best["model"].predict(whole.drop(columns="diagnosis")).tolist() == whole["diagnosis"].tolist()
    assert (run["register"].outputs["name"], run["register"].outputs["version"]) == ("diagnosis", 1)
    assert run["gate/decide"].outputs["verdict"] == "PASS"


def test_diagnosis_turns_a_weak_model_down(tidemill: Harness, diagnosis: Pipeline) -> None:
    swapped = tumours().assign(diagnosis=np.random.default_rng(1).permutation(tumours()["diagnosis"]))
    run = tidemill.run(diagnosis, ONE, returns={"ingest": swapped})
    run.assert_succeeded()
    run.assert_skipped("register")
    assert run["turn_down"].output.startswith("logistic regression: accuracy 0.")
    assert "at least 0.9000 demanded: FAIL" in run["turn_down"].output


def test_diagnosis_stops_at_data_that_breaks_its_contract(tidemill: Harness, diagnosis: Pipeline) -> None:
    broken = tumours()
    broken.loc[5, "mean radius"] = -1.0
    run = tidemill.run(diagnosis, ONE, returns={"ingest": broken})
    run.assert_failed("validate")
    assert len(run["validate"].attempts) == 1
    assert run["validate"].cause is not None
    assert "row 5: -1" in run["validate"].cause.message
    assert "owner: imaging-lab@clinic.example" in run["validate"].cause.message
    assert {run[name].state for name in ("split", "train", "evaluate", "pick_best", "register")} == {"upstream_failed"}


def test_the_pipeline_of_the_readme(tidemill: Harness, tmp_path: Path) -> None:
    file = tmp_path / "churn_of_readme.py"
    file.write_text(blocks("README.md")[0])
    rows = pd.DataFrame({"visits": range(40), "churned": [n < 20 for n in range(40)]})
    down = [ConnectionError("down")]

    run = tidemill.run(file, {"threshold": 0.5}, returns={"load": rows}, fails={"load": down})
    run.assert_succeeded()
    assert [attempt.state.value for attempt in run["load"].attempts] == ["failed", "succeeded"]
    assert len(run["split"].outputs["test"]) == 10
    assert len(run["train"].output) == 3
    assert run["publish"].output.startswith("published with accuracy ")

    run = tidemill.run(file, returns={"load": rows, "pick_best": (None, 0.1)})
    run.assert_skipped("publish")


def page(folder: Path, number: int) -> Path:
    file = folder / f"guide_{number}.py"
    file.write_text(blocks("docs/guides/pipelines.md")[number])
    return file


def test_the_guide_tasks(tidemill: Harness, tmp_path: Path) -> None:
    file = page(tmp_path, 0)
    assert tidemill.run(file)["fetch"].output == [1.0, 2.0, 3.0]
    run = tidemill.run(file, {"source": "us", "day": "2026-01-04"})
    run.assert_skipped("fetch")
    run = tidemill.run(file, {"day": "1999-01-01"})
    assert len(run["fetch"].attempts) == 1
    run = tidemill.run(file, fails={"fetch": ConnectionError("x")})
    first, *_, last = run["fetch"].attempts
    assert 30 < (last.started_at - first.started_at).total_seconds() < 40  # 5 + 10 + 20 seconds, each moved a little
    assert len(tidemill.run(file, fails={"fetch": ValueError("x")})["fetch"].attempts) == 1


def test_the_guide_outputs(tidemill: Harness, tmp_path: Path) -> None:
    run = tidemill.run(page(tmp_path, 1))
    assert run["score"].output == {"mean": 3.5, "rows": 2}
    assert run["report"].output == "mean 3.5"


@pytest.mark.parametrize(
    ("accuracy", "told"),
    [(0.95, "released champion"), (0.85, "released challenger"), (0.1, "released nothing")],
)
def test_the_guide_branches(tidemill: Harness, tmp_path: Path, accuracy: float, told: str) -> None:
    run = tidemill.run(page(tmp_path, 2), returns={"measure": {"accuracy": accuracy}})
    run.assert_succeeded()
    assert run["announce"].logs == told


def test_the_guide_maps(tidemill: Harness, tmp_path: Path) -> None:
    run = tidemill.run(page(tmp_path, 3))
    run.assert_succeeded()
    assert run["check"].output == [0.4, 0.8, 2.4, 2.8, 4.4, 4.8]
    assert run["name"].output == ["a1", "b2"]
    run = tidemill.run(page(tmp_path, 3), returns={"folds": []})
    assert run["check"].output == []


def test_the_guide_order(tidemill: Harness, tmp_path: Path) -> None:
    run = tidemill.run(page(tmp_path, 4), fails={"publish/swap": [OSError("x")]})
    run.assert_succeeded()


def test_the_guide_ends(tidemill: Harness, tmp_path: Path) -> None:
    file = page(tmp_path, 5)
    run = tidemill.run(file)
    assert run["tell"].output == "succeeded: model from cluster-1"
    run = tidemill.run(file, fails={"train": MemoryError()})
    run.assert_failed("train")
    run.assert_succeeded("close_cluster", "alarm")
    assert run["tell"].output == "failed: none"


def test_the_guide_waits(tidemill: Harness, tmp_path: Path) -> None:
    file = page(tmp_path, 6)
    names = {"approve": {"approval": True}, "events": {"batch": {"rows": 5}}}
    run = tidemill.run(file, replace={"is_there": lambda table: table == "orders"}, **names)
    assert run["publish"].output.startswith("5 rows, approved by ")
    before = tidemill.clock.now()
    run = tidemill.run(file, returns={"is_there": False}, **names)
    run.assert_failed("is_there")
    assert 3600 <= (tidemill.clock.now() - before).total_seconds() < 3700


def test_the_guide_reuse(tidemill: Harness, tmp_path: Path) -> None:
    file = page(tmp_path, 7)
    assert not tidemill.run(file)["fit"].reused
    run = tidemill.run(file)
    assert run["features"].reused
    assert run["fit"].reused
    assert run["note"].output == f"{run.id}: 8"
    assert not tidemill.run(file, {"path": "other.csv"})["fit"].reused
