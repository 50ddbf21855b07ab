"""The templates of an executor: which one serves an attempt, how many there are, and the berths at each.

Registers what is to be read with the loop's selector; what is read is the loop's business.
"""

from __future__ import annotations

import contextlib
import selectors
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tidemill.executors.attempts import Attempt
from tidemill.executors.berths import Berth, new_berth
from tidemill.executors.early import Early, Entry
from tidemill.executors.template import Template, entry_of, start_template
from tidemill.executors.tuning import Tuning

CONTROL = "control"
TAIL = "tail"
OUTPUT = "output"


class Templates:
    """At most `tuning.templates`, unless all of them are busy; the one that was not used for longest goes first."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        environment: Mapping[str, str],
        scratch: Path | None,
        slots: int,
        tuning: Tuning,
        early: Early | None = None,
    ) -> None:
        self._selector = selector
        self._environment = environment
        self._scratch = scratch
        self._slots = slots
        self._tuning = tuning
        self._early = early
        self._by_entry: dict[Entry, Template] = {}
        self._berths: dict[int, Berth] = {}
        self._numbers = 0

    def __iter__(self) -> Iterator[Template]:
        return iter(tuple(self._by_entry.values()))

    def serving(self, attempt: Attempt) -> Template:
        """The template of this entry, or one that has imported it along with its own, or a new one. Raises OSError."""
        entry = entry_of(attempt.ticket)
        found = self._by_entry.get(entry) or next((one for one in self if one.ready and one.has(entry)), None)
        template = found or self._start(entry, attempt.shared)
        template.used_at = time.monotonic()
        return template

    @property
    def busy(self) -> int:
        """How many processes are at work."""
        return sum(bool(berth.queue) for berth in self._berths.values())

    @property
    def berths(self) -> tuple[Berth, ...]:
        return tuple(self._berths.values())

    def berth(self, number: int) -> Berth | None:
        """The berth of that number, if it is still there."""
        return self._berths.get(number)

    def at(self, template: Template) -> list[Berth]:
        """The berths of a template."""
        return [berth for berth in self._berths.values() if berth.template is template]

    def is_idle(self, template: Template) -> bool:
        return not any(berth.queue or berth.logged for berth in self.at(template))

    def place(self, attempt: Attempt, template: Template) -> Berth | None:
        """A berth where the ticket may be sent now; None if there is none yet. Raises OSError."""
        return self._shared(template) if attempt.shared and not template.spawn_because else self._own(template)

    def _own(self, template: Template) -> Berth | None:
        if self.busy >= self._slots:
            return None
        # Who came first is the most likely to be ready.
        free = min((berth for berth in self.at(template) if berth.free), key=lambda berth: berth.since, default=None)
        if free is None and not any(berth.coming for berth in self.at(template)):
            self._make(template)
        return free

    def _shared(self, template: Template) -> Berth | None:
        shared = [berth for berth in self.at(template) if berth.shared and not berth.last]
        here = [berth for berth in shared if berth.pid and not berth.leaving and not berth.logged]
        least = min(here, key=lambda berth: len(berth.queue), default=None)
        if self.busy < self._slots:
            if least is not None and not least.queue:
                return least
            if len(here) == len(shared):
                self._make(template, shared=True)
        return least if least is not None and 0 < len(least.queue) < self._tuning.ahead else None

    def replenish(self, template: Template) -> None:
        """Have processes ready for the next tickets: forking is then off their way."""
        coming = sum(berth.coming for berth in self.at(template))
        for _ in range(min(self._tuning.standby, self._slots) - coming):
            if not self._make(template):
                return

    def forget(self, template: Template) -> None:
        """Let go of a template that is about to be ended, or has ended, and of its idle berths."""
        self._by_entry.pop(template.entry, None)
        for source in (template.started.control, template.tail_reader):
            with contextlib.suppress(KeyError):
                self._selector.unregister(source)
        for berth in self.at(template):
            if not berth.queue and not berth.logged:
                self.drop(berth)

    def retire(self, berth: Berth) -> None:
        """Have the template clear the berth, and free what is held of it."""
        berth.template.started.send({"close": berth.number})
        self.drop(berth)

    def drop(self, berth: Berth) -> None:
        """Free what is held of a berth that nobody is in any more."""
        self.close_channel(berth)
        self.watch_output(berth, False)
        berth.close()
        self._berths.pop(berth.number, None)

    def close_channel(self, berth: Berth) -> None:
        """Read nothing more from the process in a berth."""
        if not berth.closed:
            berth.closed = True
            self._selector.unregister(berth.channel)

    def watch_output(self, berth: Berth, on: bool) -> None:
        """Hear it when somebody in this berth prints something. In a shared one it could not be said who."""
        for pipe in (berth.output, berth.errors):
            with contextlib.suppress(KeyError):
                self._selector.unregister(pipe)
            if on and not berth.shared:
                self._selector.register(pipe, selectors.EVENT_READ, (berth, OUTPUT))

    def tail_ended(self, template: Template) -> None:
        self._selector.unregister(template.tail_reader)

    def _start(self, entry: Entry, shared: bool) -> Template:
        idle = sorted((one for one in self if self.is_idle(one)), key=lambda one: one.used_at)
        for template in idle[: max(0, len(self._by_entry) + 1 - self._tuning.templates)]:
            self.forget(template)
            template.end(self._tuning.timeout_grace_s)
        template = start_template(entry, self._environment, self._scratch, self._early)
        self._by_entry[entry] = template
        self._selector.register(template.started.control, selectors.EVENT_READ, (template, CONTROL))
        self._selector.register(template.tail_reader, selectors.EVENT_READ, (template, TAIL))
        self._make(template, shared)
        return template

    def _make(self, template: Template, shared: bool = False) -> bool:
        self._numbers += 1
        berth = new_berth(self._numbers, template, shared, self._tuning.pipe_bytes)
        if berth is None:
            # It is dead or stands still: killed, it is heard of as dead.
            template.started.process.kill()
            return False
        self._berths[berth.number] = berth
        self._selector.register(berth.channel, selectors.EVENT_READ, berth)
        self.watch_output(berth, True)
        return True
