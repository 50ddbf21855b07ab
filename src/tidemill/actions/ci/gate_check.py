"""`tidemill gate check`: numbers of a run or of a JSON file held against bounds; of a run also what its gates said.

Of a rule in YAML only the thresholds can be judged so: the rest of a gate needs a model and rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from tidemill.actions.ci.bounds import Bound, Checked, GateReport, Number, Side, check_bounds, flattened
from tidemill.actions.ci.decided import check_decisions, decisions_of
from tidemill.actions.runs import find_run
from tidemill.app import App
from tidemill.core.errors import InputError, NotFound
from tidemill.core.states import RunState
from tidemill.lifecycle.evaluation.gate import Gate
from tidemill.lifecycle.verdicts import Verdict
from tidemill.storage.metadata import metrics
from tidemill.storage.metadata.metrics import Metric

LARGEST = 10_000_000
"""Bytes of a file of metrics."""


def check_file(path: Path, bounds: Sequence[Bound], notes: Sequence[str] = ()) -> GateReport:
    """Judge the numbers of a JSON file, flat or nested. Raises InputError."""
    numbers = flattened(_document(path))
    return GateReport(str(path), check_bounds(bounds, numbers, str(path)), numbers, tuple(notes))


def check_run(
    app: App, run_id: str, bounds: Sequence[Bound], notes: Sequence[str] = (), *, ignore_decisions: bool = False
) -> GateReport:
    """Judge the metrics of a run; one that has not succeeded, or that a gate of its own refused, never passes.

    Raises NotFound, and InputError if there is neither a bound nor a decision.
    """
    run = find_run(app, run_id)
    team = app.settings.team
    with app.database.read() as connection:
        found = metrics.of_runs(connection, team, [run.id]).get(run.id, [])
        made = decisions_of(connection, team, run.id)
    decided = () if ignore_decisions else check_decisions(made)
    source = f"run {run.id}"
    if not bounds and not decided:
        raise _nothing_demanded("" if made else f"{source} has no decision of a gate, and ")
    numbers = tuple(_number(one) for one in found)
    checks = [*decided, *check_bounds(bounds, numbers, source)]
    state = _state(run.state)
    if state is not None:
        checks.insert(0, state)
    if ignore_decisions and made:
        told = ", ".join(f"{one.id} {one.about.verdict}" for one in made)
        notes = [*notes, f"decisions of the run's own gates are not judged here: {told}"]
    if not found and bounds:
        notes = [*notes, f"{source} has no metrics: a task gives them by returning a dict as `-> Metrics`"]
    return GateReport(source, tuple(checks), numbers, tuple(notes))


def is_file(text: str) -> bool:
    """Whether the argument means a file of metrics: it is there, or it looks like the name of one."""
    return text.lower().endswith(".json") or ("/" in text and ":" not in text) or Path(text).is_file()


def judge(
    what: str,
    bounds: Sequence[Bound],
    notes: Sequence[str],
    opened: Callable[[], AbstractContextManager[App]],
    *,
    ignore_decisions: bool = False,
) -> GateReport:
    """`check_file` or `check_run`; the home is opened for a run only. Raises InputError if nothing is demanded."""
    if is_file(what):
        if not bounds:
            raise _nothing_demanded("")
        return check_file(Path(what), bounds, notes)
    with opened() as app:
        return check_run(app, what, bounds, notes, ignore_decisions=ignore_decisions)


def _nothing_demanded(why: str) -> InputError:
    return InputError(
        f"{why}nothing is demanded", remedy="--min accuracy=0.85, --max log_loss=0.3, or --rule gate.yaml"
    )


def thresholds_of(rule: Gate) -> tuple[tuple[Bound, ...], tuple[str, ...]]:
    """What of a gate is judged from numbers alone, and a note on what is not."""
    bounds = [
        Bound(one.metric, side, limit)
        for one in rule.thresholds
        for side, limit in ((Side.MIN, one.min), (Side.MAX, one.max))
        if limit is not None
    ]
    parts = {
        "primary": rule.primary,
        "guardrails": rule.guardrails or rule.latency,
        "slices": rule.slices,
        "behaviour": None if rule.behaviour.empty else rule.behaviour,
    }
    left = [name for name, part in parts.items() if part]
    rest = f"{', '.join(left)} need the model and its rows: the task `gate` judges them"
    told = f"of the rule only the thresholds are judged here; {rest}"
    return tuple(bounds), (told,) if left else ()


def _state(state: RunState) -> Checked | None:
    if state is RunState.SUCCEEDED:
        return None
    ended = state in (RunState.FAILED, RunState.CANCELLED)
    told = f"the run is {state.value}" + ("" if ended else ", and its numbers may still change")
    return Checked("run", Verdict.FAIL if ended else Verdict.NODATA, "succeeded", None, told)


def _number(one: Metric) -> Number:
    """A metric of a run goes by its name alone, by its task and name, and with the indexes of its task run."""
    return Number(one.full_name, one.value, "", (one.name, f"{one.path}.{one.name}"))


def _document(path: Path) -> object:
    place = str(path)
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(f"the file has more than {LARGEST} bytes", place=place)
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise NotFound("there is no such file of metrics", place=place, remedy="a RUN is an id, or latest") from None
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror or error}", place=place) from None
    except UnicodeDecodeError:
        raise InputError("the file is not UTF-8 text", place=place) from None
    try:
        found = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise InputError(f"this is no JSON: {error}", place=place) from None
    if not isinstance(found, dict | list):
        raise InputError("metrics are a JSON object: names and numbers", place=place)
    return found


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is there twice")
    return found
