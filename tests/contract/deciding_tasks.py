"""A pipeline that has a decision recorded: which side of the scales is heavier."""

from __future__ import annotations

from typing import Any

import pandas as pd

from tests.contract.deciding_judge import weigh_again
from tidemill import Dataset, current, pipeline, task
from tidemill.core.records import Artifact
from tidemill.lifecycle.decisions.canonical import as_recorded
from tidemill.lifecycle.decisions.code import deciding_code

JUDGES = {"scales": "tests.contract.deciding_judge:weigh_again"}
RULE = {"by": 0.25, "name": "kilogr\u00e4mm"}


@task
def model(weight: float) -> Dataset:
    """Stands in for a model; equal weights are equal content."""
    return pd.DataFrame({"weight": [weight]})


@task
def weighed(candidate: Dataset, champion: Dataset) -> Dataset:
    least = [0.1, 0.2, 0.3]
    return pd.DataFrame(
        {
            "candidate": [float(candidate["weight"].iloc[0]) + one for one in least],
            "champion": [float(champion["weight"].iloc[0]) + one / 3 for one in least],
        }
    )


@task
def decided(name: str, candidate: Artifact, champion: Artifact, evidence: Artifact) -> dict[str, Any]:
    facts = {"rows": 3, "seconds": 0.1 + 0.2}
    frame = current().load(evidence)
    judgement = weigh_again(as_recorded(RULE), frame, as_recorded(facts))
    answer = current().act(
        "record_decision",
        kind="scales",
        model=name,
        rule=RULE,
        facts=facts,
        judgement=judgement,
        evidence=evidence,
        candidate=candidate,
        champion=champion,
        code=deciding_code("scales"),
    )
    return dict(answer)


@pipeline
def weighing(name: str = "scale", weight: float = 2.0, before: float = 1.0) -> None:
    candidate, champion = model(weight), model(before)
    decided(name, candidate, champion, weighed(candidate, champion))
