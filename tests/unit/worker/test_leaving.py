"""What a task registers for the end is noticed, what an import of logging registers by itself is not."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import sys
{before}
from tidemill.worker.leaving import begin_watching, do_exit_work, has_exit_work
begin_watching()
assert not has_exit_work()
{then}
print(has_exit_work())
do_exit_work()
import os
os._exit(0)
"""
_BUFFERED = """
import logging.handlers
handler = logging.handlers.MemoryHandler(10, target=logging.StreamHandler(sys.stdout))
logging.getLogger("some").warning("to the last resort")
logging.getLogger("some").addHandler(handler)
logging.getLogger("some").warning("held back")
"""


def said(before: str, then: str) -> tuple[list[str], list[str]]:
    """The lines on standard output and on standard error."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(before=before, then=then)],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout.splitlines(), done.stderr.splitlines()


@pytest.mark.parametrize("before", ["", "import logging", "import atexit; atexit.register(print, 'early')"])
@pytest.mark.parametrize("then", ["", "import logging", "import logging, random, threading, asyncio"])
def test_an_import_is_no_work_for_the_end(before: str, then: str) -> None:
    out, err = said(before, then)
    assert out[0] == "False"
    assert err == []


@pytest.mark.parametrize("before", ["", "import logging"])
@pytest.mark.parametrize("first", ["", "import logging"])
def test_what_is_registered_is_done(before: str, first: str) -> None:
    out, _ = said(before, f"{first}\nimport atexit; atexit.register(print, 'bye')\nimport logging")
    assert out == ["True", "bye"]


@pytest.mark.parametrize("before", ["", "import logging"])
def test_logs_that_are_held_back_are_written(before: str) -> None:
    out, err = said(before, _BUFFERED)
    assert out == ["True", "held back"]
    assert err == ["to the last resort"]


@pytest.mark.parametrize("before", ["", "import logging"])
def test_the_logger_of_tasks_writes_to_standard_error_as_it_is_then(before: str) -> None:
    out, err = said(
        before, "import logging; sys.stderr = sys.stdout; logging.getLogger('tidemill.task').info('a %d', 1)"
    )
    assert out == ["INFO a 1", "False"]
    assert err == []


def test_what_fails_at_the_end_keeps_nothing_else_from_being_done() -> None:
    out, _ = said("", "import atexit; atexit.register(print, 'second'); atexit.register(lambda: 1 / 0)")
    assert out == ["True", "second"]
