"""The small picture of an interval: zero in the middle, one scale for all, and nothing drawn of what is no number."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tidemill.cli.modelcard.interval import WIDTH, draw, reach

CHECK: dict[str, Any] = {
    "verdict": "PASS",
    "test": "auto",
    "difference": 0.1,
    "low": 0.05,
    "high": 0.15,
    "threshold": -0.2,
}


def test_it_is_drawn_to_scale() -> None:
    most = reach([CHECK, {"verdict": "PASS", "candidate": 9.0, "threshold": 7.0}])
    assert most == 0.2
    picture = draw(CHECK, most)
    (middle,) = re.findall(r'cx="([\d.]+)"', picture)
    assert WIDTH / 2 < float(middle) < WIDTH
    assert 'class="good"' in picture
    assert 'class="demand"' in picture


def test_an_interval_that_is_open_reaches_to_the_border() -> None:
    half = {name: value for name, value in CHECK.items() if name != "high"}
    assert 'x2="144.0"' in draw(half, 0.2)


@pytest.mark.parametrize("change", [{"difference": None}, {"difference": "nan"}, {"difference": True}])
def test_what_has_no_numbers_has_no_picture(change: dict[str, Any]) -> None:
    assert draw({**CHECK, **change}, 0.2) == ""


def test_nothing_that_was_said_gets_into_it() -> None:
    hostile = {**CHECK, "verdict": '"><script>', "low": "</svg>", "threshold": "<x>"}
    assert "script" not in draw(hostile, 0.2)
    assert draw(hostile, 0.2).count("<svg") == 1
