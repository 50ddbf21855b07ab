"""Models, versions, moves and cards as JSON documents with stable keys, which docs/reference/cli.md explains."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tidemill.actions.artifact_documents import task_document, task_text
from tidemill.actions.documents import Document
from tidemill.actions.models.card import Card
from tidemill.actions.models.looking import At, Known, VersionLine
from tidemill.actions.models.moving import Moved
from tidemill.core.models import AliasMove, ModelVersion
from tidemill.core.values import encode
from tidemill.lifecycle.registry.entering import Entered


def model_document(known: Known) -> Document:
    return {
        "name": known.newest.name,
        "versions": known.versions,
        "newest": version_document(known.newest),
        "aliases": dict(known.aliases),
    }


def version_document(version: ModelVersion) -> Document:
    return {
        "name": version.name,
        "version": version.version,
        "digest": version.digest,
        "artifact": version.artifact,
        "run": version.run,
        "task": version.path,
        "created_at": iso(version.created_at),
        "by": version.actor,
        "decision": version.decision,
        "description": version.description,
    }


def line_document(line: VersionLine) -> Document:
    size = line.artifact.size if line.artifact is not None else None
    return {**version_document(line.version), "aliases": list(line.aliases), "size": size, "is_there": line.is_there}


def move_document(move: AliasMove) -> Document:
    return {
        "model": move.model,
        "alias": move.alias,
        "seq": move.seq,
        "kind": move.kind.value,
        "version": move.version or None,
        "before": move.before or None,
        "at": iso(move.moved_at),
        "by": move.actor,
        "run": move.run,
        "reason": move.reason,
        "decision": move.decision,
        "overrode": move.overrode,
    }


def moved_document(moved: Moved) -> Document:
    """`moved` is false if nothing was to be done; then `move` is the one in force."""
    return {
        "name": moved.name,
        "alias": moved.alias,
        "moved": moved.move is not None,
        "version": (moved.last.version or None) if moved.last is not None else None,
        "move": move_document(moved.last) if moved.last is not None else None,
    }


def entered_document(entered: Entered, alias: str) -> Document:
    """`is_new` is false if the content was registered before; `moved`, whether it has got the alias now."""
    found = version_document(entered.version)
    return {**found, "is_new": entered.is_new, "alias": alias, "moved": entered.move is not None}


def at_document(found: At) -> Document:
    return {
        "alias": found.alias,
        "at": iso(found.moment),
        "version": version_document(found.version) if found.version is not None else None,
        "move": move_document(found.move) if found.move is not None else None,
        "until": move_document(found.until) if found.until is not None else None,
        "reasons": list(found.reasons),
    }


def card_document(card: Card) -> Document:
    known = card.known
    return {
        **version_document(card.version),
        "aliases": [move.alias for move in card.has],
        "content": {"whole": not card.content, "verified": card.verified, "problem": card.content},
        "model": _artifact(card),
        "pipeline": known.get("pipeline", ""),
        "params": encode(known.get("params", {})),
        "tags": encode(known.get("tags", {})),
        "metrics": encode(known.get("metrics", {})),
        "measured": [{**task_document(one.by), "metrics": encode(dict(one.numbers))} for one in card.measured],
        "data": [
            {
                "artifact": one.artifact.id,
                "type": one.artifact.type,
                "digest": one.artifact.digest,
                "uri": one.artifact.uri,
                "rows": one.artifact.metadata.get("rows"),
                "columns": one.artifact.metadata.get("columns_total"),
                "snapshot": one.snapshot,
                "made_by": task_document(one.by),
            }
            for one in card.data
        ],
        "contracts": [{**task_document(one.by), "result": encode(dict(one.result))} for one in card.contracts],
        "code": {
            **known.get("facts", {}),
            "tasks": [
                {**task_document(one.by), "function": one.function, "place": one.place, "fingerprint": one.fingerprint}
                for one in card.steps
            ],
        },
        "reports": [
            {"artifact": one.artifact.id, "task": task_text(one.by), "run": one.by.run} for one in card.reports
        ],
        "gate": {"decision": card.decision.id, **card.judgement} if card.decision is not None else None,
        "moves": [move_document(move) for move in card.moves],
    }


def iso(moment: datetime) -> str:
    """UTC text."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _artifact(card: Card) -> dict[str, Any] | None:
    found = card.artifact
    if found is None:
        return None
    made = task_document(card.made_by) if card.made_by is not None else None
    return {
        "type": found.type,
        "codec": found.codec,
        "size": found.size,
        "kind": found.kind,
        "safe": found.safe,
        "metadata": encode(dict(found.metadata)),
        "made_by": made,
    }
