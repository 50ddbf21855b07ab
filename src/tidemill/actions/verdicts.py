"""The decisions that a run left, in a line each, for summaries. Reads records, and judges nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tidemill.app import App
from tidemill.core.decisions import Decision
from tidemill.storage.metadata import decisions


@dataclass(frozen=True, slots=True)
class Line:
    """One decision: what it is about, its verdict, and the sentence that decided."""

    id: str
    kind: str
    model: str
    verdict: str
    reason: str


def decided_in(app: App, run: str) -> list[Line]:
    """The decisions made in the run of this id, the oldest first."""
    with app.database.read() as connection:
        found = decisions.listing(connection, app.settings.team, run=run)
    return [Line(one.id, one.about.kind, one.about.model, one.about.verdict, _first_reason(one)) for one in found[::-1]]


def _first_reason(one: Decision) -> str:
    """The sentence that decided; "" if the document cannot be read, which `decision verify` tells."""
    try:
        reasons = json.loads(one.document)["judgement"]["reasons"]
        return str(reasons[0])
    except (ValueError, LookupError, TypeError):
        return ""
