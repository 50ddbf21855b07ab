"""Helpers that stand still are woken, then ended; those that go on by themselves are left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tidemill.executors.standstill import Standstill, is_stopped


class Helpers:
    def __init__(self) -> None:
        self.time = 0.0
        self.stopped: set[int] = set()
        self.standstill = Standstill(4.0, self.stopped.__contains__, lambda: self.time)

    def at(self, time: float) -> list[tuple[int, signal.Signals]]:
        self.time = time
        return self.standstill.check([1, 2])


def test_who_stands_still_is_woken_and_then_ended() -> None:
    helpers = Helpers()
    assert helpers.standstill.due == 2.0
    helpers.stopped.add(2)
    assert helpers.at(2.0) == []
    assert helpers.standstill.due == 4.0
    assert helpers.at(4.0) == []
    assert helpers.at(6.0) == [(2, signal.SIGCONT)]
    assert helpers.at(8.0) == []
    assert helpers.at(10.0) == [(2, signal.SIGKILL)]


def test_who_goes_on_has_all_the_time_again() -> None:
    helpers = Helpers()
    helpers.stopped.add(1)
    assert helpers.at(0.0) == []
    assert helpers.at(4.0) == [(1, signal.SIGCONT)]
    helpers.stopped.clear()
    assert helpers.at(6.0) == []
    helpers.stopped.add(1)
    assert helpers.at(8.0) == helpers.at(11.0) == []
    assert helpers.at(12.0) == [(1, signal.SIGCONT)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows it")
def test_a_real_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert not is_stopped(process.pid)
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        assert is_stopped(process.pid)
        process.kill()
    assert not is_stopped(process.pid)
