"""No file of the repository names a machine it was written on, or the registry its packages came from."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.rules.sources import ROOT

# In pieces, because this file is read too.
_FOLDERS = ("farm", "home/[a-z]", "root", "Users/[A-Za-z]", "work")
_HOSTS = (r"pypi\.org", r"files\.pythonhosted", r"registry\.npmjs", r"registry\.yarnpkg")
FORBIDDEN = re.compile(rf"(?<![\w.<>}}-])/(?:{'|'.join(_FOLDERS)})[\w.-]*/|{'|'.join(_HOSTS)}")
LOCK_FILES_WITH_ADDRESSES = ("uv" + ".lock", "poetry" + ".lock", "Pipfile" + ".lock")


def _files() -> list[str]:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip("this is not a checkout of the repository")
    return [name for name in listing.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = []
    for name in _files():
        content = (ROOT / name).read_bytes()
        if b"\0" in content:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            if match := FORBIDDEN.search(line):
                found.append(f"{name}:{number}: {match[0]}")
    assert found == []


@pytest.mark.parametrize(
    ("line", "forbidden"),
    [
        ("see /" + "work/main/x", True),
        ("'/" + "root/.cache'", True),
        ("file:///" + "home/ann/x", True),
        ("https://py" + "pi.org/simple", True),
        ("https://registry.npm" + "js.org/react", True),
        ("src/" + "work/x, {home}/" + "root/x", False),
        ("the package index, pip and npm", False),
    ],
)
def test_the_pattern_knows_what_it_looks_for(line: str, forbidden: bool) -> None:
    assert bool(FORBIDDEN.search(line)) is forbidden


def test_no_lock_file_records_addresses() -> None:
    assert [name for name in LOCK_FILES_WITH_ADDRESSES if (ROOT / name).exists()] == []
