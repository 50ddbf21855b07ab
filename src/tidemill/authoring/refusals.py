"""Why code has no fingerprint, and what its author does instead, in words."""

from __future__ import annotations

import types

from tidemill.authoring.dynamic import ByText, Way


class Refused(Exception):
    """`what` is in the way of a fingerprint; an empty `place` is that of the function itself."""

    def __init__(self, what: str, remedy: str, place: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.place = place


def too_deep() -> Refused:
    return Refused("what it reaches is nested too deeply", "make it flatter")


def unreadable(function: types.FunctionType, in_file: bool) -> tuple[str, str]:
    """A function without source."""
    if in_file and function.__name__ == "<lambda>":
        return "of several lambdas in one line it cannot be told which is meant", "give each a line of its own"
    return f"the source of {function.__qualname__} cannot be read", "define it in a file"


def class_without_source(cls: type) -> tuple[str, str]:
    name = cls.__qualname__.replace("<locals>.", "")
    if "<locals>" in cls.__qualname__:
        what = f"it uses the class {name}, which is made inside a function and so may be another each time"
    else:
        what = f"it uses the class {name}, which is not made by a `class` statement that could be read"
    return what, "define it with `class` at the top of a module"


def unknown_text(found: ByText) -> tuple[str, str]:
    """A call that reaches code by a text that is not written there."""
    call = ".".join(found.chain)
    if found.way is Way.RUN:
        return (
            f"`{call}` runs a text that is known only at run time, and so is what it reaches",
            "keep the functions to choose from in a dict, by name",
        )
    return (
        f"`{call}` imports a module whose name is known only at run time",
        'begin the name with its package, as in f"plugins.{name}": then all modules of that count',
    )
