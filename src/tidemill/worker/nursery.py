"""Begins, signals and buries the processes of tasks for an executor, and leaves nothing of them behind.

Knows how a task's process comes to be, by a fork or a spawn; not what it does.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import traceback
import warnings
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from tidemill.core.crash import point
from tidemill.worker.child import leave, serve, take_over
from tidemill.worker.control import Order, receive, send
from tidemill.worker.kernel import children, peak_bytes
from tidemill.worker.setting import Setting

BEFORE_FORK = point("template.before-fork")
AFTER_FORK = point("template.after-fork")

_LINGER_SECONDS = 1.0
_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_SIGNALS = {signal.SIGCHLD, signal.SIGTERM}


def _imported() -> Order:
    """The modules that children find loaded, and the files of those that are not installed."""
    files = (getattr(module, "__file__", None) for module in tuple(sys.modules.values()))
    own = {file for file in files if isinstance(file, str) and not file.startswith(_INSTALLED)}
    return {"modules": sorted(sys.modules), "files": sorted(map(os.path.realpath, own))}


@dataclass(slots=True)
class _Ended:
    """A child that is over, while some of what it left behind is still dying."""

    order: Order
    left: set[int]
    since: float


class Nursery:
    """Takes the orders `fork` and `signal` from its executor and tells what became of each child."""

    def __init__(self, control: socket.socket, setting: Setting) -> None:
        self._control = control
        self._setting = setting
        self._children: dict[int, int] = {}
        self._ended: list[_Ended] = []
        # What the imports have started is theirs and lives as long as this process.
        self._own = set(children())
        self._stopping = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._alarm, self._ring = socket.socketpair()
        for end in (self._alarm, self._ring):
            end.setblocking(False)
        self._selector.register(self._alarm, selectors.EVENT_READ)

    def run(self) -> None:
        """Until the executor closes the control socket or this process is told to end; then nothing of it is left."""
        signal.set_wakeup_fd(self._ring.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_term)
        why = self._setting.spawn_because
        try:
            send(self._control, {"ready": "spawn" if why else "fork", "why": why, **_imported()})
            while not self._stopping and self._turn():
                pass
        except OSError:
            # The executor is gone.
            pass
        finally:
            self._kill_all()

    def _on_term(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _turn(self) -> bool:
        for key, _ in self._selector.select(_LINGER_SECONDS if self._ended else None):
            if key.fileobj is self._alarm:
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
            case {"fork": int(number)}, [channel, output, errors]:
                self._begin(number, channel, output, errors)
            case {"signal": int(number), "with": int(sign)}, []:
                self._signal(number, sign)
        return True

    def _signal(self, number: int, sign: int) -> None:
        for pid, known in self._children.items():
            if known == number:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    # Until the child has made its own group, it is in ours.
                    if os.getpgid(pid) == pid:
                        os.killpg(pid, sign)
                    else:
                        os.kill(pid, sign)

    # --- beginning ----------------------------------------------------------------------------------------------------

    def _begin(self, number: int, *descriptors: int) -> None:
        BEFORE_FORK()
        try:
            pid = self._spawn(*descriptors) if self._setting.spawn_because else self._fork(*descriptors)
        except OSError as error:
            send(self._control, {"failed": number, "why": f"no process could be started: {error.strerror}"})
            return
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        AFTER_FORK()
        self._children[pid] = number
        send(self._control, {"child": number, "pid": pid})

    def _fork(self, channel: int, output: int, errors: int) -> int:
        parent = os.getpid()
        # No handler of ours may run in the child before it has put them away.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            with warnings.catch_warnings():
                # Python counts native threads too; whether these matter was found out before.
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
            if pid == 0:
                self._become_child(parent, channel, output, errors)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        return pid

    def _become_child(self, parent: int, channel: int, output: int, errors: int) -> NoReturn:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            take_over(parent, channel, output, errors)
            self._selector.close()
            for end in (self._control, self._alarm, self._ring):
                end.close()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            status = serve(channel, self._setting.scratch_root)
        except BaseException:
            with contextlib.suppress(BaseException):
                traceback.print_exc()
        leave(status)

    def _spawn(self, channel: int, output: int, errors: int) -> int:
        program = [sys.executable, "-P", "-m", "tidemill.worker.spawned"]
        child = subprocess.Popen(
            [*program, str(os.getpid()), str(channel), self._setting.to_text()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            pass_fds=(channel,),
        )
        # It is waited for here, with all others, and not by that object.
        child.returncode = 0
        return child.pid

    # --- ending -------------------------------------------------------------------------------------------------------

    def _reap(self) -> None:
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                break
            if found is None:
                break
            self._bury(found.si_pid)
        for ended in tuple(self._ended):
            if not ended.left or time.monotonic() - ended.since > _LINGER_SECONDS:
                self._ended.remove(ended)
                send(self._control, ended.order)

    def _bury(self, pid: int) -> None:
        number = self._children.get(pid)
        if number is not None:
            # Before it is waited for: the dead leader keeps the number of its group from being given away.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        self._own.discard(pid)
        for ended in self._ended:
            ended.left.discard(pid)
        if number is None:
            return
        del self._children[pid]
        order: Order = {
            "exit": number,
            "status": status,
            "cpu": usage.ru_utime + usage.ru_stime,
            "peak": peak_bytes(usage),
        }
        self._ended.append(_Ended(order, self._kill_left_behind(), time.monotonic()))

    def _kill_left_behind(self) -> set[int]:
        """Whatever is a child of this process and was not begun by it was left behind by one that is over."""
        left = set(children()) - self._children.keys() - self._own
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        return left

    def _kill_all(self) -> None:
        for pid in self._children:
            for kill in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    kill(pid, signal.SIGKILL)
        self._children.clear()
        self._own.clear()
        # Those of the dead are ours then; so are, after these, their own.
        while left := self._kill_left_behind():
            for pid in left:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)
