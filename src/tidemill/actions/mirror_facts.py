"""What of this home a mirror shows: runs, models and their files, as the plain data that `lifecycle.mirrors` takes.

Reads rows; the content of artifacts is fetched when it is sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tidemill.actions.artifacts import list_artifacts
from tidemill.actions.fetching import own_name
from tidemill.app import App
from tidemill.core.decisions import Decision
from tidemill.core.history import RunRecord
from tidemill.core.models import AliasMove, ModelVersion
from tidemill.core.previews import ImagePreview, TextPreview, preview_of
from tidemill.core.records import Artifact
from tidemill.core.states import RunState
from tidemill.core.values import digest, encode
from tidemill.lifecycle.mirrors.facts import OurFile, OurModel, OurRun, OurVersion
from tidemill.lifecycle.mirrors.naming import (
    Measured,
    file_path,
    metric_names,
    model_name,
    number_out,
    params_of,
    tag_text,
    user_tags,
)
from tidemill.lifecycle.mirrors.server import DIGEST, MODEL, PIPELINE, RUN, TEAM, VERSION
from tidemill.storage.metadata import artifacts, decisions, metrics, models, removing, runs
from tidemill.storage.metadata.database import Connection

LAYOUT = 1
"""Rises when more is shown of a run than before, so that what was mirrored once is looked at again."""

FILE_BYTES = 10 << 20
"""Files for people that are larger are not shown, unless they belong to a registered model."""

MOST_FILES = 200
NO_PIPELINE = "removed runs"

_STATUS = {
    RunState.QUEUED: "SCHEDULED",
    RunState.RUNNING: "RUNNING",
    RunState.CANCELLING: "RUNNING",
    RunState.SUCCEEDED: "FINISHED",
    RunState.FAILED: "FAILED",
    RunState.CANCELLED: "KILLED",
}
_PICTURES = frozenset({"html", "svg", "markdown"})


def mark_of(run: RunRecord) -> str:
    """Changes with everything that happens in a run."""
    return f"{LAYOUT}/{run.generation}/{run.state.value}/{run.next_seq}/{digest(encode(dict(run.tags)))[-8:]}"


def experiment_of(app: App, pipeline: str) -> tuple[str, dict[str, str]]:
    """The experiment that shows a pipeline, and the tags it is made with."""
    team = app.settings.team
    return model_name(team, pipeline), {TEAM: team, PIPELINE: pipeline}


def our_run(app: App, run: RunRecord, code: Mapping[str, Any] | None = None) -> OurRun:
    """`code` is what is known of the commit that the run was made from."""
    team = app.settings.team
    with app.database.read() as connection:
        found = metrics.of_runs(connection, team, [run.id]).get(run.id, [])
        judged = decisions.listing(connection, team, run=run.id)
    experiment, tags = experiment_of(app, run.pipeline)
    numbers = {one.full_name: one.value for one in found}
    text = json.dumps({name: number_out(value) for name, value in numbers.items()}, indent=2, allow_nan=False)
    files = [OurFile("metrics.json", data=text.encode())] if numbers else []
    return OurRun(
        id=run.id,
        experiment=experiment,
        status=_STATUS[run.state],
        started=_milliseconds(run.started_at or run.created_at),
        mark=mark_of(run),
        ended=_milliseconds(run.ended_at) if run.ended_at is not None else None,
        user=run.actor,
        params=params_of(run.params),
        metrics=metric_names([Measured(one.path, one.place, one.name, one.value) for one in found]),
        tags={**tags, **_run_tags(run, judged, code or {})},
        files=(*files, *_files(app, run)),
    )


def our_model(app: App, name: str) -> OurModel:
    """A model with all its versions, and where its aliases are."""
    team = app.settings.team
    with app.database.read() as connection:
        versions = models.versions(connection, team, name)
        moves = models.moves(connection, team, name)
        stored = artifacts.get_many(connection, team, [version.artifact for version in versions])
        judged = {version.version: _judged(connection, team, version) for version in versions}
    last = {move.alias: move for move in moves}
    described = next((version.description for version in reversed(versions) if version.description), "")
    return OurModel(
        name=model_name(team, name),
        title=name,
        tags={MODEL: name, TEAM: team, **{f"tidemill.alias.{alias}": _told(move) for alias, move in last.items()}},
        description=described or f"The model {name} of Tidemill: a mirror, written by `tidemill mlflow sync`.",
        versions=tuple(
            _version(team, version, stored[version.artifact], judged[version.version])
            for version in versions
            if version.artifact in stored
        ),
        aliases={alias: move.version for alias, move in last.items()},
    )


def code_of_runs(app: App) -> dict[str, Mapping[str, Any]]:
    """What is known of the code of runs that registered something, by run: the card of a version says it."""
    with app.database.read() as connection:
        versions = models.versions(connection, app.settings.team)
    cards = {version.run: version.card.get("facts") for version in versions}
    return {run: facts for run, facts in cards.items() if isinstance(facts, Mapping)}


def run_of_version(app: App, version: OurVersion, code: Mapping[str, Any] | None = None) -> OurRun:
    """The run that registered a version; if it was removed, or none did, what a version's files need to hang on."""
    team = app.settings.team
    with app.database.read() as connection:
        known = runs.records(connection, team, [version.run])
        pipeline = "" if known else removing.pipeline_of(connection, team, version.run)
    if known:
        return our_run(app, known[0], code)
    experiment, tags = experiment_of(app, pipeline or NO_PIPELINE)
    name = version.run or version.artifact.id
    return OurRun(
        id=name,
        experiment=experiment,
        status="FINISHED",
        started=version.created,
        mark=f"{LAYOUT}/removed",
        ended=version.created,
        tags={**tags, RUN: name, "tidemill.state": "removed"},
    )


def models_of_runs(app: App, ids: Sequence[str]) -> list[str]:
    """The models of which these runs registered a version, or moved an alias."""
    team, wanted = app.settings.team, frozenset(ids)
    with app.database.read() as connection:
        moved = {move.model for move in models.moves(connection, team) if move.run in wanted}
        made = {version.name for version in models.versions(connection, team) if version.run in wanted}
    return sorted(moved | made)


def _run_tags(run: RunRecord, judged: Sequence[Decision], code: Mapping[str, Any]) -> dict[str, str]:
    tags = {
        **user_tags(run.tags),
        RUN: run.id,
        "tidemill.state": run.state.value,
        "tidemill.definition": run.definition,
        "tidemill.seed": str(run.seed),
        "tidemill.executor": run.executor,
        "mlflow.note.content": f"Run {run.id} of {run.pipeline} in Tidemill: `tidemill show {run.id}` tells all of it.",
        "mlflow.source.name": tag_text(run.entry or run.pipeline),
        "mlflow.source.type": "LOCAL",
        "mlflow.user": tag_text(run.actor),
    }
    if run.scheduled_for is not None:
        tags["tidemill.scheduled_for"] = run.scheduled_for.astimezone(UTC).isoformat()
    if judged:
        tags["tidemill.decision"] = judged[0].id
        tags["tidemill.verdict"] = judged[0].about.verdict
    if isinstance(commit := code.get("commit"), str) and commit:
        tags["mlflow.source.git.commit"] = tag_text(commit)
    return {name: text for name, text in tags.items() if text}


def _version(team: str, version: ModelVersion, artifact: Artifact, judged: Decision | None) -> OurVersion:
    tags = {
        VERSION: str(version.version),
        DIGEST: version.digest,
        RUN: version.run,
        TEAM: team,
        "tidemill.artifact": version.artifact,
        "tidemill.by": tag_text(version.actor),
    }
    if judged is not None:
        tags |= {"tidemill.decision": judged.id, "tidemill.verdict": judged.about.verdict}
    return OurVersion(
        version=version.version,
        digest=version.digest,
        artifact=artifact,
        run=version.run or artifact.id,
        created=_milliseconds(version.created_at),
        description=version.description or f"{version.name}, version {version.version} in Tidemill",
        tags={name: text for name, text in tags.items() if text},
    )


def _judged(connection: Connection, team: str, version: ModelVersion) -> Decision | None:
    """The decision that a version was registered with, or the newest one of a gate about it."""
    if version.decision and (found := decisions.get(connection, team, version.decision)) is not None:
        return found
    about = decisions.of_subject(connection, team, version.digest, model=version.name, kind="gate")
    return about[0] if about else None


def _told(move: AliasMove) -> str:
    at = f"{move.moved_at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
    where = f"version {move.version}" if move.version else "nowhere"
    gate = "no gate has passed it" if move.overrode else move.decision
    why = "; ".join(part for part in (gate, move.reason) if part)
    return tag_text(f"{where} since {at}, {move.kind.value} by {move.actor}" + (f": {why}" if why else ""))


def _files(app: App, run: RunRecord) -> list[OurFile]:
    """What people look at: reports and pictures up to a size, under the name of their task."""
    listed = [one for one in list_artifacts(app, run.id).artifacts if not one.superseded and one.artifact.digest]
    small = [one for one in listed if one.artifact.size <= FILE_BYTES]
    with app.database.read() as connection:
        stored = artifacts.stored(connection, app.settings.team, [one.artifact.id for one in small])
    found: dict[str, OurFile] = {}
    for one in small:
        whole = stored.get(one.artifact.id)
        if whole is not None and _is_for_people(whole.artifact):
            indexes = "".join(f".{step.item}" for step in one.task.instance)
            path = file_path(f"{one.task.path}{indexes}", own_name(whole.artifact, one.by))
            found.setdefault(path, OurFile(path, whole.artifact))
    return list(found.values())[:MOST_FILES]


def _is_for_people(artifact: Artifact) -> bool:
    if artifact.type.rpartition(".")[2] == "Report":
        return True
    match preview_of(artifact):
        case ImagePreview():
            return True
        case TextPreview(format=format):
            return format in _PICTURES
    return False


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
