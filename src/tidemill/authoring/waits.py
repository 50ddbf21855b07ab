"""Steps that wait without holding a process, and artifacts that exist outside."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tidemill.authoring.drafts import Gives, NodeDraft, Recorder, recorder
from tidemill.authoring.furnishing import furnish, register
from tidemill.authoring.matching import bind_arguments, bind_each, bind_value, match_arguments
from tidemill.authoring.option_values import Wrong, as_choice, as_names, as_seconds
from tidemill.authoring.options import Seconds, make_options
from tidemill.authoring.origins import NodeOrigin
from tidemill.authoring.place import here
from tidemill.authoring.references import signature_of
from tidemill.authoring.task import Task
from tidemill.authoring.traced import Traced
from tidemill.core.annotations import Annotation
from tidemill.core.bindings import RESULT, Const
from tidemill.core.durations import as_duration
from tidemill.core.errors import DefinitionError
from tidemill.core.graph import Import, Overdue, Until, UntilApproval, UntilEvent, UntilTime, UntilTrue, Wait
from tidemill.core.types import ANY, Type

_TEXT: tuple[Type, Annotation] = (Type("str"), str)


def wait_for(moment: Any, *, name: str = "", after: Any = None) -> Any:
    """Wait until a datetime, or for a while from when its turn comes: seconds, a timedelta, text such as "1h30m"."""
    tracing, node = _start(name or "wait", after)
    if isinstance(moment, int | float | str) and not isinstance(moment, bool):
        with contextlib.suppress(ValueError):
            moment = as_duration(moment)
    if not isinstance(moment, datetime | timedelta | Traced):
        message = f"wait_for is given {moment!r:.60}, which is neither a duration nor a moment"
        tracing.problem(
            "wrong-type",
            message,
            "give seconds, a timedelta, a text such as 1h30m, a datetime or a traced value",
            node.source,
        )
    time = bind_value(tracing, "the time of wait_for", moment, (ANY, Any), node.source)
    return _finish(tracing, node, UntilTime(time or Const(None)), None, "fail")


def wait_for_event(
    event: Any,
    *,
    key: Any = None,
    timeout: Seconds | None = None,
    on_timeout: str = "fail",
    name: str = "",
    after: Any = None,
) -> Any:
    """Wait for an event of this name (and key); its payload is the result. `timeout` counts from the wait's start."""
    tracing, node = _start(name or "wait_for_event", after)
    what = bind_value(tracing, "the name of the event", event, _TEXT, node.source)
    bound = None if key is None else bind_value(tracing, "the key of the event", key, _TEXT, node.source)
    return _finish(tracing, node, UntilEvent(what or Const(""), bound), timeout, on_timeout)


def wait_for_approval(
    message: Any,
    *,
    approvers: Sequence[str] = (),
    timeout: Seconds | None = None,
    on_timeout: str = "fail",
    name: str = "",
    after: Any = None,
) -> Any:
    """Wait for a person's yes. The result says who and with what comment; a no fails the step.

    When `timeout` passes it fails, or with `on_timeout` "skip" or "succeed" it does that.
    """
    tracing, node = _start(name or "approval", after)
    text = bind_value(tracing, "the message of wait_for_approval", message, _TEXT, node.source)
    try:
        who = as_names(approvers)
    except Wrong as wrong:
        who = ()
        tracing.problem("bad-option", f"approvers of wait_for_approval: {wrong}", wrong.remedy, node.source)
    return _finish(tracing, node, UntilApproval(text or Const(""), who), timeout, on_timeout)


def poll(
    function: Callable[..., Any],
    /,
    *,
    every: Seconds,
    timeout: Seconds | None = None,
    on_timeout: str = "fail",
    name: str = "",
    after: Any = None,
    arguments: Mapping[str, Any] | None = None,
    **more: Any,
) -> Any:
    """Call a function of its own every so often until it returns true; no process is held in between.

    Its arguments are given by keyword, or in `arguments` where a name is taken by an option here.
    """
    plain = function.function if isinstance(function, Task) else function
    title = getattr(plain, "__name__", "poll")
    tracing, node = _start(name or title, after)
    seconds = _seconds(tracing, node, "every", every)
    takes: Mapping[str, Type] = {}
    try:
        signature = signature_of(plain)
        given = {**(arguments or {}), **more}
        named = match_arguments(tracing, title, signature, ((), given), node.source)
        node.inputs = bind_arguments(tracing, title, signature, named, node.source)
        takes = signature.takes
    except DefinitionError as error:
        tracing.caught(error, node.source)
    until = UntilTrue(register(tracing, plain, node.source), seconds or 1.0, takes)
    return _finish(tracing, node, until, timeout, on_timeout)


def import_artifact(
    uri: Any,
    *,
    kind: str = "Dataset",
    metadata: Mapping[str, Any] | None = None,
    reimport: bool = False,
    name: str = "",
    after: Any = None,
) -> Any:
    """An artifact that exists outside, by its URI: recorded with what is known of it, never owned or removed.

    `reimport` records it anew even if the same URI was imported before.
    """
    tracing, node = _start(name or "import", after)
    where = bind_value(tracing, "the URI of import_artifact", uri, _TEXT, node.source)
    known = bind_each(tracing, "the metadata of import_artifact", (metadata or {}).items(), node.source)
    node.body = Import(where or Const(""), Type(kind), known, reimport)
    node.gives = Gives(types={RESULT: Type(kind)})
    return Traced(NodeOrigin(furnish(tracing, node, node.id)))


def _start(title: str, after: Any) -> tuple[Recorder, NodeDraft]:
    place = here()
    tracing = recorder(f"the step {title!r}", place)
    return tracing, tracing.add(title, place, make_options({} if after is None else {"after": after}, title))


def _seconds(tracing: Recorder, node: NodeDraft, option: str, value: Any) -> float | None:
    try:
        return as_seconds(value)
    except Wrong as wrong:
        tracing.problem("bad-option", f"option {option!r} of {node.id}: {wrong}", wrong.remedy, node.source)
        return None


def _finish(tracing: Recorder, node: NodeDraft, until: Until, timeout: Seconds | None, on_timeout: str) -> Traced:
    deadline = None if timeout is None else _seconds(tracing, node, "timeout", timeout)
    overdue = Overdue.FAIL
    try:
        overdue = as_choice(on_timeout, Overdue)
    except Wrong as wrong:
        tracing.problem("bad-option", f"option 'on_timeout' of {node.id}: {wrong}", wrong.remedy, node.source)
    if timeout is None and overdue is not Overdue.FAIL:
        message = f"option 'on_timeout' of {node.id} has no effect without 'timeout'"
        tracing.problem("bad-option", message, "say how long to wait: timeout=3600", node.source)
    node.body = Wait(until, deadline, overdue)
    return Traced(NodeOrigin(furnish(tracing, node, node.id)))
