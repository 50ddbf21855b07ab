"""The commit that is noted with a version: that of the folder, with whether files differ from it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tidemill.lifecycle.registry.commit import commit_here


def git(*arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *who, *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


def test_a_commit_and_whether_files_differ(here: Path) -> None:
    git("init", "--quiet", "--initial-branch=main")
    assert commit_here() is None
    (here / "a.py").write_text("1")
    git("add", "a.py")
    git("commit", "--quiet", "-m", "first")
    found = commit_here()
    assert found is not None
    assert (found.id, found.branch, found.changed) == (git("rev-parse", "HEAD"), "main", False)
    (here / "a.py").write_text("2")
    changed = commit_here()
    assert changed is not None
    assert changed.changed


def test_no_repository_and_no_git(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert commit_here() is None
    monkeypatch.setenv("PATH", str(here))
    assert commit_here() is None


def test_a_repository_names_no_program_that_is_run(here: Path) -> None:
    git("init", "--quiet")
    (here / "evil.sh").write_text(f"#!/bin/sh\ntouch {here}/ran\n")
    (here / "evil.sh").chmod(0o755)
    (here / "a.py").write_text("1")
    git("add", "a.py")
    git("commit", "--quiet", "-m", "first")
    git("config", "core.fsmonitor", str(here / "evil.sh"))
    (here / "a.py").write_text("2")
    assert commit_here() is not None
    assert not (here / "ran").exists()
