"""Named crash points: places where a test may kill the process to prove that nothing is lost.

A point registers itself when its module is imported and does nothing until `arm` gives it an action; only
`tidemill.testing` arms.
"""

from __future__ import annotations

from collections.abc import Callable

_points: dict[str, Point] = {}
_actions: dict[str, Callable[[], None]] = {}


class Point:
    """One place in the code; calling it passes through unless it is armed."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self) -> None:
        if _actions:
            action = _actions.get(self.name)
            if action is not None:
                action()


def point(name: str) -> Point:
    """Register the point `name` (such as "artifact.before-rename"); a name may be registered once only."""
    if name in _points:
        raise ValueError(f"crash point {name!r} is registered twice")
    _points[name] = Point(name)
    return _points[name]


def registered() -> tuple[str, ...]:
    """The names of all points of the modules imported so far."""
    return tuple(sorted(_points))


def arm(name: str, action: Callable[[], None]) -> None:
    """Run `action` whenever the point is reached. The point may be registered later."""
    _actions[name] = action


def disarm() -> None:
    """Make every point a no-op again."""
    _actions.clear()
