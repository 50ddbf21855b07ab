"""`tidemill ci run`: finds the workflow, gathers what it is run with, and has the twin run it.

Secrets come from the environment by their names, and go nowhere but to the steps that name them.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidemill.actions.ci.asked import Asked, event_of, full_ref, inputs_of
from tidemill.actions.ci.git_facts import git_facts
from tidemill.actions.ci.reading_workflows import read_workflow
from tidemill.actions.ci.results import Tell, WorkflowResult
from tidemill.actions.ci.stopping import Stop
from tidemill.actions.ci.twin import run_workflow
from tidemill.actions.ci.workflow import Workflow
from tidemill.core.errors import InputError, NotFound

FOLDER = Path(".github") / "workflows"
_COMMAND = re.compile(r"[A-Za-z0-9._+-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the options say. `ask` gives a secret that the environment has not; `artifacts` is a folder, or ""."""

    workflow: str = ""
    event: str = ""
    event_file: str = ""
    ref: str = ""
    jobs: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    pretended: tuple[str, ...] = ()
    artifacts: str = ""
    dry: bool = False


def run_here(
    wishes: Wishes,
    folder: Path,
    environment: Mapping[str, str],
    ask: Callable[[str], str],
    tell: Tell,
    stop: Stop | None = None,
) -> tuple[Workflow, WorkflowResult]:
    """Raises InputError, NotFound, ProblemsFound; what steps do wrong is in the result."""
    path = find_workflow(wishes.workflow, folder)
    workflow = read_workflow(path, _shown(path, folder))
    event = event_of(workflow, wishes.event)
    for name in wishes.pretended:
        if not _COMMAND.fullmatch(name) or name in (".", "..", "sh", "bash", "printf", "cat"):
            raise InputError(f"{name!r} cannot be pretended", remedy="name a command, such as docker")
    git = git_facts(folder)
    scratch = Path(tempfile.mkdtemp(prefix="tidemill-ci-"))
    try:
        artifacts = (
            _artifacts(wishes.artifacts, folder) if wishes.artifacts and not wishes.dry else scratch / "artifacts"
        )
        artifacts.mkdir(parents=True, exist_ok=True)
        asked = Asked(
            workspace=git.root if path.resolve().is_relative_to(git.root) else folder.resolve(),
            artifacts=artifacts,
            scratch=scratch,
            environment=environment,
            git=git,
            event=event,
            payload=_payload(wishes.event_file),
            ref=full_ref(wishes.ref),
            jobs=wishes.jobs,
            secrets={} if wishes.dry else _secrets(workflow, wishes.secrets, environment, ask),
            variables=_pairs(wishes.variables, "--var"),
            inputs=inputs_of(workflow, event, _pairs(wishes.inputs, "--input")),
            pretended=wishes.pretended,
            run_id=str(time.time_ns() // 1_000_000),
            dry=wishes.dry,
        )
        return workflow, run_workflow(workflow, asked, tell, stop or Stop())
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def find_workflow(named: str, folder: Path) -> Path:
    """The file that is named, or the only one of the project or of its repository. Raises NotFound, InputError."""
    folder = folder if (folder / FOLDER).is_dir() else git_facts(folder).root
    if named:
        for path in (Path(named), folder / FOLDER / named):
            if path.is_file():
                return path
        raise NotFound(f"there is no workflow {named!r}", remedy=_known(folder))
    found = _workflows(folder)
    if not found:
        remedy = "name a file, or let `tidemill ci init github --min METRIC=NUMBER` write one"
        raise NotFound("there is no workflow in .github/workflows", remedy=remedy)
    if len(found) > 1:
        raise InputError(f"there are {len(found)} workflows", remedy=_known(folder))
    return found[0]


def _workflows(folder: Path) -> list[Path]:
    return sorted([*(folder / FOLDER).glob("*.yml"), *(folder / FOLDER).glob("*.yaml")])


def _known(folder: Path) -> str:
    names = [str(FOLDER / path.name) for path in _workflows(folder)]
    return f"name one: {', '.join(names)}" if names else "give the path of a YAML file"


def _shown(path: Path, folder: Path) -> str:
    whole = path.resolve()
    return str(whole.relative_to(folder.resolve())) if whole.is_relative_to(folder.resolve()) else str(path)


def _artifacts(named: str, folder: Path) -> Path:
    path = folder / named
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError("the folder for artifacts is not empty", place=named, remedy="name another, or empty it")
    return path


def _payload(named: str) -> Mapping[str, Any]:
    if not named:
        return {}
    try:
        found = json.loads(Path(named).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"the event cannot be read: {error.strerror or error}", place=named) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"the event is no JSON: {error}", place=named) from None
    if not isinstance(found, dict):
        raise InputError("an event is a JSON object", place=named)
    return found


def _pairs(given: Sequence[str], option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise InputError(f"{one!r} has no value", remedy=f"{option} NAME=VALUE")
        found[name] = value
    return found


def _secrets(
    workflow: Workflow, named: Sequence[str], environment: Mapping[str, str], ask: Callable[[str], str]
) -> dict[str, str]:
    """Those the workflow names and the environment has, and those that were named as options."""
    found = {name: environment[name] for name in workflow.secrets if environment.get(name)}
    for name in named:
        if not _VARIABLE.fullmatch(name):
            # A value on the command line could be read by everybody on the machine: it is not even said here.
            raise InputError("--secret takes the name of an environment variable", remedy="--secret NAME")
        found[name.upper()] = environment.get(name) or ask(name)
    return found
