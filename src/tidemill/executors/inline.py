"""Tasks in the engine's own thread, one after the other: for tests, notebooks and debuggers.

Nothing protects the engine from what a task does here, and nothing can stop it; timeouts are not enforced.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from tidemill.core.causes import Cause, CauseKind
from tidemill.core.errors import StateError, TidemillError
from tidemill.core.ports import Adoption
from tidemill.core.records import Began, Gone, Message, Note, Pushed, Reply, Report, Request, Ticket
from tidemill.storage.artifacts.files import remove
from tidemill.storage.artifacts.store import ArtifactStore
from tidemill.storage.logs.files import LogWriter, Stream, log_path
from tidemill.storage.logs.mask import Masker
from tidemill.worker.context import LOGGER, scratch_folder, task_seed
from tidemill.worker.execute import execute
from tidemill.worker.hooks import call
from tidemill.worker.seeding import seeded
from tidemill.worker.store import open_store


class InlineExecutor:
    """`answer` is called for what a task asks, since the engine cannot reply while its thread is busy with the task.

    With `echo` what a task prints is also seen where it would have been; with `debug` it is not captured at all, so
    that `breakpoint()` works. `open_store` turns the address in a ticket into a store; `calling` calls the user's
    function with its arguments.
    """

    name = "inline"
    slots = 1
    ahead = False

    def __init__(
        self,
        log_root: Path,
        *,
        answer: Callable[[Request], Reply] | None = None,
        debug: bool = False,
        echo: bool = True,
        scratch_root: Path | None = None,
        open_store: Callable[[str], ArtifactStore] = open_store,
        calling: Callable[..., Any] = call,
    ) -> None:
        self._log_root = log_root
        self._answer = answer
        self._debug = debug
        self._echo = echo
        self._scratch_root = scratch_root
        self._open_store = open_store
        self._calling = calling
        self._inbox: Callable[[Message], None] | None = None

    def open(self, inbox: Callable[[Message], None]) -> None:
        self._inbox = inbox

    def start(self, *tickets: Ticket) -> None:
        """Run the whole attempts before returning. An interruption from the keyboard is reported and passed on."""
        for ticket in tickets:
            self._start(ticket)

    def _start(self, ticket: Ticket) -> None:
        if self._inbox is None:
            raise StateError("the executor is not open", remedy="call open() first")
        inbox = self._inbox
        inbox(Began(ticket.attempt))
        try:
            store = self._open_store(ticket.store)
            with self._captured(ticket), seeded(task_seed(ticket.facts.seed, ticket.path, ticket.indexes)):
                report = execute(
                    ticket,
                    lambda: store,
                    _DirectLink(inbox, self._answer),
                    scratch_root=self._scratch_root,
                    calling=self._calling,
                )
        except (TidemillError, OSError) as error:
            why = error.in_one_line if isinstance(error, TidemillError) else str(error)
            inbox(Gone(ticket.attempt, Cause(CauseKind.INFRASTRUCTURE, why)))
            return
        inbox(report)
        if report.cause is not None and report.cause.signal == "SIGINT":
            raise KeyboardInterrupt

    def adopt(self, attempt: str) -> Adoption:
        """Always false: an inline attempt ends with its engine. What it kept for its time is removed."""
        if self._scratch_root is not None:
            remove(scratch_folder(self._scratch_root, attempt))
        return Adoption.GONE

    def stop(self, attempt: str, cause: Cause, grace_s: float = 5.0) -> None:
        """Nothing: by the time the engine's thread can ask, the attempt is over."""

    def reply(self, attempt: str, reply: Reply) -> None:
        """Nothing: requests are answered by `answer`."""

    def close(self) -> None:
        self._inbox = None

    @contextlib.contextmanager
    def _captured(self, ticket: Ticket) -> Iterator[None]:
        path = log_path(self._log_root, ticket.facts.run, ticket.attempt)
        with LogWriter(path) as writer:
            if self._debug:
                yield
                return
            output = _Tee(writer, "o", ticket.secrets, sys.stdout if self._echo else None)
            errors = _Tee(writer, "e", ticket.secrets, sys.stderr if self._echo else None)
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors), _logging_to(errors):
                try:
                    yield
                finally:
                    output.finish()
                    errors.finish()


class _DirectLink:
    """The link of a task that shares its owner's thread."""

    def __init__(self, inbox: Callable[[Message], None], answer: Callable[[Request], Reply] | None) -> None:
        self._inbox = inbox
        self._answer = answer

    def send(self, message: Began | Pushed | Request | Report | Note) -> None:
        self._inbox(message)

    def ask(self, request: Request) -> Reply:
        if self._answer is None:
            return Reply(request.number, error="this inline executor was given no function `answer`")
        return self._answer(request)


class _Tee(io.TextIOBase):
    """A text stream into the log, and through to where it would have gone."""

    def __init__(self, writer: LogWriter, stream: Stream, secrets: tuple[str, ...], through: TextIO | None) -> None:
        self._writer = writer
        self._stream = stream
        self._masker = Masker(secrets)
        self._through = through
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    encoding = "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        shown = self._masker.feed(text.encode("utf-8", "replace"))
        self._writer.write(self._stream, shown)
        if self._through is not None:
            self._through.write(self._decoder.decode(shown))
        return len(text)

    def flush(self) -> None:
        if self._through is not None:
            self._through.flush()

    def isatty(self) -> bool:
        return self._through is not None and self._through.isatty()

    def finish(self) -> None:
        """Record, and show, what was held back."""
        rest = self._masker.flush()
        self._writer.write(self._stream, rest)
        if self._through is not None:
            self._through.write(self._decoder.decode(rest, final=True))


@contextlib.contextmanager
def _logging_to(stream: TextIO | Any) -> Iterator[None]:
    logger = logging.getLogger(LOGGER)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
