"""Previews of artifacts as a page shows them. What a task made is hostile: it is escaped, or stands in a sandbox."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from tidemill.actions.artifacts import image_bytes
from tidemill.app import App
from tidemill.cli import looks
from tidemill.cli.report.table import Table, number
from tidemill.core.instances import Key, instance_from
from tidemill.core.previews import (
    ArrayPreview,
    FolderPreview,
    FramePreview,
    ImagePreview,
    MetricsPreview,
    NoPreview,
    ObjectPreview,
    Preview,
    TextPreview,
    ValuePreview,
    preview_of,
)
from tidemill.core.records import Artifact
from tidemill.core.values import encode
from tidemill.storage.metadata.artifacts import Stored

IMAGE_BYTES = 400_000
_MIME = {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "svg": "image/svg+xml", "webp": "image/webp"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One artifact; `image` is a data URI, `html` a document for a sandbox."""

    name: str
    type: str
    size: str
    id: str
    words: str = ""
    tables: tuple[Table, ...] = ()
    text: str = ""
    image: str = ""
    html: str = ""


def shown(app: App, one: Stored) -> Shown:
    artifact = one.artifact
    name = str(Key(one.by.path, instance_from(one.by.instance)))
    output = f".{artifact.output}" if artifact.output not in ("", "result") else ""
    parts = _parts(app, artifact, preview_of(artifact))
    kind = artifact.type.rpartition(".")[2]
    return Shown(name + output, kind, looks.size(artifact.size), artifact.id, **parts)


def _parts(app: App, artifact: Artifact, preview: Preview) -> dict[str, Any]:
    match preview:
        case FramePreview():
            return _frame(preview)
        case ArrayPreview(shape=shape, type=kind):
            facts = (("least", preview.least), ("mean", preview.mean), ("most", preview.most), ("NaN", preview.nans))
            rows = tuple((word, number(value)) for word, value in facts if value is not None)
            words = f"{' x '.join(map(str, shape)) or 'one number'}, {kind}"
            return {"words": words, "tables": (Table(rows),) if rows else (), "text": ", ".join(preview.first)}
        case ImagePreview(format=kind, width=width, height=height):
            size = f", {width} x {height}" if width and height else ""
            return {"words": f"{kind}{size}", "image": _image(app, artifact, kind)}
        case TextPreview(format="html", text=text, cut=cut):
            return {"words": "HTML" + (", its beginning" if cut else ""), "html": text}
        case TextPreview(format=kind, text=text, cut=cut):
            return {"words": kind + (", its beginning" if cut else ""), "text": text}
        case FolderPreview(files=files, size=size, entries=entries, uncounted=uncounted):
            more = "more than " if uncounted else ""
            rows = tuple((entry.path, looks.size(entry.size) or "0 B") for entry in entries)
            return {
                "words": f"{more}{looks.plural(files, 'file')}, {looks.size(size) or 'empty'}",
                "tables": (Table(rows, ("file", "size")),),
            }
        case ValuePreview(type=kind, sample=sample, length=length, cut=cut):
            many = f" of {length}" if length is not None else ""
            text = json.dumps(encode(sample), indent=1, ensure_ascii=False, default=str)
            return {"words": f"{kind}{many}" + (", in part" if cut else ""), "text": text}
        case ObjectPreview(type=kind, settings=settings):
            rows = tuple((str(name), str(value)) for name, value in settings.items())
            return {"words": kind, "tables": (Table(rows),) if rows else ()}
        case MetricsPreview(numbers=numbers):
            return {"tables": (Table(tuple((str(name), number(value)) for name, value in numbers.items())),)}
        case NoPreview(reason=reason):
            return {"words": f"no preview: {reason}"}


def _frame(preview: FramePreview) -> dict[str, Any]:
    of = f", statistics of {preview.sampled:,} of them" if preview.sampled is not None else ""
    names = tuple(column.name for column in preview.columns)
    facts = []
    for column in preview.columns:
        numbers = (column.nulls, column.distinct, column.least, column.mean, column.most)
        facts.append((column.name, column.type, *map(number, numbers)))
    tables = [Table(tuple(facts), ("column", "type", "empty", "distinct", "least", "mean", "most"))]
    if preview.head:
        tables.append(Table(preview.head, names[: len(preview.head[0])]))
    words = f"{preview.rows:,} rows, {looks.plural(preview.columns_total, 'column')}{of}"
    return {"words": words, "tables": tuple(tables)}


def _image(app: App, artifact: Artifact, kind: str) -> str:
    """The whole image if it is small; "" if it is not there."""
    mime = _MIME.get(kind.lower(), "")
    data = image_bytes(app, artifact, IMAGE_BYTES) if mime else None
    return f"data:{mime};base64,{base64.b64encode(data).decode()}" if data is not None else ""
