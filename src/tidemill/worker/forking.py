"""Whether this process, with what it has imported, may be forked and go on; if not, why. Asked by the template only."""

from __future__ import annotations

import _thread
import ctypes
import os
import select
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType

_PROBE_SECONDS = 2.0


def reason_not_to_fork() -> str:
    """One sentence, or "" if forking is safe."""
    if sys.platform != "linux":
        return f"forking a process that has imported native libraries is not safe on {sys.platform}"
    if where := _python_threads():
        return f"its imports started a Python thread that is still alive: {where}"
    for library in _openmp_libraries():
        if not _openmp_survives(library):
            return f"its imports ran an OpenMP region of {Path(library).name}, which would hang after a fork"
    return ""


def _python_threads() -> str:
    me = _thread.get_ident()
    threading = sys.modules.get("threading")
    names = {thread.ident: thread.name for thread in threading.enumerate()} if threading is not None else {}
    others = [
        names.get(ident, "unnamed") + _place(frame) for ident, frame in sys._current_frames().items() if ident != me
    ]
    return ", ".join(sorted(others))


def _place(frame: FrameType) -> str:
    machinery = getattr(sys.modules.get("threading"), "__file__", "")
    stack = [found for found in traceback.extract_stack(frame) if found.filename != machinery]
    return f" ({Path(stack[-1].filename).name}:{stack[-1].lineno})" if stack else ""


def _openmp_libraries() -> list[str]:
    """Every GNU OpenMP runtime in this process; LLVM's and Intel's restart by themselves after a fork."""
    with open("/proc/self/maps") as maps:
        paths = {line.split(maxsplit=5)[5].strip() for line in maps if "libgomp" in line}
    return sorted(path for path in paths if path.startswith("/"))


def _openmp_survives(library: str) -> bool:
    """Try it: a forked child enters a parallel region, which never ends if one has run in this process before."""
    try:
        gomp = ctypes.CDLL(library, mode=os.RTLD_NOLOAD)
        # Each thread of the region calls free(NULL): the one function at hand that does nothing.
        nothing = ctypes.cast(ctypes.CDLL(None).free, ctypes.c_void_p)
        region = gomp.GOMP_parallel
    except (OSError, AttributeError):
        return True
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            region(nothing, None, 2, 0)
            os.write(writer, b"+")
        finally:
            os._exit(0)
    os.close(writer)
    try:
        readable, _, _ = select.select([reader], [], [], _PROBE_SECONDS)
        return bool(readable) and os.read(reader, 1) == b"+"
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
