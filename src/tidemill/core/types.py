"""Types of parameters, inputs and outputs as plain data: naming them, comparing them, and judging values by them.

Knows nothing of Python annotations; `core.annotations` makes these from annotations.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tidemill.core.values import MISSING, ArtifactRef, Json, Missing, Value


@dataclass(frozen=True, slots=True)
class Type:
    """`name` is one of `PLAIN`, an artifact kind (Dataset, Model, Metrics, Report) or the qualified name of a class.

    `args` are item types, or the members of a union; `choices` the allowed values of a choice.
    """

    name: str
    args: tuple[Type, ...] = ()
    choices: tuple[Value, ...] = ()

    def __str__(self) -> str:
        match self.name:
            case "union":
                return " | ".join(str(arg) for arg in self.args)
            case "choice":
                return "one of " + ", ".join(repr(choice) for choice in self.choices)
            case _:
                short = self.name.rpartition(".")[2]
                return f"{short}[{', '.join(map(str, self.args))}]" if self.args else short

    @property
    def optional(self) -> bool:
        return self.name in ("any", "none") or (self.name == "union" and any(arg.optional for arg in self.args))


ANY = Type("any")
NONE = Type("none")

PLAIN = frozenset(
    "any none bool int float str list dict date datetime timedelta path choice union".split()  # noqa: SIM905
)


def fits(given: Type, wanted: Type) -> bool:
    """Whether an output of type `given` may be bound to an input of type `wanted`; unknown types pass."""
    if "any" in (given.name, wanted.name):
        return True
    if given.name == "union":
        return any(fits(member, wanted) for member in given.args)
    if wanted.name == "union":
        return any(fits(given, member) for member in wanted.args)
    if wanted.name == "choice" or given.name == "choice":
        return _choice_fits(given, wanted)
    if given.name == wanted.name:
        return len(given.args) != len(wanted.args) or all(map(fits, given.args, wanted.args))
    if (given.name, wanted.name) in {("int", "float"), ("datetime", "date"), ("str", "path"), ("path", "str")}:
        return True
    # Classes of the user's own may inherit from each other, which only Python can tell: never a false alarm.
    both_plain = given.name in PLAIN and wanted.name in PLAIN
    return not both_plain and not _is_scalar(given) and not _is_scalar(wanted)


def _is_scalar(kind: Type) -> bool:
    return kind.name in PLAIN - {"any", "union", "list", "dict", "path"}


def _choice_fits(given: Type, wanted: Type) -> bool:
    if given.name == "choice" and wanted.name == "choice":
        return bool(set(map(repr, given.choices)) & set(map(repr, wanted.choices)))
    choice, other = (given, wanted) if given.name == "choice" else (wanted, given)
    return any(judge_value(value, other) is None for value in choice.choices)


def judge_value(value: Value, wanted: Type, where: str = "") -> str | None:
    """What is wrong with a value for a type, in words, or None. Artifact references fit every type."""
    at = f"{where}: " if where else ""
    if isinstance(value, ArtifactRef) or wanted.name not in PLAIN or wanted.name == "any":
        return None
    match wanted.name:
        case "union":
            if any(judge_value(value, member) is None for member in wanted.args):
                return None
            return f"{at}{value!r} is not {wanted}"
        case "choice":
            same = any(
                value == choice and isinstance(value, bool) == isinstance(choice, bool) for choice in wanted.choices
            )
            return None if same else f"{at}{value!r} is not {wanted}"
        case "list" if isinstance(value, list):
            items = (judge_value(item, wanted.args[0], f"{where}[{n}]") for n, item in enumerate(value) if wanted.args)
            return next((problem for problem in items if problem), None)
        case "dict" if isinstance(value, dict):
            members = (
                judge_value(item, wanted.args[-1], f"{where}.{key}") for key, item in value.items() if wanted.args
            )
            return next((problem for problem in members if problem), None)
    return None if _plain_is(value, wanted.name) else f"{at}{value!r} is not {wanted}"


def _plain_is(value: Value, name: str) -> bool:
    match name:
        case "none":
            return value is None
        case "bool":
            return isinstance(value, bool)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "str" | "path":
            return isinstance(value, str)
        case "list":
            return isinstance(value, list)
        case "dict":
            return isinstance(value, dict)
        case "datetime":
            return isinstance(value, datetime)
        case "date":
            return isinstance(value, date)
        case "timedelta":
            return isinstance(value, timedelta)
    return False


def schema(kind: Type) -> Json:
    """The JSON Schema (draft 2020-12) of a type; `{}` for what JSON Schema cannot tell."""
    match kind.name:
        case "none":
            return {"type": "null"}
        case "bool":
            return {"type": "boolean"}
        case "int":
            return {"type": "integer"}
        case "float":
            return {"type": "number"}
        case "str" | "path":
            return {"type": "string"}
        case "date" | "datetime":
            return {"type": "string", "format": "date" if kind.name == "date" else "date-time"}
        case "timedelta":
            return {"type": "string", "format": "duration"}
        case "list":
            return {"type": "array", **({"items": schema(kind.args[0])} if kind.args else {})}
        case "dict":
            return {"type": "object", **({"additionalProperties": schema(kind.args[-1])} if kind.args else {})}
        case "choice":
            return {"enum": list(kind.choices)}
        case "union":
            return {"anyOf": [schema(member) for member in kind.args]}
    return {}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One input of a pipeline or scope; without a default it is required."""

    name: str
    type: Type = ANY
    default: Value | Missing = MISSING
    description: str = ""

    @property
    def required(self) -> bool:
        return self.default is MISSING
