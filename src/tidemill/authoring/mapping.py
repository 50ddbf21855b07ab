"""`each`: one task run, or one run of a whole sub-pipeline, for each item of lists known now or at run time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from tidemill.authoring.drafts import Recorder, ScopeDraft, recorder
from tidemill.authoring.matching import as_fields, bind_value
from tidemill.authoring.option_values import Wrong, as_choice, as_whole
from tidemill.authoring.origins import NodeOrigin, OutputOrigin
from tidemill.authoring.pipeline import PipelineDefinition, record_sub
from tidemill.authoring.place import here, show
from tidemill.authoring.references import Signature
from tidemill.authoring.task import Task, record
from tidemill.authoring.traced import Traced, has_traced, origin_of, to_binding
from tidemill.core.annotations import Annotation
from tidemill.core.bindings import Absent, Binding, Const, Item, ListOf, Output
from tidemill.core.errors import DefinitionError
from tidemill.core.graph import Combine, Each, Empty, Over, Returns, Source
from tidemill.core.types import ANY, Type


@dataclass(frozen=True, slots=True)
class Zipped:
    """Sources taken position by position."""

    sources: Mapping[str, Any]


def zipped(**sources: Any) -> Zipped:
    """For `each(task, over=zipped(x=xs, y=ys))`: the first x with the first y, and so on; lengths must agree."""
    return Zipped(sources)


def each(
    what: Task[..., Any] | PipelineDefinition[..., Any],
    /,
    *,
    over: Mapping[str, Any] | Zipped,
    fixed: Mapping[str, Any] | None = None,
    name: str = "",
    parallelism: int | None = None,
    empty: str = "succeed",
    longest: int | None = None,
    **arguments: Any,
) -> Any:
    """Run a task or pipeline once for each item.

    `over` names what is mapped: several names are a product (the last varies fastest), `zipped(...)` goes position by
    position; a dict is mapped over its [key, value] pairs. What is not mapped is given as keyword arguments, or in
    `fixed` where a name is taken by an option here. `parallelism` bounds how many run at once, `longest` how many there
    may be; `empty` is what a map over nothing becomes: "succeed" or "skip". The result stands for all results.
    """
    place = here()
    tracing = recorder("each(...)", place)
    if not isinstance(what, Task | PipelineDefinition):
        raise DefinitionError(
            f"each(...) is given {what!r}, which is neither a task nor a pipeline",
            remedy="decorate the function with @task",
            place=show(place),
        )
    named = what.options(name=name) if name else what
    sources = over.sources if isinstance(over, Zipped) else over
    if not _names_sources(sources):
        wanted = next(iter(named.signature.names), "x")
        raise DefinitionError(
            f"each({named.name}) does not say what is mapped",
            remedy=f"write each({named.name}, over={{{wanted!r}: [...]}})",
            place=show(place),
        )
    mapped = Each(
        over=_overs(tracing, named, sources, place),
        combine=Combine.ZIP if isinstance(over, Zipped) else Combine.PRODUCT,
        **_limits(tracing, named, (parallelism, empty, longest), place),
    )
    if mapped.combine is Combine.ZIP:
        _same_lengths(tracing, mapped, place)
    items = {key: Item(key) for key in sources}
    given: tuple[Sequence[Any], Mapping[str, Any]] = ((), {**(fixed or {}), **arguments})
    if isinstance(named, Task):
        return record(tracing, named, given, place, (mapped, items))
    return record_sub(tracing, named, given, place, (mapped, items))


def _names_sources(sources: Any) -> bool:
    return isinstance(sources, Mapping) and bool(sources) and all(isinstance(key, str) for key in sources)


def _limits(
    tracing: Recorder, what: Task[..., Any] | PipelineDefinition[..., Any], given: tuple[Any, Any, Any], place: Source
) -> dict[str, Any]:
    parallelism, empty, longest = given
    read: dict[str, Any] = {}
    try:
        read["empty"] = as_choice(empty, Empty)
        read["parallelism"] = None if parallelism is None else as_whole(parallelism, 1)
        read["longest"] = None if longest is None else as_whole(longest, 1)
    except Wrong as wrong:
        tracing.problem("bad-option", f"each({what.name}): {wrong}", wrong.remedy, place)
    return read


def _overs(
    tracing: Recorder,
    what: Task[..., Any] | PipelineDefinition[..., Any],
    sources: Mapping[str, Any],
    place: Source,
) -> tuple[Over, ...]:
    try:
        signature = what.signature
    except DefinitionError:  # told where the call is recorded
        return ()
    found = []
    for name, source in sources.items():
        title = f"what {name!r} of {what.title} is mapped over"
        over = _over(tracing, (name, title), source, signature, place)
        if over is not None:
            found.append(over)
    return tuple(found)


def _over(
    tracing: Recorder, name_and_title: tuple[str, str], source: Any, signature: Signature, place: Source
) -> Over | None:
    name, title = name_and_title
    wanted = (signature.types.get(name, ANY), signature.hints.get(name, Any))
    match source:
        case Traced():
            try:
                return _over_traced(tracing.scope, name, source)
            except DefinitionError as error:
                tracing.caught(error, place)
                return None
        case dict() | Mapping():
            binding = bind_value(tracing, title, dict(source), (ANY, Any), place)
        case list() | tuple() | range():
            binding = _list(tracing, title, source, wanted, place)
        case _:
            message = f"{title} is {source!r:.60}, which is no list"
            remedy = "give a list, a dict, a parameter, or the result of a task that returns a list"
            tracing.problem("not-mappable", message, remedy, place)
            return None
    return None if binding is None else Over(name, binding)


def _over_traced(scope: ScopeDraft, name: str, source: Traced) -> Over:
    binding = to_binding(source, scope)
    followed = _followed(scope, origin_of(source))
    return Over(name, followed, follow=True) if followed else Over(name, binding)


def _followed(scope: ScopeDraft, origin: Any) -> Output | None:
    """The output that each instance follows one by one: that of a map under the same frames."""
    if isinstance(origin, NodeOrigin) and origin.node.gives.returns is Returns.VALUE:
        origin = origin.output(next(iter(origin.node.gives.types)))
    if not isinstance(origin, OutputOrigin) or not origin.node.mapped:
        return None
    if origin.node.scope.frames() != scope.frames():
        return None
    inner, absent = origin.node.inner, origin.absent
    if absent is Absent.FAIL and inner is not None and (not origin.path or origin.key in inner.maybe):
        # An item of a whole pipeline may come without what was skipped in it: what follows it is skipped along.
        absent = Absent.SKIP
    return Output(origin.node.path, origin.key, origin.path, absent)


def _list(
    tracing: Recorder, title: str, items: Sequence[Any], wanted: tuple[Type, Annotation], place: Source
) -> Binding | None:
    found = [
        bind_value(tracing, f"item {n} of {title}", as_fields(item, wanted[1]), wanted, place)
        for n, item in enumerate(items)
    ]
    if any(item is None for item in found):
        return None
    if has_traced(list(items)):
        return ListOf(tuple(cast(list[Binding], found)))
    return Const([item.value for item in found if isinstance(item, Const)])


def _same_lengths(tracing: Recorder, each: Each, place: Source) -> None:
    lengths = {over.name: length for over in each.over if (length := _length(over.source)) is not None}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        remedy = 'make them equally long, or map over every combination with over={"x": ..., "y": ...}'
        tracing.problem("zip-lengths", f"zipped lists have different lengths: {told}", remedy, place)


def _length(source: Binding) -> int | None:
    match source:
        case ListOf(items):
            return len(items)
        case Const(list() | dict() as whole):
            return len(whole)
    return None
