"""How a scope ended, from how the nodes in it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import Outcome, Role, Scope
from tidemill.core.states import TaskState
from tidemill.core.wiring import Site
from tidemill.engine.unit import Unit

_BAD = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED, TaskState.CANCELLED})


def outcome_of(scope: Scope, children: Iterable[Unit]) -> tuple[TaskState, Cause | None]:
    """SUCCEEDED, or FAILED with the cause of the first child that failed of itself."""
    counted = [unit for unit in children if unit.site.node.counts_for_outcome]
    if scope.outcome is Outcome.LEAVES:
        counted = [unit for unit in counted if is_leaf(unit.site)]
    bad = [unit for unit in counted if unit.state in _BAD]
    if not bad:
        return TaskState.SUCCEEDED, None
    first = next((unit for unit in bad if unit.state is TaskState.FAILED), bad[0])
    why = f": {first.cause.message}" if first.cause else ""
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    kind = first.cause.kind if first.cause else CauseKind.UPSTREAM
    return TaskState.FAILED, Cause(kind, f"{first.key} {first.state.value}{why}{more}", by=str(first.key))


def is_leaf(site: Site) -> bool:
    """Nothing in the same scope comes after it; teardowns are looked through."""
    if site.node.role is Role.TEARDOWN:
        return site.node.counts_for_outcome and not site.downs
    return not any(_same_scope(site, edge.down) for edge in site.downs if not edge.setup)


def _same_scope(site: Site, path: str) -> bool:
    return path.rpartition("/")[0] == site.parent


def of_many(ends: Mapping[TaskState, int], first: Cause | None) -> Cause:
    """Why a map ended as it did: how its instances ended, and what the first that failed said."""
    total = sum(ends.values())
    said = ", ".join(
        f"{number} {state.value}" for state, number in sorted(ends.items(), key=lambda pair: pair[0].value)
    )
    kind = first.kind if first is not None else CauseKind.UPSTREAM
    why = f"; first: {first.message}" if first is not None else ""
    return Cause(kind, f"of {total} instances {said}{why}")
