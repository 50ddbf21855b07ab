"""Names of temporary files that tell who writes them, so that what a killed writer left is known as such at once.

Knows this machine only: of a writer elsewhere, or in another container, nothing can be said but how old its file is.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

from tidemill.core.blake import blake2b
from tidemill.storage.artifacts.files import random_name

_NAME = re.compile(r"([0-9]+)-([0-9a-f]{12})-[0-9a-f]{16}\Z")


def new_name() -> str:
    """The name of a file that this process is about to write."""
    return f"{os.getpid()}-{_machine() or '0' * 12}-{random_name()}"


def is_of_the_dead(name: str) -> bool:
    """Whether the process that wrote a file of this name is known to be gone."""
    found = _NAME.match(name)
    return found is not None and found[2] == _machine() and _is_gone(found[1])


def _is_gone(pid: str) -> bool:
    try:
        return Path("/proc", pid, "stat").read_text(errors="replace").rpartition(")")[2].split()[:1] == ["Z"]
    except OSError:
        return True


@cache
def _machine() -> str:
    """Where a process id means the same process: this start of this machine, in this container; "" if unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        seen = f"{boot.strip()} {os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""
    return blake2b(seen.encode(), digest_size=6).hexdigest()
