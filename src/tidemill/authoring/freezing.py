"""From drafts to the graph: the order of what runs at the end and of teardowns, join rules, and frozen nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tidemill.authoring.drafts import NodeDraft, ScopeDraft
from tidemill.authoring.references import reference_to
from tidemill.core.bindings import Binding, Const, Status, walk
from tidemill.core.errors import DefinitionError
from tidemill.core.expressions import top_reads
from tidemill.core.graph import (
    After,
    Body,
    Hook,
    Import,
    LimitUse,
    Node,
    Role,
    Scope,
    Sub,
    UntilApproval,
    UntilEvent,
    UntilTime,
    Wait,
)
from tidemill.core.joins import Join
from tidemill.core.wiring import waits


def freeze(scope: ScopeDraft) -> Scope:
    """The finished form of a scope and all inside it."""
    order_the_end(scope)
    return Scope(
        nodes=tuple(_node(node) for node in scope.nodes),
        inputs=scope.inputs,
        outputs=dict(scope.outputs),
        outcome=scope.outcome,
    )


def _node(node: NodeDraft) -> Node:
    options = node.options
    inner = freeze(node.inner) if node.inner else None
    body: Body = Sub(inner) if inner is not None else node.body or _nothing()
    return Node(
        id=node.id,
        body=body,
        after=tuple(After(earlier.path) for earlier in node.after),
        join=_join(node),
        inputs=dict(node.inputs),
        when=node.when,
        each=node.each,
        retry=options.retry,
        timeout=options.timeout,
        cache=replace(options.cache, parts=dict(node.cache_parts)) if options.cache else None,
        limits=tuple(LimitUse(Const(key), slots) for key, slots in node.limits.items()),
        priority=options.priority,
        role=_role(node),
        setups=tuple(setup.path for setup in node.setups),
        counts_for_outcome=options.counts_for_outcome,
        previous_run=options.previous_run,
        on_lost=options.on_lost,
        hooks=tuple(Hook(event, reference_to(function)) for event, function in options.hooks),
        resources=dict(node.resources),
        isolation=options.isolation,
        labels=dict(node.labels),
        source=node.source,
    )


def _nothing() -> Body:
    raise DefinitionError("a step was not completed; this is a fault of Tidemill")


def _role(node: NodeDraft) -> Role:
    if node.is_setup and node.options.role is Role.NORMAL:
        return Role.SETUP
    return Role.TEARDOWN if node.at_end and node.options.role is Role.NORMAL else node.options.role


def _join(node: NodeDraft) -> Join:
    """What was asked for, or what the node's place and inputs call for."""
    if node.options.join is not None:
        return node.options.join
    if node.setups:
        return Join.ALL_DONE_SETUP_SUCCESS
    # Whoever wants to know how something ended must run when it failed.
    if node.at_end or any(isinstance(part, Status) for binding in node.inputs.values() for part in walk(binding)):
        return Join.ALL_DONE
    return Join.ALL_SUCCESS


# --- order of teardowns and of what runs at the end -------------------------------------------------------------------


def order_the_end(scope: ScopeDraft) -> None:
    """A teardown comes after all that follows its setups; what runs at the end, after everything else in its scope.

    What a teardown is told to come after replaces what follows its setups: then only its author knows who uses them.
    """
    if not any(node.setups or node.at_end for node in scope.nodes):
        return
    ups = {id(node): _ups_within(node, scope) for node in scope.nodes}
    for node in scope.nodes:
        if not node.setups or node.options.after:
            continue
        later = _following(node, scope, ups)
        for setup in node.setups:
            for user in _following(setup, scope, ups):
                if user is not node and user not in later and not user.at_end:
                    _put_after(user, node, ups)
    for node in scope.nodes:
        if node.at_end:
            for other in scope.nodes:
                if not other.at_end:
                    _put_after(other, node, ups)


def _put_after(first: NodeDraft, second: NodeDraft, ups: dict[int, set[int]]) -> None:
    if first not in second.after and id(first) not in ups[id(second)]:
        second.after.append(first)
        ups[id(second)].add(id(first))


def _following(start: NodeDraft, scope: ScopeDraft, ups: dict[int, set[int]]) -> list[NodeDraft]:
    """The nodes of the scope that come after `start`, in order of definition."""
    top = _within(start, scope)
    found = {id(top)} if top else set()
    grown = True
    while grown:
        more = {key for key, before in ups.items() if key not in found and before & found}
        found |= more
        grown = bool(more)
    return [node for node in scope.nodes if id(node) in found and node is not top]


def _within(node: NodeDraft, scope: ScopeDraft) -> NodeDraft | None:
    """The node of `scope` that is or holds `node`."""
    at: NodeDraft | None = node
    while at is not None and at.scope is not scope:
        at = at.scope.holder
    return at


def _ups_within(node: NodeDraft, scope: ScopeDraft) -> set[int]:
    """Which nodes of `scope` a node or anything inside it waits for."""
    by_path = {other.path: other for other in scope.nodes}
    found: set[int] = set()
    for path in _waited_for(node):
        parts = path.split("/")
        for n in range(len(parts), 0, -1):
            other = by_path.get("/".join(parts[:n]))
            if other is not None and other is not node:
                found.add(id(other))
    return found


def _waited_for(node: NodeDraft) -> Iterator[str]:
    for binding in _bindings(node):
        for path, _ in waits(binding):
            yield path
    for earlier in (*node.after, *node.setups):
        yield earlier.path
    if node.inner is not None:
        for inner in node.inner.nodes:
            yield from _waited_for(inner)


def _bindings(node: NodeDraft) -> Iterator[Binding]:
    for named in (node.inputs, node.limits, node.resources, node.cache_parts):
        yield from named.values()
    if node.each:
        yield from (over.source for over in node.each.over)
    if node.when is not None:
        yield from top_reads(node.when)
    match node.body:
        case Wait(until=UntilTime(time=read) | UntilApproval(message=read)) | Import(uri=read):
            yield read
        case Wait(until=UntilEvent(name=name, key=key)):
            yield name
            yield from () if key is None else (key,)
