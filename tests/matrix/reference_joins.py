"""The thirteen join rules, written out one by one over how all upstreams ended in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

RUN, SUCCEEDED, FAILED = "run", "succeeded", "failed"
UPSTREAM_FAILED, SKIPPED = "upstream_failed", "skipped"


@dataclass(frozen=True)
class Upstream:
    """How one upstream ended; `setup`: it sets up what this node needs."""

    state: str
    setup: bool = False


def judge(rule: str, ups: Sequence[Upstream]) -> list[str]:
    """What may become of a node: it may RUN, or takes an end without running.

    More than one answer where the rule ends a node at the first upstream that forbids it, and two forbid it in
    different ways: then whichever ended first decides.
    """
    if not ups:
        return [RUN]
    states = [up.state for up in ups]
    succeeded, skipped = SUCCEEDED in states, SKIPPED in states
    bad = FAILED in states or UPSTREAM_FAILED in states
    if rule == "all_success":
        forbidding = [UPSTREAM_FAILED] * bad + [SKIPPED] * skipped
        return forbidding or [RUN]
    if rule == "all_failed":
        return [SKIPPED] if succeeded or skipped else [RUN]
    if rule == "all_skipped":
        return [SKIPPED] if succeeded or bad else [RUN]
    if rule in ("all_done", "always"):
        return [RUN]
    if rule == "all_done_min_one_success":
        if skipped:
            return [SKIPPED]
        return [RUN] if succeeded else [UPSTREAM_FAILED]
    if rule == "one_failed":
        return [RUN] if bad else [SKIPPED]
    if rule == "one_success":
        if succeeded:
            return [RUN]
        return [UPSTREAM_FAILED] if bad else [SKIPPED]
    if rule == "one_done":
        return [RUN] if succeeded or FAILED in states else [SKIPPED]
    if rule == "none_failed":
        return [UPSTREAM_FAILED] if bad else [RUN]
    if rule == "none_failed_min_one_success":
        if bad:
            return [UPSTREAM_FAILED]
        return [RUN] if succeeded else [SKIPPED]
    if rule == "none_skipped":
        return [SKIPPED] if skipped else [RUN]
    if rule == "all_done_setup_success":
        setups = [up.state for up in ups if up.setup]
        if not setups or SUCCEEDED in setups:
            return [RUN]
        return [UPSTREAM_FAILED] if any(state != SKIPPED for state in setups) else [SKIPPED]
    raise ValueError(rule)


def as_one(states: Sequence[str]) -> str:
    """Many taken as one: the worst failure, else a success, else skipped; of nothing at all a success."""
    return next((state for state in (FAILED, UPSTREAM_FAILED, SUCCEEDED, SKIPPED) if state in states), SUCCEEDED)
