"""The stored form of a graph: JSON with a format version; and its digest, which is over the canonical JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tidemill.core.errors import DefinitionError
from tidemill.core.graph import FORMAT, Pipeline
from tidemill.core.plain import Malformed, from_plain, to_plain
from tidemill.core.values import Json, compact, digest


def pipeline_to_json(pipeline: Pipeline) -> Json:
    return {"tidemill": FORMAT, "pipeline": to_plain(pipeline)}


def pipeline_from_json(plain: Json) -> Pipeline:
    """Raises DefinitionError when the format is newer than this code or the data is malformed."""
    version = plain.get("tidemill") if isinstance(plain, dict) else None
    if version != FORMAT or isinstance(version, bool):
        raise DefinitionError(
            f"the pipeline is in format {version!r}, and this version of Tidemill reads format {FORMAT}",
            remedy="compile it again with this version, or install the version that wrote it",
        )
    try:
        return from_plain(Pipeline, plain.get("pipeline"))
    except Malformed as error:
        raise DefinitionError(f"the stored pipeline is malformed: {error}") from None


def pipeline_text(pipeline: Pipeline) -> str:
    """The text that is stored; it keeps the order in which inputs and keys were written."""
    return compact(pipeline_to_json(pipeline))


def pipeline_from_text(text: str) -> Pipeline:
    """Raises DefinitionError, as `pipeline_from_json` does and for what is not JSON."""
    try:
        plain = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise DefinitionError(f"the stored pipeline is not JSON: {error}") from None
    return pipeline_from_json(plain)


def pipeline_digest(pipeline: Pipeline) -> str:
    return digest(pipeline_to_json(pipeline))


def _refuse(constant: str) -> Json:
    raise ValueError(f"{constant} is no JSON number")


def code_of(pipeline: Pipeline) -> Mapping[str, Any]:
    """What a definition keeps of its code; {} if nothing.

    {"parts": {name: [digest, file, line]}, "uses": {function: names}}
    """
    return _code(pipeline.labels)


def code_in(text: str) -> Mapping[str, Any]:
    """As `code_of`, of a stored text, which is not read any further. Raises ValueError."""
    match json.loads(text):
        case {"pipeline": {"labels": dict(labels)}}:
            return _code(labels)
    return {}


def _code(labels: Mapping[str, Any]) -> Mapping[str, Any]:
    match labels.get("code"):
        case {"parts": dict(parts), "uses": dict(uses)}:
            return {"parts": parts, "uses": uses}
    return {}
