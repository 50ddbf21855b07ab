"""Decisions for people: which there are, what one says, whether their chain is whole, and judging them again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from tidemill.actions.runs import find_run
from tidemill.app import App, content_of
from tidemill.core.decisions import Decision, Head, Named
from tidemill.core.errors import InputError, NotFound, did_you_mean
from tidemill.lifecycle.decisions import chain, judges
from tidemill.lifecycle.decisions.code import changed, deciding_code
from tidemill.lifecycle.decisions.record import content
from tidemill.lifecycle.decisions.replaying import Judged, judge_again
from tidemill.lifecycle.verdicts import Verdict
from tidemill.storage.artifacts.errors import ArtifactError
from tidemill.storage.artifacts.values import load
from tidemill.storage.metadata import artifacts, decisions
from tidemill.storage.metadata.errors import RowDamaged

_DIGEST = len("sha256:") + 64


@dataclass(frozen=True, slots=True)
class Shown:
    """A decision with its document. `head` is the end of its chain; `code` what of the deciding code is another here.

    `damage` says in what the record is not what was written, "" if it is whole in itself.
    """

    decision: Decision
    content: Mapping[str, Any]
    head: Head
    code: tuple[str, ...]
    damage: str = ""


class Outcome(Enum):
    """What became of judging a decision again."""

    EQUAL = "equal"
    DIFFERS = "differs"
    DAMAGED = "damaged"  # the record or its evidence is not what it was, or is gone
    UNJUDGED = "unjudged"  # no code judged it: there is nothing to repeat


@dataclass(frozen=True, slots=True)
class Replayed:
    """`trouble` says what is damaged; `judged` is there if it was judged again."""

    decision: Decision
    outcome: Outcome
    judged: Judged | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class ReplayedAll:
    """How many came out how, and those that did not come out equal."""

    counts: Mapping[Outcome, int]
    wrong: tuple[Replayed, ...] = field(default=())


def list_decisions(
    app: App, model: str = "", *, kind: str = "", verdict: str = "", run: str = "", limit: int | None = None
) -> list[Decision]:
    """The newest decisions, about a model or about all; `run` is named as everywhere.

    Raises NotFound for a run that is not there, or a model that was never decided about, InputError for no verdict.
    """
    wanted = verdict.upper()
    if wanted and wanted not in Verdict.__members__:
        raise InputError(f"there is no verdict {verdict!r}", remedy=did_you_mean(wanted, Verdict.__members__))
    team = app.settings.team
    run = find_run(app, run).id if run else ""
    with app.database.read() as connection:
        found = decisions.listing(connection, team, model=model, kind=kind, verdict=wanted, run=run, limit=limit)
        known = decisions.models(connection, team) if model and not found else []
    if known and model not in known:
        raise NotFound(f"nothing was decided about a model {model!r}", remedy=did_you_mean(model, known))
    return found


def show_decision(app: App, text: str, *, model: str = "", run: str = "") -> Shown:
    """A decision by its id, the beginning of one, its number, or `latest`, which may be that of a model or a run.

    Raises NotFound, InputError, RowDamaged.
    """
    if model or run:
        if text != "latest":
            raise InputError(f"{text!r} is one decision already", remedy="leave out --model and --run, or say latest")
        newest = list_decisions(app, model, run=run, limit=1)
        if not newest:
            raise NotFound("there is no such decision", remedy="`tidemill decision ls` lists them")
        text = newest[0].id
    with app.database.read() as connection:
        found = decisions.find(connection, app.settings.team, text)
        head = decisions.head(connection, app.settings.team)
    said = _content(found)
    code = said.get("code") or {}
    now = deciding_code(found.about.kind) if code else {}
    return Shown(found, said, head, tuple(changed(code, now)) if now else (), chain.damage_of(found))


def verify_decisions(app: App, expect: str = "") -> chain.Verified:
    """Look at every record of the team's chain; `expect` is a digest that it must hold. Raises InputError."""
    if expect:
        expect = expect if expect.startswith("sha256:") else f"sha256:{expect}"
        if len(expect) != _DIGEST or not set(expect[7:]) <= set("0123456789abcdef"):
            raise InputError(
                f"{expect!r} is not the digest of a decision",
                remedy="give the whole digest that `tidemill decision verify` printed: sha256: and 64 digits",
            )
    team = app.settings.team
    with app.database.read() as connection:
        head = decisions.head(connection, team)
        return chain.verify(team, decisions.links(connection, team), head, expect)


def replay_decision(app: App, text: str) -> Replayed:
    """Judge a recorded decision again. Raises NotFound, InputError."""
    with app.database.read() as connection:
        found = decisions.find(connection, app.settings.team, text)
    return _replayed(app, found)


def replay_decisions(app: App, model: str = "", told: Callable[[Replayed], None] | None = None) -> ReplayedAll:
    """Judge all decisions again, or those about a model, the oldest first. Raises NotFound."""
    counts = dict.fromkeys(Outcome, 0)
    wrong: list[Replayed] = []
    with app.database.read() as connection:
        numbers = decisions.numbers(connection, app.settings.team, model)
    if model and not numbers:
        list_decisions(app, model)
    for number in numbers:
        done = replay_decision(app, str(number))
        counts[done.outcome] += 1
        if done.outcome in (Outcome.DIFFERS, Outcome.DAMAGED):
            wrong.append(done)
        if told is not None:
            told(done)
    return ReplayedAll(counts, tuple(wrong))


def _replayed(app: App, found: Decision) -> Replayed:
    if damage := chain.damage_of(found):
        return Replayed(found, Outcome.DAMAGED, trouble=damage)
    if found.about.kind not in judges.JUDGES:
        return Replayed(found, Outcome.UNJUDGED)
    scratch = Path(tempfile.mkdtemp(prefix="decision-", dir=_scratch_root(app)))
    try:
        try:
            evidence = _evidence(app, found.about.evidence, scratch)
        except (ArtifactError, NotFound) as error:
            return Replayed(found, Outcome.DAMAGED, trouble=error.in_one_line)
        judged = judge_again(found.about.kind, _content(found), evidence)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Replayed(found, Outcome.EQUAL if judged.equal else Outcome.DIFFERS, judged)


def _scratch_root(app: App) -> Path:
    root = app.settings.scratch
    root.mkdir(parents=True, exist_ok=True)
    return root


def _evidence(app: App, named: Named, scratch: Path) -> Any:
    """The table that was judged, its content verified; None if the decision names none."""
    if not named:
        return None
    with app.database.read() as connection:
        artifact = artifacts.get_many(connection, app.settings.team, [named.artifact]).get(named.artifact)
    if artifact is None:
        raise NotFound(f"the evidence, artifact {named.artifact}, is not recorded any more")
    if artifact.digest != named.digest:
        raise NotFound(f"artifact {named.artifact} holds other content than the evidence that was judged")
    app.artifacts.verify(content_of(artifact))
    return load(app.artifacts, content_of(artifact), artifact.codec, scratch, facts=artifact.metadata).value


def _content(found: Decision) -> dict[str, Any]:
    try:
        return content(found.document)
    except ValueError:
        raise RowDamaged(
            f"the document of decision {found.about.number} cannot be read",
            remedy="`tidemill decision verify` says what became of the chain",
        ) from None
