"""From the address in a ticket to the artifact store. Knows no credentials: these come from the environment."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tidemill import plugins
from tidemill.core.errors import InputError, NotFound
from tidemill.core.ports import STORE_KIND
from tidemill.storage.artifacts.local import LocalStore
from tidemill.storage.artifacts.remote_address import StoreAddress
from tidemill.storage.artifacts.store import ArtifactStore


class UnknownStore(InputError):
    """The address of an artifact store is of no known kind."""

    code = "store-unknown"


def open_store(address: str) -> ArtifactStore:
    """The store at a path, a file:// address or in a bucket. Raises UnknownStore, PluginUnusable, InputError."""
    parts = urlsplit(address)
    match parts.scheme:
        case "":
            return LocalStore(Path(address))
        case "file":
            return LocalStore(Path(unquote(parts.path)))
        case scheme:
            try:
                opened = plugins.load("stores", scheme)
            except NotFound as unknown:
                raise UnknownStore(
                    f"there is no artifact store of kind {scheme!r}", remedy=unknown.remedy or "use a folder"
                ) from None
            store: ArtifactStore = opened(StoreAddress.parse(address))
            return store


def import_store() -> None:
    """Import what tasks of this process will need for their store, as its environment says. They do not see that."""
    kind = os.environ.pop(STORE_KIND, "")
    # A kind that cannot be used is told to the task that needs it.
    with suppress(Exception):
        if kind:
            plugins.load("stores", kind)
