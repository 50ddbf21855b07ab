"""Problems of a definition: what is wrong, where, and what to do; and the error that carries all of them at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tidemill.core.errors import DefinitionError, TidemillError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `place` is `file:line` or a node path, `detail` further text such as a traceback."""

    code: str
    place: str
    message: str
    remedy: str = ""
    detail: str = ""

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        remedy = f"\n  {self.remedy}" if self.remedy else ""
        detail = "".join(f"\n  | {line}" for line in self.detail.splitlines())
        return f"{where}{self.message}{remedy}{detail}"

    @classmethod
    def of(cls, error: TidemillError, place: str = "") -> Problem:
        """The problem an error tells of; `place` where the error itself names none."""
        return cls(error.code, error.place or place, error.message, error.remedy)


class ProblemsFound(DefinitionError):
    """Several problems, found in one look. `problems` holds each, in the order of the definition."""

    code = "problems"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        number = len(self.problems)
        super().__init__(f"{number} problem{'' if number == 1 else 's'} in the definition")

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return str(self.problems[0])
        return "\n".join((f"{self.message}:", *(f"- {problem}" for problem in self.problems)))
