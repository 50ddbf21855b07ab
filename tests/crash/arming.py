"""Makes one crash point of a helper process kill it, as TIDEMILL_CRASH says: `name` or `name:n`."""

from __future__ import annotations

import itertools
import os
import signal

from tidemill.core import crash


def arm() -> None:
    name, _, nth = os.environ["TIDEMILL_CRASH"].partition(":")
    passes = itertools.count(1)

    def action() -> None:
        if next(passes) == int(nth or 1):
            os.kill(os.getpid(), signal.SIGKILL)

    crash.arm(name, action)
