"""The commit that is checked out where code runs, as git says it; nothing where there is no git or no repository."""

from __future__ import annotations

import os
import subprocess
from typing import NamedTuple

_PATIENCE_S = 5.0


class Commit(NamedTuple):
    """`changed`: files of the repository differ from the commit."""

    id: str
    branch: str
    changed: bool


def commit_here() -> Commit | None:
    """Of the current folder; None where there is none to see, or git takes too long."""
    head = _git("rev-parse", "HEAD")
    if not head:
        return None
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return Commit(head, _git("rev-parse", "--abbrev-ref", "HEAD") or "", changed is None or bool(changed))


def _git(*arguments: str) -> str | None:
    # A folder may name programs of its own for git to run when it looks at files.
    quiet = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", *quiet, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
