"""Events: ordered by (run, seq) within a run, delivered at least once to readers across runs.

A reader across runs has a mark for each event it has not acknowledged, born in the event's own transaction. So the
order in which writers commit is nothing to it: an event and its mark appear together, and none is ever skipped over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Row,
    and_,
    bindparam,
    delete,
    insert,
    literal,
    literal_column,
    or_,
    select,
    text,
)

from tidemill.core.errors import NotFound, did_you_mean
from tidemill.core.history import EventRecord
from tidemill.storage.metadata.encoding import (
    mapping_in,
    mapping_out,
    name_out,
    required_moment_in,
    required_moment_out,
)
from tidemill.storage.metadata.statements import Statement, insert_into, inserting
from tidemill.storage.metadata.tables import event_deliveries, event_readers, events

_EVERY = ""


def _mark(dialect: str) -> Insert:
    every: ColumnElement[str] = literal_column(f"'{_EVERY}'")
    wanted = (
        select(
            event_readers.c.reader,
            bindparam("run", type_=events.c.run.type),
            bindparam("seq", type_=events.c.seq.type),
            bindparam("team", type_=events.c.team.type),
        )
        .distinct()
        .where(
            or_(event_readers.c.team == every, event_readers.c.team == bindparam("of_team")),
            or_(event_readers.c.kind == every, event_readers.c.kind == bindparam("of_kind")),
        )
    )
    return insert_into(dialect, event_deliveries).from_select(["reader", "run", "seq", "team"], wanted)


_append = inserting(events)
_deliver = Statement(["run", "seq", "team", "of_team", "of_kind"], _mark)
_columns = [column for column in events.c if column.name != "team"]


def append(connection: Connection, team: str, rows: Sequence[EventRecord]) -> None:
    """Store events and mark them for their readers. Raises DatabaseConflict (leaving the write) for a repeated seq."""
    _append.run(connection, [_row(team, event) for event in rows])
    _deliver.run(connection, [(event.run, event.seq, team, team, event.kind) for event in rows])


def read(connection: Connection, run: str, after: int = 0, limit: int = 1000) -> list[EventRecord]:
    """Events of one run with a seq above `after`, in order."""
    query = select(*_columns).where(events.c.run == run, events.c.seq > after).order_by(events.c.seq).limit(limit)
    return _records(connection.execute(query).all())


# --- readers across runs ----------------------------------------------------------------------------------------------


def subscribe(
    connection: Connection, reader: str, *, team: str = _EVERY, kinds: Iterable[str] = (), from_start: bool = False
) -> None:
    """Deliver to `reader` every event committed from now on; with `from_start` also all that there are.

    No team means all teams, no kinds means all kinds. Subscribing again replaces both and keeps what is unread.
    """
    if connection.dialect.name == "postgresql":
        # Writers that are under way do not see the new reader: wait for them, and let the next ones wait.
        connection.execute(text("LOCK TABLE events IN SHARE MODE"))
    connection.execute(delete(event_readers).where(event_readers.c.reader == reader))
    wanted = sorted(set(kinds)) or [_EVERY]
    name = name_out(reader, "the reader's name")
    connection.execute(insert(event_readers), [{"reader": name, "team": team, "kind": kind} for kind in wanted])
    if from_start:
        old = select(literal(name, event_deliveries.c.reader.type), events.c.run, events.c.seq, events.c.team).where(
            or_(literal(team == _EVERY), events.c.team == team),
            or_(literal(wanted == [_EVERY]), events.c.kind.in_(wanted)),
        )
        marks = insert_into(connection.dialect.name, event_deliveries)
        connection.execute(marks.from_select(["reader", "run", "seq", "team"], old).on_conflict_do_nothing())


def unsubscribe(connection: Connection, reader: str) -> None:
    """Forget the reader and what it has not read."""
    connection.execute(delete(event_readers).where(event_readers.c.reader == reader))
    connection.execute(delete(event_deliveries).where(event_deliveries.c.reader == reader))


def unread(connection: Connection, reader: str, limit: int = 1000) -> list[EventRecord]:
    """Events that the reader has not acknowledged, by run and seq. Raises NotFound for a reader that is not known."""
    here = and_(event_deliveries.c.run == events.c.run, event_deliveries.c.seq == events.c.seq)
    rows = connection.execute(
        select(*_columns)
        .join_from(event_deliveries, events, here)
        .where(event_deliveries.c.reader == reader)
        .order_by(event_deliveries.c.run, event_deliveries.c.seq)
        .limit(limit)
    ).all()
    if not rows:
        readers = connection.execute(select(event_readers.c.reader).distinct()).scalars().all()
        if reader not in readers:
            raise NotFound(f"no reader {reader!r} of events has subscribed", remedy=did_you_mean(reader, readers))
    return _records(rows)


_acknowledge = Statement(
    ["reader", "run", "seq"],
    lambda dialect: delete(event_deliveries).where(
        event_deliveries.c.reader == bindparam("reader"),
        event_deliveries.c.run == bindparam("run"),
        event_deliveries.c.seq == bindparam("seq"),
    ),
)


def acknowledge(connection: Connection, reader: str, rows: Sequence[EventRecord]) -> int:
    """Note that the reader has dealt with these events, in whatever order; how many of them were unread."""
    return _acknowledge.run(connection, [(reader, event.run, event.seq) for event in rows])


def _row(team: str, event: EventRecord) -> tuple[object, ...]:
    return (
        event.run,
        event.seq,
        team,
        required_moment_out(event.at),
        event.kind,
        event.path,
        event.instance,
        mapping_out(event.payload),
    )


def _records(rows: Sequence[Row[Any]]) -> list[EventRecord]:
    return [
        EventRecord(
            run=row.run,
            seq=row.seq,
            at=required_moment_in(row.at),
            kind=row.kind,
            path=row.path,
            instance=row.instance,
            payload=mapping_in(row.payload),
        )
        for row in rows
    ]
