"""What stands in, on this machine, for the actions that most workflows use; other actions are named as not run.

Artifacts go to a folder. Knows a step's inputs, never its conditions.
"""

from __future__ import annotations

import platform
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tidemill.actions.ci.finding import matching, root_of

_ARTIFACT_NAME = re.compile(r'[^\x00-\x1f"<>|*?:\\/]{1,200}')


@dataclass(frozen=True, slots=True)
class Done:
    """`error`: the action would have failed. `warning`: it would have gone on, or does not do here all that it does."""

    note: str
    outputs: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    warning: str = ""
    path: str = ""


StandIn = Callable[[Mapping[str, str], Path, Path], Done]


def stand_in_for(uses: str) -> StandIn | None:
    """What does instead of `owner/name@version`; whichever version it is."""
    return _ACTIONS.get(uses.partition("@")[0].lower())


def _checkout(inputs: Mapping[str, str], workspace: Path, artifacts: Path) -> Done:
    other = [f"{name}: {inputs[name]}" for name in ("repository", "ref", "path") if inputs.get(name)]
    warning = f"it asks for {', '.join(other)}, and this folder is taken as it is" if other else ""
    return Done("this folder, as it is", {"ref": "", "commit": ""}, warning=warning)


def _setup_python(inputs: Mapping[str, str], workspace: Path, artifacts: Path) -> Done:
    here, wanted = platform.python_version(), inputs.get("python-version", "").strip()
    fits = not wanted or here == wanted or here.startswith(f"{wanted}.") or wanted.rstrip(".x") == here.split(".")[0]
    warning = "" if fits else f"it asks for Python {wanted}"
    outputs = {"python-version": here, "python-path": sys.executable, "cache-hit": "false"}
    return Done(f"Python {here} of this environment", outputs, warning=warning, path=str(Path(sys.executable).parent))


def _cache(inputs: Mapping[str, str], workspace: Path, artifacts: Path) -> Done:
    outputs = {"cache-hit": "false", "cache-primary-key": inputs.get("key", ""), "cache-matched-key": ""}
    return Done("nothing is cached: what is here stays here", outputs)


def _upload(inputs: Mapping[str, str], workspace: Path, artifacts: Path) -> Done:
    name = inputs.get("name", "") or "artifact"
    if not _ARTIFACT_NAME.fullmatch(name) or name in (".", ".."):
        return Done("", error=f"{name!r} is no name for an artifact")
    patterns = inputs.get("path", "").splitlines()
    if not any(pattern.strip() for pattern in patterns):
        return Done("", error="the input 'path' is missing")
    found = matching(workspace, patterns, hidden=inputs.get("include-hidden-files", "").lower() == "true")
    if not found:
        told = f"no files were found at {', '.join(pattern.strip() for pattern in patterns if pattern.strip())}"
        match inputs.get("if-no-files-found", "") or "warn":
            case "error":
                return Done("", error=told)
            case "ignore":
                return Done(told)
        return Done(told, warning=f"{told}: there is no artifact {name!r}")
    target = artifacts / name
    if target.exists() and inputs.get("overwrite", "").lower() != "true":
        return Done("", error=f"there is an artifact {name!r} already; names are unique in a workflow")
    shutil.rmtree(target, ignore_errors=True)
    root = root_of(workspace, patterns)
    for path in found:
        copy = target / (path.relative_to(root) if path.is_relative_to(root) else path.name)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    noun = "file" if len(found) == 1 else "files"
    return Done(f"{len(found)} {noun} kept as {name}", {"artifact-id": str(len(list(artifacts.iterdir())))})


def _download(inputs: Mapping[str, str], workspace: Path, artifacts: Path) -> Done:
    name, pattern = inputs.get("name", ""), inputs.get("pattern", "")
    target = workspace / Path(inputs.get("path", "") or ".").expanduser()
    there = sorted(path.name for path in artifacts.iterdir()) if artifacts.is_dir() else []
    if name:
        if name not in there:
            return Done("", error=f"there is no artifact {name!r}; there is {', '.join(there) or 'none'}")
        chosen = [name]
    else:
        chosen = [one for one in there if not pattern or Path(one).match(pattern)]
    together = bool(name) or inputs.get("merge-multiple", "").lower() == "true"
    for one in chosen:
        # Execute bits are lost, as they are in the archives of artifacts.
        shutil.copytree(
            artifacts / one, target if together else target / one, dirs_exist_ok=True, copy_function=shutil.copyfile
        )
    return Done(", ".join(chosen) or "there are no artifacts", {"download-path": str(target)})


_ACTIONS: Mapping[str, StandIn] = {
    "actions/checkout": _checkout,
    "actions/setup-python": _setup_python,
    "actions/cache": _cache,
    "actions/cache/restore": _cache,
    "actions/cache/save": _cache,
    "actions/upload-artifact": _upload,
    "actions/download-artifact": _download,
}
