"""Resources that are set up and torn down, waits, approvals, a retried block, and word at the end."""

from __future__ import annotations

from datetime import timedelta

from tidemill import (
    Dataset,
    Model,
    at_end,
    group,
    import_artifact,
    pipeline,
    poll,
    run_info,
    status_of,
    subgraph,
    task,
    template,
    wait_for,
    wait_for_approval,
    wait_for_event,
)


@task
def start_cluster(size: int) -> str:
    return "cluster"


@task
def stop_cluster(cluster: str) -> None: ...


@task(timeout=timedelta(minutes=5))
def fit(rows: Dataset, cluster: str) -> Model:
    return 1


@task
def check(model: Model) -> bool:
    return True


@task
def publish(model: Model, to: str) -> None: ...


@task
def notify(text: str, how: dict[str, object]) -> None: ...


def is_there(path: str) -> bool:
    return True


@pipeline(timeout=3600, parallelism=4, outcome="leaves")
def nightly(bucket: str, size: int = 2) -> None:
    ready = poll(is_there, every=30, timeout=timedelta(hours=1), on_timeout="skip", path=bucket)
    arrived = wait_for_event("upload", key=bucket, timeout=600)
    rows = import_artifact(template("s3://{bucket}/rows", bucket=bucket), metadata={"owner": "ann"})
    [ready, arrived] >> rows
    with group("training"):
        cluster = start_cluster(size)
        with subgraph("fitting", retries=2) as block:
            model = fit(rows, cluster)
            check(model)
    stop_cluster.options(teardown_of=cluster)(cluster)
    pause = wait_for(60)
    block >> pause
    yes = wait_for_approval("Publish?", approvers=["ann"], timeout="1h", on_timeout="succeed", after=pause)
    published = publish.options(after=[yes])(model, to=run_info.run_id)
    with at_end():
        notify(template("{} is over", run_info.pipeline), status_of(published))
