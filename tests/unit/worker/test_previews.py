"""Previews of all kinds of values: what they tell, that readers understand them, and that they cost and risk little."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy
import pandas
import pyarrow
import pytest
from sklearn.linear_model import LogisticRegression

from tidemill.core.graph import OutputSpec
from tidemill.core.plain import from_plain, to_plain
from tidemill.core.previews import (
    ArrayPreview,
    FolderPreview,
    FramePreview,
    ImagePreview,
    MetricsPreview,
    NoPreview,
    ObjectPreview,
    Preview,
    TextPreview,
    ValuePreview,
    preview_of,
)
from tidemill.core.records import Artifact
from tidemill.core.types import Type
from tidemill.core.values import encode
from tidemill.storage.artifacts.memory import MemoryStore
from tidemill.worker.outputs import PREVIEWS, PREVIEWS_CHARACTERS, Outputs
from tidemill.worker.previews.columns import CELLS, COLUMNS, HEAD
from tidemill.worker.previews.files import ENTRIES
from tidemill.worker.previews.frames import of_pandas
from tidemill.worker.previews.images import image
from tidemill.worker.previews.making import LARGEST


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    (tmp_path / "scratch").mkdir()
    return Outputs("a", MemoryStore, lambda: tmp_path / "scratch")


def kept(outputs: Outputs, value: Any, kind: str = "Dataset") -> Preview:
    """The preview as whoever reads the record has it, after the way over the channel and through a row."""
    _, (artifact,) = outputs.keep("result", value, OutputSpec(Type(kind)))
    assert len(json.dumps(encode(dict(artifact.preview)))) <= LARGEST
    return preview_of(from_plain(Artifact, json.loads(json.dumps(to_plain(artifact)))))


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"".join(b"\0" + b"\xff\0\0" * width for _ in range(height)))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


# --- tables -----------------------------------------------------------------------------------------------------------


def test_a_frame_shows_rows_and_statistics(outputs: Outputs) -> None:
    frame = pandas.DataFrame(
        {
            "age": [31, 45, 28],
            "score": [0.5, None, 1.5],
            "name": ["ann", "bob", "ann"],
            "day": pandas.to_datetime(["2026-01-03", "2026-01-01", None]),
            "list": [[1], [2], list(range(100))],
        }
    )
    found = kept(outputs, frame)
    assert isinstance(found, FramePreview)
    assert (found.rows, found.columns_total, found.sampled) == (3, 5, None)
    age, score, name, day, lists = found.columns
    assert (age.name, age.type, age.nulls, age.distinct) == ("age", "int64", 0, 3)
    assert (age.least, age.most, round(age.mean, 3)) == (28, 45, 34.667)
    assert (score.nulls, score.least, score.most, score.mean) == (1, 0.5, 1.5, 1.0)
    assert (name.distinct, name.least, name.mean) == (2, None, None)
    assert (day.nulls, day.least, day.most) == (1, "2026-01-01", "2026-01-03")
    assert (lists.nulls, lists.distinct) == (0, None)
    assert found.head[0] == ("31", "0.5", "ann", "2026-01-03", "[1]")
    assert found.head[2][4] == "list of 100"


def test_labels_of_rows_are_shown_before_the_columns(outputs: Outputs) -> None:
    index = pandas.MultiIndex.from_tuples([("eu", 1), ("us", 2)], names=["region", None])
    found = kept(outputs, pandas.DataFrame({"x": [1, 2]}, index=index))
    assert isinstance(found, FramePreview)
    assert [(column.name, column.index) for column in found.columns] == [("region", True), ("", True), ("x", False)]
    assert found.head == (("eu", "1", "1"), ("us", "2", "2"))
    series = kept(outputs, pandas.Series([1.0, 2.0], name="y"))
    assert isinstance(series, FramePreview)
    assert [column.name for column in series.columns] == ["y"]


@pytest.mark.parametrize("make", [pandas.DataFrame, pyarrow.table], ids=["pandas", "pyarrow"])
def test_of_a_large_frame_a_sample_of_rows_is_described(outputs: Outputs, make: Any) -> None:
    rows = CELLS
    found = kept(outputs, make({f"c{n}": numpy.arange(rows) for n in range(COLUMNS + 10)}))
    assert isinstance(found, FramePreview)
    assert (found.rows, found.columns_total, len(found.columns)) == (rows, COLUMNS + 10, COLUMNS)
    assert found.sampled is not None
    assert found.sampled * COLUMNS <= CELLS
    assert found.columns[0].distinct == found.sampled
    # From the whole length, not from its beginning.
    assert found.columns[0].most > rows * 0.99
    assert len(found.head) == HEAD
    assert all(len(row) == COLUMNS for row in found.head)


def test_whoever_has_no_patience_gets_names_and_rows() -> None:
    found = of_pandas(pandas.DataFrame({"a": [1]}), patience=-1.0)
    assert found["columns"] == [{"name": "a", "type": "int64"}]
    assert found["head"] == [["1"]]


def test_a_table_of_arrow(outputs: Outputs) -> None:
    found = kept(outputs, pyarrow.table({"n": [1, None, 3], "d": [date(2026, 1, 2), None, None], "s": ["a", "b", "a"]}))
    assert isinstance(found, FramePreview)
    number, day, text = found.columns
    assert (number.type, number.nulls, number.distinct, number.mean) == ("int64", 1, 2, 2.0)
    assert (day.type, day.least) == ("date32[day]", "2026-01-02")
    assert (text.distinct, text.least) == (2, None)


def test_a_list_of_records_is_a_table(outputs: Outputs) -> None:
    found = kept(outputs, [{"id": 1, "name": "ann"}, {"id": 2, "at": datetime(2026, 1, 1)}])  # noqa: DTZ001
    assert isinstance(found, FramePreview)
    assert [(column.name, column.nulls) for column in found.columns] == [("id", 0), ("name", 1), ("at", 1)]
    assert found.head == (("1", "ann", "None"), ("2", "None", "2026-01-01"))


def test_a_frame_without_rows_or_columns(outputs: Outputs) -> None:
    empty = kept(outputs, pandas.DataFrame({"a": pandas.Series([], dtype="float64")}))
    assert isinstance(empty, FramePreview)
    assert (empty.rows, empty.head, empty.columns[0].mean) == (0, (), None)
    bare = kept(outputs, pandas.DataFrame())
    assert isinstance(bare, FramePreview)
    assert (bare.rows, bare.columns_total) == (0, 0)


# --- arrays, values, models -------------------------------------------------------------------------------------------


def test_an_array(outputs: Outputs) -> None:
    found = kept(outputs, numpy.array([[1.0, numpy.nan], [3.0, 4.0]]).T)
    assert isinstance(found, ArrayPreview)
    assert (found.shape, found.type, found.nans, found.sampled) == ((2, 2), "float64", 1, None)
    assert (found.least, found.most, round(found.mean, 3)) == (1.0, 4.0, 2.667)
    assert found.first == ("1", "3", "nan", "4")
    large = kept(outputs, numpy.arange(3_000_000))
    assert isinstance(large, ArrayPreview)
    assert (large.sampled, large.least) == (1_000_000, 0)
    assert kept(outputs, numpy.array(["a", "b"])) == ArrayPreview((2,), "<U1", first=("a", "b"))
    empty = kept(outputs, numpy.zeros((0, 3)))
    assert empty == ArrayPreview((0, 3), "float64")


def test_plain_values_are_shown_by_their_beginning(outputs: Outputs) -> None:
    found = kept(outputs, {"numbers": list(range(1000)), "$x": {"deep": {"deep": {"deep": {"deep": 1}}}}})
    assert isinstance(found, ValuePreview)
    assert (found.type, found.length, found.cut) == ("dict", 2, True)
    assert found.sample["numbers"] == list(range(20))
    assert found.sample["$x"] == {"deep": {"deep": {"deep": "dict of 1"}}}
    assert kept(outputs, [1, 2]) == ValuePreview("list", [1, 2], 2)


def test_a_model_is_shown_by_its_settings(outputs: Outputs) -> None:
    found = kept(outputs, LogisticRegression(C=0.5), "Model")
    assert isinstance(found, ObjectPreview)
    assert found.type.endswith("LogisticRegression")
    assert found.settings["C"] == "0.5"


class Opaque:
    pass


def test_what_is_not_known_is_not_looked_into(outputs: Outputs) -> None:
    found = kept(outputs, Opaque())
    assert isinstance(found, NoPreview)
    assert found.reason.endswith("Opaque is not looked into")


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (png(7, 5), ("png", (7, 5))),
        (b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\0\x05\0\x07\x03", ("jpeg", (7, 5))),
        (b"\xff\xd8\xff\xe0\xff\xff", ("jpeg", None)),
        (b"GIF89a\x07\0\x05\0", ("gif", (7, 5))),
        (b'<?xml version="1.0"?>\n<!-- a --><svg width="7" height=\'5px\'>', ("svg", (7, 5))),
        (b'<svg viewBox="0 0 7.5 5">', ("svg", (7, 5))),
        (b"<svg>", ("svg", None)),
        (b"<!--" * 2000, None),
        (b"<html><svg>", None),
        (b"", None),
    ],
)
def test_images_are_known_by_their_bytes(head: bytes, told: Any) -> None:
    assert image(head) == told


def test_a_drawing_is_a_picture_also_as_text(outputs: Outputs) -> None:
    drawn = '<svg xmlns="http://www.w3.org/2000/svg" width="48" height="40"><text>\u6771</text></svg>'
    shown = kept(outputs, drawn)
    assert shown == ImagePreview("svg", 48, 40)
    assert isinstance(kept(outputs, "about <svg>"), TextPreview)


def test_files_are_what_their_beginning_says(outputs: Outputs, tmp_path: Path) -> None:
    def of(name: str, content: bytes) -> Preview:
        (tmp_path / name).write_bytes(content)
        return kept(outputs, tmp_path / name)

    assert of("a.txt", png(7, 5)) == ImagePreview("png", 7, 5)
    assert of("b.html", b"<p>hi") == TextPreview("html", "<p>hi")
    assert of("c", b" <!DOCTYPE html>") == TextPreview("html", " <!DOCTYPE html>")
    assert of("d.md", "# \u00e9".encode()) == TextPreview("markdown", "# \u00e9")
    assert of("e.bin", b"\0\1") == NoPreview("a binary file (.bin)")
    assert of("f.txt", b"\xff\xfe") == NoPreview("a binary file (.txt)")
    assert of("g.txt", b"") == TextPreview("text", "")
    long = of("h.txt", "\u00e9".encode() * 100_000)
    assert isinstance(long, TextPreview)
    assert long.cut
    assert set(long.text) == {"\u00e9"}
    assert kept(outputs, "x" * 100_000, "Report") == TextPreview("text", "x" * (64 << 10), True)
    assert kept(outputs, png(2, 2)) == ImagePreview("png", 2, 2)


def test_a_folder_is_listed(outputs: Outputs, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    for n in range(ENTRIES + 5):
        (folder / "sub" / f"{n:04}.txt").write_text("xx")
    (folder / "a\n.txt").write_text("x")
    found = kept(outputs, folder)
    assert isinstance(found, FolderPreview)
    assert (found.files, found.size, found.uncounted) == (ENTRIES + 6, 2 * (ENTRIES + 5) + 1, False)
    assert [entry.path for entry in found.entries[:2]] == ["a\n.txt", "sub/0000.txt"]
    assert len(found.entries) == ENTRIES


# --- what it may not do -----------------------------------------------------------------------------------------------


class Angry(pandas.DataFrame):  # type: ignore[misc]
    @property
    def _constructor(self) -> Any:
        return Angry

    @property
    def iloc(self) -> Any:
        raise ZeroDivisionError("no")


def test_what_goes_wrong_is_the_reason_why_there_is_none(outputs: Outputs) -> None:
    assert kept(outputs, Angry({"a": [1]})) == NoPreview("ZeroDivisionError when it was looked at")


def test_the_previews_of_one_task_are_bounded_together(outputs: Outputs) -> None:
    texts = [kept(outputs, "x" * 70_000, "Report") for _ in range(PREVIEWS_CHARACTERS // (64 << 10) + 2)]
    assert isinstance(texts[0], TextPreview)
    assert isinstance(texts[-1], NoPreview)
    assert kept(outputs, numpy.zeros(1)) != NoPreview("none was made")


def test_a_preview_is_no_part_of_what_a_record_says() -> None:
    assert Artifact("a", "Model", preview={"is": "NoPreview", "reason": "x"}) == Artifact("a", "Model")


def test_metrics_are_their_own_preview(outputs: Outputs) -> None:
    _, (artifact,) = outputs.keep("scores", {"auc": 0.5}, OutputSpec(Type("Metrics")))
    assert artifact.preview == {}
    assert artifact.output == "scores"
    assert preview_of(artifact) == MetricsPreview({"auc": 0.5})


@pytest.mark.parametrize(
    "sent", [{"is": "FramePreview"}, {"is": "Nonsense"}, {"x": 1}, {"is": "TextPreview", "format": 1, "text": []}]
)
def test_what_a_task_sends_in_place_of_one_is_refused(sent: dict[str, Any]) -> None:
    assert preview_of(Artifact("a", "Model", preview=sent)) == NoPreview("what the task sent as one is none")


def test_plain_values_and_metrics_load_nothing(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from tidemill.core.graph import OutputSpec
from tidemill.core.types import Type
from tidemill.storage.artifacts.memory import MemoryStore
from tidemill.worker.outputs import Outputs
outputs = Outputs("a", MemoryStore, lambda: Path({str(tmp_path)!r}))
outputs.keep("x", [1, "two"])
outputs.keep("m", {{"a": 1}}, OutputSpec(Type("Metrics")))
assert {PREVIEWS!r} not in sys.modules
outputs.keep("d", [1], OutputSpec(Type("Dataset")))
assert {PREVIEWS!r} in sys.modules
assert "tidemill.core.previews" not in sys.modules
assert "pandas" not in sys.modules and "numpy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
