"""Which contexts and functions an expression may use, by the place where it stands: GitHub's table, as data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class Spot(Enum):
    """Where in a workflow an expression stands."""

    WORKFLOW_ENV = "env"
    RUN_NAME = "run-name"
    CONCURRENCY = "concurrency"
    JOB_CONDITION = "jobs.<id>.if"
    JOB_SETTING = "jobs.<id>.runs-on"
    JOB_STRATEGY = "jobs.<id>.strategy"
    JOB_ENV = "jobs.<id>.env"
    JOB_OUTPUT = "jobs.<id>.outputs"
    JOB_DEFAULTS = "jobs.<id>.defaults.run"
    STEP_CONDITION = "jobs.<id>.steps.if"
    STEP = "jobs.<id>.steps.run"


_EVENT = frozenset({"github", "vars", "inputs"})
_JOB = _EVENT | {"needs"}
_IN_MATRIX = _JOB | {"strategy", "matrix"}
_STEP = _IN_MATRIX | {"job", "runner", "env", "steps"}

CONTEXTS: Mapping[Spot, frozenset[str]] = MappingProxyType(
    {
        Spot.WORKFLOW_ENV: _EVENT | {"secrets"},
        Spot.RUN_NAME: _EVENT,
        Spot.CONCURRENCY: _IN_MATRIX,
        Spot.JOB_CONDITION: _JOB,
        Spot.JOB_SETTING: _IN_MATRIX,
        Spot.JOB_STRATEGY: _JOB,
        Spot.JOB_ENV: _IN_MATRIX | {"secrets"},
        Spot.JOB_OUTPUT: _STEP | {"secrets"},
        Spot.JOB_DEFAULTS: _IN_MATRIX | {"env"},
        Spot.STEP_CONDITION: _STEP,
        Spot.STEP: _STEP | {"secrets"},
    }
)
STATUS_AT = frozenset({Spot.JOB_CONDITION, Spot.STEP_CONDITION})
FILES_AT = frozenset({Spot.STEP_CONDITION, Spot.STEP})

KNOWN = frozenset({"github", "env", "vars", "job", "jobs", "steps", "runner", "secrets", "strategy", "matrix"}) | {
    "needs",
    "inputs",
}

UNTRUSTED: tuple[tuple[str, ...], ...] = tuple(
    tuple(path.split("."))
    for path in (
        "github.head_ref",
        "github.ref_name",
        "github.ref",
        "github.base_ref",
        "github.event.issue.title",
        "github.event.issue.body",
        "github.event.pull_request.title",
        "github.event.pull_request.body",
        "github.event.pull_request.head.ref",
        "github.event.pull_request.head.label",
        "github.event.pull_request.head.repo.default_branch",
        "github.event.comment.body",
        "github.event.review.body",
        "github.event.review_comment.body",
        "github.event.discussion.title",
        "github.event.discussion.body",
        "github.event.pages.*.page_name",
        "github.event.commits.*.message",
        "github.event.commits.*.author.email",
        "github.event.commits.*.author.name",
        "github.event.head_commit.message",
        "github.event.head_commit.author.email",
        "github.event.head_commit.author.name",
        "github.event.workflow_run.head_branch",
        "github.event.workflow_run.head_commit.message",
        "github.event.workflow_run.head_commit.author.email",
        "github.event.workflow_run.head_commit.author.name",
        "github.event.inputs.*",
        "inputs.*",
    )
)
"""What strangers may write, as paths; * is any name. In a script such a text is code of theirs."""


def is_untrusted(path: tuple[str, ...]) -> bool:
    """Whether an access reads what a stranger may have written, or something that holds it (`github.event`)."""
    return any(
        len(path) <= len(known)
        and all("*" in (one, other) or one == other for one, other in zip(path, known, strict=False))
        for known in UNTRUSTED
    )
