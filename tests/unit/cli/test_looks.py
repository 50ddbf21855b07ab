"""Durations, sizes, bars and harmless text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.cli import looks


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0, "0ms"),
        (0.0004, "0ms"),
        (0.0994, "99ms"),
        (0.1, "0.1s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (59.4, "59s"),
        (59.6, "1m 00s"),
        (3599, "59m 59s"),
        (3600, "1h 00m"),
        (90061, "1d 01h"),
        (-1, "0ms"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert looks.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (812, "812 B"), (1000, "1.0 kB"), (4_100_000, "4.1 MB"), (22_400_000, "22 MB"), (999_999, "1.0 MB")],
)
def test_sizes(count: int, text: str) -> None:
    assert looks.size(count) == text


@given(st.integers(0, 2000), st.integers(0, 2000))
def test_a_bar_is_full_only_at_the_end(done: int, total: int) -> None:
    bar = looks.bar(min(done, total), total)
    assert len(bar) == 7
    assert (bar == "[#####]") is (total > 0 and done >= total)


@given(st.text())
def test_nothing_printable_steers_a_terminal(text: str) -> None:
    shown = looks.printable(text)
    assert not any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for letter in shown)
    assert "\u202e" not in shown


def test_colours_pass_and_nothing_else_does() -> None:
    text = "\x1b[31mred\x1b[0m \x1b[2J\x1b]0;title\x07"
    assert looks.printable(text, colors=True) == "\x1b[31mred\x1b[0m \\x1b[2J\\x1b]0;title\\x07"
    assert looks.printable(text) == "\\x1b[31mred\\x1b[0m \\x1b[2J\\x1b]0;title\\x07"


def test_what_was_written_over_is_not_shown() -> None:
    assert looks.last_shown("10%\r55%\r100%\r") == "100%"
    assert looks.last_shown("plain") == "plain"
    assert looks.last_shown("") == ""


def test_marks_become_ascii_where_need_be() -> None:
    assert looks.plain_marks("✓ ● é", "ascii") == r"+ * \xe9"
    assert looks.plain_marks("✓ é", "latin-1") == "+ é"
    assert looks.plain_marks("└─ 東", "no-such-encoding") == r"`- \u6771"
    assert looks.plain_marks("✓ ●", "utf-8") == "✓ ●"
    assert looks.plain_marks("✓", None) == "+"
