"""Artifacts, previews and lineage as JSON documents with stable keys, which docs/reference/cli.md explains."""

from __future__ import annotations

import dataclasses
from datetime import UTC

from tidemill.actions.artifacts import Detail, Listed, Listing
from tidemill.actions.documents import Document, artifact_document
from tidemill.actions.lineage import Lineage, Point
from tidemill.actions.show import Made
from tidemill.core.instances import Key, instance_from
from tidemill.core.previews import Preview
from tidemill.core.values import encode
from tidemill.storage.metadata.artifacts import TaskKey


def listing_document(listing: Listing) -> Document:
    return {"run": listing.run.id, "artifacts": [_listed(one) for one in listing.artifacts]}


def detail_document(detail: Detail) -> Document:
    found = detail.found
    return {
        **artifact_document(Made(found.by, found.artifact)),
        "created_at": found.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "pipeline": detail.pipeline,
        "is_there": detail.is_there,
        "used_by": [task_document(task) for task in detail.users],
        "reused_by": [task_document(task) for task in detail.reused_by],
        "preview": preview_document(found.preview),
    }


def preview_document(preview: Preview) -> Document:
    """`kind` is frame, array, image, text, folder, value, object, metrics or no; the rest is as in its class."""
    fields = {field.name: _plain(getattr(preview, field.name)) for field in dataclasses.fields(preview)}
    return {"kind": type(preview).__name__.replace("Preview", "").lower(), **fields}


def lineage_document(lineage: Lineage) -> Document:
    points = lineage.points()
    return {
        "run": lineage.run or None,
        "starts": [point_text(point) for point in lineage.starts],
        "artifacts": [
            artifact_document(Made(lineage.makers[point], lineage.artifacts[point]))
            for point in points
            if isinstance(point, str) and point in lineage.artifacts
        ],
        "tasks": [{"id": point_text(point), **task_document(point)} for point in points if isinstance(point, TaskKey)],
        "lines": [
            {"from": point_text(line.source), "to": point_text(line.target), "relation": line.relation.value}
            for line in lineage.lines
        ],
        "cut": sorted(map(point_text, lineage.cut)),
    }


def task_document(task: TaskKey) -> Document:
    return {"run": task.run, "task": task_text(task), "generation": task.generation}


def task_text(task: TaskKey) -> str:
    return str(Key(task.path, instance_from(task.instance)))


def point_text(point: Point) -> str:
    """One name for each point: the id of an artifact, or RUN:TASK, with `~N` for what was run again."""
    if isinstance(point, str):
        return point
    return f"{point.run}:{task_text(point)}" + (f"~{point.generation}" if point.generation else "")


def _listed(one: Listed) -> Document:
    made = artifact_document(Made(one.by, one.artifact))
    return {**made, "given_by": str(one.task), "reused": one.reused, "superseded": one.superseded}


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return encode(value)
