"""Fingerprints of code: a function with every function, class and constant of the user's own that it reaches.

Comments, formatting and docstrings do not count, nor do the options of tasks. What is installed counts by its version.
What cannot be told apart reliably has no fingerprint, which is said and not guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tidemill.authoring.contents import NoFingerprint
from tidemill.authoring.parts import Fingerprint, Part, Unit
from tidemill.authoring.place import show, source_of
from tidemill.authoring.walk import Walk
from tidemill.core.values import digest

__all__ = ["Fingerprint", "NoFingerprint", "Part", "fingerprint", "fingerprints"]


def fingerprint(function: Callable[..., Any]) -> Fingerprint:
    """The fingerprint of a function and all it reaches. Raises NoFingerprint, naming what is in the way."""
    (found,) = fingerprints([function])
    if isinstance(found, NoFingerprint):
        raise found
    return found


def fingerprints(functions: Sequence[Callable[..., Any]]) -> list[Fingerprint | NoFingerprint]:
    """Those of several functions, each the same as if it were alone; what they share is looked at once."""
    walk = Walk()
    units = [walk.begin(function) for function in functions]
    walk.go()
    if walk.crossed and len(functions) > 1:
        return [found for function in functions for found in fingerprints([function])]
    return [_summed_up(function, unit) for function, unit in zip(functions, units, strict=True)]


def _summed_up(function: Callable[..., Any], start: Unit) -> Fingerprint | NoFingerprint:
    units = start.all_below()
    for unit in units:
        if unit.refused is not None:
            name = getattr(function, "__qualname__", repr(function))
            return NoFingerprint(
                f"the code of {name} has no fingerprint: {unit.refused.what}",
                remedy=f"{unit.refused.remedy}, or leave out 'cache'",
                place=unit.refused.place or show(source_of(function)),
            )
    parts: dict[str, Part] = {}
    several: dict[str, set[str]] = {}
    for unit in units:
        for name, text in unit.texts.items():
            known = parts.setdefault(name, text.part)
            if known is not text.part and known.digest != text.part.digest:
                several.setdefault(name, {known.digest}).add(text.part.digest)
    parts |= {
        name: Part(digest(sorted(digests)), parts[name].file, parts[name].line) for name, digests in several.items()
    }
    for unit in units:
        for name, text in unit.leads.items():
            parts.setdefault(name, text.part)
    parts = dict(sorted(parts.items()))
    bindings: list[Any] = sorted({pair for unit in units for pair in unit.bindings.items()})
    said = [[[name, part.digest] for name, part in parts.items()], [list(pair) for pair in bindings]]
    return Fingerprint(digest(said), parts)
