"""Hashing again everything that a record names, and saying whose what is damaged is and how it heals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tidemill.actions.collecting.facts import Told
from tidemill.app import App
from tidemill.core.instances import Key, instance_from
from tidemill.storage.artifacts.content import Content
from tidemill.storage.artifacts.errors import ArtifactDamaged, ArtifactMissing
from tidemill.storage.metadata import collecting, snapshots
from tidemill.storage.metadata.collecting import ArtifactRow, MadeRow


@dataclass(frozen=True, slots=True)
class Damage:
    """Content that is not what was stored. `made_by` is a task of a run, or a snapshot; `heal`: what to type."""

    digest: str
    problem: str
    artifact: str
    made_by: str
    heal: str


@dataclass(frozen=True, slots=True)
class Verified:
    """`contents` were hashed, `bytes` of them."""

    contents: int
    bytes: int
    damage: tuple[Damage, ...]


def verify(app: App, told: Told) -> Verified:
    """Hash every object that a record of any team names, each once. Damage is found, nothing is changed."""
    with app.database.read() as connection:
        records = [row for row in collecting.every_artifact(connection) if row.digest]
    wrong, hashed = _hashed(app, records, told)
    with app.database.read() as connection:
        made = collecting.makers(connection, sorted(wrong))
        held = snapshots.of_artifacts(connection, app.settings.team, [row.id for row in made])
    damage = [
        Damage(row.digest, wrong[row.digest], row.id, *_origin(row, held.get((row.team, row.id)))) for row in made
    ]
    return Verified(len(hashed), sum(hashed.values()), tuple(damage))


def _hashed(app: App, records: Iterable[ArtifactRow], told: Told) -> tuple[dict[str, str], dict[str, int]]:
    """What is wrong with contents of records, by digest, and the size of all that was hashed."""
    store, wrong = app.artifacts, dict[str, str]()
    results: dict[str, str] = {}
    hashed: dict[str, int] = {}

    def look(content: Content) -> str:
        if content.digest not in results:
            told("contents hashed", len(results), 0)
            hashed[content.digest] = content.size
            try:
                store.verify(content)
                results[content.digest] = ""
            except (ArtifactDamaged, ArtifactMissing) as problem:
                results[content.digest] = problem.message
        return results[content.digest]

    for row in records:
        if row.digest in wrong:
            continue
        if row.kind != "tree":
            problem = look(Content(row.digest, row.size))
        else:
            try:
                files = store.listing(Content(row.digest, row.size, "tree"))
            except (ArtifactDamaged, ArtifactMissing) as error:
                files, problem = (), error.message
            else:
                of_files = ((one.path, look(Content(one.digest, one.size))) for one in files if one.digest is not None)
                problem = next((f"{path}: {found}" for path, found in of_files if found), "")
        if problem:
            wrong[row.digest] = problem
    return wrong, hashed


def _origin(row: MadeRow, snapshot: snapshots.Snapshot | None) -> tuple[str, str]:
    """Who made it, in words, and what to type."""
    if snapshot is not None:
        again = f"tidemill data snapshot {snapshot.source} --name {snapshot.name}"
        return f"snapshot {snapshot.name}", f"`{again}`, if it is still what it was"
    task = str(Key(row.path, instance_from(row.instance)))
    by = f"{task} of run {row.run}" + (f" ({row.pipeline})" if row.pipeline else "")
    match row.finished:
        case True:
            return by, f"`tidemill retry {row.run} --also {row.path}`"
        case False:
            return by, "the run makes it anew when it needs it"
        case _:
            return f"{by}, which was removed", f"run {row.pipeline or 'the pipeline'} again with `--refresh {row.path}`"
