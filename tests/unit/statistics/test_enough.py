"""The fewest rows are those that the documentation tells, and the trials that it tells them from are made."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.error_rates.listing import TRIALS
from tidemill.core.errors import InputError
from tidemill.statistics.enough import MINIMUM_ROWS, minimum_for_margin
from tidemill.statistics.mcnemar import mcnemar

PAGE = Path(__file__).parents[3] / "docs" / "error-rates.md"


def test_the_documentation_tells_the_same_numbers() -> None:
    text = PAGE.read_text()
    for name, least in MINIMUM_ROWS.items():
        assert f"| `{name}` | {least} |" in text


def test_every_table_of_the_documentation_is_still_measured() -> None:
    text = PAGE.read_text()
    told = {line.removeprefix("### ") for line in text.splitlines() if line.startswith("### ")}
    assert told == {trial.test for trial in TRIALS}
    for trial in TRIALS:
        assert f"| {trial.setting} | {trial.rows:,} |" in text, trial.key


def test_mcnemar_can_pass_from_there_on() -> None:
    least = MINIMUM_ROWS["mcnemar"]
    assert mcnemar(least, 0).p_greater <= 0.05 < mcnemar(least - 1, 0).p_greater


def test_a_higher_area_needs_more_rows() -> None:
    assert [minimum_for_margin(area) for area in (0.4, 0.75, 0.9, 0.98)] == [20, 40, 100, 500]
    with pytest.raises(InputError, match="area is 1"):
        minimum_for_margin(1.0)
