"""A new run that takes over from another what does not hang on the tasks that are to run again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidemill.actions.changed_code import CodeChange, code_changes
from tidemill.actions.compile import compile_pipeline
from tidemill.actions.naming import whole_task
from tidemill.actions.parameters import read_parameters
from tidemill.actions.runs import Running, find_run, start_run
from tidemill.app import App
from tidemill.core.errors import StateError
from tidemill.core.graph import Call, Pipeline
from tidemill.core.history import RunRecord, TaskRecord
from tidemill.core.values import references
from tidemill.core.wiring import Wiring
from tidemill.engine.carrying_over import CarriedOver, carry_over, change, reads_parameter, taken
from tidemill.engine.loop import Watcher
from tidemill.engine.recover import wiring_of
from tidemill.engine.submit import complete
from tidemill.storage.metadata import artifacts, task_runs


@dataclass(frozen=True, slots=True)
class Rerun:
    """What a rerun would do. `code` is what has changed in the code of tasks that are taken over all the same."""

    of: RunRecord
    pipeline: Pipeline
    params: Mapping[str, Any]
    begin_with: tuple[str, ...]
    carried: CarriedOver
    code: tuple[CodeChange, ...] = ()

    @property
    def follows(self) -> tuple[str, ...]:
        """Paths of the named tasks and all after them: of these nothing is reused."""
        wiring = Wiring(self.pipeline)
        after = {path for name in self.begin_with for path in (name, *wiring.downstream(name))}
        inside = {site.path for name in self.begin_with for site in wiring.below(name)}
        return tuple(path for path in wiring.sites if path in after | inside)


def plan_rerun(app: App, run_id: str, begin_with: Sequence[str], texts: Sequence[str] = ()) -> Rerun:
    """What runs again if a finished run is done once more from some tasks on, by its file as it is now.

    `texts` are `NAME=VALUE`. Raises NotFound, InputError, StateError, and ProblemsFound for a wrong definition.
    """
    run = find_run(app, run_id)
    if not run.state.final:
        remedy = f"`tidemill cancel {run.id}` ends it, `tidemill show {run.id}` says how it stands"
        raise StateError(f"run {run.id} is {run.state.value}: only what has ended can be taken over", remedy=remedy)
    with app.database.read() as connection:
        old = wiring_of(connection, run)
        rows = task_runs.load(connection, run.id)
    if old.pipeline.source is None:
        raise StateError(f"pipeline {run.pipeline} was not made from a file, so it cannot be read again")
    pipeline = compile_pipeline(f"{old.pipeline.source.file}:{old.pipeline.name}")
    new = Wiring(pipeline)
    begin_with = [whole_task(pipeline.name, name, new.sites, "--from") for name in begin_with]
    params = _params(pipeline, run, texts)
    reasons = dict(_reasons(old, new, run, params))
    carried = _whole(app, run, old, new, rows, begin_with, reasons)
    functions = {_function(new, row.path) for row in carried.kept} - {""}
    code = tuple(code_changes(old.pipeline, pipeline, functions))
    return Rerun(run, pipeline, params, tuple(dict.fromkeys(begin_with)), carried, code)


def rerun(
    app: App, plan: Rerun, watch: Watcher | None = None, begun: Callable[[Running], None] | None = None
) -> RunRecord:
    """Submit the new run and carry it to its end in this process."""
    of, wiring, now = plan.of, Wiring(plan.pipeline), app.clock.now()
    return start_run(
        app,
        plan.pipeline,
        plan.params,
        executor=of.executor,
        watch=watch,
        begun=begun,
        seed=of.seed,
        scheduled_for=of.scheduled_for,
        interval_start=of.interval_start,
        interval_end=of.interval_end,
        tags={"rerun_of": of.id},
        entry=of.entry,
        refresh=plan.follows,
        taken=[taken(wiring, row, now) for row in plan.carried.kept],
        rerun_of=of,
    )


def _params(pipeline: Pipeline, run: RunRecord, texts: Sequence[str]) -> dict[str, Any]:
    known = {parameter.name for parameter in pipeline.params}
    before = {name: value for name, value in run.params.items() if name in known}
    return complete(pipeline, {**before, **read_parameters(pipeline, texts)})


def _reasons(old: Wiring, new: Wiring, run: RunRecord, params: Mapping[str, Any]) -> Mapping[str, str]:
    reasons = dict.fromkeys(change(old, new).edited, "its definition has changed")
    other = {name for name in params if name not in run.params or run.params[name] != params[name]}
    reasons.update({path: f"parameter {name} is another one" for path, name in reads_parameter(new, other)})
    return reasons


def _whole(
    app: App,
    run: RunRecord,
    old: Wiring,
    new: Wiring,
    rows: Sequence[TaskRecord],
    begin_with: Sequence[str],
    reasons: Mapping[str, str],
) -> CarriedOver:
    """What is taken over, none of which has lost what it made."""
    looked_at: dict[str, str] = {}
    while True:
        carried = carry_over(old, new, rows, begin_with, reasons)
        gone = {}
        for row in carried.kept:
            problem = _problem(app, run, row, looked_at)
            if problem and row.path not in reasons:
                gone[row.path] = f"what it made cannot be used: {problem}"
        if not gone:
            return carried
        reasons = {**reasons, **gone}


def _problem(app: App, run: RunRecord, row: TaskRecord, looked_at: dict[str, str]) -> str:
    ids = [ref.id for value in row.outputs.values() for ref in references(value)]
    unknown = [id for id in ids if id not in looked_at]
    if unknown:
        with app.database.read() as connection:
            found = artifacts.get_many(connection, run.team, unknown)
        looked_at.update({id: app.verify(found[id]) if id in found else "its record is gone" for id in unknown})
    return next((looked_at[id] for id in ids if looked_at[id]), "")


def _function(wiring: Wiring, path: str) -> str:
    body = wiring.site(path).node.body
    return str(body.function) if isinstance(body, Call) else ""
