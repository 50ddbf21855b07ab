"""From a task as people write it (`train[2]`, `folds/fit[0][1]`) to the one task run that is meant.

Knows rows and names; reads nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tidemill.core.errors import InputError, NotFound, did_you_mean
from tidemill.core.graph import Pipeline, walk_nodes
from tidemill.core.history import EVERYTHING, RunRecord, TaskKind, TaskRecord
from tidemill.core.instances import Instance, Key, instance_from

_INDEX = re.compile(r"\[(\d+)(?:#(\d+))?\]")
_SHOWN = 6


def key_of(row: TaskRecord) -> Key:
    return Key(row.path, instance_from(row.instance))


def path_meant(name: str, known: Iterable[str]) -> str:
    """The path that `name` stands for: itself, or the only one that ends in it; `name` if there is none.

    Raises InputError if several end in it.
    """
    paths = set(known)
    ending = sorted(path for path in paths if path.endswith(f"/{name}")) if name and name not in paths else []
    if len(ending) > 1:
        listed = ", ".join(ending[:_SHOWN]) + (f", ... ({len(ending)} in all)" if len(ending) > _SHOWN else "")
        raise InputError(f"there are {len(ending)} tasks {name!r}", remedy=f"write more of its path: {listed}")
    return ending[0] if ending else name


def whole_task(pipeline: str, name: str, known: Iterable[str], option: str) -> str:
    """The path of a task that is named as a whole, to `option`. Raises NotFound with near names, InputError."""
    paths = list(known)
    found = path_meant(name, paths)
    if found in paths:
        return found
    bare = path_meant(_INDEX.sub("", name), paths)
    if bare in paths:
        raise InputError(f"{name!r} is one instance, and {option} is for a whole task", remedy=f"{option} {bare}")
    raise NotFound(f"pipeline {pipeline} has no task {name!r}", remedy=_near(name, paths))


def to_refresh(pipeline: Pipeline, everything: bool, names: Iterable[str]) -> tuple[str, ...]:
    """What `RunRecord.refresh` holds for --no-cache and --refresh. Raises NotFound with near names, InputError."""
    known = [path for path, _ in walk_nodes(pipeline.root)]
    found = tuple(dict.fromkeys(whole_task(pipeline.name, name, known, "--refresh") for name in names))
    return (EVERYTHING,) if everything else found


def find_task(run: RunRecord, rows: Sequence[TaskRecord], text: str, known: Iterable[str] = ()) -> TaskRecord:
    """The task run that `text` names: path and indexes, the latter wherever they stand, generations only where needed.

    The end of a path is enough where only one ends so. `known` are the paths of the definition.
    Raises NotFound with near names, InputError if it names several.
    """
    paths = {row.path for row in rows if row.path} | set(known)
    path, indexes = path_meant(_INDEX.sub("", text).strip("/"), paths), _INDEX.findall(text)
    there = [row for row in rows if row.path == path]
    if not there:
        if path in paths:
            raise NotFound(
                f"task {path!r} of run {run.id} has not begun",
                remedy=f"`tidemill show {run.id}` says what it waits for",
            )
        raise NotFound(f"run {run.id} has no task {text!r}", remedy=_near(path, paths))
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


def _near(name: str, paths: Iterable[str]) -> str:
    """The near path, or else the near end of one, or else what there is."""
    known = list(paths)
    hints = [did_you_mean(name, of) for of in (known, {path.rpartition("/")[2] for path in known})]
    return next((hint for hint in hints if hint.startswith("did you mean")), hints[0])


def _fits(instance: Instance, indexes: Sequence[tuple[str, str]]) -> bool:
    return len(instance) >= len(indexes) and all(
        step.item == int(item) and (not generation or step.generation == int(generation))
        for step, (item, generation) in zip(instance, indexes, strict=False)
    )
