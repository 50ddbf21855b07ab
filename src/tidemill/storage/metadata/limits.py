"""Limits: how many slots of a key may be claimed at once, and by which attempts they are.

What is used is counted in the row of the limit, so that one conditional update both asks and claims: two writers never
pass it together. Claim several keys in sorted order, or two writers may wait for each other (one gets DatabaseBusy).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, case, delete, or_, select, update

from tidemill.core.errors import InputError
from tidemill.core.graph import ONCE
from tidemill.storage.metadata.encoding import name_out
from tidemill.storage.metadata.statements import Statement, chunks, insert_into, inserting_new
from tidemill.storage.metadata.tables import limit_claims, limits


@dataclass(frozen=True, slots=True)
class LimitUse:
    """A limit and what is claimed of it; `slots` is None where nobody defined a limit."""

    slots: int | None
    used: int


_claim = inserting_new(limit_claims)
_define_none = inserting_new(limits)
_grant = Statement(
    ["extra", "of_team", "of_key", "in_all"],
    lambda dialect: (
        update(limits)
        .values(used=limits.c.used + bindparam("extra", type_=limits.c.used.type))
        .where(
            limits.c.team == bindparam("of_team"),
            limits.c.key == bindparam("of_key"),
            or_(
                limits.c.slots.is_(None),
                limits.c.used + bindparam("in_all", type_=limits.c.used.type) <= limits.c.slots,
            ),
        )
    ),
)
_give_back = (
    delete(limit_claims)
    .where(limit_claims.c.attempt.in_(bindparam("attempts", expanding=True)))
    .returning(limit_claims.c.team, limit_claims.c.key, limit_claims.c.slots)
)
_remove = delete(limits).where(limits.c.team == bindparam("of_team"), limits.c.key == bindparam("of_key"))
_less = limits.c.used - bindparam("fewer", type_=limits.c.used.type)
_free = (
    update(limits)
    .where(limits.c.team == bindparam("of_team"), limits.c.key == bindparam("of_key"))
    .values(used=case((_less < 0, 0), else_=_less))
)


def define(connection: Connection, team: str, key: str, slots: int | None) -> None:
    """Set the limit of a key, or lift it (None). What is claimed stays claimed, even if that is now too much."""
    if slots is not None and slots < 0:
        raise InputError(f"the limit {key!r} cannot be {slots}", remedy="give a number of slots from 0 up")
    insert = insert_into(connection.dialect.name, limits).values(
        team=team, key=name_out(key, "the limit's key"), slots=slots, used=0
    )
    connection.execute(
        insert.on_conflict_do_update(index_elements=["team", "key"], set_={"slots": insert.excluded.slots})
    )


def claim(connection: Connection, team: str, attempt: str, run: str, key: str, slots: int = 1) -> bool:
    """Claim slots for an attempt; False if that would pass the limit. A key without a limit is only counted.

    A key that begins with `ONCE` has one slot without having been defined.

    Claiming again for the same attempt and key is granted and changes nothing. Raises InputError below one slot.
    """
    if slots < 1:
        raise InputError(f"{slots} slots of {key!r} cannot be claimed", remedy="claim one at least")
    if not _claim.run(connection, [(attempt, key, team, run, slots)]):
        return True
    grant = [(slots, team, key, slots)]
    if _grant.run(connection, grant):
        return True
    # Full, or nobody has defined it; then it has a row from now on, and the second try tells.
    _define_none.run(connection, [(team, name_out(key, "the limit's key"), 1 if key.startswith(ONCE) else None, 0)])
    if _grant.run(connection, grant):
        return True
    connection.execute(delete(limit_claims).where(limit_claims.c.attempt == attempt, limit_claims.c.key == key))
    return False


def release(connection: Connection, attempts: Sequence[str]) -> frozenset[str]:
    """Give back all that these attempts claimed; the keys that became freer. Releasing again changes nothing."""
    freed: Counter[tuple[str, str]] = Counter()
    for some in chunks(sorted(attempts)):
        for team, key, slots in connection.execute(_give_back, {"attempts": some}):
            freed[team, key] += slots
    for (team, key), slots in sorted(freed.items()):
        if key.startswith(ONCE):
            connection.execute(_remove, {"of_team": team, "of_key": key})
        else:
            connection.execute(_free, {"fewer": slots, "of_team": team, "of_key": key})
    return frozenset(key for _, key in freed)


def usage(connection: Connection, team: str) -> dict[str, LimitUse]:
    """All limits of the team that somebody defined or claimed by name, and what is claimed of each, by key."""
    rows = connection.execute(
        select(limits.c.key, limits.c.slots, limits.c.used).where(limits.c.team == team).order_by(limits.c.key)
    )
    return {key: LimitUse(slots, used) for key, slots, used in rows if not key.startswith(ONCE)}


def holder(connection: Connection, team: str, key: str) -> str:
    """The attempt that holds a key of one slot, or ""."""
    found = select(limit_claims.c.attempt).where(limit_claims.c.team == team, limit_claims.c.key == key)
    return str(connection.execute(found).scalar() or "")
