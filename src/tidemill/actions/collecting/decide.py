"""What goes and what stays, and why: from facts and a policy to a plan. Pure.

Whatever a run that stays, a kept result, a snapshot or another holder needs is never in the plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

GRACE = timedelta(hours=1)
_YES = frozenset({"true", "yes", "1"})


@dataclass(frozen=True, slots=True)
class Policy:
    """What shall go. A limit that is None removes nothing; `max_bytes` is of all content that something needs.

    `grace`: what was in use, or made, more recently than that stays in any case.
    """

    older_than: timedelta | None = None
    keep: int | None = None
    max_bytes: int | None = None
    cache_older_than: timedelta | None = None
    grace: timedelta = GRACE


@dataclass(frozen=True, slots=True)
class RunFact:
    """A run. `at` is when it ended; `keep` what its tag says, "" without one; `needs` are ids of artifacts.

    `previous` is the run before it, which its tasks may have to wait for.
    """

    id: str
    pipeline: str
    created_at: datetime
    at: datetime
    finished: bool = True
    held: bool = False
    keep: str = ""
    needs: frozenset[str] = frozenset()
    previous: str = ""


@dataclass(frozen=True, slots=True)
class EntryFact:
    """A kept result. `former`: what the result that it replaced consisted of."""

    key: str
    task: str
    created_at: datetime
    expires_at: datetime | None = None
    needs: frozenset[str] = frozenset()
    former: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class HolderFact:
    """Whatever else needs artifacts: a snapshot, say. `name` is for people."""

    kind: str
    name: str
    needs: frozenset[str]


@dataclass(frozen=True, slots=True)
class ArtifactFact:
    """A record of an artifact. `contents`: every digest that it consists of; `run`: the one that made it, or ""."""

    id: str
    run: str
    created_at: datetime
    contents: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Facts:
    """All that there is of one team. `sizes` are bytes by digest, `elsewhere` the contents that other teams need."""

    runs: Sequence[RunFact] = ()
    entries: Sequence[EntryFact] = ()
    holders: Sequence[HolderFact] = ()
    artifacts: Mapping[str, ArtifactFact] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Going:
    """Something that goes. `frees`: bytes that nothing else needs, counted where the last need of them ends."""

    name: str
    what: str
    why: str
    frees: int = 0


@dataclass(frozen=True, slots=True)
class Staying:
    """Something that stays although a policy asks for it, or that is large. `size`: bytes that it needs."""

    name: str
    what: str
    why: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """`expired` are kept results that go, `ending` those that are in force no more and go when the grace has passed.

    `artifacts` are ids of records, `frees` the bytes that go with them, `total` what is needed now, in bytes.
    """

    runs: tuple[Going, ...] = ()
    expired: tuple[Going, ...] = ()
    ending: tuple[Going, ...] = ()
    artifacts: tuple[str, ...] = ()
    stays: tuple[Staying, ...] = ()
    frees: int = 0
    total: int = 0


def decide(facts: Facts, policy: Policy, now: datetime) -> Plan:
    """What goes by this policy at this moment."""
    expired = [entry for entry in facts.entries if _is_over(entry, policy, now)]
    ending = _ending(facts, policy, now)
    entries = [entry for entry in facts.entries if not _is_over(entry, policy, now)]
    protected = _protected(facts, policy, now)
    wanted = dict(_unwanted(facts.runs, policy, now))
    needs = _Needs(facts, entries, now - policy.grace)
    total = needs.total
    reasons = {id_: why for id_, why in wanted.items() if id_ not in protected}
    free = [run for run in _oldest_first(facts.runs) if run.id not in protected]
    freed = {run.id: needs.drop(run) for run in free if run.id in reasons}
    for run in _for_room(free, reasons, policy, needs, freed):
        reasons[run.id] = "the store is larger than it may be"
    going = [
        Going(run.id, f"run of {run.pipeline}", reasons[run.id], freed[run.id]) for run in free if run.id in reasons
    ]
    gone = _unneeded(facts, entries, {run.id for run in facts.runs if run.id not in reasons}, policy, now)
    return Plan(
        runs=tuple(going),
        expired=tuple(_told(entry, "it has expired") for entry in expired),
        ending=tuple(_told(entry, why) for entry, why in ending),
        artifacts=tuple(sorted(gone)),
        stays=tuple(_stays(facts, entries, protected, wanted, policy, needs)),
        frees=_bytes_only_in(facts, gone),
        total=total,
    )


# --- runs -------------------------------------------------------------------------------------------------------------


def _protected(facts: Facts, policy: Policy, now: datetime) -> dict[str, str]:
    """Why runs may not go whatever a policy says, by id."""
    newest, limit = _newest(facts.runs), now - policy.grace
    held = {
        facts.artifacts[id_].run: f"{holder.kind} {holder.name} needs what it made"
        for holder in facts.holders
        for id_ in holder.needs
        if id_ in facts.artifacts
    }
    held |= {run.previous: f"run {run.id} follows on it, and goes on" for run in facts.runs if not run.finished}
    return {run.id: why for run in facts.runs if (why := _protection(run, newest, held, limit))}


def _protection(run: RunFact, newest: Collection[str], held: Mapping[str, str], limit: datetime) -> str:
    if not run.finished:
        return "it has not finished"
    if run.held:
        return "an engine holds it"
    if run.keep:
        return "it is kept" if run.keep.lower() in _YES else f"it is kept: {run.keep}"
    if run.id in newest:
        return "it is the newest finished run of its pipeline"
    if run.id in held:
        return held[run.id]
    return "it ended a moment ago" if run.at > limit else ""


def _newest(runs: Iterable[RunFact]) -> frozenset[str]:
    newest: dict[str, RunFact] = {}
    for run in runs:
        if run.finished and (run.pipeline not in newest or _age(run) > _age(newest[run.pipeline])):
            newest[run.pipeline] = run
    return frozenset(run.id for run in newest.values())


def _unwanted(runs: Sequence[RunFact], policy: Policy, now: datetime) -> Iterator[tuple[str, str]]:
    """Ids of the finished runs that age or number ask for, and which it was."""
    seen: Counter[str] = Counter()
    for run in reversed(_oldest_first(runs)):
        if not run.finished:
            continue
        seen[run.pipeline] += 1
        if policy.older_than is not None and run.at < now - policy.older_than:
            yield run.id, "it is older than it may be"
        elif policy.keep is not None and seen[run.pipeline] > policy.keep:
            yield run.id, f"{policy.keep} newer ones of {run.pipeline} are kept"


def _for_room(
    free: Sequence[RunFact], reasons: Mapping[str, str], policy: Policy, needs: _Needs, freed: dict[str, int]
) -> list[RunFact]:
    """The oldest runs that go so that the rest fits; none of them in vain."""
    if policy.max_bytes is None:
        return []
    taken: list[RunFact] = []
    for run in free:
        if needs.total <= policy.max_bytes:
            break
        if run.id not in reasons:
            freed[run.id] = needs.drop(run)
            taken.append(run)
    # One may have freed nothing while it was dropped, and be in the way of another: only what can come back does.
    for run in reversed(taken):
        if needs.cost(run) == 0:
            needs.add(run)
            del freed[run.id]
    return [run for run in taken if run.id in freed]


def _oldest_first(runs: Iterable[RunFact]) -> list[RunFact]:
    return sorted(runs, key=_age)


def _age(run: RunFact) -> tuple[datetime, str]:
    return run.created_at, run.id


# --- kept results -----------------------------------------------------------------------------------------------------


def _is_over(entry: EntryFact, policy: Policy, now: datetime) -> bool:
    return entry.expires_at is not None and entry.expires_at <= now - policy.grace


def _ending(facts: Facts, policy: Policy, now: datetime) -> list[tuple[EntryFact, str]]:
    if policy.cache_older_than is None:
        return []
    limit = now - policy.cache_older_than
    return [
        (entry, "it is older than it may be")
        for entry in facts.entries
        if entry.created_at < limit and (entry.expires_at is None or entry.expires_at > now)
    ]


def _told(entry: EntryFact, why: str) -> Going:
    return Going(entry.key, f"kept result of {entry.task}", why)


def _needed_by(entry: EntryFact, limit: datetime) -> frozenset[str]:
    """What a kept result stands for; what it replaced counts as well for as long as somebody may just be using it."""
    return entry.needs | entry.former if entry.created_at > limit else entry.needs


# --- artifacts and their bytes ----------------------------------------------------------------------------------------


class _Needs:
    """How many need each digest, and how many bytes are needed at all."""

    def __init__(self, facts: Facts, entries: Iterable[EntryFact], limit: datetime) -> None:
        self._facts = facts
        self._made: dict[str, set[str]] = {}
        for artifact in facts.artifacts.values():
            self._made.setdefault(artifact.run, set()).add(artifact.id)
        self._counts: Counter[str] = Counter(facts.elsewhere)
        self.total = sum(facts.sizes.get(digest, 0) for digest in facts.elsewhere)
        for entry in entries:
            self._add(_contents(facts, _needed_by(entry, limit)))
        for holder in facts.holders:
            self._add(_contents(facts, holder.needs))
        for run in facts.runs:
            self.add(run)

    def of(self, run: RunFact) -> frozenset[str]:
        return _contents(self._facts, run.needs | self._made.get(run.id, set()))

    def add(self, run: RunFact) -> None:
        self._add(self.of(run))

    def drop(self, run: RunFact) -> int:
        """The bytes that nothing needs any more."""
        before = self.total
        for digest in self.of(run):
            self._counts[digest] -= 1
            if not self._counts[digest]:
                self.total -= self._facts.sizes.get(digest, 0)
        return before - self.total

    def cost(self, run: RunFact) -> int:
        """The bytes that would be needed again if the run came back."""
        return sum(self._facts.sizes.get(digest, 0) for digest in self.of(run) if not self._counts[digest])

    def size(self, run: RunFact) -> int:
        return sum(self._facts.sizes.get(digest, 0) for digest in self.of(run))

    def _add(self, digests: Iterable[str]) -> None:
        for digest in digests:
            self._counts[digest] += 1
            if self._counts[digest] == 1:
                self.total += self._facts.sizes.get(digest, 0)


def _contents(facts: Facts, ids: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    for id_ in ids:
        if id_ in facts.artifacts:
            found |= facts.artifacts[id_].contents
    return frozenset(found)


def _unneeded(
    facts: Facts, entries: Iterable[EntryFact], staying: Collection[str], policy: Policy, now: datetime
) -> set[str]:
    """Records that nothing needs which stays, apart from those that were made a moment ago."""
    limit = now - policy.grace
    needed = {id_ for entry in entries for id_ in _needed_by(entry, limit)}
    needed |= {id_ for holder in facts.holders for id_ in holder.needs}
    needed |= {id_ for run in facts.runs if run.id in staying for id_ in run.needs}
    return {
        artifact.id
        for artifact in facts.artifacts.values()
        if artifact.id not in needed and artifact.run not in staying and artifact.created_at <= limit
    }


def _bytes_only_in(facts: Facts, gone: Collection[str]) -> int:
    """The size of what no other record consists of."""
    left = set(facts.elsewhere)
    for artifact in facts.artifacts.values():
        if artifact.id not in gone:
            left |= artifact.contents
    return sum(facts.sizes.get(digest, 0) for digest in _contents(facts, gone) - left)


def _stays(
    facts: Facts,
    entries: Iterable[EntryFact],
    protected: Mapping[str, str],
    wanted: Mapping[str, str],
    policy: Policy,
    needs: _Needs,
) -> Iterator[Staying]:
    """Why runs stay that a policy asks for, and what else holds on to bytes where room is wanted; the largest first."""
    short = policy.max_bytes is not None and needs.total > policy.max_bytes
    found = [
        Staying(run.id, f"run of {run.pipeline}", protected[run.id], needs.size(run))
        for run in facts.runs
        if run.id in protected and (run.id in wanted or short)
    ]
    if short:
        sizes = facts.sizes
        for entry in entries:
            size = sum(sizes.get(digest, 0) for digest in _contents(facts, entry.needs))
            found.append(Staying(entry.key, f"kept result of {entry.task}", "it is in force", size))
        for holder in facts.holders:
            size = sum(sizes.get(digest, 0) for digest in _contents(facts, holder.needs))
            found.append(Staying(holder.name, holder.kind, "it was asked to be kept", size))
    yield from sorted(found, key=lambda one: (-one.size, one.name))
