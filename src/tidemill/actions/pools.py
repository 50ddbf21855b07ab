"""Pools: how many slots of something scarce there are, for all runs of a team together."""

from __future__ import annotations

from dataclasses import dataclass

from tidemill.app import App
from tidemill.core.bindings import Const
from tidemill.core.errors import InputError
from tidemill.core.graph import Pipeline, walk_nodes
from tidemill.storage.metadata import limits

PREFIX = "pool:"


@dataclass(frozen=True, slots=True)
class Pool:
    """`slots` is None where nobody said how many there are: then nothing is held back."""

    name: str
    slots: int | None
    used: int


def list_pools(app: App) -> list[Pool]:
    """All pools that are defined or in use, by name."""
    with app.database.read() as connection:
        found = limits.usage(connection, app.settings.team)
    return [
        Pool(key.removeprefix(PREFIX), use.slots, use.used)
        for key, use in sorted(found.items())
        if key.startswith(PREFIX)
    ]


def set_pool(app: App, name: str, slots: int | None) -> None:
    """Give a pool its size; None removes it. What is out stays out, even if that is now too much."""
    if not name or any(character.isspace() for character in name):
        raise InputError(f"{name!r} is no name of a pool", remedy="use a word such as gpu")
    if slots is not None and slots < 0:
        raise InputError(f"a pool cannot have {slots} slots", remedy="0 holds everything back")
    with app.database.write() as connection:
        limits.define(connection, app.settings.team, PREFIX + name, slots)
    app.doorbell.ring()


def pool_warnings(app: App, pipeline: Pipeline) -> list[str]:
    """What is odd about the pools that the pipeline's tasks ask for, each with the command that mends it."""
    sizes = {pool.name: pool.slots for pool in list_pools(app)}
    found = []
    for name, wanted in sorted(_asked_for(pipeline).items()):
        slots = sizes.get(name)
        if slots is None:
            found.append(f"pool {name} has no size and holds nothing back: `tidemill pools {name} {wanted}`")
        elif slots < wanted:
            have = f"{slots} slot{'s' if slots != 1 else ''}"
            found.append(
                f"pool {name} has {have} and a task wants {wanted}: it will wait until `tidemill pools {name} {wanted}`"
            )
    return found


def _asked_for(pipeline: Pipeline) -> dict[str, int]:
    """The most slots that one task asks for, by pool."""
    most: dict[str, int] = {}
    for _, node in walk_nodes(pipeline.root):
        for limit in node.limits:
            if isinstance(limit.key, Const) and str(limit.key.value).startswith(PREFIX):
                slots = limit.slots.value if isinstance(limit.slots, Const) else 1
                name = str(limit.key.value).removeprefix(PREFIX)
                most[name] = max(most.get(name, 0), slots)
    return most
