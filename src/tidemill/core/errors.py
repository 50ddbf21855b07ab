"""Every error a user can meet, as one small tree.

TidemillError
├── DefinitionError        a pipeline cannot be built or checked (exit code 2)
│   └── ProblemsFound      several problems at once, each with place and remedy
├── InputError             wrong arguments, parameters, files, names (exit code 2)
│   └── NotFound           something named does not exist
├── StateError             the thing exists but is in a state that forbids the request
├── StorageError           the database or the artifact store did not do what was asked
├── Unfinished             work was left before its end (exit code 5)
└── ExecutionError         a task could not be started or its process went away
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TidemillError(Exception):
    """Base of all errors: a stable code, one sentence, the place it concerns, and what to do next."""

    code = "error"
    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "", place: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.place = place

    @property
    def in_one_line(self) -> str:
        """Place, message and remedy, for where there is one line only."""
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.message}" + (f"; {self.remedy}" if self.remedy else "")

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        remedy = f"\n  {self.remedy}" if self.remedy else ""
        return f"{where}{self.message}{remedy}"


class DefinitionError(TidemillError):
    """A pipeline cannot be built: the user's definition is at fault."""

    code = "definition"
    exit_code = 2


class InputError(TidemillError):
    """An argument, a parameter or a file given by the user cannot be used."""

    code = "input"
    exit_code = 2


class NotFound(InputError):
    """Something was named that does not exist."""

    code = "not-found"


class StateError(TidemillError):
    """The request is understood but the state of its subject forbids it."""

    code = "state"


class StorageError(TidemillError):
    """The database or the artifact store failed."""

    code = "storage"


class Unfinished(TidemillError):
    """Work was left before its end, and nobody carries it on until it is taken up again."""

    code = "unfinished"
    exit_code = 5


class ExecutionError(TidemillError):
    """A task could not be started, or its process went away."""

    code = "execution"


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?` for the closest known names, or the list of known names, or nothing."""
    names = sorted(known)
    close = difflib.get_close_matches(wrong, names, n=2, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(repr(name) for name in close) + "?"
    if names and len(names) <= 12:
        return "known: " + ", ".join(names)
    return ""
