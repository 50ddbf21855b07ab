"""The newest runs of a home, or those that fulfil a condition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from tidemill.actions.comparing import AT_MOST, experiments, of_experiment
from tidemill.actions.filtering import Found, Order, Selection, select_runs
from tidemill.app import App
from tidemill.core.errors import InputError, did_you_mean
from tidemill.core.filter_text import parse_filter, parse_name
from tidemill.core.filters import All, Compare, Filter, Name, Op, Space
from tidemill.core.history import RunRecord
from tidemill.core.states import RunState
from tidemill.storage.metadata import selecting


@dataclass(frozen=True, slots=True)
class Listing:
    """Runs, newest first unless an order was given; `more` says that there are others.

    `names` are columns besides those that every run has, `values` what each run has there.
    """

    runs: tuple[RunRecord, ...]
    more: bool
    names: tuple[Name, ...] = ()
    values: tuple[tuple[object, ...], ...] = ()
    notes: tuple[str, ...] = ()


def list_runs(
    app: App,
    pipeline: str = "",
    state: str = "",
    limit: int = 20,
    *,
    filter: str = "",
    experiment: str = "",
    sort: str = "",
    descending: bool = False,
    columns: Sequence[str] | None = None,
) -> Listing:
    """The first `limit` runs, of one pipeline, state or experiment if named, and for which `filter` holds.

    Shown are `columns`, or else what filter and order name. Raises InputError for what cannot be read.
    """
    states = {one.value: one for one in RunState}
    if state and state not in states:
        raise InputError(f"there is no state {state!r} of a run", remedy=did_you_mean(state, states))
    if limit < 1:
        raise InputError(f"the limit must be at least 1, not {limit}")
    condition = parse_filter(filter) if filter else None
    order = Order(parse_name(sort, "--sort"), descending) if sort else None
    if columns is None:
        asked = [*selecting.asked(condition), *([order.name] if order else [])]
        shown = [name for name in dict.fromkeys(asked) if name.space is not Space.FIELD or name.key == "actor"]
    else:
        shown = list(dict.fromkeys(parse_name(column, "--columns") for column in columns))
    whole = with_fields(condition, pipeline, state)
    if experiment:
        whole = of_experiment(experiment) if whole is None else All((whole, of_experiment(experiment)))
    selection = select_runs(app, whole, order, shown, limit)
    if not selection.found:
        selection = replace(selection, notes=(*_about_chosen(app, pipeline, experiment), *selection.notes))
    return _listing(selection)


def _about_chosen(app: App, pipeline: str, experiment: str) -> Iterator[str]:
    """A line for a pipeline and an experiment that no run is of, if there is one that is called alike."""
    if pipeline:
        name = Name(Space.FIELD, "pipeline")
        seen = select_runs(app, None, None, (name,), AT_MOST)
        known = {str(one.values[0]) for one in seen.found}
        if pipeline not in known and (hint := _near(pipeline, known)):
            yield f"no run is of a pipeline {pipeline!r}; {hint}"
    if experiment:
        names = experiments(app)
        if experiment not in names and (hint := _near(experiment, names)):
            yield f"no run is of an experiment {experiment!r}; {hint}"


def _near(wrong: str, known: Iterable[str]) -> str:
    hint = did_you_mean(wrong, known)
    return hint if hint.startswith("did you mean") else ""


def with_fields(condition: Filter | None, pipeline: str, state: str) -> Filter | None:
    """The condition, and besides that the run is of a pipeline and in a state, if these are named."""
    parts: list[Filter] = [condition] if condition is not None else []
    if pipeline:
        parts.append(Compare(Name(Space.FIELD, "pipeline"), Op.EQ, pipeline))
    if state:
        parts.append(Compare(Name(Space.FIELD, "state"), Op.EQ, state))
    return None if not parts else parts[0] if len(parts) == 1 else All(tuple(parts))


def _listing(selection: Selection) -> Listing:
    found: tuple[Found, ...] = selection.found
    return Listing(
        tuple(one.run for one in found),
        selection.more,
        selection.names,
        tuple(one.values for one in found),
        selection.notes,
    )
