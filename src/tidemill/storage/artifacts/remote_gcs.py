"""A store on Google Cloud Storage. Credentials are those that Google's own libraries find by default."""

from __future__ import annotations

from typing import Any

import gcsfs

from tidemill.storage.artifacts.remote import RemoteStore
from tidemill.storage.artifacts.remote_address import StoreAddress
from tidemill.storage.artifacts.remote_opening import UNCACHED, remote_store


def open_store(address: StoreAddress) -> RemoteStore:
    """Connects to nothing yet: the first use does."""

    def make() -> Any:
        return gcsfs.GCSFileSystem(endpoint_url=address.endpoint or None, requests_timeout=60, **UNCACHED)

    return remote_store(address, make)
