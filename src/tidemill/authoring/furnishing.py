"""A new node gets what its options say: order, limits, resources, labels, hooks; and functions get their references."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tidemill.authoring.drafts import NodeDraft, Recorder, Use
from tidemill.authoring.matching import bind_each
from tidemill.authoring.place import show
from tidemill.authoring.references import is_reachable, reference_to
from tidemill.authoring.traced import Traced, add_order, node_of
from tidemill.core.bindings import FunctionRef
from tidemill.core.errors import DefinitionError
from tidemill.core.graph import Source

UNKNOWN = FunctionRef("", "")


def furnish(recorder: Recorder, node: NodeDraft, what: str) -> NodeDraft:
    """Apply the options of a node to it. What is wrong goes to the recorder."""
    options, place = node.options, node.source
    node.labels = {**options.labels, **node.labels}
    node.limits = bind_each(recorder, f"the limit of {what}", options.limits.items(), place)
    node.resources = bind_each(recorder, f"the resource of {what}", options.resources.items(), place)
    node.cache_parts = bind_each(recorder, f"the cache part of {what}", options.cache_parts.items(), place)
    for earlier in _nodes(recorder, options.after, "after", place):
        add_order(earlier, node)
    for setup in _nodes(recorder, options.teardown_of, "teardown_of", place):
        setup.is_setup = True
        node.setups.append(setup)
    for _, function in options.hooks:
        register(recorder, function, place)
    return node


def register(recorder: Recorder, function: Callable[..., Any], place: Source, cached: bool = False) -> FunctionRef:
    """The reference to a function that the graph names; its fingerprint is taken when the trace is complete."""
    try:
        reference = reference_to(function)
    except DefinitionError as error:
        recorder.caught(error, place)
        return UNKNOWN
    known = recorder.functions.get(reference)
    if known is None:
        known = recorder.functions[reference] = Use(function)
        if not is_reachable(function):
            recorder.problem(
                "unreachable-function",
                f"the name {reference.name!r} of module {reference.module!r} leads to something else than the task",
                "two functions bear one name, or a decorator hides it: give each its own name and put @task outermost",
                place,
            )
    if cached:
        known.places.append(show(place))
    return reference


def _nodes(recorder: Recorder, values: Sequence[Any], option: str, place: Source) -> list[NodeDraft]:
    found = []
    for value in values:
        try:
            found.append(node_of(value, option))
        except DefinitionError as error:
            recorder.caught(error, place)
    return found


def refuse_traced(what: str, args: Sequence[Any], kwargs: Sequence[Any]) -> None:
    """A plain call needs plain values. Raises DefinitionError."""
    for value in (*args, *kwargs):
        if isinstance(value, Traced):
            raise DefinitionError(
                f"{what} is called outside of a pipeline with {value!r}",
                remedy="call it inside the pipeline function; outside, only plain values exist",
            )
