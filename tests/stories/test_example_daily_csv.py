"""A CSV file a day: waited for, cleaned, trained on; the same again, a correction, and what a schedule asks for."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
import skops.io

from tests.stories.readmes import carried_out, copy_of
from tests.stories.terminal import Folder
from tidemill.actions.compile import compile_pipeline
from tidemill.core.graph import Pipeline
from tidemill.testing import Harness

AGAIN = "tidemill run pipeline.py -p day=2026-03-04"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of("daily_csv", tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="module")
def daily(example: Path) -> Pipeline:
    return compile_pipeline(str(example / "pipeline.py"))


def deliver(example: Path, folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, str(example / "deliver.py"), *arguments], cwd=folder, check=True)


def test_the_readme(tmp_path: Path) -> None:
    folder = copy_of("daily_csv", tmp_path)
    runs: list[str] = []
    told = {}
    for done in carried_out(folder):
        told[done.command] = done.output
        if done.command == AGAIN:
            runs.append(done.output)
    first, again, corrected = runs

    assert "clean maps over 3" in first
    assert "new/export succeeded" in first
    assert "2026-03-03.csv: 29 rows, 1 of them sent twice" in told["tidemill logs latest 'clean[1]'"]
    assert all(f"by take[{n}]" in told["tidemill lineage model:progression@1 --up"] for n in range(3))
    for task in ("clean[0]", "clean[1]", "clean[2]", "join", "split", "train", "evaluate"):
        assert f"{task} succeeded, reused from run" in again
    assert "new skipped" in again

    assert [re.search(rf"clean\[{n}\] succeeded, reused", corrected) is None for n in range(3)] == [False, True, False]
    assert "train running" in corrected
    assert "new/export succeeded" in corrected
    assert told["tidemill model ls"].splitlines()[1].split()[:3] == ["progression", "2", "2"]

    kept = sorted(file.name for file in (folder / "models").iterdir())
    assert [bool(re.fullmatch(rf"progression-\d{{8}}T\d{{6}}Z-v{n + 1}\.skops", kept[n])) for n in range(2)] == [
        True
    ] * 2
    file = folder / "models" / kept[1]
    model = skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file))
    assert set(model.feature_names_in_) == {"age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"}


def test_a_run_waits_for_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    folder = Folder(copy_of("daily_csv", tmp_path))
    begun = folder.begin("run", "pipeline.py", "-p", "day=2026-03-02")
    begun.until("wait waits until")
    deliver(folder.path, folder.path, "2026-03-02")
    code, output, errors = begun.end()
    assert (code, errors) == (0, ""), output
    assert "new/export succeeded" in output


def test_the_calendar_goes_on_while_it_waits(tidemill: Harness, daily: Pipeline, example: Path, tmp_path: Path) -> None:
    asked = []

    def third_time(inbox: str, day: str) -> bool:
        asked.append(tidemill.clock.now())
        if len(asked) == 3:
            deliver(example, tmp_path, day)
        return Path(inbox, f"{day}.csv").is_file()

    params = {"inbox": str(tmp_path / "inbox"), "models": str(tmp_path / "models")}
    run = tidemill.run(
        daily,
        params,
        replace={"wait": third_time},
        scheduled_for=datetime(2026, 3, 6, 6, tzinfo=UTC),
        interval_start=datetime(2026, 3, 5, 6, tzinfo=UTC),
        interval_end=datetime(2026, 3, 6, 6, tzinfo=UTC),
    )
    run.assert_succeeded()
    # The schedule is of the sixth; the data are of the day before.
    assert run["which_day"].output == "2026-03-05"
    assert len(asked) == 3
    assert (asked[2] - asked[0]).total_seconds() >= 10
    assert Path(run["export"].output).is_file()
    assert run["register"].outputs["version"] == 1


def test_which_day(daily: Pipeline, tidemill: Harness) -> None:
    """Asked for, or of the data interval, or the day before the run."""
    tidemill.clock.set_calendar(datetime(2026, 5, 2, 9, tzinfo=UTC))
    stopped = {"wait": ValueError("far enough")}
    asked = tidemill.run(daily, {"day": date(2026, 3, 4).isoformat()}, fails=stopped)
    by_hand = tidemill.run(daily, fails=stopped)
    assert [run["which_day"].output for run in (asked, by_hand)] == ["2026-03-04", "2026-05-01"]


def test_a_file_that_breaks_the_contract_is_not_learned_from(
    tidemill: Harness, daily: Pipeline, example: Path, tmp_path: Path
) -> None:
    deliver(example, tmp_path, "2026-03-02")
    file = tmp_path / "inbox" / "2026-03-02.csv"
    pd.read_csv(file).assign(bmi="2750,5").to_csv(file, index=False)
    run = tidemill.run(daily, {"day": "2026-03-02", "inbox": str(tmp_path / "inbox")})
    run.assert_failed("validate")
    assert run["validate"].cause is not None
    assert "clinic-data@clinic.example" in run["validate"].cause.message
    assert "2750" in run["validate"].cause.message
    assert run["train"].state == "upstream_failed"
