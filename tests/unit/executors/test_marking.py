"""Whoever carries a mark is found, and nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tidemill.executors import marking

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the environment of processes")
Started = subprocess.Popen[bytes]


@pytest.fixture
def started() -> Iterator[list[Started]]:
    found: list[Started] = []
    yield found
    for one in found:
        one.kill()
        one.wait()


def start(started: list[Started], mark: str) -> Started:
    environment = {**os.environ, marking.VARIABLE: mark}
    started.append(subprocess.Popen(["sleep", "600"], env=environment, start_new_session=True))
    return started[-1]


def test_those_with_the_mark_are_ended(started: list[Started]) -> None:
    mark, other = marking.new_mark(), marking.new_mark()
    assert mark != other
    ours, theirs = [start(started, mark) for _ in range(2)], start(started, other)
    assert marking.end_all(mark) == 2
    assert [one.wait() for one in ours] == [-signal.SIGKILL] * 2
    assert theirs.poll() is None


def test_those_of_the_living_are_left_alone(started: list[Started]) -> None:
    one = start(started, marking.new_mark())
    marking.end_those_of_the_dead()
    assert one.poll() is None


def test_those_of_the_dead_are_ended(started: list[Started]) -> None:
    program = "from tidemill.executors.marking import new_mark; print(new_mark())"
    mark = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()
    namespace, _, rest = mark.partition(".")
    elsewhere = start(started, f"{namespace}1.{rest}")
    malformed = start(started, "no mark")
    one = start(started, mark)
    assert marking.end_those_of_the_dead() >= 1
    assert one.wait() == -signal.SIGKILL
    assert elsewhere.poll() is None
    assert malformed.poll() is None
