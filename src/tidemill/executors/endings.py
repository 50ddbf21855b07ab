"""How an attempt ended, from all that was seen of its process: one message, a report or a `Gone` whose cause says why.

Pure: signals, exit statuses and figures in, words out.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, replace

from tidemill.core.causes import Cause, CauseKind
from tidemill.core.records import Gone, Report, Usage
from tidemill.core.sizes import size_text
from tidemill.core.states import AttemptState
from tidemill.worker.control import NO_CHANNEL


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of a process: its wait status, or why nobody could wait for it (`lost`); seconds of processor, bytes."""

    status: int = 0
    cpu_s: float = 0.0
    peak_bytes: int = 0
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is known when an attempt's process is gone, or, without `exit`, has reported and left nothing behind.

    `stopped`: why this executor ended it, if it did. `broken`: what was wrong with the bytes it sent. `memory_kills`:
    how often the kernel killed for want of memory meanwhile, None if that cannot be seen.
    """

    attempt: str
    exit: Exit | None
    report: Report | None = None
    stopped: Cause | None = None
    timed_out: bool = False
    broken: str = ""
    wall_s: float = 0.0
    memory_kills: int | None = None
    notes: tuple[str, ...] = ()


def ending(seen: Seen) -> Report | Gone:
    """The one message that ends the attempt."""
    usage = _usage(seen)
    if seen.report is not None and not seen.timed_out:
        report = replace(seen.report, usage=usage, notes=(*seen.report.notes, *seen.notes))
        if report.state is not AttemptState.CANCELLED:
            return report
        if seen.stopped is not None:
            return replace(report, cause=seen.stopped)
        if report.cause is not None and report.cause.signal == "SIGINT":
            # No keyboard reaches the group of a task: its own code raised this.
            raised = Cause(CauseKind.USER_CODE, "the task raised KeyboardInterrupt", classes=("KeyboardInterrupt",))
            return replace(report, state=AttemptState.FAILED, cause=raised)
        message = "ended by SIGTERM from outside"
        return Gone(seen.attempt, Cause(CauseKind.INFRASTRUCTURE, message, signal="SIGTERM"), usage, lost=True)
    if seen.stopped is not None:
        return Gone(seen.attempt, _with_exit(seen.stopped, seen.exit), usage, timed_out=seen.timed_out)
    return Gone(seen.attempt, _cause(seen), usage, lost=_taken_away(seen))


def never_started(attempt: str, why: str) -> Gone:
    """The end of an attempt that no process could be found for."""
    return Gone(attempt, Cause(CauseKind.INFRASTRUCTURE, why), lost=True)


def describe_status(status: int) -> str:
    """A wait status in words: `killed by SIGSEGV`, `exited with code 3`."""
    if os.WIFSIGNALED(status):
        return f"killed by {signal_name(os.WTERMSIG(status))}"
    return f"exited with code {os.waitstatus_to_exitcode(status)}"


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _usage(seen: Seen) -> Usage:
    if seen.report is not None and (seen.exit is None or seen.exit.lost):
        return seen.report.usage
    if seen.exit is None:
        return Usage(seen.wall_s)
    return Usage(seen.wall_s, seen.exit.cpu_s, seen.exit.peak_bytes)


def _with_exit(cause: Cause, end: Exit | None) -> Cause:
    if end is None or end.lost or not os.WIFSIGNALED(end.status):
        return cause
    return replace(cause, signal=signal_name(os.WTERMSIG(end.status)))


def _cause(seen: Seen) -> Cause:
    end = seen.exit or Exit()
    if seen.broken:
        message = f"the process of the task sent something that is not a message, and was ended: {seen.broken}"
        return Cause(CauseKind.INFRASTRUCTURE, message)
    if end.lost:
        return Cause(CauseKind.INFRASTRUCTURE, end.lost)
    if os.WIFSIGNALED(end.status):
        return _killed(seen, os.WTERMSIG(end.status))
    code = os.waitstatus_to_exitcode(end.status)
    how = "it lost its channel to the run" if code == NO_CHANNEL else "os._exit, or a crash in native code"
    return Cause(
        CauseKind.INFRASTRUCTURE, f"the process exited with code {code} before reporting: {how}", exit_code=code
    )


_FROM_OUTSIDE = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})


def _taken_away(seen: Seen) -> bool:
    """Whether something outside ended the process; a crash, an exit or too much memory is the task's own doing."""
    end = seen.exit or Exit()
    if end.lost:
        return True
    if seen.broken or not os.WIFSIGNALED(end.status):
        return False
    number = os.WTERMSIG(end.status)
    return number in _FROM_OUTSIDE or (number == signal.SIGKILL and not seen.memory_kills)


def _killed(seen: Seen, number: int) -> Cause:
    name = signal_name(number)
    peak = size_text(seen.exit.peak_bytes if seen.exit is not None else 0)
    match number:
        case signal.SIGKILL if seen.memory_kills:
            why = f"killed by SIGKILL, out of memory (the kernel ended processes to get some), peak memory {peak}"
        case signal.SIGKILL:
            why = f"killed by SIGKILL by something outside, peak memory {peak}"
        case signal.SIGTERM | signal.SIGINT | signal.SIGHUP | signal.SIGQUIT:
            why = f"killed by {name} by something outside"
        case signal.SIGXCPU:
            why = "killed by SIGXCPU: its limit of processor time was used up"
        case _:
            why = f"killed by {name}, a crash in native code; its log may end with the Python stack"
    return Cause(CauseKind.INFRASTRUCTURE, why, signal=name)
