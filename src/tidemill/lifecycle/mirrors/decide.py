"""What a mirror has to change: ours against what was found there. Pure; what is not ours is never in the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidemill.lifecycle.mirrors.facts import OurModel, OurRun
from tidemill.lifecycle.mirrors.naming import same_number


@dataclass(frozen=True, slots=True)
class RunChanges:
    """What is missing of a run. `notes` say what cannot be made equal, one sentence each."""

    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    end: bool = False
    notes: tuple[str, ...] = ()


def run_changes(
    ours: OurRun,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    status: str,
    ended: int | None,
) -> RunChanges:
    """`params` ... are what was found. A parameter is said once: MLflow changes none."""
    differing = [name for name, value in ours.params.items() if params.get(name, value) != value]
    return RunChanges(
        {name: value for name, value in ours.params.items() if name not in params},
        {
            name: value
            for name, value in ours.metrics.items()
            if name not in metrics or not same_number(value, metrics[name])
        },
        changed(ours.tags, tags),
        status != ours.status or ended != ours.ended,
        tuple(f"run {ours.id}: MLflow changes no parameter, and keeps {name} as it was" for name in differing),
    )


def changed(ours: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """Tags that are missing or different; those that only the other side has are its own business."""
    return {name: value for name, value in ours.items() if found.get(name) != value}


@dataclass(frozen=True, slots=True)
class AliasChanges:
    """Aliases to be set, to MLflow's number of a version, and those to be taken away."""

    put: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()


def alias_changes(ours: OurModel, numbers: Mapping[int, str], found: Mapping[str, str]) -> AliasChanges:
    """`numbers` are MLflow's of our versions, `found` its aliases.

    Ours win. One that was taken away here goes there too if a version of ours has it; others are left alone.
    """
    put = {
        alias: numbers[version]
        for alias, version in ours.aliases.items()
        if version in numbers and found.get(alias) != numbers[version]
    }
    gone = [alias for alias, version in ours.aliases.items() if not version and found.get(alias) in numbers.values()]
    return AliasChanges(put, tuple(gone))
