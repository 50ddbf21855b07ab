"""Signs of life: a thread that renews an engine's leases when the engine has not come to it for a while.

A turn may take longer than a lease (a slow database, a large artifact to verify, a task in the engine's own thread),
and an engine that is at work is not dead. Whoever is stopped as a whole renews nothing.
"""

from __future__ import annotations

import contextlib
import threading
import time

from tidemill.core.errors import StorageError
from tidemill.storage.metadata import runs
from tidemill.storage.metadata.database import Database


class Renewal:
    """Renews all leases of `owner` at least every quarter of `lease_s` seconds, from `start` to `close`."""

    def __init__(self, database: Database, owner: str, lease_s: float) -> None:
        self._database = database
        self._owner = owner
        self._quarter = lease_s / 4
        self._last = time.monotonic()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="renewal", daemon=True)
        self._thread.start()

    def done(self) -> None:
        """Somebody else has just renewed them all."""
        self._last = time.monotonic()

    def close(self) -> None:
        """May be called twice."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while not self._over.wait(max(self._quarter / 4, self._last + self._quarter - time.monotonic())):
            if time.monotonic() - self._last < self._quarter:
                continue
            # Tried again soon; if others reach the database meanwhile and take the runs, the next commit is refused.
            with contextlib.suppress(StorageError):
                with self._database.renew() as connection:
                    runs.renew(connection, self._owner)
                self.done()
