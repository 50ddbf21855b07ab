"""Decisions: one unbroken chain for each team, appended to under the lock of its head. Rows are never changed.

What a record means, and whether the chain is whole, is said elsewhere (`lifecycle.decisions`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, LargeBinary, Select, cast, select, update

from tidemill.core.decisions import About, Decision, Head, Link, Named
from tidemill.core.errors import InputError, NotFound
from tidemill.storage.metadata.encoding import name_out
from tidemill.storage.metadata.errors import DatabaseConflict
from tidemill.storage.metadata.statements import insert_into, inserting
from tidemill.storage.metadata.tables import decision_heads, decisions

_LAST = "\U0010ffff"
_FEW = 5
_ROWS = 1000
_ID_LIKE = 12
"""Digits from which on a number is taken for the beginning of an id."""


_insert = inserting(decisions)
_fields: Select[Any] = select(decisions)


def lock_head(connection: Connection, team: str) -> Head:
    """The end of the team's chain; until the transaction ends nobody else appends. Call it before `append`."""
    new = insert_into(connection.dialect.name, decision_heads).values(team=team, number=0, digest="")
    connection.execute(new.on_conflict_do_nothing())
    row = connection.execute(
        select(decision_heads.c.number, decision_heads.c.digest).where(decision_heads.c.team == team).with_for_update()
    ).one()
    return Head(row.number, row.digest)


def append(connection: Connection, made: Decision) -> None:
    """Add the next record of a chain. Raises DatabaseConflict if it does not follow on the head."""
    about = made.about
    follows = (
        decision_heads.c.team == about.team,
        decision_heads.c.number == about.number - 1,
        decision_heads.c.digest == about.prev,
    )
    moved = update(decision_heads).where(*follows).values(number=about.number, digest=made.digest)
    if connection.execute(moved).rowcount != 1:
        raise DatabaseConflict(
            f"decision {about.number} does not follow on the last one", remedy="read the head again, in this write"
        )
    row = (
        about.team,
        about.number,
        made.id,
        name_out(about.kind, "the kind of the decision"),
        name_out(about.model, "the model's name"),
        name_out(about.verdict, "the verdict"),
        *(part for one in (about.candidate, about.champion, about.evidence) for part in (one.artifact, one.digest)),
        about.run,
        about.path,
        name_out(about.actor, "the actor"),
        about.made_at,
        about.prev,
        made.digest,
        made.document,
    )
    _insert.run(connection, [row])


def head(connection: Connection, team: str) -> Head:
    """The end of the team's chain, as it was last written."""
    row = connection.execute(select(decision_heads).where(decision_heads.c.team == team)).first()
    return Head() if row is None else Head(row.number, row.digest)


def get(connection: Connection, team: str, id_: str) -> Decision | None:
    """The decision with this whole id."""
    row = connection.execute(_fields.where(decisions.c.team == team, decisions.c.id == id_)).first()
    return None if row is None else _decision(row)


def find(connection: Connection, team: str, text: str) -> Decision:
    """The decision with this id, beginning of an id, number, or `latest`. Raises NotFound, InputError."""
    query = _fields.where(decisions.c.team == team)
    if text == "latest":
        rows = list(connection.execute(query.order_by(decisions.c.number.desc()).limit(1)))
    elif text.isdecimal() and text.isascii() and len(text) < _ID_LIKE:
        rows = list(connection.execute(query.where(decisions.c.number == int(text))))
    else:
        prefix = text if text.startswith("d_") else f"d_{text}"
        near = query.where(decisions.c.id >= prefix, decisions.c.id < prefix + _LAST)
        rows = list(connection.execute(near.order_by(decisions.c.id).limit(_FEW)))
    if not rows or not text:
        raise NotFound(f"there is no decision {text!r}", remedy="`tidemill decision ls` lists them")
    if len(rows) > 1:
        ids = ", ".join(row.id for row in rows[: _FEW - 1]) + (", ..." if len(rows) == _FEW else "")
        raise InputError(f"{text!r} is the beginning of several decisions", remedy=f"write more of the id: {ids}")
    return _decision(rows[0])


def listing(
    connection: Connection,
    team: str,
    *,
    model: str = "",
    kind: str = "",
    verdict: str = "",
    run: str = "",
    limit: int | None = None,
) -> list[Decision]:
    """The decisions of the team that are about this model, of this kind, ... (empty: any), the newest first."""
    query = _fields.where(decisions.c.team == team)
    for column, wanted in (("model", model), ("kind", kind), ("verdict", verdict), ("run", run)):
        if wanted:
            query = query.where(decisions.c[column] == wanted)
    return [_decision(row) for row in connection.execute(query.order_by(decisions.c.number.desc()).limit(limit))]


def of_subject(
    connection: Connection, team: str, digest: str, *, model: str = "", kind: str = "", verdict: str = ""
) -> list[Decision]:
    """The decisions whose candidate has this content (`Artifact.digest`), the newest first; empty filters pass all."""
    if not digest:
        return []
    query = _fields.where(decisions.c.team == team, decisions.c.candidate_digest == digest)
    for column, wanted in (("model", model), ("kind", kind), ("verdict", verdict)):
        if wanted:
            query = query.where(decisions.c[column] == wanted)
    return [_decision(row) for row in connection.execute(query.order_by(decisions.c.number.desc()))]


def models(connection: Connection, team: str) -> list[str]:
    """The names of the models that decisions are about."""
    query = select(decisions.c.model).where(decisions.c.team == team).distinct().order_by(decisions.c.model)
    return list(connection.execute(query).scalars())


def numbers(connection: Connection, team: str, model: str = "") -> list[int]:
    """The numbers of all decisions, or of those about a model, the oldest first."""
    query = select(decisions.c.number).where(decisions.c.team == team)
    if model:
        query = query.where(decisions.c.model == model)
    return list(connection.execute(query.order_by(decisions.c.number)).scalars())


def links(connection: Connection, team: str) -> Iterator[Link]:
    """The chain from its first record on, a row at a time, as it lies in the database."""
    raw = _bytes_of if connection.dialect.name == "sqlite" else (lambda column: column)
    columns = [decisions.c.number, *(raw(decisions.c[name]) for name in Link._fields[1:])]
    query = select(*columns).where(decisions.c.team == team).order_by(decisions.c.number)
    rows = connection.execution_options(yield_per=_ROWS).execute(query)
    if connection.dialect.name == "sqlite":
        for number, *texts, document in rows:
            yield Link._make((number, *map(_text, texts), document or b""))
    else:
        for *fields, document in rows:
            yield Link._make((*fields, document.encode()))


def _bytes_of(column: Any) -> Any:
    # SQLite gives out texts that are no UTF-8 as errors that end the whole query.
    return cast(column, LargeBinary)


def _text(raw: bytes | None) -> str:
    return "" if raw is None else raw.decode("utf-8", "backslashreplace")


def _decision(row: Any) -> Decision:
    candidate, champion, evidence = (
        Named(getattr(row, name), getattr(row, f"{name}_digest")) for name in ("candidate", "champion", "evidence")
    )
    about = About(
        team=row.team,
        number=row.number,
        kind=row.kind,
        model=row.model,
        verdict=row.verdict,
        candidate=candidate,
        champion=champion,
        evidence=evidence,
        run=row.run,
        path=row.path,
        actor=row.actor,
        made_at=row.made_at,
        prev=row.prev,
    )
    return Decision(about, row.document, row.digest)
