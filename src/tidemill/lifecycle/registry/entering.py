"""Adding versions and moving aliases in the caller's transaction, by `decide`, until nobody else was faster.

Knows rows and rules; whether the content is whole has been looked at before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidemill.core.decisions import Decision
from tidemill.core.errors import InputError, NotFound, StateError
from tidemill.core.models import AliasMove, ModelVersion
from tidemill.core.records import Artifact
from tidemill.lifecycle.decisions.chain import demand_whole
from tidemill.lifecycle.decisions.record import content
from tidemill.lifecycle.registry import decide
from tidemill.lifecycle.registry.decide import Judged, Wish
from tidemill.storage.metadata import decisions, models
from tidemill.storage.metadata.database import Connection

GATE = "gate"
_TRIES = 100
_NO_MODELS = frozenset({"Dataset", "Metrics", "Report"})


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be registered, by whom, and what is known of it. `alias` is given to it too, unless it is empty."""

    name: str
    artifact: Artifact
    wish: Wish
    path: str = ""
    decision: str = ""
    description: str = ""
    card: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entered:
    """`is_new` is false if that content was registered under the name before: then it is the version from then.

    `move` is None if no alias was asked for, or if the version has it already.
    """

    version: ModelVersion
    is_new: bool
    move: AliasMove | None


def register(connection: Connection, team: str, entry: Entry) -> Entered:
    """Add a version; the same content again is the version that is there.

    Raises InputError, NotFound; with an alias also AliasTaken, NotPassed: then nothing of it may be committed.
    """
    name, artifact, wish = decide.check_name(entry.name), entry.artifact, entry.wish
    if wish.alias:
        decide.check_alias(wish.alias)
    description = decide.check_text(entry.description, "the description")
    if artifact.type in _NO_MODELS:
        raise InputError(
            f"what is to be registered as {name} is no model, but {artifact.type}",
            remedy="pass the output of the task that trains",
        )
    if not artifact.digest:
        raise InputError(
            f"the content of what is to be registered as {name} lies outside, where it may change",
            remedy="return the model, or its file, from a task: then a copy is kept that cannot change",
        )
    judged = judged_of(connection, team, name, artifact.digest, entry.decision)
    if entry.decision and judged is not None and (judged.model, judged.candidate) != (name, artifact.digest):
        raise InputError(
            f"decision {judged.id} is about another model than the one that is to be registered as {name}",
            remedy="pass the decision of the gate that judged this very model",
        )
    version, is_new = _added(connection, team, entry, name, description, judged)
    moved = _go(connection, team, version, wish, judged, is_new) if wish.alias else None
    return Entered(version, is_new, moved)


def give(connection: Connection, team: str, version: ModelVersion, wish: Wish, decision: str = "") -> AliasMove | None:
    """Give an alias to a version; None if it has it. Raises AliasTaken, NotPassed, NotFound for the decision."""
    decide.check_alias(wish.alias)
    judged = judged_of(connection, team, version.name, version.digest, decision)
    return _go(connection, team, version, wish, judged)


def give_back(connection: Connection, team: str, name: str, wish: Wish, to: int | None = None) -> AliasMove:
    """Give an alias back to who had it before. Raises StateError, AliasTaken, InputError without a reason."""
    decide.check_alias(wish.alias)
    if not wish.reason:
        raise InputError("a rollback needs a reason", remedy="say why: whoever looks later will want to know")
    for _ in range(_TRIES):
        move = decide.go_back(models.moves(connection, team, name, wish.alias), name, wish, to)
        if models.add_move(connection, team, move):
            return move
    raise _contended(name, wish.alias)


def take_away(connection: Connection, team: str, name: str, wish: Wish) -> AliasMove | None:
    """Take an alias away; None if nothing has it. Raises AliasTaken."""
    decide.check_alias(wish.alias)
    for _ in range(_TRIES):
        move = decide.take_away(models.moves(connection, team, name, wish.alias), name, wish)
        if move is None or models.add_move(connection, team, move):
            return move
    raise _contended(name, wish.alias)


def judged_of(connection: Connection, team: str, name: str, digest: str, decision: str = "") -> Judged | None:
    """The decision that is named, or the newest one of a gate about this content as this model.

    A newer one that did not pass it counts in place of the one that is named. Raises NotFound, and InputError if
    several may be meant.
    """
    about = decisions.of_subject(connection, team, digest, model=name, kind=GATE)
    newest = as_judged(demand_whole(about[0])) if about else None
    if not decision:
        return newest
    found = as_judged(demand_whole(decisions.find(connection, team, decision)))
    same = newest is not None and found.candidate == digest and found.model == name
    return newest if same and newest is not None and newest.verdict != "PASS" else found


def as_judged(decision: Decision) -> Judged:
    about = decision.about
    return Judged(
        decision.id,
        about.kind,
        about.verdict,
        about.model,
        about.candidate.digest,
        about.champion.digest,
        reasons_in(decision),
        bool(about.evidence) and bool(content(decision.document).get("rule")),
    )


def reasons_in(decision: Decision) -> tuple[str, ...]:
    """The sentences in which a decision says why; none if its document has none."""
    reasons = judgement_in(decision).get("reasons", ())
    return tuple(str(one) for one in reasons) if isinstance(reasons, list) else ()


def judgement_in(decision: Decision) -> Mapping[str, Any]:
    """What was judged, as the document has it; empty if it cannot be read."""
    try:
        found = content(decision.document).get("judgement")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def find_version(connection: Connection, team: str, name: str, text: str) -> ModelVersion:
    """The version that a number (`3`, `v3`), an alias or `latest` names; the newest for "". Raises NotFound."""
    newest = models.newest(connection, team, decide.check_name(name))
    if newest is None:
        raise no_model(connection, team, name)
    number = decide.number_in(text)
    if not text or text.lower() == decide.LATEST:
        return newest
    current = {move.alias: move.version for move in models.aliases(connection, team, name)}
    if number is None:
        number = current.get(text)
    found = models.get(connection, team, name, number) if number else None
    if found is None:
        raise decide.no_such_version(name, text, current, newest.version)
    return found


def no_model(connection: Connection, team: str, name: str) -> NotFound:
    """What to say of a name that nothing is registered under."""
    return decide.no_such_model(name, models.names(connection, team))


def _added(
    connection: Connection, team: str, entry: Entry, name: str, description: str, judged: Judged | None
) -> tuple[ModelVersion, bool]:
    for _ in range(_TRIES):
        known = models.by_digest(connection, team, name, entry.artifact.digest)
        if known is not None:
            return known, False
        newest = models.newest(connection, team, name)
        version = ModelVersion(
            name=name,
            version=newest.version + 1 if newest is not None else 1,
            digest=entry.artifact.digest,
            artifact=entry.artifact.id,
            run=entry.wish.run,
            path=entry.path,
            created_at=entry.wish.at,
            actor=entry.wish.actor,
            decision=judged.id if judged is not None else "",
            description=description,
            card=entry.card,
        )
        if models.add(connection, team, version):
            return version, True
    raise _contended(name, "versions")


def _go(
    connection: Connection, team: str, version: ModelVersion, wish: Wish, judged: Judged | None, is_new: bool = False
) -> AliasMove | None:
    for _ in range(_TRIES):
        moves = models.moves(connection, team, version.name, wish.alias)
        has = models.get(connection, team, version.name, moves[-1].version) if moves else None
        move = decide.go(moves, version, wish, judged, has.digest if has is not None else "", is_new=is_new)
        if move is None or models.add_move(connection, team, move):
            return move
    raise _contended(version.name, wish.alias)


def _contended(name: str, what: str) -> StateError:
    return StateError(f"{what} of {name}: others were faster {_TRIES} times", remedy="try again")
