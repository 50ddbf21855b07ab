"""What a version's card holds from the beginning: the run that it is of, the task that made it, what it is."""

from __future__ import annotations

from collections.abc import Mapping

from tidemill.core.errors import InputError
from tidemill.core.records import Artifact
from tidemill.core.values import Value, canonical, encode
from tidemill.storage.metadata import runs
from tidemill.storage.metadata.artifacts import Stored
from tidemill.storage.metadata.database import Connection

CARD_CHARACTERS = 256 << 10
"""What a card may take up as JSON."""


def first_card(
    connection: Connection, found: Stored, run: str, metrics: Mapping[str, int | float], facts: Mapping[str, Value]
) -> dict[str, Value]:
    """Of an artifact, and the run that registers it, or else made it. Raises InputError if it is too large."""
    made = found.by
    card: dict[str, Value] = {
        **_run_facts(connection, run),
        "metrics": dict(metrics),
        "facts": dict(facts),
        "made": {"run": made.run, "path": made.path, "instance": made.instance, "generation": made.generation},
        "made_at": found.created_at,
        "artifact": _described(found.artifact),
    }
    if len(canonical(encode(card))) > CARD_CHARACTERS:
        raise InputError(f"the card of a model holds at most {CARD_CHARACTERS // 1024} kB", remedy="give fewer metrics")
    return card


def _run_facts(connection: Connection, id: str) -> dict[str, Value]:
    run = runs.get(connection, id)
    return {
        "pipeline": run.pipeline,
        "params": dict(run.params),
        "tags": dict(run.tags),
        "seed": run.seed,
        "definition": run.definition,
    }


def _described(artifact: Artifact) -> dict[str, Value]:
    return {
        "type": artifact.type,
        "codec": artifact.codec,
        "size": artifact.size,
        "kind": artifact.kind,
        "safe": artifact.safe,
        "metadata": dict(artifact.metadata),
    }
