"""Effects: the answer that a task run got to each of its actions, so that a repeated attempt gets the same one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from tidemill.core.values import Value
from tidemill.storage.metadata.encoding import name_out, required_moment_out, value_in, value_out
from tidemill.storage.metadata.statements import inserting_new
from tidemill.storage.metadata.tables import effects


@dataclass(frozen=True, slots=True)
class Effect:
    """What was done and what it answered; another action under the same ordinal means that the code changed."""

    action: str
    answer: Value


_record = inserting_new(effects)


def answer(connection: Connection, run: str, path: str, instance: str, generation: int, ordinal: int) -> Effect | None:
    """The effect recorded for this ordinal, or None if it is still to be done."""
    row = connection.execute(
        select(effects.c.action, effects.c.answer).where(
            effects.c.run == run,
            effects.c.path == path,
            effects.c.instance == instance,
            effects.c.generation == generation,
            effects.c.ordinal == ordinal,
        )
    ).first()
    return None if row is None else Effect(row.action, value_in(row.answer))


def of_task(connection: Connection, run: str, path: str, instance: str, generation: int) -> dict[int, Effect]:
    """The effects of one task run, by ordinal."""
    rows = connection.execute(
        select(effects.c.ordinal, effects.c.action, effects.c.answer).where(
            effects.c.run == run,
            effects.c.path == path,
            effects.c.instance == instance,
            effects.c.generation == generation,
        )
    )
    return {row.ordinal: Effect(row.action, value_in(row.answer)) for row in rows}


def had_by(connection: Connection, run: str) -> set[tuple[str, str, int]]:
    """Path, instance and generation of the task runs that had effects."""
    places = select(effects.c.path, effects.c.instance, effects.c.generation).distinct()
    return {
        (path, instance, generation)
        for path, instance, generation in connection.execute(places.where(effects.c.run == run))
    }


def record(
    connection: Connection,
    team: str,
    run: str,
    path: str,
    instance: str,
    generation: int,
    ordinal: int,
    effect: Effect,
    now: datetime,
) -> Effect:
    """Record an effect; the one that counts from now on, which is the first recorded for this ordinal."""
    row = (
        run,
        path,
        instance,
        generation,
        ordinal,
        team,
        name_out(effect.action, "the action"),
        value_out(effect.answer),
        required_moment_out(now),
    )
    if _record.run(connection, [row]):
        return effect
    return answer(connection, run, path, instance, generation, ordinal) or effect
