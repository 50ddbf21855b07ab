"""From the address in a ticket to the artifact store. Knows no credentials: these come from the environment."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from tidemill.core.errors import InputError
from tidemill.storage.artifacts.local import LocalStore
from tidemill.storage.artifacts.store import ArtifactStore


class UnknownStore(InputError):
    """The address of an artifact store is of no known kind."""

    code = "store-unknown"


def open_store(address: str) -> ArtifactStore:
    """The store at a path or a file:// address."""
    parts = urlsplit(address)
    match parts.scheme:
        case "":
            return LocalStore(Path(address))
        case "file":
            return LocalStore(Path(unquote(parts.path)))
        case other:
            raise UnknownStore(
                f"a worker process cannot open an artifact store of kind {other!r}",
                remedy="use a folder, as a path or a file:// address",
            )
