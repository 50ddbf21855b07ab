"""`tidemill pools`: how many slots of something scarce there are."""

from __future__ import annotations

import click

from tidemill.actions.pools import list_pools, set_pool
from tidemill.cli.calling import examples, json_option, opened
from tidemill.cli.main import Globals
from tidemill.cli.output import Out
from tidemill.core.errors import InputError


@click.command(epilog=examples("tidemill pools", "tidemill pools gpu 1", "tidemill pools gpu --remove"))
@click.argument("name", metavar="[NAME]", required=False, default="")
@click.argument("slots", metavar="[SLOTS]", required=False, default=None, type=int)
@click.option("--remove", is_flag=True, help="Hold nothing back for the pool NAME any more.")
@json_option
@click.pass_obj
def pools(given: Globals, name: str, slots: int | None, remove: bool, wants_json: bool) -> None:
    """List the pools, or let the pool NAME have SLOTS slots.

    A task with `pool="gpu"` runs only while the pool has a free slot, whichever run it belongs to. A pool that has no
    size holds nothing back.
    """
    if remove and (not name or slots is not None):
        raise InputError("--remove goes with a name and no number", remedy="tidemill pools NAME --remove")
    if name and slots is None and not remove:
        raise InputError(f"how many slots shall {name} have?", remedy=f"tidemill pools {name} 1")
    out = Out(given, wants_json)
    with opened(given) as app:
        if name:
            set_pool(app, name, slots)
        found = list_pools(app)
    if wants_json:
        out.document({"pools": [{"name": pool.name, "slots": pool.slots, "used": pool.used} for pool in found]})
        return
    if not found:
        out.say("There are no pools. `tidemill pools NAME SLOTS` makes one.")
        return
    out.table(
        ("POOL", ">SLOTS", ">USED"),
        (
            ((pool.name, "bold"), "no limit" if pool.slots is None else str(pool.slots), str(pool.used))
            for pool in found
        ),
    )
