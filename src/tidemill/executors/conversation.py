"""What is said between the executor and the process in a berth: tickets and answers there, messages back."""

from __future__ import annotations

import selectors
import signal
import time

from tidemill.core.crash import point
from tidemill.core.records import Began, Note, Pushed, Report, Request
from tidemill.executors.attempts import NEVER, Attempt
from tidemill.executors.berths import Berth
from tidemill.executors.output import Output
from tidemill.executors.roll import Roll
from tidemill.executors.templates import Templates
from tidemill.executors.tuning import Tuning
from tidemill.worker.frames import BadFrame
from tidemill.worker.kernel import memory_kills_lately
from tidemill.worker.messages import FROM_WORKER, Done, decode

BEFORE_DISPATCH = point("processes.before-dispatch")
AFTER_REPORT = point("processes.after-report")

_CHUNK = 1 << 18


class Conversation:
    """With every berth; what a message means for its attempt is decided here."""

    def __init__(
        self, selector: selectors.BaseSelector, templates: Templates, roll: Roll, output: Output, tuning: Tuning
    ) -> None:
        self._selector = selector
        self._templates = templates
        self._roll = roll
        self._output = output
        self._tuning = tuning

    def assign(self, attempt: Attempt, berth: Berth) -> None:
        template, first = berth.template, not berth.queue
        attempt.berth = berth.number
        berth.queue.append(attempt)
        attempt.tries += 1
        if template.spawn_because and attempt.ticket.facts.run not in template.told:
            template.told.add(attempt.ticket.facts.run)
            text = f"tasks of {template.name} run in fresh processes, not in forked ones: {template.spawn_because}"
            self._roll.tell(Note(attempt.id, text))
        if berth.spoke or attempt.ticket.secrets:
            berth.spoke = False
            self._output.open(berth, attempt)
        BEFORE_DISPATCH()
        # A shared process takes the next ticket without asking: once it is sent, nobody can say that it has not begun.
        self._roll.begun.mark(attempt.id)
        if first:
            self.begin(attempt, berth)
        self.send(berth, attempt.frame)

    def begin(self, attempt: Attempt, berth: Berth) -> None:
        """It is the next that the process in this berth works on."""
        self._roll.begun.mark(attempt.id)
        now = time.monotonic()
        if berth.template.spawn_because:
            attempt.begin_by = now + self._tuning.import_s
        else:
            attempt.begin(now, self._tuning.tell_s)
            attempt.kills_before = memory_kills_lately()
            self._roll.watch.add(attempt.id, berth.pid, attempt.limits)

    def send(self, berth: Berth, frame: bytes) -> None:
        berth.unsent += frame
        self.write(berth)

    def write(self, berth: Berth) -> None:
        if berth.closed:
            return
        try:
            while berth.unsent:
                del berth.unsent[: berth.channel.send(berth.unsent[:_CHUNK])]
        except BlockingIOError:
            pass
        except OSError:
            berth.unsent.clear()
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if berth.unsent else 0)
        if self._selector.get_key(berth.channel).events != events:
            self._selector.modify(berth.channel, events, berth)

    def read(self, berth: Berth) -> bool:
        """Take what has come; whether there may be more."""
        if berth.closed:
            return False
        try:
            data = berth.channel.recv(_CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._templates.close_channel(berth)
            return False
        try:
            for body in berth.frames.feed(data):
                self._message(berth, decode(body, FROM_WORKER))
        except BadFrame as error:
            self._break(berth, error.message)
        return True

    def _message(self, berth: Berth, message: Began | Pushed | Request | Report | Note | Done) -> None:
        attempt = berth.queue[0] if berth.queue else None
        if attempt is None or message.attempt != attempt.id:
            raise BadFrame(f"a message about attempt {message.attempt!r:.60}")
        if (attempt.report is None) == isinstance(message, Done):
            raise BadFrame("a message after the report" if attempt.report is not None else "no report")
        now = time.monotonic()
        attempt.heard = True
        match message:
            case Report():
                AFTER_REPORT()
                self._roll.watch.drop(attempt.id)
                attempt.report, attempt.reported_at = message, now
                attempt.deadline, attempt.kill_at = NEVER, now + self._tuning.linger_s
            case Done():
                self._is_done(berth, attempt, message)
            case Began():
                attempt.begin(now, 0.0)
                self._roll.watch.add(attempt.id, berth.pid or message.pid, attempt.limits)
            case _:
                self._roll.tell(message)

    def _is_done(self, berth: Berth, attempt: Attempt, done: Done) -> None:
        """It has left nothing behind: its end need not wait for that of its process."""
        if not done.alone or attempt.stopped is not None:
            return
        if done.spoke and berth.shared and berth.logged is None:
            self._output.open(berth, attempt)
        berth.leaving = done.leaves
        berth.queue.popleft()
        attempt.kill_at = NEVER
        self._output.end(berth, attempt)
        if berth.queue and not berth.leaving:
            self.begin(berth.queue[0], berth)

    def _break(self, berth: Berth, why: str) -> None:
        self._templates.close_channel(berth)
        berth.last = True
        if berth.queue and berth.queue[0].report is None:
            berth.queue[0].broken = why
        berth.signal(signal.SIGKILL)
