"""The key under which a result may be reused: kept as its parts, so that a miss can be explained."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tidemill.core.bindings import Apply, Binding, Const, DictOf, ListOf, Template
from tidemill.core.graph import Call, Node, Pipeline
from tidemill.core.records import Artifact
from tidemill.core.types import Type
from tidemill.core.values import ArtifactRef, Json, Value, encode

FILE = "file"
"""The key of a part that names a file or folder outside; what observes it adds its `content`."""

OUTSIDE = "outside"
"""The key of a part that is the URI of something that is not ours; what observes it adds its `version`."""


NOT_THERE = "missing"
"""The content of a file or folder that does not exist."""

UNREADABLE = "unreadable: "
"""What the content of one that cannot be read begins with; then comes why."""


class NotCacheable(ValueError):
    """No key can be made; the message says why."""


def key_parts(
    pipeline: Pipeline,
    node: Node,
    inputs: Mapping[str, Binding],
    declared: Mapping[str, Value],
    artifact: Callable[[str], Artifact],
) -> dict[str, Json]:
    """Code, inputs by content, and declared parts of one execution. Raises NotCacheable."""
    assert isinstance(node.body, Call)
    assert node.cache is not None
    code = pipeline.functions.get(str(node.body.function), "")
    if not code:
        raise NotCacheable(f"the code of {node.body.function} has no fingerprint")
    return {
        "function": str(node.body.function),
        "code": code,
        "inputs": {
            name: _file(binding, node.body.takes.get(name)) or _identity(binding, artifact, pipeline)
            for name, binding in sorted(inputs.items())
            if name not in node.cache.ignore
        },
        "declared": {name: _content(value, artifact) for name, value in sorted(declared.items())},
        "outputs": {name: [str(spec.type), spec.codec] for name, spec in node.body.outputs.items()},
    }


def hangs_on_what_is_outside(parts: Json) -> bool:
    """Whether a key hangs on files or URIs at which somebody has to look."""
    match parts:
        case dict():
            return FILE in parts or OUTSIDE in parts or any(map(hangs_on_what_is_outside, parts.values()))
        case list():
            return any(map(hangs_on_what_is_outside, parts))
    return False


def _file(binding: Binding, wanted: Type | None) -> Json:
    """For an input that is declared as a path: the file, whose content is observed when the key is looked up."""
    if isinstance(binding, Const) and isinstance(binding.value, str) and wanted is not None and _is_path(wanted):
        return {FILE: binding.value}
    return None


def _is_path(wanted: Type) -> bool:
    return wanted.name == "path" or (wanted.name == "union" and any(map(_is_path, wanted.args)))


def _identity(binding: Binding, artifact: Callable[[str], Artifact], pipeline: Pipeline) -> Json:
    match binding:
        case Const(value=value):
            return _content(value, artifact)
        case ListOf(items=items) | Template(parts=items):
            return [_identity(item, artifact, pipeline) for item in items]
        case DictOf(items=named):
            return {name: _identity(item, artifact, pipeline) for name, item in named.items()}
        case Apply(function=function, inputs=inputs):
            return {
                "apply": str(function),
                "code": pipeline.functions.get(str(function), ""),
                "to": {name: _identity(item, artifact, pipeline) for name, item in inputs.items()},
            }
    raise NotCacheable(f"{type(binding).__name__} is not a reduced binding")


def _content(value: Value, artifact: Callable[[str], Artifact]) -> Json:
    """The value with each artifact replaced by what identifies its content, wherever it was made."""
    match value:
        case ArtifactRef(id=id, at=at):
            found = artifact(id)
            identity = found.digest or (f"{found.uri}@{found.version}" if found.version else "")
            if not identity and not found.uri and not found.codec:
                return {"metadata": encode(dict(found.metadata))}
            if not identity:
                return {OUTSIDE: found.uri, "at": list(at)}
            return {"content": identity, "at": list(at)}
        case list():
            return [_content(item, artifact) for item in value]
        case dict():
            return {key: _content(item, artifact) for key, item in value.items()}
        case _:
            return encode(value)
