"""Wake-ups between the processes of one home: a Unix datagram socket for each engine. A hint and nothing more."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

_STOP = b"stop"


class Doorbell:
    """`folder` holds the sockets; without `name` it only rings."""

    def __init__(self, folder: Path, name: str = "") -> None:
        self._folder = folder
        self._path = folder / f"{name}.bell" if name else None
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def ring(self) -> None:
        """Wake every engine of this home. Never raises, never blocks."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            for bell in self._folder.glob("*.bell"):
                if bell != self._path:
                    self._send(sender, bell)

    def listen(self, wake: Callable[[], None]) -> None:
        if self._path is None:
            raise ValueError("this doorbell has no name and only rings")
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with _short(self._path) as address:
            self._socket.bind(address)
        self._thread = threading.Thread(target=self._hear, args=(self._socket, wake), name="doorbell", daemon=True)
        self._thread.start()

    def close(self) -> None:
        if self._socket is None or self._path is None or self._thread is None:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
            with _short(self._path) as address:
                sender.sendto(_STOP, address)
            self._thread.join()
        self._socket.close()
        self._path.unlink(missing_ok=True)
        self._socket = None

    def _send(self, sender: socket.socket, bell: Path) -> None:
        try:
            with _short(bell) as address:
                sender.sendto(b"ring", address)
        except ConnectionRefusedError:
            bell.unlink(missing_ok=True)  # its engine is dead
        except OSError:
            pass

    @staticmethod
    def _hear(bell: socket.socket, wake: Callable[[], None]) -> None:
        while bell.recv(16) != _STOP:
            wake()


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """The address of a socket by way of its open folder: a socket's own address may have 107 bytes only."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
