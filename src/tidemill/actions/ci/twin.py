"""A workflow run on this machine: jobs after those they need, each combination of a matrix, one after the other.

What it decides follows GitHub's rules; `twin_steps` runs the steps of one job.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tidemill.actions.ci.asked import Asked, first_environment, github_context, jobs_of, runner_context, would_start
from tidemill.actions.ci.evaluating import Pending, Scope, UnknownYet
from tidemill.actions.ci.expressions import BadExpression
from tidemill.actions.ci.interpolation import OPEN, mapped, template
from tidemill.actions.ci.masks import Masks
from tidemill.actions.ci.matrix import combinations, title
from tidemill.actions.ci.results import JobBegan, JobResult, Result, Tell, WorkflowResult
from tidemill.actions.ci.stopping import Stop
from tidemill.actions.ci.twin_steps import JobRun, in_place, needed_minutes, settled_truth
from tidemill.actions.ci.workflow import Job, Remark, Workflow

_PRETENDING = """#!/bin/sh
# Says what it would do, in place of {name}.
printf 'would run: %s' {name}
for one in "$@"; do printf ' %s' "$one"; done
printf '\\n'
if [ -p /dev/stdin ]; then cat > /dev/null; fi
"""


def run_workflow(workflow: Workflow, asked: Asked, tell: Tell, stop: Stop) -> WorkflowResult:
    """Run it, or say what would be run if `asked.dry`. Once `stop` is asked what is under way is cancelled, and
    `always()` steps still run.

    Raises InputError and its like for what no step could be blamed for.
    """
    return _Twin(workflow, asked, tell, stop).run()


class _Twin:
    def __init__(self, workflow: Workflow, asked: Asked, tell: Tell, stop: Stop) -> None:
        self._workflow = workflow
        self._asked = asked
        self._masks = Masks(asked.secrets.values())
        self._tell = tell
        self._remarks: list[Remark] = []
        self._github = github_context(workflow, asked)
        self._runner = runner_context(asked)
        self._environment = first_environment(asked, self._github, self._runner)
        self._results: dict[str, JobResult] = {}
        self._summary: list[str] = []
        self._stop = stop

    def run(self) -> WorkflowResult:
        wanted = jobs_of(self._workflow, self._asked.jobs)
        for remark in self._workflow.remarks:
            self._remark(remark)
        self._say_what_is_missing()
        for name in ("temp", "tools"):
            (self._asked.scratch / name).mkdir(parents=True, exist_ok=True)
        self._pretend()
        told: list[JobResult] = []
        for job in self._workflow.in_order():
            if job.id in wanted:
                told += self._job(job)
        return WorkflowResult(
            tuple(told), tuple(self._remarks), self._masks.hide("".join(self._summary)), self._stop.asked
        )

    def _remark(self, remark: Remark) -> None:
        self._remarks.append(remark)
        self._tell(remark)

    def _say_what_is_missing(self) -> None:
        first = self._workflow.place(1)
        if not self._asked.git.there:
            self._remark(Remark(first, "this folder is in no git repository: commit and branch are made up"))
        filtered = would_start(self._workflow, self._github)
        if filtered:
            self._remark(Remark(first, filtered, "--ref BRANCH sets the branch"))
        if self._asked.dry:
            return
        for name, line in self._workflow.secrets.items():
            if not self._asked.secrets.get(name) and name != "GITHUB_TOKEN":
                remedy = f"set {name} in the environment; it is then used, and never printed"
                self._remark(Remark(self._workflow.place(line), f"the secret {name} is empty here", remedy))

    def _pretend(self) -> None:
        folder = self._asked.scratch / "pretended"
        folder.mkdir(exist_ok=True)
        for name in self._asked.pretended:
            path = folder / name
            path.write_text(_PRETENDING.format(name=shlex.quote(name)), encoding="utf-8")
            path.chmod(0o755)

    # --- jobs ---------------------------------------------------------------------------------------------------------

    def _job(self, job: Job) -> list[JobResult]:
        place = self._workflow.place(job.line)
        needs = self._needs(job)
        try:
            holds = job.condition.holds(Scope({**self._constant(), "needs": needs}, self._status(job)))
        except UnknownYet as unknown:
            note = f"whether it runs is not known before: it asks for {unknown.what}"
            return [self._ended(JobResult(job.id, job.name or job.id, Result.UNDECIDED, note=note))]
        except BadExpression as error:
            raise in_place(error, place, self._masks) from None
        if job.uses:
            note = f"it is the workflow {job.uses}, which is not run here"
            return [self._ended(JobResult(job.id, job.name or job.id, Result.SKIPPED, note=note))]
        if not holds:
            return [self._ended(JobResult(job.id, job.name or job.id, Result.SKIPPED, note=self._why_not(job)))]
        results = self._combinations(job, needs, place)
        self._results[job.id] = _together(job.id, results)
        return results

    def _why_not(self, job: Job) -> str:
        bad = [need for need in job.needs if self._results[need].result is not Result.SUCCESS]
        if bad:
            return "; ".join(f"{need}: {self._results[need].result.value}" for need in bad)
        return "cancelled" if self._stop.asked else f"its condition does not hold: {job.condition.source}"

    def _ended(self, result: JobResult) -> JobResult:
        self._results[result.id] = result
        self._tell(result)
        return result

    def _combinations(self, job: Job, needs: Mapping[str, Any], place: str) -> list[JobResult]:
        scope = Scope({**self._constant(), "needs": needs}, {})
        line = self._workflow.place(job.strategy.line or job.line)
        try:
            matrix = mapped(job.strategy.matrix, lambda text: template(text).value(scope) if OPEN in text else text)
            chosen = combinations(matrix, line)
            fail_fast = settled_truth(job.strategy.fail_fast, scope)
        except UnknownYet as unknown:
            note = f"its matrix is not known before: it asks for {unknown.what}"
            return [self._ended(JobResult(job.id, job.name or job.id, Result.UNDECIDED, note=note))]
        except BadExpression as error:
            raise in_place(error, line, self._masks) from None
        results: list[JobResult] = []
        for index, values in enumerate(chosen):
            broken = fail_fast and any(one.result is Result.FAILURE for one in results)
            if self._stop.asked or (broken and not self._asked.dry):
                note = "another combination failed, and fail-fast is on" if broken else "cancelled"
                result = JobResult(job.id, title(job.name or job.id, values), Result.CANCELLED, note=note)
                self._tell(result)
            else:
                strategy = {"fail-fast": fail_fast, "job-index": index, "job-total": len(chosen), "max-parallel": 1}
                result = self._one(job, needs, dict(values), strategy, place)
            results.append(result)
        return results

    def _one(
        self, job: Job, needs: Mapping[str, Any], values: dict[str, Any], strategy: dict[str, Any], place: str
    ) -> JobResult:
        contexts = {**self._constant(), "needs": needs, "matrix": values, "strategy": strategy}
        contexts |= {"runner": self._runner, "secrets": self._secrets(), "steps": {}, "job": {"status": "success"}}
        contexts["github"] = {**self._github, "job": job.id}
        scope = Scope(contexts, {})
        try:
            name = template(job.name).shown(scope) if job.name else title(job.id, values)
            name = self._masks.hide(name if OPEN in job.name else title(job.name or job.id, values))
            env = {
                key: _or_pending(str(value), scope, f"env.{key}")
                for key, value in {**self._workflow.env, **job.env}.items()
            }
            minutes = needed_minutes(job.timeout_minutes, scope, 360.0)
            forgiven = settled_truth(job.continue_on_error, scope)
        except BadExpression as error:
            raise in_place(error, place, self._masks) from None
        except UnknownYet as unknown:
            note = f"it is not known before: it asks for {unknown.what}"
            return self._ended(JobResult(job.id, job.name or job.id, Result.UNDECIDED, note=note))
        self._tell(JobBegan(name, place))
        run = JobRun(
            self._workflow, job, self._asked, contexts, env, self._environment, self._masks, self._tell, self._stop
        )
        result = run.all_steps(name, minutes)
        self._summary += run.summary
        self._remarks += run.remarks
        if forgiven and result.result is Result.FAILURE:
            result = replace(result, result=Result.SUCCESS, note="it failed, and continue-on-error is set")
        self._tell(result)
        return result

    # --- contexts -----------------------------------------------------------------------------------------------------

    def _constant(self) -> dict[str, Any]:
        return {"github": self._github, "vars": dict(self._asked.variables), "inputs": dict(self._asked.inputs)}

    def _secrets(self) -> Any:
        if self._asked.dry:
            return dict.fromkeys({**self._workflow.secrets, **self._asked.secrets}, "***")
        return dict(self._asked.secrets)

    def _needs(self, job: Job) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for need in job.needs:
            result = self._results[need]
            if self._asked.dry and result.result in (Result.SUCCESS, Result.UNDECIDED):
                found[need] = {"result": "success", "outputs": Pending(f"needs.{need}.outputs")}
            else:
                found[need] = {"result": result.result.value, "outputs": dict(result.outputs)}
        return found

    def _status(self, job: Job) -> dict[str, bool | Pending]:
        before = [self._results[id].result for id in self._workflow.needed_by(job.id)]
        direct = [self._results[need].result for need in job.needs]
        good = (Result.SUCCESS, Result.UNDECIDED) if self._asked.dry else (Result.SUCCESS,)
        return {
            "success": not self._stop.asked and all(one in good for one in direct) and Result.FAILURE not in before,
            "failure": not self._stop.asked and Result.FAILURE in before,
            "always": True,
            "cancelled": self._stop.asked,
        }


def _or_pending(text: str, scope: Scope, name: str) -> str | Pending:
    try:
        return template(text).fill(scope)
    except UnknownYet:
        return Pending(name)


def _together(id: str, results: list[JobResult]) -> JobResult:
    """What other jobs see of all combinations: the worst result, and of each output what the last one set."""
    worst = next(
        (
            wanted
            for wanted in (Result.FAILURE, Result.CANCELLED, Result.UNDECIDED, Result.SUCCESS)
            if any(one.result is wanted for one in results)
        ),
        Result.SKIPPED,
    )
    outputs = {name: value for one in results for name, value in one.outputs.items() if value}
    return JobResult(id, id, worst, outputs=outputs)
