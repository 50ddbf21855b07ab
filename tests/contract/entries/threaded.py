"""An entry that must not be forked: its import leaves a thread running."""

from __future__ import annotations

import threading

threading.Thread(target=threading.Event().wait, name="background", daemon=True).start()


def double(x):
    return x * 2


def fail():
    raise ValueError("spawned trouble")
