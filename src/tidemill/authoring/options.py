"""The options of a task as its author writes them, checked when they are written, and as parts of a node's header."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias, TypedDict

from tidemill.authoring.option_values import (
    Wrong,
    as_cache,
    as_choice,
    as_codec,
    as_flag,
    as_hooks,
    as_limits,
    as_list,
    as_names,
    as_on_lost,
    as_resources,
    as_retry,
    as_seconds,
    as_text,
    as_whole,
)
from tidemill.authoring.place import here, show
from tidemill.core.errors import DefinitionError, did_you_mean
from tidemill.core.graph import Cache, HookEvent, Isolation, OnLost, PreviousRun, Retry, Role
from tidemill.core.joins import Join
from tidemill.core.problems import Problem, ProblemsFound

Seconds: TypeAlias = float | timedelta | str
Hooks: TypeAlias = Callable[..., Any] | Sequence[Callable[..., Any]]
Exceptions: TypeAlias = type[BaseException] | str | Sequence[type[BaseException] | str]


_ON_LOST = OnLost()


class TaskOptions(TypedDict, total=False):
    """What `@task(...)` and `.options(...)` take. Durations are seconds, a timedelta, or text such as "1h30m"."""

    name: str
    description: str
    owner: str
    tags: Sequence[str]
    retries: int
    retry_delay: Seconds
    retry_backoff: bool | float
    retry_max_delay: Seconds
    retry_jitter: float
    retry_on: Exceptions
    do_not_retry_on: Exceptions
    timeout: Seconds
    cache: bool | Seconds
    cache_ignore: Sequence[str]
    cache_parts: Mapping[str, Any]
    acts: bool
    pool: str
    pools: Mapping[str, int]
    limits: Mapping[str, Any]
    priority: int
    resources: Mapping[str, Any]
    isolation: str
    join: str
    codec: str | Mapping[str, str]
    role: str
    teardown_of: Any
    after: Any
    on_lost: str | int
    previous_run: str
    counts_for_outcome: bool
    on_execute: Hooks
    on_success: Hooks
    on_failure: Hooks
    on_retry: Hooks
    on_skip: Hooks


@dataclass(frozen=True, slots=True)
class Options:
    """Checked options. `join` None = what the inputs call for. `limits`, `resources`: values or traced values."""

    given: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    labels: Mapping[str, Any] = field(default_factory=dict)
    retry: Retry | None = None
    timeout: float | None = None
    cache: Cache | None = None
    cache_parts: Mapping[str, Any] = field(default_factory=dict)
    acts: bool = False
    limits: Mapping[str, Any] = field(default_factory=dict)
    priority: int = 0
    resources: Mapping[str, Any] = field(default_factory=dict)
    isolation: Isolation = Isolation.PROCESS
    join: Join | None = None
    codecs: Mapping[str, str] | str = ""
    role: Role = Role.NORMAL
    teardown_of: tuple[Any, ...] = ()
    after: tuple[Any, ...] = ()
    on_lost: OnLost = _ON_LOST
    previous_run: PreviousRun = PreviousRun.NONE
    counts_for_outcome: bool = True
    hooks: tuple[tuple[HookEvent, Callable[..., Any]], ...] = ()

    def changed(self, more: Mapping[str, Any], what: str) -> Options:
        """These options with some replaced. Raises DefinitionError or ProblemsFound."""
        return make_options({**self.given, **more}, what)


NO_OPTIONS = Options()


def make_options(given: Mapping[str, Any], what: str) -> Options:
    """Check what was given, for `what` ("task load"). Raises DefinitionError, or ProblemsFound for several mistakes."""
    if not given:
        return NO_OPTIONS
    reader = _Reader(given, what)
    options = reader.read()
    place = show(here())
    if len(reader.wrong) == 1:
        ((_, message, remedy),) = reader.wrong
        raise DefinitionError(message, remedy=remedy, place=place)
    if reader.wrong:
        raise ProblemsFound(Problem(code, place, message, remedy) for code, message, remedy in reader.wrong)
    return options


class _Reader:
    """Reads each option with its own function and keeps what is wrong."""

    def __init__(self, given: Mapping[str, Any], what: str) -> None:
        self.given = given
        self.what = what
        self.wrong: list[tuple[str, str, str]] = []
        known = TaskOptions.__annotations__
        for name in given:
            if name not in known:
                remedy = did_you_mean(name, known) or "see tidemill.authoring.options.TaskOptions for what there is"
                self.wrong.append(("unknown-option", f"{what} has no option {name!r}", remedy))

    def get(self, name: str, read: Callable[[Any], Any], default: Any) -> Any:
        if name not in self.given:
            return default
        try:
            return read(self.given[name])
        except Wrong as wrong:
            self.wrong.append(("bad-option", f"option {name!r} of {self.what}: {wrong}", wrong.remedy))
            return default

    def read(self) -> Options:
        cache = self.get("cache", as_cache, None)
        return Options(
            given=dict(self.given),
            name=self.get("name", as_text, ""),
            labels=self._labels(),
            retry=self._retry(),
            timeout=self.get("timeout", as_seconds, None),
            cache=self._cache(cache),
            cache_parts=self.given.get("cache_parts", {}) if cache else {},
            acts=self._acts(cache),
            limits=self._limits(),
            priority=self.get("priority", as_whole, 0),
            resources=self.get("resources", as_resources, {}),
            isolation=self._isolation(),
            join=self.get("join", lambda value: as_choice(value, Join), None),
            codecs=self.get("codec", as_codec, ""),
            role=self._role(),
            teardown_of=self.get("teardown_of", as_list, ()),
            after=self.get("after", as_list, ()),
            on_lost=self.get("on_lost", as_on_lost, _ON_LOST),
            previous_run=self.get("previous_run", lambda value: as_choice(value, PreviousRun), PreviousRun.NONE),
            counts_for_outcome=self.get("counts_for_outcome", as_flag, True),
            hooks=tuple(
                (event, function) for event in HookEvent for function in self.get(f"on_{event.value}", as_hooks, ())
            ),
        )

    def _isolation(self) -> Isolation:
        isolation: Isolation = self.get("isolation", lambda value: as_choice(value, Isolation), Isolation.PROCESS)
        resources = self.given.get("resources")
        own = [name for name in ("memory", "processes") if isinstance(resources, Mapping) and name in resources]
        if isolation is Isolation.SHARED and own:
            message = f"option 'isolation' of {self.what}: what shares a process has no limit of {own[0]} of its own"
            self.wrong.append(("bad-option", message, "leave one of the two out"))
        return isolation

    def _labels(self) -> dict[str, Any]:
        labels = {
            "tags": self.get("tags", as_names, ()),
            "owner": self.get("owner", as_text, ""),
            "description": self.get("description", as_text, ""),
        }
        return {key: list(value) if key == "tags" else value for key, value in labels.items() if value}

    def _retry(self) -> Retry | None:
        names = ("retry_delay", "retry_backoff", "retry_max_delay", "retry_jitter", "retry_on", "do_not_retry_on")
        try:
            return as_retry(self.given.get("retries", 0), {n: self.given[n] for n in names if n in self.given})
        except Wrong as wrong:
            self.wrong.append(("bad-option", f"{self.what}: {wrong}", wrong.remedy))
            return None

    def _cache(self, cache: Cache | None) -> Cache | None:
        ignore = self.get("cache_ignore", as_names, ())
        if cache is None:
            for name in ("cache_ignore", "cache_parts"):
                if name in self.given:
                    message = f"option {name!r} of {self.what} has no effect without 'cache'"
                    self.wrong.append(("bad-option", message, "add cache=True"))
            return None
        return Cache(ttl=cache.ttl, ignore=ignore)

    def _acts(self, cache: Cache | None) -> bool:
        acts = bool(self.get("acts", as_flag, False))
        if acts and cache is not None:
            message = f"{self.what} acts on the outside and is cached: a reused result would act on nothing"
            self.wrong.append(("bad-option", message, "drop either 'acts' or 'cache'"))
        return acts

    def _limits(self) -> dict[str, Any]:
        pools = dict(self.get("pools", as_limits, {}))
        if pool := self.get("pool", as_text, ""):
            pools.setdefault(pool, 1)
        return {**{f"pool:{name}": slots for name, slots in pools.items()}, **self.get("limits", as_limits, {})}

    def _role(self) -> Role:
        role: Role = self.get("role", lambda value: as_choice(value, Role), Role.NORMAL)
        if "teardown_of" not in self.given:
            return role
        if role is Role.SETUP:
            message = f"{self.what} cannot be a setup and the teardown of another"
            self.wrong.append(("bad-option", message, "drop role='setup'"))
        return Role.TEARDOWN
