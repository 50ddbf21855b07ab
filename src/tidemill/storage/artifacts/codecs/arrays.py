"""The codec of numpy arrays: `.npy`, never with pickled objects, mapped copy-on-write when large."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tidemill.storage.artifacts.codecs.codec import Metadata, Unsuitable, type_name

MAP_FROM = 1 << 20
"""Files of at least so many bytes are memory-mapped."""


class NumpyCodec:
    """Arrays of numbers, dates, texts of fixed length and records of these."""

    name = "numpy"
    safe = True
    suffix = ".npy"

    def dump(self, value: object, target: Path) -> Metadata:
        if not isinstance(value, np.ndarray) or type(value) not in (np.ndarray, np.memmap):
            # Masked arrays and other subclasses hold more than .npy can.
            raise Unsuitable(f"{type_name(type(value))} is not a plain array")
        try:
            with open(target, "xb") as sink:
                np.save(sink, value, allow_pickle=False)
        except ValueError:
            raise Unsuitable(f"an array of dtype {value.dtype} holds Python objects") from None
        return {
            "type": "numpy.ndarray",
            "dtype": str(value.dtype),
            "shape": list(value.shape),
            "bytes": int(value.nbytes),
            "library": {"numpy": np.__version__},
        } | ({"length": int(value.shape[0])} if value.ndim else {})

    def load(self, source: Path) -> object:
        if source.stat().st_size < MAP_FROM:
            return np.load(source, allow_pickle=False)
        # Copy-on-write: the task may change what it was given, and the file on disk never sees it.
        return np.asarray(np.load(source, mmap_mode="c", allow_pickle=False))
