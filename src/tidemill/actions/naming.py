"""From a task as people write it (`train[2]`, `folds/fit[0][1]`) to the one task run that is meant.

Knows rows and names; reads nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tidemill.core.errors import InputError, NotFound, did_you_mean
from tidemill.core.history import RunRecord, TaskKind, TaskRecord
from tidemill.core.instances import Instance, Key, instance_from

_INDEX = re.compile(r"\[(\d+)(?:#(\d+))?\]")
_SHOWN = 6


def key_of(row: TaskRecord) -> Key:
    return Key(row.path, instance_from(row.instance))


def find_task(run: RunRecord, rows: Sequence[TaskRecord], text: str, known: Iterable[str] = ()) -> TaskRecord:
    """The task run that `text` names: path and indexes, the latter wherever they stand, generations only where needed.

    `known` are the paths of the definition. Raises NotFound with near names, InputError if it names several.
    """
    path, indexes = _INDEX.sub("", text).strip("/"), _INDEX.findall(text)
    there = [row for row in rows if row.path == path]
    if not there:
        if path in set(known):
            raise NotFound(
                f"task {path!r} of run {run.id} has not begun",
                remedy=f"`tidemill show {run.id}` says what it waits for",
            )
        remedy = did_you_mean(path, {row.path for row in rows if row.path} | set(known))
        raise NotFound(f"run {run.id} has no task {text!r}", remedy=remedy)
    found = [row for row in there if _fits(instance_from(row.instance), indexes)]
    exact = [row for row in found if len(instance_from(row.instance)) == len(indexes)]
    if exact:
        return max(exact, key=lambda row: instance_from(row.instance))
    # A map with one instance, or a task in a retried scope, is meant without its index.
    leaves = [row for row in found if row.kind is not TaskKind.MAP]
    newest = {tuple(step.item for step in instance_from(row.instance)): row for row in sorted(leaves, key=key_of)}
    if len(newest) == 1:
        return next(iter(newest.values()))
    names = [str(key_of(row)) for row in (newest.values() if newest else there) if row.instance]
    listed = ", ".join(names[:_SHOWN]) + (f", ... ({len(names)} in all)" if len(names) > _SHOWN else "")
    if not newest:
        raise NotFound(f"run {run.id} has no task {text!r}", remedy=f"there are {listed}" if listed else "")
    raise InputError(f"{text!r} names {len(names)} task runs", remedy=f"name one of them: {listed}")


def _fits(instance: Instance, indexes: Sequence[tuple[str, str]]) -> bool:
    return len(instance) >= len(indexes) and all(
        step.item == int(item) and (not generation or step.generation == int(generation))
        for step, (item, generation) in zip(instance, indexes, strict=False)
    )
