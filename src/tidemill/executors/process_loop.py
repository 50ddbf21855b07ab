"""The one thread in which the process executor lives: it moves bytes, keeps time and settles attempts.

Everything here runs in that thread, except `post`.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from tidemill.core.causes import Cause, CauseKind
from tidemill.core.crash import point
from tidemill.core.errors import TidemillError
from tidemill.core.records import Began, Gone, Message, Note, Pushed, Reply, Report, Request, RunCommand, Ticket
from tidemill.core.states import AttemptState
from tidemill.core.values import NotAValue
from tidemill.executors.children import Attempt, Child, Template, entry_of
from tidemill.executors.endings import Exit, describe_status, ending, never_started
from tidemill.executors.supervision import Logs
from tidemill.executors.templates import CONTROL, TAIL, Templates
from tidemill.executors.tuning import Tuning
from tidemill.storage.artifacts.unpack import remove
from tidemill.worker.context import scratch_folder
from tidemill.worker.control import Order
from tidemill.worker.execute import too_large
from tidemill.worker.frames import BadFrame, pack
from tidemill.worker.messages import FROM_WORKER, decode, encode

BEFORE_DISPATCH = point("processes.before-dispatch")
AFTER_REPORT = point("processes.after-report")

_CHUNK = 1 << 18
_TRIES = 3


class ProcessLoop:
    """See the module. `post` is the only method for other threads."""

    def __init__(
        self,
        inbox: Callable[[Message], None],
        log_root: Path,
        environment: Mapping[str, str],
        scratch: Path | None,
        *,
        standby: int,
        tuning: Tuning,
    ) -> None:
        self._inbox = inbox
        self._scratch = scratch
        self._tuning = tuning
        self._selector = selectors.DefaultSelector()
        self._logs = Logs(log_root, environment, tuning.log_bytes, self._selector, self._hear_logs)
        self._templates = Templates(self._selector, environment, scratch, standby, tuning)
        self._attempts: dict[str, Attempt] = {}
        self._orders: deque[Callable[[ProcessLoop], None]] = deque()
        self._alarm, self._ring = socket.socketpair()
        self._alarm.setblocking(False)
        self._ring.setblocking(False)
        self._selector.register(self._alarm, selectors.EVENT_READ, self._take_orders)
        self._closing = False
        self._over = ""
        self._lock = threading.Lock()

    def post(self, order: Callable[[ProcessLoop], None]) -> None:
        """Have `order` done in the loop's thread, soon; after its end, at once and to no effect."""
        with self._lock:
            if not self._over:
                self._orders.append(order)
                with contextlib.suppress(BlockingIOError):
                    # A full buffer rings as well.
                    self._ring.send(b"!")
                return
        order(self)

    def run(self) -> None:
        why = "the executor was closed"
        try:
            while not self._closing:
                for key, mask in self._selector.select(self._next_due()):
                    # An event of this turn may be about something that an earlier one has closed.
                    current = self._selector.get_map().get(key.fd)
                    if current is not None and current.data is key.data:
                        self._handle(key, mask)
                self._keep_time()
        except BaseException as error:
            why = f"the executor failed: {type(error).__name__}: {error}"
            raise
        finally:
            self._end_everything(why)

    def _handle(self, key: selectors.SelectorKey, mask: int) -> None:
        match key.data:
            case Child() as child:
                if mask & selectors.EVENT_WRITE:
                    self._write(child)
                if mask & selectors.EVENT_READ:
                    self._read(child)
            case (Template() as template, what) if what == CONTROL:
                self._hear(template)
            case (Template() as template, what) if what == TAIL:
                if not template.read_tail():
                    self._templates.tail_ended(template)
            case handler:
                handler()

    def _take_orders(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._alarm.recv(4096)
        while self._orders:
            self._orders.popleft()(self)

    # --- orders from the engine ---------------------------------------------------------------------------------------

    def start(self, ticket: Ticket) -> None:
        if self._over:
            self._inbox(never_started(ticket.attempt, self._over))
            return
        if isinstance(ticket.work, RunCommand):
            cause = Cause(CauseKind.REFUSED, f"the image {ticket.work.image} needs an executor that runs containers")
            self._inbox(Report(ticket.attempt, AttemptState.FAILED, cause=cause))
            return
        attempt = Attempt(ticket)
        self._attempts[attempt.id] = attempt
        self._place(attempt)

    def stop(self, attempt_id: str, cause: Cause, grace_s: float) -> None:
        attempt = self._attempts.get(attempt_id)
        if attempt is None or attempt.report is not None:
            return
        attempt.stopped = attempt.stopped or cause
        if attempt.child is not None:
            self._terminate(attempt, grace_s)
            return
        for template in self._templates:
            with contextlib.suppress(ValueError):
                template.waiting.remove(attempt)
        self._settle(attempt, Exit())

    def reply(self, attempt_id: str, reply: Reply) -> None:
        attempt = self._attempts.get(attempt_id)
        if attempt is None or attempt.child is None:
            return
        try:
            frame = pack(encode(reply))
        except (BadFrame, NotAValue) as error:
            frame = pack(encode(Reply(reply.number, error=f"the answer cannot be sent: {error}")))
        self._send(attempt.child, frame)

    def close(self) -> None:
        self._closing = True

    # --- templates ----------------------------------------------------------------------------------------------------

    def _place(self, attempt: Attempt) -> None:
        """Have the attempt wait at a template that can serve it."""
        try:
            self._logs.ensure()
            template = self._templates.serving(entry_of(attempt.ticket))
        except OSError as error:
            self._gone(attempt, f"no process could be started: {error.strerror}")
            return
        template.waiting.append(attempt)
        if template.ready:
            self._dispatch(template)

    def _dispatch(self, template: Template) -> None:
        while template.waiting:
            try:
                child = self._templates.free_child(template)
            except OSError as error:
                self._gone(template.waiting.popleft(), f"no process could be started: {error.strerror}")
                continue
            if child is None:
                return
            self._assign(template.waiting.popleft(), child)
        self._templates.replenish(template)

    def _hear(self, template: Template) -> None:
        orders = template.started.receive()
        if orders is None:
            self._template_died(template)
            return
        for order in orders:
            self._obey(template, order)

    def _obey(self, template: Template, order: Order) -> None:
        match order:
            case {"ready": _, "why": str(why), "modules": list(modules), "files": list(files)}:
                template.ready = True
                template.spawn_because = why
                template.modules, template.files = frozenset(modules), frozenset(files)
                self._dispatch(template)
            case {"child": int(number), "pid": int(pid)} if number in template.children:
                template.children[number].pid = pid
            case {"exit": int(number), "status": int(status), "cpu": float(cpu), "peak": int(peak)}:
                if number in template.children:
                    self._child_ended(template.children[number], Exit(status, cpu, peak))
            case {"failed": int(number), "why": str(why)} if number in template.children:
                self._child_ended(template.children[number], Exit(lost=why))

    def _template_died(self, template: Template, why: str = "") -> None:
        self._templates.forget(template)
        code = template.end(self._tuning.timeout_grace_s)
        how = why or (f"was {describe_status(-code)}" if code < 0 else f"exited with code {code}")
        if template.ready:
            lost = f"the process that the tasks of {template.name} are forked from {how}, and they with it"
        else:
            said = template.tail.decode("utf-8", "replace").strip()
            lost = f"the process that imports {template.name} {how} before it was ready" + (
                f":\n{said}" if said else ""
            )
        for attempt in template.waiting:
            self._gone(attempt, lost)
        for child in tuple(template.children.values()):
            if child.pid:
                # The child got SIGKILL from the kernel; what it has started itself did not.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGKILL)
            self._child_ended(child, Exit(lost=lost))

    # --- children -----------------------------------------------------------------------------------------------------

    def _assign(self, attempt: Attempt, child: Child) -> None:
        ticket, template = attempt.ticket, child.template
        try:
            frame = pack(encode(ticket))
            self._logs.path(attempt)
        except (BadFrame, NotAValue, TidemillError) as error:
            attempt.report = too_large(Report(ticket.attempt, AttemptState.FAILED), error)
            self._settle(attempt, Exit())
            return
        attempt.child, child.attempt = child, attempt
        attempt.tries += 1
        if template.spawn_because and ticket.facts.run not in template.told:
            template.told.add(ticket.facts.run)
            text = f"tasks of {template.name} run in fresh processes, not in forked ones: {template.spawn_because}"
            self._inbox(Note(attempt.id, text))
        if not self._logs.open(attempt, child):
            self._logs.replace(self._attempts.values())
        BEFORE_DISPATCH()
        attempt.began_at = time.monotonic()
        attempt.begin_by = attempt.began_at + self._tuning.import_s
        self._send(child, frame)

    def _send(self, child: Child, frame: bytes) -> None:
        child.unsent += frame
        self._write(child)

    def _write(self, child: Child) -> None:
        if child.closed:
            return
        try:
            while child.unsent:
                del child.unsent[: child.channel.send(child.unsent[:_CHUNK])]
        except BlockingIOError:
            pass
        except OSError:
            child.unsent.clear()
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if child.unsent else 0)
        if self._selector.get_key(child.channel).events != events:
            self._selector.modify(child.channel, events, child)

    def _read(self, child: Child) -> bool:
        """Take what has come; whether there may be more."""
        if child.closed:
            return False
        try:
            data = child.channel.recv(_CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._templates.close_channel(child)
            return False
        try:
            for body in child.frames.feed(data):
                self._message(child, decode(body, FROM_WORKER))
        except BadFrame as error:
            self._break(child, error.message)
        return True

    def _message(self, child: Child, message: Began | Pushed | Request | Report | Note) -> None:
        attempt = child.attempt
        if attempt is None or message.attempt != attempt.id:
            raise BadFrame(f"a message about attempt {message.attempt!r:.60}")
        if attempt.report is not None:
            raise BadFrame("a message after the report")
        now = time.monotonic()
        match message:
            case Report():
                AFTER_REPORT()
                attempt.report, attempt.reported_at = message, now
                attempt.deadline, attempt.kill_at = None, now + self._tuning.linger_s
                return
            case Began():
                attempt.began, attempt.began_at, attempt.begin_by = True, now, None
                if attempt.ticket.timeout is not None:
                    attempt.deadline = now + attempt.ticket.timeout
        self._inbox(message)

    def _break(self, child: Child, why: str) -> None:
        self._templates.close_channel(child)
        if child.attempt is not None and child.attempt.report is None:
            child.attempt.broken = why
        child.template.signal(child, signal.SIGKILL)

    def _child_ended(self, child: Child, end: Exit) -> None:
        child.exit = end
        while self._read(child):
            pass
        attempt = child.attempt
        if attempt is None:
            self._templates.drop(child)
        elif not (attempt.began or attempt.report or attempt.stopped or end.lost) and attempt.tries < _TRIES:
            # It died as a standby, before it could take its ticket: no fault of the task.
            attempt.child = child.attempt = None
            self._templates.drop(child)
            self._place(attempt)
        else:
            attempt.settle_by = time.monotonic() + self._tuning.drain_s
            if attempt.drained:
                self._settle(attempt, end)

    # --- logs ---------------------------------------------------------------------------------------------------------

    def _hear_logs(self) -> None:
        drained = self._logs.heard()
        if drained is None:
            self._logs.replace(self._attempts.values())
            return
        for number, trouble in drained:
            for attempt in tuple(self._attempts.values()):
                if attempt.child is not None and attempt.child.number == number:
                    attempt.drained = True
                    attempt.notes += [trouble] if trouble else []
                    if attempt.child.exit is not None:
                        self._settle(attempt, attempt.child.exit)

    # --- time ---------------------------------------------------------------------------------------------------------

    def _next_due(self) -> float | None:
        due = [moment for attempt in self._attempts.values() for moment in attempt.due]
        due += [one.started_at + self._tuning.import_s for one in self._templates if not one.ready]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _keep_time(self) -> None:
        now = time.monotonic()
        for template in self._templates:
            if not template.ready and now >= template.started_at + self._tuning.import_s:
                template.started.process.kill()
                self._template_died(template, f"took more than {self._tuning.import_s:g} s and was killed")
        for attempt in tuple(self._attempts.values()):
            if attempt.child is not None and attempt.due and now >= min(attempt.due):
                self._overdue(attempt, attempt.child, now)

    def _overdue(self, attempt: Attempt, child: Child, now: float) -> None:
        if attempt.settle_by is not None:
            if now >= attempt.settle_by:
                attempt.notes.append("the last lines of its log may be missing")
                self._settle(attempt, child.exit or Exit())
            return
        if attempt.kill_at is not None and now >= attempt.kill_at:
            attempt.kill_at = None
            if attempt.report is not None:
                attempt.notes.append("its process did not end by itself after the report and was killed")
            child.template.signal(child, signal.SIGKILL)
        if attempt.begin_by is not None and now >= attempt.begin_by:
            attempt.begin_by = None
            text = f"its process did not begin within {self._tuning.import_s:g} s"
            attempt.stopped = attempt.stopped or Cause(CauseKind.INFRASTRUCTURE, text)
            self._terminate(attempt, 0.0)
        if attempt.deadline is not None and now >= attempt.deadline:
            attempt.deadline, attempt.timed_out = None, True
            text = f"it ran longer than its timeout of {attempt.ticket.timeout:g} s"
            attempt.stopped = attempt.stopped or Cause(CauseKind.TIMED_OUT, text)
            self._terminate(attempt, self._tuning.timeout_grace_s)

    def _terminate(self, attempt: Attempt, grace_s: float) -> None:
        if attempt.child is not None:
            kill_at = time.monotonic() + grace_s
            attempt.kill_at = min(kill_at, attempt.kill_at or kill_at)
            attempt.child.template.signal(attempt.child, signal.SIGTERM if grace_s > 0 else signal.SIGKILL)

    # --- ending -------------------------------------------------------------------------------------------------------

    def _settle(self, attempt: Attempt, end: Exit) -> None:
        if self._attempts.pop(attempt.id, None) is None:
            return
        if attempt.child is not None:
            self._templates.drop(attempt.child)
            if self._scratch is not None:
                # Of a task that could not remove it itself.
                remove(scratch_folder(self._scratch, attempt.id))
        self._inbox(ending(attempt.seen(end)))

    def _gone(self, attempt: Attempt, why: str) -> None:
        if self._attempts.pop(attempt.id, None) is not None:
            self._inbox(never_started(attempt.id, why))

    def _end_everything(self, why: str) -> None:
        for template in self._templates:
            self._templates.forget(template)
            template.end(self._tuning.timeout_grace_s)
        self._logs.close(self._tuning.drain_s)
        for attempt in self._attempts.values():
            if attempt.child is not None:
                self._templates.drop(attempt.child)
            cause = attempt.stopped or Cause(CauseKind.CANCELLED, why)
            self._inbox(attempt.report or Gone(attempt.id, cause, timed_out=attempt.timed_out))
        self._attempts.clear()
        with self._lock:
            self._over = why
            for source in (self._selector, self._alarm, self._ring):
                source.close()
        while self._orders:
            self._orders.popleft()(self)
