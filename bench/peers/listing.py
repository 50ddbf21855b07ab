"""Who is compared: what a task runs in there, and what is kept of it, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidemill.core.errors import NotFound, did_you_mean

CHAIN, FAN = 100, 200
"""Tasks of the two pipelines that are timed inside; `hello` has five."""


@dataclass(frozen=True, slots=True)
class Peer:
    """`name` is that of its files here, `package` that of its distribution, `title` its own with how it was set up."""

    name: str
    package: str
    title: str
    isolation: str
    durability: str
    timed: str = "a run in a process that has imported it and has run a small one before"


PEERS: tuple[Peer, ...] = (
    Peer(
        "airflow",
        "apache-airflow",
        "Airflow, LocalExecutor",
        "a process for each task, 2 at once",
        "each change of state in SQLite, through the API server",
        "start to end of the run as it records them, `airflow standalone` being up; hello is `airflow dags test`",
    ),
    Peer(
        "prefect",
        "prefect",
        "Prefect, temporary server",
        "none: threads of the flow's process, 2 at once",
        "reported to the server as events, recorded in SQLite some time later",
    ),
    Peer(
        "dagster",
        "dagster",
        "Dagster, multiprocess executor",
        "a new interpreter for each op, 2 at once",
        "events in SQLite files as they happen",
        "`execute_job` in a process that has imported it",
    ),
    Peer(
        "metaflow",
        "metaflow",
        "Metaflow, local",
        "a new interpreter for each step, 2 at once",
        "artifacts and metadata in files, not synced",
        "the whole command `python flow.py run`",
    ),
    Peer(
        "zenml",
        "zenml",
        "ZenML, local orchestrator",
        "none: one after the other in the pipeline's process",
        "each step in SQLite, outputs in files",
    ),
    Peer(
        "kfp",
        "kfp",
        "kfp.local, SubprocessRunner",
        "a new interpreter for each component, one after the other",
        "nothing",
        "a pipeline in a process that has imported it",
    ),
    Peer(
        "dbos",
        "dbos",
        "DBOS on SQLite",
        "none: threads of the workflow's process",
        "each step in SQLite as it ends",
    ),
)

OURS = Peer(
    "tidemill",
    "tidemill",
    "Tidemill",
    "a process for each task, 2 at once",
    "start and end of each attempt in SQLite (WAL, synchronous=FULL)",
)


def chosen(names: Sequence[str]) -> tuple[Peer, ...]:
    """The peers of these names, all for none. Raises NotFound."""
    known = {peer.name: peer for peer in PEERS}
    for name in names:
        if name not in known:
            remedy = did_you_mean(name, known) or f"there are {', '.join(known)}"
            raise NotFound(f"there is no peer {name!r}", remedy=remedy)
    return tuple(peer for peer in PEERS if not names or peer.name in names)
