"""What a run of a workflow on this machine was asked to be: event, values, secrets, and the contexts that follow."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tidemill.actions.ci.git_facts import GitFacts
from tidemill.actions.ci.workflow import Input, Workflow
from tidemill.core.errors import InputError, NotFound, did_you_mean

SERVER = "https://github.com"
_SYSTEMS = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}
_MACHINES = {"x86_64": "X64", "amd64": "X64", "aarch64": "ARM64", "arm64": "ARM64"}


@dataclass(frozen=True, slots=True)
class Asked:
    """`environment` is that of this process; `secrets` and `variables` are by name. `pretended` commands only say what
    they would do. `artifacts` is where uploads go, `scratch` an existing folder that is given up afterwards."""

    workspace: Path
    artifacts: Path
    scratch: Path
    environment: Mapping[str, str]
    git: GitFacts
    event: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    ref: str = ""
    jobs: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    pretended: tuple[str, ...] = ()
    run_id: str = "1"
    dry: bool = False


def event_of(workflow: Workflow, wanted: str) -> str:
    """The event to run for: the one that is wanted, else push, else the first. Raises NotFound."""
    if wanted and wanted not in workflow.events:
        hint = did_you_mean(wanted, workflow.events)
        raise NotFound(f"nothing starts this workflow at {wanted!r}", place=workflow.file, remedy=hint)
    return wanted or ("push" if "push" in workflow.events else next(iter(workflow.events)))


def jobs_of(workflow: Workflow, wanted: tuple[str, ...]) -> frozenset[str]:
    """Those that are wanted and what they need; all if none is named. Raises NotFound."""
    for id in wanted:
        if id not in workflow.jobs:
            raise NotFound(
                f"the workflow has no job {id!r}", place=workflow.file, remedy=did_you_mean(id, workflow.jobs)
            )
    found = {need for id in wanted for need in (id, *workflow.needed_by(id))}
    return frozenset(found or workflow.jobs)


def inputs_of(workflow: Workflow, event: str, given: Mapping[str, str]) -> Mapping[str, Any]:
    """The inputs as their types say, defaults included. Raises InputError."""
    if event != "workflow_dispatch":
        if given:
            raise InputError(f"inputs are for runs by hand, and this is {event}", remedy="--event workflow_dispatch")
        return {}
    for name in given:
        if name not in workflow.inputs:
            raise NotFound(f"the workflow has no input {name!r}", remedy=did_you_mean(name, workflow.inputs))
    return {name: _input(workflow, one, given.get(name)) for name, one in workflow.inputs.items()}


def _input(workflow: Workflow, one: Input, given: str | None) -> Any:
    place = workflow.place(one.line)
    if given is None:
        if one.required and one.default is None:
            raise InputError(f"the input {one.name!r} is required", place=place, remedy=f"--input {one.name}=VALUE")
        given = "" if one.default is None else str(one.default)
        given = given.lower() if one.type == "boolean" else given
    match one.type:
        case "boolean":
            if given not in ("true", "false", ""):
                raise InputError(f"the input {one.name!r} is true or false, not {given!r}", place=place)
            return given == "true"
        case "number":
            try:
                return float(given) if given else 0.0
            except ValueError:
                raise InputError(f"the input {one.name!r} is a number, not {given!r}", place=place) from None
        case "choice" if one.options and given not in one.options and given:
            remedy = did_you_mean(given, one.options)
            raise InputError(f"the input {one.name!r} cannot be {given!r}", place=place, remedy=remedy)
        case "choice" if one.options and not given:
            return one.options[0]
    return given


def full_ref(text: str) -> str:
    """`main` as `refs/heads/main`."""
    return text if text.startswith("refs/") or not text else f"refs/heads/{text}"


def github_context(workflow: Workflow, asked: Asked) -> dict[str, Any]:
    """What does not change from job to job."""
    ref = asked.ref or asked.git.ref
    head = base = ""
    if asked.event.startswith("pull_request"):
        head, base = ref.removeprefix("refs/heads/"), "main"
        ref = "refs/pull/1/merge" if asked.event == "pull_request" else "refs/heads/main"
    name = ref.removeprefix("refs/heads/").removeprefix("refs/tags/").removeprefix("refs/pull/")
    owner = asked.git.repository.partition("/")[0]
    actor = asked.environment.get("USER", "") or "local"
    schedule = workflow.events.get("schedule") or [{}]
    event: dict[str, Any] = {"ref": ref, "repository": {"full_name": asked.git.repository, "default_branch": "main"}}
    if asked.event == "workflow_dispatch":
        event["inputs"] = {key: str(value).lower() if value is True or value is False else value
                           for key, value in asked.inputs.items()}  # fmt: skip
    if asked.event == "schedule" and isinstance(schedule[0], dict):
        event["schedule"] = schedule[0].get("cron", "")
    return {
        "event_name": asked.event,
        "event": {**event, **asked.payload},
        "ref": ref,
        "ref_name": name,
        "ref_type": "tag" if ref.startswith("refs/tags/") else "branch",
        "ref_protected": False,
        "head_ref": head,
        "base_ref": base,
        "sha": asked.git.sha,
        "repository": asked.git.repository,
        "repository_owner": owner,
        "actor": actor,
        "triggering_actor": actor,
        "workflow": workflow.name,
        "workflow_ref": f"{asked.git.repository}/{workflow.file}@{ref}",
        "run_id": asked.run_id,
        "run_number": "1",
        "run_attempt": "1",
        "server_url": SERVER,
        "api_url": "https://api.github.com",
        "graphql_url": "https://api.github.com/graphql",
        "workspace": str(asked.workspace),
        "token": asked.secrets.get("GITHUB_TOKEN", ""),
    }


def runner_context(asked: Asked) -> dict[str, Any]:
    machine = platform.machine().lower()
    return {
        "name": "local",
        "os": _SYSTEMS.get(sys.platform, "Linux"),
        "arch": _MACHINES.get(machine, machine.upper()),
        "temp": str(asked.scratch / "temp"),
        "tool_cache": str(asked.scratch / "tools"),
        "environment": "self-hosted",
        "debug": "",
    }


_IN_ENVIRONMENT = [
    "event_name",
    "ref",
    "ref_name",
    "ref_type",
    "ref_protected",
    "head_ref",
    "base_ref",
    "sha",
    "repository",
    "repository_owner",
    "actor",
    "triggering_actor",
    "workflow",
    "workflow_ref",
    "run_id",
    "run_number",
    "run_attempt",
    "server_url",
    "api_url",
    "graphql_url",
    "workspace",
]


def first_environment(asked: Asked, github: Mapping[str, Any], runner: Mapping[str, Any]) -> dict[str, str]:
    """What every step sees: that of this process without the secrets, and what a runner sets."""
    foreign = ("GITHUB_", "RUNNER_", "ACTIONS_", "INPUT_")
    found = {
        name: value
        for name, value in asked.environment.items()
        if name not in asked.secrets and not name.startswith(foreign)
    }
    found |= {f"GITHUB_{name.upper()}": _as_text(github[name]) for name in _IN_ENVIRONMENT}
    found |= {f"RUNNER_{name.upper()}": str(value) for name, value in runner.items() if value}
    return found | {"CI": "true", "GITHUB_ACTIONS": "true"}


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def would_start(workflow: Workflow, github: Mapping[str, Any]) -> str:
    """Why this event would not start the workflow on GitHub, if it would not: by its filter of branches."""
    event = str(github["event_name"])
    said = workflow.events.get(event)
    if not isinstance(said, dict) or event not in ("push", "pull_request", "pull_request_target"):
        return ""
    name = str(github["base_ref"] or github["ref_name"])
    branches = said.get("branches")
    patterns = [branches] if isinstance(branches, str) else branches
    if isinstance(patterns, list) and not branch_fits(name, [str(one) for one in patterns]):
        told = ", ".join(map(str, patterns))
        return f"on GitHub {event} of branch {name!r} would not start this: on.{event}.branches is {told}"
    return ""


def branch_fits(name: str, patterns: list[str]) -> bool:
    """By the last pattern that matches; one with `!` takes away."""
    fits = False
    for pattern in patterns:
        if _glob(pattern.removeprefix("!"), name):
            fits = not pattern.startswith("!")
    return fits


def _glob(pattern: str, name: str) -> bool:
    """`*` is anything but a slash, `**` anything."""
    if not pattern:
        return not name
    if pattern.startswith("**"):
        return any(_glob(pattern[2:], name[n:]) for n in range(len(name) + 1))
    if pattern[0] == "*":
        ends = [n for n in range(len(name) + 1) if "/" not in name[:n]]
        return any(_glob(pattern[1:], name[n:]) for n in ends)
    return bool(name) and (pattern[0] == name[0]) and _glob(pattern[1:], name[1:])
