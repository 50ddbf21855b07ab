"""How a scope ended, from how the nodes in it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import Outcome, Scope, Sub
from tidemill.core.states import TaskState
from tidemill.engine.unit import Unit

_LAST = "did not succeed)"
_BAD = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED, TaskState.CANCELLED})


def outcome_of(scope: Scope, children: Iterable[Unit]) -> tuple[TaskState, Cause | None]:
    """SUCCEEDED, or FAILED with the cause of the first child that failed of itself."""
    counted = [unit for unit in children if unit.site.node.counts_for_outcome]
    if scope.outcome is Outcome.LEAVES:
        # Teardowns and what else does not count come after everybody, and handle nobody's failure.
        followed = {edge.up for unit in counted for edge in unit.site.ups}
        counted = [unit for unit in counted if unit.key.path not in followed]
    bad = [unit for unit in counted if unit.state in _BAD]
    if not bad:
        return TaskState.SUCCEEDED, None
    first = next((unit for unit in bad if unit.state is TaskState.FAILED), bad[0])
    more = f" (and {_others(len(bad) - 1)} {_LAST}" if len(bad) > 1 else ""
    if first.state is TaskState.FAILED and isinstance(first.site.node.body, Sub) and first.cause and first.cause.by:
        # What failed in there is named already, and once is enough.
        told = first.cause.message
        return TaskState.FAILED, replace(first.cause, message=told if told.endswith(_LAST) else told + more)
    why = f": {first.cause.message}" if first.cause else ""
    kind = first.cause.kind if first.cause else CauseKind.UPSTREAM
    return TaskState.FAILED, Cause(kind, f"{first.key} {first.state.value}{why}{more}", by=str(first.key))


def _others(count: int) -> str:
    return "1 other task" if count == 1 else f"{count} other tasks"


def of_many(ends: Mapping[TaskState, int], first: Cause | None) -> Cause:
    """Why a map ended as it did: how its instances ended, and what the first that failed said."""
    total = sum(ends.values())
    said = ", ".join(
        f"{number} {state.value}" for state, number in sorted(ends.items(), key=lambda pair: pair[0].value)
    )
    kind = first.kind if first is not None else CauseKind.UPSTREAM
    why = f"; first: {first.message}" if first is not None else ""
    return Cause(kind, f"of {total} instances {said}{why}")
