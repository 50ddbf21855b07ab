"""Every rule: what it counts, of how many, and the examples it gives."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tidemill.lifecycle.contracts.checking import check
from tidemill.lifecycle.contracts.documents import from_value, from_yaml
from tidemill.lifecycle.contracts.findings import ContractResult, Finding
from tidemill.lifecycle.verdicts import Verdict

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
PASS, FAIL, NODATA, ERROR = Verdict.PASS, Verdict.FAIL, Verdict.NODATA, Verdict.ERROR
NAN = float("nan")


def judged(demands: dict[str, Any], cells: Any, **more: Any) -> ContractResult:
    rows = cells if isinstance(cells, pd.DataFrame | pa.Table) else pd.DataFrame({"a": cells})
    return check(from_value({"name": "c", "owner": "me", "columns": {"a": demands}, **more}), rows, NOW)


def finding(rule: str, demand: Any, cells: Any, **more: Any) -> Finding:
    """What became of one rule of the column `a`."""
    result = judged({rule: demand, **more}, cells)
    return next(found for found in result.findings if found.rule == rule)


def days(*texts: str) -> pd.Series:
    return pd.Series(pd.to_datetime(list(texts), format="ISO8601"))


@pytest.mark.parametrize(
    ("rule", "demand", "cells", "count", "checked", "examples"),
    [
        ("null", 0, [1.0, None, NAN, 2.0], 2, 4, ["row 1", "row 2"]),
        ("null", 0, ["a", None], 1, 2, ["row 1"]),
        ("null", "50%", ["a", None], 1, 2, None),
        ("null", "49%", ["a", None], 1, 2, ["row 1"]),
        ("min", 0, [-1.5, 0, 3, NAN], 1, 3, ["row 0: -1.5"]),
        ("max", 3, [3, 4, 5], 2, 3, ["row 1: 4", "row 2: 5"]),
        ("max", 3, [3, 4, 4, 5], 3, 4, ["row 1: 4", "row 2: 4", "row 3: 5"]),
        ("above", 0, [0, 1], 1, 2, ["row 0: 0"]),
        ("below", 1, [0, 1], 1, 2, ["row 1: 1"]),
        ("max", 10, [float("inf"), 1.0], 1, 2, ["row 0: inf"]),
        ("min", 10**30, [1, 2], 2, 2, ["row 0: 1", "row 1: 2"]),
        ("max", 10**30, [1, 2], 0, 2, None),
        ("min", 0.5, [Decimal("0.4"), Decimal("0.6")], 1, 2, ["row 0: Decimal 0.4"]),
        ("min", date(2026, 1, 2), days("2026-01-01 23:59", "2026-01-02"), 1, 2, ["row 0: 2026-01-01T23:59:00"]),
        ("max", date(2026, 1, 2), [date(2026, 1, 3), None], 1, 1, ["row 0: 2026-01-03"]),
        ("min", date(2026, 1, 2), days("2026-01-01", "2026-01-03").dt.tz_localize("UTC"), 1, 2, None),
        ("max", date(9999, 12, 31), days("2026-01-01").dt.as_unit("ns"), 0, 1, None),
        ("min", date(9999, 12, 31), days("2026-01-01").dt.as_unit("ns"), 1, 1, None),
        ("above", date(1, 1, 1), days("2026-01-01").dt.as_unit("ns"), 0, 1, None),
        ("below", date(1, 1, 1), days("2026-01-01").dt.as_unit("ns"), 1, 1, None),
        ("in", [date(2026, 1, 2)], days("2026-01-02", "2026-01-02 00:00:00.000000001").dt.as_unit("ns"), 1, 2, None),
        ("min", "b", ["a", "b", "c"], 1, 3, ["row 0: 'a'"]),
        ("in", ["se", "no"], ["se", "dk", None, "no"], 1, 3, ["row 1: 'dk'"]),
        ("in", [1, 2], [1, 2, 3], 1, 3, ["row 2: 3"]),
        ("in", [1, 2], [1.0, 2.5, NAN], 1, 2, ["row 1: 2.5"]),
        ("in", [True], [True, False], 1, 2, ["row 1: False"]),
        ("in", [date(2026, 1, 2)], days("2026-01-02", "2026-01-03"), 1, 2, None),
        ("pattern", "[a-z]{2}", ["ab", "abc", "a\nb", ""], 3, 4, ["row 1: 'abc'", "row 2: 'a\\x0ab'", "row 3: ''"]),
        ("pattern", "a|bb", ["a", "bb", "ab"], 1, 3, ["row 2: 'ab'"]),
        ("length", [1, 2], ["", "å", "abc", None], 2, 3, ["row 0: ''", "row 2: 'abc'"]),
        ("unique", True, [1, 2, 1, 1, None, None], 2, 4, ["row 2: 1", "row 3: 1"]),
        ("unique", True, ["a", "b", "a"], 1, 3, ["row 2: 'a'"]),
        ("monotone", "increasing", [1, 2, 2, 1, 3], 1, 5, ["row 3: 1"]),
        ("monotone", "increasing", [5.0, NAN, 4.0, 6.0], 1, 3, ["row 2: 4"]),
        ("monotone", "decreasing", ["b", "a", "b"], 1, 3, ["row 2: 'b'"]),
        ("type", "int", [1, 2], 0, 2, None),
        ("type", "int", [1.0, NAN, 2.5], 1, 2, ["row 2: 2.5"]),
        ("type", "int", [1.0, float("inf")], 1, 2, ["row 1: inf"]),
        ("type", "float", [1, 2], 0, 2, None),
        ("type", "float", [1.0, "x", 3], 1, 3, ["row 1: 'x'"]),
        ("type", "bool", [True, False, None], 0, 2, None),
        ("type", "bool", [0, 1], 2, 2, None),
        ("type", "text", ["a", None], 0, 1, None),
        ("type", "text", ["a", 1], 1, 2, ["row 1: 1"]),
        ("type", "category", pd.Series(["a", "b"], dtype="category"), 0, 2, None),
        ("type", "date", [date(2026, 1, 1)], 0, 1, None),
        ("type", "date", days("2026-01-01", "2026-01-02 10:00"), 1, 2, ["row 1: 2026-01-02T10:00:00"]),
        ("type", "datetime", days("2026-01-01"), 0, 1, None),
        ("type", "datetime", ["2026-01-01"], 1, 1, None),
    ],
)
def test_rules_of_rows(
    rule: str, demand: Any, cells: Any, count: int, checked: int, examples: list[str] | None
) -> None:
    found = finding(rule, demand, cells)
    assert (found.count, found.checked) == (count, checked), found
    tolerated = rule == "null" and isinstance(demand, str) and count <= float(demand.rstrip("%")) / 100 * checked
    assert found.verdict is (PASS if not count or tolerated else FAIL)
    assert found.blocks is (found.verdict is FAIL)
    if examples is not None:
        assert [str(example) for example in found.examples] == examples


@pytest.mark.parametrize(
    ("rule", "demand", "cells", "verdict", "seen"),
    [
        ("mean", [1, 3], [1.0, NAN, 3.0], PASS, "the mean is 2"),
        ("mean", [1, 3], [100, 300], FAIL, "the mean is 200"),
        ("mean", [1, 3], [1.0, float("inf")], FAIL, "the mean is inf"),
        ("quantile", {"p50": [1, 2]}, [1, 2, 3, 400], FAIL, "p50 is 2.5"),
        ("quantile", {"p50": [1, 3], "p100": {"max": 400}}, [1, 2, 3, 400], PASS, "p50 is 2.5, p100 is 400"),
        ("shares", {"yes": "50%"}, ["yes", "no", None], PASS, "'yes' has 50 %"),
        ("shares", {"yes": [0.1, 0.4]}, ["yes", "no"], FAIL, "'yes' has 50 %"),
        ("shares", {"1": "50%"}, [0, 0, 1], FAIL, "'1' has 33.33 %"),
        ("shares", {"true": "50%"}, [True, False, True], PASS, "'true' has 66.67 %"),
        ("shares", {"gone": "1%"}, ["here"], FAIL, "'gone' has 0 %"),
        ("min_share", "30%", ["a", "a", "b"], PASS, ""),
        ("min_share", "40%", ["a", "a", "b"], FAIL, "'b' has 33.33 %"),
        ("min_share", "40%", [None, None], NODATA, ""),
        ("mean", [0, 1], [None, None], NODATA, ""),
    ],
)
def test_rules_of_a_whole_column(rule: str, demand: Any, cells: Any, verdict: Verdict, seen: str) -> None:
    found = finding(rule, demand, cells)
    assert (found.verdict, found.seen) == (verdict, seen)
    assert found.blocks is (verdict is not PASS)


def test_every_allowed_value_needs_its_share() -> None:
    found = finding("min_share", "10%", ["a", "b"], **{"in": ["a", "b", "c"]})
    assert (found.verdict, found.seen) == (FAIL, "'c' has none")


@pytest.mark.parametrize(
    ("rule", "demand", "cells", "note"),
    [
        ("min", 0, ["1", "2"], "it holds text, which cannot be compared with 0"),
        ("min", "a", [1, 2], "it holds whole numbers, which cannot be compared with 'a'"),
        ("min", True, [1, 2], "cannot be compared with True"),
        ("in", ["1", "2"], [1, 2], "it holds whole numbers, and '1' is none of that"),
        ("pattern", "a", [1], "a pattern is for text, and it holds whole numbers"),
        ("length", 3, [1], "a length is for text"),
        ("mean", [0, 1], ["a"], "it holds text, not numbers"),
        ("quantile", {"p50": [0, 1]}, [True], "it holds true and false, not numbers"),
        ("shares", {"x": "1%"}, [1], "it holds whole numbers, and 'x' is none of that"),
    ],
)
def test_what_cannot_be_judged_is_an_error_and_blocks(rule: str, demand: Any, cells: Any, note: str) -> None:
    result = judged({rule: demand, "on_fail": "warn"}, cells)
    found = next(found for found in result.findings if found.rule == rule)
    assert (found.verdict, found.blocks) == (ERROR, True)
    assert note in found.note
    assert result.verdict is ERROR


@pytest.mark.parametrize(
    ("wanted", "cells", "note", "examples"),
    [
        ("int", ["1", " 2", "3"], "all of them are numbers written as text: read the column as int", ["'1'"]),
        ("float", ["1", "n/a", "3e5"], "2 of 3 values (66.67 %) are numbers written as text", ["'n/a'"]),
        ("float", ["a", "b"], "it holds text", ["'a'"]),
        ("date", ["2026-01-01"], "all of them are dates written as text: read the column as date", ["'2026-01-01'"]),
        ("bool", ["True", "false"], "all of them are true and false written as text: read the column as bool", None),
        ("text", [1, 2], "it holds whole numbers", ["1"]),
        ("float", [True, False], "it holds true and false", None),
        ("int", [1, "x", None, 2.5], "it holds several kinds (float, int, str)", None),
    ],
)
def test_what_is_there_instead_of_the_type_is_told(
    wanted: str, cells: list[Any], note: str, examples: list[str] | None
) -> None:
    found = finding("type", wanted, pd.Series(cells, dtype=object))
    assert (found.verdict, found.note) == (FAIL, note)
    if examples is not None:
        assert [example.value for example in found.examples][: len(examples)] == examples


def test_rules_behind_a_wrong_type_are_not_judged() -> None:
    result = judged({"type": "float", "min": 0, "null": 0}, ["1", "2"])
    by = {found.rule: found for found in result.findings}
    assert (by["type"].verdict, by["min"].verdict, by["null"].verdict) == (FAIL, NODATA, PASS)
    assert "not of type float" in by["min"].note
    assert result.verdict is FAIL


def test_cells_that_do_not_fit_break_the_other_rules_too() -> None:
    cells = pd.Series([1, "x", 3], dtype=object)
    assert finding("max", 2, cells).count == 2
    assert [str(one) for one in finding("max", 2, cells, type="float").examples] == ["row 1: 'x'", "row 2: 3"]


# --- the table --------------------------------------------------------------------------------------------------------


def table(text: str, rows: Any, now: datetime = NOW, interval_end: datetime | None = None) -> dict[str, Finding]:
    result = check(from_yaml(f"name: c\nowner: me\n{text}"), rows, now, interval_end)
    return {f"{found.rule} {found.column}".strip(): found for found in result.findings}


ROWS = pd.DataFrame({"a": [1, 1, 2], "b": ["x", "x", None], "=c\x1b": [1, 2, 3]})


def test_columns_that_are_missing_or_too_many() -> None:
    found = table("columns: {a: {}, B: {min: 1}, z: {required: false, min: 1}}\nextra_columns: forbid", ROWS)
    assert found["required a"].passed
    assert found["required B"].seen == "it is missing; did you mean 'b'?"
    assert (found["min B"].verdict, found["min B"].note) == (NODATA, "the column is missing")
    assert "min z" not in found
    assert [str(one) for one in found["extra_columns"].examples] == ["b", "=c\\x1b"]
    assert found["extra_columns"].blocks
    assert not table("columns: {a: {}}\nextra_columns: warn", ROWS)["extra_columns"].blocks


def test_a_name_that_stands_there_twice_is_an_error() -> None:
    rows = pd.DataFrame([[1, 2]], columns=["a", "a"])
    found = table("columns: {a: {min: 0}}", rows)
    assert (found["min a"].verdict, found["min a"].note) == (ERROR, "the column stands in the table 2 times")


def test_keys_of_several_columns() -> None:
    found = table("unique: [[a, b], [a, '=c\\x1b']]".replace("'=c\\x1b'", '"=c\\x1b"'), ROWS)
    assert (found["unique a, b"].count, found["unique a, b"].checked) == (1, 2)
    assert [str(one) for one in found["unique a, b"].examples] == ["row 1: 1, 'x'"]
    assert found["unique a, =c\x1b"].passed


@pytest.mark.parametrize(("text", "verdict"), [("{min: 4}", FAIL), ("{max: 2}", FAIL), ("[3, 3]", PASS), ("3", PASS)])
def test_the_number_of_rows(text: str, verdict: Verdict) -> None:
    assert table(f"rows: {text}", ROWS)["rows"].verdict is verdict


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("newest", "verdict", "told"),
    [
        ([NOW - 3 * HOUR, NOW - 2 * HOUR], PASS, "the newest is 2h old"),
        ([NOW - 3 * HOUR], FAIL, "the newest is 3h old (2026-03-10 09:00:00 UTC)"),
        ([NOW - 9 * HOUR, NOW + HOUR], FAIL, "the newest is 9h old"),
        ([NOW + HOUR], FAIL, ""),
        ([date(2026, 3, 10)], PASS, "the newest is 0s old"),
        ([date(2026, 3, 9)], FAIL, "the newest is 12h old"),
        ([pd.Timestamp(NOW).tz_convert("Asia/Tokyo") - 2 * HOUR], PASS, "the newest is 2h old"),
        ([(NOW - 2 * HOUR).replace(tzinfo=None)], PASS, "the newest is 2h old"),
        (pd.to_datetime(["2026-03-10 10:00:00.000000001"]).as_unit("ns"), PASS, "the newest is 2h old"),
        ([None], NODATA, ""),
        (["2026-03-10"], ERROR, ""),
    ],
)
def test_freshness_of_a_column(newest: list[Any], verdict: Verdict, told: str) -> None:
    found = table("freshness: {column: at, max_age: 2h}", pd.DataFrame({"at": newest}))["freshness at"]
    assert found.verdict is verdict
    assert found.seen.startswith(told)


def test_values_of_the_future_are_told() -> None:
    rows = pd.DataFrame({"at": [NOW - HOUR, NOW + HOUR]})
    found = table("freshness: {column: at, max_age: 2h}", rows)["freshness at"]
    assert (found.verdict, found.note) == (PASS, "1 lie in the future and do not count")


def test_freshness_of_the_interval() -> None:
    text = "freshness: 2h"
    assert table(text, ROWS, interval_end=NOW - HOUR)["freshness"].passed
    assert table(text, ROWS, interval_end=NOW - 3 * HOUR)["freshness"].verdict is FAIL
    assert table(text, ROWS)["freshness"].verdict is NODATA
    # The clock is the caller's: the same rows are old later.
    assert table(text, ROWS, NOW + 9 * HOUR, NOW)["freshness"].verdict is FAIL


def test_rows_that_are_not_there() -> None:
    empty = ROWS.iloc[:0]
    contract = "columns: {a: {type: int, min: 0}}"
    without = check(from_yaml(f"name: c\n{contract}"), empty, NOW)
    assert (without.verdict, without.passed) == (NODATA, False)
    assert check(from_yaml(f"name: c\n{contract}\nrows: {{min: 0}}"), empty, NOW).passed
    assert check(from_yaml(f"name: c\n{contract}\nrows: {{min: 1}}"), empty, NOW).verdict is FAIL
    missing = check(from_yaml("name: c\ncolumns: {z: {}}\nrows: {min: 0}"), empty, NOW)
    assert missing.verdict is FAIL
    assert "NODATA" in without.message


def test_a_column_of_which_every_cell_may_be_empty() -> None:
    rows = pd.DataFrame({"a": pd.Series([None, None], dtype=object)})
    result = check(from_yaml("name: c\ncolumns: {a: {type: int, min: 0, in: [1], pattern: a}}"), rows, NOW)
    assert result.passed


# --- checks of one's own ----------------------------------------------------------------------------------------------

CHECKS = """
import numpy as np

def mask(rows): return rows["a"] < 2
def array(rows): return (rows["a"] < 2).to_numpy()
def listed(rows): return [True, False, True]
def no(rows): return False
def yes(rows): return np.bool_(True)
def told(rows): return False, "too\\n many\\x1b[31m"
def finding(rows): return {"passed": False, "message": "odd", "count": 2, "examples": ["=x", 3]}
def nullable(rows): return rows["a"].astype("Int64").where(rows["a"] > 1) > 0
def raises(rows): raise ValueError("a secret value")
def short(rows): return [True]
def number(rows): return 3
def nothing(rows): return None
def many(rows): return rows
def changes(rows):
    rows["a"] = 0
    del rows["b"]
    return True
"""


@pytest.fixture
def checks(tmp_path: Path) -> Path:
    (tmp_path / "rulebook.py").write_text(CHECKS)
    return tmp_path


def custom(folder: Path, name: str, more: str = "", rows: Any = None) -> Finding:
    text = f"name: c\nowner: me\n{more}\nchecks: [{{custom: 'rulebook.py:{name}'}}]"
    result = check(from_yaml(text, folder=folder), ROWS if rows is None else rows, NOW)
    return result.findings[-1]


@pytest.mark.parametrize(
    ("name", "verdict", "count"),
    [
        ("mask", FAIL, 1),
        ("array", FAIL, 1),
        ("listed", FAIL, 1),
        ("nullable", FAIL, 2),
        ("no", FAIL, 0),
        ("yes", PASS, 0),
        ("told", FAIL, 0),
        ("finding", FAIL, 2),
        ("changes", PASS, 0),
        ("raises", ERROR, 0),
        ("short", ERROR, 0),
        ("number", ERROR, 0),
        ("nothing", ERROR, 0),
        ("many", ERROR, 0),
        ("absent", ERROR, 0),
    ],
)
def test_answers_of_a_check(checks: Path, name: str, verdict: Verdict, count: int) -> None:
    before = ROWS.copy(deep=True)
    for rows in (ROWS, pa.Table.from_pandas(ROWS), ROWS.to_dict("records")):
        found = custom(checks, name, rows=rows)
        assert (found.verdict, found.count, found.blocks) == (verdict, count, verdict is not PASS), found
    pd.testing.assert_frame_equal(ROWS, before)


def test_words_of_a_check_are_made_harmless(checks: Path) -> None:
    assert custom(checks, "told").seen == "too many\\x1b[31m"
    assert [str(one) for one in custom(checks, "finding").examples] == ["'=x'", "3"]
    assert custom(checks, "raises").note == "it raised ValueError: a secret value"
    hidden = "columns: {b: {sensitive: true}}"
    assert custom(checks, "raises", hidden).note == "it raised ValueError"
    assert custom(checks, "told", hidden).seen == ""


def test_a_module_beside_the_contract_is_found(checks: Path) -> None:
    contract = from_yaml("name: c\nchecks: [{custom: 'rulebook:yes'}]", folder=checks)
    assert check(contract, ROWS, NOW).passed
    # Plain data, as it travels in a graph, still knows where.
    assert check(from_value(contract.to_value()), ROWS, NOW).passed


def test_arrow_without_pandas_kinds() -> None:
    rows = pa.table(
        {
            "a": pa.array([1.0, None, float("nan")]),
            "d": pa.array(["x", "y", "x"]).dictionary_encode(),
            "s": pa.chunked_array([["p"], ["q", "p"]]),
        }
    )
    found = table("columns: {a: {null: 0}, d: {in: [x], type: category}, s: {in: [p], unique: true}}", rows)
    assert found["null a"].count == 2
    assert (found["in d"].count, found["type d"].verdict) == (1, PASS)
    assert (found["in s"].count, found["unique s"].count) == (1, 1)
    assert np.array_equal(check(from_yaml("name: c\nmax_share: 1\ncolumns: {s: {in: [p], on_fail: quarantine}}"),
                                rows, NOW).mask, [False, True, False])  # fmt: skip


def test_keys_that_a_float_does_not_tell_apart_are_no_duplicates() -> None:
    large = 1 << 53
    rows = pa.table({"a": pa.array([large, large + 1, None, large + 1]), "b": ["x", "x", "x", "x"]})
    assert finding("unique", True, rows).count == 1
    both = judged({}, rows, unique=[["a", "b"]])
    assert next(found for found in both.findings if found.rule == "unique").count == 1
