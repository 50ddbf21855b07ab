"""The combinations of a matrix, by GitHub's rules for include and exclude. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from tidemill.core.errors import InputError

MOST = 256
"""Jobs of one matrix: GitHub starts no more."""


def combinations(matrix: Any, place: str) -> tuple[Mapping[str, Any], ...]:
    """Raises InputError. An empty one for no matrix at all."""
    if matrix is None:
        return ({},)
    if not isinstance(matrix, dict):
        raise InputError("a matrix is a mapping of names to lists", place=place)
    axes = {name: values for name, values in matrix.items() if name not in ("include", "exclude")}
    for name, values in axes.items():
        if not isinstance(values, list):
            raise InputError(f"the matrix has no list for {name!r}", place=place)
    exclude, include = (_objects(matrix, name, place) for name in ("exclude", "include"))
    product = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())] if axes else []
    if len(product) > MOST:
        raise InputError(f"the matrix has {len(product)} combinations, and at most {MOST} are allowed", place=place)
    found = [one for one in product if not any(_fits(one, pattern) for pattern in exclude)]
    originals = [dict(one) for one in found]
    for extra in include:
        # It may add to a combination and overwrite what others added, but nothing of the combination itself.
        hits = [n for n, one in enumerate(originals) if all(one[k] == v for k, v in extra.items() if k in one)]
        for n in hits:
            found[n].update(extra)
        if not hits:
            found.append(dict(extra))
    if not found:
        raise InputError("the matrix has no combination", place=place)
    if len(found) > MOST:
        raise InputError(f"the matrix has {len(found)} combinations, and at most {MOST} are allowed", place=place)
    return tuple(found)


def title(name: str, values: Mapping[str, Any]) -> str:
    """`test (3.11, linux)`."""
    shown = [str(value) for value in values.values() if not isinstance(value, dict | list)]
    return f"{name} ({', '.join(shown)})" if shown else name


def _objects(matrix: Mapping[str, Any], name: str, place: str) -> list[Mapping[str, Any]]:
    found = matrix.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise InputError(f"{name!r} of a matrix is a list of mappings", place=place)
    return found


def _fits(one: Mapping[str, Any], pattern: Mapping[str, Any]) -> bool:
    return all(name in one and one[name] == value for name, value in pattern.items())
