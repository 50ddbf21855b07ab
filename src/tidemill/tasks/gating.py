"""The gate: candidate and champion answer for the same rows, a rule decides, and the decision is recorded.

`gate(model, rows, ...)` is a pipeline of three tasks, to be called inside another: `with when(gate(...).passed): ...`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from tidemill.authoring import Dataset, Metrics, Report, pipeline, task
from tidemill.core.errors import InputError, TidemillError
from tidemill.core.models import CHAMPION
from tidemill.core.records import Artifact
from tidemill.core.signals import Refuse
from tidemill.lifecycle.decisions.canonical import as_recorded
from tidemill.lifecycle.decisions.code import deciding_code
from tidemill.lifecycle.evaluation.gate import BadGate, Behaviour, Gate, Guardrail, Latency, Primary, Slices, Threshold
from tidemill.lifecycle.evaluation.gate_yaml import read_gate
from tidemill.lifecycle.evaluation.judging import Judgement, judge
from tidemill.lifecycle.evaluation.reporting import judgement_text
from tidemill.lifecycle.evaluation.weighing import Subject, weigh
from tidemill.storage.artifacts.errors import ArtifactDamaged, ArtifactMissing, StoreUnwritable
from tidemill.worker.context import current

__all__ = [
    "Behaviour",
    "Gate",
    "Guardrail",
    "Judged",
    "Latency",
    "Primary",
    "Slices",
    "Threshold",
    "gate",
    "read_gate",
]


class Standing(NamedTuple):
    """What a candidate is to be judged by: the rule as plain data, and the champion as it is now, or None."""

    rule: dict[str, Any]
    champion: Any
    version: int


class Weighed(NamedTuple):
    """What both models said of the same rows, and facts about them: what the judgement is made of."""

    evidence: Dataset
    facts: dict[str, Any]


class Judged(NamedTuple):
    """What the gate decided: `verdict` is PASS, FAIL, NODATA or ERROR, and `passed` is true for PASS alone.

    `decision` is the id under which it is recorded; `compared` is "compared", or why it was not: none, same, unusable,
    unasked. `reasons` are sentences with numbers, those that decided first.
    """

    verdict: str
    passed: bool
    decision: str
    reasons: list[str]
    metrics: Metrics
    champion_metrics: Metrics
    champion: int
    compared: str
    report: Report


@task(name="champion", acts=True)
def look_up(model: str, rule: Any, alias: str = CHAMPION) -> Standing:
    """Read the rule, and take the champion as it is now. What follows depends on the rule's content, not its path."""
    try:
        wanted = read_gate(rule).to_value()
    except BadGate as error:
        raise Refuse(error.in_one_line) from None  # trying again would read the same
    found = current().act("model_alias", name=model, alias=alias)
    if found is None:
        current().logger.info("%s has no %s yet", model, alias)
        return Standing(wanted, None, 0)
    current().logger.info("%s@%s is the %s", found["name"], found["version"], alias)
    return Standing(wanted, found["model"], found["version"])


@task(name="weigh", cache=True)
def weigh_both(
    candidate: Artifact, champion: Artifact | None, version: int, rows: Dataset, target: str, rule: dict[str, Any]
) -> Weighed:
    """Candidate and champion answer for the same rows, with one thread. Nothing is decided here.

    What goes wrong in a model is kept as a fact, for the decision to name it.
    """
    before = None if champion is None else _subject(champion, version)
    try:
        found = weigh(read_gate(rule), _subject(candidate, needed=True), before, rows, target)
    except InputError as misfit:
        raise Refuse(misfit.in_one_line) from None  # rule and rows do not fit, and will not the next time
    for who in ("candidate", "champion"):
        error = found.facts[who].get("error")
        if error:
            current().logger.warning("the %s cannot answer: %s", who, error)
            # It may be mended outside.
            current().do_not_reuse()
    return Weighed(found.evidence, found.facts)


@task(name="decide", acts=True)
def decide(
    evidence: Artifact,
    facts: dict[str, Any],
    rule: dict[str, Any],
    candidate: Artifact,
    champion: Artifact | None,
    model: str,
) -> Judged:
    """Judge by the rule, and record the decision with all it rests on, so that it can be judged again."""
    # As they will be read when it is judged again: keys have another order then, which may be that of the checks.
    rule, facts = as_recorded(rule), as_recorded(facts)
    found = judge(read_gate(rule), current().load(evidence), facts)
    recorded = current().act(
        "record_decision",
        kind="gate",
        model=model,
        rule=rule,
        facts=facts,
        judgement=found.to_value(),
        evidence=evidence,
        candidate=candidate,
        champion=champion,
        code=deciding_code("gate"),
    )
    current().logger.info("%s: %s (decision %s)", model, found.verdict.value, recorded["id"])
    for reason in found.reasons:
        current().logger.info("%s", reason)
    return _judged(found, model, recorded["id"], int(facts["champion"].get("version", 0)))


@pipeline
def gate(candidate: Any, rows: Dataset, target: str, model: str, rule: Any, alias: str = CHAMPION) -> Judged:
    """Judge a candidate against the champion of `model` on the same rows, by a rule.

    `candidate`: the output of the task that trained it. `rule`: a `Gate`, the same as a dict, or the path of a YAML
    file, read when the run comes to it; `read_gate("gate.yaml")` reads it with the pipeline, before anything runs.
    Use what it gives in a condition: `with when(gate(...).passed): register(...)`.
    """
    standing = look_up(model, rule, alias)
    weighed = weigh_both(candidate, standing.champion, standing.version, rows, target, standing.rule)
    return decide(weighed.evidence, weighed.facts, standing.rule, candidate, standing.champion, model)


def _subject(artifact: Artifact, version: int = 0, *, needed: bool = False) -> Subject:
    """The model that an artifact holds; why it cannot be loaded is a fact, unless the store itself is at fault."""
    try:
        model = current().load(artifact)
    except StoreUnwritable:
        raise  # the store is away, which says nothing of the model
    except (ArtifactDamaged, ArtifactMissing) as error:
        if needed:
            raise
        return Subject(None, artifact.digest, version, f"it cannot be loaded: {error.message}")
    except TidemillError as error:
        said = error.message.removeprefix(f"{artifact.digest} ")
        return Subject(None, artifact.digest, version, f"it {said}" if said != error.message else said)
    except Exception as error:  # loading a model runs the code of its libraries
        why = str(error).strip().partition("\n")[0][:300]
        return Subject(None, artifact.digest, version, f"it cannot be loaded: {type(error).__name__}: {why}")
    return Subject(model, artifact.digest, version)


def _judged(found: Judgement, model: str, decision: str, version: int) -> Judged:
    return Judged(
        verdict=found.verdict.value,
        passed=found.passed,
        decision=decision,
        reasons=list(found.reasons),
        metrics=_numbers(found.metrics),
        champion_metrics=_numbers(found.champion_metrics),
        champion=version,
        compared=found.compared.value,
        report=judgement_text(found, model, decision, version),
    )


def _numbers(metrics: Any) -> dict[str, float]:
    """Those that are defined: a condition on any other would compare with nothing."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}
