"""From what a function returned to the outputs of a report: small plain values as they are, the rest by content."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from tidemill.core.causes import CauseKind
from tidemill.core.errors import TidemillError, did_you_mean
from tidemill.core.graph import OutputSpec, Returns
from tidemill.core.records import Artifact
from tidemill.core.types import judge_value
from tidemill.core.values import ArtifactRef, NotAValue, canonical, encode, normalize
from tidemill.storage.artifacts.codecs.codec import type_name
from tidemill.storage.artifacts.errors import StoreUnwritable
from tidemill.storage.artifacts.obstacles import obstacle
from tidemill.storage.artifacts.store import ArtifactStore
from tidemill.storage.artifacts.values import Saved, save
from tidemill.worker.failures import Fault

INLINE_BYTES = 64 << 10
"""Plain values of up to so many bytes of JSON travel in the report; larger ones become artifacts."""

PREVIEWS_CHARACTERS = 1 << 20
"""What the previews of one attempt may take up of its report; further outputs get none."""

METRICS = "Metrics"
PREVIEWS = "tidemill.worker.previews.making"
_ARTIFACT_KINDS = frozenset({"Dataset", "Model", "Report"})
_NO_TYPE = frozenset({"any", "union"})


class Outputs:
    """Keeps what one attempt returns and pushes; artifacts are named `<attempt>.<n>` in the order they are kept.

    `given` are the ids of artifacts that it got from elsewhere: whoever returns one of these has not made it.
    """

    def __init__(
        self,
        attempt: str,
        store: Callable[[], ArtifactStore],
        scratch: Callable[[], Path],
        given: Collection[str] = (),
    ) -> None:
        self._attempt = attempt
        self._given = given
        self._store = store
        self._scratch = scratch
        self._count = 0
        self._room = PREVIEWS_CHARACTERS

    def keep_all(
        self, returned: Any, returns: Returns, specs: Mapping[str, OutputSpec]
    ) -> tuple[dict[str, Any], tuple[Artifact, ...]]:
        """Every declared output, and the artifacts made for them. Raises Fault, naming the output."""
        outputs: dict[str, Any] = {}
        artifacts: list[Artifact] = []
        for key, value in _split(returned, returns, specs).items():
            outputs[key], made = self.keep(key, value, specs.get(key, OutputSpec()))
            artifacts += made
        return outputs, tuple(artifacts)

    def keep(self, key: str, value: Any, spec: OutputSpec = OutputSpec()) -> tuple[Any, tuple[Artifact, ...]]:  # noqa: B008
        """One output as a value for a row, with the artifacts it refers to. Raises Fault, naming output and type."""
        if isinstance(value, Artifact):
            known = value.id in self._given or value.id.startswith(f"{self._attempt}.")
            return ArtifactRef(value.id), () if known else (value,)
        spec = _meant(spec, value)
        if spec.type.name == METRICS and not spec.codec:
            return self._metrics(key, value)
        if not spec.codec and spec.type.name not in _ARTIFACT_KINDS and not isinstance(value, Path):
            plain = _small(value)
            if plain is not None:
                wrong = judge_value(plain[0], spec.type)
                if wrong:
                    raise Fault(CauseKind.DATA, f"output {key!r} is not what its annotation says: {wrong}")
                return plain[0], ()
        try:
            saved = save(value, self._store(), self._scratch(), name=spec.codec or None)
        except TidemillError as error:
            raise Fault(
                CauseKind.INFRASTRUCTURE if isinstance(error, StoreUnwritable) else CauseKind.DATA,
                f"output {key!r} ({type_name(type(value))}) cannot be stored: {error.in_one_line}",
                error,
            ) from None
        except Exception as error:
            full = obstacle(error, self._scratch().parent)
            if full is not None:
                why = f"output {key!r} cannot be stored: {full.in_one_line}"
                raise Fault(CauseKind.INFRASTRUCTURE, why, full) from None
            by = f" by the codec {spec.codec!r}" if spec.codec else ""
            raise Fault(
                CauseKind.DATA,
                f"output {key!r} ({type_name(type(value))}) cannot be stored{by}: {type(error).__name__}: {error}",
                error,
            ) from None
        artifact = self._record(key, value, saved, spec)
        return ArtifactRef(artifact.id), (artifact,)

    def _record(self, key: str, value: Any, saved: Saved, spec: OutputSpec) -> Artifact:
        kind = type_name(type(value)) if spec.type.name in _NO_TYPE else spec.type.name
        return Artifact(
            id=self._next(),
            type=kind,
            metadata=saved.metadata,
            codec=saved.codec,
            digest=saved.content.digest,
            size=saved.content.size,
            kind=saved.content.kind,
            safe=saved.safe,
            output=key,
            preview=self._preview(value, saved.content.size),
        )

    def _preview(self, value: Any, size: int) -> Mapping[str, Any]:
        """A look at it for people, or why there is none: nothing that goes wrong here is worth the task."""
        try:
            # Loaded by its name: what keeps nothing pays nothing.
            made, self._room = importlib.import_module(PREVIEWS).make(value, size, self._room)
            return dict(made)
        except Exception as error:
            return {"is": "NoPreview", "reason": f"{type(error).__name__} when it was looked at"}

    def _metrics(self, key: str, value: Any) -> tuple[Any, tuple[Artifact, ...]]:
        """Metrics are numbers that conditions read, so they stay in the row; the record has no content."""
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = dataclasses.asdict(value)
        elif hasattr(value, "_asdict"):
            value = value._asdict()
        with contextlib.suppress(NotAValue):
            value = normalize(value)
        wrong = _no_metrics(value)
        if wrong:
            raise Fault(
                CauseKind.DATA,
                f"output {key!r} is declared as Metrics, so a mapping of names to numbers is expected; {wrong}",
            )
        numbers = {str(name): number for name, number in value.items()}
        return numbers, (Artifact(id=self._next(), type=METRICS, metadata=numbers, output=key),)

    def _next(self) -> str:
        self._count += 1
        return f"{self._attempt}.{self._count}"


def _meant(spec: OutputSpec, value: Any) -> OutputSpec:
    """`Report | None` says Report of whatever is there."""
    kinds = [member for member in spec.type.args if member.name != "none"]
    if spec.type.name == "union" and value is not None and len(kinds) == 1:
        return dataclasses.replace(spec, type=kinds[0]) if kinds[0].name in (*_ARTIFACT_KINDS, METRICS) else spec
    return spec


def _small(value: Any) -> tuple[Any] | None:
    """The plain value in a tuple of one, or None if it is not plain or too large for a row."""
    if value is None or type(value) in (int, bool):
        return (value,)
    try:
        plain = normalize(value)
        text = canonical(encode(plain))
    except (NotAValue, RecursionError):
        return None
    # Characters first: counting the bytes of something huge would cost as much again.
    if len(text) > INLINE_BYTES or len(text.encode("utf-8", "surrogatepass")) > INLINE_BYTES:
        return None
    return (plain,)


_KINDS = {str: "a text", list: "a list", tuple: "a tuple", dict: "a mapping", type(None): "None"}


def _no_metrics(value: object) -> str:
    """What is wrong with metrics, in plain words; "" if nothing."""
    if not isinstance(value, Mapping):
        return f"{_in_words(value)} was returned"
    wrong = [f"the metric {str(name)!r} is {_in_words(item)}" for name, item in value.items() if not _number(item)]
    return wrong[0] + (f", and {len(wrong) - 1} more are no numbers" if len(wrong) > 1 else "") if wrong else ""


def _in_words(value: object) -> str:
    return _KINDS.get(type(value)) or f"of type {type_name(type(value))}"


def _number(value: object) -> bool:
    return isinstance(value, int | float)


def _split(returned: Any, returns: Returns, specs: Mapping[str, OutputSpec]) -> dict[str, Any]:
    match returns:
        case Returns.VALUE:
            return dict.fromkeys(specs, returned)
        case Returns.ITEMS:
            return _items(returned, specs)
        case Returns.FIELDS:
            return _fields(returned, specs)


def _items(returned: Any, specs: Mapping[str, OutputSpec]) -> dict[str, Any]:
    if not isinstance(returned, tuple | list):
        raise Fault(
            CauseKind.DATA,
            f"a tuple of {len(specs)} items was declared, a {type_name(type(returned))} was returned",
        )
    if len(returned) != len(specs):
        raise Fault(CauseKind.DATA, f"a tuple of {len(specs)} items was declared, {len(returned)} were returned")
    return {str(n): item for n, item in enumerate(returned)}


def _fields(returned: Any, specs: Mapping[str, OutputSpec]) -> dict[str, Any]:
    if isinstance(returned, Mapping):
        found = {str(key): value for key, value in returned.items()}
    elif hasattr(returned, "_asdict"):
        found = dict(returned._asdict())
    elif dataclasses.is_dataclass(returned) and not isinstance(returned, type):
        found = {field.name: getattr(returned, field.name) for field in dataclasses.fields(returned)}
    else:
        raise Fault(
            CauseKind.DATA,
            f"outputs {', '.join(specs)} were declared; a {type_name(type(returned))}, without fields, was returned",
        )
    missing = [key for key in specs if key not in found]
    if missing:
        hint = did_you_mean(missing[0], found)
        raise Fault(
            CauseKind.DATA,
            f"output {missing[0]!r} is declared but was not returned{f'; {hint}' if hint else ''}",
        )
    return {key: found[key] for key in specs}
