"""A store on S3, or on anything that speaks its protocol. Credentials come from where botocore looks for them."""

from __future__ import annotations

from typing import Any

import s3fs

from tidemill.storage.artifacts.remote import RemoteStore
from tidemill.storage.artifacts.remote_address import StoreAddress
from tidemill.storage.artifacts.remote_opening import UNCACHED, remote_store

PART = 16 << 20
"""Bytes of a part of a large file: small, so that a task need not have much memory for it."""

_MOST_PARTS = 9_000
_AT_ONCE = 4

# An attempt that fails for the network is tried again by its engine, so it need not be sat out here.
_CONFIG = {"connect_timeout": 10, "read_timeout": 60, "retries": {"total_max_attempts": 2, "mode": "standard"}}
_TRIES = 2


def open_store(address: StoreAddress) -> RemoteStore:
    """Connects to nothing yet: the first use does."""

    def make() -> Any:
        files = s3fs.S3FileSystem(
            endpoint_url=address.endpoint or None,
            config_kwargs=_CONFIG,
            default_block_size=PART,
            max_concurrency=_AT_ONCE,
            **UNCACHED,
        )
        files.retries = _TRIES
        return files

    return remote_store(address, make, _options)


def _options(size: int) -> dict[str, Any]:
    """Never more parts than S3 takes."""
    return {"chunksize": max(PART, -(-size // _MOST_PARTS)), "max_concurrency": _AT_ONCE}
