"""Begins, signals and buries the processes of tasks for an executor, and leaves nothing of them behind.

Knows neither how a process comes to be, by a fork or a spawn, nor what it does.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

from tidemill.core.crash import point
from tidemill.worker.apart import set_apart, set_socket_apart
from tidemill.worker.control import LEFT_CLEAN, Order, receive, send
from tidemill.worker.kernel import children, peak_bytes, with_descendants
from tidemill.worker.libraries import library_folders

BEFORE_FORK = point("template.before-fork")
AFTER_FORK = point("template.after-fork")

_LINGER_SECONDS = 1.0


def _imported() -> Order:
    """The modules that children find loaded, and the files of those that are not installed."""
    installed = tuple(library_folders())
    files = (getattr(module, "__file__", None) for module in tuple(sys.modules.values()))
    own = {file for file in files if isinstance(file, str) and not file.startswith(installed)}
    return {"modules": sorted(sys.modules), "files": sorted(map(os.path.realpath, own))}


@dataclass(slots=True)
class Berth:
    """A channel and two pipes that belong to one process after the other; `pid` is 0 while nobody is there."""

    number: int
    shared: bool
    descriptors: tuple[int, int, int]
    pid: int = 0


@dataclass(slots=True)
class _Ended:
    """A process that is over, while some of what it left behind is still dying."""

    order: Order
    left: set[int]
    since: float


Begin = Callable[[Berth], int]
"""Starts the process of a berth; its number. Raises OSError."""


class Nursery:
    """Takes the orders `berth`, `close` and `signal` from its executor and tells what became of each process.

    A process that leaves nothing behind is followed by another one in its berth at once; after any other the berth is
    left empty.
    """

    def __init__(self, control: socket.socket, begin: Begin, spawn_because: str = "") -> None:
        self._begin_process = begin
        self._spawn_because = spawn_because
        self._berths: dict[int, Berth] = {}
        self._by_pid: dict[int, Berth] = {}
        self._ended: list[_Ended] = []
        self._home = os.getpid()
        # What the imports have started is theirs and lives as long as this process.
        self._own = set(children())
        self._stopping = False
        self._alarm, self._ring = map(set_socket_apart, socket.socketpair())
        for end in (self._alarm, self._ring):
            end.setblocking(False)
        self._control = set_socket_apart(control)
        self._poll = select.poll()
        self._poll.register(self._control, select.POLLIN)
        self._poll.register(self._alarm, select.POLLIN)

    def run(self) -> None:
        """Until the executor closes the control socket or this process is told to end; then nothing of it is left."""
        # Python counts native threads too; whether these matter was found out before.
        warnings.filterwarnings("ignore", ".*use of fork\\(\\) may lead to deadlocks", DeprecationWarning)
        signal.set_wakeup_fd(self._ring.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _nothing)
        signal.signal(signal.SIGTERM, self._on_term)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            ready = "spawn" if self._spawn_because else "fork"
            send(self._control, {"ready": ready, "why": self._spawn_because, **_imported()})
            while not self._stopping and self._turn():
                pass
        except OSError:
            # The executor is gone.
            pass
        finally:
            self._kill_all()

    def _on_term(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() == self._home:
            self._stopping = True
        else:
            # Forked, and not yet under a ticket that could be cancelled.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)

    def _turn(self) -> bool:
        for descriptor, _ in self._poll.poll(_LINGER_SECONDS * 1000 if self._ended else None):
            if descriptor == self._alarm.fileno():
                with contextlib.suppress(BlockingIOError):
                    self._alarm.recv(4096)
            elif not self._obey():
                return False
        self._reap()
        return True

    def _obey(self) -> bool:
        match receive(self._control):
            case None:
                return False
            case {"berth": int(number), "shared": bool(shared)}, [channel, output, errors]:
                self._make(number, shared, channel, output, errors)
            case {"close": int(number)}, []:
                self._clear(number)
            case {"signal": int(number), "with": int(sign)}, []:
                self._signal(number, sign)
        return True

    def _signal(self, number: int, sign: int) -> None:
        berth = self._berths.get(number)
        if berth is not None and berth.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                # Until the process has made its own group, it is in ours.
                if os.getpgid(berth.pid) == berth.pid:
                    os.killpg(berth.pid, sign)
                else:
                    os.kill(berth.pid, sign)

    def _make(self, number: int, shared: bool, *descriptors: int) -> None:
        channel, output, errors = map(set_apart, descriptors)
        berth = self._berths[number] = Berth(number, shared, (channel, output, errors))
        try:
            pid = self._begin(berth)
        except OSError as error:
            self._clear(number)
            send(self._control, {"failed": number, "why": f"no process could be started: {error.strerror}"})
            return
        send(self._control, {"in": number, "pid": pid})

    def _clear(self, number: int) -> None:
        self._signal(number, signal.SIGKILL)
        berth = self._berths.pop(number, None)
        if berth is not None:
            for descriptor in berth.descriptors:
                os.close(descriptor)

    # --- beginning ----------------------------------------------------------------------------------------------------

    def _begin(self, berth: Berth) -> int:
        BEFORE_FORK()
        pid = self._begin_process(berth)
        AFTER_FORK()
        berth.pid = pid
        self._by_pid[pid] = berth
        return pid

    # --- ending -------------------------------------------------------------------------------------------------------

    def _reap(self) -> None:
        orphans = False
        while self._by_pid or self._own or self._ended:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                break
            if found is None:
                break
            pid = found.si_pid
            if found.si_status == LEFT_CLEAN and found.si_code == os.CLD_EXITED and pid in self._by_pid:
                self._succeed(pid)
            else:
                orphans |= pid not in self._by_pid and pid not in self._own
                self._bury(pid)
        if orphans and (left := self._kill_left_behind()):
            # What they had started themselves has come to us.
            for ended in self._ended:
                ended.left |= left
        for ended in tuple(self._ended):
            if not ended.left or time.monotonic() - ended.since > _LINGER_SECONDS:
                self._ended.remove(ended)
                send(self._control, ended.order)

    def _succeed(self, pid: int) -> None:
        """It left nothing behind: the next one takes its place."""
        berth = self._by_pid.pop(pid)
        _, status, usage = os.wait4(pid, 0)
        berth.pid = successor = 0
        if berth.number in self._berths:
            with contextlib.suppress(OSError):
                successor = self._begin(berth)
        send(self._control, _exit_of(berth, status, usage, successor))

    def _bury(self, pid: int) -> None:
        berth = self._by_pid.get(pid)
        if berth is not None:
            # Before it is waited for: the dead leader keeps the number of its group from being given away.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        self._own.discard(pid)
        for ended in self._ended:
            ended.left.discard(pid)
        if berth is None:
            return
        del self._by_pid[pid]
        berth.pid = 0
        order = _exit_of(berth, status, usage, 0)
        self._ended.append(_Ended(order, self._kill_left_behind(), time.monotonic()))

    def _kill_left_behind(self) -> set[int]:
        """Whatever is a child of this process and was not begun by it was left behind by one that is over."""
        left = set(children()) - self._by_pid.keys() - self._own
        for pid in with_descendants(left):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        return left

    def _kill_all(self) -> None:
        for pid in self._by_pid:
            for kill in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    kill(pid, signal.SIGKILL)
        self._by_pid.clear()
        self._own.clear()
        # Those of the dead are ours then; so are, after these, their own.
        while left := self._kill_left_behind():
            for pid in left:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def _exit_of(berth: Berth, status: int, usage: resource.struct_rusage, successor: int) -> Order:
    return {
        "exit": berth.number,
        "status": status,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": peak_bytes(usage),
        "next": successor,
    }


def _nothing(number: int, frame: FrameType | None) -> None:
    pass
