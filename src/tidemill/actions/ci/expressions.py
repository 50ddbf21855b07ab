"""The expression language of workflows, `${{ ... }}`, from text to a tree.

A small grammar of its own: nothing is ever given to Python's `eval`. Knows no values; `evaluating` has those.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

LONGEST = 21_000
"""Characters of one expression: GitHub refuses longer ones."""

DEEPEST = 50

FUNCTIONS = {
    "contains": (2, 2),
    "startswith": (2, 2),
    "endswith": (2, 2),
    "format": (1, 255),
    "join": (1, 2),
    "tojson": (1, 1),
    "fromjson": (1, 1),
    "hashfiles": (1, 255),
    "case": (3, 255),
    "success": (0, 0),
    "failure": (0, 0),
    "always": (0, 0),
    "cancelled": (0, 0),
}
"""Names in lower case, with how many arguments they take at least and at most."""

STATUS = frozenset({"success", "failure", "always", "cancelled"})


class BadExpression(ValueError):
    """What is wrong with an expression, in words."""


@dataclass(frozen=True, slots=True)
class Literal:
    value: bool | float | str | None


@dataclass(frozen=True, slots=True)
class Context:
    """The name an access begins with: `github`, `env`, `steps` ..."""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """`of.name`, `of['name']`, `of[3]`."""

    of: Expression
    key: Expression


@dataclass(frozen=True, slots=True)
class Star:
    """`of.*`: every item."""

    of: Expression


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    of: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: Expression
    right: Expression


Expression: TypeAlias = Literal | Context | Index | Star | Call | Not | Binary

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>[-+]?(?:0x[0-9a-fA-F]+|0o[0-7]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|Infinity\b)|NaN\b)
    | (?P<text>'(?:[^']|'')*')
    | (?P<operator>==|!=|<=|>=|&&|\|\||[<>!()\[\].,*])
    | (?P<name>[A-Za-z_][A-Za-z0-9_-]*)
    )""",
    re.VERBOSE,
)
_LEVELS = (("||",), ("&&",), ("==", "!="), ("<", "<=", ">", ">="))


def parse(text: str) -> Expression:
    """The tree of an expression, without its `${{ }}`. Raises BadExpression."""
    if len(text) > LONGEST:
        raise BadExpression(f"an expression has at most {LONGEST} characters")
    tokens = list(_tokens(text))
    if not tokens:
        raise BadExpression("the expression is empty")
    parser = _Parser(tokens)
    tree = parser.binary(0)
    parser.end()
    return tree


def walk(tree: Expression) -> Iterator[Expression]:
    """The expression and all that is in it."""
    yield tree
    match tree:
        case Index(of, key):
            inner: tuple[Expression, ...] = (of, key)
        case Star(of) | Not(of):
            inner = (of,)
        case Call(arguments=arguments):
            inner = arguments
        case Binary(left=left, right=right):
            inner = (left, right)
        case _:
            inner = ()
    for one in inner:
        yield from walk(one)


def path_of(tree: Expression) -> tuple[str, ...]:
    """`github.event.issue.title` as its names in lower case, `*` for any; () if it is no plain access."""
    match tree:
        case Context(name):
            return (name.lower(),)
        case Index(of, Literal(str() as key)):
            before = path_of(of)
            return (*before, key.lower()) if before else ()
        case Star(of) | Index(of, _):
            before = path_of(of)
            return (*before, "*") if before else ()
    return ()


def accesses(tree: Expression) -> Iterator[tuple[str, ...]]:
    """The whole paths that an expression reads, such as ("steps", "gate", "outputs", "verdict")."""
    path = path_of(tree)
    if path:
        yield path
    match tree:
        case Index(of, key):
            if not path:
                yield from accesses(of)
            if not isinstance(key, Literal):
                yield from accesses(key)
        case Star(of):
            if not path:
                yield from accesses(of)
        case Not(of):
            yield from accesses(of)
        case Call(arguments=arguments):
            for one in arguments:
                yield from accesses(one)
        case Binary(left=left, right=right):
            yield from accesses(left)
            yield from accesses(right)


def asks_for_status(tree: Expression) -> bool:
    """Whether it names success(), failure(), always() or cancelled(): then `success() &&` is not put before it."""
    return any(isinstance(one, Call) and one.name in STATUS for one in walk(tree))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    end = len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            rest = text[at:end].strip()
            if rest.startswith('"'):
                raise BadExpression('texts stand in single quotes, and " is not known here')
            raise BadExpression(f"{rest[:20]!r} is not understood")
        yield found.lastgroup, found[found.lastgroup]
        at = found.end()


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise BadExpression(f"{self._tokens[self._at][1]!r} is one too many")

    def binary(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self._unary()
        left = self.binary(level + 1)
        while (operator := self._take(*_LEVELS[level])) is not None:
            left = Binary(operator, left, self.binary(level + 1))
        return left

    def _unary(self) -> Expression:
        negations = 0
        while self._take("!"):
            negations += 1
        if negations > DEEPEST:
            raise BadExpression(f"it is nested more than {DEEPEST} deep")
        tree = self._access()
        for _ in range(negations):
            tree = Not(tree)
        return tree

    def _access(self) -> Expression:
        tree = self._primary()
        steps = 0
        while True:
            if self._take("."):
                tree = Star(tree) if self._take("*") else Index(tree, Literal(self._name()))
            elif self._take("["):
                if self._take("*"):
                    tree = Star(tree)
                else:
                    tree = Index(tree, self._nested())
                self._demand("]")
            else:
                return tree
            steps += 1
            if steps > DEEPEST:
                raise BadExpression(f"it is nested more than {DEEPEST} deep")

    def _primary(self) -> Expression:
        if self._at == len(self._tokens):
            raise BadExpression("something is missing at its end")
        kind, text = self._tokens[self._at]
        self._at += 1
        match kind, text:
            case "number", _:
                return Literal(_number(text))
            case "text", _:
                return Literal(text[1:-1].replace("''", "'"))
            case "operator", "(":
                tree = self._nested()
                self._demand(")")
                return tree
            case "name", "true" | "false":
                return Literal(text == "true")
            case "name", "null":
                return Literal(None)
            case "name", _:
                return self._call(text) if self._take("(") else Context(text)
        raise BadExpression(f"{text!r} is not expected there")

    def _call(self, name: str) -> Expression:
        arguments: list[Expression] = []
        if not self._take(")"):
            arguments.append(self._nested())
            while self._take(","):
                arguments.append(self._nested())
            self._demand(")")
        if name.lower() not in FUNCTIONS:
            raise BadExpression(f"there is no function {name!r}")
        fewest, most = FUNCTIONS[name.lower()]
        if not fewest <= len(arguments) <= most:
            wanted = str(fewest) if fewest == most else f"{fewest} to {most}" if most < 255 else f"at least {fewest}"
            raise BadExpression(f"{name} takes {wanted} arguments, and was given {len(arguments)}")
        return Call(name.lower(), tuple(arguments))

    def _nested(self) -> Expression:
        self._depth += 1
        if self._depth > DEEPEST:
            raise BadExpression(f"it is nested more than {DEEPEST} deep")
        tree = self.binary(0)
        self._depth -= 1
        return tree

    def _name(self) -> str:
        if self._at < len(self._tokens) and self._tokens[self._at][0] == "name":
            self._at += 1
            return self._tokens[self._at - 1][1]
        raise BadExpression("a name is missing after '.'")

    def _take(self, *operators: str) -> str | None:
        if self._at < len(self._tokens) and self._tokens[self._at] in [("operator", one) for one in operators]:
            self._at += 1
            return self._tokens[self._at - 1][1]
        return None

    def _demand(self, operator: str) -> None:
        if self._take(operator) is None:
            raise BadExpression(f"{operator!r} is missing")


def _number(text: str) -> float:
    bare = text.lstrip("+-")
    sign = -1.0 if text.startswith("-") else 1.0
    if bare.startswith("0x"):
        return sign * int(bare, 16)
    if bare.startswith("0o"):
        return sign * int(bare, 8)
    return math.nan if bare == "NaN" else sign * float(bare)
