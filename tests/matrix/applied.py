"""Carries a case to its end in a whole application: a database, an executor, a calendar that leaps to what is due."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.matrix.behaviour import CALLS, HOW
from tests.matrix.generated import Case
from tests.matrix.playing import Came, came, reopens
from tests.matrix.reference import HAPPENS
from tidemill.core.history import RunRecord
from tidemill.storage.metadata import task_runs
from tidemill.testing import InlineApp


class Approvals(Mapping[str, bool]):
    """What people say to every task run, by its name."""

    def __init__(self, case: Case) -> None:
        self._case = case

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> bool:
        return self._case.approves(name.partition("[")[0])

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        raise NotImplementedError("nobody is asked before they are")

    def __len__(self) -> int:
        raise NotImplementedError("nobody is asked before they are")


def applied(case: Case, app: InlineApp, folder: Path, executor: str) -> tuple[Came, Came | None]:
    """What comes of a case, and of its reopening if there is a reason for one. `folder` is made, for the tasks."""
    folder.mkdir()
    answers: dict[str, Any] = {"approve": Approvals(case), "events": {HAPPENS: "it happened"}}
    _behave(folder, case.behaviours)
    run = app.run(case.graph, {"folder": str(folder)}, executor=executor, seed=7, **answers)
    first = _came(app, run, folder)
    if not reopens(case, first):
        return first, None
    _behave(folder, case.again or {})
    return first, _came(app, app.retry(run, *case.also, **answers), folder)


def _behave(folder: Path, behaviours: Mapping[str, Any]) -> None:
    (folder / HOW).write_text(json.dumps(behaviours), encoding="utf-8")
    (folder / CALLS).write_text("", encoding="utf-8")


def _came(app: InlineApp, run: RunRecord, folder: Path) -> Came:
    with app.database.read() as connection:
        rows = {(row.path, row.instance): row for row in sorted(task_runs.load(connection, run.id), key=_generation)}
    calls = Counter((folder / CALLS).read_text(encoding="utf-8").splitlines())
    return came(list(rows.values()), calls)


def _generation(row: Any) -> int:
    return int(row.generation)
