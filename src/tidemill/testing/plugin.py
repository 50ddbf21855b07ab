"""The pytest plugin: the fixture `tidemill`, the option --tidemill-home, a report on the runs of tests that failed.

Every pytest of an environment with Tidemill loads it, so it imports nothing until a test asks for the fixture.
"""

from __future__ import annotations

import hashlib
import importlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tidemill.testing.harness import Harness

_OPTION = "tidemill_home"
_DATABASE = "tidemill.db"
_LONGEST = 80
_SHOWN = 5
_used = pytest.StashKey["Harness"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("tidemill").addoption(
        "--tidemill-home",
        dest=_OPTION,
        metavar="DIR",
        default="",
        help="keep what the runs of each test left, in a folder below DIR, for `tidemill --home` to look at",
    )


@pytest.fixture
def tidemill(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """Run pipelines in this process, with tasks replaced and on a clock that leaps: `tidemill.run(churn, {...})`.

    What it can do: `python -m pydoc tidemill.testing.Harness`.
    """
    inline = importlib.import_module("tidemill.testing.harness").inline
    kept = request.config.getoption(_OPTION)
    # Not as seen from the current folder: a test may have changed it.
    below = request.config.invocation_params.dir / kept
    home = _fresh(below, request.node.nodeid) if kept else tmp_path_factory.mktemp("tidemill")
    try:
        with inline(home) as harness:
            request.node.stash[_used] = harness
            yield harness
    finally:
        if _used in request.node.stash:
            del request.node.stash[_used]
        if not kept:
            shutil.rmtree(home, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    found = outcome.get_result()
    harness = item.stash.get(_used, None)
    if harness is None or not found.failed or found.when == "teardown":
        return
    try:
        found.sections += _sections(harness, bool(item.config.getoption(_OPTION)), found.longreprtext)
    except Exception as error:
        # The test's own failure must be seen, whatever has become of its runs.
        found.sections.append(("tidemill", f"its runs cannot be shown: {type(error).__name__}: {error}"))


def _sections(harness: Harness, kept: bool, told: str) -> list[tuple[str, str]]:
    """What to show of the runs of a test besides what pytest has told already."""
    shown = harness.runs[-_SHOWN:]
    sections = []
    for run in shown:
        lines = [] if f"run {run.id} of" in told else [run.report]
        if kept:
            lines.append(f"tidemill --home {harness.home} show {run.id}")
        elif run is shown[-1]:
            lines.append("`pytest --tidemill-home=DIR` keeps the runs, for `tidemill show` and `logs`")
        if lines:
            sections.append((f"tidemill: run of {run.record.pipeline} {run.state}", "\n\n".join(lines)))
    if len(harness.runs) > len(shown):
        sections.append(("tidemill", f"{len(harness.runs) - len(shown)} earlier runs of this test are not shown"))
    return sections


def _fresh(folder: Path, test: str) -> Path:
    """An empty folder for a test. What an earlier run of the same test left is removed, and nothing else ever is."""
    name = re.sub(r"[^A-Za-z0-9_.]+", "-", test).strip("-.")
    if len(name) > _LONGEST or not re.fullmatch(r"[A-Za-z0-9_./:]+", test):
        # Others may look the same by now.
        name = f"{name[-_LONGEST:]}-{hashlib.blake2b(test.encode(), digest_size=4).hexdigest()}"
    home = folder / name
    if home.exists() and any(home.iterdir()):
        if not (home / _DATABASE).is_file():
            raise pytest.UsageError(f"--tidemill-home: {home} is not empty, and no home of Tidemill's")
        shutil.rmtree(home)
    return home
