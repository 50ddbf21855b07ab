"""Which row of the walk of a run (docs/ARCHITECTURE.md) a process is in, by the crash points that it passes.

Every point has its place here; one that has none is an error of the soak.
"""

from __future__ import annotations

import re

from tests.crash.passes import ELSEWHERE, ROOT

ROWS = (4, 5, 6, 7, 8, 9, 10)
_SCHEMA = {"metadata.migration-step", "metadata.before-schema-commit", "metadata.after-schema-commit"}
UNREACHED = frozenset({*_SCHEMA, *ELSEWHERE})
"""The home has the current schema before its engines begin, is local, and nothing of it is collected."""

AT = {
    "submit.stored": (4, 5),
    "lease.taken": (5, 5),
    "engine.committed": (7, 6),
    "engine.started": (8, 6),
    "processes.helper-started": (8, 8),
    "processes.before-dispatch": (8, 8),
    "processes.after-report": (10, 10),
    "template.before-fork": (8, 8),
    "template.after-fork": (8, 8),
    "engine.acted": (9, 9),
    "engine.effect-recorded": (9, 9),
    "artifact.after-write": (9, 9),
    "artifact.after-rename": (9, 9),
    "worker.before-report": (9, 10),
    "worker.after-report": (10, 10),
}
"""The row of a process that dies at a point, and of one that has passed it and no other since."""

AROUNDCOMMITS = {
    "engine/claiming.py": (5, 5),
    "engine/giving_up.py": (7, 7),
    "engine/reading.py": (9, 9),
    "engine/renewing.py": (6, 6),
    "engine/submit.py": (4, 4),
    "engine/recover.py": (5, 5),
    "engine/writer.py": (7, 7),
    "engine/loop.py": (6, 6),
    "engine/requests.py": (9, 9),
}
"""The same for `metadata.before-commit` and `metadata.after-commit`, by the module that writes."""

COMMITS = frozenset({"metadata.before-commit", "metadata.after-commit"})
POINTS = tuple(sorted({*AT, *COMMITS}))
WRITERS = tuple(sorted(AROUNDCOMMITS))


class NoRow(Exception):
    """A point, or a module that commits, is not in the tables of this module."""


def row_at(point: str, writer: str) -> int:
    """The row of a process that dies while it passes the point."""
    return _rows(point, writer)[0]


def row_after(point: str, writer: str) -> int:
    """The row of a process whose last point this was."""
    return _rows(point, writer)[1]


def points_of(row: int) -> list[str]:
    """The points at which a process may die in this row."""
    own = [name for name, (at, _) in AT.items() if at == row]
    return own + [name for name in sorted(COMMITS) if any(at == row for at, _ in AROUNDCOMMITS.values())]


def writers_in_sources() -> set[str]:
    """The modules of the engine that open a transaction for writing."""
    folder = ROOT / "src" / "tidemill"
    found = (folder / "engine").glob("*.py")
    writes = re.compile(r"\b_?database\.(?:write|renew)\(")
    return {str(file.relative_to(folder)) for file in found if writes.search(file.read_text())}


def _rows(point: str, writer: str) -> tuple[int, int]:
    found = AROUNDCOMMITS.get(writer) if point in COMMITS else AT.get(point)
    if found is None:
        by = f" in a commit of {writer or 'nobody known'}" if point in COMMITS else ""
        raise NoRow(f"the crash point {point!r}{by} belongs to no row of the walk: say which in tests/soak/rows.py")
    return found
