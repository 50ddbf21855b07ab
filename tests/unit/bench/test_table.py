"""The table and the document: every row under its name, nothing wider than a terminal, every sample kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bench.document import document
from bench.listing import ROWS, chosen
from bench.machine import Machine
from bench.row import SQLITE_FULL, Durability, Measured, Verdict
from bench.table import Result, number, table
from tidemill.core.errors import NotFound
from tidemill.core.plain import from_plain, to_plain

FULL = Durability(SQLITE_FULL, "ext4 1:0")
SAMPLES = Measured((1233.0, 1234.0, 1235.0), (2.0, 2.5, 3.0), FULL, FULL, more={"parts": [1.5]})
MACHINE = Machine(2, "3.11.7", "Linux 6", "ext4 1:0", 1.5)


def test_no_line_is_wider_than_a_hundred_columns() -> None:
    results = [Result(row, SAMPLES) for row in ROWS] + [Result(ROWS[0], Measured(), failure="word " * 60)]
    lines = table(results).splitlines()
    assert max(map(len, lines)) <= 100
    flat = " ".join(" ".join(line.split()) for line in lines)
    assert all(row.name.split()[-1] in flat for row in ROWS)


def test_names_and_keys_are_those_of_one_row_each() -> None:
    assert len({row.name for row in ROWS}) == len({row.key for row in ROWS}) == len(ROWS)
    assert [row.key for row in chosen(["fan", "chain"])] == ["chain", "fan"]
    assert chosen([]) == ROWS
    with pytest.raises(NotFound, match="chian") as caught:
        chosen(["chian"])
    assert "chain" in caught.value.remedy


def test_a_failure_is_told_below_the_table() -> None:
    result = Result(ROWS[0], Measured(), failure="the run is failed")
    assert result.verdict is Verdict.FAILED
    assert table([result]).endswith("chain: the run is failed")


def test_the_document_has_every_sample_by_the_name_of_the_row() -> None:
    written = json.loads(json.dumps(document(MACHINE, datetime(2026, 11, 1, tzinfo=UTC), [Result(ROWS[0], SAMPLES)])))
    row = written["rows"]["chain of 100 no-op tasks, a process each"]
    assert row["samples"] == {"ours": [1233.0, 1234.0, 1235.0], "bare": [2.0, 2.5, 3.0]}
    assert (row["ours"], row["bare"], row["ratio"]) == (1234.0, 2.5, 1234.0 / 2.5)
    assert row["durability"]["bare"] == {"mode": SQLITE_FULL, "file_system": "ext4 1:0"}
    assert written["machine"]["idle"] is False
    assert "not idle" in MACHINE.in_one_line


def test_what_is_measured_crosses_from_the_process_that_measures_it() -> None:
    assert from_plain(Measured, json.loads(json.dumps(to_plain(SAMPLES)))) == SAMPLES


@pytest.mark.parametrize(
    ("value", "shown"), [(0.7412, "0.741 s"), (2.414, "2.41 s"), (13.24, "13.2 s"), (1973.3, "1,973 s"), (None, "-")]
)
def test_numbers_have_three_digits_that_count(value: float | None, shown: str) -> None:
    assert number(value, "s") == shown
