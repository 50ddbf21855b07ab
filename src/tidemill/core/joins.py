"""Join rules: when a node may start, given how its upstreams ended. One table of two predicates over counts.

The thirteen rules and their answers are those of Apache Airflow's trigger rules, so that foreign graphs keep their
meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from tidemill.core.states import TaskState


class Join(Enum):
    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
    ALL_DONE_MIN_ONE_SUCCESS = "all_done_min_one_success"
    ALL_SKIPPED = "all_skipped"
    ONE_FAILED = "one_failed"
    ONE_SUCCESS = "one_success"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    NONE_SKIPPED = "none_skipped"
    ALWAYS = "always"
    ALL_DONE_SETUP_SUCCESS = "all_done_setup_success"


@dataclass(slots=True)
class Counts:
    """How the upstreams of one node instance stand. Removed instances do not count; cancelled ones count as failed.

    `expanding` are maps that are followed and whose number of instances is not yet known: no rule is about them.
    """

    open: int = 0
    succeeded: int = 0
    failed: int = 0
    upstream_failed: int = 0
    skipped: int = 0
    setups: int = 0
    setups_succeeded: int = 0
    setups_skipped: int = 0
    expanding: int = 0

    @property
    def done(self) -> bool:
        return self.open == 0

    @property
    def total(self) -> int:
        return self.open + self.succeeded + self.failed + self.upstream_failed + self.skipped

    def add(self, state: TaskState, number: int = 1) -> None:
        """Count `number` more upstreams in `state`; a negative number takes them away again."""
        match state:
            case TaskState.SUCCEEDED:
                self.succeeded += number
            case TaskState.FAILED | TaskState.CANCELLED:
                self.failed += number
            case TaskState.UPSTREAM_FAILED:
                self.upstream_failed += number
            case TaskState.SKIPPED:
                self.skipped += number
            case TaskState.REMOVED:
                pass
            case _:
                self.open += number


@dataclass(frozen=True, slots=True)
class JoinRule:
    """`runs` says that the node may start now; `ends` gives the final state it takes without starting, or None."""

    runs: Callable[[Counts], bool]
    ends: Callable[[Counts], TaskState | None]


_UPSTREAM_FAILED, _SKIPPED = TaskState.UPSTREAM_FAILED, TaskState.SKIPPED


def _bad(c: Counts) -> int:
    return c.failed + c.upstream_failed


def _end_if(condition: bool, state: TaskState) -> TaskState | None:
    return state if condition else None


def _ends_one_success(c: Counts) -> TaskState | None:
    if not c.done or c.succeeded:
        return None
    return _SKIPPED if c.skipped == c.total else _UPSTREAM_FAILED


def _ends_min_one_success(c: Counts) -> TaskState | None:
    if _bad(c):
        return _UPSTREAM_FAILED
    return _end_if(c.done and c.succeeded == 0, _SKIPPED)


def _ends_done_min_one(c: Counts) -> TaskState | None:
    if c.skipped:
        return _SKIPPED
    return _end_if(c.done and c.succeeded == 0, _UPSTREAM_FAILED)


def _ends_setup(c: Counts) -> TaskState | None:
    if not c.done or not c.setups or c.setups_succeeded:
        return None
    return _SKIPPED if c.setups_skipped == c.setups else _UPSTREAM_FAILED


RULES: Mapping[Join, JoinRule] = MappingProxyType(
    {
        Join.ALL_SUCCESS: JoinRule(
            lambda c: c.succeeded == c.total,
            lambda c: _UPSTREAM_FAILED if _bad(c) else _end_if(c.skipped > 0, _SKIPPED),
        ),
        Join.ALL_FAILED: JoinRule(
            lambda c: _bad(c) == c.total, lambda c: _end_if(c.succeeded + c.skipped > 0, _SKIPPED)
        ),
        Join.ALL_DONE: JoinRule(lambda c: c.done, lambda c: None),
        Join.ALL_DONE_MIN_ONE_SUCCESS: JoinRule(
            lambda c: c.done and not c.skipped and c.succeeded > 0, _ends_done_min_one
        ),
        Join.ALL_SKIPPED: JoinRule(
            lambda c: c.skipped == c.total, lambda c: _end_if(c.succeeded + _bad(c) > 0, _SKIPPED)
        ),
        Join.ONE_FAILED: JoinRule(lambda c: _bad(c) > 0, lambda c: _end_if(c.done and not _bad(c), _SKIPPED)),
        Join.ONE_SUCCESS: JoinRule(lambda c: c.succeeded > 0, _ends_one_success),
        Join.ONE_DONE: JoinRule(
            lambda c: c.succeeded + c.failed > 0, lambda c: _end_if(c.done and c.succeeded + c.failed == 0, _SKIPPED)
        ),
        Join.NONE_FAILED: JoinRule(lambda c: c.done and not _bad(c), lambda c: _end_if(_bad(c) > 0, _UPSTREAM_FAILED)),
        Join.NONE_FAILED_MIN_ONE_SUCCESS: JoinRule(
            lambda c: c.done and not _bad(c) and c.succeeded > 0, _ends_min_one_success
        ),
        Join.NONE_SKIPPED: JoinRule(lambda c: c.done and not c.skipped, lambda c: _end_if(c.skipped > 0, _SKIPPED)),
        Join.ALWAYS: JoinRule(lambda c: True, lambda c: None),
        Join.ALL_DONE_SETUP_SUCCESS: JoinRule(lambda c: c.done and _ends_setup(c) is None, _ends_setup),
    }
)


def judge(join: Join, counts: Counts) -> bool | TaskState:
    """True: may start. False: wait. A state: ends in it without starting. No upstream at all: may start."""
    if counts.total == 0:
        return True
    rule = RULES[join]
    end = rule.ends(counts)
    if end is not None:
        return end
    return rule.runs(counts)
