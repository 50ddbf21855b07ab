"""The graph: the one plain-data form of every pipeline, whoever wrote it.

A pipeline is parameters and a root scope; a scope is nodes; a node is a header, the same for every body, and a body.
Nothing here knows where a graph came from, how it is stored or who runs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from tidemill.core.bindings import RESULT, Binding, FunctionRef
from tidemill.core.expressions import Expression
from tidemill.core.joins import Join
from tidemill.core.types import ANY, Parameter, Type
from tidemill.core.values import Json

FORMAT = 1
"""Version of the JSON form; raised by every change that an older reader would misunderstand."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the user wrote it."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


# --- bodies -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One declared output: its type, and the codec to store it with ("" = chosen by the value)."""

    type: Type = ANY
    codec: str = ""


KEYWORDS = "**"
"""The name in `Call.takes` that stands for any input the function takes by keyword."""


class Returns(Enum):
    """How what a function returns becomes outputs."""

    VALUE = "value"  # the whole is the output `result`
    FIELDS = "fields"  # a named tuple, dataclass or dict: one output for each field
    ITEMS = "items"  # a plain tuple: one output for each position, keys "0", "1", ...


@dataclass(frozen=True, slots=True)
class Call:
    """A Python function. `takes` are the types of its inputs, for the check of edges."""

    function: FunctionRef
    outputs: Mapping[str, OutputSpec] = field(default_factory=lambda: {RESULT: OutputSpec()})
    returns: Returns = Returns.VALUE
    takes: Mapping[str, Type] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    acts: bool = False  # has effects outside, or reads by key at run time: never reused from the cache


@dataclass(frozen=True, slots=True)
class Container:
    """A command in an image."""

    image: Binding
    argv: tuple[Binding, ...] = ()
    env: Mapping[str, Binding] = field(default_factory=dict)
    outputs: Mapping[str, OutputSpec] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Import:
    """An artifact that exists outside: recorded with its URI and metadata, never owned."""

    uri: Binding
    type: Type = ANY
    metadata: Mapping[str, Binding] = field(default_factory=dict)
    reimport: bool = False


class Overdue(Enum):
    """What a wait does when its deadline passes."""

    FAIL = "fail"
    SKIP = "skip"
    SUCCEED = "succeed"


@dataclass(frozen=True, slots=True)
class UntilTime:
    """A datetime, or a timedelta counted from the start of the wait."""

    time: Binding


@dataclass(frozen=True, slots=True)
class UntilEvent:
    """An event with this name (and, if given, this key); its payload becomes the output `result`."""

    name: Binding
    key: Binding | None = None


@dataclass(frozen=True, slots=True)
class UntilApproval:
    """A person's yes; the output `result` says who and with what comment. A no fails the node, without retry."""

    message: Binding
    approvers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UntilTrue:
    """A function polled every `interval` seconds until it returns true; no process is held in between."""

    function: FunctionRef
    interval: float
    takes: Mapping[str, Type] = field(default_factory=dict)


Until: TypeAlias = UntilTime | UntilEvent | UntilApproval | UntilTrue


@dataclass(frozen=True, slots=True)
class Wait:
    """Holds no process while it waits. `deadline` is seconds from its start."""

    until: Until
    deadline: float | None = None
    overdue: Overdue = Overdue.FAIL


class Outcome(Enum):
    """When a scope has failed, once nothing in it is unfinished."""

    ANY_FAILURE = "any_failure"  # any node that counts ended failed or upstream_failed
    LEAVES = "leaves"  # any leaf did (teardowns and what does not count are looked through)


@dataclass(frozen=True, slots=True)
class Scope:
    """Nodes with names unique among them; `outputs` are what others may read from the `Sub` that holds it."""

    nodes: tuple[Node, ...] = ()
    inputs: tuple[Parameter, ...] = ()
    outputs: Mapping[str, Binding] = field(default_factory=dict)
    outcome: Outcome = Outcome.ANY_FAILURE


@dataclass(frozen=True, slots=True)
class Sub:
    """A whole scope as one node. Its header's inputs are bound to the scope's inputs when it starts."""

    scope: Scope


Body: TypeAlias = Call | Container | Import | Wait | Sub


# --- header -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class After:
    """An ordering edge. `instances`: a mapped upstream counts once for each instance instead of once."""

    node: str
    instances: bool = False


@dataclass(frozen=True, slots=True)
class Over:
    """One thing to map over.

    `follow`: `source` is an `Output` of a mapped node under the same frames, and each instance here follows the one
    instance there, as soon as that one is done, without waiting for the rest.
    """

    name: str
    source: Binding
    follow: bool = False


class Combine(Enum):
    PRODUCT = "product"  # every combination; the last name varies fastest
    ZIP = "zip"  # position by position; different lengths are an error


class Empty(Enum):
    """What a map over nothing becomes."""

    SKIP = "skip"
    SUCCEED = "succeed"


@dataclass(frozen=True, slots=True)
class Each:
    """Run the node once for each item. `parallelism` bounds how many instances of this map run at once."""

    over: tuple[Over, ...]
    combine: Combine = Combine.PRODUCT
    parallelism: int | None = None
    empty: Empty = Empty.SUCCEED
    longest: int | None = None


@dataclass(frozen=True, slots=True)
class RetryRule:
    """The first rule with a class among the exception's own decides. `limit` None = the policy's."""

    exceptions: tuple[str, ...]
    retry: bool = True
    limit: int | None = None
    delay: float | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """`limit` further attempts.

    The n-th waits delay * factor**(n-1), at most `cap` seconds, moved by up to +-`jitter` of itself.
    """

    limit: int
    delay: float = 0.0
    factor: float = 1.0
    cap: float | None = None
    jitter: float = 0.0
    rules: tuple[RetryRule, ...] = ()


class LostPolicy(Enum):
    RETRY = "retry"  # with a budget of its own
    FAIL = "fail"  # counts as a failure of the attempt
    NEVER = "never"  # never run twice: the task run fails


@dataclass(frozen=True, slots=True)
class OnLost:
    policy: LostPolicy = LostPolicy.RETRY
    budget: int = 3


@dataclass(frozen=True, slots=True)
class Cache:
    """Reuse of an earlier result. `ttl` in seconds; `parts` are more values of the key; `ignore`: inputs not in it."""

    ttl: float | None = None
    parts: Mapping[str, Binding] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()


ONCE = "once:"
"""A limit whose key begins so has one slot and exists while somebody holds it: the rest names a result to be kept."""


@dataclass(frozen=True, slots=True)
class LimitUse:
    """`slots` of the limit `key` (such as "pool:gpu") are held while an attempt is out."""

    key: Binding
    slots: Binding


class Role(Enum):
    NORMAL = "normal"
    SETUP = "setup"
    TEARDOWN = "teardown"  # also runs when the run is cancelled, if one of its setups succeeded (or it has none)


class PreviousRun(Enum):
    """What must have succeeded (or been skipped) in the previous run of this pipeline before the node starts."""

    NONE = "none"
    SELF = "self"
    SELF_AND_DOWNSTREAM = "self_and_downstream"


class HookEvent(Enum):
    EXECUTE = "execute"
    SUCCESS = "success"
    FAILURE = "failure"
    RETRY = "retry"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Hook:
    """A user's function called in a worker when the event happens; its own failure is recorded and changes nothing."""

    event: HookEvent
    function: FunctionRef


class Isolation(Enum):
    """What the attempts of a task have to themselves."""

    PROCESS = "process"
    SHARED = "shared"  # one process after another, together with other tiny tasks


@dataclass(frozen=True, slots=True)
class Node:
    id: str
    body: Body
    after: tuple[After, ...] = ()
    join: Join = Join.ALL_SUCCESS
    inputs: Mapping[str, Binding] = field(default_factory=dict)
    when: Expression | None = None
    each: Each | None = None
    retry: Retry | None = None
    timeout: float | None = None
    cache: Cache | None = None
    limits: tuple[LimitUse, ...] = ()
    priority: int = 0
    role: Role = Role.NORMAL
    setups: tuple[str, ...] = ()
    counts_for_outcome: bool = True
    previous_run: PreviousRun = PreviousRun.NONE
    on_lost: OnLost = OnLost()
    hooks: tuple[Hook, ...] = ()
    resources: Mapping[str, Binding] = field(default_factory=dict)
    isolation: Isolation = Isolation.PROCESS
    labels: Mapping[str, Json] = field(default_factory=dict)
    source: Source | None = None

    @property
    def scope(self) -> Scope | None:
        return self.body.scope if isinstance(self.body, Sub) else None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`functions` maps each function reference to the fingerprint of its code; `timeout` is seconds for a whole run."""

    name: str
    root: Scope
    params: tuple[Parameter, ...] = ()
    description: str = ""
    labels: Mapping[str, Json] = field(default_factory=dict)
    schedule: str = ""
    timeout: float | None = None
    parallelism: int | None = None
    functions: Mapping[str, str] = field(default_factory=dict)
    source: Source | None = None


def join_path(scope: str, node: str) -> str:
    return f"{scope}/{node}" if scope else node


def walk_nodes(scope: Scope, at: str = "") -> Iterator[tuple[str, Node]]:
    """Every node with its path, each before what is inside it, in the order of definition."""
    for node in scope.nodes:
        path = join_path(at, node.id)
        yield path, node
        if isinstance(node.body, Sub):
            yield from walk_nodes(node.body.scope, path)
