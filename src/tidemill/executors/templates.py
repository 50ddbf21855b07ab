"""The templates of an executor: which one serves a ticket, how many there are, and the children they begin.

Registers what is to be read with the loop's selector; what is read is the loop's business.
"""

from __future__ import annotations

import contextlib
import selectors
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tidemill.executors.children import Child, Entry, Template, new_child, start_template
from tidemill.executors.tuning import Tuning

CONTROL = "control"
TAIL = "tail"


class Templates:
    """At most `tuning.templates`, unless all of them are busy; the one that was not used for longest goes first."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        environment: Mapping[str, str],
        scratch: Path | None,
        standby: int,
        tuning: Tuning,
    ) -> None:
        self._selector = selector
        self._environment = environment
        self._scratch = scratch
        self._standby = standby
        self._tuning = tuning
        self._by_entry: dict[Entry, Template] = {}
        self._numbers = 0

    def __iter__(self) -> Iterator[Template]:
        return iter(tuple(self._by_entry.values()))

    def serving(self, entry: Entry) -> Template:
        """The template of this entry, or one that has imported it along with its own, or a new one. Raises OSError."""
        found = self._by_entry.get(entry) or next((one for one in self if one.ready and one.has(entry)), None)
        template = found or self._start(entry)
        template.used_at = time.monotonic()
        return template

    def free_child(self, template: Template) -> Child | None:
        """A child that waits for a ticket; None if there can be none now. Raises OSError."""
        standby = template.standby
        return standby[0] if standby else self._begin(template)

    def replenish(self, template: Template) -> None:
        """Have children ready for the next tickets: forking is then off their way."""
        with contextlib.suppress(OSError):
            for _ in range(self._standby - len(template.standby)):
                if self._begin(template) is None:
                    return

    def forget(self, template: Template) -> None:
        """Let go of a template that is about to be ended, or has ended, and of its standbys."""
        self._by_entry.pop(template.entry, None)
        for source in (template.started.control, template.tail_reader):
            with contextlib.suppress(KeyError):
                self._selector.unregister(source)
        for child in template.standby:
            self.drop(child)

    def drop(self, child: Child) -> None:
        """Free what is held of a child."""
        self.close_channel(child)
        child.close()
        child.template.children.pop(child.number, None)

    def close_channel(self, child: Child) -> None:
        """Read nothing more from a child."""
        if not child.closed:
            child.closed = True
            self._selector.unregister(child.channel)

    def tail_ended(self, template: Template) -> None:
        self._selector.unregister(template.tail_reader)

    def _start(self, entry: Entry) -> Template:
        idle = sorted((one for one in self if one.idle), key=lambda one: one.used_at)
        for template in idle[: max(0, len(self._by_entry) + 1 - self._tuning.templates)]:
            self.forget(template)
            template.end(self._tuning.timeout_grace_s)
        template = start_template(entry, self._environment, self._scratch)
        self._by_entry[entry] = template
        self._selector.register(template.started.control, selectors.EVENT_READ, (template, CONTROL))
        self._selector.register(template.tail_reader, selectors.EVENT_READ, (template, TAIL))
        return template

    def _begin(self, template: Template) -> Child | None:
        self._numbers += 1
        child = new_child(self._numbers, template, self._tuning.pipe_bytes)
        if child is None:
            # It is dead or stands still: killed, it is heard of as dead.
            template.started.process.kill()
            return None
        self._selector.register(child.channel, selectors.EVENT_READ, child)
        return child
