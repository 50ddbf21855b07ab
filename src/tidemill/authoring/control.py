"""Blocks of a pipeline: branches, groups, blocks retried as a whole, what runs at the end; and what joins them."""

from __future__ import annotations

import string
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Unpack

from tidemill.authoring.drafts import Gives, Recorder, ScopeDraft, recorder
from tidemill.authoring.furnishing import furnish
from tidemill.authoring.options import NO_OPTIONS, Options, TaskOptions, make_options
from tidemill.authoring.origins import FirstOfOrigin, NodeOrigin, OutputOrigin, status_binding, template_binding
from tidemill.authoring.place import here, show
from tidemill.authoring.traced import Traced, fail, node_of, origin_of, to_expression
from tidemill.core.bindings import Absent, Gap
from tidemill.core.errors import DefinitionError, did_you_mean
from tidemill.core.expressions import Binary, Expression, Fn, Op, Unary
from tidemill.core.graph import Returns, Source


class _Block:
    """`with ...:` whose body is recorded inside a scope of its own, one node of the scope around it."""

    def __init__(self, what: str, name: str, options: Options = NO_OPTIONS, numbered: bool = False) -> None:
        self._what = what
        self._name = name
        self._options = options
        self._numbered = numbered

    def __enter__(self) -> Traced:
        place = here()
        tracing = recorder(self._what, place)
        condition = self._condition(tracing, place)
        node = tracing.add(self._name, place, self._options, numbered=self._numbered)
        node.when = condition
        node.gives = Gives(Returns.VALUE, {})
        node.inner = ScopeDraft(holder=node)
        furnish(tracing, node, self._what)
        tracing.scope = node.inner
        self._tracing, self._node, self._inner = tracing, node, node.inner
        return Traced(NodeOrigin(node))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        outer = self._node.scope
        self._tracing.scope = outer
        if not self._inner.nodes:
            outer.nodes.remove(self._node)

    def _condition(self, tracing: Recorder, place: Source) -> Expression | None:
        return None


class _Branch(_Block):
    """One branch of a family: its own condition holds and none before it did."""

    def __init__(self, what: str, condition: Any, name: str, first: bool) -> None:
        super().__init__(what, name or what.rstrip("_"), numbered=not name)
        self._own = condition
        self._first = first

    def _condition(self, tracing: Recorder, place: Source) -> Expression | None:
        scope = tracing.scope
        if self._first:
            scope.branches = []
        elif scope.branches is None:
            raise DefinitionError(
                f"{self._what} follows no `with when(...):` here",
                remedy="put it after a when block, at the same indentation, and nothing after otherwise()",
                place=show(place),
            )
        before = scope.branches or []
        own = None if self._own is _ALWAYS else _condition(self._what, self._own, scope)
        if own is None:
            scope.branches = None
        else:
            scope.branches = [*before, own]
        parts: list[Expression] = [Unary(Fn.NOT, earlier) for earlier in before]
        parts += [] if own is None else [own]
        joined = parts[0]
        for part in parts[1:]:
            joined = Binary(Op.AND, joined, part)
        return joined


_ALWAYS = object()


def _condition(what: str, condition: Any, scope: ScopeDraft) -> Expression:
    if not isinstance(condition, Traced | bool):
        fail(
            f"{what} is given {condition!r:.60}, which is neither a condition nor a bool",
            "compare something the run will know: when(scores.accuracy >= 0.9)",
        )
    expression = to_expression(condition, scope)
    if isinstance(expression, Unary) and expression.fn in (Fn.LEN, Fn.NEG):
        fail(f"{what} is given a number, and a condition must be true or false", "compare it: when(length(x) > 0)")
    if isinstance(expression, Binary) and expression.op in (Op.ADD, Op.SUB, Op.MUL, Op.DIV):
        fail(f"{what} is given a calculation, and a condition must be true or false", "compare it with something")
    return expression


def when(condition: Any, *, name: str = "") -> _Block:
    """`with when(scores.accuracy >= 0.9):` - what is called inside runs only if the condition holds."""
    return _Branch("when", condition, name, first=True)


def elif_(condition: Any, *, name: str = "") -> _Block:
    """After a `when` block: runs if its condition holds and none of those before it did."""
    return _Branch("elif_", condition, name, first=False)


def otherwise(*, name: str = "") -> _Block:
    """After a `when` block: runs if none of the conditions before it held."""
    return _Branch("otherwise", _ALWAYS, name, first=False)


def subgraph(title: str, /, **options: Unpack[TaskOptions]) -> _Block:
    """`with subgraph("fit", retries=2):` - a block with options of its own: when it fails, all of it runs anew."""
    return _Block("subgraph", title, make_options({"name": title, **options}, f"subgraph {title}"))


class _Marked:
    """`with ...:` that marks what is called inside, without a scope of its own."""

    def __init__(self, what: str, name: str = "") -> None:
        self._what = what
        self._name = name

    def __enter__(self) -> None:
        tracing = recorder(self._what, here())
        self._scope = tracing.scope
        self._was_ending = self._scope.ending
        if self._name:
            self._scope.groups.append(self._name)
        else:
            self._scope.ending = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._name:
            self._scope.groups.pop()
        self._scope.ending = self._was_ending


def group(name: str) -> _Marked:
    """`with group("features"):` - shown together, nothing else. Groups nest."""
    if not name.strip():
        fail("a group needs a name", "give it a text")
    return _Marked("group", name)


def at_end() -> _Marked:
    """`with at_end():` - what is called inside runs when everything else here is over, however it ended.

    It also runs when the run is cancelled; `status_of(x)` tells how another task ended.
    """
    return _Marked("at_end")


# --- what joins branches ----------------------------------------------------------------------------------------------


def first_of(*options: Any) -> Any:
    """The first of several values that there is: the one of whichever branch ran. A plain value may come last."""
    if len(options) < 2:
        fail("first_of needs at least two values", "give one value from each branch: first_of(a, b)")
    return Traced(FirstOfOrigin(options))


def optional(value: Any, missing: str = "omit") -> Any:
    """A value that may be missing because its task was skipped.

    Then the input is left out, so that the function's own default applies (`missing="omit"`), or it is None ("null").
    For a task with `join="all_done"` that also holds after a failure.
    """
    known = {"omit": (Absent.OMIT, Gap.OMIT), "null": (Absent.NULL, Gap.NULL)}
    if missing not in known:
        fail(f"missing={missing!r} is not one of 'omit', 'null'", did_you_mean(str(missing), known))
    absent, gap = known[missing]
    origin = origin_of(value) if isinstance(value, Traced) else None
    match origin:
        case NodeOrigin(node=node):
            return Traced(NodeOrigin(node, absent, gap))
        case OutputOrigin(node=node, key=key, path=path):
            return Traced(OutputOrigin(node, key, path, absent, gap))
    fail(f"optional({value!r}) is not the result of a task", "only what a task gives can be missing")


def pushed(value: Any, key: str, missing: str = "omit") -> Any:
    """A value that a task pushed under a key while it ran; it may be missing, as in `optional`."""
    return optional(Traced(OutputOrigin(node_of(value, "pushed"), key)), missing)


def status_of(value: Any) -> Any:
    """How a task ended, for tasks that run whatever happened: {"state": text, "error": {"kind", "message"} or None}."""
    return status_binding(node_of(value, "status_of"))


def template(text: str, /, *values: Any, **named: Any) -> Any:
    """A text with values that are known only when the run is under way: `template("s3://{x}/model", x=bucket)`."""
    parts: list[Any] = []
    positions = iter(range(len(values)))
    used: set[str | int] = set()
    for literal, field, spec, conversion in _fields(text):
        if literal:
            parts.append(literal)
        if field is None:
            continue
        if spec or conversion or not (field == "" or field.isidentifier() or field.isdecimal()):
            written = f"{{{field}{'!' + conversion if conversion else ''}{':' + spec if spec else ''}}}"
            fail(f"template: {written} does more than put a value in", "give the value as it should stand: x=value")
        key: str | int = next(positions, len(values)) if field == "" else int(field) if field.isdecimal() else field
        used.add(key)
        parts.append(_field(key, values, named))
    unused = [name for name in (*range(len(values)), *named) if name not in used]
    if unused:
        fail(f"template: {unused[0]!r} is given and not used in {text!r}", f"write {{{unused[0]}}} where it belongs")
    return template_binding(parts)


def _fields(text: str) -> Sequence[tuple[str, str | None, str | None, str | None]]:
    try:
        return list(string.Formatter().parse(text))
    except (ValueError, TypeError) as error:
        fail(f"template: {text!r} cannot be read: {error}", "write {name} for a value and {{ for a brace")


def _field(key: str | int, values: Sequence[Any], named: dict[str, Any]) -> Any:
    if isinstance(key, int) and key < len(values):
        return values[key]
    if isinstance(key, str) and key in named:
        return named[key]
    remedy = did_you_mean(str(key), named) or f"give it: template(..., {key}=value)"
    fail(f"template: there is no value for {{{key}}}", remedy)
