"""From an artifact as people name it to the one that is meant.

An id, the beginning of one, RUN:TASK[:OUTPUT], or model:NAME[@VERSION].
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from tidemill.actions.models.naming import PREFIX, version_named
from tidemill.actions.naming import find_task, key_of
from tidemill.actions.runs import find_run
from tidemill.app import App
from tidemill.core.bindings import RESULT
from tidemill.core.errors import InputError, NotFound, did_you_mean
from tidemill.core.history import RunRecord, TaskKind, TaskRecord
from tidemill.core.records import Artifact
from tidemill.core.values import references
from tidemill.engine.recover import wiring_of
from tidemill.storage.metadata import artifacts, task_runs
from tidemill.storage.metadata.database import Connection

_AFTER_RUN = re.compile(r"[./]")
_SHOWN = 6


def find_artifact(app: App, text: str) -> str:
    """The id of the artifact. Raises NotFound, or InputError if several may be meant."""
    if text.startswith(PREFIX):
        return version_named(app, text).artifact
    if ":" in text:
        return _of_task(app, text)
    team = app.settings.team
    try:
        with app.database.read() as connection:
            return artifacts.find(connection, team, text)
    except NotFound as unknown:
        # `3f2a.4.1`: the beginning of a run's id, and then the rest of the artifact's.
        border = _AFTER_RUN.search(text)
        if border is None or not border.start():
            raise _unknown(text, unknown) from None
        try:
            run = find_run(app, text[: border.start()])
        except NotFound:
            raise _unknown(text, unknown) from None
        try:
            with app.database.read() as connection:
                return artifacts.find(connection, team, run.id + text[border.start() :])
        except NotFound as gone:
            raise NotFound(gone.message, remedy=f"`tidemill artifact ls {run.id}` lists those of that run") from None


def outputs_of(connection: Connection, run: RunRecord, row: TaskRecord) -> dict[str, list[str]]:
    """Ids by name of output: what a task run made, and what its result names though it was made elsewhere."""
    found = {name: [ref.id for ref in references(value)] for name, value in row.outputs.items()}
    named = {id for ids in found.values() for id in ids}
    for key, artifact in artifacts.of_run(connection, run.id, row.path):
        if key.instance == row.instance and key.generation == row.generation and artifact.id not in named:
            found.setdefault(output_name(artifact), []).append(artifact.id)
    return {name: list(dict.fromkeys(ids)) for name, ids in found.items()}


def output_name(artifact: Artifact) -> str:
    return artifact.output or RESULT


def _of_task(app: App, text: str) -> str:
    run_id, _, rest = text.partition(":")
    task, _, output = rest.partition(":")
    if not task:
        raise InputError(f"{text!r} names no task", remedy="write RUN:TASK or RUN:TASK:OUTPUT, such as latest:train")
    run = find_run(app, run_id)
    with app.database.read() as connection:
        row = find_task(run, task_runs.load(connection, run.id), task, wiring_of(connection, run).sites)
        found = outputs_of(connection, run, row)
    key, there = str(key_of(row)), {name: ids for name, ids in found.items() if ids}
    if output and output not in found:
        raise NotFound(f"task {key} of run {run.id} has no output {output!r}", remedy=did_you_mean(output, found))
    wanted = {output: found[output]} if output else there
    ids = [id for of_one in wanted.values() for id in of_one]
    if not ids:
        raise _none(run, row, key, output, found)
    if len(ids) > 1:
        names = _names(f"{run.id}:{key}", wanted)
        raise InputError(f"{text!r} names {len(ids)} artifacts", remedy=f"name one of them: {names}")
    return ids[0]


def _none(run: RunRecord, row: TaskRecord, key: str, output: str, found: Mapping[str, list[str]]) -> NotFound:
    task = f"task {key} of run {run.id}"
    if row.kind is TaskKind.MAP:
        remedy = f"name one of them, such as {run.id}:{row.path}[0]"
        return NotFound(f"{task} is a map, and its instances have what it gave", remedy=remedy)
    if row.kind is TaskKind.SCOPE and not found:
        return NotFound(
            f"{task} is a scope", remedy=f"`tidemill artifact ls {run.id} --task {key}` lists what is in it"
        )
    if found:
        what = f"output {output!r} of {task} is a plain value, kept" if output else f"{task} gave plain values, kept"
        remedy = f"`tidemill show {run.id} --task {shlex.quote(key)}` shows it"
        return NotFound(f"{what} in the record of the run", remedy=remedy)
    return NotFound(f"{task} has no artifact: it is {row.state.value}", remedy=f"see `tidemill show {run.id}`")


def _names(task: str, wanted: Mapping[str, list[str]]) -> str:
    names = [f"{task}:{name}" if len(ids) == 1 else id for name, ids in wanted.items() for id in ids]
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def _unknown(text: str, error: NotFound) -> NotFound:
    if text == "latest":
        return NotFound("'latest' is a run", remedy="name one of its tasks too: latest:TASK")
    return NotFound(error.message, remedy=error.remedy)
