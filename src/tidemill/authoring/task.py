"""`@task`: a function as a step. Called inside a pipeline it becomes a node; called anywhere else it just runs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, ParamSpec, TypeVar, Unpack, cast, overload

from tidemill.authoring.drafts import Gives, NodeDraft, Recorder, current
from tidemill.authoring.furnishing import furnish, refuse_traced, register
from tidemill.authoring.matching import bind_arguments, match_arguments
from tidemill.authoring.options import Options, TaskOptions, make_options
from tidemill.authoring.origins import NodeOrigin
from tidemill.authoring.place import here, show, source_of
from tidemill.authoring.references import Signature, signature_of
from tidemill.authoring.traced import Traced
from tidemill.core.annotations import EMPTY, bare_annotation, outputs_of
from tidemill.core.bindings import Binding
from tidemill.core.errors import DefinitionError, did_you_mean
from tidemill.core.graph import Call, Each, OutputSpec, Returns, Source

P = ParamSpec("P")
R = TypeVar("R")


class Task(Generic[P, R]):
    """A function and its options. `function` is the plain function."""

    function: Callable[P, R]

    def __init__(self, function: Callable[P, R], options: Options) -> None:
        self.function = function
        self.settings = options
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        recorder = current()
        if recorder is None:
            refuse_traced(self.title, args, list(kwargs.values()))
            return self.function(*args, **kwargs)
        return cast(R, record(recorder, self, (args, kwargs), here()))

    def options(self, **more: Unpack[TaskOptions]) -> Task[P, R]:
        """The same task with other options: `train.options(name="deep", retries=3)(rows)`."""
        return Task(self.function, self.settings.changed(more, self.title))

    @property
    def name(self) -> str:
        return self.settings.name or getattr(self.function, "__name__", "task").strip("<>")

    @property
    def title(self) -> str:
        return f"task {self.name}"

    @cached_property
    def signature(self) -> Signature:
        return signature_of(self.function)

    @cached_property
    def declared(self) -> tuple[Returns, Mapping[str, OutputSpec], bool]:
        """How the result becomes outputs, with the codecs of the options; and whether it can be unpacked."""
        hint = self.signature.hints.get("return", EMPTY)
        returns, outputs = outputs_of(hint)
        cls = bare_annotation(hint)
        codecs = self.settings.codecs
        by_key = codecs if isinstance(codecs, Mapping) else dict.fromkeys(outputs, codecs)
        for key in by_key:
            if key not in outputs:
                message = f"option 'codec' of {self.title} names {key!r}, which is not among its outputs"
                raise DefinitionError(message, remedy=did_you_mean(key, outputs))
        unpackable = returns is Returns.ITEMS or (isinstance(cls, type) and issubclass(cls, tuple))
        return (
            returns,
            {key: OutputSpec(spec.type, by_key.get(key, "")) for key, spec in outputs.items()},
            unpackable and returns is not Returns.VALUE,
        )

    def __repr__(self) -> str:
        return f"<task {self.name}>"


@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(**options: Unpack[TaskOptions]) -> Callable[[Callable[P, R]], Task[P, R]]: ...


def task(function: Any = None, /, **options: Any) -> Any:
    """Make a function a task: `@task` or `@task(retries=2, cache=True)`. Raises DefinitionError for wrong options."""
    if function is None:
        return lambda decorated: _make(decorated, options)
    return _make(function, options)


def _make(function: Any, given: Mapping[str, Any]) -> Task[..., Any]:
    if isinstance(function, Task):
        return function.options(**given) if given else function
    if isinstance(function, type) or not callable(function):
        raise DefinitionError(
            f"@task is given {function!r}, which is not a function",
            remedy="write `@task` or `@task(retries=2)` above a `def`",
            place=show(here()),
        )
    if not hasattr(function, "__qualname__"):
        raise DefinitionError(
            f"@task is given {function!r:.80}, which has no name by which a worker could find it",
            remedy="define a function with `def` that calls it",
            place=show(here()),
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise DefinitionError(
            f"{function.__name__} is a generator, and a task gives its result once",
            remedy="return a list, or map over the items with each(...)",
            place=show(source_of(function)),
        )
    title = f"task {getattr(function, '__name__', 'task')}"
    return Task(function, make_options(_with_description(function, given), title))


def _with_description(function: Callable[..., Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    text = inspect.getdoc(function) if getattr(function, "__doc__", None) else None
    first = text.partition("\n\n")[0].strip() if text else ""
    return {"description": first, **given} if first and "description" not in given else given


def record(
    recorder: Recorder,
    called: Task[..., Any],
    given: tuple[Sequence[Any], Mapping[str, Any]],
    place: Source,
    mapping: tuple[Each, Mapping[str, Binding]] | None = None,
) -> Traced:
    """Add the node of a call; `mapping` gives the map it runs under and the bindings of what is mapped."""
    node = recorder.add(called.name, place, called.settings)
    each, items = mapping if mapping else (None, {})
    node.each = each
    fill_call(recorder, node, called, given, items)
    furnish(recorder, node, called.title)
    return Traced(NodeOrigin(node))


def fill_call(
    recorder: Recorder,
    node: NodeDraft,
    called: Task[..., Any],
    given: tuple[Sequence[Any], Mapping[str, Any]],
    items: Mapping[str, Binding],
) -> None:
    """The body and inputs of a call. What is wrong goes to the recorder."""
    try:
        signature = called.signature
        returns, outputs, unpackable = called.declared
    except DefinitionError as error:
        recorder.caught(error, node.source)
        return
    named = match_arguments(recorder, called.title, signature, given, node.source, items)
    node.inputs = {**bind_arguments(recorder, called.title, signature, named, node.source), **items}
    node.gives = Gives(returns, {key: spec.type for key, spec in outputs.items()}, unpackable)
    for name in called.settings.cache.ignore if called.settings.cache else ():
        if name not in signature.names:
            message = f"option 'cache_ignore' of {called.title} names the unknown parameter {name!r}"
            recorder.problem("bad-option", message, did_you_mean(name, signature.names), node.source)
    node.body = Call(
        function=register(recorder, called.function, node.source, cached=called.settings.cache is not None),
        outputs=outputs,
        returns=returns,
        takes=signature.takes,
        required=signature.required,
        acts=called.settings.acts,
    )
