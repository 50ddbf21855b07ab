"""Versions, wishes and decisions for tests of the registry, without a run that makes them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tidemill.core.clock import EPOCH
from tidemill.core.decisions import About, Named
from tidemill.core.models import CHAMPION, ModelVersion, MoveKind
from tidemill.core.records import Artifact
from tidemill.lifecycle.decisions import record
from tidemill.lifecycle.registry.decide import Wish
from tidemill.lifecycle.registry.entering import Entered, Entry, register
from tidemill.storage.metadata import artifacts, decisions
from tidemill.storage.metadata.database import Connection


def wish(kind: MoveKind = MoveKind.PROMOTE, alias: str = CHAMPION, minute: int = 0, **more: Any) -> Wish:
    return Wish(alias, kind, more.pop("actor", "ann"), EPOCH + timedelta(minutes=minute), **more)


def model(number: int) -> Artifact:
    return Artifact(f"a.{number}", "Model", codec="json", digest=f"blake2b:{number:064x}", size=3, kind="file")


def entered(connection: Connection, team: str, number: int, name: str = "churn", **more: Any) -> Entered:
    """The model of that number, registered."""
    artifact = model(number)
    said = more.pop("wish", wish(MoveKind.REGISTER, alias=""))
    artifacts.put(connection, team, "r", "train", "", 0, [artifact], EPOCH)
    return register(connection, team, Entry(name, artifact, said, **more))


def version(connection: Connection, team: str, number: int) -> ModelVersion:
    return entered(connection, team, number).version


def judged(
    connection: Connection, team: str, candidate: int, champion: int = 0, verdict: str = "PASS", name: str = "churn"
) -> str:
    """The id of a new decision of a gate; `champion` 0 is none."""
    head = decisions.lock_head(connection, team)
    about = About(
        team=team,
        number=head.number + 1,
        kind="gate",
        model=name,
        verdict=verdict,
        candidate=Named(model(candidate).id, model(candidate).digest),
        champion=Named(model(champion).id, model(champion).digest) if champion else Named(),
        evidence=Named(model(candidate).id, model(candidate).digest),
        run="r",
        path="gate/decide",
        actor="ann",
        made_at="2026-01-01T00:00:00.000000+00:00",
        prev=head.digest,
    )
    judgement = {"verdict": verdict, "reasons": [f"it is {verdict}"]}
    made = record.made(about, rule={"told": verdict}, facts={}, judgement=judgement, code={})
    decisions.append(connection, made)
    return made.id
