"""The graph while it is being traced: nodes and scopes that can still grow, and the recorder that holds them.

Knows the core's graph only; what users write is read elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from tidemill.authoring.options import NO_OPTIONS, Options
from tidemill.authoring.place import here, show
from tidemill.core.bindings import RESULT, Absent, Binding, Collect, FunctionRef, Gap, Output, Path
from tidemill.core.errors import DefinitionError, TidemillError
from tidemill.core.expressions import Expression
from tidemill.core.graph import Body, Each, Outcome, Returns, Source, join_path
from tidemill.core.problems import Problem, ProblemsFound
from tidemill.core.types import ANY, Parameter, Type

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,249}")


@dataclass(slots=True)
class Gives:
    """What a node gives: how, under which keys, of which types. `unpackable`: `a, b = node()` is fine."""

    returns: Returns = Returns.VALUE
    types: Mapping[str, Type] = field(default_factory=lambda: {RESULT: ANY})
    unpackable: bool = False


@dataclass(slots=True, eq=False)
class NodeDraft:
    """One node. Exactly one of `body` and `inner` is set once it is complete."""

    id: str
    scope: ScopeDraft
    source: Source
    options: Options = NO_OPTIONS
    body: Body | None = None
    inner: ScopeDraft | None = None
    inputs: Mapping[str, Binding] = field(default_factory=dict)
    when: Expression | None = None
    each: Each | None = None
    gives: Gives = field(default_factory=Gives)
    after: list[NodeDraft] = field(default_factory=list)
    setups: list[NodeDraft] = field(default_factory=list)
    limits: Mapping[str, Binding] = field(default_factory=dict)
    resources: Mapping[str, Binding] = field(default_factory=dict)
    cache_parts: Mapping[str, Binding] = field(default_factory=dict)
    labels: dict[str, Any] = field(default_factory=dict)
    at_end: bool = False
    is_setup: bool = False

    @property
    def path(self) -> str:
        return join_path(self.scope.path, self.id)

    @property
    def mapped(self) -> bool:
        return self.each is not None

    @property
    def retried_scope(self) -> bool:
        return self.inner is not None and self.options.retry is not None


@dataclass(slots=True, eq=False)
class ScopeDraft:
    """One scope.

    `maybe` are the outputs that a branch may leave out, `branches` the conditions of the last `when` family here, and
    `ending` says that `at_end` is open.
    """

    holder: NodeDraft | None = None
    nodes: list[NodeDraft] = field(default_factory=list)
    inputs: tuple[Parameter, ...] = ()
    outputs: dict[str, Binding] = field(default_factory=dict)
    maybe: set[str] = field(default_factory=set)
    groups: list[str] = field(default_factory=list)
    branches: list[Expression] | None = None
    ending: bool = False
    outcome: Outcome = Outcome.ANY_FAILURE
    taken: set[str] = field(default_factory=set)

    @property
    def path(self) -> str:
        return self.holder.path if self.holder else ""

    @property
    def outer(self) -> ScopeDraft | None:
        return self.holder.scope if self.holder else None

    def chain(self) -> Iterator[ScopeDraft]:
        """This scope and those around it, innermost first."""
        scope: ScopeDraft | None = self
        while scope is not None:
            yield scope
            scope = scope.outer

    def frames(self) -> list[NodeDraft]:
        """The mapped or retried nodes around what is in this scope, innermost first."""
        holders = (scope.holder for scope in self.chain())
        return [holder for holder in holders if holder and (holder.mapped or holder.retried_scope)]

    def free_id(self, wanted: str) -> str:
        """`wanted`, or with `_2`, `_3`, ... if it is taken here."""
        name, number = wanted, 1
        while name in self.taken:
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name)
        return name

    def numbered_id(self, wanted: str) -> str:
        """`wanted_1`, `wanted_2`, ..."""
        number = 1
        while f"{wanted}_{number}" in self.taken:
            number += 1
        return self.free_id(f"{wanted}_{number}")

    def export(self, key: str, binding: Binding) -> str:
        """Make a value of the inside readable from outside, and give its key."""
        for known, there in self.outputs.items():
            if there == binding:
                return known
        name, number = key, 1
        while name in self.outputs:
            number += 1
            name = f"{key}_{number}"
        self.outputs[name] = binding
        return name


@dataclass(slots=True)
class Use:
    """One function of the graph. `places` are where it is used with a cache, which needs its fingerprint."""

    function: Callable[..., Any]
    places: list[str] = field(default_factory=list)


class Recorder:
    """One trace under way: the scope that is open, the functions met, and what was found to be wrong."""

    def __init__(self) -> None:
        self.root = ScopeDraft()
        self.scope = self.root
        self.problems: list[Problem] = []
        self.functions: dict[FunctionRef, Use] = {}
        self.tracing: list[object] = []
        self.called: list[object] = []

    def problem(self, code: str, message: str, remedy: str, place: Source) -> None:
        self.problems.append(Problem(code, show(place), message, remedy))

    def caught(self, error: TidemillError, place: Source) -> None:
        """Keep what an error tells and go on."""
        if isinstance(error, ProblemsFound):
            self.problems.extend(error.problems)
        else:
            self.problems.append(Problem.of(error, show(place)))

    def add(self, name: str, source: Source, options: Options = NO_OPTIONS, numbered: bool = False) -> NodeDraft:
        """A new node in the open scope, named `name` as far as that is free."""
        wanted = options.name or name
        if not _NAME.fullmatch(wanted):
            self.problem("bad-name", f"{wanted!r} cannot name a task", "use letters, digits and _ . -", source)
            wanted = re.sub(r"[^A-Za-z0-9_.-]", "_", wanted)[:250] or "task"
        scope = self.scope
        taken = scope.numbered_id(wanted) if numbered and not options.name else scope.free_id(wanted)
        node = NodeDraft(taken, scope, source, options, at_end=scope.ending)
        if scope.groups:
            node.labels["group"] = "/".join(scope.groups)
        scope.nodes.append(node)
        return node


_current: ContextVar[Recorder | None] = ContextVar("tidemill_recorder", default=None)


def current() -> Recorder | None:
    """The trace under way, if there is one."""
    return _current.get()


def recorder(what: str, place: Source) -> Recorder:
    """The trace under way. Raises DefinitionError where there is none."""
    found = _current.get()
    if found is None:
        raise DefinitionError(
            f"{what} is used outside of a pipeline",
            remedy="use it in a function decorated with @pipeline",
            place=show(place),
        )
    return found


class Tracing:
    """`with Tracing(recorder):` makes it the trace under way, in this context only."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __enter__(self) -> Recorder:
        self._token = _current.set(self._recorder)
        return self._recorder

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


def read_output(
    node: NodeDraft,
    key: str,
    at: ScopeDraft,
    path: Path = (),
    absent: Absent = Absent.FAIL,
    missing: Gap = Gap.OMIT,
) -> Binding:
    """The binding that reads an output of `node` from within the scope `at`.

    A scope that is retried as a whole gives its values when it is done, not while it may still start anew: what lies
    inside is read through its outputs.
    """
    around = set(map(id, at.chain()))
    if not any(id(scope) in around for scope in node.scope.chain()):
        raise DefinitionError(
            f"the result of {node.path!r} belongs to another pipeline",
            remedy="pass it between pipelines as a parameter, or call the task in this one",
            place=show(here()),
        )
    leaving = [scope.holder for scope in node.scope.chain() if id(scope) not in around and scope.holder]
    for holder in reversed(leaving):
        if holder.retried_scope and holder.inner is not None:
            # What is inside each item of a map can be reached only where the map is.
            inner_path, outer_path = (path, ()) if node.mapped else ((), path)
            inside = read_output(node, key, holder.inner, inner_path, Absent.OMIT, missing)
            name = holder.inner.export(".".join(map(str, (node.id, key, *inner_path))), inside)
            if depends_on_branch(node, holder.inner):
                holder.inner.maybe.add(name)
            return read_output(holder, name, at, outer_path, absent, missing)
    if node.mapped:
        return Collect(node.path, key, path, missing=missing)
    if absent is Absent.FAIL and node.inner is not None and (not path or key in node.inner.maybe):
        # A scope succeeds without the outputs of what was skipped in it; their readers are skipped along.
        absent = Absent.SKIP
    return Output(node.path, key, path, absent)


def depends_on_branch(node: NodeDraft, scope: ScopeDraft) -> bool:
    """Whether a node inside `scope` lies in a branch there, which may not be taken."""
    at: NodeDraft | None = node
    while at is not None and at.scope is not scope:
        at = at.scope.holder
        if at is not None and at.when is not None:
            return True
    return False
