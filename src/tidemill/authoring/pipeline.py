"""`@pipeline`: a function whose calls of tasks are the graph; called inside another pipeline it becomes one node."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Generic, ParamSpec, TypedDict, TypeVar, Unpack, cast, overload

from tidemill.authoring.drafts import Gives, Recorder, ScopeDraft, current, depends_on_branch
from tidemill.authoring.furnishing import furnish
from tidemill.authoring.matching import bind_arguments, bind_value, match_arguments, plain_value
from tidemill.authoring.option_values import Wrong, as_choice, as_names, as_seconds, as_text, as_whole
from tidemill.authoring.options import NO_OPTIONS, Options, Seconds, TaskOptions
from tidemill.authoring.origins import NodeOrigin, OutputOrigin, ParamOrigin
from tidemill.authoring.place import here, show, source_of
from tidemill.authoring.references import Signature, signature_of
from tidemill.authoring.traced import Traced, node_of, origin_of
from tidemill.core.bindings import RESULT, Absent, Binding, FirstOf, Output
from tidemill.core.errors import DefinitionError, did_you_mean
from tidemill.core.graph import Each, Outcome, Returns, Source
from tidemill.core.hints import is_named_tuple
from tidemill.core.problems import Problem, ProblemsFound
from tidemill.core.types import ANY, Parameter, Type
from tidemill.core.values import MISSING, NotAValue

P = ParamSpec("P")
R = TypeVar("R")


class PipelineOptions(TypedDict, total=False):
    """What `@pipeline(...)` takes. `timeout` is for a whole run; `parallelism` bounds how many tasks run at once."""

    name: str
    schedule: str
    description: str
    tags: Sequence[str]
    owner: str
    timeout: Seconds
    parallelism: int
    outcome: str


class PipelineDefinition(Generic[P, R]):
    """A pipeline function and its options. `function` is the plain function; `settings` count where it is one node."""

    function: Callable[P, R]

    def __init__(self, function: Callable[P, R], given: Mapping[str, Any], settings: Options = NO_OPTIONS) -> None:
        self.function = function
        self.given = given
        self.settings = settings
        self.name: str = _read(given, "name", as_text, function.__name__)
        self.schedule: str = _read(given, "schedule", as_text, "")
        self.timeout: float | None = _read(given, "timeout", as_seconds, None)
        self.parallelism: int | None = _read(given, "parallelism", lambda value: as_whole(value, 1), None)
        self.outcome = _read(given, "outcome", lambda value: as_choice(value, Outcome), Outcome.ANY_FAILURE)
        doc = (inspect.getdoc(function) or "") if function.__doc__ else ""
        self.description: str = _read(given, "description", as_text, doc.partition("\n\n")[0].strip())
        self.labels = {
            name: value
            for name, value in (
                ("tags", list(_read(given, "tags", as_names, ()))),
                ("owner", _read(given, "owner", as_text, "")),
            )
            if value
        }
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        recorder = current()
        if recorder is None:
            raise DefinitionError(
                f"the pipeline {self.name!r} is called outside of a pipeline, where nothing records its tasks",
                remedy=f"run it with `tidemill run FILE:{self.name}`, in a test with the fixture of tidemill.testing, "
                f"`def test_it(tidemill): tidemill.run({self.__name__})`",
                place=show(here()),
            )
        return cast(R, record_sub(recorder, self, (args, kwargs), here()))

    __name__: str

    def options(self, **more: Unpack[TaskOptions]) -> PipelineDefinition[P, R]:
        """The same pipeline with options for where it is called in another: `prepare.options(retries=2)(path)`."""
        return PipelineDefinition(self.function, self.given, self.settings.changed(more, self.title))

    @property
    def title(self) -> str:
        return f"pipeline {self.name}"

    @property
    def source(self) -> Source | None:
        return source_of(self.function)

    @cached_property
    def signature(self) -> Signature:
        return signature_of(self.function)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Its parameters with types and defaults. Raises ProblemsFound for defaults that do not fit."""
        signature, problems, found = self.signature, list[Problem](), []
        place = show(self.source)
        for name, parameter in inspect.signature(self.function).parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                message = f"{self.title} takes *{name}, and parameters need names"
                problems.append(
                    Problem("bad-parameter", place, message, "name each parameter, or take one list or dict")
                )
                continue
            kind = signature.types.get(name, ANY)
            default: Any = MISSING
            if parameter.default is not parameter.empty:
                try:
                    default = plain_value(parameter.default, kind, signature.hints.get(name, Any))
                except NotAValue as error:
                    message = f"the default of parameter {name!r} of {self.title} is a {error.kind}"
                    remedy = "give a plain value, and let a task make the rest of it"
                    problems.append(Problem("not-plain", place, message, remedy))
                except ValueError as error:
                    message = f"the default of parameter {name!r} of {self.title} does not fit: {error}"
                    problems.append(Problem("wrong-type", place, message, f"it is declared as {kind}"))
            found.append(Parameter(name, kind, default))
        if problems:
            raise ProblemsFound(problems)
        return tuple(found)

    def __repr__(self) -> str:
        return f"<pipeline {self.name}>"


def _read(given: Mapping[str, Any], name: str, read: Callable[[Any], Any], default: Any) -> Any:
    if name not in given:
        return default
    try:
        return read(given[name])
    except Wrong as wrong:
        raise DefinitionError(
            f"option {name!r} of the pipeline: {wrong}", remedy=wrong.remedy, place=show(here())
        ) from None


@overload
def pipeline(function: Callable[P, R], /) -> PipelineDefinition[P, R]: ...


@overload
def pipeline(**options: Unpack[PipelineOptions]) -> Callable[[Callable[P, R]], PipelineDefinition[P, R]]: ...


def pipeline(function: Any = None, /, **options: Any) -> Any:
    """Make a function a pipeline: `@pipeline` or `@pipeline(schedule="0 2 * * *")`.

    Raises DefinitionError for wrong options.
    """
    for name in options:
        if name not in PipelineOptions.__annotations__:
            remedy = did_you_mean(name, PipelineOptions.__annotations__)
            raise DefinitionError(f"@pipeline has no option {name!r}", remedy=remedy, place=show(here()))
    if function is None:
        return lambda decorated: _make(decorated, options)
    return _make(function, options)


def _make(function: Any, given: Mapping[str, Any]) -> PipelineDefinition[..., Any]:
    if isinstance(function, type) or not inspect.isfunction(function) or inspect.iscoroutinefunction(function):
        what = "an async function" if inspect.iscoroutinefunction(function) else "not a function"
        raise DefinitionError(
            f"@pipeline is given {function!r}, which is {what}",
            remedy="write `@pipeline` above a plain `def`; tasks may be `async def`",
            place=show(here()),
        )
    return PipelineDefinition(function, given)


# --- a pipeline's function at work ------------------------------------------------------------------------------------


def record_sub(
    recorder: Recorder,
    called: PipelineDefinition[..., Any],
    given: tuple[Sequence[Any], Mapping[str, Any]],
    place: Source,
    mapping: tuple[Each, Mapping[str, Binding]] | None = None,
) -> Traced:
    """Add a pipeline as one node of another."""
    node = recorder.add(called.name, place, called.settings)
    each, items = mapping if mapping else (None, {})
    node.each = each
    inner = node.inner = ScopeDraft(holder=node, outcome=called.outcome)
    if called.description:
        node.labels.setdefault("description", called.description)
    node.labels = {**called.labels, **node.labels}
    furnish(recorder, node, called.title)
    try:
        inner.inputs = called.parameters
        signature = called.signature
    except DefinitionError as error:
        recorder.caught(error, place)
        return Traced(NodeOrigin(node))
    named = match_arguments(recorder, called.title, signature, given, place, items)
    node.inputs = {**bind_arguments(recorder, called.title, signature, named, place), **items}
    recorder.called.append(called.function)
    if any(function is called.function for function in recorder.tracing):
        message = f"{called.title} calls itself, so its graph has no end"
        recorder.problem("endless", message, "map over a list with each(...), or wait with poll(...)", place)
        return Traced(NodeOrigin(node))
    node.gives = run_function(recorder, called, inner)
    return Traced(NodeOrigin(node))


def run_function(recorder: Recorder, called: PipelineDefinition[..., Any], scope: ScopeDraft) -> Gives:
    """Call the pipeline's function in its scope; what it returns becomes the outputs of the scope."""
    outer, recorder.scope = recorder.scope, scope
    recorder.tracing.append(called.function)
    try:
        arguments = {
            parameter.name: Traced(ParamOrigin(parameter.name, scope, parameter.type)) for parameter in scope.inputs
        }
        return give_outputs(recorder, called, scope, _call(called.function, arguments))
    finally:
        recorder.tracing.pop()
        recorder.scope = outer


def _call(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    kinds = inspect.signature(function).parameters
    first = [name for name in arguments if kinds[name].kind is inspect.Parameter.POSITIONAL_ONLY]
    by_name = {name: value for name, value in arguments.items() if name not in first}
    return function(*(arguments[name] for name in first), **by_name)


def give_outputs(recorder: Recorder, called: PipelineDefinition[..., Any], scope: ScopeDraft, returned: Any) -> Gives:
    """The outputs of a scope from what its function returned."""
    if returned is None or (isinstance(returned, Traced) and _gives_nothing(returned)):
        return Gives(Returns.VALUE, {})
    returns, values, unpackable = _parts(returned)
    place = called.source or here()
    outputs: dict[str, Binding] = {}
    for key, value in values.items():
        title = f"what {called.title} returns" + (f" as {key!r}" if key != RESULT else "")
        binding = bind_value(recorder, title, value, (ANY, Any), place)
        if binding is not None:
            outputs[key] = _if_any(scope, key, value, binding)
    scope.outputs.update(outputs)
    return Gives(returns, {key: _type_of(values[key]) for key in outputs}, unpackable)


def _if_any(scope: ScopeDraft, key: str, value: Any, binding: Binding) -> Binding:
    """The binding of an output that is left out, and is no failure, when what gives it was skipped."""
    if isinstance(binding, FirstOf):
        scope.maybe.add(key)
    if not isinstance(binding, Output) or binding.absent is not Absent.FAIL:
        return binding
    node = node_of(value, "return")
    if depends_on_branch(node, scope):
        scope.maybe.add(key)
    elif binding.path:
        return binding
    return replace(binding, absent=Absent.OMIT)


def _parts(returned: Any) -> tuple[Returns, dict[str, Any], bool]:
    """The outputs a returned value stands for, by key; and whether the whole can be unpacked."""
    if isinstance(returned, Traced):
        origin = origin_of(returned)
        # A result of several outputs stays one of several.
        if isinstance(origin, NodeOrigin) and origin.node.gives.returns is not Returns.VALUE:
            gives = origin.node.gives
            return gives.returns, {key: Traced(origin.output(key)) for key in gives.types}, gives.unpackable
        return Returns.VALUE, {RESULT: returned}, False
    if isinstance(returned, tuple) and is_named_tuple(type(returned)):
        return Returns.FIELDS, dict(zip(cast(Any, returned)._fields, returned, strict=True)), True
    if isinstance(returned, tuple) and returned:
        return Returns.ITEMS, {str(n): item for n, item in enumerate(returned)}, True
    if isinstance(returned, dict) and returned and all(isinstance(key, str) and key for key in returned):
        return Returns.FIELDS, dict(returned), False
    if dataclasses.is_dataclass(returned) and not isinstance(returned, type):
        fields = {field.name: getattr(returned, field.name) for field in dataclasses.fields(returned)}
        return Returns.FIELDS, fields, False
    return Returns.VALUE, {RESULT: returned}, False


def _gives_nothing(returned: Traced) -> bool:
    origin = origin_of(returned)
    return isinstance(origin, NodeOrigin) and not origin.node.gives.types


def _type_of(value: Any) -> Type:
    origin = origin_of(value) if isinstance(value, Traced) else None
    if isinstance(origin, NodeOrigin) and origin.node.gives.returns is Returns.VALUE:
        return next(iter(origin.node.gives.types.values()), ANY)
    if isinstance(origin, OutputOrigin) and not origin.path:
        return origin.node.gives.types.get(origin.key, ANY)
    if isinstance(origin, ParamOrigin) and not origin.path:
        return origin.type
    return ANY
