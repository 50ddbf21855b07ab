"""The ticket of an attempt: everything its worker needs, and nothing it does not."""

from __future__ import annotations

from tidemill.core.bindings import Binding, Const, children
from tidemill.core.graph import Isolation
from tidemill.core.instances import instance_text
from tidemill.core.records import Artifact, RunFacts, Ticket
from tidemill.core.values import references
from tidemill.engine.held import Held
from tidemill.engine.moves import AttemptStarted


def ticket_for(held: Held, start: AttemptStarted, store: str) -> Ticket:
    """`store` is the address of the artifact store."""
    run, node, execute = held.run, start.node, start.execute
    artifacts: dict[str, Artifact] = {}
    for binding in execute.inputs.values():
        _collect(binding, held, artifacts)
    assert held.progress.started_at is not None
    facts = RunFacts(
        run=run.id,
        pipeline=run.pipeline,
        team=run.team,
        started_at=held.progress.started_at,
        seed=run.seed,
        scheduled_for=run.scheduled_for,
        interval_start=run.interval_start,
        interval_end=run.interval_end,
        actor=run.actor,
        params=run.params,
    )
    return Ticket(
        attempt=start.record.id,
        path=start.key.path,
        instance=instance_text(start.key.instance),
        generation=start.record.generation,
        number=start.record.number,
        work=execute.work,
        facts=facts,
        store=store,
        inputs=execute.inputs,
        artifacts=artifacts,
        retry_rules=node.retry.rules if node.retry is not None else (),
        hooks=node.hooks,
        final_number=start.final_number,
        timeout=node.timeout,
        indexes=tuple(step.item for step in start.key.instance),
        resources=execute.resources,
        resume=start.resume,
        shared=node.isolation is Isolation.SHARED,
    )


def _collect(binding: Binding, held: Held, artifacts: dict[str, Artifact]) -> None:
    if isinstance(binding, Const):
        for ref in references(binding.value):
            artifacts[ref.id] = held.progress.artifact(ref.id)
        return
    for inner in children(binding):
        _collect(inner, held, artifacts)
