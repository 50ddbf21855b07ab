"""A model for a test: out of a file, out of a run (`latest:train`), or out of the registry (`churn@champion`).

Its content is verified before it is loaded. Loading may run code in it, as it does in a task: test models you trust.
"""

from __future__ import annotations

import atexit
import importlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tidemill.actions.artifact_names import find_artifact
from tidemill.actions.models.naming import version_named
from tidemill.app import App, content_of
from tidemill.core.errors import InputError, NotFound, StorageError
from tidemill.settings import load_settings
from tidemill.storage.artifacts.values import load
from tidemill.storage.metadata import artifacts

_JOBLIB = frozenset({".joblib", ".pkl", ".pickle"})


def load_model(name: str | os.PathLike[str], home: str | os.PathLike[str] = "") -> Any:
    """The model that `name` means: a file, RUN:TASK[:OUTPUT], an artifact's id, or NAME[@VERSION|@ALIAS] (registered).

    `home` is that of the project around the current folder unless it is given. Raises NotFound, InputError, and
    StorageError if its content is damaged.
    """
    text = os.fspath(name)
    if Path(text).is_file():
        return _from_file(Path(text))
    if text.startswith((".", "/")) or Path(text).suffix in _JOBLIB:
        raise NotFound(f"there is no file {text!r}", remedy="train and store the model first")
    environment = dict(os.environ)
    if home:
        environment["TIDEMILL_HOME"] = str(Path(home).absolute())
    settings = load_settings(environment=environment)
    if not settings.database_url and not settings.home.exists():
        remedy = "go to the folder of your project, or name its home"
        raise NotFound("nothing has run here yet: there is no home", place=str(settings.home), remedy=remedy)
    with App(settings) as app:
        return _stored(app, text)


def _stored(app: App, text: str) -> Any:
    by_run = ":" in text and not text.startswith("model:")
    try:
        id = find_artifact(app, text) if by_run else version_named(app, text).artifact
    except NotFound as unknown:
        if by_run or "@" in text:
            raise
        try:
            id = find_artifact(app, text)
        except NotFound:
            raise unknown from None
    with app.database.read() as connection:
        record = artifacts.get_many(connection, app.settings.team, [id])[id]
    if not record.digest:
        raise InputError(f"{text!r} lies outside of the artifact store", place=record.uri)
    damage = app.verify(record)
    if damage:
        raise StorageError(f"{text!r} is damaged: {damage}", remedy="`tidemill gc --verify` says what heals it")
    scratch = Path(tempfile.mkdtemp(prefix="tidemill-model-"))
    # A file that is mapped, or that the model is, must be there for as long as the model.
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    found = load(app.artifacts, content_of(record), record.codec, scratch, facts=record.metadata, unsafe=True).value
    return _from_file(found) if isinstance(found, Path) else found


def _from_file(path: Path) -> Any:
    if path.suffix.lower() in _JOBLIB:
        return importlib.import_module("joblib").load(path)
    if path.suffix.lower() == ".skops":
        found = importlib.import_module("skops.io")
        return found.load(path, trusted=found.get_untrusted_types(file=path))
    remedy = f"load it by yourself; known here are {', '.join(sorted([*_JOBLIB, '.skops']))}"
    raise InputError(
        f"a file with the ending {path.suffix!r} is not known to be a model", place=str(path), remedy=remedy
    )
