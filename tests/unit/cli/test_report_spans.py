from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from hypothesis import given
from hypothesis import strategies as st

from tidemill.cli.report.spans import LANES, ROWS, Span, draw_timeline

spans = st.builds(
    lambda begin, length, state: Span(begin, begin + length, state, f"{state} & <told>"),
    st.floats(0, 1000),
    st.floats(0, 100),
    st.sampled_from(["succeeded", "failed", "running", "lost", "suspended"]),
)
rows = st.dictionaries(
    st.text("ab/<&[]0", min_size=1, max_size=40), st.lists(spans, min_size=1, max_size=30), max_size=8
)


@given(rows, st.floats(0, 1100))
def test_whatever_it_draws_is_one_picture_within_its_frame(found: dict[str, list[Span]], seconds: float) -> None:
    root = ElementTree.fromstring(draw_timeline(found, seconds))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for bar in root.iter("rect"):
        x, y, wide, high = (float(bar.attrib[name]) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= width
        assert x + wide <= width + 2
        assert y >= 0
        assert y + high <= height + 1
    names = [text for text in root.iter("text") if text.attrib["class"] == "t-name"]
    assert len(names) == len(found)


def test_bars_of_one_lane_do_not_overlap_and_many_become_columns() -> None:
    few = {"a": [Span(0, 4, "succeeded", "a[0]"), Span(2, 6, "failed", "a[1]"), Span(4, 8, "succeeded", "a[2]")]}
    drawn = ElementTree.fromstring(draw_timeline(few, 8))
    lanes = {bar.attrib["y"] for bar in drawn.iter("rect")}
    assert len(lanes) == 2
    many = {"a": [Span(0, 8, "succeeded", "") for _ in range(LANES + 500)] + [Span(4, 5, "failed", "")]}
    text = draw_timeline(many, 8)
    assert len(text) < 60_000
    assert f"{LANES + 501} at once" in text
    failed = [bar for bar in ElementTree.fromstring(text).iter("rect") if "s-failed" in bar.attrib["class"]]
    assert 25 <= len(failed) <= 35, "an eighth of the columns"


def test_of_very_many_rows_the_longest_are_drawn() -> None:
    found = {f"t{number}": [Span(0, number / 1000, "succeeded", "")] for number in range(3000)}
    names = re.findall(r"<title>(t\d+)</title></text>", draw_timeline(found, 3))
    assert names == [f"t{number}" for number in range(3000 - ROWS, 3000)]


def test_the_scale_has_round_numbers() -> None:
    for seconds, told in ((0.6, "200 ms"), (2.1, "0.5 s"), (90, "0.5 m"), (7200, "0.5 h"), (1_000_000, "2 d")):
        ticks = re.findall(r't-tick"[^>]*>([^<]+)<', draw_timeline({"a": [Span(0, 0.1, "succeeded", "")]}, seconds))
        assert told in ticks
        assert 3 <= len(ticks) <= 8
