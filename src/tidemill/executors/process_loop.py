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
from tidemill.core.errors import TidemillError
from tidemill.core.records import Began, Gone, Message, Reply, Report, RunCommand, Ticket
from tidemill.core.states import AttemptState
from tidemill.core.values import NotAValue
from tidemill.executors.attempts import NEVER, Attempt
from tidemill.executors.begun import Begun
from tidemill.executors.berths import Berth
from tidemill.executors.conversation import Conversation
from tidemill.executors.early import Early
from tidemill.executors.endings import Exit, describe_status, never_started
from tidemill.executors.limits_watch import BadLimit, limits_of
from tidemill.executors.marking import end_all
from tidemill.executors.output import Output
from tidemill.executors.roll import Roll
from tidemill.executors.standstill import Standstill
from tidemill.executors.template import Template
from tidemill.executors.templates import CONTROL, OUTPUT, TAIL, Templates
from tidemill.executors.tuning import Tuning
from tidemill.worker.control import Order
from tidemill.worker.execute import too_large
from tidemill.worker.frames import BadFrame, pack
from tidemill.worker.messages import encode

_TRIES = 10
"""More than there are processes that wait: whoever kills all of them at once spoils no task."""


class ProcessLoop:
    """See the module. `post` is the only method for other threads."""

    def __init__(
        self,
        inbox: Callable[[Message], None],
        log_root: Path,
        environment: Mapping[str, str],
        scratch: Path | None,
        begun: Begun,
        *,
        slots: int,
        tuning: Tuning,
        early: Early | None = None,
    ) -> None:
        self._tuning = tuning
        self._selector = selectors.DefaultSelector()
        self._templates = Templates(self._selector, environment, scratch, slots, tuning, early)
        self._roll = Roll(inbox, scratch, begun)
        self._output = Output(log_root, environment, self._selector, self._templates, self._roll, tuning)
        self._talk = Conversation(self._selector, self._templates, self._roll, self._output, tuning)
        self._waiting: deque[tuple[Attempt, Template]] = deque()
        self._standstill = Standstill(tuning.standing_s)
        self._orders: deque[Callable[[ProcessLoop], None]] = deque()
        self._alarm, self._ring = socket.socketpair()
        self._alarm.setblocking(False)
        self._ring.setblocking(False)
        self._rung = False
        self._selector.register(self._alarm, selectors.EVENT_READ, self._take_orders)
        self._closing = False
        self._over = ""
        self._lock = threading.Lock()

    def post(self, order: Callable[[ProcessLoop], None]) -> None:
        """Have `order` done in the loop's thread, soon; after its end, at once and to no effect."""
        with self._lock:
            if not self._over:
                self._orders.append(order)
                if not self._rung:
                    self._rung = True
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
                self._dispatch()
                self._keep_time()
        except BaseException as error:
            why = f"the executor failed: {type(error).__name__}: {error}"
            raise
        finally:
            self._end_everything(why)

    def _handle(self, key: selectors.SelectorKey, mask: int) -> None:
        match key.data:
            case Berth() as berth:
                if mask & selectors.EVENT_WRITE:
                    self._talk.write(berth)
                if mask & selectors.EVENT_READ:
                    self._talk.read(berth)
            case (Berth() as berth, what) if what == OUTPUT:
                self._output.hear(berth)
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
        with self._lock:
            self._rung = False
        while self._orders:
            self._orders.popleft()(self)

    # --- orders from the engine ---------------------------------------------------------------------------------------

    def start(self, *tickets: Ticket) -> None:
        for ticket in tickets:
            self._start(ticket)

    def _start(self, ticket: Ticket) -> None:
        if self._over:
            self._roll.tell(never_started(ticket.attempt, self._over))
            return
        if isinstance(ticket.work, RunCommand):
            cause = Cause(CauseKind.REFUSED, f"the image {ticket.work.image} needs an executor that runs containers")
            self._roll.tell(Report(ticket.attempt, AttemptState.FAILED, cause=cause))
            return
        try:
            frame = pack(encode(ticket))
            attempt = Attempt(ticket, frame, limits_of(ticket.resources, self._tuning.processes))
            self._output.logs.path(attempt)
            self._output.logs.expect(ticket.facts.run)
        except BadLimit as error:
            wrong = Cause(CauseKind.DATA, error.in_one_line)
            self._roll.tell(Report(ticket.attempt, AttemptState.FAILED, cause=wrong))
            return
        except (BadFrame, NotAValue, TidemillError) as error:
            self._roll.tell(too_large(Report(ticket.attempt, AttemptState.FAILED), error))
            return
        self._roll.add(attempt)
        try:
            self._waiting.append((attempt, self._templates.serving(attempt)))
        except OSError as error:
            self._roll.gone(attempt, f"no process could be started: {error.strerror}")

    def stop(self, attempt_id: str, cause: Cause, grace_s: float) -> None:
        attempt = self._roll.get(attempt_id)
        if attempt is None or attempt.report is not None:
            return
        attempt.stopped = attempt.stopped or cause
        if attempt.berth:
            self._terminate(attempt, grace_s)
            return
        self._waiting = deque(item for item in self._waiting if item[0] is not attempt)
        self._roll.settle(attempt, Exit())

    def reply(self, attempt_id: str, reply: Reply) -> None:
        attempt = self._roll.get(attempt_id)
        berth = self._templates.berth(attempt.berth) if attempt is not None else None
        if berth is None:
            return
        try:
            frame = pack(encode(reply))
        except (BadFrame, NotAValue) as error:
            frame = pack(encode(Reply(reply.number, error=f"the answer cannot be sent: {error}")))
        self._talk.send(berth, frame)

    def close(self) -> None:
        self._closing = True

    # --- templates and berths -----------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Give tickets to processes that wait for one, in order; who finds none waits on."""
        for _ in range(len(self._waiting)):
            attempt, template = self._waiting.popleft()
            try:
                berth = self._templates.place(attempt, template)
            except OSError as error:
                self._roll.gone(attempt, f"no process could be started: {error.strerror}")
                continue
            if berth is None:
                self._waiting.append((attempt, template))
                continue
            self._talk.assign(attempt, berth)
            if not berth.shared:
                with contextlib.suppress(OSError):
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
            case {"exit": int(number)} | {"in": int(number)} | {"failed": int(number)}:
                berth = self._templates.berth(number)
                if berth is not None:
                    self._hear_of(berth, order)

    def _hear_of(self, berth: Berth, order: Order) -> None:
        match order:
            case {"status": int(status), "cpu": cpu, "peak": int(peak), "next": int(pid)}:
                self._process_ended(berth, Exit(status, cpu, peak), pid)
            case {"in": _, "pid": int(pid)}:
                berth.enter(pid)
            case {"why": str(why)}:
                self._failed(berth, why)

    def _failed(self, berth: Berth, why: str) -> None:
        """Nobody could be started: whoever waits at this template is told, since nothing else would happen."""
        waiting = [item for item in self._waiting if item[1] is berth.template]
        self._waiting = deque(item for item in self._waiting if item[1] is not berth.template)
        for attempt, _ in waiting:
            self._roll.gone(attempt, why)
        self._process_ended(berth, Exit(lost=why), 0)

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
        waiting = [attempt for attempt, one in self._waiting if one is template]
        self._waiting = deque(item for item in self._waiting if item[1] is not template)
        for attempt in waiting:
            self._roll.gone(attempt, lost)
        for berth in self._templates.at(template):
            if berth.pid:
                # The process got SIGKILL from the kernel; what it has started itself did not.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(berth.pid, signal.SIGKILL)
            self._process_ended(berth, Exit(lost=lost), 0)
        # What has left its group is known by nothing else.
        end_all(template.mark)

    # --- one berth ----------------------------------------------------------------------------------------------------

    def _process_ended(self, berth: Berth, end: Exit, successor: int) -> None:
        while self._talk.read(berth):
            pass
        left, berth.leaving = berth.leaving, False
        berth.enter(successor)
        if not successor or (berth.queue and not berth.shared) or berth.last or berth.frames.unfinished:
            self._vacate(berth, end, left)
        elif berth.queue:
            self._talk.begin(berth.queue[0], berth)

    def _vacate(self, berth: Berth, end: Exit, left: bool) -> None:
        """Nobody lives here any more: who had begun has ended with the process, the others wait for another one."""
        berth.last = True
        unread, sent = berth.unread(), sum(len(attempt.frame) for attempt in berth.queue)
        queue = tuple(berth.queue)
        berth.queue.clear()
        for n, attempt in reversed(list(enumerate(queue))):
            # A process that has left by itself is no try that failed.
            attempt.tries -= left
            began = n == 0 and (attempt.heard or unread < sent)
            spared = attempt.stopped is None and not end.lost
            if not spared or (began and not self._is_bystander(attempt, queue)) or attempt.tries >= _TRIES:
                self._output.end(berth, attempt, end)
            else:
                # The process died before it took the ticket: no fault of the task.
                attempt.again()
                self._roll.watch.drop(attempt.id)
                self._roll.begun.wait(attempt.id)
                self._wait_again(attempt)
        if berth.logged is None:
            self._templates.retire(berth)

    def _is_bystander(self, attempt: Attempt, queue: tuple[Attempt, ...]) -> bool:
        """The process was ended for the sake of another one in it."""
        return attempt.report is None and any(other.stopped for other in queue if other is not attempt)

    def _wait_again(self, attempt: Attempt) -> None:
        try:
            self._waiting.appendleft((attempt, self._templates.serving(attempt)))
        except OSError as error:
            self._roll.gone(attempt, f"no process could be started: {error.strerror}")

    # --- time ---------------------------------------------------------------------------------------------------------

    def _next_due(self) -> float | None:
        due = self._roll.due()
        for template in self._templates:
            if not template.ready:
                due = min(due, template.started_at + self._tuning.import_s)
        due = min(due, self._standstill.due) if self._roll else due
        return None if due == NEVER else max(0.0, due - time.monotonic())

    def _keep_time(self) -> None:
        now = time.monotonic()
        for template in self._templates:
            if not template.ready and now >= template.started_at + self._tuning.import_s:
                template.started.process.kill()
                self._template_died(template, f"took more than {self._tuning.import_s:g} s and was killed")
        if self._roll and now >= self._standstill.due:
            helpers = (one.started.process.pid for one in self._templates)
            for pid, number in self._standstill.check((*helpers, *self._output.logs.pids)):
                os.kill(pid, number)
        for breach in self._roll.watch.check():
            excessive = self._roll.get(breach.attempt)
            if excessive is not None:
                excessive.stopped = excessive.stopped or breach.cause
                self._terminate(excessive, 0.0)
        for attempt in self._roll.overdue(now):
            self._overdue(attempt, now)

    def _overdue(self, attempt: Attempt, now: float) -> None:
        if now >= attempt.settle_by:
            attempt.notes.append("the last lines of its log may be missing")
            self._roll.settle(attempt, attempt.exit)
            return
        berth = self._templates.berth(attempt.berth)
        if berth is None:
            return
        if now >= attempt.tell_at:
            attempt.tell_at = NEVER
            self._roll.tell(Began(attempt.id, berth.pid))
            if berth.shared and berth.logged is None:
                self._output.open(berth, attempt)
        if now >= attempt.kill_at:
            attempt.kill_at = NEVER
            if attempt.report is not None:
                attempt.notes.append("its process did not end by itself after the report and was killed")
            berth.signal(signal.SIGKILL)
        if now >= attempt.begin_by:
            attempt.begin_by = NEVER
            text = f"its process did not begin within {self._tuning.import_s:g} s"
            attempt.stopped = attempt.stopped or Cause(CauseKind.INFRASTRUCTURE, text)
            self._terminate(attempt, 0.0)
        if now >= attempt.deadline:
            attempt.deadline, attempt.timed_out = NEVER, True
            text = f"it ran longer than its timeout of {attempt.ticket.timeout:g} s"
            attempt.stopped = attempt.stopped or Cause(CauseKind.TIMED_OUT, text)
            self._terminate(attempt, self._tuning.timeout_grace_s)

    def _terminate(self, attempt: Attempt, grace_s: float) -> None:
        berth = self._templates.berth(attempt.berth)
        if berth is None:
            return
        if berth.shared:
            # A signal could come to another task of the same process: they all begin anew, elsewhere.
            grace_s, berth.last = 0.0, True
        kill_at = time.monotonic() + grace_s
        attempt.kill_at = min(kill_at, attempt.kill_at)
        berth.signal(signal.SIGTERM if grace_s > 0 else signal.SIGKILL)

    # --- ending -------------------------------------------------------------------------------------------------------

    def _end_everything(self, why: str) -> None:
        templates = tuple(self._templates)
        for template in templates:
            # All of them are on their way before one is waited for.
            self._templates.forget(template)
            template.started.let_go()
        for template in templates:
            template.end(self._tuning.timeout_grace_s)
            for berth in self._templates.at(template):
                self._templates.drop(berth)
        self._output.close()
        for attempt in self._roll.clear():
            cause = attempt.stopped or Cause(CauseKind.CANCELLED, why)
            self._roll.tell(attempt.report or Gone(attempt.id, cause, timed_out=attempt.timed_out))
        with self._lock:
            self._over = why
            for source in (self._selector, self._alarm, self._ring):
                source.close()
        while self._orders:
            self._orders.popleft()(self)
