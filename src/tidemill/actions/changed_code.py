"""What of the code of a pipeline is not as it was when a run was defined: by name, file and line.

Compares fingerprints; never the texts, which nobody keeps.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from tidemill.actions.compile import compile_pipeline
from tidemill.core.errors import NotFound, TidemillError
from tidemill.core.graph import Pipeline
from tidemill.core.history import RunRecord
from tidemill.engine.recover import wiring_of
from tidemill.storage.metadata import events
from tidemill.storage.metadata.database import Connection


@dataclass(frozen=True, slots=True)
class CodeChange:
    """One function, class, constant or module. `place` is `file:line`: where it stands now, or stood."""

    name: str
    how: Literal["changed", "new", "gone"]
    place: str

    def __str__(self) -> str:
        was = {"changed": "has changed", "new": "is new", "gone": "is gone"}[self.how]
        return f"code of {self.name} {was} ({self.place})"


_PAGE = 1000


class Definitions:
    """By which definition a run went on at a moment: reopening one records the code by which the rest runs."""

    def __init__(self, connection: Connection, run: RunRecord) -> None:
        self._connection, self._run = connection, run
        self._changes: list[tuple[datetime, str, str]] = []
        self._known: dict[str, Pipeline] = {}
        after = 0
        while run.generation and (page := events.read(connection, run.id, after, _PAGE)):
            for event in page:
                if event.kind == "run.reopened" and "definition" in event.payload:
                    was, by = event.payload["definition_before"], event.payload["definition"]
                    self._changes.append((event.at, str(was), str(by)))
            after = page[-1].seq

    def at(self, moment: datetime | None) -> Pipeline:
        """The one that counted then; the newest one if an older one is not kept any more."""
        by = next((was for at, was, _ in self._changes if moment is not None and moment < at), self._run.definition)
        if by not in self._known:
            try:
                self._known[by] = wiring_of(self._connection, replace(self._run, definition=by)).pipeline
            except NotFound:
                self._known[by] = wiring_of(self._connection, self._run).pipeline
        return self._known[by]


@dataclass(frozen=True, slots=True)
class Today:
    """The pipeline as its file says it now; None if it cannot be read, and then `why`."""

    pipeline: Pipeline | None
    why: str = ""


def today(pipeline: Pipeline) -> Today:
    """Read the file of a pipeline again, in a child process."""
    if pipeline.source is None:
        return Today(None, "it was not made from a file")
    try:
        return Today(compile_pipeline(f"{pipeline.source.file}:{pipeline.name}", checked=False))
    except TidemillError as error:
        return Today(None, error.in_one_line)


def code_changes(then: Pipeline, now: Pipeline, functions: Collection[str] | None = None) -> list[CodeChange]:
    """The parts that differ, of these functions (module:name) or of all, by name."""
    old, new = _parts(then, functions), _parts(now, functions)
    found = []
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            found.append(CodeChange(name, "gone", _place(old[name])))
        elif name not in old:
            found.append(CodeChange(name, "new", _place(new[name])))
        elif old[name][0] != new[name][0]:
            found.append(CodeChange(name, "changed", _place(new[name])))
    return found


def is_known(pipeline: Pipeline, function: str) -> bool:
    """Whether the code of a function has a fingerprint."""
    return bool(pipeline.functions.get(function))


def _parts(pipeline: Pipeline, functions: Collection[str] | None) -> Mapping[str, Any]:
    code: Any = pipeline.labels.get("code") or {}
    parts: Mapping[str, Any] = code.get("parts", {})
    if functions is None:
        return parts
    wanted = {name for function in functions for name in code.get("uses", {}).get(function, ())}
    return {name: part for name, part in parts.items() if name in wanted}


def _place(part: Any) -> str:
    return f"{part[1]}:{part[2]}"
