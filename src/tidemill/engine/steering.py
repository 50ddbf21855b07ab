"""What a task said about its downstreams (branches, short circuits): which are skipped, and which are spared."""

from __future__ import annotations

from tidemill.core.errors import did_you_mean
from tidemill.core.graph import Role
from tidemill.core.records import Steer
from tidemill.core.wiring import Site, Wiring


class BadSteer(ValueError):
    """The task named a node that is not there."""


def skipped_by(wiring: Wiring, site: Site, steer: Steer) -> set[str]:
    """Paths of the nodes that are to be skipped. Raises BadSteer for an unknown name.

    A direct downstream that is not followed is spared if the followed branch also leads to it. Outside of a map or of a
    scope that is tried again only what is named is skipped: there one item, or one round, does not speak for all.
    """
    skipped = {_resolve(wiring, site, name) for name in steer.skip}
    named = set(skipped)
    direct = {edge.down for edge in site.downs}
    if steer.follow is not None:
        followed = [_resolve(wiring, site, name) for name in steer.follow]
        led_to = set(followed).union(*(wiring.downstream(path) for path in followed))
        skipped |= {path for path in direct if not _reached(path, led_to)}
    if steer.transitive:
        skipped = wiring.reachable(sorted(skipped))
        skipped = {path for path in skipped if wiring.site(path).node.role is not Role.TEARDOWN}
    return {path for path in skipped if path in named or wiring.shared(path, site.path) == len(site.frames)}


def _reached(path: str, led_to: set[str]) -> bool:
    """Whether the followed branch leads to a node, or to something inside it."""
    return path in led_to or any(other.startswith(path + "/") for other in led_to)


def _resolve(wiring: Wiring, site: Site, name: str) -> str:
    beside = f"{site.parent}/{name}" if site.parent else name
    for path in (beside, name):
        if path in wiring.sites:
            return path
    known = [edge.down.rpartition("/")[2] for edge in site.downs]
    raise BadSteer(f"there is no task {name!r} to follow or skip; {did_you_mean(name, known)}".rstrip("; "))
