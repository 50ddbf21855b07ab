"""Which of the attempts given to an executor have begun, in a small file that outlives a killed engine.

Written into shared memory before a process gets its ticket, so it is right whenever the machine itself has not failed.
What is not in any file is not known to be waiting.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import secrets
import time
from pathlib import Path

_SIZE = 128
_PLACES = 1024
_WAITS, _BEGUN, _FREE = b"w", b"b", b"\0"
_KEPT_SECONDS = 7 * 24 * 3600


class Begun:
    """The file of one executor; `folder` holds those of all executors of a home. Without a folder nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / f"{secrets.token_hex(8)}.begun" if folder is not None else None
        self._places: dict[str, int] = {}
        self._free = list(range(_PLACES - 1, -1, -1))
        self._map: mmap.mmap | None = None
        self._lock = -1
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._map, self._lock = _new_file(self._path)

    def wait(self, attempt: str) -> None:
        """It was given to the executor, and nobody has begun it."""
        place = self._places.get(attempt)
        if place is None and self._free and self._map is not None:
            place = self._places[attempt] = self._free.pop()
            name = attempt.encode()[: _SIZE - 1].ljust(_SIZE - 1, b"\0")
            self._map[place * _SIZE + 1 : (place + 1) * _SIZE] = name
        self._say(place, _WAITS)

    def mark(self, attempt: str) -> None:
        """It is about to begin."""
        self._say(self._places.get(attempt), _BEGUN)

    def over(self, attempt: str) -> None:
        """It has ended."""
        place = self._places.pop(attempt, None)
        if place is not None:
            self._say(place, _FREE)
            self._free.append(place)

    def close(self) -> None:
        if self._map is not None and self._path is not None:
            self._map.close()
            self._map = None
            self._path.unlink(missing_ok=True)
            os.close(self._lock)

    def _say(self, place: int | None, state: bytes) -> None:
        if place is not None and self._map is not None:
            self._map[place * _SIZE : place * _SIZE + 1] = state


def was_waiting(folder: Path, attempt: str) -> bool:
    """Whether it is certain that nobody had begun an attempt of an executor that is dead now."""
    name = attempt.encode()[: _SIZE - 1].ljust(_SIZE - 1, b"\0")
    for path in folder.glob("*.begun"):
        with contextlib.suppress(OSError):
            if _is_of_the_living(path):
                # Its engine only stands still, and may yet begin what waits.
                continue
            found = path.read_bytes()
            for at in range(0, len(found), _SIZE):
                if found[at + 1 : at + _SIZE] == name and found[at : at + 1] != _FREE:
                    return found[at : at + 1] == _WAITS
    return False


def _is_of_the_living(path: Path) -> bool:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _new_file(path: Path) -> tuple[mmap.mmap, int]:
    """Mapped, and locked for as long as this process lives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob("*.begun"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > _KEPT_SECONDS:
                old.unlink()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.ftruncate(descriptor, _SIZE * _PLACES)
        return mmap.mmap(descriptor, _SIZE * _PLACES), descriptor
    except OSError:
        os.close(descriptor)
        raise
