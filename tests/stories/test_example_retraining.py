"""Retraining behind a gate: a month that is like the last, one that makes a better model, a worse one, and none."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from tests.stories.readmes import EXAMPLES, carried_out, copy_of
from tidemill.actions.compile import compile_pipeline
from tidemill.testing import Harness

RUN = "tidemill run pipeline.py:retraining"


def module_of(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"retraining_{name}", EXAMPLES / "retraining" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def drift() -> ModuleType:
    return module_of("drift")


def flat(text: str) -> str:
    return " ".join(text.split())


def test_the_readme_takes_all_four_ways(tmp_path: Path) -> None:
    folder = copy_of("retraining", tmp_path)
    told = {done.command: done.output for done in carried_out(folder)}
    alerts = sorted((folder / "alerts").glob("*.txt"), key=lambda file: file.stat().st_mtime_ns)

    # Nothing has changed: nothing is trained, and nobody is told.
    same = told[f"{RUN} -p month=data/february.csv"]
    assert "drift skipped" in same
    assert "drift/" not in same
    assert "alert skipped: there is nothing to tell" in same
    assert 'said = "no drift: ' in told["tidemill show latest --task compare"]
    assert "pixel_" in told["tidemill artifact show latest:compare:columns"]

    # Other hands, wrong labels: trained, judged against the champion, turned down with the numbers.
    worse = told[f"{RUN} -p month=data/april.csv"]
    assert "drift/train succeeded" in worse
    assert "drift/better skipped" in worse
    assert "drift/not_better/turn_down failed" in worse
    for place in (worse, alerts[0].read_text(), told["tidemill decision show 2"]):
        assert "of the champion on the same 517 rows: worse by 0." in flat(place)
    assert alerts[0].read_text().startswith("To: digits-team@post.example\nSubject: retraining stopped: new model\n")
    assert "What was seen: drift: old and new rows are told apart with AUC 0." in alerts[0].read_text()

    # Other hands, and no model comes of it.
    error = told[f"{RUN} -p month=data/march.csv -p iterations=5"]
    assert "drift/train failed: ConvergenceWarning" in error
    assert "drift/gate upstream failed" in error
    assert "Subject: retraining stopped: training\n" in alerts[1].read_text()
    assert len(alerts) == 2

    # Other hands, right labels: registered, and champion. What the failed run had done is not done again.
    better = told[f"{RUN} -p month=data/march.csv"]
    assert "compare succeeded, reused from run" in better
    assert "drift/better/register succeeded" in better
    assert "alert skipped: there is nothing to tell" in better
    assert told["tidemill model show digits"].startswith("digits@2  champion\n")
    moves = [line.split()[2:5] for line in told["tidemill model history digits"].splitlines() if "champion" in line]
    assert moves == [["champion", "-", "1"], ["champion", "1", "2"]]

    # The world of April is known by now.
    known = told[f"{RUN} -p learned=data/january.csv,data/march.csv -p month=data/april.csv"]
    assert "drift skipped" in known


def test_a_month_that_cannot_be_used_is_compared_with_nothing(tidemill: Harness, tmp_path: Path) -> None:
    folder = copy_of("retraining", tmp_path)
    module_of("make_data").main(folder / "data")
    broken = pd.read_csv(folder / "data" / "march.csv")
    broken.loc[3, "pixel_2_2"] = 160
    broken.to_csv(folder / "data" / "march.csv", index=False)

    retraining = compile_pipeline(f"{folder / 'pipeline.py'}:retraining")
    alerts = {"alerts": str(tmp_path / "alerts")}
    run = tidemill.run(retraining, alerts)
    run.assert_failed("validate")
    assert run["compare"].state == "upstream_failed"
    told = Path(run["alert"].output).read_text()
    assert "Subject: retraining stopped: data\n" in told
    assert "forms-desk@post.example" in told
    assert "What was seen" not in told

    (folder / "data" / "march.csv").unlink()
    run = tidemill.run(retraining, alerts)
    run.assert_failed("month")
    assert "data: month, which it needs, did not succeed" in Path(run["alert"].output).read_text()


def test_two_halves_of_the_same_rows_are_seldom_told_apart(drift: ModuleType) -> None:
    """The interval lies above 0.5 once in forty draws, so more than three times in twenty is not chance."""
    draw = np.random.default_rng(1)
    alarms = 0
    for seed in range(20):
        rows = pd.DataFrame(draw.normal(size=(200, 3)), columns=["a", "b", "c"])
        told = drift.told_apart(rows[:100], rows[100:], seed)
        assert told.low < told.auc < told.high
        alarms += told.low > 0.5
    assert alarms <= 3


def test_rows_are_told_apart_by_how_columns_go_together(drift: ModuleType) -> None:
    """Each column alone is what it was; together they are not."""
    draw = np.random.default_rng(2)
    before, now = draw.normal(size=(2, 400, 2))
    now[:, 1] = 0.9 * now[:, 0] + np.sqrt(1 - 0.9**2) * now[:, 1]
    old, new = (pd.DataFrame(rows, columns=["a", "b"]) for rows in (before, now))
    assert drift.told_apart(old, new, 7).low > 0.6
    assert drift.by_column(old, new)["p"].min() > 0.05


def test_the_column_that_has_moved_comes_first(drift: ModuleType) -> None:
    draw = np.random.default_rng(3)
    old = pd.DataFrame(draw.normal(size=(300, 20)), columns=[f"c{n}" for n in range(20)])
    new = pd.DataFrame(draw.normal(size=(300, 20)), columns=old.columns).assign(c7=lambda rows: rows["c7"] + 1)
    found = drift.by_column(old, new)
    assert found["column"][0] == "c7"
    assert found["mean_now"][0] - found["mean_before"][0] == pytest.approx(1, abs=0.3)
    assert list(found["column"][found["p"] <= 0.05]) == ["c7"]
