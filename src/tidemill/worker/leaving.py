"""What the user's code has asked to be done at the end of its process, done when its task is over.

Knows `atexit` and `logging`, and neither tasks nor reports.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import sys
from types import ModuleType
from typing import NoReturn

from tidemill.worker.on_import import when_imported

_own = (0, 0)
"""What `_registered` says of this process before anything of the user's."""


def begin_watching() -> None:
    """From now on what is registered is the user's; the logger of tasks is set up as soon as there is logging."""
    global _own
    when_imported("logging", _adopt)
    _own = _registered()


def has_exit_work() -> bool:
    """Whether somebody has registered something for the end of the process, or writes logs that may be buffered."""
    return _registered() != _own


def do_exit_work() -> None:
    """What is registered, as Python would at its end; whatever it raises is passed over."""
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    logging = sys.modules.get("logging")
    if logging is not None:
        with contextlib.suppress(BaseException):
            logging.shutdown()
    flush()


def leave_at_once(code: int) -> NoReturn:
    """End this process as Python does, but for taking apart, one by one, all that was imported: that takes long."""
    come_to_an_end()
    os._exit(code)


def come_to_an_end() -> None:
    """All that Python would still do at the end of this process: nothing of the user's is open after that."""
    threading = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    do_exit_work()


def flush() -> None:
    """Write out what was printed."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def _adopt(logging: ModuleType) -> None:
    """What the import of logging registers is not the user's."""
    global _own
    of_others = atexit._ncallbacks() - _own[0] - 1
    # What it would do is done at the end of each task, if somebody has given it anything to do.
    atexit.unregister(logging.shutdown)
    # Loaded by its name: it imports logging, which is not to be imported for the sake of this.
    importlib.import_module("tidemill.worker.task_log").log_to_stderr()
    callbacks, handlers = _registered()
    _own = callbacks - of_others, handlers


def _registered() -> tuple[int, int]:
    handlers = getattr(sys.modules.get("logging"), "_handlerList", ())
    return atexit._ncallbacks(), len(handlers)
