"""Descriptors of the process that others are forked from, under numbers that a forked process can close in one go."""

from __future__ import annotations

import fcntl
import os
import resource
import socket

_MOST = 4096
"""Descriptors that this process may have for itself; `_APART` is the number of the first."""

_APART = min(512, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)


def set_apart(descriptor: int) -> int:
    """The same, among those that a forked process closes; what the imports have opened is below them."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _APART)
    os.close(descriptor)
    return moved


def set_socket_apart(source: socket.socket) -> socket.socket:
    """As `set_apart`, for a socket; the object that was given is of no use any more."""
    return socket.socket(fileno=set_apart(source.detach()))


def close_apart() -> None:
    """In a forked process: nothing of the one that it came from stays open."""
    os.closerange(_APART, _APART + _MOST)
