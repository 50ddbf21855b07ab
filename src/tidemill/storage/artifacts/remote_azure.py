"""A store in a container of Azure Blob Storage; the account and its credentials are named by AZURE_STORAGE_*."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import adlfs

from tidemill.storage.artifacts.remote import RemoteStore
from tidemill.storage.artifacts.remote_address import StoreAddress
from tidemill.storage.artifacts.remote_opening import UNCACHED, remote_store


def open_store(address: StoreAddress) -> RemoteStore:
    """Connects to nothing yet: the first use does."""

    def make() -> Any:
        host = urlsplit(address.endpoint).netloc or None
        return adlfs.AzureBlobFileSystem(account_host=host, connection_timeout=10, read_timeout=60, **UNCACHED)

    return remote_store(address, make)
