"""Whether a failed attempt is tried again, and when. Pure: jitter comes from the run's recorded seed."""

from __future__ import annotations

from dataclasses import dataclass

from tidemill.core.blake import blake2b
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import LostPolicy, OnLost, Retry

_NEVER = frozenset({CauseKind.REFUSED, CauseKind.CANCELLED, CauseKind.CONDITION, CauseKind.UPSTREAM})


@dataclass(frozen=True, slots=True)
class Again:
    """Try again after `delay` seconds."""

    delay: float


def after_failure(policy: Retry | None, cause: Cause, rule: int | None, failures: int, luck: float) -> Again | None:
    """What follows the `failures`-th failure. `rule` is the index of the matched rule; `luck` is in [0, 1)."""
    if policy is None or cause.kind in _NEVER:
        return None
    limit, delay = policy.limit, policy.delay
    if rule is not None and 0 <= rule < len(policy.rules):
        matched = policy.rules[rule]
        if not matched.retry:
            return None
        limit = matched.limit if matched.limit is not None else limit
        delay = matched.delay if matched.delay is not None else delay
    elif policy.rules and all(each.retry for each in policy.rules) and cause.kind is CauseKind.USER_CODE:
        # The policy lists what is worth another try, and this was none of it.
        return None
    if failures > limit:
        return None
    return Again(backoff(policy, delay, failures, luck))


def after_loss(policy: OnLost, losses: int) -> bool:
    """Whether an attempt whose process or machine went away is tried again, out of the budget for losses."""
    return policy.policy is LostPolicy.RETRY and losses <= policy.budget


def delay_after_obstacle(losses: int) -> float:
    """Seconds until the next try when a machine had no room, or took nothing: somebody has to see to it. 5, 30, 180."""
    return min(5.0 * 6.0 ** (losses - 1), 180.0)


def backoff(policy: Retry, delay: float, failures: int, luck: float) -> float:
    """delay * factor**(failures-1), at most `cap`, then moved by up to +-jitter of itself. Seconds."""
    try:
        seconds = delay * policy.factor ** (failures - 1)
    except OverflowError:
        seconds = float("inf")
    longest = policy.cap if policy.cap is not None else 86_400.0
    seconds = min(seconds, longest)
    return float(max(0.0, seconds * (1 + policy.jitter * (2 * luck - 1))))


def luck(seed: int, *parts: object) -> float:
    """A number in [0, 1) that is always the same for the same run, place and attempt."""
    text = "\x1f".join(map(str, (seed, *parts)))
    return int.from_bytes(blake2b(text.encode(), digest_size=7).digest()) / 2**56
