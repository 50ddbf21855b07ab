"""What came of a workflow on this machine, and what is told while it is under way. Plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from tidemill.actions.ci.workflow import Remark


class Result(Enum):
    """GitHub's words; UNDECIDED: a dry run cannot tell."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    UNDECIDED = "undecided"


class Way(Enum):
    """How a step came by its result."""

    RUN = "run"
    STOOD_IN = "stood in"  # something here did what the action would have done
    NOT_HERE = "not here"  # an action that is not run on this machine
    CONDITION = "condition"  # its condition did not hold
    DRY = "dry"  # it was only said


@dataclass(frozen=True, slots=True)
class StepResult:
    """`outcome` is before `continue-on-error` counts, `conclusion` after. `note` says why, or what was done instead."""

    title: str
    place: str
    way: Way
    outcome: Result
    conclusion: Result
    note: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class JobResult:
    """`id` as in the workflow, `title` with the values of its matrix."""

    id: str
    title: str
    result: Result
    steps: tuple[StepResult, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class WorkflowResult:
    """`summary` is what steps wrote for people, as Markdown; secrets are masked everywhere."""

    jobs: tuple[JobResult, ...]
    remarks: tuple[Remark, ...]
    summary: str
    cancelled: bool = False

    @property
    def failed(self) -> bool:
        return any(job.result in (Result.FAILURE, Result.CANCELLED) for job in self.jobs)


@dataclass(frozen=True, slots=True)
class JobBegan:
    title: str
    place: str


@dataclass(frozen=True, slots=True)
class StepBegan:
    title: str
    place: str


@dataclass(frozen=True, slots=True)
class Printed:
    """A line of a step. `kind` is "" or that of a command: error, warning, notice, debug, group, script (a dry run)."""

    text: str
    kind: str = ""


Told: TypeAlias = JobBegan | StepBegan | Printed | StepResult | JobResult | Remark
Tell: TypeAlias = Callable[[Told], None]
