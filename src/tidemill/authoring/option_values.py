"""One reader for each kind of option value; what cannot be used is told in words. Knows nothing of tasks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar

from tidemill.core.annotations import class_name
from tidemill.core.durations import as_duration
from tidemill.core.errors import did_you_mean
from tidemill.core.graph import Cache, LostPolicy, OnLost, Retry, RetryRule

E = TypeVar("E", bound=Enum)

_RESOURCES = ("cpu", "disk", "gpu", "memory", "processes")
_BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGTP]?)(i?)B?", re.IGNORECASE)
_EVERYTHING = ("BaseException",)


class Wrong(ValueError):
    """An option value that cannot be used."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


def as_text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Wrong(f"{value!r} is not a text", "write it in quotes")
    return value


def as_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong(f"{value!r} is not True or False")
    return value


def as_whole(value: Any, least: int | None = None) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or (least is not None and value < least):
        raise Wrong(f"{value!r} is not a whole number{f' of at least {least}' if least is not None else ''}")
    return value


def as_seconds(value: Any) -> float:
    """A positive duration in seconds."""
    try:
        seconds = as_duration(value).total_seconds()
    except ValueError as error:
        raise Wrong(str(error)) from None
    if seconds <= 0:
        raise Wrong(f"{value!r} is not a duration above zero")
    return seconds


def as_names(value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, Sequence | set | frozenset) or not all(isinstance(name, str) for name in names):
        raise Wrong(f"{value!r} is not a list of names", "write ['one', 'two']")
    return tuple(sorted(names)) if isinstance(names, set | frozenset) else tuple(names)


def as_list(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def as_choice(value: Any, members: type[E]) -> E:
    if isinstance(value, members):
        return value
    known = {member.value: member for member in members}
    if value not in known:
        raise Wrong(f"{value!r} is not one of {', '.join(map(repr, known))}", did_you_mean(str(value), known))
    return known[value]


def as_cache(value: Any) -> Cache | None:
    if isinstance(value, bool):
        return Cache() if value else None
    return Cache(ttl=as_seconds(value))


def as_codec(value: Any) -> str | dict[str, str]:
    if isinstance(value, Mapping):
        return {as_text(key): as_text(codec) for key, codec in value.items()}
    return as_text(value)


def as_limits(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) and key for key in value):
        raise Wrong(f"{value!r} is not a dict of names and slots", "write {'name': 1}")
    return {key: as_whole(slots, 1) if isinstance(slots, int | float | str) else slots for key, slots in value.items()}


def as_hooks(value: Any) -> tuple[Callable[..., Any], ...]:
    functions = as_list(value)
    for function in functions:
        if not callable(function):
            raise Wrong(f"{function!r} is not a function")
    return tuple(getattr(function, "function", function) for function in functions)


def as_on_lost(value: Any) -> OnLost:
    if isinstance(value, int) and not isinstance(value, bool):
        return OnLost(LostPolicy.RETRY, as_whole(value, 0))
    return OnLost(as_choice(value, LostPolicy))


def as_resources(value: Any) -> dict[str, Any]:
    """Sizes become bytes; values known only at run time pass."""
    if not isinstance(value, Mapping):
        raise Wrong(f"{value!r} is not a dict of resources", "write {'cpu': 2, 'memory': '4GB'}")
    read: dict[str, Any] = {}
    for name, amount in value.items():
        # What an executor knows by a name of its own ("nvidia.com/gpu") carries a mark in it.
        if name not in _RESOURCES and not (isinstance(name, str) and re.search(r"[./:-]", name)):
            raise Wrong(f"there is no resource {name!r}", did_you_mean(str(name), _RESOURCES))
        read[name] = as_bytes(amount) if name in ("memory", "disk") and isinstance(amount, str) else amount
        if isinstance(read[name], bool) or (isinstance(read[name], int | float) and read[name] < 0):
            raise Wrong(f"{amount!r} is not an amount of {name}")
        if name == "processes" and isinstance(amount, str | float):
            raise Wrong(f"{amount!r} is not a number of processes", "write a whole number, such as 256")
    return read


def as_bytes(text: str) -> int:
    """`2GB` is 2 * 10^9, `2GiB` and `2Gi` are 2 * 2^30."""
    match = _BYTES.fullmatch(text.strip())
    if match is None:
        raise Wrong(f"{text!r} is not a size", "write such as '512MB' or '2GiB'")
    power = " KMGTP".index(match[2].upper() or " ")
    return int(float(match[1]) * (1024 if match[3] else 1000) ** power)


def as_exceptions(value: Any) -> tuple[str, ...]:
    """Names of exception classes as a worker tells them: qualified, those of built-in classes bare."""
    names = []
    for item in as_list(value):
        if isinstance(item, type) and issubclass(item, BaseException):
            names.append(class_name(item).removeprefix("builtins."))
        elif isinstance(item, str) and all(part.isidentifier() for part in item.split(".")):
            names.append(item.removeprefix("builtins."))
        else:
            raise Wrong(f"{item!r} is not an exception class", "give the class, or its name as 'module.Class'")
    if not names:
        raise Wrong("an empty list of exception classes says nothing", "leave the option out")
    return tuple(names)


def as_retry(retries: Any, more: Mapping[str, Any]) -> Retry | None:
    try:
        limit = as_whole(retries, 0)
        if limit == 0:
            if more:
                raise Wrong(f"{next(iter(more))!r} has no effect without 'retries'", "add retries=3")
            return None
        return Retry(
            limit=limit,
            delay=_at_least(more.get("retry_delay", 0), 0.0, seconds=True),
            factor=_factor(more.get("retry_backoff", False)),
            cap=as_seconds(more["retry_max_delay"]) if "retry_max_delay" in more else None,
            jitter=_jitter(more.get("retry_jitter", 0.0)),
            rules=_rules(more),
        )
    except Wrong as wrong:
        raise Wrong(f"retries: {wrong}", wrong.remedy) from None


def _rules(more: Mapping[str, Any]) -> tuple[RetryRule, ...]:
    rules = []
    if "do_not_retry_on" in more:
        rules.append(RetryRule(as_exceptions(more["do_not_retry_on"]), retry=False))
    if "retry_on" in more:
        rules += [RetryRule(as_exceptions(more["retry_on"])), RetryRule(_EVERYTHING, retry=False)]
    return tuple(rules)


def _at_least(value: Any, least: float, seconds: bool = False) -> float:
    try:
        number = as_duration(value).total_seconds() if seconds else float(value)
    except (ValueError, TypeError):
        raise Wrong(f"{value!r} is not a {'duration' if seconds else 'number'}") from None
    if isinstance(value, bool) or not number >= least:
        raise Wrong(f"{value!r} is less than {least:g}")
    return number


def _factor(value: Any) -> float:
    return (2.0 if value else 1.0) if isinstance(value, bool) else _at_least(value, 1.0)


def _jitter(value: Any) -> float:
    number = _at_least(value, 0.0)
    if number > 1:
        raise Wrong(f"a jitter of {value!r} is more than the whole delay", "give a part of it, from 0 to 1")
    return number
