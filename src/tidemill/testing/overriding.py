"""From what a test wants to be otherwise to a pipeline in which it is: the user's module is left as it is.

Knows graphs and names; runs nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeAlias

from tidemill.authoring.pipeline import PipelineDefinition
from tidemill.authoring.references import reference_to
from tidemill.authoring.task import Task
from tidemill.core.bindings import Const, FunctionRef
from tidemill.core.errors import InputError, NotFound, did_you_mean
from tidemill.core.graph import (
    Call,
    Node,
    Pipeline,
    Returns,
    Scope,
    Sub,
    UntilEvent,
    UntilTrue,
    Wait,
    join_path,
    walk_nodes,
)
from tidemill.testing.places import Indexes, path_of, split
from tidemill.testing.stand_ins import Failing, Raised, StandIn
from tidemill.worker.functions import unwrap

Named: TypeAlias = str | Task[..., Any] | Callable[..., Any]
"""A task by its path (`folds/fit`; one instance `train[2]`; several `folds/*`), or the task or function itself."""

Fails: TypeAlias = Raised | Sequence[Raised]
"""An exception that is always raised, or a list of those that the first attempts raise."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a test wants to be otherwise."""

    replace: Mapping[Any, Callable[..., Any]]
    returns: Mapping[Any, Any]
    fails: Mapping[Any, Fails]

    def stand_ins(self, pipeline: Pipeline, folder: Path) -> list[StandIn]:
        """What is to be called instead. Raises NotFound and InputError for names and values that do not fit."""
        nodes = dict(walk_nodes(pipeline.root))
        calls: dict[str, dict[Indexes, Callable[..., Any]]] = {}
        failures: dict[str, dict[Indexes, Failing]] = {}
        for (path, indexes), (title, given) in _by_place(pipeline, nodes, self.replace).items():
            calls.setdefault(path, {})[indexes] = _replacing(path, nodes[path], title, given)
        for (path, indexes), (title, value) in _by_place(pipeline, nodes, self.returns).items():
            if indexes in calls.get(path, {}):
                raise InputError(
                    f"{title} is both replaced and given a result", remedy="give one of replace=, returns="
                )
            calls.setdefault(path, {})[indexes] = _constant(_as_declared(value, nodes[path]))
        for (path, indexes), (title, raised) in _by_place(pipeline, nodes, self.fails).items():
            failures.setdefault(path, {})[indexes] = _failing(title, raised)
        return [
            StandIn(path, _function_of(nodes[path]), calls.get(path, {}), failures.get(path, {}), folder)
            for path in nodes
            if path in calls or path in failures
        ]


def substituted(pipeline: Pipeline, functions: Mapping[str, FunctionRef]) -> Pipeline:
    """The pipeline with these functions at these paths; what they give is never kept for reuse."""
    return replace(pipeline, root=_scope(pipeline.root, "", functions))


def answers(pipeline: Pipeline, approve: Mapping[str, bool]) -> dict[str, bool]:
    """Answers to tasks that ask, by their whole names. Raises NotFound, InputError."""
    nodes = dict(walk_nodes(pipeline.root))
    found = {}
    for name, answer in approve.items():
        found[_title((path_of(name, nodes, f"pipeline {pipeline.name}"), split(name)[1]))] = answer
    return found


def check_events(pipeline: Pipeline, events: Mapping[str, Any]) -> None:
    """Raises NotFound for an event that the pipeline does not wait for."""
    waits = [node.body.until for _, node in walk_nodes(pipeline.root) if isinstance(node.body, Wait)]
    awaited = [wait.name for wait in waits if isinstance(wait, UntilEvent)]
    known = {str(name.value) for name in awaited if isinstance(name, Const)}
    for name in events:
        if name not in known and all(isinstance(one, Const) for one in awaited):
            remedy = did_you_mean(name, known) or "events= takes the names that wait_for_event waits for"
            raise NotFound(f"pipeline {pipeline.name} waits for no event {name!r}", remedy=remedy)


def _by_place(
    pipeline: Pipeline, nodes: Mapping[str, Node], given: Mapping[Any, Any]
) -> dict[tuple[str, Indexes], tuple[str, Any]]:
    """What is given, by task and instance; what is named exactly counts more than a pattern, whatever their order."""
    found = [(rank, place, value) for name, value in given.items() for rank, place in _places(pipeline, nodes, name)]
    return {place: (_title(place), value) for _, place, value in sorted(found, key=lambda one: one[0])}


def _places(pipeline: Pipeline, nodes: Mapping[str, Node], name: Any) -> list[tuple[int, tuple[str, Indexes]]]:
    if not isinstance(name, str):
        wanted = _reference(name)
        found = [path for path, node in nodes.items() if _calls(node) and _same(_function_of(node), wanted)]
        if not found:
            raise NotFound(
                f"pipeline {pipeline.name} does not call {wanted.name!r}", remedy=did_you_mean(wanted.name, nodes)
            )
        return [(1, (path, None)) for path in found]
    found = [path for path, node in nodes.items() if fnmatchcase(path, name) and _calls(node)]
    if found and name not in nodes:
        return [(0, (path, None)) for path in found]
    path = path_of(name, nodes, f"pipeline {pipeline.name}")
    _check_replaceable(path, nodes[path])
    return [(2, (path, split(name)[1]))]


def _reference(name: Any) -> FunctionRef:
    if isinstance(name, PipelineDefinition):
        raise InputError(f"{name.title} is a block of tasks, not one", remedy="name the tasks in it, as in 'block/*'")
    function = unwrap(name)
    if not callable(function):
        raise InputError(f"{name!r} names no task", remedy="give the path of a task, or the task itself")
    return reference_to(function)


def _same(one: FunctionRef, other: FunctionRef) -> bool:
    """A file may be imported under several names."""
    return one.name == other.name and (one.file == other.file if one.file else one.module == other.module)


def _title(place: tuple[str, Indexes]) -> str:
    path, indexes = place
    return path + "".join(f"[{index}]" for index in indexes or ())


def _calls(node: Node) -> bool:
    return isinstance(node.body, Call) or (isinstance(node.body, Wait) and isinstance(node.body.until, UntilTrue))


def _function_of(node: Node) -> FunctionRef:
    match node.body:
        case Call(function=function) | Wait(until=UntilTrue(function=function)):
            return function
    raise AssertionError(node.id)


def _check_replaceable(path: str, node: Node) -> None:
    if _calls(node):
        return
    match node.body:
        case Sub():
            raise InputError(f"{path!r} is a block of tasks, not one", remedy=f"name the tasks in it, as in '{path}/*'")
        case Wait():
            remedy = f"approve={{{path!r}: True}} or events={{NAME: PAYLOAD}} answers it; times pass by themselves"
            raise InputError(f"{path!r} waits, and calls no function that could be replaced", remedy=remedy)
    raise InputError(f"{path!r} calls no function that could be replaced")


def _replacing(path: str, node: Node, title: str, given: Any) -> Callable[..., Any]:
    function = given.function if isinstance(given, Task) else given
    if not callable(function) or isinstance(function, PipelineDefinition):
        raise InputError(
            f"{title} is replaced by {function!r:.80}, which is not a function", remedy="see also returns="
        )
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return function  # it does not tell
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        for name in node.inputs:
            if name not in parameters:
                takes = ", ".join(node.inputs)
                raise InputError(
                    f"the function that replaces {title} does not take its input {name!r}",
                    remedy=f"{path} is given ({takes}): take these, or **rest; returns= needs no function",
                )
    return function


def _as_declared(value: Any, node: Node) -> Any:
    """A plain tuple is enough where a named one is declared."""
    match node.body:
        case Call(returns=Returns.FIELDS, outputs=outputs) if type(value) is tuple and len(value) == len(outputs):
            return dict(zip(outputs, value, strict=True))
    return value


def _constant(value: Any) -> Callable[..., Any]:
    def constant(**inputs: Any) -> Any:
        return value

    return constant


def _failing(title: str, raised: Any) -> Failing:
    always = not isinstance(raised, list | tuple)
    errors = (raised,) if always else tuple(raised)
    for one in errors:
        if not isinstance(one, BaseException) and not (isinstance(one, type) and issubclass(one, BaseException)):
            raise InputError(
                f"{title} cannot fail with {one!r:.80}, which is not an exception",
                remedy=f"such as fails={{{title!r}: ValueError('x')}}, or a list for the first attempts",
            )
    return Failing(errors, always)


def _scope(scope: Scope, at: str, functions: Mapping[str, FunctionRef]) -> Scope:
    return replace(scope, nodes=tuple(_node(node, join_path(at, node.id), functions) for node in scope.nodes))


def _node(node: Node, path: str, functions: Mapping[str, FunctionRef]) -> Node:
    if isinstance(node.body, Sub):
        return replace(node, body=Sub(_scope(node.body.scope, path, functions)))
    if path not in functions:
        return node
    match node.body:
        case Call() as body:
            return replace(node, body=replace(body, function=functions[path]), cache=None)
        case Wait(until=UntilTrue() as until) as wait:
            return replace(node, body=replace(wait, until=replace(until, function=functions[path])))
    return node
