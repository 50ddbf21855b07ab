"""Every codec gives back what it was given, on every store, or says that it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.core.values import ArtifactRef
from tidemill.storage.artifacts import values
from tidemill.storage.artifacts.codecs import registry
from tidemill.storage.artifacts.errors import (
    ArtifactDamaged,
    ArtifactUnreadable,
    CodecMissing,
    CodecUnknown,
    CodecUnsafe,
    NotStorable,
)
from tidemill.storage.artifacts.local import LocalStore
from tidemill.storage.artifacts.memory import MemoryStore
from tidemill.storage.artifacts.store import ArtifactStore
from tidemill.storage.artifacts.values import Saved

NAN = float("nan")


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    return LocalStore(tmp_path / "store") if request.param == "local" else MemoryStore()


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def there_and_back(store: ArtifactStore, scratch: Path) -> Callable[..., tuple[Saved, Any]]:
    def travel(value: object, name: str | None = None, unsafe: bool = False) -> tuple[Saved, Any]:
        before = os.listdir(scratch)
        saved = values.save(value, store, scratch, name=name)
        assert os.listdir(scratch) == before
        json.dumps(saved.metadata, allow_nan=False)
        store.verify(saved.content)
        again = values.load(store, saved.content, saved.codec, scratch, facts=saved.metadata, unsafe=unsafe)
        assert again.notes == ()
        store.verify(saved.content)
        return saved, again.value

    return travel


Travel = Callable[..., tuple[Saved, Any]]


class Color(Enum):
    RED = "red"


# --- plain values -----------------------------------------------------------------------------------------------------

PLAIN = [
    None,
    True,
    0,
    -(2**63) - 1,
    10**1200,
    1.0,
    -0.0,
    1e308,
    float("inf"),
    float("-inf"),
    [],
    {},
    [1, 1.0, True, None, "é\n"],
    {"b": [1, [2, [3, {"a": 1.0}]]], "a": {"": {}}},
    {"$float": "not a tag"},
    {"$dict": {"$dict": 1}},
    datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    date(2026, 2, 28),
    timedelta(days=-1, microseconds=1),
    {"model": ArtifactRef("a1", ("x", 0))},
]


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: repr(value)[:30])
def test_plain_values_come_back_as_they_are(there_and_back: Travel, value: object) -> None:
    saved, again = there_and_back(value)
    assert saved.codec == "json"
    assert saved.safe
    assert again == value
    assert repr(again) == repr(value)


def test_nan_comes_back(there_and_back: Travel) -> None:
    _, again = there_and_back({"loss": [NAN, 1.0]})
    assert again["loss"][0] != again["loss"][0]
    assert again["loss"][1] == 1.0


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(plain_values)
def test_any_plain_value_comes_back(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    target = tmp_path_factory.getbasetemp() / "any.json"
    codec = registry.codec("json")
    codec.dump(value, target)
    assert repr(codec.load(target)) == repr(value)


def test_what_stands_for_a_plain_value_becomes_one(there_and_back: Travel) -> None:
    given_value = {
        "tuple": (1, 2),
        "enum": Color.RED,
        "numpy": [np.float32(0.5), np.int64(3), np.bool_(True), np.float64("nan")],
        "ordered": OrderedDict(z=1, a=np.uint8(2)),
    }
    saved, again = there_and_back(given_value)
    assert saved.codec == "json"
    assert again["tuple"] == [1, 2]
    assert again["enum"] == "red"
    assert repr(again["numpy"]) == "[0.5, 3, True, nan]"
    assert list(again["ordered"].items()) == [("z", 1), ("a", 2)]
    assert repr(there_and_back(np.float64(0.5))[1]) == "0.5"


@pytest.mark.parametrize(
    "value",
    [
        {1: "a"},
        {"s": {1, 2}},
        10**4000,
        ["é\n\ud800"],
        [np.timedelta64(5, "ns")],
        [1j],
        [b"x"],
        [pd.Timestamp(1)],
    ],
    ids=range(8),
)
def test_what_json_would_change_is_pickled(there_and_back: Travel, value: object) -> None:
    saved, again = there_and_back(value, unsafe=True)
    assert (saved.codec, saved.safe) == ("pickle", False)
    assert "json: " in saved.metadata["declined"][0]
    assert again == value


def test_a_list_or_dict_tells_its_length_and_keys(there_and_back: Travel) -> None:
    assert there_and_back([1] * 5)[0].metadata == {"type": "list", "length": 5}
    assert there_and_back({"b": 1, "a": 2})[0].metadata == {"type": "dict", "length": 2, "keys": ["b", "a"]}
    many = there_and_back({str(n): n for n in range(2000)})[0].metadata
    assert many["length"] == 2000
    assert many["keys"] == [str(n) for n in range(1000)]


@pytest.mark.parametrize("text", ["", "plain", "a\r\nb\n", "日本 \ud800 \0"], ids=repr)
def test_text_comes_back(there_and_back: Travel, text: str) -> None:
    saved, again = there_and_back(text)
    assert saved.codec == "text"
    assert again == text
    assert saved.metadata["length"] == len(text)


@pytest.mark.parametrize("data", [b"", b"\0\xff\n", bytearray(b"abc"), memoryview(b"abc")])
def test_bytes_come_back(there_and_back: Travel, data: bytes) -> None:
    saved, again = there_and_back(data)
    assert saved.codec == "bytes"
    assert type(again) is bytes
    assert again == bytes(data)


# --- tables -----------------------------------------------------------------------------------------------------------


def rich_frame() -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "ünï": [1, 2, 3],
            "f": [0.5, NAN, -0.0],
            "f32": np.array([1, 2, 3], dtype="float32"),
            "u8": np.array([1, 2, 255], dtype="uint8"),
            "bool": [True, False, True],
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "nullable bool": pd.array([True, None, False], dtype="boolean"),
            "text": ["a", None, "日本"],
            "string": pd.array(["a", None, "c"], dtype="string"),
            "cat": pd.Categorical(["x", None, "y"], categories=["y", "x", "unused"], ordered=True),
            "cat of numbers": pd.Categorical([3, 1, 3]),
            "tz": pd.to_datetime(["2026-03-29 01:30", None, "2026-10-25 00:00"]).tz_localize("Europe/Berlin"),
            "ns": pd.to_datetime([1, 2, 3], unit="ns"),
            "seconds": pd.to_datetime(["2026", "2027", None]).astype("datetime64[s]"),
            "delta": pd.to_timedelta([1, None, 3], unit="s"),
            "period": pd.period_range("2026-01", periods=3, freq="M"),
            "interval": pd.interval_range(0, 3),
            "arrow": pd.array([1, None, 3], dtype="int64[pyarrow]"),
            "objects": pd.Series(["a", None, "c"], dtype=object),
            "nan objects": pd.Series(["a", NAN, "c"], dtype=object),
            "ints": pd.Series([1, None, 2**40], dtype=object),
            "lists": pd.Series([[1], [], None], dtype=object),
            "dicts": pd.Series([{"a": 1}, {"a": None}, None], dtype=object),
            "vectors": pd.Series([np.array([1.0, 2.0]), np.array([3.0]), None], dtype=object),
            "dates": pd.Series([date(2026, 1, 1), None, date(1, 1, 1)], dtype=object),
            "decimals": pd.Series([Decimal("1.50"), None, Decimal("2.25")], dtype=object),
            "blobs": pd.Series([b"\0", None, b""], dtype=object),
        }
    )
    frame.attrs = {"source": "here", "scale": 0.5}
    return frame


def columns_frames() -> Iterator[tuple[str, pd.Index]]:
    yield "numbers", pd.Index([3, 1])
    yield "range", pd.RangeIndex(2)
    yield "floats", pd.Index([0.5, NAN])
    yield "booleans", pd.Index([True, False])
    yield "mixed", pd.Index([1, "1"], dtype=object)
    yield "none", pd.Index([None, "a"], dtype=object)
    yield "dates", pd.DatetimeIndex(["2026-01-01", "2026-01-02"], tz="UTC", name="day")
    yield "categories", pd.CategoricalIndex(["a", "b"])
    yield "levels", pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None])
    yield "twice", pd.Index(["same", "same"])
    yield "levels of object text", pd.MultiIndex.from_arrays([pd.Index(["a", "b"], dtype=object), [None, 1]])
    yield "object text", pd.Index(["a", "b"], dtype=object)
    yield "tuples", pd.Index([("a", 1), "b"], dtype=object, tupleize_cols=False)
    yield "named", pd.Index(["é", "日本"], name=("a", 1))
    yield "reserved", pd.Index(["__index_level_0__", "index"])


def index_frames() -> Iterator[tuple[str, pd.Index]]:
    yield "range", pd.RangeIndex(5, 9, 2, name="r")
    yield "text", pd.Index(["b", "a"], name="c0")
    yield "numbers named 0", pd.Index([5, 4], name=0)
    yield "levels", pd.MultiIndex.from_tuples([("a", pd.Timestamp("2026")), ("b", pd.NaT)], names=["x", None])
    yield "days", pd.date_range("2026-01-01", periods=2, tz="Europe/Berlin", freq="D")
    yield "periods", pd.period_range("2026-01", periods=2, freq="M")
    yield "categories", pd.CategoricalIndex(["a", "b"], categories=["b", "a"])
    yield "twice", pd.Index([1, 1])
    yield "object text", pd.Index(["a", None], dtype=object)
    yield "levels of object text", pd.MultiIndex.from_arrays([pd.Index(["a", "b"], dtype=object), [1, 2]])
    yield "levels of numbers with a gap", pd.MultiIndex.from_arrays([["a", "b"], [None, 1]])
    yield "levels twice named", pd.MultiIndex.from_arrays([["a", None], [1.5, NAN]], names=["x", "x"])


FRAMES = {
    "rich": rich_frame,
    "nothing": pd.DataFrame,
    "no rows": lambda: rich_frame().iloc[:0],
    "no columns": lambda: pd.DataFrame(index=[1, 2]),
    "no columns, a range": lambda: pd.DataFrame(index=pd.RangeIndex(1, 6)),
    "sliced": lambda: rich_frame().iloc[::-2],
    "levels, no rows": lambda: pd.DataFrame({"a": [1], "b": ["x"], "c": [2]}).set_index(["a", "b"]).iloc[:0],
}
FRAMES |= {
    f"columns {name}": lambda axis=axis: pd.DataFrame([[1, "x"], [2, "y"]]).set_axis(axis, axis=1)
    for name, axis in columns_frames()
}
FRAMES |= {f"index {name}": lambda axis=axis: pd.DataFrame({"c0": [1, 2]}, index=axis) for name, axis in index_frames()}


def same_frames(left: Any, right: Any) -> None:
    if isinstance(left, pd.DataFrame):
        pd.testing.assert_frame_equal(left, right, check_exact=True, check_column_type="exact")
    else:
        pd.testing.assert_series_equal(left, right, check_exact=True)
    assert type(left.index) is type(right.index)
    assert left.attrs == right.attrs


@pytest.mark.parametrize("name", FRAMES)
def test_frames_come_back(there_and_back: Travel, name: str) -> None:
    frame = FRAMES[name]()
    before = frame.copy(deep=True)
    saved, again = there_and_back(frame)
    assert (saved.codec, saved.safe) == ("arrow", True), saved.metadata
    same_frames(again, before)
    same_frames(frame, before)
    assert saved.metadata["rows"] == saved.metadata["length"] == len(frame)
    assert saved.metadata["columns_total"] == len(frame.columns)


def test_cells_of_objects_come_back_of_their_types(there_and_back: Travel) -> None:
    frame = rich_frame()
    _, again = there_and_back(frame)
    for name in ("objects", "nan objects", "ints", "lists", "dicts", "vectors", "dates", "decimals", "blobs"):
        assert list(map(type, again[name])) == list(map(type, frame[name])), name
    assert again["lists"].tolist() == [[1], [], None]
    assert again["vectors"][0].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("name", [None, "text", 0, ("a", 1), NAN], ids=str)
def test_series_come_back(there_and_back: Travel, name: object) -> None:
    series = pd.Series([1.5, NAN], index=pd.Index(["a", "b"], name="k"), name=name)
    series.attrs["unit"] = "kg"
    saved, again = there_and_back(series)
    assert saved.codec == "arrow"
    assert type(again) is pd.Series
    same_frames(again, series)


def test_tables_come_back(there_and_back: Travel) -> None:
    table = pa.table({"a": pa.chunked_array([[1, 2], [3]]), "b": [[1], None, []]}, metadata={"k": "v"})
    saved, again = there_and_back(table)
    assert again.equals(table, check_metadata=True)
    assert saved.metadata["columns"] == [
        {"name": "a", "type": "int64"},
        {"name": "b", "type": "list<item: int64>"},
    ]
    from_pandas = pa.Table.from_pandas(pd.DataFrame({"a": [1]}, index=["x"]))
    assert there_and_back(from_pandas)[1].equals(from_pandas, check_metadata=True)


def test_the_metadata_of_a_frame_tells_its_columns(there_and_back: Travel) -> None:
    frame = pd.DataFrame({"a": [1.0], "b": ["x"]}, index=pd.Index(["k"]))
    facts = there_and_back(frame)[0].metadata
    assert [column["name"] for column in facts["columns"]] == ["a", "b"]
    assert facts["columns"][0]["type"] == "double"
    assert facts["bytes"] > 0
    assert facts["type"].endswith("DataFrame")


class Subclass(pd.DataFrame):
    pass


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"mixed": pd.Series([1, "a"], dtype=object)}),
        pd.DataFrame({"missing": pd.Series(["a", None, NAN], dtype=object)}),
        pd.DataFrame({"tuples": pd.Series([(1, 2)], dtype=object)}),
        pd.DataFrame({"complex": [1j]}),
        pd.DataFrame({"sparse": pd.arrays.SparseArray([0, 1])}),
        Subclass({"a": [1]}),
    ],
    ids=lambda frame: f"{type(frame).__name__} {frame.columns[0]}",
)
def test_a_frame_that_arrow_would_change_is_pickled(there_and_back: Travel, frame: pd.DataFrame) -> None:
    saved, again = there_and_back(frame, unsafe=True)
    assert (saved.codec, saved.safe) == ("pickle", False)
    assert saved.metadata["declined"][0].startswith("arrow: ")
    assert type(again) is type(frame)
    same_frames(again, frame)


def test_a_loaded_frame_may_be_changed_and_the_file_stays(store: ArtifactStore, scratch: Path) -> None:
    frame = rich_frame().drop(columns=["lists", "dicts", "vectors"])
    for part in (frame, frame[["f"]], frame["ünï"], frame[["nullable"]], frame[["tz"]], frame[["arrow"]]):
        saved = values.save(part, store, scratch)
        again: Any = values.load(store, saved.content, saved.codec, scratch).value
        if isinstance(again, pd.Series):
            again.iloc[0] = again.iloc[1]
        else:
            for n in range(len(again.columns)):
                again.iloc[0, n] = again.iloc[1, n]
        store.verify(saved.content)
        same_frames(values.load(store, saved.content, saved.codec, scratch).value, part)


def test_a_large_table_is_mapped_not_read(scratch: Path, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    saved = values.save(pa.table({"a": np.arange(1_000_000)}), store, scratch)
    before = pa.total_allocated_bytes()
    again: Any = values.load(store, saved.content, saved.codec, scratch).value
    assert pa.total_allocated_bytes() - before < 100_000
    assert again.column("a").num_chunks == 1
    assert again.column("a")[999_999].as_py() == 999_999


# --- arrays -----------------------------------------------------------------------------------------------------------

ARRAYS = [
    np.array(5),
    np.array([]),
    np.zeros((0, 3), dtype="int8"),
    np.array([NAN, np.inf, -0.0]),
    np.arange(12).reshape(3, 4)[:, ::2],
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.array(["é", "日本"]),
    np.array(["2026-01-01", "NaT"], dtype="datetime64[ns]"),
    np.array([(1, "a")], dtype=[("n", "i4"), ("s", "U1")]),
    np.array([1 + 2j]),
    np.array([1], dtype=">i4"),
    np.arange(400_000.0).reshape(2, -1),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype.str}{array.shape}")
def test_arrays_come_back(there_and_back: Travel, array: np.ndarray[Any, Any]) -> None:
    saved, again = there_and_back(array)
    assert (saved.codec, saved.safe) == ("numpy", True)
    assert type(again) is np.ndarray
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)
    assert saved.metadata["shape"] == list(array.shape)
    assert saved.metadata.get("length") == (len(array) if array.ndim else None)


@pytest.mark.parametrize("size", [10, 400_000])
def test_a_loaded_array_may_be_changed_and_the_file_stays(store: ArtifactStore, scratch: Path, size: int) -> None:
    saved = values.save(np.ones(size), store, scratch)
    again: Any = values.load(store, saved.content, saved.codec, scratch).value
    again[:] = 7
    store.verify(saved.content)
    other: Any = values.load(store, saved.content, saved.codec, scratch).value
    assert other.sum() == size


@pytest.mark.parametrize(
    "array", [np.array([{}, 1], dtype=object), np.ma.masked_array([1, 2], [True, False])], ids=["objects", "masked"]
)
def test_arrays_that_npy_would_change_are_pickled(there_and_back: Travel, array: Any) -> None:
    saved, again = there_and_back(array, unsafe=True)
    assert saved.codec == "pickle"
    assert type(again) is type(array)
    assert again.tolist() == array.tolist()


# --- models -----------------------------------------------------------------------------------------------------------


def fitted(name: str) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    rows = np.random.default_rng(0).normal(size=(60, 3))
    labels = (rows[:, 0] > 0).astype(int)
    made = {
        "pipeline": lambda: make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(C=0.5)),
        "forest": lambda: RandomForestClassifier(5, random_state=0),
        "boosting": lambda: HistGradientBoostingClassifier(max_iter=3, random_state=0),
        "neighbours": lambda: KNeighborsClassifier(3),
        "lambda": lambda: make_pipeline(FunctionTransformer(np.abs), LogisticRegression()),
        "own": lambda: make_pipeline(FunctionTransformer(own_step), LogisticRegression()),
    }[name]()
    return made.fit(rows, labels), rows


def own_step(rows: Any) -> Any:
    return rows * 2


@pytest.mark.parametrize("name", ["pipeline", "forest", "boosting", "neighbours"])
def test_models_come_back_without_pickle(there_and_back: Travel, name: str) -> None:
    model, rows = fitted(name)
    saved, again = there_and_back(model)
    assert (saved.codec, saved.safe) == ("sklearn", True), saved.metadata
    np.testing.assert_array_equal(again.predict_proba(rows), model.predict_proba(rows))
    assert saved.metadata["class"] == type(model).__name__
    assert set(saved.metadata["library"]) == {"scikit-learn", "skops"}


def test_the_metadata_of_a_model_tells_its_parameters(there_and_back: Travel) -> None:
    model, _ = fitted("forest")
    facts = there_and_back(model)[0].metadata
    assert facts["params"]["n_estimators"] == 5
    assert facts["params"]["criterion"] == "gini"
    assert facts["n_features_in"] == 3


def test_a_model_with_code_of_the_users_own_is_marked_unsafe(there_and_back: Travel) -> None:
    model, rows = fitted("own")
    saved, again = there_and_back(model, unsafe=True)
    assert (saved.codec, saved.safe) == ("joblib", False)
    assert "own_step" in saved.metadata["declined"][0]
    np.testing.assert_array_equal(again.predict(rows), model.predict(rows))


def test_another_version_is_told_in_words(store: ArtifactStore, scratch: Path) -> None:
    model, _ = fitted("pipeline")
    model.named_steps["logisticregression"]._sklearn_version = "0.1"
    for name in ("sklearn", "joblib"):
        saved = values.save(model, store, scratch, name=name)
        facts = {**saved.metadata, "library": {**saved.metadata["library"], "scikit-learn": "0.1"}}
        loaded = values.load(store, saved.content, name, scratch, facts=facts, unsafe=True)
        assert len(loaded.notes) == 1
        assert loaded.notes[0].startswith("It was saved with scikit-learn 0.1; here is 1.")


# --- files and folders ------------------------------------------------------------------------------------------------


def test_a_file_comes_back_with_its_name(there_and_back: Travel, tmp_path: Path) -> None:
    path = tmp_path / "table ünï.csv.gz"
    path.write_bytes(b"bytes")
    saved, again = there_and_back(path)
    assert (saved.codec, saved.content.kind) == ("file", "file")
    assert (again.name, again.read_bytes()) == (path.name, b"bytes")
    assert not os.stat(again).st_mode & 0o222
    assert saved.metadata["bytes"] == 5
    path.write_bytes(b"changed later")
    assert again.read_bytes() == b"bytes"


@pytest.mark.parametrize("name", ["../../escaped", "/etc/passwd", "..", "", "a\0b"])
def test_a_hostile_file_name_stays_in_scratch(store: ArtifactStore, scratch: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "f").write_text("x")
    saved = values.save(tmp_path / "f", store, scratch)
    again: Any = values.load(store, saved.content, "file", scratch, facts={"name": name}).value
    assert again.read_text() == "x"
    again.resolve().relative_to(tmp_path)
    assert not list(tmp_path.parent.glob("escaped"))


def test_a_folder_comes_back(there_and_back: Travel, tmp_path: Path) -> None:
    (tmp_path / "out" / "sub").mkdir(parents=True)
    (tmp_path / "out" / "sub" / "f").write_text("x")
    saved, again = there_and_back(tmp_path / "out")
    assert (saved.codec, saved.content.kind) == ("folder", "tree")
    assert (again / "sub" / "f").read_text() == "x"
    assert saved.metadata["name"] == "out"
    assert (tmp_path / "out" / "sub" / "f").exists()


def test_a_path_to_nothing_is_refused(store: ArtifactStore, scratch: Path, tmp_path: Path) -> None:
    with pytest.raises(NotStorable, match=r"absent does not exist"):
        values.save(tmp_path / "absent", store, scratch)


# --- pickle and what nothing can keep ---------------------------------------------------------------------------------


def test_other_objects_are_pickled_and_loaded_only_where_that_is_allowed(store: ArtifactStore, scratch: Path) -> None:
    saved = values.save(lambda x: x + 1, store, scratch)
    assert (saved.codec, saved.safe) == ("pickle", False)
    with pytest.raises(CodecUnsafe, match="pickle"):
        values.load(store, saved.content, saved.codec, scratch)
    function: Any = values.load(store, saved.content, saved.codec, scratch, unsafe=True).value
    assert function(1) == 2


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda path: open(path, "w+"), "TextIOWrapper"),  # noqa: SIM115
        (lambda path: {"deep": [1, {"log": open(path, "wb+")}]}, "BufferedRandom"),  # noqa: SIM115
        (lambda path: threading.Lock(), "lock"),
        (lambda path: (n for n in range(3)), "generator"),
        (lambda path: __import__("socket").socket(), "socket"),
    ],
)
def test_what_lives_in_a_process_cannot_be_stored(
    store: ArtifactStore, scratch: Path, tmp_path: Path, make: Callable[[Path], Any], named: str
) -> None:
    value = make(tmp_path / "open")
    with pytest.raises(NotStorable, match=named) as caught:
        values.save(value, store, scratch)
    assert "return data instead" in caught.value.remedy
    if isinstance(value, dict):
        assert "['deep'][1]['log']" in str(caught.value)
        value = value["deep"][1]["log"]
    if hasattr(value, "close"):
        value.close()
    assert os.listdir(scratch) == []
    assert list(store.digests()) == []


class Holder:
    def __init__(self) -> None:
        self.name = "x"
        self.lock = threading.Lock()


def test_the_attribute_that_cannot_be_stored_is_named(store: ArtifactStore, scratch: Path) -> None:
    with pytest.raises(NotStorable, match=r"\[1\]\.lock"):
        values.save([0, Holder()], store, scratch)


# --- choosing ---------------------------------------------------------------------------------------------------------


def test_a_codec_may_be_forced(there_and_back: Travel, store: ArtifactStore, scratch: Path) -> None:
    assert there_and_back("text", name="json")[0].codec == "json"
    assert there_and_back([1], name="pickle", unsafe=True)[0].codec == "pickle"
    with pytest.raises(NotStorable, match=r"numpy: builtins\.list is not"):
        values.save([1], store, scratch, name="numpy")
    with pytest.raises(NotStorable, match="json: "):
        values.save({1, 2}, store, scratch, name="json")
    with pytest.raises(CodecUnknown, match="did you mean 'arrow'"):
        values.save([1], store, scratch, name="arow")


def test_every_codec_in_the_table_has_its_name() -> None:
    for name in registry.CODECS:
        codec = registry.codec(name)
        assert codec.name == name
        assert codec.safe is (name not in ("pickle", "joblib"))
    assert {name for names in registry.TYPES.values() for name in names} | {"pickle"} == set(registry.CODECS)


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tidemill.storage.artifacts.codecs.arrow", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(CodecMissing, match="pyarrow") as caught:
        registry.codec("arrow")
    assert "tidemill[ml]" in caught.value.remedy


def test_choosing_and_keeping_plain_values_imports_no_heavy_library(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from tidemill.storage.artifacts import values
from tidemill.storage.artifacts.codecs import registry
from tidemill.storage.artifacts.memory import MemoryStore
store = MemoryStore()
for value in ({"a": 1}, "text", b"bytes", Path(__file__)):
    saved = values.save(value, store, Path(sys.argv[1]))
    values.load(store, saved.content, saved.codec, Path(sys.argv[1]))
print(registry.candidates(object()))
heavy = {"numpy", "pandas", "pyarrow", "sklearn", "cloudpickle"}
print(sorted({name.partition(".")[0] for name in sys.modules} & heavy))
"""
    (tmp_path / "script.py").write_text(script)
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "('pickle',)\n[]\n"


# --- bytes ------------------------------------------------------------------------------------------------------------

EQUAL: dict[str, Callable[[], object]] = {
    "json": lambda: {"b": [1, 2.5, NAN], "a": {"x": None}},
    "numpy": lambda: np.arange(10.0)[::2],
    "frame": lambda: rich_frame().drop(columns="vectors"),
    "table": lambda: pa.table({"a": [1, None], "b": ["x", "y"]}),
    "model": lambda: fitted("pipeline")[0],
}


@pytest.mark.parametrize("name", EQUAL)
def test_equal_values_have_equal_bytes(scratch: Path, name: str) -> None:
    store = MemoryStore()
    first, second = (values.save(EQUAL[name](), store, scratch) for _ in range(2))
    assert first.content == second.content
    script = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.contract.test_codecs import EQUAL
from tidemill.storage.artifacts import memory, values
print(values.save(EQUAL[{name!r}](), memory.MemoryStore(), Path({str(scratch)!r})).content.digest)
"""
    command = [sys.executable, "-c", script]
    elsewhere = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert elsewhere == first.content.digest


def test_chunks_of_a_table_do_not_change_its_bytes(scratch: Path) -> None:
    store = MemoryStore()
    one = values.save(pa.table({"a": pa.chunked_array([[1, 2, 3]])}), store, scratch)
    two = values.save(pa.table({"a": pa.chunked_array([[1], [2, 3]])}), store, scratch)
    assert one.content == two.content


DAMAGED = [[1, 2], "text", b"bytes", np.arange(3), pd.DataFrame({"a": [1]}), {1, 2}]


@pytest.mark.parametrize("value", DAMAGED, ids=lambda value: type(value).__name__)
def test_damaged_bytes_are_found_before_they_are_read(scratch: Path, tmp_path: Path, value: object) -> None:
    store = LocalStore(tmp_path / "store")
    saved = values.save(value, store, scratch)
    path = store.path_of(saved.content)
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArtifactDamaged, match=saved.content.digest):
        store.verify(saved.content)
    with pytest.raises(ArtifactDamaged, match=saved.content.digest):
        values.load(store, saved.content, saved.codec, scratch, unsafe=True)


@pytest.mark.parametrize("name", ["json", "text", "numpy", "arrow", "sklearn", "joblib", "pickle"])
def test_bytes_of_another_form_are_told_as_unreadable(store: ArtifactStore, scratch: Path, name: str) -> None:
    for data in (b"\xff\xfe\xfd", b"\xff" * 2000):
        content = store.put_bytes(data)
        with pytest.raises(ArtifactUnreadable, match=f"{content.digest} cannot be read by the codec '{name}'"):
            values.load(store, content, name, scratch, unsafe=True)
