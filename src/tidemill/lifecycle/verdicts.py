"""The four verdicts of whatever judges: a gate, one of its checks, a guard. What could not be told is never a pass.

Knows nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class Verdict(Enum):
    PASS = "PASS"  # what was demanded was seen
    FAIL = "FAIL"  # it was looked for and not seen
    NODATA = "NODATA"  # there is too little to tell
    ERROR = "ERROR"  # it could not be looked at

    @property
    def passed(self) -> bool:
        return self is Verdict.PASS


WORST_FIRST = (Verdict.FAIL, Verdict.ERROR, Verdict.NODATA, Verdict.PASS)


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of several together: the worst of them, and NODATA for none at all."""
    found = set(verdicts)
    return next((verdict for verdict in WORST_FIRST if verdict in found), Verdict.NODATA)
