"""Rules on the numbers of a header and of waits: timeouts, retries, caches, limits, priorities."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

from tidemill.core.bindings import Const
from tidemill.core.checks.spots import Spot
from tidemill.core.checks.survey import Survey
from tidemill.core.checks.words import show_value
from tidemill.core.errors import did_you_mean
from tidemill.core.graph import Call, Container, Import, Retry, Sub, UntilTime, UntilTrue, Wait
from tidemill.core.problems import Problem
from tidemill.core.values import Value

HIGHEST_PRIORITY = 1000


def timeouts_are_positive(survey: Survey) -> Iterator[Problem]:
    remedy = "use a number of seconds above 0, or leave it out"
    if not _positive(survey.pipeline.timeout):
        message = f"the timeout of the pipeline is {show_value(survey.pipeline.timeout)}"
        yield survey.problem("bad-timeout", None, message, remedy)
    for spot in survey.spots:
        if not _positive(spot.node.timeout):
            message = f"the timeout of node {spot.path!r} is {show_value(spot.node.timeout)}"
            yield survey.problem("bad-timeout", spot, message, remedy)


def parallelism_is_positive(survey: Survey) -> Iterator[Problem]:
    number = survey.pipeline.parallelism
    if number is not None and number < 1:
        message = f"the parallelism of the pipeline is {show_value(number)}"
        yield survey.problem("bad-parallelism", None, message, "use 1 or more, or leave it out")


def waits_make_sense(survey: Survey) -> Iterator[Problem]:
    for spot in survey.spots:
        body = spot.node.body
        if not isinstance(body, Wait):
            continue
        remedy = "use a number of seconds above 0"
        if not _positive(body.deadline):
            message = f"the deadline of the wait {spot.path!r} is {show_value(body.deadline)}"
            yield survey.problem("bad-deadline", spot, message, f"{remedy}, or leave it out")
        if isinstance(body.until, UntilTime) and isinstance(body.until.time, Const):
            trouble = _unclear_time(body.until.time.value)
            if trouble:
                message = f"the time that the wait {spot.path!r} waits for, {trouble}"
                remedy_for_time = "use a datetime with a zone, its ISO text, a timedelta or a number of seconds"
                yield survey.problem("bad-time", spot, message, remedy_for_time)
        if isinstance(body.until, UntilTrue) and not _positive(body.until.interval):
            message = f"the wait {spot.path!r} polls every {show_value(body.until.interval)} seconds"
            yield survey.problem("bad-interval", spot, message, remedy)
        if spot.node.retry is not None:
            message = f"the wait {spot.path!r} has a retry policy"
            yield survey.problem("wait-with-retry", spot, message, "give it a deadline, or retry the scope around it")


def _unclear_time(time: Value) -> str:
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time)
        except ValueError:
            return f"{show_value(time)}, is no time"
    if isinstance(time, datetime) and time.tzinfo is None:
        return f"{time.isoformat()}, has no time zone"
    return ""


def retries_make_sense(survey: Survey) -> Iterator[Problem]:
    for spot in survey.spots:
        for trouble, remedy in _retry_troubles(spot.node.retry) if spot.node.retry else ():
            message = f"the retry policy of node {spot.path!r}: {trouble}"
            yield survey.problem("bad-retry", spot, message, remedy)
        if spot.node.on_lost.budget < 0:
            message = f"node {spot.path!r} may be lost {show_value(spot.node.on_lost.budget)} times"
            yield survey.problem("bad-retry", spot, message, "use 0 or more")


def _retry_troubles(retry: Retry) -> Iterator[tuple[str, str]]:
    seconds = "use a number of seconds, 0 or more"
    if retry.limit < 0:
        yield f"limit is {show_value(retry.limit)}", "use 0 or more"
    if not _at_least(retry.delay, 0):
        yield f"delay is {show_value(retry.delay)}", seconds
    if not _at_least(retry.factor, 1):
        yield f"factor is {show_value(retry.factor)}", "use 1 (always the same delay) or more"
    if not 0 <= retry.jitter <= 1:
        yield f"jitter is {show_value(retry.jitter)}", "use a share of the delay from 0 to 1"
    if retry.cap is not None and not _at_least(retry.cap, 0):
        yield f"cap is {show_value(retry.cap)}", seconds
    elif retry.cap is not None and retry.cap < retry.delay:
        yield (
            f"cap is {show_value(retry.cap)}, less than the delay of {show_value(retry.delay)}",
            "raise the cap or lower the delay",
        )
    for number, rule in enumerate(retry.rules, 1):
        if not rule.exceptions or not all(rule.exceptions):
            yield f"rule {number} names no exception", "name the classes it is for"
        if rule.limit is not None and rule.limit < 0:
            yield f"limit of rule {number} is {show_value(rule.limit)}", "use 0 or more"
        if rule.delay is not None and not _at_least(rule.delay, 0):
            yield f"delay of rule {number} is {show_value(rule.delay)}", seconds


def caches_make_sense(survey: Survey) -> Iterator[Problem]:
    for spot in survey.spots:
        cache, body = spot.node.cache, spot.node.body
        if cache is None:
            continue
        if isinstance(body, Call) and body.acts:
            message = f"node {spot.path!r} is cached, and it acts on the world outside"
            remedy = "split it into a task that works out and one that acts, and cache the first"
            yield survey.problem("cannot-cache", spot, message, remedy)
        if isinstance(body, Wait | Import):
            kind = "waits for something" if isinstance(body, Wait) else "imports what lies outside"
            message = f"node {spot.path!r} is cached, and it {kind}"
            yield survey.problem("cannot-cache", spot, message, "leave the cache out")
        if not _positive(cache.ttl):
            message = f"the cached result of node {spot.path!r} is good for {show_value(cache.ttl)} seconds"
            yield survey.problem("bad-ttl", spot, message, "use a number of seconds above 0, or leave it out")
        known = _input_names(spot)
        for name in cache.ignore:
            if name not in known:
                message = f"the cache of node {spot.path!r} ignores the unknown input {name!r}"
                yield survey.problem("unknown-input", spot, message, did_you_mean(name, known))


def _input_names(spot: Spot) -> set[str]:
    known = set(spot.node.inputs)
    match spot.node.body:
        case Call(takes=takes) | Wait(until=UntilTrue(takes=takes)):
            known.update(takes)
        case Sub(scope=scope):
            known.update(parameter.name for parameter in scope.inputs)
        case Container() | Import() | Wait():
            pass
    return known


def limits_make_sense(survey: Survey) -> Iterator[Problem]:
    for spot in survey.spots:
        for limit in spot.node.limits:
            match limit.slots:
                case Const(value=int() as slots) if slots < 1 and not isinstance(slots, bool):
                    message = f"node {spot.path!r} takes {show_value(slots)} slots of a limit"
                    yield survey.problem("bad-limit", spot, message, "take 1 or more, or leave the limit out")
            if limit.key == Const(""):
                message = f"node {spot.path!r} takes slots of a limit without a name"
                yield survey.problem("bad-limit", spot, message, "name it, such as 'pool:gpu'")


def priorities_are_bounded(survey: Survey) -> Iterator[Problem]:
    for spot in survey.spots:
        if not -HIGHEST_PRIORITY <= spot.node.priority <= HIGHEST_PRIORITY:
            message = f"the priority of node {spot.path!r} is {show_value(spot.node.priority)}"
            remedy = f"use a number from -{HIGHEST_PRIORITY} to {HIGHEST_PRIORITY}"
            yield survey.problem("bad-priority", spot, message, remedy)


def _positive(number: float | None) -> bool:
    """Whether it is left out, or finite and above 0. What is not a number or infinite has no stored form either."""
    return number is None or (_is_finite(number) and number > 0)


def _at_least(number: float, least: float) -> bool:
    return _is_finite(number) and number >= least


def _is_finite(number: float) -> bool:
    return isinstance(number, int) or math.isfinite(number)
