"""A pipeline that trains, judges and registers: models are numbers in JSON, and the judge says what it is told to."""

from __future__ import annotations

from tidemill import Dataset, Metrics, Model, current, pipeline, task
from tidemill.core.records import Artifact
from tidemill.tasks import champion, promote, register


@task
def load() -> Dataset:
    return [1, 2, 3]


@task
def train(rows: Dataset, weight: int) -> Model:
    return {"weight": weight, "rows": len(rows)}


@task
def score(model: Model) -> Metrics:
    return {"weight": float(model["weight"])}


@task(acts=True)
def judge(model: Artifact, before: Artifact | None, verdict: str) -> str:
    judgement = {"verdict": verdict, "reasons": [f"it is {verdict}"], "metrics": {"weight": 1.0}}
    done = current().act(
        "record_decision",
        kind="gate",
        model="scales",
        rule={"told": verdict},
        judgement=judgement,
        evidence=model,
        candidate=model,
        champion=before,
    )
    return str(done["id"])


@task
def weight_of(model: Model | None) -> int:
    return 0 if model is None else int(model["weight"])


@pipeline
def scales(weight: int = 1, verdict: str = "PASS", alias: str = "champion", override: str = ""):
    """What was champion before is loaded by another task than the one that asked for it."""
    rows = load()
    model = train(rows, weight)
    before = champion("scales")
    decision = judge(model, before, verdict)
    done = register(
        model,
        "scales",
        decision=decision,
        alias=alias,
        metrics=score(model),
        description="<b>scales</b>",
        override=override,
    )
    return {"version": done.version, "was": weight_of(before)}


@task
def bare():
    return {"weight": 1}


@pipeline
def plain():
    """What is no artifact cannot be registered."""
    register(bare(), "scales")


@pipeline
def given(which: str, alias: str = "shadow"):
    promote("scales", which, alias=alias)
