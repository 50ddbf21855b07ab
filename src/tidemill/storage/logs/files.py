"""One log file for each attempt: writing numbered records, reading them, following them as they come.

A record is one line: number, time (ISO 8601, UTC), `o` or `e`, text; separated by tabs. Masking happens before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import quote

from tidemill.core.errors import InputError

Stream = Literal["o", "e"]

MAX_BYTES = 64 << 20
"""Bytes a log file may hold before the rest is dropped."""

MAX_LINE = 16 << 10
"""Bytes of text in one record; a longer line becomes several."""

_NAME_LENGTH = 200
_ESCAPED = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_UNESCAPED = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}


class BadLogName(InputError):
    """The id of a run or an attempt cannot be part of a path."""

    code = "log-name"


@dataclass(frozen=True, slots=True)
class Record:
    """One line of output. `n` counts from 1 within its file; `stream` is `o` (output) or `e` (errors)."""

    n: int
    time: str
    stream: Stream
    text: str


def log_path(root: Path, run_id: str, attempt_id: str) -> Path:
    """Where the log of an attempt is kept under `root`; no id, however it is made, leads outside. Raises BadLogName."""
    return root / _name(run_id) / f"{_name(attempt_id)}.log"


def _name(part: str) -> str:
    name = quote(part, safe="=+,@")
    name = "%2E" + name[1:] if name.startswith(".") else name
    if not part or len(name) > _NAME_LENGTH:
        raise BadLogName(f"{part!r:.100} is not an id of a run or an attempt")
    return name


class LogWriter:
    """Appends the output of an attempt to its file. Two writers of one file are not allowed at the same time."""

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int = MAX_BYTES,
        max_line: int = MAX_LINE,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._n, self._size = _resume(path)
        self._file = open(path, "ab")  # noqa: SIM115
        self._max_bytes = max_bytes
        self._max_line = max(max_line, 4)
        self._now = now
        self._begun: dict[Stream, bytes] = {"o": b"", "e": b""}
        self._dropped_bytes = 0
        self._dropped_lines = 0

    def write(self, stream: Stream, data: bytes) -> None:
        """Record every line that `data` completes; the rest waits for its end."""
        lines = (self._begun[stream] + data).split(b"\n")
        rest = lines.pop()
        records = [piece for line in lines for piece in self._pieces(line)]
        *whole, rest = self._pieces(rest)
        self._begun[stream] = rest
        self._append(stream, records + whole)

    def flush(self) -> None:
        """Record lines that have begun but not ended: a prompt, say, that somebody waits to see."""
        for stream, rest in self._begun.items():
            self._begun[stream] = b""
            if rest:
                self._append(stream, [rest])

    def close(self) -> None:
        """Record what is left, and as the last record how much was dropped, if anything was."""
        if self._file.closed:
            return
        self.flush()
        if self._dropped_lines:
            text = (
                f"[tidemill] {self._dropped_bytes} bytes in {self._dropped_lines} lines were dropped: "
                f"the log reached its limit of {self._max_bytes} bytes"
            )
            self._file.write(self._line("e", text.encode()))
        self._file.close()

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pieces(self, line: bytes) -> list[bytes]:
        """The line cut where it is too long, never inside a UTF-8 character; at least one piece."""
        pieces = []
        while len(line) > self._max_line:
            cut = self._max_line
            while cut > self._max_line - 4 and line[cut] & 0xC0 == 0x80:
                cut -= 1
            pieces.append(line[:cut])
            line = line[cut:]
        return [*pieces, line]

    def _append(self, stream: Stream, texts: list[bytes]) -> None:
        block: list[bytes] = []
        for text in texts:
            line = b"" if self._dropped_lines else self._line(stream, text)
            if self._dropped_lines or self._size + len(line) > self._max_bytes:
                # Once something is missing everything after it is, so that what is shown has no holes.
                self._dropped_lines += 1
                self._dropped_bytes += len(text)
                continue
            self._n += 1
            self._size += len(line)
            block.append(line)
        if block:
            self._file.write(b"".join(block))
            self._file.flush()

    def _line(self, stream: Stream, text: bytes) -> bytes:
        time = self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        plain = re.sub(r"[\\\n\r]", lambda found: _ESCAPED[found[0]], text.decode("utf-8", "replace"))
        return f"{self._n + 1}\t{time}\t{stream}\t{plain}\n".encode()


def read(path: Path, start: int = 0) -> Iterator[Record]:
    """The records numbered `start` and above; nothing if there is no file yet."""
    return follow(path, lambda: True, lambda: None, start)


def follow(path: Path, stop: Callable[[], bool], wait: Callable[[], None], start: int = 0) -> Iterator[Record]:
    """The records numbered `start` and above as they are written; ends when `stop()` and nothing is left.

    `wait` is called whenever there is nothing new: it may sleep, or wait for a hint.
    """
    source: BinaryIO | None = None
    begun = b""
    try:
        while True:
            # Asked before reading, so that nothing written before the end is missed.
            last = stop()
            if source is None and path.exists():
                source = open(path, "rb")  # noqa: SIM115
            if source is not None:
                for line in source:
                    begun += line
                    if begun.endswith(b"\n"):
                        record = _parse(begun)
                        begun = b""
                        if record is not None and record.n >= start:
                            yield record
            if last:
                return
            wait()
    finally:
        if source is not None:
            source.close()


def last(path: Path) -> Record | None:
    """The last record of the file, if it is not a very long one."""
    return next(iter(tail(path, 1)), None)


def tail(path: Path, number: int, within: int = 8192) -> list[Record]:
    """The last records that begin in the last `within` bytes, in order; costs the same for a log of any size."""
    try:
        with open(path, "rb") as source:
            source.seek(0, 2)
            start = max(source.tell() - within, 0)
            source.seek(start)
            # The first one may have begun before.
            lines = source.read(within).split(b"\n")[1 if start else 0 : -1]
    except OSError:
        return []
    return [record for line in lines[-number:] if (record := _parse(line + b"\n")) is not None]


def _parse(line: bytes) -> Record | None:
    match line.decode("utf-8", "replace")[:-1].split("\t", 3):
        case [n, time, "o" | "e" as stream, text] if n.isdecimal():
            plain = re.sub(r"\\[\\nr]", lambda found: _UNESCAPED[found[0]], text)
            return Record(int(n), time, "o" if stream == "o" else "e", plain)
    return None


def _resume(path: Path) -> tuple[int, int]:
    """Number of the last record and size of the file, after ending the line that a killed writer left half written."""
    last = size = 0
    if not path.exists():
        return last, size
    line = b"\n"
    with open(path, "rb") as written:
        for line in written:
            size += len(line)
            record = _parse(line.rstrip(b"\n") + b"\n")
            last = record.n if record is not None else last
    if not line.endswith(b"\n"):
        # Not cut off: somebody who follows the file may have read it already.
        with open(path, "ab") as torn:
            torn.write(b"\n")
        size += 1
    return last, size
