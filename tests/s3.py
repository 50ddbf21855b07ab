"""A real S3 service for tests: moto's server in a process of its own, spoken to over HTTP; and a line to cut."""

from __future__ import annotations

import importlib
import itertools
import os
import selectors
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "a secret that is never told",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
SECRETS = (CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])

_SERVER = """
import sys, warnings
warnings.simplefilter("ignore")
from werkzeug.serving import make_server
from moto.server import DomainDispatcherApplication, create_backend_app
import logging
logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), True)
print(server.server_port, flush=True)
server.serve_forever()
"""
# The service wants a signature and does not look at it.
_SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
}
_PAGE = "7"
"""How many names a listing tells at once: so few that every test of a listing passes several pages."""

_serial = itertools.count(1)


@dataclass(frozen=True)
class Service:
    """An S3 service at `url`. What is done to its objects here goes by plain HTTP, past everything of ours."""

    url: str

    def new_bucket(self) -> str:
        name = f"bucket-{os.getpid()}-{next(_serial)}"
        self._ask("PUT", name)
        return name

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self._ask("PUT", f"{bucket}/{key}", content=data)

    def get(self, bucket: str, key: str) -> bytes:
        return self._ask("GET", f"{bucket}/{key}").content

    def delete(self, bucket: str, key: str) -> None:
        self._ask("DELETE", f"{bucket}/{key}")

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Of at most 1000 objects."""
        query = {"list-type": "2", "prefix": prefix, "max-keys": "1000"}
        text = self._ask("GET", bucket, params=query).text
        return [part.partition("</Key>")[0] for part in text.split("<Key>")[1:]]

    def unfinished(self, bucket: str) -> int:
        """How many uploads in parts were begun and neither completed nor aborted."""
        return self._ask("GET", bucket, params={"uploads": ""}).text.count("<UploadId>")

    def _ask(self, verb: str, path: str, **more: Any) -> httpx.Response:
        return httpx.request(verb, f"{self.url}/{path}", headers=_SIGNED, **more).raise_for_status()


@contextmanager
def service() -> Iterator[Service]:
    """Raises ImportError if moto is not installed."""
    for needed in ("flask", "moto", "s3fs"):
        importlib.import_module(needed)
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "MOTO_S3_DEFAULT_MAX_KEYS": _PAGE},
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Service(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


_DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
_FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(_DENIED)


class Line:
    """A line to a service. While there is a file `cut`, nothing gets through and what is under way is torn.

    `asked` are the first lines of all requests. Those with a text of `refused` in that line are answered: forbidden.
    """

    def __init__(self, to: str, cut: Path) -> None:
        self._to = ("127.0.0.1", int(to.rpartition(":")[2]))
        self.cut = cut
        self.asked: list[str] = []
        self.refused: tuple[str, ...] = ()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads: list[threading.Thread] = []
        self._serving = threading.Thread(target=self._serve)
        self._serving.start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._serving.join()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._carry, args=(near,)))
            self._threads[-1].start()

    def _carry(self, near: socket.socket) -> None:
        with closing(near), suppress(OSError):
            if self.cut.exists():
                return
            with closing(socket.create_connection(self._to)) as far, selectors.DefaultSelector() as ready:
                ready.register(near, selectors.EVENT_READ, far)
                ready.register(far, selectors.EVENT_READ, near)
                while True:
                    for key, _ in ready.select():
                        source, target = key.fileobj, key.data
                        assert isinstance(source, socket.socket)
                        data = source.recv(1 << 16)
                        if not data or self.cut.exists():
                            return
                        if target is far and data.split(b" ")[0] in (b"GET", b"PUT", b"POST", b"HEAD", b"DELETE"):
                            line = data.split(b"\r\n")[0].decode()
                            self.asked.append(line)
                            if any(word in line for word in self.refused):
                                near.sendall(_FORBIDDEN + (b"" if line.startswith("HEAD") else _DENIED))
                                return
                        target.sendall(data)
