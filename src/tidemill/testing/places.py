"""Which task of a pipeline a test means: a path, its last parts where no other task ends so, and indexes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

from tidemill.core.errors import InputError, NotFound, did_you_mean

Indexes: TypeAlias = tuple[int, ...] | None
"""Which instance of a mapped task: positions, outermost first; None for every one that is not named."""

_INDEXED = re.compile(r"(.*?)((?:\[\d+\])+)")
_SHOWN = 4


def split(name: str) -> tuple[str, Indexes]:
    """`train[2]` as path and indexes."""
    match = _INDEXED.fullmatch(name)
    return (match[1], tuple(int(n) for n in re.findall(r"\d+", match[2]))) if match else (name, None)


def path_of(name: str, paths: Iterable[str], where: str) -> str:
    """The path that is meant, indexes left aside; `notify` is enough for `when_1/notify`.

    `where` begins the sentence of an error. Raises NotFound with near names, InputError for what is not the only one.
    """
    known = list(paths)
    wanted, _ = split(name)
    if wanted in known:
        return wanted
    ending = [path for path in known if path.endswith(f"/{wanted}")]
    if len(ending) == 1:
        return ending[0]
    if ending:
        more = ", ..." if len(ending) > _SHOWN else ""
        raise InputError(
            f"{where} has {len(ending)} tasks {wanted!r}",
            remedy=f"write more of its path: {', '.join(ending[:_SHOWN])}{more}",
        )
    short = {path.rpartition("/")[2] for path in known}
    raise NotFound(f"{where} has no task {name!r}", remedy=did_you_mean(wanted, short | set(known)))
