"""Conditions on runs: what is read is what was written, errors point at their place, truth is as documented."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.core.errors import InputError
from tidemill.core.filter_text import filter_text, name_text, parse_filter, parse_name
from tidemill.core.filters import (
    AMBIGUOUS,
    FIELDS,
    All,
    Being,
    Compare,
    Contains,
    Filter,
    In,
    Is,
    Like,
    Name,
    Not,
    Op,
    Some,
    Space,
    hangs_on_ambiguous,
    holds,
    names,
)
from tidemill.core.values import MISSING

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
KEYS = st.one_of(st.from_regex(r"[a-z_][a-z0-9_./\[\]-]{0,8}", fullmatch=True), TEXTS.filter(bool))
NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False))
FREE = st.one_of(TEXTS, NUMBERS)
NAMED = st.builds(Name, st.sampled_from([Space.PARAMS, Space.TAGS]), KEYS)
METRICS = st.builds(Name, st.just(Space.METRICS), KEYS)
MOMENTS = st.sampled_from(["2026-01-31", "yesterday", "now", "2 days ago", "2026-01-31T08:00:00+02:00"])
EQUAL, ORDER = st.sampled_from([Op.EQ, Op.NE]), st.sampled_from(Op)


def field(*keys: str) -> st.SearchStrategy[Name]:
    return st.builds(Name, st.just(Space.FIELD), st.sampled_from(keys))


LEAVES: st.SearchStrategy[Filter] = st.one_of(
    st.builds(Compare, NAMED, ORDER, FREE),
    st.builds(Compare, NAMED, EQUAL, st.sampled_from([True, False, None])),
    st.builds(Compare, METRICS, ORDER, st.floats(allow_nan=False)),
    st.builds(Compare, field("created", "started"), ORDER, MOMENTS),
    st.builds(Compare, field("duration"), ORDER, st.sampled_from(["5m", "90", "1h 30m"])),
    st.builds(Compare, field("state"), EQUAL, st.sampled_from(["failed", "running"])),
    st.builds(Compare, field("id", "pipeline", "actor"), ORDER, TEXTS),
    st.builds(In, NAMED, st.lists(FREE, min_size=1, max_size=3).map(tuple)),
    st.builds(Like, st.one_of(NAMED, field("pipeline")), TEXTS),
    st.builds(Contains, NAMED, FREE),
    st.builds(Is, st.one_of(NAMED, METRICS, field(*FIELDS)), st.sampled_from(Being)),
)


def _joined(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, inner), st.builds(All, parts), st.builds(Some, parts))


FILTERS = st.recursive(LEAVES, _joined, max_leaves=8)


@given(FILTERS)
def test_what_is_printed_is_read_again(condition: Filter) -> None:
    assert parse_filter(filter_text(condition)) == condition


@given(st.one_of(NAMED, METRICS))
def test_a_name_that_is_printed_is_read_again(name: Name) -> None:
    assert parse_name(name_text(name)) == name


@given(st.text(max_size=30))
def test_whatever_is_written_is_read_or_told(text: str) -> None:
    with contextlib.suppress(InputError):
        found = parse_filter(text)
        again = filter_text(found)
        assert parse_filter(again) == found


def test_and_binds_closer_than_or_and_not_closest() -> None:
    found = parse_filter("not state = failed or params.a = 1 and params.b != 'x'")
    failed = Compare(Name(Space.FIELD, "state"), Op.EQ, "failed")
    one, other = Compare(Name(Space.PARAMS, "a"), Op.EQ, 1), Compare(Name(Space.PARAMS, "b"), Op.NE, "x")
    assert found == Some((Not(failed), All((one, other))))
    assert [name_text(name) for name in names(found)] == ["state", "params.a", "params.b"]


# Text, column, beginning of the message, part of the remedy.
WRONG = [
    ("", 1, "a name is expected here, and the end was found", "metrics.NAME"),
    ("accuracy > 1", 1, "there is no name 'accuracy' that every run has", "write params.accuracy, metrics.accuracy or"),
    ("stat = failed", 1, "there is no name 'stat' that every run has", "did you mean 'state'"),
    ("param.x = 1", 1, "there is no name 'param.x'", "did you mean 'params.x'?"),
    ("params.x => 1", 10, "there is no comparison '=>'", "write params.x >= ..."),
    ("params.x =< 1", 10, "there is no comparison '=<'", "write params.x <= ..."),
    ("params. = 1", 1, "a name is expected after 'params.'", 'params."NAME"'),
    ("0.9 < metrics.a", 1, "a name is expected here, and '0.9' was found", "write the name first"),
    ("metrics.a >", 12, "a value is expected here, and the end was found", "a text in quotes"),
    ("metrics.a > and", 13, "a value is expected here, and 'and' was found", "a number"),
    ("metrics.a > metrics.b", 13, "a name cannot be compared with another name", "a number"),
    ("metrics.a > 'x'", 13, "a metric is a number, and 'x' is none", "such as 0.9"),
    ("metrics.a = nan", 13, "nothing is equal to nan", "metrics.a is nan"),
    ("metrics.a = null", 13, "a metric is a number", "metrics.a is missing"),
    ("metrics.a like 'x'", 16, "metrics.a is no text", "compare it with"),
    ("metrics.a ~ 3", 11, "a comparison is expected after metrics.a", "contains"),
    ("metrics.a is big", 14, "'is' goes on with 'missing' or 'nan'", "metrics.a is missing"),
    ("params.a < true", 12, "true is neither more nor less", "= or !="),
    ("params.a in 1", 13, "'(' is expected after 'in'", "params.a in (1, 2)"),
    ("params.a in (1 2)", 13, "the list after 'in' is not closed", "','"),
    ("(state = failed", 1, "a parenthesis is not closed", "')'"),
    ("state = failed)", 15, "there is no parenthesis that this one closes", "leave it out"),
    ("state = faild", 9, "there is no state 'faild' of a run", "did you mean 'failed'?"),
    ("state = failed state = running", 16, "'and' or 'or' is expected before 'state'", "join"),
    ("created > soon", 11, "'soon' is no moment", "2 days ago"),
    ("created > today", 11, "nothing is later than today", "created >= today"),
    ("duration > 5x", 12, "'5x' is not a duration", "1h30m"),
    ("tags.x = 'a", 10, "a text is not closed", "after its last character"),
    ("tags.x ! 3", 8, "'!' means nothing here", "!="),
    ("(" * 60 + "state = failed" + ")" * 60, 51, "parentheses and 'not' are nested too deeply", "50"),
]


@pytest.mark.parametrize(("text", "column", "message", "remedy"), WRONG)
def test_an_error_points_at_its_column(text: str, column: int, message: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_filter(text)
    assert caught.value.message.startswith(message)
    assert caught.value.place == f"column {column} of the filter"
    assert remedy in caught.value.remedy
    if text and len(text) < 60:
        line, arrow = caught.value.remedy.splitlines()[:2]
        assert (line, arrow.index("^")) == (f"  {text}", column + 1)


RUN: dict[str, Any] = {
    "params.depth": 10,
    "params.rate": 0.1,
    "params.flag": True,
    "params.none": None,
    "params.sizes": [1, 2],
    "params.day": date(2026, 2, 28),
    "params.wait": timedelta(minutes=5),
    "tags.stage": "Test",
    "tags.version": "3",
    "metrics.accuracy": 0.9,
    "metrics.loss": float("nan"),
    "metrics.twice": AMBIGUOUS,
    "created": datetime(2026, 2, 28, 13, 0, tzinfo=UTC),
    "duration": 95.0,
    "state": "failed",
}

TRUE = [
    "params.depth = 10",
    "params.depth >= 10.0",
    "params.depth in (5, 10)",
    "params.depth not in (5, 6)",
    "params.depth = '10'",
    "params.depth != ten",
    "params.flag = true",
    "params.none = null",
    "params.depth != null",
    "params.sizes contains 2",
    "params.day = 2026-02-28",
    "params.wait > 4m",
    "tags.stage contains 'es'",
    "tags.stage like 't%'",
    "tags.stage not like 'x_'",
    "tags.version > 2",
    "metrics.accuracy > 0.8",
    "metrics.loss is nan",
    "metrics.loss != 1",
    "metrics.other is missing",
    "metrics.twice is missing",
    "metrics.accuracy is not missing",
    "not metrics.other > 1",
    "created > 2026-02-27",
    "created = 2026-02-28",
    "created <= 2026-02-28",
    "created > '2 days ago'",
    "duration > 1m and duration < '1m 40s'",
    "state in (failed, cancelled)",
]
FALSE = [
    "metrics.other != 1",
    "metrics.loss > 0",
    "metrics.loss = 0",
    "metrics.twice > 0",
    "params.depth < ten",
    "params.flag = 1",
    "created > 2026-02-28",
    "created < 2026-02-28",
    "params.sizes contains 3",
    "tags.stage = test",
]


def read(name: Name) -> Any:
    return RUN.get(name_text(name), MISSING)


@pytest.mark.parametrize(("text", "truth"), [(text, True) for text in TRUE] + [(text, False) for text in FALSE])
def test_truth(text: str, truth: bool) -> None:
    assert holds(parse_filter(text), read, NOW) is truth


def test_only_what_depends_on_an_ambiguous_name_is_told() -> None:
    for text, told in (
        ("metrics.twice > 0", True),
        ("metrics.twice is missing", True),
        ("metrics.twice > 0 and state = running", False),
        ("metrics.twice > 0 or state = failed", False),
        ("not (metrics.twice > 0)", True),
    ):
        assert hangs_on_ambiguous(parse_filter(text), read, NOW) is told, text
