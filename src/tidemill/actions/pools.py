"""Pools: how many slots of something scarce there are, for all runs of a team together."""

from __future__ import annotations

from collections.abc import Iterator
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


def pools_without_size(app: App, pipeline: Pipeline) -> list[str]:
    """Names of pools that the pipeline's tasks ask for and nobody has given a size."""
    sized = {pool.name for pool in list_pools(app) if pool.slots is not None}
    return sorted(set(_asked_for(pipeline)) - sized)


def _asked_for(pipeline: Pipeline) -> Iterator[str]:
    for _, node in walk_nodes(pipeline.root):
        for limit in node.limits:
            if isinstance(limit.key, Const) and str(limit.key.value).startswith(PREFIX):
                yield str(limit.key.value).removeprefix(PREFIX)
