"""Making a tracking server show a run or a model as it is here: finds what is there, adds what is missing.

Each step may be the last one before the process dies: the next time goes on from what is there, and doubles nothing.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tidemill.core.crash import point
from tidemill.core.records import Artifact
from tidemill.lifecycle.mirrors.decide import alias_changes, changed, run_changes
from tidemill.lifecycle.mirrors.errors import MirrorConflict
from tidemill.lifecycle.mirrors.facts import OurFile, OurModel, OurRun, OurVersion
from tidemill.lifecycle.mirrors.model_files import model_files
from tidemill.lifecycle.mirrors.naming import file_path
from tidemill.lifecycle.mirrors.server import (
    MARK,
    MODEL,
    PIPELINE,
    PROXIED,
    TEAM,
    FoundRun,
    FoundVersion,
    TrackingServer,
)

MODELS = "models"
"""Folder of a run below which the files of the versions lie that it registered."""

_OF_MODELS = {"mlflow.experimentKind": "custom_model_development"}
"""What MLflow 3 guesses, or asks people, of an experiment that does not say it."""

_after_log = point("mirror.after-log")
_after_file = point("mirror.after-file")
_before_mark = point("mirror.before-mark")
_before_alias = point("mirror.before-alias")
_after_alias = point("mirror.after-alias")


class Files(Protocol):
    """Where the files of one run go, if not through the server."""

    def put(self, file: Path, path: str) -> None: ...


Contents = Callable[[Artifact], AbstractContextManager[Path]]
"""A copy of an artifact's verified content, for as long as it is needed."""


@dataclass(slots=True)
class Done:
    """What was done, in names for people. `notes` are sentences on what could not be shown as it is."""

    new_runs: list[str] = field(default_factory=list)
    changed_runs: list[str] = field(default_factory=list)
    same_runs: int = 0
    new_versions: list[str] = field(default_factory=list)
    same_versions: int = 0
    aliases: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


class Mirror:
    """On one server. `run_of` gives the run that registered a version, or what is left of it; `library` opens a store
    of files that is not the server's own; `scratch` is for copies.
    """

    def __init__(
        self,
        server: TrackingServer,
        contents: Contents,
        run_of: Callable[[OurVersion], OurRun],
        library: Callable[[str], Files],
        scratch: Path,
    ) -> None:
        self.done = Done()
        self._server = server
        self._contents = contents
        self._run_of = run_of
        self._library = library
        self._scratch = scratch
        self._experiments: dict[str, str] = {}
        self._runs: dict[str, FoundRun] = {}

    @property
    def address(self) -> str:
        """Of the server, without credentials."""
        return self._server.address.shown

    def runs_in(self, experiment: str, tags: Mapping[str, str]) -> dict[str, FoundRun]:
        """What is mirrored in an experiment, by our id of the run; made with these tags if it is not there."""
        return self._server.runs_in(self._experiment(experiment, tags))

    def is_same(self, run: str, mark: str, found: FoundRun) -> bool:
        """Whether a run is mirrored as it is; it is counted then."""
        if found.deleted or found.tags.get(MARK) != mark:
            return False
        self.done.same_runs += 1
        self._runs[run] = found
        return True

    def run(self, ours: OurRun, known: FoundRun | None = None, looked: bool = False) -> FoundRun | None:
        """Show a run; None if it was deleted over there, and stays so. `known` is what is there, if `looked`."""
        experiment = self._experiment(ours.experiment, ours.tags)
        found = known if looked else self._server.find_run(experiment, ours)
        if found is not None and found.deleted:
            self.done.notes.append(f"run {ours.id} was deleted in MLflow, and is not mirrored again")
            return None
        if found is not None and self.is_same(ours.id, ours.mark, found):
            return found
        is_new = found is None
        found = found or self._server.create_run(experiment, ours)
        changes = run_changes(ours, found.params, found.metrics, found.tags, found.status, found.ended)
        at = ours.ended if ours.ended is not None else ours.started
        self._server.log(found.id, changes.params, changes.metrics, changes.tags, at)
        _after_log()
        self._files(ours, found)
        if changes.end:
            self._server.end_run(found.id, ours.status, ours.ended)
        self.done.notes += changes.notes
        _before_mark()
        self._server.log(found.id, {}, {}, {MARK: ours.mark}, at)
        (self.done.new_runs if is_new else self.done.changed_runs).append(ours.id)
        self._runs[ours.id] = found
        return found

    def model(self, ours: OurModel, going_on: Callable[[str], AbstractContextManager[None]]) -> None:
        """Show a model with its versions and aliases; `going_on` is around each version, and may let it be left out.

        Raises MirrorConflict if a model of that name is somebody else's.
        """
        found = self._server.model(ours.name) or self._server.create_model(ours)
        if found.tags.get(MODEL) != ours.title:
            raise MirrorConflict(
                f"MLflow has a registered model {ours.name!r} that is not Tidemill's, and it is left alone",
                place=self._server.address.shown,
                remedy=f"set its tag {MODEL} to {ours.title!r} in MLflow to let versions and aliases of ours into it",
            )
        self._server.tag_model(ours.name, changed(ours.tags, found.tags))
        there = self._server.versions(ours.name)
        numbers: dict[int, str] = {}
        for version in ours.versions:
            match = next((one for one in there if one.is_of(version)), None)
            title = f"{ours.title}@{version.version}"
            if match is not None:
                self._refresh(ours, version, match)
                self.done.same_versions += 1
            else:
                with going_on(title):
                    match = self._version(ours, version)
                    self.done.new_versions.append(title)
            if match is not None:
                numbers[version.version] = match.number
        changes = alias_changes(ours, numbers, found.aliases)
        for alias, number in changes.put.items():
            _before_alias()
            self._server.set_alias(ours.name, alias, number)
            _after_alias()
            self.done.aliases.append(f"{ours.title}@{alias} is version {ours.aliases[alias]}")
        for alias in changes.remove:
            self._server.remove_alias(ours.name, alias)
            self.done.aliases.append(f"{ours.title}@{alias} is nowhere")

    def _refresh(self, model: OurModel, ours: OurVersion, found: FoundVersion) -> None:
        self._server.tag_version(model.name, found.number, changed(ours.tags, found.tags))
        if ours.description and ours.description != found.description:
            self._server.describe_version(model.name, found.number, ours.description)

    def _version(self, model: OurModel, ours: OurVersion) -> FoundVersion:
        run = self._runs.get(ours.run) or self.run(self._run_of(ours))
        if run is None:
            raise MirrorConflict(
                f"the run {ours.run} that it comes from was deleted in MLflow, and its files with it",
                remedy="restore the run there",
            )
        folder = file_path(MODELS, model.title, str(ours.version))
        files = model_files(ours.artifact, run.id, folder, ours.created, ours.tags)
        if not files.loads:
            kept = f"kept as {ours.artifact.codec or 'something outside'}"
            self.done.notes.append(f"{model.title}@{ours.version} is {kept}, which MLflow's loaders do not read")
        there = self._server.sizes(run, folder)
        put = self._putter(run)
        with self._contents(ours.artifact) as content:
            size = len(files.before) + ours.artifact.size + len(files.after)
            if content.is_dir():
                self._put_tree(put, content, f"{folder}/{files.data}")
            elif there.get(f"{folder}/{files.data}") != size:
                with self._file(files.data) as copy:
                    _write(copy, files.before, content, files.after)
                    put(copy, f"{folder}/{files.data}")
            _after_file()
        # MLmodel last: a folder without it is no model.
        for name in sorted(files.texts, reverse=True):
            self._put_text(put, files.texts[name], f"{folder}/{name}")
        return self._server.create_version(model.name, ours, f"{run.files.rstrip('/')}/{folder}", run.id)

    def _files(self, ours: OurRun, found: FoundRun) -> None:
        if not ours.files:
            return
        try:
            put = self._putter(found)
        except MirrorConflict as conflict:
            # The numbers are there all the same.
            self.done.notes.append(f"run {ours.id} is mirrored without files: {conflict.message}; {conflict.remedy}")
            return
        for file in ours.files:
            self._put_file(put, file)
            _after_file()

    def _put_file(self, put: Callable[[Path, str], None], file: OurFile) -> None:
        if file.artifact is None:
            self._put_text(put, file.data, file.path)
            return
        with self._contents(file.artifact) as content:
            if content.is_dir():
                self._put_tree(put, content, file.path)
                return
            with self._file(file.path) as copy:
                _write(copy, b"", content, b"")
                put(copy, file.path)

    def _put_text(self, put: Callable[[Path, str], None], data: bytes, path: str) -> None:
        with self._file(path) as copy:
            copy.write_bytes(data)
            put(copy, path)

    def _put_tree(self, put: Callable[[Path, str], None], folder: Path, path: str) -> None:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                put(file, f"{path}/{file.relative_to(folder).as_posix()}")

    def _putter(self, run: FoundRun) -> Callable[[Path, str], None]:
        """Puts a file below a run. Raises MirrorConflict if nothing of ours reaches the place."""
        if run.files.startswith(PROXIED) and not run.files.startswith(f"{PROXIED}//"):
            return lambda file, path: self._server.upload(run, path, file)
        scheme = run.files.partition(":")[0] if ":" in run.files else "file"
        if scheme == "file" and not self._server.address.is_here:
            raise MirrorConflict(
                "the server keeps files in a folder of its own machine, and takes none",
                remedy="start it with --serve-artifacts (the default), which is for new experiments",
            )
        return self._library(run.files).put

    @contextmanager
    def _file(self, path: str) -> Iterator[Path]:
        """A place for a file with the last name of `path`."""
        with tempfile.TemporaryDirectory(prefix="mirror-", dir=self._scratch) as folder:
            yield Path(folder) / path.rpartition("/")[2]

    def _experiment(self, name: str, tags: Mapping[str, str]) -> str:
        if name not in self._experiments:
            ours = {key: tags[key] for key in (TEAM, PIPELINE) if key in tags}
            self._experiments[name] = self._server.experiment(name, {**ours, **_OF_MODELS})
        return self._experiments[name]


def _write(target: Path, before: bytes, content: Path, after: bytes) -> None:
    with open(target, "xb") as sink, open(content, "rb") as source:
        sink.write(before)
        shutil.copyfileobj(source, sink, 1 << 20)
        sink.write(after)
