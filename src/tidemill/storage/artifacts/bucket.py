"""The objects below one prefix of a bucket, through a file system of fsspec. Knows neither digests nor the cache."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from tidemill.storage.artifacts.remote_trouble import Doing, is_absent, trouble

_BLOCK = 8 << 20
_TAGS = ("ETag", "etag", "VersionId", "version_id", "generation")
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "created")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a store says of an object: bytes, a text that changes with its content, seconds since the epoch."""

    size: int
    seal: str
    modified: float


@dataclass(slots=True)
class Bucket:
    """`make` makes a file system: each process has one of its own, since theirs have threads and connections.

    `root` is the path of the prefix in it, `uri` what a user calls that, `local` the folder that bytes come from and
    go to; `options` says what else an upload of so many bytes is told. Every method raises StoreUnreachable and
    StoreRefused.
    """

    make: Callable[[], Any]
    root: str
    uri: str
    local: Path
    options: Callable[[int], Mapping[str, Any]] = field(default=lambda size: {})
    _made: tuple[int, Any] | None = None

    def look(self, key: str) -> Seen | None:
        """None if there is no such object."""
        try:
            with self._doing(Doing.READING) as files:
                info = files.info(self._path(key))
        except FileNotFoundError:
            return None
        return _seen(info) if info.get("type") == "file" else None

    def put(self, key: str, source: Path) -> None:
        """Write a whole object at once: until it is there, nobody sees anything of it."""
        options = self.options(source.stat().st_size)
        with self._doing(Doing.WRITING) as files:
            files.put_file(str(source), self._path(key), **options)

    def mark(self, key: str) -> None:
        """Write an empty object."""
        with self._doing(Doing.WRITING) as files:
            files.pipe_file(self._path(key), b"")

    def get(self, key: str, target: Path) -> None:
        """Fetch an object into a file. Raises FileNotFoundError."""
        with self._doing(Doing.READING) as files:
            files.get_file(self._path(key), str(target))

    def open(self, key: str) -> BinaryIO:
        """Read an object piece by piece. Raises FileNotFoundError."""
        with self._doing(Doing.READING) as files:
            found = files.open(self._path(key), "rb", block_size=_BLOCK)
        return io.BufferedReader(_Stream(self, found), 1 << 20)

    def remove(self, key: str) -> None:
        """Nothing there is fine."""
        try:
            with self._doing(Doing.REMOVING) as files:
                files.rm_file(self._path(key))
        except FileNotFoundError:
            pass

    def names(self, key: str) -> Iterator[str]:
        """The last parts of what lies right below, objects and folders."""
        try:
            with self._doing(Doing.LISTING) as files:
                found = files.ls(self._path(key), detail=False)
        except FileNotFoundError:
            return
        for path in found:
            yield str(path).rstrip("/").rpartition("/")[2]

    @contextmanager
    def _doing(self, doing: Doing) -> Iterator[Any]:
        """Raises FileNotFoundError for an object that is not there, else an error in our words."""
        try:
            yield self._files()
        except Exception as error:
            if doing is not Doing.WRITING and is_absent(error):
                raise FileNotFoundError(self.uri) from None
            # Without the original: its text and its frames may hold signed addresses and headers.
            raise trouble(error, self.uri, doing, self.local) from None

    def _files(self) -> Any:
        if self._made is None or self._made[0] != os.getpid():
            self._made = os.getpid(), self.make()
        return self._made[1]

    def _path(self, key: str) -> str:
        return f"{self.root}/{key}"


class _Stream(io.RawIOBase):
    """An object that is read as a file, with errors in our words."""

    def __init__(self, bucket: Bucket, source: Any) -> None:
        self._bucket = bucket
        self._source = source

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        with self._bucket._doing(Doing.READING):
            data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return int(self._source.seek(offset, whence))

    def tell(self) -> int:
        return int(self._source.tell())

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()


def _seen(info: Mapping[str, Any]) -> Seen:
    tags = [f"{name.lower()}={info[name]}" for name in _TAGS if info.get(name)]
    times = [info[name] for name in _TIMES if info.get(name)]
    seal = " ".join(tags) or (f"modified={times[0]}" if times else "")
    return Seen(int(info["size"] or 0), seal, _seconds(times[0]) if times else 0.0)


def _seconds(moment: Any) -> float:
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment.timestamp() if isinstance(moment, datetime) else float(moment)
