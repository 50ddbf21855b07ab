"""Showing what is recorded here to a tracking server of MLflow: all of it, or what one run left. Nothing comes back.

One process of a home at a time, so that two do not make the same run twice.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tidemill import plugins
from tidemill.actions.mirror_facts import (
    code_of_runs,
    experiment_of,
    mark_of,
    models_of_runs,
    our_model,
    our_run,
    run_of_version,
)
from tidemill.actions.runs import find_run
from tidemill.app import App, content_of
from tidemill.core.errors import InputError, NotFound, StateError, TidemillError, did_you_mean
from tidemill.core.history import RunRecord
from tidemill.core.records import Artifact
from tidemill.lifecycle.mirrors.address import parse_address
from tidemill.lifecycle.mirrors.errors import MirrorConflict, ServerSaid
from tidemill.lifecycle.mirrors.mirroring import Done, Files, Mirror
from tidemill.lifecycle.mirrors.server import FoundRun, TrackingServer
from tidemill.lifecycle.mirrors.service import Patience, Service
from tidemill.storage.artifacts.errors import ArtifactError
from tidemill.storage.metadata import models, runs

VARIABLE = "MLFLOW_TRACKING_URI"
_PAGE = 200
_AT_THE_END = Patience(connect=3.0, silence=30.0, pauses=(0.5, 1.0))
"""For what is mirrored by itself: nobody waits long for a server that is away."""

_OTHERS_S = 10.0
_LOOK_S = 0.25

Told = Callable[[str, int, int], None]
"""Hears what is being mirrored: what, how many are done, and of how many (0: nobody knows)."""

Wait = Callable[[float], None]
"""Lets so many seconds pass."""


def sync(
    app: App, run: str = "", model: str = "", told: Told = lambda *_: None, wait: Wait = time.sleep
) -> tuple[str, Done]:
    """Mirror everything, or one run and what it registered, or one model. Answers with the server's address.

    Raises NotFound, InputError without an address, and the errors of `lifecycle.mirrors.errors`: what was mirrored
    until then stays mirrored.
    """
    uri = app.settings.mlflow_uri or os.environ.get(VARIABLE, "")
    if not uri:
        raise InputError(
            "nothing says where the tracking server is",
            place="settings",
            remedy='set mlflow_uri = "http://localhost:5000" in tidemill.toml, or TIDEMILL_MLFLOW_URI',
        )
    with app.database.read() as connection:
        known = models.names(connection, app.settings.team)
    if model and model not in known:
        remedy = did_you_mean(model, known) or "`tidemill model ls` lists them"
        raise NotFound(f"there is no registered model {model!r}", remedy=remedy)
    with _mirror(app, uri, Patience(), wait) as mirror:
        if run:
            record = find_run(app, run)
            _some_runs(app, mirror, [record], told)
            known = models_of_runs(app, [record.id])
        elif not model:
            _all_runs(app, mirror, told)
        _models(app, mirror, [model] if model else known, told)
        return mirror.address, mirror.done


def mirror_by_itself(app: App, ids: Sequence[str] = (), names: Sequence[str] = (), wait: Wait = time.sleep) -> str:
    """Mirror some runs with what they registered, and some models, if `mlflow_uri` is set. Never raises for a server.

    Answers with one line that says what did not succeed, or "".
    """
    if not app.settings.mlflow_uri:
        return ""
    try:
        with app.database.read() as connection:
            records = runs.records(connection, app.settings.team, ids)
        with _mirror(app, app.settings.mlflow_uri, _AT_THE_END, wait) as mirror:
            _some_runs(app, mirror, records, lambda *_: None)
            _models(app, mirror, dict.fromkeys([*names, *models_of_runs(app, ids)]), lambda *_: None)
    except TidemillError as error:
        return f"not mirrored to MLflow: {error.in_one_line}"
    except Exception as error:
        # Whatever it is, what was to be mirrored has ended as it has; `sync` shows the defect.
        return f"not mirrored to MLflow: {type(error).__name__}; `tidemill mlflow sync` says more"
    if mirror.done.troubles:
        return f"not all is mirrored to MLflow: {mirror.done.troubles[0]}; `tidemill mlflow sync` tries again"
    return ""


def _some_runs(app: App, mirror: Mirror, records: Iterable[RunRecord], told: Told) -> None:
    code = code_of_runs(app)
    for number, record in enumerate(records):
        told("runs", number, 0)
        with _going_on(mirror, f"run {record.id}"):
            mirror.run(our_run(app, record, code.get(record.id)))


def _all_runs(app: App, mirror: Mirror, told: Told) -> None:
    """Every run of the team, the newest first. What is there of a pipeline is asked for once."""
    code = code_of_runs(app)
    there: dict[str, dict[str, FoundRun] | None] = {}
    for number, record in enumerate(_records(app)):
        told("runs", number, 0)
        experiment, tags = experiment_of(app, record.pipeline)
        if experiment not in there:
            there[experiment] = None
            with _going_on(mirror, f"pipeline {record.pipeline}"):
                there[experiment] = mirror.runs_in(experiment, tags)
        known = there[experiment]
        if known is None:
            continue
        found = known.get(record.id)
        if found is not None and mirror.is_same(record.id, mark_of(record), found):
            continue
        with _going_on(mirror, f"run {record.id}"):
            mirror.run(our_run(app, record, code.get(record.id)), found, looked=True)


def _models(app: App, mirror: Mirror, names: Iterable[str], told: Told) -> None:
    for number, name in enumerate(names):
        told("models", number, 0)
        with _going_on(mirror, f"model {name}"):
            mirror.model(our_model(app, name), lambda what: _going_on(mirror, what))


def _records(app: App) -> Iterator[RunRecord]:
    last: str | None = None
    while True:
        with app.database.read() as connection:
            page = runs.listing(connection, app.settings.team, limit=_PAGE, before=last)
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1].id


@contextmanager
def _going_on(mirror: Mirror, what: str) -> Iterator[None]:
    """What concerns one thing only is noted, and the rest is mirrored all the same."""
    try:
        yield
    except (MirrorConflict, ServerSaid, ArtifactError) as error:
        mirror.done.troubles.append(f"{what}: {error.message}" + (f"; {error.remedy}" if error.remedy else ""))


@contextmanager
def _alone(place: Path, patience: Patience, wait: Wait) -> Iterator[None]:
    """With no other process of this home at it. What is mirrored by itself does not wait for long."""
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        tries = itertools.count()
        while not _locked(handle):
            if patience is _AT_THE_END and next(tries) == _OTHERS_S / _LOOK_S:
                raise StateError("another process is mirroring", remedy="`tidemill mlflow sync` does the rest later")
            wait(_LOOK_S)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # The file system has no locks for folders: whoever mirrors there does so from one process.
        pass
    return True


@contextmanager
def _mirror(app: App, uri: str, patience: Patience, wait: Wait) -> Iterator[Mirror]:
    address = parse_address(uri, os.environ)
    place = app.settings.home / "mlflow"
    place.mkdir(exist_ok=True)
    app.settings.scratch.mkdir(parents=True, exist_ok=True)
    code = code_of_runs(app)

    @contextmanager
    def contents(artifact: Artifact) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="mirror-", dir=app.settings.scratch) as folder:
            copy = Path(folder) / "content"
            app.artifacts.materialize(content_of(artifact), copy)
            yield copy

    def library(uri: str) -> Files:
        opened: Files = plugins.load("mirrors", "mlflow")(uri)
        return opened

    with _alone(place, patience, wait), Service(address, wait, patience) as service:
        yield Mirror(
            TrackingServer(service),
            contents,
            lambda version: run_of_version(app, version, code.get(version.run)),
            library,
            app.settings.scratch,
        )
