"""One line that says how far long work has come; only on a terminal, and gone when it is done."""

from __future__ import annotations

from types import TracebackType

from rich.status import Status

from tidemill.cli.output import Out


class Progress:
    """Use as a context manager; what it gives is called with what is being done, how much is done, and of how much."""

    def __init__(self, out: Out) -> None:
        self._status = Status("looking", console=out.console) if out.live else None

    def __enter__(self) -> Progress:
        if self._status is not None:
            self._status.start()
        return self

    def __call__(self, what: str, done: int, of: int) -> None:
        if self._status is not None:
            self._status.update(f"{what}: {done:,}" + (f" of {of:,}" if of else ""))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._status is not None:
            self._status.stop()
