"""Tasks that take what they are not given, and leave what they should not; `waiting` is the ids of their processes."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import re
import signal
import sys
import time

from tidemill.worker.context import current

_MB = 1 << 20


def _tell(pids) -> None:
    current().push("waiting", pids)


def _block(megabytes):
    return bytearray(b"x") * (megabytes * _MB)


# --- memory -----------------------------------------------------------------------------------------------------------


def eat_slowly():
    """A little more than 200 MiB, and then no more, however late somebody looks."""
    kept = []
    for _ in range(220):
        kept.append(_block(1))
        time.sleep(0.001)
    while kept:
        signal.pause()


def eat_at_once(megabytes):
    return len(_block(megabytes))


def eat_in_children(megabytes, number):
    """Each child alone would be within the limit."""
    pids = []
    for _ in range(number):
        pid = os.fork()
        if pid == 0:
            kept = _block(megabytes)
            while kept:
                signal.pause()
        pids.append(pid)
    _tell([os.getpid(), *pids])
    signal.pause()


def share_with_children(megabytes, number):
    """All have the same pages, and touch them for a while."""
    kept = _block(megabytes)
    pids = []
    for _ in range(number):
        pid = os.fork()
        if pid == 0:
            end = time.monotonic() + 1.0
            while time.monotonic() < end:
                sum(kept[:: 64 << 10])
            os._exit(0)
        pids.append(pid)
    return [os.waitpid(pid, 0)[1] for pid in pids]


def map_file(megabytes):
    """A file that is only read is no memory of the task."""
    path = current().scratch / "sparse"
    with open(path, "wb") as file:
        file.truncate(megabytes * _MB)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            sum(mapped[at] for at in range(0, len(mapped), 4096))
    return True


# --- processes --------------------------------------------------------------------------------------------------------


def many_children(number):
    _tell([os.getpid()])
    for _ in range(number):
        if os.fork() == 0:
            signal.pause()
    signal.pause()


def bomb(number):
    """Everyone starts others, in sessions of their own, until there are so many."""
    read, write = os.pipe()
    os.write(write, b"." * number)
    os.set_blocking(read, False)
    _tell([os.getpid()])
    while True:
        try:
            os.read(read, 1)
        except BlockingIOError:
            signal.pause()
        if os.fork() == 0:
            os.setsid()


def leave_a_chain(length):
    """Each is the parent of the next, in a session of its own, ignores SIGTERM and outlives the task."""
    read, write = os.pipe()
    if os.fork() == 0:
        for _ in range(length):
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.write(write, b"%d\n" % os.getpid())
            if os.fork():
                break
        else:
            os.write(write, b"\n")
        while True:
            signal.pause()
    return _numbers(read)


def leave_a_daemon():
    """As daemons are made: a double fork, a session of its own, nothing kept open."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.write(write, b"%d\n\n" % os.getpid())
        os.closerange(0, 256)
        while True:
            signal.pause()
    return _numbers(read)


def leave_and_deny_it(status):
    """It ends as a task does that has left nobody behind."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.write(write, b"%d\n\n" % os.getpid())
        while True:
            signal.pause()
    _tell(_numbers(read))
    os._exit(status)


def _numbers(read):
    said = b""
    while not said.endswith(b"\n\n"):
        said += os.read(read, 1 << 16)
    return [int(line) for line in said.split()]


# --- time -------------------------------------------------------------------------------------------------------------


def loop_for_ever():
    _tell([os.getpid()])
    while True:
        pass


def loop_and_swallow():
    """Whatever is raised in it is put aside."""
    _tell([os.getpid()])
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue


def search_for_ever():
    _tell([os.getpid()])
    return re.match(r"(a|a)*(a|a)*(a|a)*b$", "a" * 60)


def sleep_in_native_code():
    """Python is not asked meanwhile: its lock is held."""
    _tell([os.getpid()])
    return ctypes.PyDLL(None).sleep(3600)


def stop_itself():
    _tell([os.getpid()])
    os.kill(os.getpid(), signal.SIGSTOP)


# --- signals ----------------------------------------------------------------------------------------------------------


def signal_itself(number):
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    signal.pause()


def block_all_signals():
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    _tell([os.getpid()])
    while True:
        time.sleep(60)


# --- output -----------------------------------------------------------------------------------------------------------


def print_and_wait():
    print("I begin", flush=True)
    try:
        _tell([os.getpid()])
        signal.pause()
    finally:
        print("I end", flush=True)


def print_a_lot(megabytes):
    line = b"x" * 1023 + b"\n"
    block = line * 1024
    for _ in range(megabytes):
        _write(1, block)


def print_one_line(megabytes):
    for _ in range(megabytes):
        _write(1, b"y" * _MB)


def print_bytes(blocks):
    """All bytes there are, and halves of characters."""
    for _ in range(blocks):
        _write(1, bytes(range(256)) * 4)
        _write(2, b"\xf0\x9f\x98")
    _write(1, b"\x00\x00 the last words")


def close_output_and_go_on():
    os.close(1)
    os.close(2)
    with contextlib.suppress(OSError):
        print("nobody hears this", file=sys.stderr)
    return "done"


def _write(descriptor, data):
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


# --- results ----------------------------------------------------------------------------------------------------------


def huge_bytes(megabytes):
    """Zeros that nobody has touched yet."""
    return bytes(megabytes * _MB)


def huge_frame(megabytes):
    import numpy
    import pandas

    return pandas.DataFrame({"zeros": numpy.zeros(megabytes * _MB // 8)})


def huge_plain(number):
    """Neither small nor of any special kind."""
    return ["x" * 1000] * number


def huge_push(megabytes):
    current().push("big", bytes(megabytes * _MB))
    return "pushed"


def huge_message(megabytes):
    """An error whose text is as long as that."""
    raise ValueError("z" * (megabytes * _MB))


class Loaded:
    """Says at pickling what it is."""

    def __init__(self, words):
        self.words = words

    def __reduce__(self):
        if self.words == "exit":
            os._exit(9)
        raise RuntimeError(self.words)


def cannot_be_kept(words):
    return Loaded(words)


def endless_list():
    found = []
    found.append(found)
    return found


def deep_list():
    found = []
    for _ in range(100_000):
        found = [found]
    return found
