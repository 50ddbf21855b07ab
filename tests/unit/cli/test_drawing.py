"""Pictures of pipelines: everything is in them, nothing overlaps, hostile names stay text, large ones are fast."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.cli.recorded import definition
from tidemill.actions.drawing.figure import Box, Figure, figure_of
from tidemill.actions.drawing.layout import GAP_X, lay_out
from tidemill.actions.drawing.mermaid import draw_mermaid
from tidemill.actions.drawing.svg import draw_svg
from tidemill.actions.drawing.terminal import draw_terminal
from tidemill.actions.wording import value_text

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = ['<script>alert("x")</script>', "a]]>b", '"] --> x', "end", "a;b|c`d`", "&amp;", "\x1b[2J", "]:::x", "#35;"]


def large(count: int, seed: int = 1) -> Figure:
    chance = random.Random(seed)
    boxes = []
    for n in range(count):
        ups = tuple(f"task_{m}" for m in sorted(chance.sample(range(max(0, n - 12), n), min(n, chance.randint(0, 3)))))
        boxes.append(Box(f"task_{n}", f"task_{n}", "task", ups=ups, reads=ups))
    return Figure("large", (), tuple(boxes))


def test_the_figure_says_what_the_pipeline_does() -> None:
    figure = figure_of(definition())
    told = {box.path: box for box in figure.every()}
    assert figure.params == ("path: str = 'data/churn.csv'", "threshold: float = 0.85")
    assert (told["train"].mapped, told["train"].notes) == (True, ("each x", "retry 1\u00d7"))
    assert told["when_1"].kind == "scope"
    assert told["when_1"].notes[0].startswith("if a_task_with_a_name")
    assert told["when_1/publish"].reads == ("a_task_with_a_name_that_is_really_rather_long",)


def test_text_in_80_columns() -> None:
    lines = draw_terminal(figure_of(definition()), 80)
    assert lines == [
        "churn(path: str = 'data/churn.csv', threshold: float = 0.85)",
        "",
        *lines[2:],
    ]
    assert all(len(line) <= 80 for line in lines)
    assert lines[2] == "● load"
    assert lines[-1].startswith("╰ ● publish")
    assert "← load" in lines[3]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_text_never_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, draw_terminal(large(60), width))) <= width


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name: str) -> None:
    inner = Box("s/" + name, name, "task", (name,))
    figure = Figure(name, (name,), (Box(name, name, "task"), Box("s", "s", "scope", (name,), (name,), inside=(inner,))))
    root = ET.fromstring(draw_svg(figure))
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "style", "defs", "marker", "path", "rect", "text", "g", "title")
    }
    assert "http" not in draw_svg(figure).replace('xmlns="http://www.w3.org/2000/svg"', "")
    picture = draw_mermaid(figure)
    assert len(picture.splitlines()) == 6
    assert "<script" not in picture
    assert "\x1b" not in picture
    assert picture.count('"') == 6


def test_a_mermaid_picture_has_every_node_and_arrow() -> None:
    picture = draw_mermaid(figure_of(definition()))
    lines = picture.splitlines()
    assert lines[0] == "flowchart TD"
    assert '  n0["load"]' in lines
    assert "  n0 --> n1" in lines
    assert sum("-->" in line for line in lines) == 3
    assert lines.count("  end") == 1


@settings(max_examples=60)
@given(st.data())
def test_no_two_boxes_overlap_and_arrows_point_down(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 25))
    sizes, ups = {}, {}
    for n in range(count):
        sizes[f"n{n}"] = (data.draw(st.integers(20, 300)) * 1.0, data.draw(st.integers(20, 200)) * 1.0)
        chosen = data.draw(st.lists(st.integers(0, n - 1), max_size=4, unique=True)) if n else []
        ups[f"n{n}"] = [f"n{m}" for m in chosen]
    layout = lay_out(sizes, ups)
    places = list(layout.places.values())
    for position, one in enumerate(places):
        assert one.x - one.width / 2 >= -0.01
        assert one.x + one.width / 2 <= layout.width + 0.01
        for other in places[position + 1 :]:
            beside = abs(one.x - other.x) >= (one.width + other.width) / 2 + GAP_X - 0.01
            above = abs(one.y - other.y) >= (one.height + other.height) / 2 - 0.01
            assert beside or above
    for (up, down), route in layout.routes.items():
        assert layout.places[up].layer < layout.places[down].layer
        assert [y for _, y in route] == sorted(y for _, y in route)


def test_a_chain_is_drawn_straight() -> None:
    layout = lay_out({"a": (50, 20), "b": (200, 20), "c": (80, 20)}, {"a": (), "b": ("a",), "c": ("b",)})
    assert len({round(place.x, 3) for place in layout.places.values()}) == 1


@pytest.mark.parametrize("count", [150, 400])
def test_large_pictures_hold_everything(count: int) -> None:
    figure = large(count)
    root = ET.fromstring(draw_svg(figure))
    names = {text.text for text in root.iter(f"{SVG}text")}
    assert {f"task_{n}" for n in range(count)} <= names
    assert len(draw_terminal(figure, 80)) == count + 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1, "1"),
        (1.0, "1.0"),
        ("a\nb", '"a\\nb"'),
        ([1, "x"], '[1, "x"]'),
        ({"a": None}, "{a: null}"),
        ("x" * 100, '"' + "x" * 58 + "…"),
    ],
)
def test_values_in_one_line(value: object, text: str) -> None:
    assert value_text(value) == text
