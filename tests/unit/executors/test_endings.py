"""The words and kinds of every way in which an attempt's process can end."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from tidemill.core.causes import Cause, CauseKind
from tidemill.core.records import Gone, Report, Usage
from tidemill.core.sizes import size_text
from tidemill.core.states import AttemptState
from tidemill.executors.endings import Exit, Seen, describe_status, ending
from tidemill.executors.environment import clean_environment

CANCEL = Cause(CauseKind.CANCELLED, "cancelled by ann", by="ann")
GOOD = Report("a", AttemptState.SUCCEEDED, {"result": 1}, notes=("one",))
ASKED = Report("a", AttemptState.CANCELLED, cause=Cause(CauseKind.CANCELLED, "ended by SIGTERM"))
SEEN = Seen("a", Exit(0, 1.5, 10), report=GOOD, wall_s=2.0)


def exited(code: int) -> int:
    return code << 8


def test_a_report_gets_the_usage_of_the_process_and_all_notes() -> None:
    end = ending(replace(SEEN, notes=("two",)))
    assert isinstance(end, Report)
    assert end.usage == Usage(2.0, 1.5, 10)
    assert end.notes == ("one", "two")


def test_a_crash_after_the_report_changes_nothing() -> None:
    end = ending(replace(SEEN, exit=Exit(signal.SIGSEGV)))
    assert isinstance(end, Report)
    assert end.state is AttemptState.SUCCEEDED


def test_a_success_stands_though_it_was_being_stopped() -> None:
    assert isinstance(ending(replace(SEEN, stopped=CANCEL)), Report)


def test_who_cancelled_is_told_by_the_owner() -> None:
    end = ending(replace(SEEN, report=ASKED, stopped=CANCEL))
    assert isinstance(end, Report)
    assert end.cause == CANCEL


def test_a_cancellation_that_nobody_asked_for_is_a_loss() -> None:
    end = ending(replace(SEEN, report=ASKED))
    assert isinstance(end, Gone)
    assert end.cause.kind is CauseKind.INFRASTRUCTURE
    assert end.lost


@pytest.mark.parametrize(
    ("exit", "kills", "lost"),
    [
        (Exit(lost="the template died"), None, True),
        (Exit(signal.SIGKILL), 0, True),
        (Exit(signal.SIGTERM), None, True),
        (Exit(signal.SIGKILL), 1, False),
        (Exit(signal.SIGSEGV), None, False),
        (Exit(exited(3)), None, False),
    ],
)
def test_what_is_taken_away_is_lost_and_what_dies_of_itself_has_failed(
    exit: Exit, kills: int | None, lost: bool
) -> None:
    end = ending(Seen("a", exit, memory_kills=kills))
    assert isinstance(end, Gone)
    assert end.lost is lost


def test_a_timeout_stands_whatever_is_reported_afterwards() -> None:
    cause = Cause(CauseKind.TIMED_OUT, "too long")
    end = ending(replace(SEEN, stopped=cause, timed_out=True))
    assert isinstance(end, Gone)
    assert end.timed_out
    assert end.cause == cause


@pytest.mark.parametrize(
    ("exit", "kills", "words", "name"),
    [
        (Exit(signal.SIGSEGV | 0x80), 0, "killed by SIGSEGV, a crash in native code", "SIGSEGV"),
        (Exit(signal.SIGABRT), 0, "killed by SIGABRT, a crash in native code", "SIGABRT"),
        (Exit(signal.SIGKILL, 0, 1_200_000_000), 0, "by something outside, peak memory 1.2 GB", "SIGKILL"),
        (Exit(signal.SIGKILL, 0, 1_200_000_000), None, "by something outside, peak memory 1.2 GB", "SIGKILL"),
        (Exit(signal.SIGKILL, 0, 1_200_000_000), 1, "out of memory", "SIGKILL"),
        (Exit(signal.SIGTERM), 0, "killed by SIGTERM by something outside", "SIGTERM"),
        (Exit(exited(3)), 0, "exited with code 3 before reporting: os._exit", ""),
        (Exit(exited(0)), 0, "exited with code 0 before reporting", ""),
        (Exit(exited(81)), 0, "it lost its channel", ""),
        (Exit(lost="the template died"), 0, "the template died", ""),
    ],
)
def test_causes_of_a_process_that_is_gone(exit: Exit, kills: int | None, words: str, name: str) -> None:
    end = ending(Seen("a", exit, memory_kills=kills))
    assert isinstance(end, Gone)
    assert end.cause.kind is CauseKind.INFRASTRUCTURE
    assert words in end.cause.message
    assert end.cause.signal == name


def test_broken_bytes_come_before_the_signal_that_ended_them() -> None:
    end = ending(Seen("a", Exit(signal.SIGKILL), broken="a frame of 4 GB"))
    assert isinstance(end, Gone)
    assert "a frame of 4 GB" in end.cause.message


def test_words() -> None:
    assert describe_status(signal.SIGRTMIN + 3).startswith("killed by ")
    assert describe_status(exited(2)) == "exited with code 2"
    assert [size_text(n) for n in (0, 999, 1000, 1_234_567, 10**15)] == [
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "1.2 MB",
        "1000.0 TB",
    ]


def test_only_what_is_allowed_or_given_passes() -> None:
    outside = {"PATH": "p", "LC_ALL": "C", "AWS_SECRET_ACCESS_KEY": "s", "TIDEMILL_DATABASE_URL": "u"}
    assert clean_environment({"MINE": "1", "PATH": "q"}, outside) == {
        "PATH": "q",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "0",
        "MINE": "1",
    }
