"""One digest for the same bytes, however they are read."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from tidemill.storage.artifacts.digests import LEAF, digest_of, digest_of_stream
from tidemill.storage.artifacts.large import digest_and_flush

SIZES = [0, 1, LEAF - 1, LEAF, LEAF + 1, 2 * LEAF, 2 * LEAF + 5]


class Trickling(io.BytesIO):
    """Gives less than it is asked for."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size if size and size > 0 else 1 << 20, 1 << 20))


@pytest.mark.parametrize("size", SIZES)
def test_streams_files_and_bytes_agree(size: int, tmp_path: Path) -> None:
    data = os.urandom(4096) * (size // 4096) + os.urandom(size % 4096)
    expected = digest_of(data)
    copy = io.BytesIO()
    assert digest_of_stream(Trickling(data), copy) == (expected, size)
    assert copy.getvalue() == data
    if size > LEAF:
        (tmp_path / "file").write_bytes(data)
        with open(tmp_path / "file", "rb") as file:
            assert digest_and_flush(file.fileno()) == (expected, size)


def test_what_fits_into_a_leaf_is_hashed_as_it_is() -> None:
    assert digest_of(b"abc") == "blake2b:" + hashlib.blake2b(b"abc", digest_size=32).hexdigest()


def test_order_of_leaves_and_length_of_the_last_one_matter() -> None:
    one, other = bytes(LEAF), b"\1" * LEAF
    assert len({digest_of(data) for data in (one + other, other + one, one + one, one + one + b"\0", one)}) == 5
