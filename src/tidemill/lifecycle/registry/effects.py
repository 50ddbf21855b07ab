"""What tasks may ask of the registry: registering, moving an alias, asking who has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidemill.core.errors import InputError, NotFound
from tidemill.core.models import CHAMPION, AliasMove, ModelVersion, MoveKind
from tidemill.core.values import ArtifactRef, Value
from tidemill.engine.requests import ActionContext
from tidemill.lifecycle.registry import decide
from tidemill.lifecycle.registry.entering import Entry, find_version, give, give_back, register, take_away
from tidemill.lifecycle.registry.recording import first_card
from tidemill.storage.metadata import artifacts, models, runs

_FACTS = ("commit", "branch", "changed", "python", "platform")


def register_model(context: ActionContext, arguments: Mapping[str, Any]) -> Value:
    """arguments: model (an artifact), name; alias, decision, metrics, description, expected, override, reason, facts.

    Answers with name, version, digest, is_new, alias (if the version has it now), moved.
    """
    reference = arguments.get("model")
    if not isinstance(reference, ArtifactRef):
        raise InputError(
            "what is to be registered is no artifact",
            remedy="annotate what the training task returns as tidemill.Model, and pass that",
        )
    found = artifacts.stored(context.connection, context.team, [reference.id]).get(reference.id)
    if found is None:
        raise NotFound(f"there is no artifact {reference.id}", remedy="register what another task returned")
    wish = _wish(context, arguments, MoveKind.REGISTER, _text(arguments, "alias"))
    metrics, facts = _metrics(arguments.get("metrics")), _facts(arguments.get("facts"))
    card = first_card(context.connection, found, context.run, metrics, facts)
    entry = Entry(
        _text(arguments, "name"),
        found.artifact,
        wish,
        context.path,
        _text(arguments, "decision"),
        _text(arguments, "description"),
        card,
    )
    entered = register(context.connection, context.team, entry)
    version = entered.version
    return {
        "name": version.name,
        "version": version.version,
        "digest": version.digest,
        "is_new": entered.is_new,
        "alias": wish.alias,
        "moved": entered.move is not None,
    }


def move_alias(context: ActionContext, arguments: Mapping[str, Any]) -> Value:
    """arguments: name; version (number, alias, latest), alias, kind (promote, rollback, remove), decision, reason,
    expected (a version, 0 for none), override.

    Answers with name, alias, version (0: none), before, moved, moved_at, actor.
    """
    name, alias = decide.check_name(_text(arguments, "name")), _text(arguments, "alias") or CHAMPION
    kind = _kind(arguments)
    wish = _wish(context, arguments, kind, alias)
    connection, team = context.connection, context.team
    wanted = _version_text(arguments)
    move: AliasMove | None
    match kind:
        case MoveKind.REMOVE:
            move = take_away(connection, team, name, wish)
        case MoveKind.ROLLBACK:
            to = find_version(connection, team, name, wanted).version if wanted else None
            move = give_back(connection, team, name, wish, to)
        case _:
            version = find_version(connection, team, name, wanted)
            move = give(connection, team, version, wish, _text(arguments, "decision"))
    last = move or next(iter(models.moves(connection, team, name, alias)[-1:]), None)
    return {
        "name": name,
        "alias": alias,
        "version": last.version if last is not None else 0,
        "before": last.before if last is not None else 0,
        "moved": move is not None,
        "moved_at": last.moved_at if last is not None else None,
        "actor": last.actor if last is not None else "",
    }


def model_alias(context: ActionContext, arguments: Mapping[str, Any]) -> Value:
    """arguments: name, alias. Answers with name, alias, version, digest, model (an artifact), or None."""
    name, alias = decide.check_name(_text(arguments, "name")), _text(arguments, "alias") or CHAMPION
    decide.check_alias(alias)
    current = {move.alias: move.version for move in models.aliases(context.connection, context.team, name)}
    version = models.get(context.connection, context.team, name, current.get(alias, 0))
    return None if version is None else {**_answer(version), "alias": alias}


def model_version(context: ActionContext, arguments: Mapping[str, Any]) -> Value:
    """arguments: name, version (number, alias, latest). Answers with name, version, digest, model (an artifact)."""
    name = decide.check_name(_text(arguments, "name"))
    return _answer(find_version(context.connection, context.team, name, _version_text(arguments)))


def _answer(version: ModelVersion) -> dict[str, Value]:
    return {
        "name": version.name,
        "version": version.version,
        "digest": version.digest,
        "model": ArtifactRef(version.artifact),
    }


def _wish(context: ActionContext, arguments: Mapping[str, Any], kind: MoveKind, alias: str) -> decide.Wish:
    expected = arguments.get("expected")
    if expected is not None and (not isinstance(expected, int) or isinstance(expected, bool) or expected < 0):
        raise InputError(f"'expected' is the number of a version, or 0 for none, not {expected!r:.80}")
    return decide.Wish(
        alias=alias,
        kind=kind,
        actor=runs.get(context.connection, context.run).actor,
        at=context.now,
        run=context.run,
        reason=decide.check_text(_text(arguments, "reason"), "the reason"),
        expected=expected,
        override=decide.check_text(_text(arguments, "override"), "the reason to override"),
    )


def _kind(arguments: Mapping[str, Any]) -> MoveKind:
    said = _text(arguments, "kind") or MoveKind.PROMOTE.value
    known = {kind.value: kind for kind in (MoveKind.PROMOTE, MoveKind.ROLLBACK, MoveKind.REMOVE)}
    if said not in known:
        raise InputError(f"an alias is not moved by {said!r}", remedy=f"known: {', '.join(known)}")
    return known[said]


def _metrics(said: Any) -> dict[str, int | float]:
    if said is None:
        return {}
    if not isinstance(said, Mapping) or not all(
        isinstance(number, int | float) and not isinstance(number, bool) for number in said.values()
    ):
        raise InputError("the metrics of a model are a mapping of names to numbers")
    return dict(said)


def _facts(said: Any) -> dict[str, Value]:
    return {name: said[name] for name in _FACTS if name in said} if isinstance(said, Mapping) else {}


def _version_text(arguments: Mapping[str, Any]) -> str:
    said = arguments.get("version")
    if said is None or said == "":
        return ""
    if isinstance(said, bool) or not isinstance(said, int | str):
        raise InputError(f"a version is a number, an alias or `latest`, not {said!r:.80}")
    return str(said)


def _text(arguments: Mapping[str, Any], name: str) -> str:
    said = arguments.get(name)
    if said is None:
        return ""
    if not isinstance(said, str):
        raise InputError(f"{name!r} must be a text, not {said!r:.80}")
    return said
