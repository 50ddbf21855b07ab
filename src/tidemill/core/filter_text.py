"""The text of a filter: tokens, a parser by recursive descent, and its inverse. Errors point at the column.

metrics.accuracy > 0.9 and (params.depth in (5, 10) or not tags.stage = "draft") and created > "2 days ago"
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import NamedTuple, NoReturn

from tidemill.core.durations import parse_duration
from tidemill.core.errors import InputError, did_you_mean
from tidemill.core.filters import (
    DURATION,
    FIELDS,
    MOMENTS,
    TEXTS,
    All,
    Being,
    Compare,
    Contains,
    Filter,
    In,
    Is,
    Like,
    Literal,
    Name,
    Not,
    Op,
    Some,
    Space,
    text_of,
)
from tidemill.core.moments import parse_span
from tidemill.core.states import RunState

LONGEST = 10_000
DEEPEST = 50
"""Characters of a filter, and parentheses and `not` inside each other."""

NAMES = "params.NAME, metrics.NAME, tags.NAME, " + ", ".join(FIELDS)
_COMPARISONS = "= != < <= > >=, in (...), like, contains, is missing"
_SHOWN = 60

_SPACES = {space.value: space for space in Space if space is not Space.FIELD}
_OPS = {op.value: op for op in Op} | {"==": Op.EQ, "<>": Op.NE}
_TURNED = {"=>": ">=", "=<": "<="}
_KEYWORDS = frozenset({"and", "or", "not", "in", "like", "contains", "is"})
_KEY = r"[\w@][\w@./:#\[\]-]*"
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<op><=|>=|!=|<>|==|=|<|>)
    | (?P<mark>[(),])
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<word>[^\s"'(),<>=!]+(?:(?<=\.)(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))?)
    )""",
    re.VERBOSE | re.DOTALL,
)
_NUMBER = re.compile(r"[+-]?(?:\d[\d_]*\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|inf|infinity)", re.IGNORECASE)
_MADE = tuple(Name(Space.FIELD, moment) for moment in MOMENTS)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def parse_filter(text: str) -> Filter:
    """The condition that `text` says. Raises InputError, with the column and what is possible there."""
    return _Parser(text).whole()


def parse_name(text: str, option: str = "the name") -> Name:
    """One name, such as `metrics.accuracy`, as a column or an order. Raises InputError that names the option."""
    parser = _Parser(text, option)
    name = parser.name()
    if parser.token.kind != "end":
        parser.fail("there is more than one name", f"write one of {NAMES}")
    return name


class _Parser:
    def __init__(self, text: str, said: str = "the filter") -> None:
        self._text, self._said = text, said
        self._depth = 0
        if len(text) > LONGEST:
            raise InputError(f"the filter has {len(text)} characters", remedy=f"write at most {LONGEST}")
        self._tokens = self._read()
        self._next = 0

    @property
    def token(self) -> _Token:
        return self._tokens[self._next]

    def whole(self) -> Filter:
        found = self._some()
        if self.token.kind != "end":
            extra = self.token.text
            if extra == ")":
                self.fail("there is no parenthesis that this one closes", "leave it out, or write '(' before")
            self.fail(f"'and' or 'or' is expected before {extra!r}", "join two comparisons with 'and' or 'or'")
        return found

    # --- the grammar ---

    def _some(self) -> Filter:
        parts = [self._all()]
        while self._takes("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def _all(self) -> Filter:
        parts = [self._one()]
        while self._takes("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self) -> Filter:
        self._depth += 1
        if self._depth > DEEPEST:
            self.fail("parentheses and 'not' are nested too deeply", f"nest at most {DEEPEST}")
        try:
            if self._takes("not"):
                return Not(self._one())
            opened = self.token
            if self._takes("("):
                inner = self._some()
                if not self._takes(")"):
                    self.fail("a parenthesis is not closed", "write ')' after what belongs into it", opened)
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Filter:
        name = self.name()
        token = self.token
        if token.kind == "op":
            self._next += 1
            value, op = self.token, _OPS[token.text]
            if value.kind == "op" and (meant := _TURNED.get(said := token.text + value.text)):
                self.fail(f"there is no comparison {said!r}", f"write {name_text(name)} {meant} ...", token)
            literal = self._literal(name, order=op not in (Op.EQ, Op.NE))
            if op is Op.GT and name in _MADE and str(literal).lower() == "today":
                self.fail("nothing is later than today", f"write {name_text(name)} >= today", value)
            return Compare(name, op, literal)
        if self._takes("is"):
            negated = self._takes("not")
            being = self._being(name)
            return Not(Is(name, being)) if negated else Is(name, being)
        negated = self._takes("not")
        if self._takes("in"):
            found: Filter = In(name, self._literals(name))
        elif self._takes("like"):
            found = Like(name, self._pattern(name))
        elif self._takes("contains"):
            found = self._contains(name)
        else:
            shown = name_text(name)
            self.fail(f"a comparison is expected after {shown}", f"go on with one of {_COMPARISONS}")
        return Not(found) if negated else found

    def name(self) -> Name:
        """The name that stands here."""
        token = self.token
        if token.kind != "word" or token.text.lower() in _KEYWORDS:
            found = "the end" if token.kind == "end" else repr(token.text)
            self.fail(f"a name is expected here, and {found} was found", f"names are {NAMES}")
        if _NUMBER.fullmatch(token.text):
            self._unknown_name(token)
        space, dot, key = token.text.partition(".")
        self._next += 1
        if not dot:
            if space in FIELDS:
                return Name(Space.FIELD, space)
            self._unknown_name(token)
        if space not in _SPACES:
            hint = re.sub(r"'(\w+)'", lambda near: f"'{near[1]}.{key}'", did_you_mean(space, _SPACES))
            self.fail(f"there is no name {token.text!r}", hint or f"names are {NAMES}", token)
        if key[:1] in ("'", '"'):
            key = _unquoted(key)
        elif not re.fullmatch(_KEY, key):
            what = f"{key!r} cannot be written like this" if key else f"a name is expected after '{space}.'"
            self.fail(what, f'write {space}."NAME" for a name with other characters', token)
        if not key:
            self.fail("a name is empty", f"names are {NAMES}", token)
        return Name(_SPACES[space], key)

    def _unknown_name(self, token: _Token) -> NoReturn:
        word = token.text
        if re.match(r"[\d.+-]", word):
            self.fail(
                f"a name is expected here, and {word!r} was found", "write the name first: params.depth = 10", token
            )
        near = did_you_mean(word, FIELDS)
        near = near if near.startswith("did you mean") else f"write params.{word}, metrics.{word} or tags.{word}"
        self.fail(f"there is no name {word!r} that every run has", f"{near}; names are {NAMES}", token)

    def _literals(self, name: Name) -> tuple[Literal, ...]:
        opened = self.token
        if not self._takes("("):
            self.fail("'(' is expected after 'in'", f"write such as {name_text(name)} in (1, 2)")
        found = [self._literal(name)]
        while self._takes(","):
            found.append(self._literal(name))
        if not self._takes(")"):
            self.fail("the list after 'in' is not closed", "write ',' between values and ')' after the last", opened)
        return tuple(found)

    def _pattern(self, name: Name) -> str:
        if not _may_be_text(name):
            self.fail(f"{name_text(name)} is no text", "compare it with = != < <= > >=")
        token = self.token
        if token.kind not in ("text", "word") or token.text.lower() in _KEYWORDS:
            self.fail("a text is expected here", "write such as 'nightly%', where % stands for any text")
        self._next += 1
        return _unquoted(token.text) if token.kind == "text" else token.text

    def _contains(self, name: Name) -> Filter:
        if not _may_be_text(name):
            self.fail(f"{name_text(name)} is no text and no list", "compare it with = != < <= > >=")
        return Contains(name, self._literal(name, any_text=True))

    def _being(self, name: Name) -> Being:
        token = self.token
        known = {being.value: being for being in Being}
        if token.kind != "word" or token.text.lower() not in known:
            self.fail("'is' goes on with 'missing' or 'nan'", f"write {name_text(name)} is missing")
        self._next += 1
        return known[token.text.lower()]

    def _literal(self, name: Name, order: bool = False, any_text: bool = False) -> Literal:
        token = self.token
        if token.kind not in ("text", "word") or (token.kind == "word" and token.text.lower() in _KEYWORDS):
            found = "the end" if token.kind == "end" else repr(token.text)
            self.fail(f"a value is expected here, and {found} was found", "write a number, or a text in quotes")
        if token.kind == "word" and _is_name(token.text):
            self.fail("a name cannot be compared with another name", "write a number, or a text in quotes")
        self._next += 1
        if token.kind == "text":
            literal: Literal = _unquoted(token.text)
        else:
            literal = token.text if name.space is Space.FIELD else _bare(token.text)
        problem = None if any_text else _wrong(name, literal, order)
        if problem is not None:
            self.fail(*problem, token)
        if name.space is Space.METRICS and isinstance(literal, int):
            return _float(literal)
        return literal

    # --- tokens ---

    def _read(self) -> list[_Token]:
        tokens: list[_Token] = []
        at = 0
        end = len(self._text.rstrip())
        while at < end:
            found = _TOKEN.match(self._text, at)
            if found is None:
                start = at + len(self._text[at:]) - len(self._text[at:].lstrip())
                odd = _Token("odd", self._text[start], start)
                if odd.text in "\"'":
                    self.fail("a text is not closed", f"write {odd.text} after its last character", odd)
                self.fail(f"{odd.text!r} means nothing here", f"comparisons are {_COMPARISONS}", odd)
            kind = str(found.lastgroup)
            tokens.append(_Token(kind, found[kind], found.start(kind)))
            at = found.end()
        return [*tokens, _Token("end", "", end)]

    def _takes(self, word: str) -> bool:
        token = self.token
        if token.kind in ("word", "mark") and token.text.lower() == word:
            self._next += 1
            return True
        return False

    def fail(self, message: str, remedy: str, token: _Token | None = None) -> NoReturn:
        """Raise InputError that points at a token, or at the one that is next."""
        at = (token or self.token).at
        start = max(at - _SHOWN // 2, 0)
        before, after = "…" * (start > 0), "…" * (start + _SHOWN < len(self._text))
        line = before + self._text[start : start + _SHOWN].replace("\n", " ") + after
        arrow = " " * (at - start + len(before)) + "^"
        shown = f"  {line}\n  {arrow}\n" if self._text.strip() else ""
        raise InputError(message, place=f"column {at + 1} of {self._said}", remedy=shown + remedy)


def _is_name(text: str) -> bool:
    space, dot, key = text.partition(".")
    return bool(dot and key) and space in _SPACES


def _may_be_text(name: Name) -> bool:
    return name.space in (Space.PARAMS, Space.TAGS) or (name.space is Space.FIELD and name.key in TEXTS)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


def _bare(text: str) -> Literal:
    match text.lower():
        case "true":
            return True
        case "false":
            return False
        case "null" | "none":
            return None
    if not _NUMBER.fullmatch(text):
        return text
    digits = text.lstrip("+-").replace("_", "")
    return int(text) if digits.isdigit() and digits.isascii() and len(digits) < 400 else float(text)


def _float(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.copysign(math.inf, number)


def _wrong(name: Name, literal: Literal, order: bool) -> tuple[str, str] | None:
    """What is wrong with comparing the name with the literal, and what to do; None if nothing."""
    shown = text_of(literal)
    if name.space is Space.METRICS and (isinstance(literal, bool) or not isinstance(literal, int | float)):
        if shown.lower() == "nan":
            return "nothing is equal to nan", f"write {name_text(name)} is nan"
        remedy = f"ask with 'is missing' for a run that has none: {name_text(name)} is missing"
        return f"a metric is a number, and {shown!r} is none", remedy if literal is None else "write such as 0.9"
    if order and (literal is None or isinstance(literal, bool)):
        return f"{shown} is neither more nor less than anything", "compare it with = or !="
    if name.space is not Space.FIELD:
        return None
    try:
        if name.key in MOMENTS:
            parse_span(shown, _EPOCH)
        elif name.key == DURATION:
            parse_duration(shown)
    except ValueError as error:
        message, _, remedy = str(error).partition("; ")
        return message, remedy or "write such as 90s or '1h 30m'"
    states = [state.value for state in RunState]
    if name.key == "state" and shown not in states:
        return f"there is no state {shown!r} of a run", did_you_mean(shown, states)
    return None


# --- printing ---------------------------------------------------------------------------------------------------------


def filter_text(condition: Filter) -> str:
    """The text of a condition, from which `parse_filter` gives the same again."""
    match condition:
        case Compare(name, op, literal):
            return f"{name_text(name)} {op.value} {_literal_text(literal)}"
        case In(name, literals):
            return f"{name_text(name)} in ({', '.join(map(_literal_text, literals))})"
        case Like(name, pattern):
            return f"{name_text(name)} like {_quoted(pattern)}"
        case Contains(name, literal):
            return f"{name_text(name)} contains {_literal_text(literal)}"
        case Is(name, being):
            return f"{name_text(name)} is {being.value}"
        case Not(of):
            return f"not ({filter_text(of)})"
        case All(parts):
            return " and ".join(_grouped(part, (All, Some)) for part in parts)
        case Some(parts):
            return " or ".join(
                f"({filter_text(part)})" if isinstance(part, Some) else filter_text(part) for part in parts
            )


def name_text(name: Name) -> str:
    """`metrics.accuracy`; a key with other characters stands in quotes."""
    if name.space is Space.FIELD:
        return name.key
    return f"{name.space.value}.{name.key if re.fullmatch(_KEY, name.key) else _quoted(name.key)}"


def _grouped(part: Filter, kinds: tuple[type, ...]) -> str:
    return f"({filter_text(part)})" if isinstance(part, kinds) else filter_text(part)


def _literal_text(literal: Literal) -> str:
    if isinstance(literal, str):
        return _quoted(literal)
    return json.dumps(literal).replace("Infinity", "inf") if isinstance(literal, float) else text_of(literal)


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
