"""Who owns a run: a named engine that holds an OS file lock while it lives; a dead owner's runs are free at once.

Where the lock cannot be seen (another machine, another home), a lease counts as lost when its renewal counter has stood
still for the whole length of the lease by the observer's own monotonic clock.
"""

from __future__ import annotations

import fcntl
import glob
import os
import socket
import uuid
from collections.abc import Iterable
from pathlib import Path

from tidemill.core.blake import blake2b
from tidemill.storage.metadata.runs import Lease

_LOCK, _NEW = ".lock", ".new"


class Owner:
    """This engine's identity and its lock. `folder` is that of the engines in the home."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.host = socket.gethostname()
        self.pid = os.getpid()
        self._neighbours = f"{self.host}.{_place(folder)}."
        self.id = f"{self._neighbours}{self.pid}.{uuid.uuid4().hex[:8]}"
        self.lock_file = folder / f"{self.id}{_LOCK}"
        self._lock = _locked(self.lock_file)

    def close(self) -> None:
        """Give up the lock. May be called twice."""
        if self._lock >= 0:
            self.lock_file.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = -1

    def is_dead(self, other: str) -> bool:
        """Whether another owner is known to be dead: it kept its lock in this folder, and nobody holds that any more.

        Of owners that keep theirs elsewhere nothing is known: a machine of the same name, or another home on this one.
        """
        if not other.startswith(self._neighbours):
            return False
        path = self.folder / f"{other}{_LOCK}"
        return not path.exists() or _bury(path)

    def bury_the_dead(self) -> None:
        """Remove what engines of this host left in the folder when they were killed: locks, and bells nobody hears."""
        of_this_host = f"{glob.escape(self.host)}.*"
        bells = list(self.folder.glob(f"{of_this_host}.bell"))
        for suffix in (_LOCK, _NEW):
            for file in self.folder.glob(of_this_host + suffix):
                _bury(file)
        for bell in bells:
            # Its engine locks before it hangs up the bell, and takes the bell down before it unlocks.
            if not bell.with_suffix(_LOCK).exists():
                bell.unlink(missing_ok=True)


def host_of(owner: str) -> str:
    """The machine of an owner, by its id; for people."""
    return owner.rsplit(".", 3)[0]


def _place(folder: Path) -> str:
    """Tells this folder from those of other machines and containers that have the same name."""
    there = folder.stat()
    parts = (os.path.realpath(folder), there.st_dev, there.st_ino)
    return blake2b(repr(parts).encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()


def _locked(path: Path) -> int:
    """A lock file that others see only once it is locked: one without a lock is always that of somebody dead."""
    fresh = path.with_suffix(_NEW)
    while True:
        handle = os.open(fresh, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            os.rename(fresh, path)
        except FileNotFoundError:
            # Somebody came between and took it for one of the dead.
            os.close(handle)
            continue
        return handle


def _bury(path: Path) -> bool:
    """Remove a lock file that nobody holds; whether nobody does."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        # Shared, so that two who look at once do not take each other for the owner.
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        path.unlink(missing_ok=True)
        return True
    finally:
        os.close(handle)


class Observer:
    """Remembers when each foreign lease was last seen to change, in seconds of a monotonic clock.

    Only what was watched counts: after more than `blind_s` seconds without a look (because the observer was stopped, or
    the database was away, for the owners as well) every lease has its whole length again.
    """

    def __init__(self, length_s: float, blind_s: float | None = None) -> None:
        self._length = length_s
        self._blind = length_s if blind_s is None else blind_s
        self._seen: dict[str, tuple[Lease, float]] = {}
        self._looked = float("-inf")

    def lapsed(self, leases: Iterable[Lease], monotonic: float) -> list[Lease]:
        """Those that have stood still for the whole length."""
        if monotonic - self._looked > self._blind:
            self._seen.clear()
        self._looked = monotonic
        current = {lease.run: lease for lease in leases}
        self._seen = {run: seen for run, seen in self._seen.items() if current.get(run) == seen[0]}
        for run, lease in current.items():
            self._seen.setdefault(run, (lease, monotonic))
        return [lease for lease, since in self._seen.values() if monotonic - since >= self._length]
