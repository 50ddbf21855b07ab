"""From the file of a workflow to `Workflow`: everything that is wrong with it at once, each with file and line.

What GitHub knows and this machine cannot do becomes a remark; what GitHub would refuse is a problem.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidemill.actions.ci.expressions import accesses
from tidemill.actions.ci.interpolation import expressions_of
from tidemill.actions.ci.lined_yaml import Item, read_yaml
from tidemill.actions.ci.places import Spot, is_untrusted
from tidemill.actions.ci.taking import NOTHING, Taking
from tidemill.actions.ci.versions import outdated
from tidemill.actions.ci.workflow import Defaults, Input, Job, Step, Strategy, Workflow
from tidemill.core.errors import did_you_mean
from tidemill.core.problems import ProblemsFound

EVENTS = frozenset(
    "branch_protection_rule check_run check_suite create delete deployment deployment_status discussion"  # noqa: SIM905
    " discussion_comment fork gollum issue_comment issues label merge_group milestone page_build public pull_request"
    " pull_request_review pull_request_review_comment pull_request_target push registry_package release"
    " repository_dispatch schedule status watch workflow_call workflow_dispatch workflow_run".split()
)
_TOP = ("name", "run-name", "on", "permissions", "env", "defaults", "concurrency", "jobs")
_JOB = frozenset(
    "name permissions needs if runs-on environment concurrency outputs env defaults steps timeout-minutes"  # noqa: SIM905
    " strategy continue-on-error container services uses with secrets".split()
)
_STEP = frozenset(
    "id if name uses run working-directory shell with env continue-on-error timeout-minutes".split()  # noqa: SIM905
)
_INPUT = ("description", "required", "default", "type", "options", "deprecationMessage")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def read_workflow(path: Path, shown: str = "") -> Workflow:
    """Raises InputError if it is no YAML, ProblemsFound with all that is wrong with the workflow."""
    shown = shown or str(path)
    return workflow_from(read_yaml(path, shown), shown)


def workflow_from(document: Item, shown: str) -> Workflow:
    """As `read_workflow`, of a document that was read."""
    taking = Taking(shown)
    top = taking.mapping(document, "a workflow", _TOP)
    events = _events(taking, top.get("on", NOTHING), document.line)
    inputs = _inputs(taking, top.get("on", NOTHING))
    if "run-name" in top:
        taking.filled(top["run-name"], "run-name", Spot.RUN_NAME)
    if "concurrency" in top:
        taking.data(top["concurrency"], Spot.CONCURRENCY)
    jobs = _jobs(taking, top.get("jobs", NOTHING), document.line)
    workflow = Workflow(
        file=shown,
        name=taking.text(top.get("name", NOTHING), "name") or shown,
        events=events,
        inputs=inputs,
        env=taking.values(top.get("env", NOTHING), "env", Spot.WORKFLOW_ENV),
        defaults=_defaults(taking, top.get("defaults", NOTHING)),
        jobs=jobs,
        secrets=dict(taking.secrets),
        remarks=tuple(taking.remarks),
    )
    if taking.problems:
        raise ProblemsFound(taking.problems)
    return workflow


# --- events -----------------------------------------------------------------------------------------------------------


def _events(taking: Taking, item: Item, line: int) -> Mapping[str, Any]:
    match item.content:
        case str() as one:
            found: dict[str, Any] = {one: None}
        case list():
            found = dict.fromkeys(taking.names(item, "on"))
        case dict() as entries:
            found = {name: inner.plain for name, inner in entries.items()}
        case _:
            taking.problem(item.line or line, "a workflow says in 'on' what starts it", "for example: on: push")
            return {}
    for name in found:
        if name not in EVENTS:
            taking.problem(item.line, f"there is no event {name!r}", did_you_mean(name, EVENTS))
    return found


def _inputs(taking: Taking, item: Item) -> Mapping[str, Input]:
    by_hand = item.content.get("workflow_dispatch", NOTHING) if isinstance(item.content, dict) else NOTHING
    given = taking.mapping(by_hand, "workflow_dispatch", ("inputs",)).get("inputs", NOTHING)
    found: dict[str, Input] = {}
    for name, inner in taking.mapping(given, "inputs").items():
        what = f"the input {name!r}"
        said = taking.mapping(inner, what, _INPUT)
        kind = taking.text(said.get("type", NOTHING), "type") or "string"
        if kind not in ("string", "boolean", "number", "choice", "environment"):
            taking.problem(inner.line, f"{what} is of no type {kind!r}", "string, boolean, number, choice, environment")
        found[name] = Input(
            name=name,
            type=kind,
            default=said.get("default", NOTHING).plain,
            required=said.get("required", NOTHING).content is True,
            options=taking.names(said.get("options", NOTHING), "options"),
            line=inner.line,
        )
    return found


# --- jobs -------------------------------------------------------------------------------------------------------------


def _jobs(taking: Taking, item: Item, line: int) -> Mapping[str, Job]:
    found = {id: _job(taking, id, inner) for id, inner in taking.mapping(item, "jobs").items()}
    if not found:
        taking.problem(item.line or line, "the workflow has no jobs")
    for job in found.values():
        for need in job.needs:
            if need not in found:
                message = f"job {job.id!r} needs {need!r}, which is not there"
                taking.problem(job.line, message, did_you_mean(need, found))
    circle = _circle(found)
    if circle:
        taking.problem(found[circle[0]].line, f"jobs need each other: {' -> '.join(circle)}")
    return found


def _circle(jobs: Mapping[str, Job]) -> list[str]:
    done: set[str] = set()
    path: list[str] = []

    def visit(id: str) -> list[str]:
        if id in path:
            return [*path[path.index(id) :], id]
        if id in done or id not in jobs:
            return []
        path.append(id)
        for need in jobs[id].needs:
            if found := visit(need):
                return found
        path.pop()
        done.add(id)
        return []

    return next((found for id in jobs if (found := visit(id))), [])


def _job(taking: Taking, id: str, item: Item) -> Job:
    what = f"job {id!r}"
    said = taking.mapping(item, what, _JOB)
    if not _NAME.fullmatch(id):
        taking.problem(item.line, f"{id!r} is no name of a job", "letters, digits, - and _, a letter or _ first")
    uses = taking.text(said.get("uses", NOTHING), "uses")
    if uses:
        taking.remark(item.line, f"{what} uses the workflow {uses}, which is not run here: the job is skipped")
    elif "steps" not in said:
        taking.problem(item.line, f"{what} has no steps")
    elif "runs-on" not in said:
        taking.problem(item.line, f"{what} does not say what it runs on", "runs-on: ubuntu-latest")
    for name in ("container", "services"):
        if name in said:
            taking.data(said[name], Spot.JOB_ENV)
            taking.remark(said[name].line, f"{what} asks for {name}: its steps run on this machine, without")
    if "concurrency" in said:
        taking.data(said["concurrency"], Spot.CONCURRENCY)
    return Job(
        id=id,
        line=item.line,
        name=taking.filled(said.get("name", NOTHING), "name", Spot.JOB_SETTING),
        needs=taking.names(said.get("needs", NOTHING), "needs"),
        condition=taking.condition(said.get("if", NOTHING), f"'if' of {what}", Spot.JOB_CONDITION),
        runs_on=taking.data(said.get("runs-on", NOTHING), Spot.JOB_SETTING),
        env=taking.values(said.get("env", NOTHING), "env", Spot.JOB_ENV),
        defaults=_defaults(taking, said.get("defaults", NOTHING)),
        outputs=_texts(taking.values(said.get("outputs", NOTHING), "outputs", Spot.JOB_OUTPUT)),
        strategy=_strategy(taking, said.get("strategy", NOTHING)),
        steps=_steps(taking, said.get("steps", NOTHING)),
        continue_on_error=taking.truth(said.get("continue-on-error", NOTHING), "continue-on-error", Spot.JOB_SETTING),
        timeout_minutes=taking.minutes(said.get("timeout-minutes", NOTHING), "timeout-minutes", Spot.JOB_SETTING),
        environment=_environment(taking, said.get("environment", NOTHING)),
        uses=uses,
    )


def _texts(values: Mapping[str, Any]) -> Mapping[str, str]:
    return {name: str(value) for name, value in values.items()}


def _environment(taking: Taking, item: Item) -> str:
    if isinstance(item.content, dict):
        said = taking.mapping(item, "environment", ("name", "url", "deployment"))
        if "url" in said:
            taking.filled(said["url"], "url", Spot.JOB_OUTPUT)
        item = said.get("name", NOTHING)
    return taking.filled(item, "environment", Spot.JOB_SETTING)


def _strategy(taking: Taking, item: Item) -> Strategy:
    said = taking.mapping(item, "strategy", ("matrix", "fail-fast", "max-parallel"))
    fail_fast = said.get("fail-fast", NOTHING)
    return Strategy(
        matrix=taking.data(said.get("matrix", NOTHING), Spot.JOB_STRATEGY),
        fail_fast=True if fail_fast.content is None else taking.truth(fail_fast, "fail-fast", Spot.JOB_STRATEGY),
        line=said.get("matrix", NOTHING).line,
    )


def _defaults(taking: Taking, item: Item) -> Defaults:
    run = taking.mapping(item, "defaults", ("run",)).get("run", NOTHING)
    said = taking.mapping(run, "defaults.run", ("shell", "working-directory"))
    return Defaults(
        shell=taking.filled(said.get("shell", NOTHING), "shell", Spot.JOB_DEFAULTS),
        working_directory=taking.filled(said.get("working-directory", NOTHING), "working-directory", Spot.JOB_DEFAULTS),
    )


# --- steps ------------------------------------------------------------------------------------------------------------


def _steps(taking: Taking, item: Item) -> tuple[Step, ...]:
    found = tuple(_step(taking, one, n) for n, one in enumerate(taking.items(item, "steps"), start=1))
    seen: dict[str, int] = {}
    for step in found:
        if step.id and step.id.lower() in seen:
            taking.problem(step.line, f"the step id {step.id!r} is there twice", f"see line {seen[step.id.lower()]}")
        seen.setdefault(step.id.lower(), step.line)
    return found


def _step(taking: Taking, item: Item, number: int) -> Step:
    said = taking.mapping(item, "a step", _STEP)
    run = taking.filled(said.get("run", NOTHING), "run", Spot.STEP)
    uses = taking.text(said.get("uses", NOTHING), "uses")
    id = taking.text(said.get("id", NOTHING), "id")
    if ("run" in said) == ("uses" in said):
        both = "has both 'run' and 'uses'" if "run" in said else "has neither 'run' nor 'uses'"
        taking.problem(item.line, f"the step {both}", "a step has one of them")
    if newer := outdated(uses):
        taking.remark(item.line, f"{uses} is an old version, which GitHub may refuse", f"uses: {newer}")
    if id and not _NAME.fullmatch(id):
        taking.problem(item.line, f"{id!r} is no id of a step", "letters, digits, - and _, a letter or _ first")
    if run:
        _look_for_injection(taking, run, said["run"].line)
    for only, of in (("with", "uses"), ("shell", "run"), ("working-directory", "run")):
        if only in said and of not in said:
            taking.problem(said[only].line, f"{only!r} is for steps with {of!r}")
    return Step(
        line=item.line,
        number=number,
        id=id,
        name=taking.filled(said.get("name", NOTHING), "name", Spot.STEP),
        condition=taking.condition(said.get("if", NOTHING), "'if' of a step", Spot.STEP_CONDITION),
        run=run,
        uses=uses,
        inputs=taking.values(said.get("with", NOTHING), "with", Spot.STEP),
        env=taking.values(said.get("env", NOTHING), "env", Spot.STEP),
        shell=taking.filled(said.get("shell", NOTHING), "shell", Spot.JOB_DEFAULTS),
        working_directory=taking.filled(said.get("working-directory", NOTHING), "working-directory", Spot.STEP),
        continue_on_error=taking.truth(said.get("continue-on-error", NOTHING), "continue-on-error", Spot.STEP),
        timeout_minutes=taking.minutes(said.get("timeout-minutes", NOTHING), "timeout-minutes", Spot.STEP),
    )


def _look_for_injection(taking: Taking, run: str, line: int) -> None:
    try:
        trees = expressions_of(run)
    except ValueError:
        return
    for path in dict.fromkeys(path for tree in trees for path in accesses(tree) if is_untrusted(path)):
        name = ".".join(path)
        variable = path[-1].strip("*").upper().replace("-", "_") or "VALUE"
        taking.remark(
            line,
            f"what others write in {name} becomes part of this script, and so may be a command of theirs",
            f'hand it over: env: {variable}: ${{{{ {name} }}}}, and write "${variable}" in the script',
        )
