"""What a tracking server offers, one method for each request that the mirror makes: experiments, runs, models, files.

Finds what is ours by its tags. Numbers and texts in answers are checked here; limits of the server are kept here.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tidemill.core.crash import point
from tidemill.lifecycle.mirrors.errors import EXISTS, MISSING, MirrorConflict, MirrorForeign, ServerSaid
from tidemill.lifecycle.mirrors.facts import OurModel, OurRun, OurVersion
from tidemill.lifecycle.mirrors.naming import number_out
from tidemill.lifecycle.mirrors.service import Json, Service

RUN = "tidemill.run"
TEAM = "tidemill.team"
PIPELINE = "tidemill.pipeline"
MARK = "tidemill.mirrored"
"""Tag of a run that is mirrored whole: its mark as it was then."""

MODEL = "tidemill.model"
VERSION = "tidemill.version"
DIGEST = "tidemill.digest"

PROXIED = "mlflow-artifacts:"
_BATCH = 100
_METRICS = 1000
_REQUEST = 800_000
_PAGE = 500
_PLAIN_ID = re.compile(r"[\w.\-]+", re.ASCII)
_PART = 1 << 20

_before_create_run = point("mirror.before-create-run")
_after_create_run = point("mirror.after-create-run")
_before_create_version = point("mirror.before-create-version")
_after_create_version = point("mirror.after-create-version")


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run as the server has it; `deleted`: somebody removed it there."""

    id: str
    files: str
    started: int
    status: str = ""
    ended: int | None = None
    deleted: bool = False
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundVersion:
    """A version of a registered model; `number` is the server's own."""

    number: str
    status: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    def is_of(self, ours: OurVersion) -> bool:
        return self.tags.get(VERSION) == str(ours.version) and self.tags.get(DIGEST) == ours.digest


@dataclass(frozen=True, slots=True)
class FoundModel:
    tags: Mapping[str, str]
    aliases: Mapping[str, str]
    description: str = ""


class TrackingServer:
    """The requests, on top of a `Service`, whose errors they raise."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.address = service.address

    # --- runs ---------------------------------------------------------------------------------------------------------

    def experiment(self, name: str, tags: Mapping[str, str]) -> str:
        """The id of the experiment with this name, made if need be. Raises MirrorConflict if it was deleted there."""
        found = self._experiment(name)
        if found is None:
            try:
                made = self._service.post("experiments/create", {"name": name, "tags": _pairs(tags)})
                return self._text(made, "experiment_id")
            except ServerSaid as said:
                if said.reason != EXISTS:
                    raise
                found = self._experiment(name)
        if found is None or found.get("lifecycle_stage") == "deleted":
            raise MirrorConflict(
                f"the experiment {name!r} was deleted in MLflow, and keeps its name",
                place=self.address.shown,
                remedy="restore it there (`mlflow experiments restore -x ID`), or let `mlflow gc` remove it for good",
            )
        return self._text(found, "experiment_id")

    def _experiment(self, name: str) -> Json | None:
        try:
            found = self._service.get("experiments/get-by-name", experiment_name=name).get("experiment")
        except ServerSaid as said:
            if said.reason == MISSING:
                return None
            raise
        return found if isinstance(found, dict) else None

    def runs_in(self, experiment: str) -> dict[str, FoundRun]:
        """The runs of ours in an experiment, by our id: the oldest where there are several."""
        return _oldest(self._search(experiment, f"tags.`{RUN}` != ''"))

    def find_run(self, experiment: str, run: OurRun) -> FoundRun | None:
        """The one that mirrors this run, the oldest if there are several."""
        ours = {RUN: run.id, TEAM: run.tags.get(TEAM, "")}
        wanted = f"= '{run.id}'" if _PLAIN_ID.fullmatch(run.id) else "!= ''"
        found = self._search(experiment, f"tags.`{RUN}` {wanted}")
        return _oldest(one for one in found if ours.items() <= one.tags.items()).get(run.id)

    def _search(self, experiment: str, wanted: str) -> Iterator[FoundRun]:
        body: Json = {
            "experiment_ids": [experiment],
            "filter": wanted,
            "run_view_type": "ALL",
            "max_results": _PAGE,
            "order_by": ["attributes.start_time ASC"],
        }
        for answer in self._pages("runs/search", body):
            yield from (self._run(one) for one in _dicts(answer.get("runs")))

    def create_run(self, experiment: str, run: OurRun) -> FoundRun:
        """A run with the tags by which it is found again; another one that was made meanwhile is taken instead."""
        _before_create_run()
        tags = {RUN: run.id, TEAM: run.tags.get(TEAM, ""), "mlflow.runName": run.id}
        body = {"experiment_id": experiment, "run_name": run.id, "start_time": run.started, "tags": _pairs(tags)}
        if run.user:
            body["user_id"] = run.user
        made = self._service.make(
            "runs/create", body, lambda: self.find_run(experiment, run), lambda answer: self._run(answer.get("run"))
        )
        _after_create_run()
        first = self.find_run(experiment, run)
        if first is not None and first.id != made.id:
            self._service.post("runs/delete", {"run_id": made.id})
            return first
        return made

    def log(
        self, run_id: str, params: Mapping[str, str], metrics: Mapping[str, float], tags: Mapping[str, str], at: int
    ) -> None:
        """`at` is the moment of the metrics, in milliseconds; logging the same again changes nothing."""
        numbers = [
            {"key": name, "value": number_out(value), "timestamp": at, "step": 0} for name, value in metrics.items()
        ]
        for some in _batches(_pairs(params), _BATCH):
            self._service.post("runs/log-batch", {"run_id": run_id, "params": some})
        for some in _batches(numbers, _METRICS):
            self._service.post("runs/log-batch", {"run_id": run_id, "metrics": some})
        for some in _batches(_pairs(tags), _BATCH):
            self._service.post("runs/log-batch", {"run_id": run_id, "tags": some})

    def end_run(self, run_id: str, status: str, ended: int | None) -> None:
        body: Json = {"run_id": run_id, "status": status}
        self._service.post("runs/update", body if ended is None else {**body, "end_time": ended})

    # --- files --------------------------------------------------------------------------------------------------------

    def sizes(self, run: FoundRun, path: str) -> dict[str, int]:
        """Files that the run has directly below `path`, in bytes."""
        answer = self._service.get("artifacts/list", run_id=run.id, path=path)
        found = {}
        for one in _dicts(answer.get("files")):
            if isinstance(name := one.get("path"), str) and not one.get("is_dir"):
                found[name] = _whole(one.get("file_size"))
        return found

    def upload(self, run: FoundRun, path: str, file: Path) -> None:
        """Put one file below a run whose files go through the server."""
        place = f"{run.files.removeprefix(PROXIED).strip('/')}/{path}"
        self._service.put_file(quote(place), os.stat(file).st_size, lambda: _parts(file))

    # --- models -------------------------------------------------------------------------------------------------------

    def model(self, name: str) -> FoundModel | None:
        try:
            answer = self._service.get("registered-models/get", name=name).get("registered_model")
        except ServerSaid as said:
            if said.reason == MISSING:
                return None
            raise
        found = answer if isinstance(answer, dict) else {}
        aliases = {str(one.get("alias")): str(one.get("version")) for one in _dicts(found.get("aliases"))}
        return FoundModel(_tags(found), aliases, str(found.get("description") or ""))

    def create_model(self, model: OurModel) -> FoundModel:
        body = {"name": model.name, "tags": _pairs(model.tags), "description": model.description}
        made = FoundModel(dict(model.tags), {}, model.description)
        try:
            return self._service.make("registered-models/create", body, lambda: self.model(model.name), lambda _: made)
        except ServerSaid as said:
            if said.reason == EXISTS and (there := self.model(model.name)) is not None:
                return there
            raise

    def versions(self, name: str) -> list[FoundVersion]:
        """All versions of a model, by number."""
        wanted = name.replace("'", "\\'")
        body = {"filter": f"name='{wanted}'", "max_results": _BATCH}
        found = []
        for answer in self._pages("model-versions/search", body, verb="GET"):
            for one in _dicts(answer.get("model_versions")):
                if one.get("name") == name:
                    text = str(one.get("description") or "")
                    found.append(FoundVersion(self._text(one, "version"), str(one.get("status")), text, _tags(one)))
        return sorted(found, key=lambda one: _whole(one.number))

    def create_version(self, name: str, ours: OurVersion, source: str, run_id: str) -> FoundVersion:
        """A version with the tags by which it is found again; another one that was made meanwhile is taken instead."""
        _before_create_version()

        def look() -> FoundVersion | None:
            return next((one for one in self.versions(name) if one.is_of(ours)), None)

        def made(answer: Json) -> FoundVersion:
            one = answer.get("model_version")
            return FoundVersion(self._text(one, "version"), "", ours.description, dict(ours.tags))

        body = {
            "name": name,
            "source": source,
            "run_id": run_id,
            "tags": _pairs(ours.tags),
            "description": ours.description,
        }
        created = self._service.make("model-versions/create", body, look, made)
        _after_create_version()
        first = look()
        if first is not None and first.number != created.number:
            self._service.post("model-versions/delete", {"name": name, "version": created.number}, verb="DELETE")
            return first
        return created

    def tag_version(self, name: str, number: str, tags: Mapping[str, str]) -> None:
        for key, value in tags.items():
            self._service.post("model-versions/set-tag", {"name": name, "version": number, "key": key, "value": value})

    def tag_model(self, name: str, tags: Mapping[str, str]) -> None:
        for key, value in tags.items():
            self._service.post("registered-models/set-tag", {"name": name, "key": key, "value": value})

    def describe_version(self, name: str, number: str, text: str) -> None:
        body = {"name": name, "version": number, "description": text}
        self._service.post("model-versions/update", body, verb="PATCH")

    def set_alias(self, name: str, alias: str, number: str) -> None:
        self._service.post("registered-models/alias", {"name": name, "alias": alias, "version": number})

    def remove_alias(self, name: str, alias: str) -> None:
        self._service.post("registered-models/alias", {"name": name, "alias": alias}, verb="DELETE")

    # --- answers ------------------------------------------------------------------------------------------------------

    def _pages(self, path: str, body: Json, verb: str = "POST") -> Iterator[Json]:
        token, seen = "", set[str]()
        while token not in seen:
            seen.add(token)
            asked = {**body, "page_token": token} if token else body
            answer = self._service.get(path, **asked) if verb == "GET" else self._service.post(path, asked)
            yield answer
            token = str(answer.get("next_page_token") or "")

    def _run(self, answer: Any) -> FoundRun:
        info, data = (answer.get("info"), answer.get("data") or {}) if isinstance(answer, dict) else (None, {})
        if not isinstance(info, dict) or not isinstance(data, dict):
            raise self._odd("a run")
        return FoundRun(
            self._text(info, "run_id"),
            str(info.get("artifact_uri") or ""),
            _whole(info.get("start_time")),
            str(info.get("status") or ""),
            _whole(info["end_time"]) if info.get("end_time") else None,
            info.get("lifecycle_stage") == "deleted",
            {str(one.get("key")): str(one.get("value", "")) for one in _dicts(data.get("params"))},
            {str(one.get("key")): _number(one.get("value")) for one in _dicts(data.get("metrics"))},
            _tags(data),
        )

    def _text(self, answer: Any, key: str) -> str:
        value = answer.get(key) if isinstance(answer, dict) else None
        if not isinstance(value, str | int) or not str(value):
            raise self._odd(key)
        return str(value)

    def _odd(self, what: str) -> MirrorForeign:
        return MirrorForeign(
            f"the tracking server's answer lacks {what}",
            place=self.address.shown,
            remedy="the mirror speaks to MLflow 2.8 and later: say `curl ADDRESS/version` to see what answers there",
        )


def _oldest(found: Iterator[FoundRun]) -> dict[str, FoundRun]:
    """Of several for one run of ours: that which is there still, then the first one, whoever looks."""
    chosen: dict[str, FoundRun] = {}
    for one in sorted(found, key=lambda one: (one.deleted, one.started, one.id)):
        chosen.setdefault(one.tags.get(RUN, ""), one)
    return chosen


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _batches(items: Sequence[Json], most: int) -> Iterator[list[Json]]:
    """The items in lists that one request may hold: by their number, and by the length of their JSON."""
    batch: list[Json] = []
    size = 0
    for item in items:
        length = len(json.dumps(item))
        if batch and (len(batch) == most or size + length > _REQUEST):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield batch


def _dicts(found: Any) -> list[Json]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _tags(found: Json) -> dict[str, str]:
    return {str(one.get("key")): str(one.get("value", "")) for one in _dicts(found.get("tags"))}


def _whole(found: Any) -> int:
    try:
        return int(found)
    except (TypeError, ValueError):
        return 0


def _number(found: Any) -> float:
    try:
        return float(found)
    except (TypeError, ValueError):
        return math.nan


def _parts(file: Path) -> Iterator[bytes]:
    with open(file, "rb") as source:
        while part := source.read(_PART):
            yield part
