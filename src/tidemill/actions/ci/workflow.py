"""A workflow as plain frozen data, as its file says it: events, jobs, steps, each with its line.

Texts still hold their `${{ }}`. Knows neither YAML nor how anything is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tidemill.actions.ci.interpolation import NO_CONDITION, Condition

EMPTY: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that is not as on GitHub, or likely not as it was meant: `place` is `file:line`."""

    place: str
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Input:
    """A value asked for when a workflow is started by hand."""

    name: str
    type: str
    default: Any
    required: bool
    options: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Defaults:
    """Of `run` steps; "" where nothing is said."""

    shell: str = ""
    working_directory: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One of a job; exactly one of `run` and `uses` is there."""

    line: int
    number: int
    id: str = ""
    name: str = ""
    condition: Condition = NO_CONDITION
    run: str = ""
    uses: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, Any] = field(default_factory=dict)
    shell: str = ""
    working_directory: str = ""
    continue_on_error: bool | str = False
    timeout_minutes: float | str | None = None

    @property
    def title(self) -> str:
        """What GitHub shows of a step without a name."""
        if self.name:
            return self.name
        lines = (self.uses or self.run).strip().splitlines()
        return f"Run {lines[0] if lines else ''}"


@dataclass(frozen=True, slots=True)
class Strategy:
    """`matrix` is plain data or a text with `${{ }}`; None: the job is run once."""

    matrix: Any = None
    fail_fast: bool | str = True
    line: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """`uses` names a workflow elsewhere, whose steps are not known here."""

    id: str
    line: int
    name: str = ""
    needs: tuple[str, ...] = ()
    condition: Condition = NO_CONDITION
    runs_on: Any = ""
    env: Mapping[str, Any] = field(default_factory=dict)
    defaults: Defaults = Defaults()
    outputs: Mapping[str, str] = field(default_factory=dict)
    strategy: Strategy = Strategy()
    steps: tuple[Step, ...] = ()
    continue_on_error: bool | str = False
    timeout_minutes: float | str | None = None
    environment: str = ""
    uses: str = ""


@dataclass(frozen=True, slots=True)
class Workflow:
    """`events` maps each event that starts it to what is said of it (plain data); `file` is how the path is shown."""

    file: str
    name: str
    events: Mapping[str, Any]
    inputs: Mapping[str, Input]
    env: Mapping[str, Any]
    defaults: Defaults
    jobs: Mapping[str, Job]
    secrets: Mapping[str, int]
    remarks: tuple[Remark, ...] = ()

    def place(self, line: int) -> str:
        return f"{self.file}:{line}"

    def in_order(self) -> Iterator[Job]:
        """Jobs after those that they need, else as they are written."""
        done: set[str] = set()

        def with_needs(job: Job) -> Iterator[Job]:
            if job.id in done:
                return
            for need in job.needs:
                yield from with_needs(self.jobs[need])
            done.add(job.id)
            yield job

        for job in self.jobs.values():
            yield from with_needs(job)

    def needed_by(self, id: str) -> frozenset[str]:
        """All jobs that a job needs, directly or not."""
        found: set[str] = set()
        ahead = list(self.jobs[id].needs)
        while ahead:
            one = ahead.pop()
            if one not in found:
                found.add(one)
                ahead += self.jobs[one].needs
        return frozenset(found)
