"""Which preview a kept value gets, by the name of its type; never more than a bounded amount of work and of JSON.

The plain forms are those of `core.previews`, whose classes are not loaded here: a forked task would pay for them.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tidemill.storage.artifacts.codecs.codec import type_name
from tidemill.worker.previews.arrays import of_array
from tidemill.worker.previews.files import of_bytes, of_path, of_text
from tidemill.worker.previews.frames import are_records, of_pandas, of_polars, of_pyarrow, of_records
from tidemill.worker.previews.values import of_anything, of_estimator, of_value

LARGEST = 128 << 10
"""Characters of JSON of one preview; each kind stays below that by itself, save for what is very odd."""

_LEAST = 1000
_NO_ROOM = {"is": "NoPreview", "reason": "those of the other outputs of this task take up all there is for them"}

_BY_TYPE: dict[str, Callable[[Any], dict[str, Any]]] = {
    "pandas.DataFrame": of_pandas,
    "pandas.Series": of_pandas,
    "pandas.core.frame.DataFrame": of_pandas,
    "pandas.core.series.Series": of_pandas,
    "polars.dataframe.frame.DataFrame": of_polars,
    "polars.series.series.Series": of_polars,
    "pyarrow.lib.Table": of_pyarrow,
    "numpy.ndarray": of_array,
    "sklearn.base.BaseEstimator": of_estimator,
}


def make(value: Any, size: int, room: int) -> tuple[dict[str, Any], int]:
    """The plain form of a preview, and how many of the `room` characters are left. `size`: of the content, in bytes.

    Raises whatever the value raises when it is looked at.
    """
    if room < _LEAST:
        return _NO_ROOM, room
    with warnings.catch_warnings():
        # What a library thinks of our looking is not for the log of the task.
        warnings.simplefilter("ignore")
        found = _found(value, size)
    length = len(json.dumps(found, default=str))
    if length > LARGEST:
        found = {"is": "NoPreview", "reason": f"it would take up {length} characters"}
    elif length > room:
        found = _NO_ROOM
    else:
        return found, room - length
    return found, room


def _found(value: Any, size: int) -> dict[str, Any]:
    if isinstance(value, Path):
        return of_path(value, size)
    if isinstance(value, str):
        return of_text(value, size)
    if isinstance(value, bytes | bytearray | memoryview):
        return of_bytes(bytes(value[: 128 << 10]), size)
    for kind in type(value).__mro__:
        made = _BY_TYPE.get(type_name(kind))
        if made is not None:
            return made(value)
    if are_records(value):
        return of_records(value)
    if isinstance(value, list | tuple | dict) or value is None or type(value) in (bool, int, float):
        return of_value(value)
    return of_anything(value)
