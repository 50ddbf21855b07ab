"""What follows from findings: blocked, set aside or only said; the message; what is never shown; rows of any origin."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from tidemill.core.errors import NotFound
from tidemill.lifecycle.contracts.checking import check
from tidemill.lifecycle.contracts.documents import from_yaml
from tidemill.lifecycle.contracts.findings import LINES, ContractResult
from tidemill.lifecycle.contracts.inferring import infer
from tidemill.lifecycle.contracts.page import page
from tidemill.lifecycle.contracts.tables import NoRows, rows_of
from tidemill.lifecycle.verdicts import Verdict
from tidemill.tasks import ContractBroken, validate

NOW = datetime(2026, 3, 10, tzinfo=UTC)
ROWS = pd.DataFrame({"id": range(100), "country": ["se"] * 98 + ["xx", "yy"], "amount": [1.0] * 99 + [-1.0]})


def checked(text: str, rows: Any = ROWS) -> ContractResult:
    return check(from_yaml(f"name: orders\nowner: data-team@example.com\n{text}"), rows, NOW)


def test_warnings_do_not_stop_anything() -> None:
    result = checked("columns: {amount: {min: 0, on_fail: warn}}")
    assert (result.passed, len(result.warnings), result.quarantined) == (True, 1, 0)


def test_rows_are_set_aside_up_to_a_share() -> None:
    text = "columns: {country: {in: [se], on_fail: quarantine}, amount: {min: 0, on_fail: quarantine}}"
    result = checked(text)
    assert (result.passed, result.quarantined, len(result.set_aside)) == (True, 2, 2)
    kept, aside = rows_of(ROWS).kept(result.mask)
    assert (len(kept), list(aside["id"])) == (98, [98, 99])
    # One rule more than it may, and all of them together more than they may.
    one = checked(text.replace("on_fail: quarantine}, amount", "on_fail: quarantine, max_share: 1%}, amount"))
    assert (one.verdict, [found.rule for found in one.broken]) == (Verdict.FAIL, ["in"])
    assert "more than 1 % of all rows would be set aside" in one.message
    every = checked(f"max_share: 1.5%\n{text}".replace("in: [se]", "in: [se, xx]").replace("min: 0", "max: 0"))
    assert every.verdict is Verdict.FAIL
    together = checked(
        "max_share: 1.5%\nunique: []\n"
        "columns: {id: {max: 98, on_fail: quarantine}, country: {in: [se, yy], on_fail: quarantine}}"
    )
    assert (together.quarantined, together.verdict, len(together.broken)) == (2, Verdict.FAIL, 2)
    assert "2 % of all rows would be set aside, 1.5 % may be" in together.message


def test_what_is_tolerated_is_neither_broken_nor_set_aside() -> None:
    result = checked("columns: {country: {in: [se], max_unknown: 2%, on_fail: quarantine}}")
    found = next(one for one in result.findings if one.rule == "in")
    assert (found.passed, found.count, result.quarantined, result.mask) == (True, 2, 0, None)
    assert not checked("columns: {country: {in: [se], max_unknown: 1%}}").passed
    assert checked("columns: {amount: {min: {value: 0, tolerate: 1%}}}").passed


def test_the_message_is_short_and_names_what_matters() -> None:
    columns = ", ".join(f"c{n}: {{min: 0}}" for n in range(20))
    result = checked(f"columns: {{country: {{in: [se], owner: geo@example.com}}, {columns}}}")
    lines = result.message.splitlines()
    assert len(lines) == LINES
    assert lines[0] == (
        "contract orders is broken: 41 of 42 rules, 100 rows; owner: geo@example.com, data-team@example.com"
    )
    said = "country: one of 'se': not so in 2 of 100 rows (2 %); row 98: 'xx', row 99: 'yy' (owner: geo@example.com)"
    assert lines[1] == f"  {said}"
    assert lines[-1] == "  and 35 more"
    assert "owner: nobody is named" in check(from_yaml("name: c\nrows: 1"), ROWS, NOW).message


EVIL = "=cmd|'/c calc'!A1\x1b[2J\u202e<script>alert(1)</script>" + "x" * 500


def test_hostile_values_are_shortened_and_escaped() -> None:
    rows = pd.DataFrame({"a": [EVIL], EVIL: [1]})
    result = checked("columns: {a: {in: [b]}}\nextra_columns: forbid", rows)
    shown = page(result)
    for text in (result.message, str(result.to_value()), shown):
        assert not set(text) & set("\x1b\u202e")
    assert "<script>" not in shown
    assert max(map(len, result.message.splitlines())) < 250
    example = next(one for one in result.findings if one.rule == "in").examples[0].value
    assert example.startswith("'=cmd")
    assert len(example) < 70


SECRET = "hunter2-4711"


@pytest.mark.parametrize("cells", [[SECRET, SECRET], [4711.5, -4711.5], [SECRET, 4711.5]])
def test_values_of_a_sensitive_column_are_shown_nowhere(cells: list[Any], tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def leak(rows):\n    raise ValueError(rows['a'].iloc[0])\n")
    rows = pd.DataFrame({"a": pd.Series(cells, dtype=object).infer_objects(), "b": [1, 1]})
    demands = [
        "{type: int}", "{type: float, min: 0, max: 1}", "{in: [b]}", "{pattern: b}", "{length: 1}", "{unique: true}",
        "{mean: [0, 1], quantile: {p50: [0, 1]}}", "{min_share: 90%}", "{shares: {b: 5%}}", "{monotone: increasing}",
        "{type: date}",
    ]  # fmt: skip
    for demand in demands:
        text = (
            f"name: c\ncolumns: {{a: {demand[:-1]}, sensitive: true}}}}\nunique: [[a, b]]\nchecks: [custom: 'own:leak']"
        )
        result = check(from_yaml(text, folder=tmp_path), rows, NOW)
        assert not result.passed
        for shown in (result.message, str(result.to_value()), page(result)):
            assert "hunter2" not in shown, demand
            assert "4711" not in shown, demand


def test_the_page_tells_every_rule() -> None:
    result = checked("columns: {amount: {min: 0}, country: {in: [se], on_fail: warn}}")
    shown = page(result)
    assert shown.count("<tr>") == 1 + len(result.findings)
    assert "is broken" in shown
    assert "data-team@example.com" in shown
    assert "row 99: -1" in shown
    assert "http" not in shown


def test_two_results_of_the_same_are_the_same() -> None:
    text = "columns: {country: {in: [se], on_fail: quarantine}}"
    assert checked(text) == checked(text)
    assert checked(text).to_value() == checked(text).to_value()


# --- rows of any origin -----------------------------------------------------------------------------------------------


def test_every_origin_gives_the_same_result(tmp_path: Path) -> None:
    ROWS.to_csv(tmp_path / "rows.csv", index=False)
    ROWS.to_csv(tmp_path / "rows.tsv", index=False, sep="\t")
    table = pa.Table.from_pandas(ROWS)
    parquet.write_table(table, tmp_path / "rows.parquet")
    text = "columns: {id: {type: int}, country: {in: [se], on_fail: quarantine}, amount: {type: float, min: 0}}"
    expected = checked(text)
    for given in (table, ROWS.to_dict("records"), *tmp_path.iterdir(), str(tmp_path / "rows.csv")):
        found = checked(text, given)
        assert found == expected
        assert [str(one) for one in found.findings] == [str(one) for one in expected.findings]
        kept, aside = rows_of(given).kept(found.mask)
        assert (len(kept), len(aside)) == (98, 2)
    assert rows_of(ROWS).kept(None)[0] is ROWS
    assert rows_of(table).kept(None)[0] is table


def test_a_csv_file_is_read_as_the_contract_says(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("zip,day,n\n00123,2026-01-01,1\n04567,2026-01-02,x\n")
    text = "columns: {zip: {type: text, pattern: '[0-9]{5}'}, day: {type: date}, n: {type: int}}"
    by = {f"{one.rule} {one.column}": one for one in checked(text, file).findings}
    assert by["pattern zip"].passed
    assert by["type day"].passed
    assert by["type n"].note == "1 of 2 values (50 %) are numbers written as text"


def test_what_holds_no_rows_is_refused_without_telling_its_content(tmp_path: Path) -> None:
    odd = tmp_path / "odd.csv"
    odd.write_text(f"a,b\n1,2\n1,2,{SECRET}\n")
    for given, told in ((3, "a int holds no rows"), ([1], "row 0 of the list is a int"), (odd, "cannot be read")):
        with pytest.raises(NoRows, match=told) as raised:
            rows_of(given)
        assert SECRET not in str(raised.value)
    with pytest.raises(NotFound):
        rows_of(tmp_path / "none.csv")
    with pytest.raises(NoRows, match="not read here"):
        rows_of(Path(__file__))


def test_rows_are_not_changed_and_not_copied() -> None:
    rows = ROWS.copy()
    before = rows.copy(deep=True)
    checked("columns: {id: {unique: true}, country: {in: [se]}, amount: {min: 0}}\nunique: [[id, country]]", rows)
    pd.testing.assert_frame_equal(rows, before)


# --- the task, called as a function -----------------------------------------------------------------------------------


def test_the_task_as_a_function() -> None:
    contract = {"name": "orders", "owner": "me", "columns": {"country": {"in": ["se"], "on_fail": "quarantine"}}}
    found = validate(ROWS, contract)
    assert (len(found.rows), len(found.quarantined), found.passed) == (98, 2, True)
    assert found.result["quarantined"] == 2
    with pytest.raises(ContractBroken, match=r"contract orders is broken.*owner: me") as raised:
        validate(ROWS, {**contract, "rows": {"max": 3}})
    assert raised.value.result.verdict is Verdict.FAIL


# --- a first contract -------------------------------------------------------------------------------------------------


def test_what_is_inferred_holds_for_what_it_was_inferred_from() -> None:
    rows = pd.DataFrame(
        {
            "order_id": range(100, 200),
            "amount": [1.5 * n for n in range(100)],
            "country": ["se", "no"] * 50,
            "email": [f"{SECRET}{n}@example.com" for n in range(100)],
            "age": [None, 20.0] * 50,
            "day": pd.date_range("2026-01-01", periods=100),
            "paid": [True, False] * 50,
            "empty": [None] * 100,
            "below": [-5.0, -1.0] * 50,
            "mixed": pd.Series([1, "x"] * 50, dtype=object),
            "no: [x] #\n&": [1] * 100,
            "on": ["yes", "no"] * 50,
        }
    )
    text = infer(rows, "orders", "", ("email",))
    contract = from_yaml(text)
    result = check(contract, rows, NOW)
    assert result.passed, result.message
    assert SECRET not in text
    by = {column.name: column for column in contract.columns}
    assert set(by) == set(rows.columns)
    assert (by["order_id"].unique, by["order_id"].max) == (True, None)
    assert (by["amount"].min, by["amount"].max) == (0, 230)
    assert by["on"].values == ("no", "yes")
    assert (by["age"].type, by["age"].null) == (by["order_id"].type, 1.0)
    assert by["email"].sensitive
    assert "# 0 to 148.5 were seen" in text
    assert check(from_yaml(infer(rows.iloc[:0], "c", "me")), rows.iloc[:0], NOW).verdict is not Verdict.ERROR
    # In other units it is another thing.
    assert not check(contract, rows.assign(amount=rows["amount"] * 100), NOW).passed
