"""Simulated runs whose results are stored by content: what is damaged is found when it is read, and put again whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.unit.engine.simulation import Simulation, Started, Stays, report_of
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.graph import Call
from tidemill.core.records import Artifact, Report
from tidemill.core.states import AttemptState
from tidemill.core.values import ArtifactRef, references
from tidemill.engine.moves import AttemptStarted, Event


class Storing(Simulation):
    """Texts that tasks return become artifacts. `damaged` are contents; `plan` says after which steps which go bad."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.contents: dict[str, str] = {}  # artifact -> what it holds
        self.damaged: set[str] = set()
        self.read: dict[str, dict[str, str]] = {}  # attempt -> reference -> the artifact that its ticket has for it

    def send(self, event: Event) -> None:
        before = len(self.moves)
        super().send(event)
        for move in self.moves[before:]:
            if isinstance(move, AttemptStarted) and move.record.id in self._out:
                wanted = references(dict(self._out[move.record.id].inputs))
                self.read[move.record.id] = {ref.id: self.progress.artifact(ref.id).id for ref in wanted}

    def report(self, attempt: str, told: Started) -> Report | None:
        bad = sorted(id for id in self.read[attempt].values() if self.contents[id] in self.damaged)
        if bad:
            cause = Cause(CauseKind.DATA, f"{bad[0]} is damaged")
            return Report(attempt, AttemptState.FAILED, cause=cause, damaged=dict.fromkeys(bad, "a flipped byte"))
        inputs = {name: self.loaded(value, self.read[attempt]) for name, value in told.inputs.items()}
        answer = self.script(replace(told, inputs=inputs))
        if isinstance(answer, Stays):
            return None
        node = self.progress.wiring.site(told.path).node
        if not isinstance(answer, str) or not isinstance(node.body, Call):
            return report_of(attempt, answer)
        made = Artifact(f"{attempt}.1", "str", digest=answer)
        self.contents[made.id] = answer
        self.damaged.discard(answer)
        return Report(attempt, AttemptState.SUCCEEDED, {"result": ArtifactRef(made.id)}, (made,))

    def loaded(self, value: Any, read: dict[str, str] | None = None) -> Any:
        """A value with what artifacts hold in their places."""
        match value:
            case ArtifactRef(id=id):
                return self.contents[id if read is None else read[id]]
            case list():
                return [self.loaded(item, read) for item in value]
            case dict():
                return {key: self.loaded(item, read) for key, item in value.items()}
            case _:
                return value
