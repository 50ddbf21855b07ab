"""The steps of one job: condition, environment, script or stand-in, and what a step left for those after it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tidemill.actions.ci.asked import Asked
from tidemill.actions.ci.evaluating import Pending, Scope, UnknownYet, number, text, truth
from tidemill.actions.ci.expressions import BadExpression
from tidemill.actions.ci.finding import hash_files
from tidemill.actions.ci.interpolation import template
from tidemill.actions.ci.masks import Masks
from tidemill.actions.ci.results import JobResult, Printed, Result, StepBegan, StepResult, Tell, Way
from tidemill.actions.ci.scripts import Ended, run_script
from tidemill.actions.ci.shells import command_line, suffix
from tidemill.actions.ci.stand_ins import Done, stand_in_for
from tidemill.actions.ci.step_files import Malformed, command_in, pairs_in
from tidemill.actions.ci.stopping import Stop
from tidemill.actions.ci.workflow import Job, Remark, Step, Workflow
from tidemill.core.errors import InputError

_FILES = ("OUTPUT", "ENV", "PATH", "STEP_SUMMARY", "STATE")
_SHOWN = frozenset({"error", "warning", "notice", "debug", "group"})
_REFUSED = ("GITHUB_", "RUNNER_")
_LARGEST = 1 << 20
"""Bytes of a file that a step leaves."""


def in_place(error: BadExpression, place: str, masks: Masks) -> InputError:
    """The error may repeat a value that an expression was given."""
    return InputError(masks.hide(str(error)), place=place)


def settled_truth(value: bool | str, scope: Scope) -> bool:
    """Raises BadExpression, UnknownYet."""
    return truth(template(value).value(scope)) if isinstance(value, str) else value


def needed_minutes(value: float | str | None, scope: Scope, otherwise: float) -> float:
    """Raises BadExpression, UnknownYet."""
    if value is None:
        return otherwise
    found = number(template(value).value(scope)) if isinstance(value, str) else value
    return found if found > 0 else otherwise


class JobRun:
    """One job, or one combination of its matrix, from its first step to its last."""

    def __init__(
        self,
        workflow: Workflow,
        job: Job,
        asked: Asked,
        contexts: Mapping[str, Any],
        env: Mapping[str, str | Pending],
        environment: Mapping[str, str],
        masks: Masks,
        tell: Tell,
        stop: Stop,
    ) -> None:
        self._workflow = workflow
        self._job = job
        self._asked = asked
        self._contexts = dict(contexts)
        self._steps: dict[str, Any] = {}
        self._env: dict[str, str | Pending] = dict(env)
        self._environment = environment
        self._paths: list[str] = []
        self._masks = masks
        self._tell = tell
        self._failed = False
        self._deadline = 0.0
        self._stop = stop
        self._seen = stop.count
        self.summary: list[str] = []
        self.remarks: list[Remark] = []

    @property
    def cancelled(self) -> bool:
        return self._stop.asked

    def all_steps(self, title: str, minutes: float) -> JobResult:
        self._deadline = time.monotonic() + 60 * minutes
        done = tuple([self._step(step) for step in self._job.steps])
        result = Result.CANCELLED if self.cancelled else Result.FAILURE if self._failed else Result.SUCCESS
        return JobResult(self._job.id, title, result, done, {} if self._asked.dry else self._outputs())

    def _outputs(self) -> dict[str, str]:
        found: dict[str, str] = {}
        place = self._workflow.place(self._job.line)
        for name, source in self._job.outputs.items():
            try:
                value = template(source).fill(self._scope({}))
            except BadExpression as error:
                raise in_place(error, place, self._masks) from None
            if self._masks.holds(value):
                self._remark(Remark(place, f"the output {name!r} holds a secret, and is not handed on"))
            else:
                found[name] = value
        return found

    def _remark(self, remark: Remark) -> None:
        self.remarks.append(remark)
        self._tell(remark)

    # --- one step -----------------------------------------------------------------------------------------------------

    def _step(self, step: Step) -> StepResult:
        place = self._workflow.place(step.line)
        began = time.monotonic()
        self._seen = self._stop.count
        title = self._masks.hide(step.title)
        try:
            env: dict[str, str | Pending] = {name: self._or_pending(str(value)) for name, value in step.env.items()}
            scope = self._scope(env)
            title = self._masks.hide(template(step.name).shown(scope)) if step.name else title
            if self._stop.at_once or not step.condition.holds(scope):
                return self._settle(step, self._skipped(step, title, place))
            result = self._dry(step, title, place, scope) if self._asked.dry else self._go(step, title, place, env)
        except UnknownYet as unknown:
            note = f"not known before: it asks for {unknown.what}"
            result = StepResult(title, place, Way.DRY, Result.UNDECIDED, Result.UNDECIDED, note)
        except (BadExpression, InputError) as error:
            told = error.in_one_line if isinstance(error, InputError) else f"{place}: {error}"
            self._tell(Printed(self._masks.hide(told), "error"))
            result = StepResult(title, place, Way.RUN, Result.FAILURE, Result.FAILURE, self._masks.hide(told))
        if result.outcome is Result.FAILURE and self._forgiven(step):
            result = replace(result, conclusion=Result.SUCCESS, note=f"{result.note} (continue-on-error)".strip())
        return self._settle(step, replace(result, seconds=time.monotonic() - began))

    def _skipped(self, step: Step, title: str, place: str) -> StepResult:
        note = f"condition: {step.condition.source}" if step.condition.source else "an earlier step failed"
        note = "cancelled" if self.cancelled and not step.condition.source else note
        return StepResult(title, place, Way.CONDITION, Result.SKIPPED, Result.SKIPPED, note)

    def _forgiven(self, step: Step) -> bool:
        try:
            return settled_truth(step.continue_on_error, self._scope({}))
        except (BadExpression, UnknownYet):
            return False

    def _settle(self, step: Step, result: StepResult) -> StepResult:
        if step.id:
            if self._asked.dry and result.outcome is not Result.SKIPPED:
                self._steps[step.id] = Pending(f"steps.{step.id}")
            else:
                words = {"outcome": result.outcome.value, "conclusion": result.conclusion.value}
                self._steps[step.id] = {"outputs": dict(result.outputs), **words}
        self._failed = self._failed or result.conclusion is Result.FAILURE
        shown = replace(result, outputs={name: self._masks.hide(value) for name, value in result.outputs.items()})
        self._tell(shown)
        return shown

    def _dry(self, step: Step, title: str, place: str, scope: Scope) -> StepResult:
        self._tell(StepBegan(title, place))
        note = ""
        if step.uses:
            note = f"uses {step.uses}: " + ("stood in for" if stand_in_for(step.uses) else "not run here")
            for name, value in step.inputs.items():
                self._tell(Printed(self._masks.hide(f"{name}: {template(str(value)).shown(scope)}"), "script"))
        else:
            command_line(self._shell(step, scope), "", place)
            for line in template(step.run).shown(scope).rstrip("\n").splitlines():
                self._tell(Printed(self._masks.hide(line), "script"))
        return StepResult(title, place, Way.DRY, Result.SUCCESS, Result.SUCCESS, note)

    def _go(self, step: Step, title: str, place: str, env: Mapping[str, str | Pending]) -> StepResult:
        self._tell(StepBegan(title, place))
        files = self._fresh_files(step)
        environment = self._step_environment(step, env, files)
        if step.uses:
            return self._use(step, title, place, env)
        found: dict[str, str] = {}
        ended = self._run(step, place, env, environment, found)
        note = self._why(ended)
        outcome = Result.SUCCESS
        if ended.interrupted:
            outcome = Result.CANCELLED
        elif ended.code or ended.timed_out:
            outcome = Result.FAILURE
        try:
            found |= self._take(files, place)
        except Malformed as error:
            note = f"a file of the step cannot be read: {error}"
            self._tell(Printed(self._masks.hide(note), "error"))
            outcome = Result.FAILURE
        return StepResult(title, place, Way.RUN, outcome, outcome, self._masks.hide(note), found)

    def _why(self, ended: Ended) -> str:
        if ended.interrupted:
            return "cancelled"
        if ended.timed_out:
            return "its time was over"
        return f"exit code {ended.code}" if ended.code else ""

    def _use(self, step: Step, title: str, place: str, env: Mapping[str, str | Pending]) -> StepResult:
        action = stand_in_for(step.uses)
        if action is None:
            note = f"{step.uses} is not run here"
            self._remark(Remark(place, f"the action {note}: the step is skipped, and nothing stands in for it"))
            return StepResult(title, place, Way.NOT_HERE, Result.SKIPPED, Result.SKIPPED, note)
        scope = self._scope(env)
        inputs = {name: template(str(value)).fill(scope) for name, value in step.inputs.items()}
        try:
            done = action(inputs, self._asked.workspace, self._asked.artifacts)
        except OSError as error:
            done = Done("", error=f"{error.strerror or error}: {error.filename or ''}")
        if done.error:
            self._tell(Printed(self._masks.hide(done.error), "error"))
            told = self._masks.hide(done.error)
            return StepResult(title, place, Way.STOOD_IN, Result.FAILURE, Result.FAILURE, told, done.outputs)
        if done.warning:
            self._remark(Remark(place, self._masks.hide(f"{step.uses}: {done.warning}")))
        if done.path:
            self._paths.insert(0, done.path)
        note = self._masks.hide(done.note)
        return StepResult(title, place, Way.STOOD_IN, Result.SUCCESS, Result.SUCCESS, note, done.outputs)

    # --- scripts ------------------------------------------------------------------------------------------------------

    def _shell(self, step: Step, scope: Scope) -> str:
        for said in (step.shell, self._job.defaults.shell, self._workflow.defaults.shell):
            if said:
                return template(said).fill(scope)
        return ""

    def _folder(self, step: Step, scope: Scope, place: str) -> Path:
        defaults = (self._job.defaults.working_directory, self._workflow.defaults.working_directory)
        said = next((one for one in (step.working_directory, *defaults) if one), "")
        folder = self._asked.workspace / template(said).fill(scope)
        if not folder.is_dir():
            raise InputError(f"there is no folder {said!r} to work in", place=place)
        return folder

    def _run(
        self,
        step: Step,
        place: str,
        env: Mapping[str, str | Pending],
        environment: Mapping[str, str],
        outputs: dict[str, str],
    ) -> Ended:
        scope = self._scope(env)
        shell, folder = self._shell(step, scope), self._folder(step, scope, place)
        script = self._asked.scratch / "temp" / f"{self._job.id}-{step.number}{suffix(shell)}"
        script.write_text(template(step.run).fill(scope), encoding="utf-8")
        command = command_line(shell, str(script), place)
        # The shell itself is looked for where the script will look for programs.
        command[0] = shutil.which(command[0], path=environment["PATH"]) or command[0]
        minutes = needed_minutes(step.timeout_minutes, scope, 1e6)
        seconds = min(60 * minutes, max(self._deadline - time.monotonic(), 0.0))
        paused = ""

        def stopped() -> bool:
            return self._stop.count > self._seen

        def line(printed: str) -> None:
            nonlocal paused
            if paused:
                # The word is the step's own choice, mostly made of random digits.
                if printed.strip() == f"::{paused}::":
                    paused = ""
                else:
                    self._tell(Printed(self._masks.hide(printed)))
                return
            said = command_in(printed)
            if said is None:
                self._tell(Printed(self._masks.hide(printed)))
                return
            match said.name:
                case "add-mask":
                    self._masks.add(said.text)
                case "stop-commands":
                    paused = said.text.strip()
                case "set-output" if said.properties.get("name"):
                    outputs[said.properties["name"]] = said.text
                    self._tell(Printed("set-output is deprecated: write to $GITHUB_OUTPUT", "warning"))
                case "endgroup" | "echo" | "save-state" | "add-matcher" | "remove-matcher":
                    pass
                case name if name in _SHOWN:
                    where = ":".join(filter(None, (said.properties.get("file"), said.properties.get("line"))))
                    self._tell(Printed(self._masks.hide(f"{where}: {said.text}" if where else said.text), name))
                case _:
                    self._tell(Printed(self._masks.hide(printed)))

        try:
            return run_script(command, folder, environment, seconds, line, self._masks.safe_cut, stopped)
        except OSError as error:
            raise InputError(f"{command[0]} cannot be started: {error.strerror or error}", place=place) from None

    def _step_environment(
        self, step: Step, env: Mapping[str, str | Pending], files: Mapping[str, Path]
    ) -> dict[str, str]:
        found = dict(self._environment)
        found |= {name: text(value) for name, value in {**self._env, **env}.items()}
        found |= {f"GITHUB_{name}": str(path) for name, path in files.items()}
        found |= {"GITHUB_JOB": self._job.id, "GITHUB_ACTION": step.id or f"__run_{step.number}"}
        pretended = [str(self._asked.scratch / "pretended")] if self._asked.pretended else []
        path = [*pretended, *self._paths, found.get("PATH", os.defpath)]
        found["PATH"] = os.pathsep.join(path)
        if shutil.which("python", path=found["PATH"]) is None:
            found["PATH"] += os.pathsep + str(Path(sys.executable).parent)
        return found

    # --- what a step leaves -------------------------------------------------------------------------------------------

    def _fresh_files(self, step: Step) -> dict[str, Path]:
        folder = self._asked.scratch / "temp"
        files = {name: folder / f"{self._job.id}-{step.number}-{name.lower()}" for name in _FILES}
        for path in files.values():
            path.write_text("", encoding="utf-8")
        return files

    def _take(self, files: Mapping[str, Path], place: str) -> dict[str, str]:
        """Outputs; variables, folders and the summary go to the job. Raises Malformed."""
        for name, value in pairs_in(_read(files["ENV"])):
            if name.upper().startswith(_REFUSED) or name.upper() == "NODE_OPTIONS":
                self._remark(Remark(place, f"the variable {name} cannot be set by GITHUB_ENV"))
            else:
                self._env[name] = value
        self._paths[:0] = reversed([line for line in _read(files["PATH"]).splitlines() if line])
        self.summary.append(_read(files["STEP_SUMMARY"]))
        return dict(pairs_in(_read(files["OUTPUT"])))

    # --- contexts -----------------------------------------------------------------------------------------------------

    def _or_pending(self, source: str) -> str | Pending:
        try:
            return template(source).fill(self._scope({}))
        except UnknownYet as unknown:
            return Pending(unknown.what)

    def _scope(self, env: Mapping[str, str | Pending]) -> Scope:
        word = "cancelled" if self.cancelled else "failure" if self._failed else "success"
        contexts = {**self._contexts, "steps": self._steps, "env": {**self._env, **env}, "job": {"status": word}}
        status: dict[str, bool | Pending] = {
            "success": word == "success",
            "failure": word == "failure",
            "always": True,
            "cancelled": self.cancelled,
        }
        return Scope(contexts, status, lambda patterns: hash_files(self._asked.workspace, patterns))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError:
        return ""
    if len(data) > _LARGEST:
        raise Malformed(f"it has more than {_LARGEST} bytes")
    return data.decode("utf-8-sig", "replace")
