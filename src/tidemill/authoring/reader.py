"""A template that has a definition read meanwhile: `python -m tidemill.authoring.reader`.

What both need is imported once; then a child reads the file, as `compile` does in a process of its own, and this
process becomes the template. Both import the user's file, each for itself: only one of them may be forked afterwards.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import socket
import sys
from typing import NoReturn

# The user's file will ask for it.
import tidemill.authoring  # noqa: F401
from tidemill.worker import template
from tidemill.worker.kernel import die_with


def main() -> None:
    """Arguments: those of a template, then descriptors of the channel and of standard error, and the target.

    Through the channel comes the environment of the reader, one line of JSON. Back go three lines: the id of the
    process that ends when the channel is closed, the answer, and the exit code of the process that gave it.
    """
    channel, errors, target = int(sys.argv[4]), int(sys.argv[5]), sys.argv[6]
    del sys.argv[4:]
    for descriptor in (channel, errors):
        os.set_inheritable(descriptor, False)
    if os.fork() == 0:
        _look_after_a_reader(channel, errors, target)
    os.close(channel)
    os.close(errors)
    template.main()


def _look_after_a_reader(channel: int, errors: int, target: str) -> NoReturn:
    """In a process of its own: somebody has to wait for the reader while the template is busy with its imports."""
    # Whoever signals the group of the template does not mean this one.
    os.setpgid(0, 0)
    me = os.getpid()
    pid = os.fork()
    if pid == 0:
        die_with(me)
        _read(channel, errors, target)
    status = 1
    try:
        os.close(errors)
        os.write(channel, b"%d\n" % me)
        poll = select.poll()
        poll.register(os.pidfd_open(pid), select.POLLIN)
        # That the other end was closed is told without being asked for.
        poll.register(channel, 0)
        if any(descriptor == channel for descriptor, _ in poll.poll()):
            os.kill(pid, signal.SIGKILL)
        _, ended = os.waitpid(pid, 0)
        # After an answer that was cut short, too, it begins a line.
        os.write(channel, b"\n%d\n" % os.waitstatus_to_exitcode(ended))
        status = 0
    finally:
        os._exit(status)


def _read(channel: int, errors: int, target: str) -> NoReturn:
    """Be the process that `compile` is. What it raises ends it as it would end that one."""
    os.dup2(errors, 2)
    os.dup2(2, 1)
    os.close(errors)
    with socket.socket(fileno=os.dup(channel)) as source, source.makefile("rb") as lines:
        environment = json.loads(lines.readline())
    os.environ.clear()
    os.environ.update(environment)
    compiler = importlib.import_module("tidemill.authoring.compile")
    sys.argv = [str(compiler.__file__), target]
    compiler.answer(target, channel)
    raise AssertionError("it never comes back")


if __name__ == "__main__":
    main()
