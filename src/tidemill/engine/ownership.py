"""Who owns a run: a named engine that holds an OS file lock while it lives; a dead owner's runs are free at once.

Where the lock cannot be seen (another machine), a lease counts as lost when its renewal counter has stood still for the
whole length of the lease by the observer's own monotonic clock.
"""

from __future__ import annotations

import fcntl
import os
import socket
import uuid
from pathlib import Path

from tidemill.storage.metadata.runs import Lease


class Owner:
    """This engine's identity and its lock. `folder` is that of the engines in the home."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.host = socket.gethostname()
        self.pid = os.getpid()
        self.id = f"{self.host}.{self.pid}.{uuid.uuid4().hex[:8]}"
        self.lock_file = folder / f"{self.id}.lock"
        self._lock = os.open(self.lock_file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Give up the lock. May be called twice."""
        if self._lock >= 0:
            self.lock_file.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = -1

    def is_dead(self, other: str) -> bool:
        """Whether another owner is known to be dead: nobody holds its lock, or it was of this host and left none."""
        path = self.folder / f"{other}.lock"
        if not path.exists():
            return other.startswith(self.host + ".")
        try:
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            path.unlink(missing_ok=True)
            return True
        finally:
            os.close(handle)


class Observer:
    """Remembers when each foreign lease was last seen to change, in seconds of a monotonic clock."""

    def __init__(self, length_s: float) -> None:
        self._length = length_s
        self._seen: dict[str, tuple[Lease, float]] = {}

    def lapsed(self, leases: list[Lease], monotonic: float) -> list[Lease]:
        """Those that have stood still for the whole length."""
        current = {lease.run: lease for lease in leases}
        self._seen = {run: seen for run, seen in self._seen.items() if current.get(run) == seen[0]}
        for run, lease in current.items():
            self._seen.setdefault(run, (lease, monotonic))
        return [lease for lease, since in self._seen.values() if monotonic - since >= self._length]
