"""A run that a test has made: states, outputs as objects, causes, logs; and assertions that say what happened.

Reads the rows once, and content when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tidemill.actions.naming import find_task, key_of
from tidemill.app import App
from tidemill.core.bindings import RESULT
from tidemill.core.causes import Cause
from tidemill.core.errors import NotFound, StateError
from tidemill.core.graph import Call, Pipeline, Sub, walk_nodes
from tidemill.core.history import AttemptRecord, EventRecord, RunRecord, TaskKind, TaskRecord
from tidemill.core.instances import instance_from
from tidemill.core.records import Artifact
from tidemill.core.states import RunState, TaskState
from tidemill.core.values import Json, references
from tidemill.storage.metadata import artifacts, task_runs
from tidemill.testing.looking import attempts_of, events_of, logs_of
from tidemill.testing.places import path_of, split
from tidemill.testing.report import report
from tidemill.worker.inputs import Inputs

_NEVER_ENTERED = frozenset({TaskState.SKIPPED, TaskState.UPSTREAM_FAILED, TaskState.CANCELLED})


class TaskResult:
    """One task run. Its outputs are loaded each time they are asked for, so what one does to them no other sees."""

    def __init__(self, run: RunResult, record: TaskRecord) -> None:
        self._run = run
        self.record = record

    @property
    def name(self) -> str:
        """As people read it: `train[2]`."""
        return str(key_of(self.record))

    @property
    def state(self) -> str:
        """Such as "succeeded"; all of them are in `tidemill.core.states.TaskState`."""
        return self.record.state.value

    @property
    def succeeded(self) -> bool:
        return self.record.state is TaskState.SUCCEEDED

    @property
    def cause(self) -> Cause | None:
        """Why it ended as it did: kind, message, traceback, exception classes."""
        return self.record.cause

    @property
    def reused(self) -> bool:
        """Whether its result was taken from an earlier run."""
        return bool(self.record.reused_from)

    @cached_property
    def attempts(self) -> Sequence[AttemptRecord]:
        """Its attempts, in order, with their times and causes."""
        return tuple(attempts_of(self._run.app, self._run.record, self.name))

    @property
    def logs(self) -> str:
        """What its attempts printed, line by line."""
        return logs_of(self._run.app, self._run.record, self.name)

    @property
    def output(self) -> Any:
        """What it returned, loaded; of a mapped task a list, with None for an instance that returned nothing.

        Raises StateError if it returned nothing, or several things.
        """
        values = self.outputs
        if len(values) == 1:
            return next(iter(values.values()))
        if RESULT in values:
            return values[RESULT]
        if not values:
            why = f": {self.cause.message}" if self.cause is not None else ""
            raise StateError(f"{self.name} has no output; it is {self.state}{why}")
        raise StateError(f"{self.name} has several outputs", remedy=f"such as outputs[{next(iter(values))!r}]")

    @property
    def outputs(self) -> Mapping[str, Any]:
        """Everything it gave, by name, loaded; of a mapped task lists."""
        if self.record.kind is not TaskKind.MAP:
            return {key: self._run.load(value) for key, value in self.record.outputs.items()}
        given = [instance.outputs for instance in self._instances()]
        keys = dict.fromkeys(key for outputs in given for key in outputs)
        if not given and self.succeeded:
            keys = dict.fromkeys(self._run.declared(self.record.path))
        return {key: [outputs.get(key) for outputs in given] for key in keys}

    @property
    def artifacts(self) -> Mapping[str, Artifact]:
        """The records of what it gave by reference, with their metadata, by the name of the output."""
        found = {key: list(references(value)) for key, value in self.record.outputs.items()}
        return {key: self._run.artifact(refs[0].id) for key, refs in found.items() if len(refs) == 1}

    def _instances(self) -> Iterator[TaskResult]:
        inside = len(instance_from(self.record.instance)) + 1
        newest: dict[int, TaskRecord] = {}
        for row in sorted(self._run.rows, key=key_of):
            steps = instance_from(row.instance)
            if (
                row.path == self.record.path
                and len(steps) == inside
                and steps[:-1] == instance_from(self.record.instance)
            ):
                newest[steps[-1].item] = row
        return (TaskResult(self._run, row) for row in newest.values() if row.state is not TaskState.REMOVED)

    def __repr__(self) -> str:
        why = f": {self.cause.message}" if self.cause is not None else ""
        return f"<task {self.name} {self.state}{why}>"


class RunResult:
    """A run that has ended, by its tasks: `run["train"]`, `run["train[2]"]`. Valid as long as its home is open."""

    def __init__(self, app: App, pipeline: Pipeline, record: RunRecord) -> None:
        self.app = app
        self.pipeline = pipeline
        self.record = record
        with app.database.read() as connection:
            found = [row for row in task_runs.load(connection, record.id) if row.path]
        order = {path: number for number, (path, _) in enumerate(walk_nodes(pipeline.root))}
        self.rows = tuple(sorted(found, key=lambda row: (order[row.path], key_of(row).instance)))

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def state(self) -> str:
        """ "succeeded", "failed" or "cancelled"."""
        return self.record.state.value

    @property
    def succeeded(self) -> bool:
        return self.record.state is RunState.SUCCEEDED

    @property
    def cause(self) -> Cause | None:
        return self.record.cause

    @property
    def states(self) -> dict[str, str]:
        """The state of every task run, as defined: `{"load": "succeeded", "train[0]": "failed", ...}`."""
        return {str(key_of(row)): row.state.value for row in self.rows}

    @property
    def report(self) -> str:
        """The table of its tasks; causes, tracebacks and logs of what failed."""
        return report(self.app, self.record, self.rows)

    def events(self, kind: str = "") -> list[EventRecord]:
        """What happened, in order; with `kind` only events such as "task.failed"."""
        return events_of(self.app, self.record, kind)

    def assert_succeeded(self, *tasks: str) -> None:
        """The run, or each of these tasks, succeeded; otherwise an AssertionError with the whole report."""
        __tracebackhide__ = True
        self._assert("succeeded", tasks)

    def assert_failed(self, *tasks: str) -> None:
        """The run, or each of these tasks, failed; otherwise an AssertionError with the whole report."""
        __tracebackhide__ = True
        self._assert("failed", tasks)

    def assert_skipped(self, *tasks: str) -> None:
        """Each of these tasks was skipped; otherwise an AssertionError with the whole report."""
        __tracebackhide__ = True
        if not tasks:
            raise TypeError("assert_skipped() needs the names of tasks: a run is never skipped")
        self._assert("skipped", tasks)

    def declared(self, path: str) -> Sequence[str]:
        """The names of the outputs that the task at this path declares."""
        match dict(walk_nodes(self.pipeline.root))[path].body:
            case Call(outputs=outputs):
                return list(outputs)
            case Sub(scope=scope):
                return list(scope.outputs)
        return [RESULT]

    def load(self, value: Json) -> Any:
        """A value as it is stored, with the artifacts that it refers to in their places, loaded."""
        records = {reference.id: self.artifact(reference.id) for reference in references(value)}
        return Inputs(lambda: self.app.artifacts, self._scratch).resolve(value, records)

    def artifact(self, id: str) -> Artifact:
        """The record of an artifact. Raises NotFound."""
        with self.app.database.read() as connection:
            found = artifacts.get_many(connection, self.record.team, [id])
        if id not in found:
            raise NotFound(f"there is no artifact {id!r}")
        return found[id]

    def _never_entered(self, path: str) -> TaskRecord | None:
        """The block around a task, if it ended before anything in it came to be."""
        above, _, _ = path.rpartition("/")
        while above:
            found = [row for row in self.rows if row.path == above and not row.instance]
            if found:
                return found[0] if found[0].state in _NEVER_ENTERED else None
            above, _, _ = above.rpartition("/")
        return None

    def _scratch(self) -> Path:
        folder = self.app.settings.scratch / f"loaded-{self.id}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _assert(self, state: str, tasks: Sequence[str]) -> None:
        __tracebackhide__ = True
        wrong = [f"{name} {self[name].state}" for name in tasks if self[name].state != state]
        if not tasks and self.state != state:
            wrong = [f"the run {self.state}"]
        if wrong:
            raise AssertionError(f"{', '.join(wrong)}, not {state}\n{self.report}")

    def __getitem__(self, name: str) -> TaskResult:
        """Raises NotFound with near names, InputError for a name that several bear."""
        paths = [path for path, _ in walk_nodes(self.pipeline.root)]
        path = path_of(name, paths, f"run {self.id}")
        # Indexes may stand anywhere in a path; only those at its end may follow a name that is not whole.
        indexes = "".join(f"[{index}]" for index in split(name)[1] or ())
        if not any(row.path == path for row in self.rows):
            above = self._never_entered(path)
            if above is not None:
                return TaskResult(self, replace(above, path=path, kind=TaskKind.LEAF, outputs={}, attempts=0))
        return TaskResult(self, find_task(self.record, self.rows, path + indexes, paths))

    def __iter__(self) -> Iterator[str]:
        return iter(self.states)

    def __repr__(self) -> str:
        ended = [row for row in self.rows if row.state is TaskState.FAILED and row.kind is TaskKind.LEAF]
        failed = [f"; {key_of(row)} failed: {row.cause.message}" for row in ended[:1] if row.cause is not None]
        more = f" (and {len(ended) - 1} more)" if len(ended) > 1 else ""
        return f"<run of {self.record.pipeline} {self.state}{''.join(failed)}{more}>"
