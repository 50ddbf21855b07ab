"""Canonical JSON: the vectors of RFC 8785, what cannot be written, and that writing, reading and writing is stable."""

from __future__ import annotations

import json
import math
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.lifecycle.decisions.canonical import EXACT, NotCanonical, as_recorded, number_text, read, write

# Appendix B of the RFC: the bits of a double, and its text.
NUMBERS = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]


@pytest.mark.parametrize(("bits", "text"), NUMBERS)
def test_numbers_are_written_as_ecmascript_does(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert write(number) == text
    assert float(text) == number


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (100.0, "100"),
        (0.1, "0.1"),
        (123.456, "123.456"),
        (1e20, "100000000000000000000"),
        (1.5e300, "1.5e+300"),
        (1e-7, "1e-7"),
        (1.25e-6, "0.00000125"),
        (7, "7"),
        (-EXACT + 1, "-9007199254740991"),
        (1 << 60, "1152921504606847000"),
    ],
)
def test_other_numbers(number: float, text: str) -> None:
    assert write(number) == text


def test_the_example_of_the_rfc() -> None:
    given_text = (
        '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],'
        r'"string":"\u20ac$\u000F\u000aA' + "'" + r'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}'
    )
    assert write(json.loads(given_text)) == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"\u20ac$\\u000f\\nA' + "'" + 'B\\"\\\\\\\\\\"/"}'
    )


def test_keys_are_in_the_order_of_their_utf16_code_units() -> None:
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    expected = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json.loads(write(dict.fromkeys(keys, 0)))) == expected
    # By code point the last two would change places.
    assert sorted(keys)[-2:] == ["\ufb33", "\U0001f600"]


def test_only_what_must_be_is_escaped() -> None:
    everything = "".join(map(chr, range(0x80))) + "\u2028\u00e9"
    written = write(everything)
    assert json.loads(written) == everything
    for part in (r"\u0000", r"\b\t\n\u000b\f\r\u000e", r"\u001f !\"#", "\x7f", "\u2028", "/"):
        assert part in written


@pytest.mark.parametrize(
    ("plain", "place"),
    [
        ({"a": [1, math.nan]}, "a[1]"),
        ({"a": {"b": math.inf}}, "a.b"),
        ([(1 << 53) + 1], "[0]"),
        ({"big": 10**400}, "big"),
        ({"a": {1: 2}}, "a"),
        ({"a": b"bytes"}, "a"),
        ([{1}], "[0]"),
        (["half \ud800"], ""),
    ],
)
def test_what_has_no_canonical_form_is_refused_with_its_place(plain: object, place: str) -> None:
    with pytest.raises(NotCanonical) as caught:
        write(plain)
    assert caught.value.place == place


def test_what_is_nested_endlessly_is_refused() -> None:
    plain: list[object] = []
    plain.append(plain)
    with pytest.raises(NotCanonical, match="levels deep"):
        write(plain)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("NaN", "not JSON"),
        ("[Infinity]", "not JSON"),
        ('{"a":1,"a":2}', "twice"),
        ("[1", "Expecting"),
        ("", "Expecting"),
    ],
)
def test_what_is_no_canonical_text_is_not_read(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read(text)


texts = st.text(st.characters(exclude_categories=["Cs"]))
plains = st.recursive(
    st.none()
    | st.booleans()
    | texts
    | st.integers(-EXACT + 1, EXACT - 1)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(plains)
def test_what_is_read_again_is_written_the_same(plain: object) -> None:
    written = write(plain)
    assert write(read(written)) == written
    # Equal as values: an int may have become a float or the other way round.
    assert json.loads(written) == plain or as_recorded(plain) == plain


@given(st.dictionaries(texts, plains, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(plain: dict[str, object], shuffled: random.Random) -> None:
    items = list(plain.items())
    shuffled.shuffle(items)
    assert write(dict(items)) == write(plain)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_as_itself(number: float) -> None:
    text = number_text(number)
    assert float(text) == number
    digits = text.lstrip("-").partition("e")[0].replace(".", "").strip("0")
    assert len(digits) <= len(repr(number).lstrip("-").partition("e")[0].replace(".", "").strip("0"))
