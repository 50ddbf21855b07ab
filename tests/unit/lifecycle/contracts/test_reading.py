"""Contracts as YAML and plain data: exact there and back, and whatever is wrong is told with its line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.core.errors import NotFound
from tidemill.core.problems import ProblemsFound
from tidemill.core.values import decode, encode, normalize
from tidemill.lifecycle.contracts.coherence import clashes
from tidemill.lifecycle.contracts.contract import Contract
from tidemill.lifecycle.contracts.documents import contract_of, from_value, from_yaml, read_file, to_yaml
from tidemill.lifecycle.contracts.model import (
    Bounds,
    Check,
    Column,
    ColumnType,
    Extra,
    Freshness,
    How,
    Monotone,
    RowCount,
    Severity,
    Unique,
)
from tidemill.lifecycle.contracts.rules import rules
from tidemill.lifecycle.yaml_tree import LARGEST, read_tree

WHOLE = """
name: orders
owner: data-team@example.com
description: what the shop sends
on_fail: block
max_share: 10%
rows: {min: 10, max: 1000, on_fail: warn}
columns:
  id: {type: int, null: 0, unique: true, monotone: increasing}
  amount: {type: float, min: 0, above: -1, max: 1.0e+6, below: 1.0e+7, mean: [1, 50],
           quantile: {p50: [1, 20], p99.9: {max: 500}}}
  country: {in: [se, 'no'], max_unknown: 0.1%, on_fail: quarantine, owner: geo@example.com, max_share: 0.2,
            min_share: 1%}
  email: {pattern: "[^@]+@[^@]+", length: [3, 50], sensitive: true, required: {value: true, on_fail: warn}}
  day: {type: date, min: 2026-01-01, max: 2026-12-31 10:00:00}
  paid: {shares: {yes: 20%, "no": [10%, 80%]}, null: {value: 5%, on_fail: warn, owner: me}}
extra_columns: {value: forbid, on_fail: warn}
unique: [id, [country, day], {columns: [email], on_fail: quarantine, tolerate: 1%, max_share: 3%}]
freshness: {column: day, max_age: 36h}
checks:
  - {custom: "checks:sane", name: sanity, on_fail: warn, owner: me}
  - discount: {min: 0, max: {value: 1, tolerate: 2%}}
"""


def problems(text: str) -> list[tuple[str, str, str]]:
    with pytest.raises(ProblemsFound) as raised:
        from_yaml(text, "orders.yaml")
    return [(problem.place, problem.message, problem.remedy) for problem in raised.value.problems]


def test_everything_is_read() -> None:
    found = from_yaml(WHOLE)
    assert found.owner == "data-team@example.com"
    assert found.max_share == 0.1
    assert found.rows == RowCount(Bounds(10, 1000), How(Severity.WARN))
    amount = found.column("amount")
    assert amount is not None
    assert (amount.min, amount.above, amount.quantile) == (0, -1, ((0.5, Bounds(1, 20)), (0.999, Bounds(None, 500))))
    day = found.column("day")
    assert day is not None
    assert (day.min, day.max) == (date(2026, 1, 1), datetime(2026, 12, 31, 10))  # noqa: DTZ001
    assert found.column("paid") == Column(
        "paid",
        null=0.05,
        shares=(("yes", Bounds(0.2, None)), ("no", Bounds(0.1, 0.8))),
        how=MappingProxyType({"null": How(Severity.WARN, "me")}),
    )
    assert found.unique[2] == Unique(("email",), How(Severity.QUARANTINE, "", 0.01, 0.03))
    assert found.freshness == Freshness(timedelta(hours=36), "day")
    assert (found.extra_columns, found.extra_how) == (Extra.FORBID, How(Severity.WARN))
    assert found.checks == (Check("checks:sane", "sanity", How(Severity.WARN, "me")),)
    assert found.columns[-1].name == "discount"


def test_yaml_and_plain_data_give_back_the_same() -> None:
    found = from_yaml(WHOLE)
    assert from_yaml(to_yaml(found)) == found
    assert from_value(found.to_value()) == found
    # What travels in a graph is the encoded form of the plain one.
    assert contract_of(decode(encode(normalize(found.to_value())))) == found
    assert contract_of(found) is found
    assert from_yaml(WHOLE).digest == found.digest
    assert from_yaml(WHOLE.replace("36h", "37h")).digest != found.digest


def test_severity_and_owner_come_from_the_nearest() -> None:
    by = {(rule.kind.value, rule.title): rule for rule in rules(from_yaml(WHOLE))}
    country = by["in", "country"]
    assert (country.severity, country.owner, country.max_share) == (Severity.QUARANTINE, "geo@example.com", 0.2)
    # It names no rows, so that it has none to set aside.
    assert by["min_share", "country"].severity is Severity.BLOCK
    assert by["required", "email"].severity is Severity.WARN
    assert by["null", "paid"].owner == "me"
    assert by["type", "id"].owner == "data-team@example.com"
    assert by["max", "discount"].tolerate == 0.02


letters = st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.sampled_from(
    " \n\t:#'\"-[]{}&*!|>%@`~=<\x85"
)
names = st.text(letters, min_size=1, max_size=8).map(lambda text: f"{text}x")
shares = st.floats(0, 1, allow_nan=False)
numbers = st.one_of(st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False))
scalars = st.one_of(
    numbers,
    st.booleans(),
    st.text(letters, max_size=8),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
)


bounds = st.tuples(numbers, numbers).map(lambda pair: Bounds(min(pair), max(pair))) | numbers.map(
    lambda low: Bounds(low, None)
)
whole = st.tuples(st.integers(0, 99), st.integers(0, 99)).map(lambda pair: Bounds(min(pair), max(pair)))
severities = st.sampled_from(Severity)
of_rows = st.builds(How, on_fail=st.none() | severities, owner=names | st.just(""), max_share=st.none() | shares)
of_whole = st.builds(How, on_fail=st.sampled_from([None, Severity.WARN, Severity.BLOCK]), owner=names | st.just(""))
hows = st.dictionaries(
    st.sampled_from(["type", "min"]), of_rows.map(lambda how: how if how != How() else How(owner="x"))
)


@st.composite
def columns(draw: st.DrawFn, name: str) -> Column:
    column = Column(
        name=name,
        type=draw(st.sampled_from(ColumnType)),
        required=draw(st.booleans()),
        null=draw(st.none() | shares),
        min=draw(scalars),
        max=draw(st.none() | scalars),
        above=draw(st.none() | scalars),
        values=draw(
            st.none()
            | st.lists(numbers, min_size=1, max_size=4).map(tuple)
            | st.lists(names, min_size=1, max_size=4).map(tuple)
        ),
        pattern=draw(st.sampled_from(["", "[a-z]+", "a{2,3}", r"\d+\.\d"])),
        length=draw(st.none() | whole),
        unique=draw(st.booleans()),
        monotone=draw(st.none() | st.sampled_from(Monotone)),
        shares=draw(st.lists(st.tuples(scalars, shares.map(lambda share: Bounds(share, None))), max_size=2).map(tuple)),
        min_share=draw(st.none() | shares),
        mean=draw(st.none() | bounds),
        quantile=draw(st.lists(st.tuples(st.sampled_from([0.5, 0.01, 0.999]), bounds), max_size=1).map(tuple)),
        sensitive=draw(st.booleans()),
        description=draw(names | st.just("")),
        on_fail=draw(st.none() | severities),
        owner=draw(names | st.just("")),
        max_share=draw(st.none() | shares),
        how=MappingProxyType(draw(hows)),
    )
    kinds = [column, *(replace(column, type=kind, max=None, above=None) for kind in ColumnType)]
    return next(one for one in kinds if not [*clashes(one)])


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    found = draw(st.lists(names, max_size=3, unique=True))
    return Contract(
        name=draw(names),
        owner=draw(names | st.just("")),
        columns=tuple(draw(columns(name)) for name in found),
        rows=draw(st.none() | st.builds(RowCount, whole, of_whole)),
        unique=tuple(draw(st.lists(st.builds(Unique, st.tuples(names), of_rows), max_size=2))),
        freshness=draw(
            st.none()
            | st.builds(
                Freshness, st.timedeltas(timedelta(microseconds=1), timedelta(days=9999)), names | st.just(""), of_whole
            )
        ),
        extra_columns=draw(st.sampled_from(Extra)),
        extra_how=draw(of_whole),
        checks=tuple(draw(st.lists(st.builds(Check, st.just("a.b:c"), names | st.just(""), of_rows), max_size=1))),
        on_fail=draw(severities),
        max_share=draw(shares),
    )


@settings(max_examples=60, deadline=None)
@given(contracts())
def test_any_contract_is_the_same_after_yaml_and_plain_data(contract: Contract) -> None:
    assert from_yaml(to_yaml(contract)) == contract
    assert from_value(contract.to_value()) == contract


# --- what is wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("min: 0, max: -1", "no value is at least 0 and at most -1"),
        ("above: 5, max: 5", "no value is more than 5 and at most 5"),
        ("min: 2026-03-01, below: 2026-03-01 00:00:00", "no value is at least 2026-03-01 and less than"),
        ("min: 0, max: {value: z, on_fail: warn}", "values of different kinds"),
        ("type: float, max: abc", "`max: 'abc'` cannot be compared with a column of type float"),
        ("type: date, min: '2026-03-01'", "without quotes"),
        ("type: category, above: 1", "put the bound in quotes"),
        ("type: bool, min: 1", "leave the bound out"),
        ("min:", "nothing stands behind `min:`"),
        ("in:", "nothing stands behind `in:`"),
    ],
)
def test_bounds_that_no_value_keeps_are_refused_with_their_line(rules: str, told: str) -> None:
    ((place, message, remedy),) = problems(f"name: a\ncolumns:\n  a: {{null: 0}}\n  b: {{{rules}}}\n")
    assert place == "orders.yaml:4"
    assert told in f"{message} {remedy}"
    assert remedy


@pytest.mark.parametrize(
    "rules",
    [
        "min: 5, max: 5",
        "type: float, min: 0, max: 1.5",
        "min: 2026-03-01, max: 2026-03-01 10:00:00+02:00",
        "min: a, max: b",
    ],
)
def test_bounds_that_leave_a_value_are_fine(rules: str) -> None:
    assert from_yaml(f"name: a\ncolumns:\n  b: {{{rules}}}\n").columns[0].max is not None


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("name: a\nowner:\n", 2, "write who answers for the data"),
        ("name: a\ncolumns:\n  a: {min: 0}\n   b: {min: 1}\n", 4, "begin in the same column"),
        ("name: a\n  owner: b\n", 2, "begin in the same column"),
        ("name: a\ncolumns:\n\ta: {}\n", 3, "indent with spaces"),
        ("name: a\nrows: [1\n", 3, "a bracket is not closed"),
        ("name: 'a\n", 2, "a quote is not closed"),
    ],
)
def test_slips_of_writing_are_told_as_people_say_them(text: str, line: int, told: str) -> None:
    ((place, message, remedy),) = problems(text)
    assert place == f"orders.yaml:{line}"
    assert told in f"{message} {remedy}"
    assert "<" not in message


def test_the_owner_of_a_first_contract_is_nobody() -> None:
    found = from_yaml("name: a\nowner: name@example.com\ncolumns: {b: {min: {value: 0, owner: name@example.com}}}")
    assert (found.owner, {rule.owner for rule in rules(found)}) == ("", {""})


def test_all_problems_come_at_once_with_line_and_remedy() -> None:
    found = problems(
        "name: orders\n"
        "ownr: me\n"
        "columns:\n"
        "  amount: {type: flot, mni: 0}\n"
        "  country:\n"
        "    in: [se, no]\n"
        "    null: 120%\n"
        "freshness: soon\n"
    )
    told = {place: (message, remedy) for place, message, remedy in found}
    assert set(told) == {f"orders.yaml:{line}" for line in (2, 4, 6, 7, 8)}
    assert told["orders.yaml:2"] == ("a contract has no key 'ownr'", "did you mean 'owner'?")
    assert ("orders.yaml:4", "column 'amount' has no key 'mni'", "did you mean 'min'?") in found
    assert ("orders.yaml:4", "'flot' is not one of int, float, bool, text, date, datetime, category",
            "did you mean 'float'?") in found  # fmt: skip
    assert told["orders.yaml:6"][1] == "quote it"
    assert "not between 0 and 1" in told["orders.yaml:7"][0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "`tidemill contract init DATA` writes a first one"),
        ("- a", "a contract is a mapping"),
        ("{}", "the contract is empty"),
        ("name: a\nname: b", "stands here twice"),
        ("name: [", "this is not YAML"),
        ("name: a\n\tb: 1", "this is not YAML"),
        ("name: a\ncolumns: {a: {min: {value: 1, on_fial: warn}}}", "did you mean 'on_fail'?"),
        ("name: a\ncolumns: {a: {mean: {value: [1, 2], on_fail: quarantine}}}", "names no rows"),
        ("name: a\nrows: {min: 3, on_fail: quarantine}", "names no rows"),
        ("name: a\ncolumns: {a: {mean: [3, 1]}}", "above the upper one"),
        ("name: a\ncolumns: {a: {min: .inf}}", "no value that a cell could be compared with"),
        ("name: a\ncolumns: {a: {length: 1.5}}", "not a whole number"),
        ("name: a\ncolumns: {a: {length: {min: -1}}}", "cannot be"),
        ("name: a\ncolumns: {a: {quantile: {median: [1, 2]}}}", "p50 for the median"),
        ("name: a\ncolumns: {a: {in: []}}", "no set of values"),
        ("name: a\ncolumns: {a: {in: nowhere.txt}}", "there is no file 'nowhere.txt'"),
        ("name: a\ncolumns: {a: {max_unknown: 1%}}", "goes with `in`"),
        ("name: a\nunique: [[a, a]]", "stands in it twice"),
        ("name: a\nfreshness: {column: b}", "`max_age` is missing"),
        ("name: a\nfreshness: 0s", "not more than nothing"),
        ("name: a\nchecks: [{custom: nofunction}]", "does not name a function"),
        ("name: a\nchecks: [5]", "neither a custom check nor a column"),
        ("name: a\ncolumns: {a: {}}\nchecks: [a: {min: 1}]", "stands here twice"),
        ("contract: {name: a, rows: 1}\nretrian: {}", "did you mean 'retrain'?"),
        ("name: !!python/object/apply:os.system [ls]", "not known here"),
        ("name: !foo a", "not known here"),
        ("name: a\nx: &a [*a]", "nested more than"),
        ("name: 2026-99-99\n", "cannot be read"),
        ("name: a\n? [a, b]\n: c", "a key is a text"),
    ],
)
def test_what_is_wrong_is_said(text: str, told: str) -> None:
    found = problems(text)
    assert any(told in f"{message} {remedy}" for _, message, remedy in found), found


@pytest.mark.parametrize("pattern", ["(a)\\1", "(?=a)", "(?<!a)b", "a++", "(?>a)", "(?P<x>a)(?P=x)", "(?(1)a|b)"])
def test_patterns_that_may_take_for_ever_are_refused(pattern: str) -> None:
    assert "exponential time" in problems(f"name: a\ncolumns:\n  a: {{pattern: '{pattern}'}}")[0][1]


@pytest.mark.parametrize("pattern", ["[(?=]+", r"\(\?=", r"\\1", "(a+)+b", "a+?", r"\++", "x{2,3}"])
def test_patterns_that_only_look_so_are_fine(pattern: str) -> None:
    column = from_yaml(f"name: a\ncolumns:\n  a: {{pattern: '{pattern}'}}").columns[0]
    assert column.pattern == pattern


def test_a_bomb_of_anchors_is_refused() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    assert "holds more than" in problems("\n".join(lines))[0][1]


def test_size_and_depth_have_limits() -> None:
    assert "characters" in problems("x" * (LARGEST + 1))[0][1]
    assert "nested more than" in problems("a: " + "[" * 100 + "]" * 100)[0][1]
    assert "nested more than" in problems("a: " + "[" * 100_000)[0][1]


def test_anchors_and_merges_are_known() -> None:
    text = "name: a\ncolumns:\n  a: &money {min: 0, max: 5}\n  b: {<<: *money, max: 9}\n  c: *money\n"
    b, c = from_yaml(text).columns[1:]
    assert (b.min, b.max, c.min, c.max) == (0, 9, 0, 5)
    assert read_tree(text).line(("columns", "b", "max")) == 4


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_contract_may_stand_beside_the_other_parts_of_a_model(tmp_path: Path) -> None:
    (tmp_path / "countries.txt").write_text("# known\nse\nno\n\nse\n")
    file = tmp_path / "fraud.yaml"
    file.write_text(
        "model: fraud\n"
        "gate: {}\n"
        "contract:\n"
        "  owner: payments-data@acme\n"
        "  freshness: 2h\n"
        "  checks:\n"
        "    - amount: {type: float, min: 0, null: 0, on_fail: block}\n"
        "    - country: {in: countries.txt, max_unknown: 0.1%, on_fail: quarantine}\n"
    )
    found = read_file(file)
    assert (found.name, found.owner, found.folder) == ("fraud", "payments-data@acme", str(tmp_path))
    country = found.column("country")
    assert country is not None
    assert (country.values, country.values_file, country.max_unknown) == (("se", "no"), "countries.txt", 0.001)
    # As YAML the set is its file; what travels holds its values, and so its content counts.
    assert "countries.txt" in to_yaml(found)
    assert from_yaml(to_yaml(found), folder=tmp_path) == found
    assert found.to_value()["columns"]["country"]["in"] == ["se", "no"]
    before = found.digest
    (tmp_path / "countries.txt").write_text("se\n")
    assert read_file(file).digest != before


def test_a_file_that_is_not_there_has_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text("name: a")
    with pytest.raises(NotFound) as raised:
        read_file(tmp_path / "ordres.yaml")
    assert "orders.yaml" in raised.value.remedy
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Exception, match="UTF-8"):
        read_file(tmp_path / "bytes.yaml")


def test_the_name_is_that_of_the_file_if_it_has_none(tmp_path: Path) -> None:
    file = tmp_path / "orders.yaml"
    file.write_text("rows: 3")
    assert read_file(file).name == "orders"
