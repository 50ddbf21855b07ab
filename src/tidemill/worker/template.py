"""The process that tasks are forked from: imports what they will need, once, and then only forks and buries.

Run as `python -m tidemill.worker.template`. It holds no secrets, no database and no run; if its imports make forking
unsafe, it makes way for `spawner`, which starts a fresh process for each task instead.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from dataclasses import replace
from typing import NoReturn

from tidemill.worker.arming import arm
from tidemill.worker.child import get_ready
from tidemill.worker.forked import Forking
from tidemill.worker.forking import reason_not_to_fork
from tidemill.worker.kernel import adopt_orphans, die_with
from tidemill.worker.leaving import leave_at_once
from tidemill.worker.nursery import Nursery
from tidemill.worker.setting import Setting
from tidemill.worker.shapes import prepare
from tidemill.worker.store import import_store
from tidemill.worker.warming import import_asyncio, import_codecs, warm_up


def main() -> None:
    control, parent = int(sys.argv[1]), int(sys.argv[2])
    setting = Setting.from_text(sys.argv[3])
    die_with(parent, signal.SIGTERM)
    adopt_orphans()
    os.set_inheritable(control, False)
    arm()
    connection = socket.socket(fileno=control)
    get_ready()
    entry = setting.import_entry(tell=True)
    import_codecs()
    import_store()
    if entry is not None:
        import_asyncio(vars(entry))
        prepare(setting.module, setting.file, vars(entry))
    why = reason_not_to_fork()
    if why:
        _start_anew(connection, parent, replace(setting, spawn_because=why))
    warm_up()
    gc.collect()
    gc.disable()
    gc.freeze()
    Nursery(connection, Forking(setting.scratch_root, os.getpid())).run()
    leave_at_once(0)


def _start_anew(connection: socket.socket, parent: int, setting: Setting) -> NoReturn:
    control = connection.detach()
    os.set_inheritable(control, True)
    program = [sys.executable, "-P", "-m", "tidemill.worker.spawner"]
    os.execv(sys.executable, [*program, str(control), str(parent), setting.to_text()])


if __name__ == "__main__":
    main()
