"""Values: what goes in comes out, equal values have one text, and int stays apart from float."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum, IntEnum
from hashlib import blake2b
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.core.values import (
    MISSING,
    ArtifactRef,
    NotAValue,
    canonical,
    decode,
    digest,
    encode,
    normalize,
    pick,
    references,
)

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_keys = _text | st.sampled_from(["$float", "$dict", "$artifact", "$", "$date", "is"])
_zones = st.none() | st.just(UTC) | st.just(timezone(timedelta(hours=-5)))
_refs = st.builds(ArtifactRef, _text, st.lists(_text | st.integers(0, 9), max_size=2).map(tuple))
_leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | _text
    | _refs
    | st.dates()
    | st.datetimes(timezones=_zones)
    | st.timedeltas()
)
_values = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3), max_leaves=8
)


def _same(one: Any, other: Any) -> bool:
    """Equal, down to the types: 1 is neither 1.0 nor True."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)


@given(_values)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    plain = encode(value)
    assert _same(decode(plain), value)
    assert _same(decode(json.loads(canonical(plain))), value)
    assert digest(plain) == digest(json.loads(canonical(plain)))


@given(_values)
def test_an_encoded_value_is_a_value_too(value: Any) -> None:
    """So a text that looks like a tag is never taken for one, however often it is wrapped."""
    plain = encode(value)
    assert _same(decode(encode(plain)), plain)


@given(st.dictionaries(_text, st.integers(), min_size=2))
def test_the_order_of_keys_does_not_matter(items: dict[str, int]) -> None:
    backwards = dict(reversed(items.items()))
    assert canonical(encode(items)) == canonical(encode(backwards))
    assert digest(encode(items)) == digest(encode(backwards))


def test_int_and_float_and_bool_differ() -> None:
    assert len({digest(encode(value)) for value in (1, 1.0, True, "1")}) == 4
    assert type(decode(json.loads(canonical(encode(2.0))))) is float


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_write_is_tagged(number: float) -> None:
    plain = encode({"x": [number]})
    assert list(plain["x"][0]) == ["$float"]
    found = decode(json.loads(canonical(plain)))["x"][0]
    assert found == number or (math.isnan(found) and math.isnan(number))


def test_the_canonical_text_is_fixed() -> None:
    value = {"b": [1, 1.5, None, True], "a": ArtifactRef("m1", ("rows", 0)), "ü": date(2026, 1, 2)}
    text = '{"a":{"$artifact":["m1","rows",0]},"b":[1,1.5,null,true],"ü":{"$date":"2026-01-02"}}'
    assert canonical(encode(value)) == text
    assert digest(encode(value)) == f"blake2b:{blake2b(text.encode(), digest_size=32).hexdigest()}"
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(math.nan)


@pytest.mark.parametrize(
    ("found", "what"),
    [
        ({1, 2}, "builtins.set is not a plain value"),
        ([{"a": (object(),)}], r"builtins.object is not a plain value"),
        ({1: 2}, r"builtins.int is not a plain value \(at key 1\)"),
        ({1: 2, "b": 3}, r"builtins.int is not a plain value \(at key 1\)"),
        (b"bytes", "builtins.bytes is not a plain value"),
        (MISSING, "values.Missing is not a plain value"),
        ("\udc80", "text with a lone surrogate is not a plain value"),
        ({"\ud800": 1}, "text with a lone surrogate is not a plain value"),
        (10**2000, "a whole number of more than 4096 bits is not a plain value"),
    ],
)
def test_what_is_no_value_is_refused(found: object, what: str) -> None:
    with pytest.raises(NotAValue, match=what):
        encode(found)


@pytest.mark.parametrize(
    "plain",
    [
        {"$": 1},
        {"$set": [1]},
        {"$float": "one"},
        {"$date": "yesterday"},
        {"$artifact": "abc"},
        {"$artifact": []},
        {"$artifact": [7]},
        {"$artifact": ["x", {}]},
        {"$artifact": ["x", True]},
    ],
)
def test_a_tag_with_the_wrong_content_is_refused(plain: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode(plain)


class _Colour(Enum):
    RED = "red"


class _Level(IntEnum):
    HIGH = 3


def test_python_objects_become_values() -> None:
    found = normalize({"a": (1, 2.5), "b": _Colour.RED, "c": PurePosixPath("x/y"), "d": _Level.HIGH, "e": None})
    assert _same(found, {"a": [1, 2.5], "b": "red", "c": "x/y", "d": 3, "e": None})


@pytest.mark.parametrize(
    ("found", "where"), [([1, {2}], "[1]"), ({"a": {"b": [b"x"]}}, ".a.b[0]"), ({"a": {1: 2}}, ".a key 1")]
)
def test_the_place_of_what_is_no_value_is_told(found: object, where: str) -> None:
    with pytest.raises(NotAValue) as raised:
        normalize(found)
    assert raised.value.where == where


def test_references_are_found_in_order() -> None:
    value = [ArtifactRef("a"), {"x": ArtifactRef("b", ("k",)), "y": [1, ArtifactRef("c")]}]
    assert [ref.id for ref in references(value)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("value", "path", "found"),
    [
        ({"a": [1, 2]}, ("a", 1), 2),
        ({"a": [1, 2]}, ("a", -1), 2),
        ({"a": None}, ("a",), None),
        ({"a": 1}, (), {"a": 1}),
        ({"a": 1}, ("b",), MISSING),
        ([1], (1,), MISSING),
        ([1], (-2,), MISSING),
        ([1, 2], (True,), MISSING),
        ({"1": 5}, (1,), MISSING),
        ("text", (0,), MISSING),
        ({"m": ArtifactRef("x", ("a",))}, ("m", "b", 0), ArtifactRef("x", ("a", "b", 0))),
    ],
)
def test_picking(value: Any, path: tuple[str | int, ...], found: Any) -> None:
    assert pick(value, path) == found


def test_durations_keep_their_microseconds() -> None:
    for span in (timedelta(days=-1, microseconds=1), timedelta.max, timedelta.min):
        assert decode(encode(span)) == span


def test_moments_keep_their_zone() -> None:
    moment = datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=2)))
    assert decode(encode(moment)).utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize(
    ("found", "plain"),
    [
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.float32(0.5), 0.5),
        ({"n": [np.uint8(1)]}, {"n": [1]}),
        (pd.Timestamp("2026-01-02T03:04:05Z"), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (pd.Timedelta(seconds=5), timedelta(seconds=5)),
    ],
)
def test_what_libraries_wrap_becomes_plain(found: object, plain: object) -> None:
    value = normalize(found)
    assert (value, type(value)) == (plain, type(plain))


@pytest.mark.parametrize(
    "found", [pd.NaT, pd.Timestamp(1), pd.Timedelta(1), np.timedelta64(5, "ns"), np.array([1]), memoryview(b"x"), 1j]
)
def test_what_would_lose_something_is_no_value(found: object) -> None:
    with pytest.raises(NotAValue):
        normalize(found)


class _Rule:
    def to_value(self) -> dict[str, Any]:
        return {"min": (1, 2), "of": np.float64(0.5)}


def test_an_object_may_say_which_value_it_is() -> None:
    assert normalize([_Rule()]) == [{"min": [1, 2], "of": 0.5}]
    with pytest.raises(NotAValue, match="type is not a plain value"):
        normalize(_Rule)
