"""What git knows of a folder that workflows ask for: commit, branch or tag, and the name of the repository."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

NO_COMMIT = "0" * 40


@dataclass(frozen=True, slots=True)
class GitFacts:
    """`root` is the folder of the work tree, or the folder asked about; `there` is False if git knows nothing of it."""

    there: bool
    root: Path
    sha: str
    ref: str
    repository: str
    author: str


def git_facts(folder: Path) -> GitFacts:
    root = _git(folder, "rev-parse", "--show-toplevel")
    where = Path(root) if root else folder.resolve()
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", where.name) or "project"
    if not root:
        return GitFacts(False, where, NO_COMMIT, "refs/heads/main", f"local/{name}", "")
    return GitFacts(
        True,
        where,
        _git(folder, "rev-parse", "--verify", "--quiet", "HEAD") or NO_COMMIT,
        _git(folder, "symbolic-ref", "--quiet", "HEAD") or "refs/heads/main",
        repository_name(_git(folder, "config", "--get", "remote.origin.url")) or f"local/{name}",
        _git(folder, "config", "--get", "user.name"),
    )


def repository_name(url: str) -> str:
    """`owner/name` of a remote; whatever else the address holds, such as a password, is left out."""
    found = re.search(r"[:/]([A-Za-z0-9_.-]+)/([A-Za-z0-9_.-]+?)(?:\.git)?/?$", url)
    return f"{found[1]}/{found[2]}" if found else ""


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, encoding="utf-8", check=False, timeout=30
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
