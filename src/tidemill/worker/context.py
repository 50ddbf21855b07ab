"""What a running task may know and do beyond its arguments: the run, its dates, its attempt, pushing, acting, reading.

`current()` finds it. Knows nothing of how messages travel.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tidemill.core.blake import blake2b
from tidemill.core.errors import ExecutionError, StateError
from tidemill.core.graph import OutputSpec
from tidemill.core.records import Artifact, Pushed, Reply, Request, Steer, Ticket, Verb
from tidemill.core.types import Type
from tidemill.core.values import ArtifactRef, NotAValue, normalize
from tidemill.storage.artifacts.files import remove
from tidemill.worker.cancellation import Cancellation
from tidemill.worker.channel import Link

if TYPE_CHECKING:
    from logging import Logger

LOGGER = "tidemill.task"

_current: ContextVar[Context] = ContextVar("tidemill_context")


class NoContext(StateError):
    """The run context was asked for outside of a run."""

    code = "no-context"


class RequestRefused(ExecutionError):
    """The owner of the run did not do what the task asked of it."""

    code = "request-refused"


Keep = Callable[[str, Any, OutputSpec], tuple[Any, tuple[Artifact, ...]]]
"""Turns an object into a value for a row and the artifacts it refers to; the text names the output."""

Resolve = Callable[[Any, Mapping[str, Artifact]], Any]
"""Turns a value into an object, with the artifacts it refers to loaded."""


def task_seed(seed: int, path: str, indexes: tuple[int, ...]) -> int:
    """The seed of one instance of a task: 32 bits, the same in every attempt, on every machine."""
    text = f"{seed}/{path}/{','.join(map(str, indexes))}"
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big")


def scratch_folder(root: Path, attempt: str) -> Path:
    """The folder of an attempt below `root`, which the owner of its process removes if the task could not."""
    return root / f"task-{quote(attempt, safe='')[:200]}"


@dataclass(slots=True)
class Context:
    """The run as a task sees it. Nothing here is shared between attempts."""

    ticket: Ticket
    link: Link
    keep: Keep
    resolve: Resolve
    cancellation: Cancellation
    scratch_root: Path | None = None
    error: BaseException | None = None
    """For hooks: what ended the attempt, if it did not succeed."""
    steering: Steer | None = None
    given: set[str] = field(default_factory=set)
    """Ids of the artifacts that came with the ticket and with answers."""
    _acts: int = 0
    _questions: int = 0
    _scratch: Path | None = None
    _pushed: dict[str, Any] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        return self.ticket.facts.run

    @property
    def pipeline(self) -> str:
        return self.ticket.facts.pipeline

    @property
    def team(self) -> str:
        return self.ticket.facts.team

    @property
    def actor(self) -> str:
        """Who started the run."""
        return self.ticket.facts.actor

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters of the run, as plain values."""
        return self.ticket.facts.params

    @property
    def started_at(self) -> datetime:
        """When the run started."""
        return self.ticket.facts.started_at

    @property
    def scheduled_for(self) -> datetime | None:
        """The time the run was due; None if nothing scheduled it."""
        return self.ticket.facts.scheduled_for

    @property
    def interval_start(self) -> datetime | None:
        """Start of the data interval."""
        return self.ticket.facts.interval_start

    @property
    def interval_end(self) -> datetime | None:
        """End of the data interval, not included."""
        return self.ticket.facts.interval_end

    @property
    def attempt(self) -> int:
        """1 for the first try."""
        return self.ticket.number

    @property
    def path(self) -> str:
        """The task's place in the graph, ids joined by "/"."""
        return self.ticket.path

    @property
    def indexes(self) -> tuple[int, ...]:
        """Positions in the enclosing maps, outermost first."""
        return self.ticket.indexes

    @property
    def index(self) -> int | None:
        """Position in the innermost map; None outside of a map."""
        return self.ticket.indexes[-1] if self.ticket.indexes else None

    @property
    def seed(self) -> int:
        """32 bits for this instance, the same in every attempt: pass it to whatever takes a random state."""
        return task_seed(self.ticket.facts.seed, self.ticket.path, self.ticket.indexes)

    @property
    def resume(self) -> Any:
        """What the attempt before this one left when it suspended; None otherwise."""
        return self.ticket.resume

    @property
    def logger(self) -> Logger:
        # Loaded by its name when it is asked for: every process that is forked pays for what is imported before.
        logger: Logger = importlib.import_module("logging").getLogger(LOGGER)
        return logger

    @property
    def cancelled(self) -> bool:
        """Whether the attempt was asked to end; a long loop without system calls may look at it."""
        return self.cancellation.requested

    @property
    def scratch(self) -> Path:
        """A folder of this attempt alone, removed after its outputs are stored."""
        if self._scratch is None:
            if self.scratch_root is None:
                # Loaded by its name, as logging is.
                self._scratch = Path(importlib.import_module("tempfile").mkdtemp(prefix="tidemill-task-"))
            else:
                self._scratch = scratch_folder(self.scratch_root, self.ticket.attempt)
                self._scratch.mkdir(parents=True, exist_ok=True)
        return self._scratch

    def push(self, key: str, value: Any, kind: str = "") -> None:
        """Store an output under `key` now; it is recorded whatever the end of the attempt.

        `kind` says what it is, as an annotation would: Dataset, Model, Metrics or Report.
        """
        if not key:
            raise ValueError("the key of a pushed output is a text that is not empty")
        plain, artifacts = self.keep(key, value, OutputSpec(Type(kind)) if kind else OutputSpec())
        self.link.send(Pushed(self.ticket.attempt, key, plain, artifacts))
        self._pushed[key] = value

    def act(self, action: str, **arguments: Any) -> Any:
        """Have an effect done by the owner of the run, once however often the task is repeated; the answer to it.

        Artifacts in an answer are records: `load` gives what one holds, and returning one passes it on.
        """
        self._acts += 1
        reply = self._ask(Verb.ACT, self._acts, action, arguments)
        return _records(reply.value, reply.artifacts)

    def load(self, artifact: Artifact) -> Any:
        """What an artifact holds, whose record the task was given: an argument annotated as Artifact, or an answer."""
        return self.resolve(ArtifactRef(artifact.id), {artifact.id: artifact})

    def read(self, node: str, key: str = "result", **where: Any) -> Any:
        """An output of this or an earlier run, loaded. `where`: pipeline, run, earlier, index."""
        self._questions += 1
        reply = self._ask(Verb.READ, self._questions, node, {"key": key, **where})
        return self.resolve(reply.value, reply.artifacts)

    def variable(self, name: str) -> Any:
        """A variable by its name."""
        self._questions += 1
        return self._ask(Verb.VARIABLE, self._questions, name, {}).value

    def steer(
        self, *, follow: tuple[str, ...] | None = None, skip: tuple[str, ...] = (), transitive: bool = False
    ) -> None:
        """Say which tasks after this one run: of the direct ones only `follow`, and none of `skip`."""
        self.steering = Steer(None if follow is None else tuple(follow), tuple(skip), transitive)

    def do_not_reuse(self) -> None:
        """Have what this attempt gives not kept for reuse: it may hold now, and not another time."""
        # A result that was steered from is not kept.
        self.steering = self.steering or Steer()

    def _ask(self, verb: Verb, number: int, name: str, arguments: Mapping[str, Any]) -> Reply:
        what = f"{verb.value} {name!r}"
        try:
            plain = {key: normalize(_reference(value)) for key, value in arguments.items()}
        except NotAValue as error:
            raise RequestRefused(
                f"{what}: {error}", remedy="annotate the parameter as Artifact to get, and pass on, a reference"
            ) from None
        reply: Reply = self.link.ask(Request(self.ticket.attempt, number, verb, name, plain))
        if reply.error:
            raise RequestRefused(f"{what} was refused: {reply.error}")
        self.given.update(reply.artifacts)
        return reply

    @contextmanager
    def active(self) -> Iterator[Context]:
        """Make this what `current()` answers; the scratch folder goes away at the end."""
        token = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(token)
            if self._scratch is not None:
                remove(self._scratch)


def current() -> Context:
    """The context of the task that is running here. Raises NoContext outside of a run."""
    try:
        return _current.get()
    except LookupError:
        raise NoContext(
            "there is no run here: the context exists while a task is executed by a run",
            remedy="in a plain call or a unit test, pass what the task needs as arguments",
        ) from None


def _records(value: Any, artifacts: Mapping[str, Artifact]) -> Any:
    match value:
        case ArtifactRef():
            return artifacts[value.id]
        case list():
            return [_records(item, artifacts) for item in value]
        case dict():
            return {key: _records(item, artifacts) for key, item in value.items()}
        case _:
            return value


def _reference(value: Any) -> Any:
    return ArtifactRef(value.id) if isinstance(value, Artifact) else value
