"""What there is, as `decide` wants to know it: rows of one moment, and what folders consist of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tidemill.actions.collecting.decide import ArtifactFact, EntryFact, Facts, HolderFact, RunFact
from tidemill.app import App
from tidemill.core.states import RunState
from tidemill.engine.ownership import Owner
from tidemill.storage.artifacts.content import Content
from tidemill.storage.artifacts.errors import ArtifactDamaged, ArtifactMissing
from tidemill.storage.metadata import collecting
from tidemill.storage.metadata.collecting import ArtifactRow, RunRow
from tidemill.storage.metadata.encoding import mapping_in, moment_in, required_moment_in
from tidemill.storage.metadata.runs import FREE

KEEP = "keep"
"""A run with this tag is never collected; its value may say why."""

_OFTEN = 200

Told = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and of how much; 0: nobody knows."""


def tell_nobody(what: str, done: int, of: int) -> None:
    """For who has no use for progress."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """`contents` is every digest that a record of any team consists of, `unreadable` the folders that cannot tell."""

    facts: Facts
    contents: frozenset[str]
    unreadable: tuple[str, ...]


class Trees:
    """What folders consist of, asked of the store once each."""

    def __init__(self, app: App) -> None:
        self._store = app.artifacts
        self._known: dict[str, tuple[tuple[str, int], ...]] = {}
        self.unreadable: set[str] = set()

    def files(self, digest: str, size: int) -> tuple[tuple[str, int], ...]:
        """Digest and bytes of each file of a folder."""
        if digest not in self._known:
            try:
                listed = self._store.listing(Content(digest, size, "tree"))
            except (ArtifactMissing, ArtifactDamaged):
                self.unreadable.add(digest)
                listed = ()
            self._known[digest] = tuple({(one.digest, one.size) for one in listed if one.digest is not None})
        return self._known[digest]


def gather(app: App, owner: Owner, trees: Trees, told: Told = tell_nobody) -> Gathered:
    """All facts. Rows are read in one transaction, so that nothing is missed that only changes hands.

    A run that an owner holds who is known, by `owner`, to be dead is held by nobody.
    """
    team = app.settings.team
    with app.database.read() as connection:
        run_rows = list(collecting.every_run(connection, team))
        entries = list(collecting.every_entry(connection, team))
        held: dict[tuple[str, str], set[str]] = {}
        for kind, name, artifact in collecting.every_held(connection, team):
            held.setdefault((kind, name), set()).add(artifact)
        needs: dict[str, set[str]] = {row.id: set() for row in run_rows}
        for run, ids in collecting.every_need(connection, team):
            if run in needs:
                needs[run] |= ids
        records = list(collecting.every_artifact(connection))
    artifacts, sizes, elsewhere = _artifacts(records, team, trees, told)
    facts = Facts(
        runs=[_run(row, needs[row.id], owner) for row in run_rows],
        entries=[
            EntryFact(
                row.key,
                f"{row.pipeline}.{row.path}" if row.pipeline else row.path,
                required_moment_in(row.created_at),
                moment_in(row.expires_at),
                row.needs,
                row.former,
            )
            for row in entries
        ],
        holders=[HolderFact(kind, name, frozenset(ids)) for (kind, name), ids in sorted(held.items())],
        artifacts=artifacts,
        sizes=sizes,
        elsewhere=frozenset(elsewhere),
    )
    contents = elsewhere.union(*(one.contents for one in artifacts.values()))
    return Gathered(facts, frozenset(contents), tuple(sorted(trees.unreadable)))


def _artifacts(
    rows: Collection[ArtifactRow], team: str, trees: Trees, told: Told
) -> tuple[dict[str, ArtifactFact], dict[str, int], set[str]]:
    artifacts: dict[str, ArtifactFact] = {}
    sizes: dict[str, int] = {}
    elsewhere: set[str] = set()
    for number, row in enumerate(rows):
        if number % _OFTEN == 0:
            told("records looked at", number, len(rows))
        contents = {*row.also, row.digest} - {""}
        if row.kind == "tree":
            files = trees.files(row.digest, row.size)
            contents.update(digest for digest, _ in files)
            sizes.update(files)
        elif row.digest:
            sizes[row.digest] = row.size
        if row.team == team:
            made = required_moment_in(row.created_at)
            artifacts[row.id] = ArtifactFact(row.id, row.run, made, frozenset(contents))
        else:
            elsewhere |= contents
    return artifacts, sizes, elsewhere


def _run(row: RunRow, needs: set[str], owner: Owner) -> RunFact:
    created = required_moment_in(row.created_at)
    ended: datetime | None = moment_in(row.ended_at)
    return RunFact(
        row.id,
        row.pipeline,
        created,
        ended or created,
        finished=RunState(row.state).final,
        held=row.owner not in (FREE, owner.id) and not owner.is_dead(row.owner),
        keep=keep_of(mapping_in(row.tags)),
        previous=row.previous,
        needs=frozenset(needs),
    )


def keep_of(tags: Mapping[str, Any]) -> str:
    """What the tag says that keeps a run, or "": a run is kept by any value but an empty one, `false`, `no` and 0."""
    value = tags.get(KEEP, "")
    text = str(value).strip()
    return "" if value is None or text.lower() in ("", "false", "no", "0") else text
