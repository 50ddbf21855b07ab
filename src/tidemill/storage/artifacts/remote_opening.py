"""From an address and a file system of fsspec to a store; what is the same for every protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from platformdirs import user_cache_path

from tidemill.storage.artifacts.bucket import Bucket
from tidemill.storage.artifacts.cache import Cache
from tidemill.storage.artifacts.remote import RemoteStore
from tidemill.storage.artifacts.remote_address import StoreAddress

UNCACHED: Mapping[str, bool] = {"use_listings_cache": False, "skip_instance_cache": True}
"""What every file system is told: others write to the same bucket, and a process has its own connections."""


def remote_store(
    address: StoreAddress, make: Callable[[], Any], options: Callable[[int], Mapping[str, Any]] = lambda size: {}
) -> RemoteStore:
    """`make` is called in each process when it first needs the file system. `options`: see `Bucket`."""
    cache = Cache(address.cache or user_cache_path("tidemill") / "artifacts", address.cache_bytes)
    root = f"{address.bucket}/{address.prefix}".rstrip("/")
    return RemoteStore(Bucket(make, root, address.uri, cache.root, options), cache)
