"""The process that tasks are forked from has imported little: each fork pays for all that is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FORBIDDEN = [
    "_bz2",
    "_hashlib",
    "_lzma",
    "_ssl",
    "asyncio",
    "concurrent.futures",
    "csv",
    "email",
    "hashlib",
    "importlib.abc",
    "importlib.metadata",
    "importlib.resources",
    "logging",
    "multiprocessing",
    "platform",
    "random",
    "secrets",
    "shutil",
    "ssl",
    "subprocess",
    "sysconfig",
    "tempfile",
    "threading",
    "zipfile",
    "zlib",
]

_PROGRAM = """
import sys
before = set(sys.modules)
import tidemill.worker.template
from tidemill.worker.child import get_ready
from tidemill.worker.setting import Setting
from tidemill.worker.warming import import_asyncio, import_codecs, warm_up

get_ready()
entry = Setting("an_entry", sys.argv[1]).import_entry(tell=True) if sys.argv[1] else None
import_codecs()
if entry is not None:
    import_asyncio(vars(entry))
warm_up()
print(*sorted(set(sys.modules) - before))
"""


def imported(tmp_path: Path, text: str = "") -> set[str]:
    """The modules that are there before the first fork for an entry of this text."""
    file = tmp_path / "an_entry.py"
    file.write_text(text)
    # Without `site`, where a virtual environment may import whatever it likes.
    paths = [path for path in sys.path if path]
    program = f"import sys; sys.path[:] = {paths!r}\n{_PROGRAM}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(file) if text else ""],
        capture_output=True,
        encoding="utf-8",
        check=True,
        cwd=tmp_path,
    )
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "def f(): return 1",
        "from tidemill import current, each, pipeline, task, zipped\n@task\ndef f(a: int) -> int: return a",
    ],
    ids=["no entry", "a plain function", "a task"],
)
def test_what_few_tasks_need_is_not_there(tmp_path: Path, text: str) -> None:
    found = imported(tmp_path, text)
    assert "tidemill.worker.execute" in found
    assert ("an_entry" in found) is bool(text)
    assert not found & set(FORBIDDEN)


def test_what_the_entry_imports_brings_along_what_its_tasks_need(tmp_path: Path) -> None:
    found = imported(tmp_path, "import logging, random")
    assert {"logging", "random", "tidemill.worker.task_log"} <= found
    assert "asyncio" not in found


def test_what_awaits_tasks_is_there_if_one_is_to_be_awaited(tmp_path: Path) -> None:
    found = imported(tmp_path, "from tidemill import task\n@task\nasync def f() -> int: return 1")
    assert {"asyncio", "tidemill.worker.awaiting"} <= found
