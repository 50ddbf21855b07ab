"""Orders between an executor and its helper processes: one JSON object in a frame, with file descriptors if need be.

Both ends are ours; tasks never see this socket.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Any, TypeAlias

from tidemill.worker.frames import HEADER, BadFrame, pack

Order: TypeAlias = dict[str, Any]

LEFT_CLEAN = 80
"""Exit status of a task's process that has reported and left neither processes nor threads behind."""

NO_CHANNEL = 81
"""Exit status of a task's process that could not report."""

_MOST_DESCRIPTORS = 8


def send(control: socket.socket, order: Order, descriptors: Sequence[int] = ()) -> None:
    """Send one order; the descriptors are duplicated into the other process. Raises OSError."""
    frame = pack(json.dumps(order).encode())
    # Descriptors travel with the header alone: it is short enough never to be sent in part.
    sent = socket.send_fds(control, [frame[: HEADER.size]], descriptors) if descriptors else 0
    control.sendall(frame[sent:])


def receive(control: socket.socket) -> tuple[Order, list[int]] | None:
    """The next order and its descriptors; None at the end. Waits until one is there."""
    try:
        header, descriptors, _, _ = socket.recv_fds(control, HEADER.size, _MOST_DESCRIPTORS)
        if not header:
            return None
        header += _exactly(control, HEADER.size - len(header))
        (length,) = HEADER.unpack(header)
        order = parse(_exactly(control, length))
    except (EOFError, ConnectionError):
        return None
    return order, descriptors


def parse(body: bytes) -> Order:
    """The order in the body of a frame. Raises BadFrame."""
    try:
        order = json.loads(body)
    except ValueError:
        order = None
    if not isinstance(order, dict):
        raise BadFrame("an order is a JSON object")
    return order


def _exactly(control: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        chunk = control.recv(length - len(data))
        if not chunk:
            raise EOFError
        data += chunk
    return data
