"""Texts with `${{ }}` in them, and conditions: found, parsed once, and filled in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tidemill.actions.ci.evaluating import Data, Scope, UnknownYet, evaluate, text, truth
from tidemill.actions.ci.expressions import BadExpression, Binary, Call, Expression, Literal, asks_for_status, parse

OPEN, CLOSE = "${{", "}}"


@dataclass(frozen=True, slots=True)
class Hole:
    """One `${{ source }}`."""

    source: str
    tree: Expression


@dataclass(frozen=True, slots=True)
class Template:
    """Texts and holes in turn."""

    parts: tuple[str | Hole, ...]

    @property
    def holes(self) -> tuple[Hole, ...]:
        return tuple(part for part in self.parts if isinstance(part, Hole))

    @property
    def whole(self) -> Hole | None:
        """The hole if there is nothing else: then its value is kept as it is, and not made a text."""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], Hole) else None

    def fill(self, scope: Scope) -> str:
        """Raises BadExpression, or UnknownYet."""
        return "".join(part if isinstance(part, str) else text(evaluate(part.tree, scope)) for part in self.parts)

    def value(self, scope: Scope) -> Data:
        return evaluate(self.whole.tree, scope) if self.whole is not None else self.fill(scope)

    def shown(self, scope: Scope) -> str:
        """As `fill`, with `${{ }}` left where its value is not known before it has run."""

        def part_of(hole: Hole) -> str:
            try:
                return text(evaluate(hole.tree, scope))
            except UnknownYet:
                return f"{OPEN} {hole.source} {CLOSE}"

        return "".join(part if isinstance(part, str) else part_of(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Condition:
    """What stands after `if:`. `always_true`: text around `${{ }}` made a text of it, and every text holds."""

    source: str
    tree: Expression | None
    always_true: bool = False

    def holds(self, scope: Scope) -> bool:
        """Raises BadExpression, or UnknownYet."""
        succeeded = Call("success", ())
        if self.tree is None:
            return truth(evaluate(succeeded, scope))
        tree = self.tree if asks_for_status(self.tree) else Binary("&&", succeeded, self.tree)
        return truth(evaluate(tree, scope))


NO_CONDITION = Condition("", None)


def template(source: str) -> Template:
    """Raises BadExpression."""
    return Template(tuple(_parts(source)))


def condition(source: str) -> Condition:
    """Raises BadExpression."""
    stripped = source.strip()
    if not stripped:
        return NO_CONDITION
    if OPEN not in stripped:
        return Condition(stripped, parse(stripped))
    found = template(stripped)
    if found.whole is not None:
        return Condition(found.whole.source, found.whole.tree)
    # GitHub makes format('...{0}...', ...) of it.
    pattern: list[str] = []
    values: list[Expression] = []
    for part in found.parts:
        if isinstance(part, str):
            pattern.append(part.replace("{", "{{").replace("}", "}}"))
        else:
            pattern.append(f"{{{len(values)}}}")
            values.append(part.tree)
    return Condition(stripped, Call("format", (Literal("".join(pattern)), *values)), True)


def expressions_of(source: str, is_condition: bool = False) -> tuple[Expression, ...]:
    if is_condition:
        tree = condition(source).tree
        return () if tree is None else (tree,)
    return tuple(hole.tree for hole in template(source).holes)


def mapped(value: Data, change: Callable[[str], Data]) -> Data:
    """A value of YAML with every text in it changed; keys stay."""
    match value:
        case str():
            return change(value)
        case dict():
            return {key: mapped(item, change) for key, item in value.items()}
        case list():
            return [mapped(item, change) for item in value]
    return value


def _parts(source: str) -> Iterator[str | Hole]:
    at = 0
    while (begin := source.find(OPEN, at)) >= 0:
        if begin > at:
            yield source[at:begin]
        end = _closing(source, begin + len(OPEN))
        inner = source[begin + len(OPEN) : end].strip()
        yield Hole(inner, parse(inner))
        at = end + len(CLOSE)
    if at < len(source) or not source:
        yield source[at:]


def _closing(source: str, at: int) -> int:
    """Where `}}` stands, outside of quotes."""
    quoted = False
    while at < len(source):
        if source[at] == "'":
            quoted = not quoted
        elif not quoted and source.startswith(CLOSE, at):
            return at
        at += 1
    raise BadExpression("'${{' is not closed by '}}'")
