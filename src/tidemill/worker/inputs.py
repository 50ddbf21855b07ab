"""From reduced bindings to the arguments of a function: artifacts loaded, texts joined, values converted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from tidemill.core.annotations import EMPTY, bare_annotation, convert
from tidemill.core.bindings import Apply, Binding, Const, DictOf, ListOf, Template
from tidemill.core.causes import CauseKind
from tidemill.core.errors import InputError, TidemillError
from tidemill.core.records import Artifact
from tidemill.core.values import ArtifactRef
from tidemill.planning.resolve import text
from tidemill.storage.artifacts.content import Content, Kind
from tidemill.storage.artifacts.errors import ArtifactDamaged, ArtifactError, ArtifactMissing, StoreUnwritable
from tidemill.storage.artifacts.store import ArtifactStore
from tidemill.storage.artifacts.values import load
from tidemill.worker.failures import Fault, one_line
from tidemill.worker.functions import load_function
from tidemill.worker.shapes import Shape, shape_of

_AS_THEY_ARE = frozenset({int, float, str, bool})
_UNLOADED: tuple[object, ...] = (Artifact, ArtifactRef)


class DamagedInput(ArtifactDamaged):
    """Stored content that the task needs is damaged or missing; `artifact` is the id of its record."""

    def __init__(self, artifact: str, error: ArtifactError) -> None:
        super().__init__(error.message, place=f"artifact {artifact}")
        self.artifact = artifact


class Inputs:
    """Resolves the bindings of one attempt.

    An artifact that is used twice is loaded twice, so that neither use sees what the other does to it.
    """

    def __init__(self, store: Callable[[], ArtifactStore], scratch: Callable[[], Path]) -> None:
        self._store = store
        self._scratch = scratch
        self.notes: list[str] = []

    def arguments(
        self, function: Callable[..., Any], inputs: Mapping[str, Binding], artifacts: Mapping[str, Artifact]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Positional and named arguments for a call. Raises Fault, naming the input."""
        shape = shape_of(function)
        wanted = shape.annotations
        values: dict[str, Any] = {}
        for name, binding in inputs.items():
            try:
                values[name] = self._argument(binding, wanted.get(name, EMPTY), artifacts)
            except Fault as fault:
                raise Fault(fault.kind, f"input {name!r}: {fault.message}", fault.error) from None
            except StoreUnwritable as error:
                raise Fault(CauseKind.INFRASTRUCTURE, f"input {name!r}: {_sentence(error)}", error) from None
            except (TidemillError, ValueError, LookupError) as error:
                raise Fault(CauseKind.DATA, f"input {name!r}: {_sentence(error)}", error) from None
        return _bound(function, shape, values)

    def resolve(self, value: Any, artifacts: Mapping[str, Artifact]) -> Any:
        """The value with every artifact reference in it replaced by what the artifact holds."""
        match value:
            case ArtifactRef():
                return self._loaded(value, artifacts)
            case list():
                return [self.resolve(item, artifacts) for item in value]
            case dict():
                return {key: self.resolve(item, artifacts) for key, item in value.items()}
            case _:
                return value

    def damage(self, found: DamagedInput, artifacts: Mapping[str, Artifact]) -> dict[str, str]:
        """What is wrong, by artifact: with the one that was found damaged and, at a glance, with others."""
        wrong = {found.artifact: found.message}
        for artifact in artifacts.values():
            if artifact.digest and artifact.id not in wrong:
                content = content_of(artifact)
                try:
                    if content.kind == "file":
                        self._store().path_of(content)
                    elif not self._store().exists(content):
                        wrong[artifact.id] = f"a part of {artifact.digest} is not in the artifact store"
                except (ArtifactDamaged, ArtifactMissing) as error:
                    wrong[artifact.id] = error.message
                except StoreUnwritable:
                    break  # what was found is told; the rest shows when it is needed
        return wrong

    def _argument(self, binding: Binding, annotation: Any, artifacts: Mapping[str, Artifact]) -> Any:
        if isinstance(binding, Const) and type(binding.value) is annotation and annotation in _AS_THEY_ARE:
            return binding.value
        if isinstance(binding, Const) and binding.value is not None and (wanted := _unloaded(annotation)) is not None:
            reference = binding.value
            if not isinstance(reference, ArtifactRef):
                raise InputError(
                    "it takes an artifact, and was given a plain value",
                    remedy="annotate what gives it as Model, Dataset or Report, which makes it an artifact",
                )
            return reference if wanted is ArtifactRef else _record(reference, artifacts)
        return convert(self._value(binding, artifacts), annotation)

    def _value(self, binding: Binding, artifacts: Mapping[str, Artifact]) -> Any:
        match binding:
            case Const(value=value):
                return self.resolve(value, artifacts)
            case ListOf(items=items):
                return [self._value(item, artifacts) for item in items]
            case DictOf(items=named):
                return {name: self._value(item, artifacts) for name, item in named.items()}
            case Template(parts=parts):
                return "".join(text(self._value(part, artifacts)) for part in parts)
            case Apply(function=reference, inputs=inputs):
                function = load_function(reference)
                positional, keywords = self.arguments(function, inputs, artifacts)
                try:
                    return function(*positional, **keywords)
                except Exception as error:
                    raise Fault(CauseKind.USER_CODE, f"{reference} raised {one_line(error)}", error) from None
            case _:
                raise Fault(
                    CauseKind.DATA, f"a {type(binding).__name__} binding was not reduced before the task started"
                )

    def _loaded(self, reference: ArtifactRef, artifacts: Mapping[str, Artifact]) -> Any:
        artifact = _record(reference, artifacts)
        if not artifact.digest:
            # Something outside is never fetched behind the task's back: it gets the address.
            return pick_inside(artifact.uri or dict(artifact.metadata), reference.at)
        try:
            loaded = load(
                self._store(),
                content_of(artifact),
                artifact.codec,
                self._scratch(),
                facts=artifact.metadata,
                unsafe=True,
            )
        except (ArtifactDamaged, ArtifactMissing) as error:
            raise DamagedInput(artifact.id, error) from None
        self.notes += loaded.notes
        return pick_inside(loaded.value, reference.at)


def _unloaded(annotation: Any) -> object:
    """What of an artifact an annotation such as `Artifact` or `Artifact | None` asks for unloaded, or None."""
    bare = bare_annotation(annotation)
    members = [member for member in get_args(bare) if member is not type(None)] if bare not in _UNLOADED else [bare]
    return members[0] if len(members) == 1 and members[0] in _UNLOADED else None


def pick_inside(value: Any, path: Sequence[str | int]) -> Any:
    """The item at `path` in a loaded object: keys and positions, then columns and attributes by name."""
    for key in path:
        rows = getattr(value, "iloc", None) if isinstance(key, int) else None
        try:
            value = rows[key] if rows is not None else value[key]
        except (KeyError, IndexError, TypeError):
            if not isinstance(key, str) or key.startswith("_") or not hasattr(value, key):
                raise Fault(
                    CauseKind.DATA, f"{'.'.join(map(str, path))}: a {type(value).__name__} has no item {key!r}"
                ) from None
            value = getattr(value, key)
    return value


def content_of(artifact: Artifact) -> Content:
    """The address of an artifact's owned content."""
    kind: Kind = "tree" if artifact.kind == "tree" else "file"
    return Content(artifact.digest, artifact.size, kind)


def _record(reference: ArtifactRef, artifacts: Mapping[str, Artifact]) -> Artifact:
    if reference.id not in artifacts:
        raise Fault(CauseKind.DATA, f"the record of artifact {reference.id} was not sent along")
    return artifacts[reference.id]


def _bound(function: Callable[..., Any], shape: Shape, values: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    parameters = shape.parameters
    if parameters is None or (shape.simple and shape.needed <= values.keys() <= parameters.keys()):
        return [], values
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    positional: list[Any] = []
    missing: list[str] = []
    named = dict(values)
    for name, parameter in parameters.items():
        match parameter.kind:
            case parameter.VAR_POSITIONAL if name in named:
                positional += named.pop(name)
            case parameter.POSITIONAL_ONLY if name in named:
                positional.append(named.pop(name))
            case parameter.VAR_KEYWORD | parameter.VAR_POSITIONAL:
                pass
            case _ if name not in named and parameter.default is parameter.empty:
                missing.append(name)
    unknown = [] if takes_any else [name for name in named if name not in parameters]
    problem = "misses input " + ", ".join(map(repr, missing)) if missing else ""
    if unknown:
        problem = "takes no input " + ", ".join(map(repr, unknown))
    if problem:
        raise Fault(CauseKind.DATA, f"the function {getattr(function, '__qualname__', function)} {problem}")
    return positional, named


def _sentence(error: Exception) -> str:
    if isinstance(error, TidemillError):
        return error.in_one_line
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
