"""A gate's rule as YAML or plain data, read and written: what is unknown is refused with its line and a remedy.

`read_gate` takes whatever a rule may be given as. Whether a metric fits is looked at when the problem is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import yaml

from tidemill.core.durations import as_duration
from tidemill.core.errors import InputError, did_you_mean
from tidemill.lifecycle.evaluation.gate import (
    BadGate,
    Behaviour,
    Correction,
    First,
    Gate,
    Guardrail,
    Latency,
    Primary,
    Slices,
    Test,
    Threshold,
    Trend,
)
from tidemill.lifecycle.evaluation.metrics import metric
from tidemill.lifecycle.evaluation.problems import problem_named
from tidemill.lifecycle.yaml_tree import LARGEST, NotYaml, Where, read_tree

T = TypeVar("T")

_LATENCY = re.compile(r"latency_p(\d{1,2}(?:\.\d+)?)")
_MILLISECONDS = re.compile(r"\s*(\d[\d.e+-]*)\s*ms\s*")
_MINORITY = re.compile(r"minority\s*>=\s*(\S+)")
_LATER = frozenset({"fairness", "alpha", "holdout"})
"""Parts of a rule that other tools know and this one cannot honour: to pass over them would promise too much."""


def read_gate(rule: object) -> Gate:
    """A rule from a `Gate`, plain data, or the path of a YAML file. Raises BadGate, naming file and line."""
    match rule:
        case Gate():
            return rule
        case Mapping():
            return gate_from(rule)
        case Path() | str():
            return _read_file(Path(rule))
    raise BadGate(
        f"a rule is not a {type(rule).__name__}",
        remedy="give a Gate, a dict, or the path of a YAML file",
    )


def _read_file(path: Path) -> Gate:
    try:
        with path.open("rb") as source:
            text = source.read(4 * LARGEST + 1).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise BadGate(
            f"the rule {path} cannot be read: {why}",
            remedy="a path counts from the folder where the run was started",
        ) from None
    return gate_from_yaml(text, path.name)


def gate_from_yaml(text: str, name: str = "rule") -> Gate:
    """The rule in a YAML text: the block `gate:`, or the whole text if it has none. Raises BadGate with the line."""
    try:
        tree = read_tree(text)
    except NotYaml as error:
        raise BadGate(f"the rule: {error.message}", remedy=error.remedy, place=f"{name}:{error.line}") from None
    inside: Where = ("gate",) if isinstance(tree.value, dict) and "gate" in tree.value else ()
    value = tree.value["gate"] if inside else tree.value
    return _Reader(lambda where: f"{name}:{tree.line((*inside, *where))}").gate(value)


def gate_from(value: object) -> Gate:
    """The rule in plain data, as `Gate.to_value` gives it. Raises BadGate, naming the part."""
    return _Reader(
        lambda where: "gate" + "".join(f".{step}" if isinstance(step, str) else f"[{step}]" for step in where)
    ).gate(value)


def gate_to_yaml(gate: Gate) -> str:
    """The rule as YAML, which reads back as the very same."""
    text: str = yaml.safe_dump({"gate": gate.to_value()}, sort_keys=False, default_flow_style=None, width=100)
    return text


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads plain data; `place_of` says where a part of it stands."""

    place_of: Callable[[Where], str]

    def gate(self, value: object) -> Gate:
        known = {item.name for item in fields(Gate)} - {"latency"}
        given = self._mapping(value, (), known, "the gate")
        rails, latency = self._guardrails(given.pop("guardrails", []))
        return self._make(
            Gate,
            (),
            {
                "guardrails": rails,
                "latency": latency,
                "thresholds": self._thresholds(given.pop("thresholds", [])),
                "primary": self._part(Primary, given.pop("primary", None), ("primary",)),
                "slices": self._part(Slices, given.pop("slices", None), ("slices",)),
                "behaviour": self._behaviour(given.pop("behaviour", [])),
                **self._plain(Gate, given, ()),
            },
        )

    def _part(self, cls: type[T], value: object, where: Where) -> T | None:
        if value is None:
            return None
        if isinstance(value, str):  # the metric alone
            value = {"metric": value}
        given = self._mapping(value, where, {item.name for item in fields(cls)}, where[0])  # type: ignore[arg-type]
        return self._make(cls, where, self._plain(cls, given, where))

    def _thresholds(self, value: object) -> tuple[Threshold, ...]:
        """A list of thresholds, or a mapping from metric to bounds."""
        where: Where = ("thresholds",)
        if isinstance(value, Mapping):
            found = [
                self._part(Threshold, {"metric": name, **self._bounds(bounds, (*where, name))}, (*where, name))
                for name, bounds in value.items()
            ]
        else:
            found = [self._part(Threshold, item, (*where, n)) for n, item in enumerate(self._list(value, where))]
        return tuple(item for item in found if item is not None)

    def _bounds(self, value: object, where: Where) -> Mapping[str, Any]:
        if isinstance(value, Mapping):
            return value
        self._refuse(f"the threshold of {where[-1]!r} is {value!r}", where, "say min or max, such as {min: 0.85}")

    def _guardrails(self, value: object) -> tuple[tuple[Guardrail, ...], tuple[Latency, ...]]:
        rails: list[Guardrail] = []
        latency: list[Latency] = []
        for n, item in enumerate(self._list(value, ("guardrails",))):
            where: Where = ("guardrails", n)
            key = next(iter(item)) if isinstance(item, Mapping) and len(item) == 1 else None
            if isinstance(key, str) and key.startswith("latency"):
                latency.append(self._latency(key, item[key], (*where, key)))
            else:
                rail = self._part(Guardrail, item, where)
                if rail is not None:
                    rails.append(rail)
        return tuple(rails), tuple(latency)

    def _latency(self, key: str, value: object, where: Where) -> Latency:
        match = _LATENCY.fullmatch(key)
        if match is None:
            self._refuse(f"{key!r} names no percentile", where, "write such as latency_p99: 20ms")
        if isinstance(value, str):
            try:
                exact = _MILLISECONDS.fullmatch(value)
                allowed = float(exact[1]) if exact else as_duration(value).total_seconds() * 1000
            except ValueError as error:
                self._refuse(f"{key}: {error}", where)
        else:
            self._refuse(f"{key} is {value!r}, which has no unit", where, f"write such as {key}: 20ms")
        return self._make(Latency, where, {"percentile": float(match[1]), "max_ms": allowed})

    def _behaviour(self, value: object) -> Behaviour:
        """A list of demands such as `no_null`, `minority>=5%`, `invariant: [id]`, or a mapping of the same."""
        where: Where = ("behaviour",)
        known = {"no_null", "minority", "invariant", "monotone"}
        given: dict[str, Any] = {}
        items: list[tuple[Where, object]] = (
            [(where, value)]
            if isinstance(value, Mapping)
            else [((*where, n), item) for n, item in enumerate(self._list(value, where))]
        )
        for at, item in items:
            match item:
                case str() if minority := _MINORITY.fullmatch(item.strip()):
                    given["minority"] = minority[1]
                case str() if item.strip() == "no_null":
                    given["no_null"] = True
                case Mapping():
                    given |= self._mapping(item, at, known, "behaviour")
                case _:
                    hint = (
                        did_you_mean(str(item), known)
                        or "write no_null, minority>=5%, invariant: [...], monotone: {...}"
                    )
                    self._refuse(f"behaviour has no demand {item!r}", at, hint)
        monotone = self._mapping(given.pop("monotone", {}), (*where, "monotone"), None, "monotone")
        trends = tuple((name, self._choice(Trend, text, (*where, "monotone", name))) for name, text in monotone.items())
        return self._make(Behaviour, where, {**self._plain(Behaviour, given, where), "monotone": trends})

    # --- plain parts

    def _plain(self, cls: Any, given: Mapping[str, Any], where: Where) -> dict[str, Any]:
        """Values in the types that the fields have, by the text of their annotations."""
        found: dict[str, Any] = {}
        kinds = {item.name: str(item.type) for item in fields(cls)}
        for name, value in given.items():
            found[name] = self._value(kinds[name], value, (*where, name))
        for item in fields(cls):
            if item.name not in given and item.default is MISSING:
                self._refuse(
                    f"{where[0] if where else 'the gate'} has no {item.name!r}", where, f"add {item.name}: ..."
                )
        return found

    def _value(self, kind: str, value: object, where: Where) -> Any:
        match kind:
            case "float" | "float | None":
                return self._number(value, where) if value is not None or kind == "float" else None
            case "int":
                if isinstance(value, bool) or not isinstance(value, int):
                    self._refuse(f"{where[-1]} is {value!r}, and must be a whole number", where)
                return value
            case "bool":
                if not isinstance(value, bool):
                    self._refuse(f"{where[-1]} is {value!r}, and must be true or false", where)
                return value
            case "tuple[str, ...]":
                items = [value] if isinstance(value, str) else self._list(value, where)
                return tuple(self._value("str", item, (*where, n)) for n, item in enumerate(items))
            case "Test" | "Correction" | "First":
                return self._choice({"Test": Test, "Correction": Correction, "First": First}[kind], value, where)
            case _:
                if not isinstance(value, str) or not value:
                    self._refuse(f"{where[-1]} is {value!r}, and must be a text", where)
                self._known(value, where)
                return value

    def _known(self, value: str, where: Where) -> None:
        """Refuse the name of a problem or metric that there is not."""
        try:
            if where == ("problem",) and value != "auto":
                problem_named(value)
            elif where[-1] == "metric":
                metric(value)
        except InputError as error:
            self._refuse(error.message, where, error.remedy)

    def _number(self, value: object, where: Where) -> float:
        if isinstance(value, str) and value.strip().endswith("%"):
            try:
                return float(value.strip()[:-1]) / 100
            except ValueError:
                pass
        try:
            if isinstance(value, int | float | str) and not isinstance(value, bool):
                return float(value)  # YAML takes 1e-3 for a text
        except ValueError:
            pass
        self._refuse(f"{where[-1]} is {value!r}, and must be a number", where)

    def _choice(self, kind: type[Any], value: object, where: Where) -> Any:
        if isinstance(value, Enum):
            value = value.value
        try:
            return kind(value)
        except ValueError:
            choices = [member.value for member in kind]
            hint = did_you_mean(str(value), choices) or "one of " + ", ".join(choices)
            self._refuse(f"{where[-1]} is {value!r}", where, hint)

    def _list(self, value: object, where: Where) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            self._refuse(f"{where[-1]} is {value!r:.60}, and must be a list", where)
        return list(value)

    def _mapping(self, value: object, where: Where, known: set[str] | None, who: str | int) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            self._refuse(f"{who} is {value!r:.60}, and must be a mapping of names to values", where)
        for name in value:
            if not isinstance(name, str) or (known is not None and name not in known):
                if not where and name in _LATER:
                    hint = "leave it out; a gate has no such demand"
                else:
                    hint = did_you_mean(str(name), known or ()) or "known: " + ", ".join(sorted(known or ()))
                self._refuse(f"{who} has no {name!r}", (*where, str(name)), hint)
        return dict(value)

    def _make(self, cls: type[T], where: Where, given: Mapping[str, Any]) -> T:
        try:
            return cls(**given)
        except BadGate as error:
            raise BadGate(error.message, remedy=error.remedy, place=self.place_of((*where, *error.part))) from None

    def _refuse(self, message: str, where: Where, remedy: str = "") -> NoReturn:
        raise BadGate(message, remedy=remedy, place=self.place_of(where))
