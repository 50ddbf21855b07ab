"""What tasks print: the supervisor of logs is asked in when a berth speaks, and let go when its attempt has ended."""

from __future__ import annotations

import selectors
import time
from collections.abc import Mapping
from pathlib import Path

from tidemill.executors.attempts import NEVER, Attempt
from tidemill.executors.berths import Berth
from tidemill.executors.endings import Exit
from tidemill.executors.roll import Roll
from tidemill.executors.supervision import Logs
from tidemill.executors.templates import Templates
from tidemill.executors.tuning import Tuning


class Output:
    """A task that prints nothing costs nothing here; the end of one that did waits until all of it is in its log."""

    def __init__(
        self,
        log_root: Path,
        environment: Mapping[str, str],
        selector: selectors.BaseSelector,
        templates: Templates,
        roll: Roll,
        tuning: Tuning,
    ) -> None:
        self.logs = Logs(log_root, environment, tuning.log_bytes, selector, self._hear_logs)
        self._templates = templates
        self._roll = roll
        self._tuning = tuning

    def hear(self, berth: Berth) -> None:
        """Something was printed in a berth."""
        self._templates.watch_output(berth, False)
        if berth.queue:
            self.open(berth, berth.queue[0])
        else:
            berth.spoke = True

    def open(self, berth: Berth, attempt: Attempt) -> None:
        """Have the supervisor read what comes from this berth, for this attempt."""
        self._templates.watch_output(berth, False)
        berth.logged = attempt
        try:
            self.logs.ensure()
            if not self.logs.open(attempt, berth):
                self._replace()
        except OSError as error:
            attempt.notes.append(f"its output could not be kept: {error.strerror}")
            berth.logged, berth.last = None, True

    def end(self, berth: Berth, attempt: Attempt, end: Exit | None = None) -> None:
        """Settle an attempt, once all that it printed is in its log."""
        attempt.exit = end
        if berth.logged is None and berth.has_output and not (berth.shared and end is None):
            # It may not have been heard of yet. In a shared process it may be of the next one already.
            self.open(berth, attempt)
        if berth.logged is attempt:
            attempt.settle_by = time.monotonic() + self._tuning.drain_s
            self.logs.cut(berth)
        else:
            self._roll.settle(attempt, end)

    def close(self) -> None:
        self.logs.close(self._tuning.drain_s)

    def _hear_logs(self) -> None:
        drained = self.logs.heard()
        if drained is None:
            self._replace()
            return
        for number, trouble in drained:
            berth = self._templates.berth(number)
            if berth is not None:
                self._drained(berth, trouble)

    def _drained(self, berth: Berth, trouble: str) -> None:
        attempt, berth.logged = berth.logged, None
        if attempt is None:
            return
        attempt.notes += [trouble] if trouble else []
        if attempt.settle_by < NEVER:
            self._roll.settle(attempt, attempt.exit)
        if berth.last and not berth.queue:
            self._templates.retire(berth)
        else:
            self._templates.watch_output(berth, True)

    def _replace(self) -> None:
        self.logs.replace([berth for berth in self._templates.berths if berth.logged is not None])
