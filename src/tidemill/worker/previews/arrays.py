"""Previews of numpy arrays. The library is not imported: the array brings its methods."""

from __future__ import annotations

from typing import Any

from tidemill.worker.previews.columns import extremes, number
from tidemill.worker.previews.texts import cell, short

ITEMS = 1_000_000
"""Items that statistics are of, at most."""

_FIRST = 12


def of_array(array: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "is": "ArrayPreview",
        "shape": list(array.shape),
        "type": short(str(array.dtype)),
        "first": [cell(item) for item in array.flat[:_FIRST].tolist()],
    }
    if array.dtype.kind not in "iufb" or not array.size:
        return found
    step = -(-array.size // ITEMS)
    # Of an array that does not lie in one piece, `reshape` would copy the whole.
    some = array.reshape(-1)[::step] if array.flags.c_contiguous else array.flat[::step]
    if step > 1:
        found["sampled"] = int(some.size)
    if array.dtype.kind == "f":
        whole = some == some
        found["nans"] = int(some.size - whole.sum())
        some = some[whole] if found["nans"] else some
    if some.size:
        found |= extremes(some.min() + 0, some.max() + 0) | {"mean": number(some.mean(dtype="float64"))}
    return found
