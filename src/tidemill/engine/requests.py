"""What a worker asks of the run's owner while it works: an effect (done once), an output, a variable.

An effect is executed and recorded in one transaction: a repeated attempt gets the first answer, nothing happens twice.
Artifacts that an answer refers to count as used by the task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from tidemill.core.crash import point
from tidemill.core.errors import InputError, NotFound, TidemillError, did_you_mean
from tidemill.core.instances import instance_text
from tidemill.core.records import Reply, Request, Verb
from tidemill.core.values import MISSING, Value, references
from tidemill.engine.held import Held
from tidemill.engine.reading import keep_for, read_output
from tidemill.engine.unit import Unit
from tidemill.storage.metadata import artifacts, effects, variables
from tidemill.storage.metadata.database import Connection, Database
from tidemill.storage.metadata.errors import DatabaseBusy, DatabaseFull, DatabaseUnavailable

_acted = point("engine.acted")
_effect_recorded = point("engine.effect-recorded")


@dataclass(frozen=True, slots=True)
class ActionContext:
    """Who acts: the task run on whose behalf, with its team's rights; everything written goes through `connection`."""

    connection: Connection
    team: str
    run: str
    path: str
    now: datetime


Action: TypeAlias = Callable[[ActionContext, Mapping[str, Any]], Value]
"""Does one effect on behalf of a task and answers with a value; injected by the composition root."""


def answer(
    database: Database, held: Held, owner: str, unit: Unit, request: Request, actions: Mapping[str, Action]
) -> Reply:
    """Never raises for what the worker asked wrongly: the reply says what was wrong.

    Raises what may pass by itself: the database is busy, full or away. Asking again is harmless, also after a write
    of which nobody knows whether it was kept.
    """
    try:
        match request.verb:
            case Verb.ACT:
                return _act(database, held, owner, unit, request, actions)
            case Verb.READ:
                return read_output(database, held, owner, unit, request)
            case Verb.VARIABLE:
                return _variable(database, held, request)
    except (DatabaseBusy, DatabaseFull, DatabaseUnavailable):
        raise
    except TidemillError as error:
        return Reply(request.number, error=str(error))
    except Exception as error:
        # Arguments come from user code and actions from anywhere: neither may take the engine along.
        return Reply(request.number, error=f"{request.name!r} failed: {type(error).__name__}: {error}")


def _act(
    database: Database, held: Held, owner: str, unit: Unit, request: Request, actions: Mapping[str, Action]
) -> Reply:
    action = actions.get(request.name)
    if action is None:
        raise InputError(f"there is no action {request.name!r}", remedy=did_you_mean(request.name, actions))
    place = (held.run.id, unit.key.path, instance_text(unit.key.instance), unit.generation)
    with database.write() as connection:
        keep_for(connection, held, owner)
        done = effects.answer(connection, *place, request.number)
        held.progress.acted.add((unit.key, unit.generation))
        if done is None:
            context = ActionContext(connection, held.team, held.run.id, unit.key.path, held.now)
            effect = effects.Effect(request.name, action(context, request.arguments))
            done = effects.record(connection, held.team, *place, request.number, effect, held.now)
            _acted()
        given = sorted({reference.id for reference in references(done.answer)})
        records = artifacts.get_many(connection, held.team, given)
        artifacts.use(connection, held.team, *place, list(records))
    _effect_recorded()
    # The task may pass on what it was given.
    held.progress.artifacts.update(records)
    if done.action != request.name:
        raise InputError(
            f"effect {request.number} of this task run was {done.action!r} before, and is now {request.name!r}",
            remedy="effects are matched by their order: reopen the run if the code of the task changed",
        )
    return Reply(request.number, done.answer, records)


def _variable(database: Database, held: Held, request: Request) -> Reply:
    with database.read() as connection:
        value = variables.get(connection, held.team, request.name)
        if value is MISSING:
            known = variables.listing(connection, held.team)
            raise NotFound(f"there is no variable {request.name!r}", remedy=did_you_mean(request.name, known))
    return Reply(request.number, value)
