"""Wake-ups through PostgreSQL: LISTEN and NOTIFY on one connection of their own. A hint and nothing more.

While the server is away rings are kept as one and sent later; whoever listens is woken once it is heard again.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import URL

from tidemill.storage.metadata.connecting import with_defaults

CHANNEL = "tidemill"
FAREWELL_S = 2.0
"""How long `close` waits for a last ring to be sent, in seconds."""


class Notifier:
    """`core.ports.Wakeup` for everybody at one PostgreSQL database. It connects when it first rings or listens."""

    def __init__(self, url: URL, retry_s: float = 1.0) -> None:
        url = with_defaults(url)
        dialect = url.get_dialect()()
        self._driver: Any = url.get_dialect().import_dbapi()
        where, how = dialect.create_connect_args(url)
        self._where, self._how = where, {**how, "autocommit": True}
        self._retry = retry_s
        self._wake: Callable[[], None] | None = None
        self._rung = False
        self._closing = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._alarm, self._poke = socket.socketpair()
        for end in (self._alarm, self._poke):
            end.setblocking(False)

    def ring(self) -> None:
        """Wake everybody else who listens at this database. Never raises, never blocks."""
        self._rung = True
        self._begin()

    def listen(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._begin()

    def close(self) -> None:
        """Send what was rung, if that takes no longer than FAREWELL_S, and hang up. May be called twice."""
        with self._lock:
            self._closing = True
        self._disturb()
        if self._thread is not None:
            self._thread.join(FAREWELL_S)
            if self._thread.is_alive():
                return  # the server does not answer: the thread ends with the process
        self._alarm.close()
        self._poke.close()

    def _begin(self) -> None:
        with self._lock:
            if self._closing:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="notifier", daemon=True)
                self._thread.start()
        self._disturb()

    def _disturb(self) -> None:
        # A full buffer disturbs as well; a closed one has nobody behind it.
        with contextlib.suppress(OSError):
            self._poke.send(b"!")

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._closing or self._rung:
            try:
                self._converse()
            except (self._driver.Error, OSError):
                if self._closing:
                    return
                self._until_disturbed(self._retry)

    def _converse(self) -> None:
        """As long as the connection lasts, and nobody closes."""
        with contextlib.closing(self._driver.connect(*self._where, **self._how)) as connection:
            # What comes along with the answer to a statement.
            connection.add_notify_handler(lambda notice: self._hear(notice.pid, connection))
            listens = False
            while not self._closing or self._rung:
                if self._wake is not None and not listens:
                    connection.execute(f"LISTEN {CHANNEL}")
                    listens = True
                    self._wake()  # who knows what was missed
                if self._rung:
                    self._send(connection)
                elif self._until_disturbed(None, connection):
                    connection.pgconn.consume_input()
                    while (notice := connection.pgconn.notifies()) is not None:
                        self._hear(notice.be_pid, connection)

    def _send(self, connection: Any) -> None:
        self._rung = False
        try:
            connection.execute(f"NOTIFY {CHANNEL}")
        except BaseException:
            self._rung = True
            raise

    def _hear(self, sender: int, connection: Any) -> None:
        if sender != connection.info.backend_pid and self._wake is not None:
            self._wake()

    def _until_disturbed(self, seconds: float | None, connection: Any = None) -> bool:
        """Wait; whether the server has something to say."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._alarm, selectors.EVENT_READ)
            if connection is not None:
                selector.register(connection, selectors.EVENT_READ)
            ready = {key.fileobj for key, _ in selector.select(seconds)}
        if self._alarm in ready:
            with contextlib.suppress(OSError):
                self._alarm.recv(4096)
        return connection is not None and connection in ready
