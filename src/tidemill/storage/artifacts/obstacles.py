"""Which errors of a file system say that the place is in trouble, not the data; and in what words to say so."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tidemill.core.sizes import size_text
from tidemill.storage.artifacts.errors import StoreUnwritable

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_WRITING = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE})


def obstacle(error: BaseException, folder: Path) -> StoreUnwritable | None:
    """The error in our words if `folder` cannot be written to; None if something else is wrong."""
    if not isinstance(error, OSError) or error.errno not in _NO_ROOM | _NO_WRITING:
        return None
    if isinstance(error.filename, str | os.PathLike) and not Path(error.filename).is_relative_to(folder):
        return None  # what was to be kept cannot be read
    if error.errno in _NO_ROOM:
        return StoreUnwritable(
            f"there is no room left in {folder}{_free(folder)} ({error.strerror})",
            remedy="free some disk space, or let TIDEMILL_HOME name a larger disk",
        )
    return StoreUnwritable(
        f"{folder} cannot be written to: {error.strerror}", remedy="check the rights and the mount of that folder"
    )


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Raises StoreUnwritable instead of the errors of a file system that is full or closed to us."""
    try:
        yield
    except OSError as error:
        found = obstacle(error, folder)
        if found is None:
            raise
        raise found from error


def _free(folder: Path) -> str:
    """How much room there is for us, or "" if nobody knows."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    with suppress(OSError):
        found = os.statvfs(place)
        return f", where {size_text(found.f_bavail * found.f_frsize)} are free"
    return ""
