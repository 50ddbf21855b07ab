"""The life of one model, act by act: first release, the same again, a better and a worse one, a bad day, what is live.

Each act is a run, or a question to the registry; how they are shown is left to the caller.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tidemill.actions.demo.breaking import Broken, break_rows
from tidemill.actions.demo.results import Demo, read_demo, rows_read_by
from tidemill.actions.demo.running import WEAK, Wish, example_file, first_columns, free_name, parameters
from tidemill.actions.models.card import card_of
from tidemill.actions.runs import Carrier, Running
from tidemill.app import App, content_of
from tidemill.core.errors import NotFound, StateError
from tidemill.core.graph import Pipeline
from tidemill.core.history import EVERYTHING, RunRecord
from tidemill.core.models import CHAMPION
from tidemill.engine.loop import Watcher

DOCUMENT = "demo.json"
_FOLDER = "demo"


@dataclass(frozen=True, slots=True)
class Act:
    """A run of the story: its parameters differ from those of the others in `params`."""

    name: str
    title: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Production:
    """Which version is champion, since when, by whom and by which decision; and what it was made of, nearest first.

    `data` are artifacts (task, rows, columns, digest), `code` are functions (task, function, fingerprint).
    """

    name: str
    version: int
    digest: str
    since: datetime
    actor: str
    run: str
    decision: str
    verdict: str
    parameters: Mapping[str, Any]
    data: tuple[Mapping[str, Any], ...]
    code: tuple[Mapping[str, str], ...]


@dataclass(slots=True)
class Story:
    """What has been told so far. An act that did not take place is None."""

    first: Demo
    again: Demo | None = None
    better: Demo | None = None
    worse: Demo | None = None
    broken: Demo | None = None
    spoiled: Broken | None = None
    production: Production | None = None
    report: str = ""

    @property
    def document(self) -> dict[str, Any]:
        """As `demo.json` has it: everything of the first run, and then what the others add."""
        told = (self.first, self.better, self.worse)
        return {
            **asdict(self.first),
            "first_seconds": self.first.seconds,
            "again_seconds": self.again.seconds if self.again else None,
            "reused": self.again.reused if self.again else None,
            "computed_again": self.again.computed if self.again else None,
            "promoted": [one.model.version for one in told if one and one.model and one.model.is_new],
            "refused": [{"run": one.run, "reasons": one.reasons} for one in told if one and one.decision == "refused"],
            "stopped_by_contract": self._stopped,
            "champion_version": self.production.version if self.production else None,
            "production": asdict(self.production) if self.production else None,
            "runs": {
                name: one.run
                for name in ("first", "again", "better", "worse", "broken")
                if (one := getattr(self, name)) is not None
            },
            "report": self.report,
        }

    @property
    def _stopped(self) -> dict[str, Any] | None:
        if self.broken is None or not self.broken.stopped:
            return None
        return {"run": self.broken.run, "owner": self.broken.owner, "rules": list(self.broken.broken_rules)}


class Teller:
    """Runs the acts. `contract` is that of the rows, if it is not the example's own."""

    def __init__(
        self, app: App, carrier: Carrier, pipeline: Pipeline, wish: Wish, contract: Path | None = None
    ) -> None:
        self._app = app
        self._carrier = carrier
        self._pipeline = pipeline
        self._wish = wish
        self.model = free_name(app)
        self._common = parameters(wish, self.model, contract)
        self._few = first_columns(wish)

    def first(self) -> Act:
        return Act("first", "A first model", {"columns": self._few})

    def again(self) -> Act:
        return Act("again", "The same again", {"columns": self._few})

    def better(self) -> Act:
        return Act("better", "A better one: it learns from all columns", {})

    def worse(self) -> Act:
        return Act("worse", "A worse one: a small tree", {"candidates": [WEAK]})

    def broken(self, story: Story) -> Act:
        """Breaks the rows that the first run read. Raises StateError if they are not there any more."""
        rows = rows_read_by(self._app, story.first.run)
        path = self._app.artifacts.path_of(content_of(rows))
        if path is None:
            raise StateError(f"the rows of run {story.first.run} are not here any more")
        folder = self._app.settings.home / _FOLDER
        folder.mkdir(exist_ok=True)
        story.spoiled = break_rows(path, story.first.data.target, folder / "broken.csv")
        params = {"data": str(story.spoiled.file), "separator": ","}
        return Act("broken", "A bad day: the data arrives broken", params)

    def run(self, act: Act, watch: Watcher | None, begun: Callable[[Running], None] | None) -> RunRecord:
        """Carry the run of an act to its end."""
        return self._carrier.run(
            self._pipeline,
            {**self._common, **act.params},
            executor="processes",
            watch=watch,
            begun=begun,
            seed=self._wish.seed,
            entry=str(example_file()),
            tags={"act": act.name},
            # So that how long it takes from nothing is seen, however often the story was told here.
            refresh=(EVERYTHING,) if act.name == "first" else (),
        )

    def read(self, run: RunRecord) -> Demo:
        """What came of it."""
        return read_demo(self._app, run.id)


def production(app: App, name: str) -> Production | None:
    """What the registry says is in use now, and what is recorded of how it came to be."""
    try:
        card = card_of(app, f"{name}@{CHAMPION}")
    except NotFound:
        return None
    version = card.version
    move = next(one for one in card.has if one.alias == CHAMPION)
    return Production(
        version.name,
        version.version,
        version.digest,
        move.moved_at,
        move.actor,
        version.run,
        card.decision.id if card.decision is not None else "",
        str(card.judgement.get("verdict", "")),
        dict(card.run.params) if card.run is not None else {},
        tuple(
            {
                "task": one.by.path,
                "rows": one.artifact.metadata.get("rows"),
                "columns": one.artifact.metadata.get("columns_total"),
                "digest": one.artifact.digest,
            }
            for one in card.data
        ),
        tuple(
            {"task": step.by.path, "function": step.function, "fingerprint": step.fingerprint} for step in card.steps
        ),
    )


def write(app: App, story: Story) -> Path:
    """The file in the home, `demo.json`, that holds the document of the story."""
    file = app.settings.home / DOCUMENT
    written = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        text = json.dumps(story.document, indent=2, ensure_ascii=False, default=str)
        written.write_text(text + "\n", encoding="utf-8")
        written.replace(file)
    finally:
        with suppress(FileNotFoundError):
            written.unlink()
    return file
