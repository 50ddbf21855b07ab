"""What travels between engine, executor and worker: the ticket of an attempt, its messages back, artifact records.

All are frozen and have one plain-JSON form (`core.plain`), so the same record crosses a pipe, a socket or a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias

from tidemill.core.bindings import Binding, FunctionRef
from tidemill.core.causes import Cause
from tidemill.core.graph import Hook, OutputSpec, RetryRule, Returns
from tidemill.core.states import AttemptState
from tidemill.core.types import Type


@dataclass(frozen=True, slots=True)
class Artifact:
    """A typed record with metadata and at most one location: owned content (`digest`) or something outside (`uri`).

    `kind` is "file" or "tree" for owned content; `codec` says how to load it; `safe` is false if loading may run code
    (pickle). `output` is the name under which its producer gave it. `preview` (`core.previews`) is for people, goes
    with the report alone, and is no part of what the record says.
    """

    id: str
    type: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    codec: str = ""
    digest: str = ""
    size: int = 0
    kind: str = ""
    uri: str = ""
    version: str = ""
    safe: bool = True
    output: str = ""
    preview: Mapping[str, Any] = field(default_factory=dict, compare=False)


# --- what a worker is asked to do -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunFunction:
    function: FunctionRef
    returns: Returns
    outputs: Mapping[str, OutputSpec]
    takes: Mapping[str, Type] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PollFunction:
    """Ends succeeded when the function returns true (or a `PollResult`), else suspended for `interval` seconds."""

    function: FunctionRef
    interval: float
    takes: Mapping[str, Type] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunCommand:
    image: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    outputs: Mapping[str, OutputSpec]


Work: TypeAlias = RunFunction | PollFunction | RunCommand


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a task may know about its run. The three dates are never one."""

    run: str
    pipeline: str
    team: str
    started_at: datetime
    seed: int
    scheduled_for: datetime | None = None
    interval_start: datetime | None = None
    interval_end: datetime | None = None
    actor: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ticket:
    """Everything a worker needs for one attempt.

    `inputs` are reduced bindings: only Const, ListOf, DictOf, Template and Apply are left, and values hold artifact
    references whose records are in `artifacts`. `store` is the address of the artifact store. `timeout` is in seconds,
    or None. `final_number` is the attempt number after which no retry follows (so that hooks know failure from retry).
    """

    attempt: str
    path: str
    instance: str
    generation: int
    number: int
    work: Work
    facts: RunFacts
    store: str
    inputs: Mapping[str, Binding] = field(default_factory=dict)
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)
    retry_rules: tuple[RetryRule, ...] = ()
    hooks: tuple[Hook, ...] = ()
    final_number: int = 1
    timeout: float | None = None
    indexes: tuple[int, ...] = ()
    resources: Mapping[str, Any] = field(default_factory=dict)
    resume: Any = None
    secrets: tuple[str, ...] = ()
    shared: bool = False
    """It may run in one process with others, one after the other."""


# --- what comes back --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds on the wall, seconds of processor (user + system, children included), peak resident memory in bytes."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Steer:
    """A task's word on what follows it, by node path.

    `follow`: of the direct downstreams, skip all but these (and what these lead to); None = no such word. `skip`: skip
    these. `transitive`: also skip everything after a skipped one, whatever its join rule, teardowns excepted. Within a
    map, or a scope that is tried again, the word reaches no further than that, but for what `skip` names.
    """

    follow: tuple[str, ...] | None = None
    skip: tuple[str, ...] = ()
    transitive: bool = False


@dataclass(frozen=True, slots=True)
class Wake:
    """When a suspended attempt goes on: at a time, on an event, on approval; `resume` is for the next attempt.

    `artifacts` were found damaged by the task run: it goes on when they have been made anew, and asks for each once.
    """

    after_s: float | None = None
    at: datetime | None = None
    event: str = ""
    event_key: str = ""
    approval: str = ""
    resume: Any = None
    deadline_s: float | None = None
    artifacts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Began:
    """The attempt's process exists and is about to work. `pid` is 0 for executors without processes."""

    attempt: str
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Pushed:
    """An output stored under any key while running; recorded whatever the end of the attempt."""

    attempt: str
    key: str
    value: Any
    artifacts: tuple[Artifact, ...] = ()


class Verb(Enum):
    ACT = "act"  # an effect, executed by the owner, once
    READ = "read"  # an output of this or an earlier run
    VARIABLE = "variable"


@dataclass(frozen=True, slots=True)
class Request:
    """A question of the worker, answered by a `Reply` with the same number: for ACT the ordinal of the effect."""

    attempt: str
    number: int
    verb: Verb
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    number: int
    value: Any = None
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """How an attempt ended, said by its worker. `rule` is the index of the retry rule that matched its exception.

    `damaged`: what is wrong with stored inputs, by artifact id; then the function has not been called.
    """

    attempt: str
    state: AttemptState
    outputs: Mapping[str, Any] = field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    cause: Cause | None = None
    rule: int | None = None
    steer: Steer | None = None
    wake: Wake | None = None
    usage: Usage = Usage()
    notes: tuple[str, ...] = ()
    damaged: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gone:
    """The attempt's process ended without a report, says the executor; the cause names signal, exit code or memory.

    `lost`: something outside took it away (a machine, a template, a kill from elsewhere); otherwise it died of itself.
    `begun`: false if it is certain that nothing of it was done.
    """

    attempt: str
    cause: Cause
    usage: Usage = Usage()
    timed_out: bool = False
    lost: bool = False
    begun: bool = True


@dataclass(frozen=True, slots=True)
class Note:
    """Something the executor wants recorded about itself, such as why it spawns instead of forking."""

    attempt: str
    text: str


Message: TypeAlias = Began | Pushed | Request | Report | Gone | Note
