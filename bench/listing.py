"""All rows, in the order of the table."""

from __future__ import annotations

from collections.abc import Sequence

from bench.row import Row
from bench.rows import (
    cached,
    chain,
    crowd,
    fan,
    fingerprint,
    frame,
    graph,
    hello,
    keys,
    memory,
    noise,
    past,
    restart,
    shared,
)
from tidemill.core.errors import NotFound, did_you_mean

ROWS: tuple[Row, ...] = (
    chain.PLAIN,
    chain.HEAVY,
    fan.SQLITE,
    fan.POSTGRES,
    shared.SHARED,
    hello.HELLO,
    cached.CACHED,
    frame.FRAME,
    restart.RESTART,
    memory.MEMORY,
    graph.GRAPH,
    keys.KEYS,
    fingerprint.FINGERPRINT,
    crowd.CROWD,
    noise.NOISE,
    past.PAST,
)


def chosen(keys: Sequence[str]) -> tuple[Row, ...]:
    """The rows with these keys, all of them for no key. Raises NotFound."""
    known = {row.key: row for row in ROWS}
    for key in keys:
        if key not in known:
            remedy = did_you_mean(key, known) or "`python -m bench --list` shows them"
            raise NotFound(f"there is no row {key!r}", remedy=remedy)
    return tuple(row for row in ROWS if not keys or row.key in keys)
