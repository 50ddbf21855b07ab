"""From the rows of a run that was made by one definition to another definition: what fits, and what must run again.

Tasks are the same if they have the same path. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tidemill.core.bindings import FunctionRef, Param
from tidemill.core.graph import Call, Node, Role, Sub, UntilTrue, Wait
from tidemill.core.history import TaskKind, TaskRecord
from tidemill.core.states import TaskState
from tidemill.core.wiring import Site, Wiring, all_bindings, ancestors
from tidemill.engine.reopen import current_rows, to_run_again
from tidemill.engine.restore import key_of

_NOT_DONE = {TaskState.FAILED: "it failed", TaskState.CANCELLED: "it was cancelled"}


@dataclass(frozen=True, slots=True)
class Change:
    """How one definition differs from another, by node path.

    `reshaped`: what was there has another place in maps and scopes, or is another kind of node, so that its rows say
    nothing any more. `edited`: it does something else, or with other inputs.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    reshaped: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        return not (self.added or self.removed or self.reshaped or self.edited)


@dataclass(frozen=True, slots=True)
class CarriedOver:
    """`kept` are the rows that stand; `again` says of each path some of which runs again why: "" if it only follows."""

    kept: tuple[TaskRecord, ...]
    again: Mapping[str, str]


def change(old: Wiring, new: Wiring) -> Change:
    """What differs between two definitions of a pipeline; the code of functions is not looked at."""
    both = [path for path in new.sites if path in old.sites]
    reshaped = [path for path in both if _shape(old, old.sites[path]) != _shape(new, new.sites[path])]
    edited = [path for path in both if path not in reshaped and _does(old.site(path)) != _does(new.site(path))]
    return Change(
        tuple(path for path in new.sites if path not in old.sites),
        tuple(path for path in old.sites if path not in new.sites),
        tuple(reshaped),
        tuple(edited),
    )


def reads_parameter(new: Wiring, names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Paths of the nodes that read one of these parameters of the run, and which one it is."""
    for path, site in new.sites.items():
        read = [one.name for one in all_bindings(site.node) if isinstance(one, Param) and not one.scope]
        found = next((name for name in read if name in names), "")
        if found:
            yield path, found


def carry_over(
    old: Wiring, new: Wiring, rows: Sequence[TaskRecord], wanted: Iterable[str], reasons: Mapping[str, str]
) -> CarriedOver:
    """What a new run by `new` takes over of a run that ended by `old`.

    `wanted` are paths to run again, and so are those of `reasons`, which says why; what failed runs again too.
    """
    changed = change(old, new)
    lost = {*changed.reshaped}
    fitting = [row for row in current_rows(old, rows) if row.path in new.sites and row.path not in lost]
    fitting = [row for row in fitting if not lost.intersection(ancestors(row.path))]
    why = dict.fromkeys(changed.reshaped, "its place in the pipeline has changed")
    why.update(dict.fromkeys(changed.added, "it is new"))
    why.update(reasons)
    for row in fitting:
        if row.path and row.kind is TaskKind.LEAF and row.state in _NOT_DONE:
            why.setdefault(row.path, _NOT_DONE[row.state])
    named = dict.fromkeys(wanted, "")
    again = to_run_again(new, fitting, {*named, *reasons}, [*changed.added, *changed.reshaped])
    kept = tuple(row for row in fitting if row.path and key_of(row) not in again)
    whole = {row.path for row in fitting} - {row.path for row in kept}
    paths = [path for path in new.sites if path in {key.path for key in again} | whole | {*changed.added, *lost}]
    return CarriedOver(kept, {path: "" if path in named else why.get(path, "") for path in paths})


def taken(wiring: Wiring, row: TaskRecord, now: datetime) -> TaskRecord:
    """The row as another run begins with it: as if it had been reused there."""
    # Whoever goes on with it sees by the start of a scope, or of a teardown, whether it did anything.
    began = row.kind is not TaskKind.LEAF or wiring.site(row.path).node.role is Role.TEARDOWN
    return TaskRecord(
        run=row.run,
        path=row.path,
        instance=row.instance,
        generation=0,
        kind=row.kind,
        state=row.state,
        outputs=row.outputs,
        inputs=row.inputs,
        cause=row.cause,
        count=row.count,
        sizes=row.sizes,
        round=row.round,
        steer=row.steer,
        started_at=now if began and row.started_at is not None else None,
        ended_at=now,
        reused_from=f"run {row.run}, {key_of(row)}",
    )


def unsound(old: Wiring, new: Wiring, rows: Sequence[TaskRecord]) -> dict[str, str]:
    """Paths whose rows would stand for something else in the new definition, and why."""
    there = {row.path for row in rows}
    found = {}
    for path in change(old, new).reshaped:
        if path not in there:
            continue
        before, after = old.sites[path], new.sites[path]
        if before.own != after.own:
            found[path] = "it was mapped, and is not any more" if before.own else "it was not mapped, and is now"
        elif type(before.node.body) is not type(after.node.body):
            found[path] = "it was another kind of task"
        else:
            found[path] = "its place in maps and scopes has changed"
    return found


def _shape(wiring: Wiring, site: Site) -> Any:
    each = site.node.each
    mapped = None if each is None else (each.combine, tuple((over.name, over.follow) for over in each.over))
    frames = tuple((frame.path, frame.mapped, frame.retried) for frame in site.inner_frames)
    return type(site.node.body), mapped, frames


def _does(site: Site) -> Any:
    """What of a node its result depends on."""
    node = _without_places(site.node)
    body: Any = node.body
    if isinstance(body, Sub):
        body = (body.scope.inputs, body.scope.outputs, body.scope.outcome)
    after = tuple(sorted((one.node, one.instances) for one in node.after))
    return body, after, node.join, node.inputs, node.when, node.each, node.role, node.setups


def _without_places(node: Node) -> Node:
    match node.body:
        case Call(function=function):
            return replace(node, body=replace(node.body, function=_anywhere(function)))
        case Wait(until=UntilTrue(function=function)):
            assert isinstance(node.body.until, UntilTrue)
            return replace(node, body=replace(node.body, until=replace(node.body.until, function=_anywhere(function))))
    return node


def _anywhere(function: FunctionRef) -> FunctionRef:
    return replace(function, file="")
