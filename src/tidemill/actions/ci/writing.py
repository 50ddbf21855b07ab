"""`tidemill ci init github`: reads a pipeline, and writes the workflow that trains, judges and delivers its model."""

from __future__ import annotations

import platform
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from tidemill.actions.ci.bounds import Bound, bounds_from, demand_possible
from tidemill.actions.ci.git_facts import git_facts
from tidemill.actions.ci.lined_yaml import parse_yaml
from tidemill.actions.ci.reading_workflows import workflow_from
from tidemill.actions.ci.versions import ACTIONS, LOOKED_UP, pinned
from tidemill.actions.compile import compile_pipeline
from tidemill.actions.naming import path_meant
from tidemill.core.errors import InputError, NotFound, did_you_mean
from tidemill.core.graph import Call, Container, Pipeline, walk_nodes

DEFAULT = Path(".github") / "workflows" / "ml.yml"
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
_CRON = re.compile(r"[0-9*,/-]+( [0-9*,/A-Za-z-]+){4}")
_PYTHON = re.compile(r"3\.\d+(\.\d+)?")
_FILES = ("path", "pathlib.Path")
_JUDGE = ("tidemill.tasks.gating", "decide")
_TEST = """
      # After the training, so that tests of the model find it.
      - name: Test
        run: |
          pip install pytest
          python -m pytest
"""


@dataclass(frozen=True, slots=True)
class Written:
    """`actions` are those used with their versions, `notes` what should be looked at, one sentence each."""

    path: Path
    actions: Mapping[str, str]
    looked_up: str
    notes: tuple[str, ...]


def write_workflow(
    folder: Path,
    target: str,
    *,
    minima: Sequence[str] = (),
    maxima: Sequence[str] = (),
    model: str = "",
    branch: str = "main",
    cron: str = "0 2 * * *",
    python: str = "",
    output: str = "",
    force: bool = False,
) -> Written:
    """Raises InputError, also if nothing is demanded of the model, and ProblemsFound for a pipeline that is wrong.

    A pipeline that judges with the task `gate` needs no bounds: what that decides counts.

    GitHub looks for workflows at the root of the repository: that of a project below it is written there.
    """
    inside = _inside(folder)
    path = Path(output) if output else _place(inside)
    _checked(branch, cron, python)
    pipeline = compile_pipeline(target)
    if (folder / path).exists() and not force:
        raise InputError("there is a file at this place already", place=str(path), remedy="--force replaces it")
    bounds = bounds_from(minima, maxima)
    for bound in bounds:
        demand_possible(bound)
    notes = []
    judges = _judges(pipeline)
    if judges:
        notes.append(f"what is delivered must have passed the pipeline's own gate: {', '.join(judges)}")
    elif not bounds:
        raise InputError(
            f"what must a model of {pipeline.name} reach to be delivered?",
            remedy="say it of a metric, such as --min accuracy=0.85 or --max rmse=3.5, "
            "or judge it in the pipeline with `tidemill.tasks.gate`",
        )
    if bounds and not _with(pipeline, ("Metrics",)):
        notes.append(f"no task of {pipeline.name} returns Metrics, so the gate has no numbers: annotate one -> Metrics")
    delivered = _delivered(pipeline, model)
    if not (folder / "requirements.txt").is_file():
        notes.append("there is no requirements.txt, which the workflow installs; it must name tidemill")
    if not _ignored(folder):
        notes.append("`tidemill ci run` leaves what it delivers in delivery/: add that to .gitignore")
    text = _text(target, pipeline, bounds, delivered, branch, cron, python, inside, _has_tests(folder))
    # What is written is read as any other, so that it can never be wrong in a way that is known here.
    workflow_from(parse_yaml(text, str(path)), str(path))
    try:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"it cannot be written: {error.strerror or error}", place=str(path)) from None
    return Written(path, dict(ACTIONS), LOOKED_UP, tuple(notes))


def _inside(folder: Path) -> str:
    """Where in its repository the folder is: "" for the root, and where there is none. Raises InputError."""
    inside = folder.resolve().relative_to(git_facts(folder).root.resolve()).as_posix().removeprefix(".")
    if not re.fullmatch(r"[A-Za-z0-9._/-]*", inside):
        raise InputError(
            f"the folder {inside!r} of the repository has a name that a workflow would have to quote",
            remedy="use letters, digits, `.`, `_` and `-`",
        )
    return inside


def _place(inside: str) -> Path:
    if not inside:
        return DEFAULT
    return Path(*[".."] * len(Path(inside).parts), DEFAULT.with_stem(f"ml-{inside.replace('/', '-')}"))


def _checked(branch: str, cron: str, python: str) -> None:
    if not _BRANCH.fullmatch(branch) or ".." in branch:
        raise InputError(f"{branch!r} is no name of a branch")
    if not _CRON.fullmatch(cron):
        raise InputError(f"{cron!r} is no time", remedy="five fields: minute, hour, day, month, day of the week")
    if python and not _PYTHON.fullmatch(python):
        raise InputError(f"{python!r} is no version of Python", remedy="such as 3.12")


def _delivered(pipeline: Pipeline, wanted: str) -> str:
    """The task whose artifact goes out: the one that is wanted, the last that gives a Model, else a file."""
    known = [path for path, _ in walk_nodes(pipeline.root)]
    if wanted:
        path = path_meant(wanted, known)
        if path not in known:
            raise NotFound(f"pipeline {pipeline.name} has no task {wanted!r}", remedy=did_you_mean(wanted, known))
        return path
    found = _with(pipeline, ("Model",)) or _with(pipeline, _FILES)
    if not found:
        raise InputError(
            f"no task of {pipeline.name} returns a Model or a file", remedy="--model TASK names what is delivered"
        )
    return found[-1]


def _judges(pipeline: Pipeline) -> list[str]:
    """The paths of the gates of a pipeline."""
    return [
        path.rpartition("/")[0] or path
        for path, node in walk_nodes(pipeline.root)
        if isinstance(node.body, Call) and (node.body.function.module, node.body.function.name) == _JUDGE
    ]


def _has_tests(folder: Path) -> bool:
    patterns = ("test_*.py", "*_test.py", "tests/**/test_*.py", "tests/**/*_test.py")
    return any(path.is_file() for pattern in patterns for path in folder.glob(pattern))


def _ignored(folder: Path) -> bool:
    try:
        lines = (folder / ".gitignore").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.strip().strip("/") == "delivery" for line in lines)


def _with(pipeline: Pipeline, names: Sequence[str]) -> list[str]:
    """Paths of tasks with an output of one of these types."""
    return [
        path
        for path, node in walk_nodes(pipeline.root)
        if isinstance(node.body, Call | Container) and any(one.type.name in names for one in node.body.outputs.values())
    ]


def _text(
    target: str,
    pipeline: Pipeline,
    bounds: Sequence[Bound],
    delivered: str,
    branch: str,
    cron: str,
    python: str,
    inside: str,
    tests: bool,
) -> str:
    words = {
        "name": re.sub(r"[^A-Za-z0-9 _.-]", "-", pipeline.name),
        "target": shlex.quote(target),
        "gate": "".join(f" {one.option} {shlex.quote(f'{one.metric}={one.limit:.15g}')}" for one in bounds),
        "test": _TEST if tests else "",
        "artifact": shlex.quote(delivered),
        "branch": branch,
        "cron": cron,
        "python": python or ".".join(platform.python_version_tuple()[:2]),
        "looked_up": LOOKED_UP,
        "inside": f"{inside}/" if inside else "",
        "working": f"\n    working-directory: '{inside}'" if inside else "",
        "cached": f"\n          cache-dependency-path: '{inside}/requirements.txt'" if inside else "",
        **{action.removeprefix("actions/"): pinned(action) for action in ACTIONS},
    }
    template = files("tidemill.actions.ci").joinpath("github.txt").read_text(encoding="utf-8")

    def word(found: re.Match[str]) -> str:
        return words[found[1]]

    return re.sub(r"<<([a-z_-]+)>>", word, template)
