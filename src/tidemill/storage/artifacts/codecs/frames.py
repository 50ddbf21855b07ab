"""pandas frames as Arrow tables and back, with everything Arrow alone would lose or refuse.

Axes travel beside the data: labels of columns in the schema's metadata, levels of the index as columns of their own.
Each frame is compared with what would come back before it is accepted.
"""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tidemill.core.values import Json
from tidemill.storage.artifacts.codecs.codec import Unsuitable
from tidemill.storage.artifacts.codecs.labels import label_in, label_out

KEY = b"tidemill"
"""Key in the schema's metadata under which the axes are kept; a table without it was no frame."""

_LEVEL = "__index_level_{}__"

# Columns of these types come straight from the mapped file, where nothing may be written; pandas copies all others.
_MAPPED = (pd.DatetimeTZDtype, pd.PeriodDtype, pd.IntervalDtype, pd.CategoricalDtype)


def to_table(frame: Any) -> Any:
    """The Arrow table of a DataFrame. Raises Unsuitable if the frame would not come back as it is."""
    labels = list(frame.columns)
    names = [label if type(label) is str else f"column {n}" for n, label in enumerate(labels)]
    if len(set(names)) < len(names) or any(name.startswith("__index_level_") for name in names):
        names = [f"column {n}" for n in range(len(labels))]
    flat = frame.copy(deep=False)
    flat.attrs = {}
    flat.columns = pd.Index(names, dtype=object)
    flat.index = pd.RangeIndex(len(frame))
    index, levels = _axis_out(frame.index)
    for n, level in enumerate(levels):
        flat[_LEVEL.format(n)] = pd.Series(level, index=flat.index, dtype=level.dtype)
    table, objects = _columns_out(flat)
    columns = _columns_axis_out(frame.columns)
    about = {"is": "frame", "index": index, "columns": columns, "objects": objects, "attrs": label_out(frame.attrs)}
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), KEY: _text(about)})
    _compare(frame, to_frame(table.slice(0, 0)))
    return table


def series_to_table(series: Any) -> Any:
    """The Arrow table of a Series. Raises Unsuitable."""
    table = to_table(series.to_frame(name="value"))
    about = {**_about(table), "is": "series", "name": label_out(series.name)}
    return table.replace_schema_metadata({**table.schema.metadata, KEY: _text(about)})


def is_pandas(table: Any) -> bool:
    """Whether the table was a frame or a series."""
    return KEY in (table.schema.metadata or {})


def from_table(table: Any) -> Any:
    """The DataFrame or Series that was kept as this table."""
    frame = to_frame(table)
    about = _about(table)
    if about["is"] == "frame":
        return frame
    series = frame["value"].copy(deep=False)
    series.name = label_in(about["name"])
    return series


def to_frame(table: Any) -> Any:
    """The DataFrame of a table made by `to_table`."""
    about = _about(table)
    flat = table.to_pandas()
    for name, how in about["objects"].items():
        flat[name] = _objects_in(table.column(name), how, flat[name])
    for name, kind in flat.dtypes.items():
        if isinstance(kind, _MAPPED):
            flat[name] = flat[name].copy()
    levels = [flat.pop(_LEVEL.format(n)) for n in range(about["index"].get("levels", 0))]
    flat.index = _axis_in(about["index"], levels, len(flat) if table.num_columns else None)
    flat.columns = _columns_axis_in(about["columns"])
    flat.attrs = label_in(about["attrs"])
    return flat


def _about(table: Any) -> Any:
    return json.loads(table.schema.metadata[KEY])


def _text(about: Json) -> str:
    return json.dumps(about, separators=(",", ":"), sort_keys=True)


# --- columns ----------------------------------------------------------------------------------------------------------


def _columns_out(flat: Any) -> tuple[Any, dict[str, str]]:
    """The table, and for each column of Python objects how its cells are to be made again."""
    try:
        with warnings.catch_warnings():
            # pyarrow before 26 asks pandas 3.1 for values in a way that will change; until then they are right.
            warnings.simplefilter("ignore", DeprecationWarning)
            table = pa.Table.from_pandas(flat, preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise Unsuitable(f"Arrow cannot hold it: {error}") from None
    names = [name for name, kind in flat.dtypes.items() if kind == np.dtype(object)]
    objects = {str(name): _objects_out(flat[name], table.column(name)) for name in names}
    return table, objects


def _objects_out(column: Any, stored: Any) -> str:
    """`none` or `nan`: how missing cells of Python objects look; `arrays`: cells are arrays."""
    cells = column.tolist()
    if any(isinstance(cell, np.ndarray) for cell in cells):
        again = stored.to_pandas().tolist()
        same = all(_same_array(cell, other) for cell, other in zip(cells, again, strict=True))
        how = "arrays"
    else:
        how = "nan" if any(type(cell) is float and cell != cell for cell in cells) else "none"
        missing = float("nan") if how == "nan" else None
        again = stored.to_pylist()
        same = all(_same(cell, missing if b is None else b) for cell, b in zip(cells, again, strict=True))
    if not same:
        raise Unsuitable(f"the objects in column {column.name!r} would not come back as they are")
    return how


def _objects_in(stored: Any, how: str, default: Any) -> Any:
    if how == "arrays":
        return default
    cells = np.empty(len(stored), dtype=object)
    missing = float("nan") if how == "nan" else None
    for n, cell in enumerate(stored.to_pylist()):
        cells[n] = missing if cell is None else cell
    return pd.Series(cells, dtype=object)


def _same_array(left: object, right: object) -> bool:
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return left.dtype == right.dtype and left.dtype != object and np.array_equal(left, right)
    return left is None and right is None


def _same(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    match left:
        case list():
            return len(left) == len(right) and all(map(_same, left, right))
        case dict():
            return list(left) == list(right) and all(_same(left[key], right[key]) for key in left)
        case float():
            return left == right or (left != left and right != right)
        case _:
            return bool(left == right)


def _compare(wanted: Any, found: Any) -> None:
    """Compare a frame with its empty twin: types of columns and axes."""
    for name, left, right in zip(wanted.columns, wanted.dtypes, found.dtypes, strict=True):
        if left != right and (isinstance(left, pd.CategoricalDtype) or str(left) != str(right)):
            raise Unsuitable(f"column {name!r} of type {left} would come back as {right}")
    axes = ((wanted.columns, found.columns, "columns"), (wanted.index, found.index, "index"))
    for left, right, what in axes:
        if _kind_of_axis(left) != _kind_of_axis(right):
            raise Unsuitable(f"its {what} would come back as another kind")
    if not wanted.columns.equals(found.columns):
        raise Unsuitable("its columns would come back with other names")


def _kind_of_axis(axis: Any) -> tuple[object, ...]:
    levels = axis.levels if isinstance(axis, pd.MultiIndex) else [axis]
    return type(axis), [str(level.dtype) for level in levels], list(axis.names)


# --- axes -------------------------------------------------------------------------------------------------------------


def _axis_out(axis: Any) -> tuple[dict[str, Json], Iterable[Any]]:
    """What JSON tells about an index, and its levels, which are kept as columns."""
    names = [label_out(name) for name in axis.names]
    if isinstance(axis, pd.RangeIndex):
        return {"range": [axis.start, axis.stop, axis.step], "names": names}, ()
    about: dict[str, Json] = {"levels": axis.nlevels, "names": names}
    if isinstance(axis, pd.MultiIndex):
        about["multi"] = [str(level.dtype) for level in axis.levels]
    if getattr(axis, "freq", None) is not None and not isinstance(axis, pd.PeriodIndex):
        about["freq"] = axis.freqstr
    return about, [axis.get_level_values(n) for n in range(axis.nlevels)]


def _axis_in(about: dict[str, Any], levels: list[Any], length: int | None) -> Any:
    names = [label_in(name) for name in about["names"]]
    if "range" in about:
        start, stop, step = about["range"]
        # A slice of the table is shorter than the whole; a table without columns does not know its length.
        return pd.RangeIndex(start, stop, step)[:length].rename(names[0])
    if "multi" in about:
        axis = pd.MultiIndex.from_arrays([pd.Index(level.array, dtype=level.dtype) for level in levels], names=names)
        for n, kind in enumerate(about["multi"]):
            # Integers with a gap are kept as floats, but in a level a gap is no value, so it may be of integers.
            if kind.startswith(("int", "uint")) and axis.levels[n].dtype == np.float64:
                axis = axis.set_levels(axis.levels[n].astype(kind), level=n)
        return axis
    axis = pd.Index(levels[0].array, dtype=levels[0].dtype)
    axis.names = names
    if "freq" in about and len(axis) > 0:
        axis.freq = about["freq"]
    return axis


def _columns_axis_out(columns: Any) -> Json:
    """The labels of the columns: as JSON if they are of no special type, else as an Arrow file of their own."""
    if isinstance(columns, pd.RangeIndex):
        return {"axis": _axis_out(columns)[0], "length": len(columns)}
    names = [label_out(name) for name in columns.names]
    if not isinstance(columns, pd.MultiIndex) and (columns.dtype == object or str(columns.dtype) == "str"):
        return {"labels": [label_out(label) for label in columns], "dtype": str(columns.dtype), "names": names}
    about, levels = _axis_out(columns)
    flat = pd.DataFrame(index=pd.RangeIndex(len(columns)))
    for n, level in enumerate(levels):
        flat[_LEVEL.format(n)] = pd.Series(level, index=flat.index, dtype=level.dtype)
    table, objects = _columns_out(flat)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    data = base64.b64encode(sink.getvalue().to_pybytes()).decode("ascii")
    return {"axis": about, "length": len(columns), "arrow": data, "objects": objects}


def _columns_axis_in(about: dict[str, Any]) -> Any:
    if "labels" in about:
        cells = np.empty(len(about["labels"]), dtype=object)
        for n, label in enumerate(about["labels"]):
            cells[n] = label_in(label)
        axis = pd.Index(cells, dtype=about["dtype"], tupleize_cols=False)
        axis.names = [label_in(name) for name in about["names"]]
        return axis
    if "arrow" not in about:
        return _axis_in(about["axis"], [], about["length"])
    table = pa.ipc.open_stream(base64.b64decode(about["arrow"])).read_all()
    flat = table.to_pandas()
    for name, how in about["objects"].items():
        flat[name] = _objects_in(table.column(name), how, flat[name])
    return _axis_in(about["axis"], [flat[_LEVEL.format(n)] for n in range(about["axis"]["levels"])], about["length"])
