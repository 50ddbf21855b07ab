"""What can go wrong with a tracking server elsewhere, each with what to do. No text of these holds a credential."""

from __future__ import annotations

from tidemill.core.errors import InputError, StateError, TidemillError


class MirrorAway(TidemillError):
    """The server does not answer, or not in time; what was mirrored before stays mirrored."""

    code = "mirror-away"


class MirrorRefused(TidemillError):
    """The server wants other credentials."""

    code = "mirror-refused"


class MirrorForeign(InputError):
    """What answers there is no tracking server, or one that is too old."""

    code = "mirror-foreign"


class MirrorConflict(StateError):
    """Something of somebody else stands in the way, and is left alone."""

    code = "mirror-conflict"


class ServerSaid(TidemillError):
    """The server did not do what it was asked to. `reason` is its own code, such as INVALID_PARAMETER_VALUE."""

    code = "mirror-rejected"

    def __init__(self, message: str, reason: str, *, remedy: str = "", place: str = "") -> None:
        super().__init__(message, remedy=remedy, place=place)
        self.reason = reason


EXISTS = "RESOURCE_ALREADY_EXISTS"
MISSING = "RESOURCE_DOES_NOT_EXIST"
