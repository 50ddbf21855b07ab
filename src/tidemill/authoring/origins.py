"""Where traced values come from: results of nodes and their insides, metadata, parameters, branches, the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tidemill.authoring.drafts import NodeDraft, ScopeDraft, read_output
from tidemill.authoring.traced import Origin, Traced, fail, origin_of, to_binding
from tidemill.core.bindings import (
    Absent,
    Binding,
    DictOf,
    FirstOf,
    Gap,
    ListOf,
    Metadata,
    Param,
    Path,
    RunField,
    RunInfo,
    Status,
    Template,
)
from tidemill.core.errors import did_you_mean
from tidemill.core.graph import Returns
from tidemill.core.types import ANY, PLAIN, Type
from tidemill.core.values import MISSING, pick


def _dotted(path: Path) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)


@dataclass(frozen=True, slots=True)
class NodeOrigin:
    """All that a node gives."""

    node: NodeDraft
    absent: Absent = Absent.FAIL
    missing: Gap = Gap.OMIT

    def name(self) -> str:
        return f"the result of {self.node.path!r}"

    def items(self) -> Sequence[Origin] | None:
        return [self.output(key) for key in self.node.gives.types] if self.node.gives.unpackable else None

    def bind(self, at: ScopeDraft) -> Binding:
        returns, keys = self.node.gives.returns, list(self.node.gives.types)
        if returns is Returns.VALUE and keys:
            return self.output(keys[0]).bind(at)
        if not keys:
            fail(f"{self.node.path!r} gives no value", "order it with `a >> b`, or let it return something")
        if self.node.mapped:
            first = f"results.{keys[0]}" if returns is Returns.FIELDS else "one, two = results"
            fail(f"{self.node.path!r} gives several outputs per item", f"pick one of them for all items: {first}")
        outputs = {key: self.output(key).bind(at) for key in keys}
        return DictOf(outputs) if returns is Returns.FIELDS else ListOf(tuple(outputs.values()))

    def output(self, key: str) -> OutputOrigin:
        return OutputOrigin(self.node, key, (), self.absent, self.missing)

    def item(self, key: str | int, attribute: bool) -> Origin:
        returns, types = self.node.gives.returns, self.node.gives.types
        if returns is Returns.VALUE and types:
            return self.output(next(iter(types))).item(key, attribute)
        wanted = str(key)
        if returns is Returns.ITEMS and isinstance(key, int) and key < 0:
            wanted = str(len(types) + key)
        if wanted in types:
            return self.output(wanted)
        fail(f"{self.node.path!r} has no output {key!r}", did_you_mean(wanted, types) or "it has no outputs at all")


@dataclass(frozen=True, slots=True)
class OutputOrigin:
    """One output of a node, or something inside it."""

    node: NodeDraft
    key: str
    path: Path = ()
    absent: Absent = Absent.FAIL
    missing: Gap = Gap.OMIT

    def name(self) -> str:
        return f"the result of {self.node.path!r}{'' if self.key == 'result' else f'.{self.key}'}{_dotted(self.path)}"

    def items(self) -> Sequence[Origin] | None:
        return None

    def bind(self, at: ScopeDraft) -> Binding:
        return read_output(self.node, self.key, at, self.path, self.absent, self.missing)

    def item(self, key: str | int, attribute: bool) -> Origin:
        kind = self.node.gives.types.get(self.key, ANY) if not self.path else ANY
        if attribute and key == "metadata" and not self.path and may_be_artifact(kind):
            return MetadataOrigin(self)
        if self.node.mapped and isinstance(key, int) and not self.path:
            fail(
                f"{self.name()} is a list with one item for each instance of the map, which cannot be picked by number",
                "pass the whole list to a task and pick there, or map over it with each(...)",
            )
        return replace(self, path=(*self.path, key))


def may_be_artifact(kind: Type) -> bool:
    return kind == ANY or (kind.name not in PLAIN and kind.name != "Metrics")


@dataclass(frozen=True, slots=True)
class MetadataOrigin:
    """What is recorded about an artifact."""

    of: Origin
    path: Path = ()

    def name(self) -> str:
        return f"the metadata of {self.of.name()}{_dotted(self.path)}"

    def items(self) -> Sequence[Origin] | None:
        return None

    def bind(self, at: ScopeDraft) -> Binding:
        return Metadata(self.of.bind(at), self.path)

    def item(self, key: str | int, attribute: bool) -> Origin:
        return MetadataOrigin(self.of, (*self.path, key))


@dataclass(frozen=True, slots=True)
class ParamOrigin:
    """A parameter of a pipeline."""

    param: str
    scope: ScopeDraft
    type: Type = ANY
    path: Path = ()

    def name(self) -> str:
        return f"the parameter {self.param!r}{_dotted(self.path)}"

    def items(self) -> Sequence[Origin] | None:
        return None

    def bind(self, at: ScopeDraft) -> Binding:
        if not any(scope is self.scope for scope in at.chain()):
            fail(f"{self.name()} is read outside of its pipeline", "return it from there, or pass it as an argument")
        return Param(self.param, self.scope.path, self.path)

    def item(self, key: str | int, attribute: bool) -> Origin:
        # Any record of a user's own may have a field of this name, so only what is an artifact by its kind counts here.
        if attribute and key == "metadata" and not self.path and self.type.name in ("Dataset", "Model", "Report"):
            return MetadataOrigin(self)
        return replace(self, path=(*self.path, key))


@dataclass(frozen=True, slots=True)
class FirstOfOrigin:
    """The value of whichever branch ran."""

    options: tuple[Any, ...]

    def name(self) -> str:
        return "first_of(...)"

    def items(self) -> Sequence[Origin] | None:
        return None

    def bind(self, at: ScopeDraft) -> Binding:
        return FirstOf(tuple(to_binding(option, at) for option in self.options), Absent.SKIP)

    def item(self, key: str | int, attribute: bool) -> Origin:
        return FirstOfOrigin(tuple(self._inside(option, key, attribute) for option in self.options))

    def _inside(self, option: Any, key: str | int, attribute: bool) -> Any:
        if isinstance(option, Traced):
            return Traced(origin_of(option).item(key, attribute))
        found = pick(option, (key,))
        if found is MISSING:
            fail(f"the option {option!r} of first_of has no {key!r}", "give an option of the same form as the others")
        return found


@dataclass(frozen=True, slots=True)
class FixedOrigin:
    """A binding without insides: facts of the run, how a node ended, a text made of values."""

    make: Callable[[ScopeDraft], Binding]
    title: str
    node: NodeDraft | None = None

    def name(self) -> str:
        return self.title

    def items(self) -> Sequence[Origin] | None:
        return None

    def bind(self, at: ScopeDraft) -> Binding:
        return self.make(at)

    def item(self, key: str | int, attribute: bool) -> Origin:
        fail(f"{self.title} has no {key!r} that can be read here", "pass it whole to a task and read it there")


class RunFacts:
    """Facts of the run, as inputs and in conditions: `run_info.scheduled_for`, `run_info.run_id` and so on."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        known = {field.value: field for field in RunField}
        if name not in known:
            fail(f"run_info has no {name!r}", did_you_mean(name, known))
        return Traced(FixedOrigin(lambda at: RunInfo(known[name]), f"run_info.{name}"))

    def __dir__(self) -> list[str]:
        return [field.value for field in RunField]


@dataclass(frozen=True, slots=True)
class StatusOrigin:
    """How a node ended: `state`, and `error` with `kind` and `message` (null if it succeeded)."""

    node: NodeDraft
    path: Path = ()

    def name(self) -> str:
        return f"the status of {self.node.path!r}{_dotted(self.path)}"

    def items(self) -> Sequence[Origin] | None:
        return None

    def bind(self, at: ScopeDraft) -> Binding:
        return Status(self.node.path, self.path)

    def item(self, key: str | int, attribute: bool) -> Origin:
        known = ("kind", "message") if self.path == ("error",) else () if self.path else ("state", "error")
        if key not in known:
            fail(f"{self.name()} has no {key!r}", did_you_mean(str(key), known))
        return replace(self, path=(*self.path, key))


def status_binding(node: NodeDraft) -> Traced:
    """How a node ended, as a value."""
    return Traced(StatusOrigin(node))


def template_binding(parts: Sequence[Any]) -> Traced:
    """The texts of the parts, joined."""
    return Traced(FixedOrigin(lambda at: Template(tuple(to_binding(part, at) for part in parts)), "template(...)"))
