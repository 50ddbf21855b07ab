"""A large file is hashed on several processors, and flushed to the disk meanwhile. Loaded when there is one."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from tidemill.storage.artifacts.digests import LEAF, leaf, root


def digest_and_flush(descriptor: int) -> tuple[str, int]:
    """Digest text and size of an open file of several leaves, which is on the disk by then. Raises OSError."""
    size = os.fstat(descriptor).st_size
    count = -(-size // LEAF)
    with ThreadPoolExecutor(1 + min(4, os.cpu_count() or 1)) as threads:
        flushed = threads.submit(os.fsync, descriptor)
        # Not mapped: the pages would count as memory of the task.
        text = root(threads.map(lambda n: leaf(n, count, os.pread(descriptor, LEAF, n * LEAF)), range(count)))
        flushed.result()
    return text, size
