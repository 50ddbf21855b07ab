"""Taking a YAML document apart: what is expected where, every problem noted with its line, none raised.

Knows the language of expressions and where which may stand; nothing of what a workflow means.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from tidemill.actions.ci.evaluating import number_text
from tidemill.actions.ci.expressions import STATUS as STATUS_FUNCTIONS
from tidemill.actions.ci.expressions import BadExpression, Call, Expression, accesses, walk
from tidemill.actions.ci.interpolation import NO_CONDITION, OPEN, Condition, condition, expressions_of
from tidemill.actions.ci.lined_yaml import Item
from tidemill.actions.ci.places import CONTEXTS, FILES_AT, KNOWN, STATUS_AT, Spot
from tidemill.actions.ci.workflow import Remark
from tidemill.core.errors import did_you_mean
from tidemill.core.problems import Problem

NOTHING = Item(None, 0)


class Taking:
    """One file being read: `problems` make it unusable, `remarks` are to be known. `secrets` holds where each is first
    read."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self.problems: list[Problem] = []
        self.remarks: list[Remark] = []
        self.secrets: dict[str, int] = {}

    def place(self, line: int) -> str:
        return f"{self._shown}:{line}"

    def problem(self, line: int, message: str, remedy: str = "") -> None:
        self.problems.append(Problem("workflow", self.place(line), message, remedy))

    def remark(self, line: int, text: str, remedy: str = "") -> None:
        self.remarks.append(Remark(self.place(line), text, remedy))

    # --- shapes -------------------------------------------------------------------------------------------------------

    def mapping(self, item: Item, what: str, known: Collection[str] = ()) -> dict[str, Item]:
        """The entries; {} for nothing. Keys that are not `known` are problems."""
        match item.content:
            case None:
                return {}
            case dict() as found:
                for name, inner in found.items():
                    if known and name not in known:
                        self.problem(inner.line, f"{what} has no key {name!r}", did_you_mean(name, known))
                return found
        self.problem(item.line, f"{what} is a mapping of names to values, not {_kind(item)}")
        return {}

    def items(self, item: Item, what: str) -> list[Item]:
        match item.content:
            case None:
                return []
            case list() as found:
                return found
        self.problem(item.line, f"{what} is a list, not {_kind(item)}")
        return []

    def names(self, item: Item, what: str) -> tuple[str, ...]:
        """A text, or a list of texts."""
        match item.content:
            case None:
                return ()
            case str() as one:
                return (one,)
        return tuple(self.text(one, f"an item of {what}") for one in self.items(item, what))

    def text(self, item: Item, what: str) -> str:
        match item.content:
            case None:
                return ""
            case str() as found:
                return found
            case bool() as truth:
                return "true" if truth else "false"
            case int() | float() as number:
                return number_text(float(number)) if abs(number) < 1e15 else str(number)
        self.problem(item.line, f"{what} is a text, not {_kind(item)}")
        return ""

    # --- with expressions ---------------------------------------------------------------------------------------------

    def filled(self, item: Item, what: str, spot: Spot) -> str:
        """A text that may hold `${{ }}`, which is checked."""
        found = self.text(item, what)
        self.check(found, item.line, spot)
        return found

    def data(self, item: Item, spot: Spot) -> Any:
        """Plain data whose texts may hold `${{ }}`."""
        for one in _texts(item):
            self.check(str(one.content), one.line, spot)
        return item.plain

    def values(self, item: Item, what: str, spot: Spot) -> Mapping[str, Any]:
        """Names and values, none of which is a mapping or a list; or one expression that gives them all."""
        if isinstance(item.content, str) and OPEN in item.content:
            self.problem(item.line, f"{what} as one expression is not supported here", "write each name with its value")
            return {}
        found = self.mapping(item, what)
        return {name: self.filled(value, f"{what} {name!r}", spot) for name, value in found.items()}

    def condition(self, item: Item, what: str, spot: Spot) -> Condition:
        source = self.text(item, what)
        if not self.check(source, item.line, spot, is_condition=True):
            return NO_CONDITION
        found = condition(source)
        if found.always_true:
            self.remark(
                item.line,
                f"{what} always holds: text around ${{{{ }}}} makes a text of it, and a text is true",
                "leave out the ${{ and }}",
            )
        return found

    def truth(self, item: Item, what: str, spot: Spot) -> bool | str:
        match item.content:
            case None:
                return False
            case bool() as found:
                return found
            case str() as source if OPEN in source:
                self.check(source, item.line, spot)
                return source
        self.problem(item.line, f"{what} is true or false, not {_kind(item)}")
        return False

    def minutes(self, item: Item, what: str, spot: Spot) -> float | str | None:
        match item.content:
            case None:
                return None
            case bool():
                pass
            case int() | float() as number if 0 < number < 1e6:
                return float(number)
            case str() as source if OPEN in source:
                self.check(source, item.line, spot)
                return source
        self.problem(item.line, f"{what} is a number of minutes above 0")
        return None

    def check(self, source: str, line: int, spot: Spot, is_condition: bool = False) -> bool:
        """Whether every expression in a text can be read and uses what there is in its place."""
        if not is_condition and OPEN not in source:
            return True
        try:
            trees = expressions_of(source, is_condition)
        except BadExpression as error:
            self.problem(line, f"the expression {_short(source)} cannot be read: {error}")
            return False
        before = len(self.problems)
        for tree in trees:
            self._contexts(tree, line, spot)
            self._functions(tree, line, spot)
        return len(self.problems) == before

    def _contexts(self, tree: Expression, line: int, spot: Spot) -> None:
        for path in accesses(tree):
            name = path[0]
            if name not in KNOWN:
                self.problem(line, f"there is no context {name!r}", did_you_mean(name, KNOWN))
            elif name not in CONTEXTS[spot]:
                there = ", ".join(sorted(CONTEXTS[spot]))
                why = "; put it into env, and look at env" if name == "secrets" else ""
                self.problem(line, f"the context {name!r} cannot be used in {spot.value}", f"there is {there}{why}")
            elif name == "secrets" and len(path) > 1 and path[1] != "*":
                self.secrets.setdefault(path[1].upper(), line)

    def _functions(self, tree: Expression, line: int, spot: Spot) -> None:
        for one in walk(tree):
            if not isinstance(one, Call):
                continue
            if one.name in STATUS_FUNCTIONS and spot not in STATUS_AT:
                self.problem(line, f"{one.name}() stands only in conditions ('if')")
            if one.name == "hashfiles" and spot not in FILES_AT:
                self.problem(line, "hashFiles() stands only in steps")


def _texts(item: Item) -> Iterator[Item]:
    match item.content:
        case str():
            yield item
        case list() as items:
            for one in items:
                yield from _texts(one)
        case dict() as found:
            for one in found.values():
                yield from _texts(one)


def _kind(item: Item) -> str:
    match item.content:
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str() as text:
            return f"the text {_short(text)}"
    return f"{item.plain!r}"


def _short(text: str) -> str:
    bare = " ".join(text.split())
    return repr(bare if len(bare) <= 60 else bare[:57] + "...")
