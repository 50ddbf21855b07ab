"""Charts: well formed, small whatever the number of rows, honest about what they leave out, safe with hostile names."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as some

from tidemill.lifecycle.evaluation.answers import Answers, answers_of
from tidemill.lifecycle.evaluation.charts.drawing import charts_of
from tidemill.lifecycle.evaluation.charts.numerals import MINUS, count, marks, number, percent, ticks
from tidemill.lifecycle.evaluation.charts.page import LARGEST, page
from tidemill.lifecycle.evaluation.charts.thinning import CLOUD, EXTREMES, TOLERANCE, sampled, thinned_line
from tidemill.lifecycle.evaluation.metrics import measure
from tidemill.lifecycle.evaluation.metrics_labels import confusion
from tidemill.lifecycle.evaluation.metrics_scores import bins_of
from tidemill.lifecycle.evaluation.problems import Problem

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</text><script>alert(1)</script>\x00\x1b[31m\u202e\"'&"


def binary(rows: int, names: tuple[Any, Any] = ("stayed", "left")) -> Answers:
    draw = np.random.default_rng(rows)
    truth = (draw.random(rows) < 0.3).astype(int)
    chance = 1 / (1 + np.exp(-(truth * 2 - 1 + draw.normal(size=rows))))
    labels = np.array(names, dtype=object)
    said = labels[(chance > 0.5).astype(int)]
    return answers_of(Problem.BINARY, labels[truth], said, chance, names, probabilities=True)


def several(rows: int, classes: int, name: str = "class") -> Answers:
    draw = np.random.default_rng(rows)
    names = [f"{name} {place}" for place in range(classes)]
    truth = np.append(np.arange(classes), draw.integers(0, classes, rows - classes))
    chance = np.exp(draw.normal(size=(rows, classes)) + 2 * np.eye(classes)[truth])
    chance /= chance.sum(axis=1, keepdims=True)
    labels = np.array(names, dtype=object)
    said = labels[chance.argmax(axis=1)]
    return answers_of(Problem.MULTICLASS, labels[truth], said, chance, names, probabilities=True)


def regression(rows: int) -> Answers:
    draw = np.random.default_rng(rows)
    predicted = draw.gamma(3, 1e4, rows)
    return answers_of(Problem.REGRESSION, predicted + draw.normal(0, 4e3, rows), predicted)


def texts(svg: str) -> list[str]:
    return ["".join(one.itertext()) for one in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("answers", "names"),
    [
        (binary(7), {"confusion", "roc", "pr", "calibration"}),
        (binary(100_000), {"confusion", "roc", "pr", "calibration"}),
        (several(60, 3), {"confusion", "roc", "pr", "calibration"}),
        (several(12_000, 40), {"confusion", "roc", "pr", "calibration"}),
        (regression(1), {"residuals", "predicted"}),
        (regression(500), {"residuals", "predicted"}),
        (regression(100_000), {"residuals", "predicted"}),
    ],
    ids=["b7", "b100k", "m3", "m40", "r1", "r500", "r100k"],
)
def test_every_chart_is_a_small_picture_with_names_on_its_axes(answers: Answers, names: set[str]) -> None:
    charts = charts_of(answers, "price in EUR")
    assert set(charts) == names
    for name, chart in charts.items():
        svg = chart.svg()
        assert len(svg.encode()) < 60_000, name
        root = ElementTree.fromstring(svg)
        assert root.tag == f"{SVG}svg"
        assert (root.get("viewBox") or "").endswith(f"{root.get('width')} {root.get('height')}")
        assert root.find(f"{SVG}desc") is not None
        said = texts(svg)
        assert len([one for one in said if one]) > 6, name
        assert "nan" not in re.sub(r"[a-z]{4,}", "", svg).lower(), name
        assert "prefers-color-scheme:dark" in svg
    whole = page(answers, measure(answers), charts, "price in EUR")
    assert len(whole) <= LARGEST


def test_what_a_roc_curve_says() -> None:
    said = texts(charts_of(binary(500))["roc"].svg())
    positive = int((binary(500).truth == 1).sum())
    assert any(re.fullmatch(r"AUC 0\.\d{3} \(95 % interval 0\.\d{3} to 0\.\d{3}\)", one) for one in said)
    assert f"500 rows, {positive} of them left" in said
    assert "false positive rate (share of negatives)" in said


def test_the_base_rate_stands_beside_precision() -> None:
    answers = binary(500)
    said = texts(charts_of(answers)["pr"].svg())
    assert f"base rate {percent(float((answers.truth == 1).mean()))}" in said


def test_calibration_shows_the_rows_of_every_bin() -> None:
    answers = binary(3000)
    svg = charts_of(answers)["calibration"].svg()
    bins = bins_of(answers)
    wanted, said = [count(int(many)) for many in bins.rows], texts(svg)
    assert any(said[at : at + len(wanted)] == wanted for at in range(len(said)))
    assert svg.count("<circle") == svg.count('class="bar"') == np.count_nonzero(bins.rows)
    for many, happened in zip(bins.rows, bins.happened, strict=True):
        if many:
            assert f"{number(int(many))} rows: " in svg
            assert f"{happened:.3f} came true" in svg


def test_the_matrix_holds_counts_and_shares() -> None:
    answers = several(300, 3)
    said = texts(charts_of(answers)["confusion"].svg())
    counts = confusion(answers)
    for row in counts:
        for one in row:
            assert number(int(one)) in said
            assert percent(one / row.sum()) in said


def test_of_many_classes_the_rare_ones_are_taken_together() -> None:
    draw = np.random.default_rng(0)
    truth = draw.choice(15, 4000, p=np.arange(1, 16) / 120)
    answers = answers_of(Problem.MULTICLASS, truth, np.where(draw.random(4000) < 0.7, truth, 3))
    svg = charts_of(answers)["confusion"].svg()
    assert "6 less frequent classes are taken together" in svg
    told = [int(found.replace(",", "")) for found in re.findall(r"predicted [^:]*: ([\d,]+) of", svg)]
    assert len(told) == 100
    assert sum(told) == 4000


def test_a_chart_says_that_it_does_not_draw_every_row() -> None:
    said = f"{CLOUD:,} of 100,000 rows drawn, the {EXTREMES} largest errors among them"
    svg = charts_of(regression(100_000))["residuals"].svg()
    drawn = re.search(r"([\d,]+) of 100,000 rows drawn, the 20 largest errors among them", svg)
    assert drawn, said
    assert svg.count("h0") == int(drawn[1].replace(",", ""))
    assert "rows drawn" not in charts_of(regression(1000))["residuals"].svg()


def test_names_from_outside_are_text_and_nothing_else() -> None:
    answers = binary(50, ("stayed", HOSTILE))
    charts = {**charts_of(answers), **charts_of(several(80, 6, HOSTILE)), **charts_of(regression(60), HOSTILE)}
    for chart in charts.values():
        root = ElementTree.fromstring(chart.svg())
        tags = {one.tag.removeprefix(SVG) for one in root.iter()}
        assert tags <= {"svg", "desc", "style", "rect", "path", "text", "circle", "g", "title"}
    whole = page(answers, measure(answers), charts_of(answers), HOSTILE)
    assert "<script" not in whole
    assert "\x1b" not in whole
    assert "\u202e" not in whole


def test_a_page_shows_what_is_undefined_and_why() -> None:
    answers = answers_of(Problem.BINARY, [1, 1, 1], [1, 0, 1], [0.9, 0.2, 0.7], (0, 1), probabilities=True)
    charts = charts_of(answers)
    assert set(charts) == {"confusion", "calibration"}
    whole = page(answers, measure(answers), charts, "y")
    assert "undefined" in whole
    assert "only one class is in the truth" in whole
    assert "lower is better" in whole


def test_charts_of_nothing() -> None:
    assert charts_of(binary(10).select(np.array([], dtype=int))) == {}
    assert charts_of(regression(10).select(np.array([], dtype=int))) == {}


def test_a_constant_prediction_can_be_drawn() -> None:
    for value in (0.0, 5.0, -1e12):
        same = answers_of(Problem.REGRESSION, [value] * 300, [value] * 299 + [value * (1 + 1e-15)])
        for chart in charts_of(same).values():
            ElementTree.fromstring(chart.svg())
            assert len(chart.svg()) < 60_000


@settings(max_examples=60, deadline=None)
@given(some.integers(2, 400), some.integers(0, 10_000))
def test_a_thinned_line_lies_on_the_true_one(points: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    x = np.cumsum(draw.random(points)) * draw.choice([0.01, 1.0, 5.0])
    y = np.cumsum(draw.normal(size=points))
    kept = thinned_line(x, y)
    assert kept[0]
    assert kept[-1]
    lower = np.interp(x, x[kept], y[kept])
    # Vertical distance over the slope's length is the distance to the line.
    for start, end in _spans(kept):
        length = math.hypot(x[end] - x[start], y[end] - y[start])
        across = (x[end] - x[start]) / length if length else 0.0
        far = np.abs(y[start : end + 1] - lower[start : end + 1]) * across
        assert far.max() <= TOLERANCE + 0.15


def _spans(kept: Any) -> Iterator[tuple[int, int]]:
    places = np.flatnonzero(kept).tolist()
    yield from itertools.pairwise(places)


def test_a_line_of_many_points_becomes_one_of_few() -> None:
    x = np.linspace(0, 400, 200_000)
    kept = thinned_line(x, 100 * np.sin(x / 60))
    assert kept.sum() < 200


def test_a_sample_is_the_same_every_time_and_has_the_extremes() -> None:
    far = np.abs(np.random.default_rng(1).normal(size=50_000))
    chosen = sampled(far)
    assert len(set(chosen.tolist())) == len(chosen) <= CLOUD
    assert set(np.argsort(-far)[:EXTREMES].tolist()) <= set(chosen.tolist())
    assert np.array_equal(chosen, sampled(far))
    assert np.array_equal(sampled(far[:100]), np.arange(100))


@example(6.103515625e-05, 1e-06)
@given(some.floats(-1e9, 1e9), some.floats(1e-6, 1e9))
def test_marks_are_round_and_inside(low: float, span: float) -> None:
    assume(span > 1e-6 * abs(low))  # a chart never has less: see its spans
    high = low + span
    found = ticks(low, high)
    assert 1 <= len(found) <= 12
    assert len(set(marks(found))) == len(found)
    assert all(low - 1e-6 * span <= one <= high + 1e-6 * span for one in found)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ((0.0, 0.2, 0.4), ("0.0", "0.2", "0.4")),
        ((0.0, 50_000.0, 100_000.0), ("0", "50k", "100k")),
        ((-20.0, 0.0, 20.0), (f"{MINUS}20", "0", "20")),
        ((0.0, 2.5e7, 5e7), ("0", "25M", "50M")),
        ((0.0, 0.00001), ("0", "1.0e-05".replace("-", MINUS))),
    ],
)
def test_marks_of_one_axis_look_alike(values: tuple[float, ...], wanted: tuple[str, ...]) -> None:
    assert marks(values) == wanted


def test_numbers_in_words() -> None:
    assert [percent(one) for one in (0.0, 1.0, 0.9996, 0.0004, 0.044, 0.5)] == [
        "0 %", "100 %", "99.9 %", "<0.1 %", "4.4 %", "50 %",
    ]  # fmt: skip
    assert [count(one) for one in (950, 1200, 12_400, 3_100_000)] == ["950", "1,200", "12.4k", "3.1M"]
    assert [number(one) for one in (math.nan, 3.0, -1234.5, 0.123456)] == ["undefined", "3", f"{MINUS}1,234", "0.1235"]
