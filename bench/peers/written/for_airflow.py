"""Airflow: a process for each task (LocalExecutor), two at once, recorded in SQLite by the API server.

`airflow standalone` runs all that Airflow needs, and the run is triggered once the DAG is known; what is timed is from
the start to the end that Airflow records of the run. `hello` is the whole command `airflow dags test hello`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

PATIENCE_S = 900.0


def settings() -> dict[str, str]:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    return {
        **os.environ,
        "AIRFLOW_HOME": os.getcwd(),
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).with_name("airflow_dags")),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://localhost:{port}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    }


def airflow(environment: dict[str, str], *arguments: str) -> None:
    subprocess.run(["airflow", *arguments], env=environment, check=True, stdout=sys.stderr)


@contextlib.contextmanager
def standalone(environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(["airflow", "standalone"], env=environment, stdout=sys.stderr, start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def waited_for(question: str, *values: str) -> tuple[str, ...]:
    """The first row that the metadata database answers."""
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect("airflow.db")) as asking:
            row = asking.execute(question, values).fetchone()
            if row is not None:
                return tuple(row)
        time.sleep(0.5)
    raise TimeoutError(question)


def main() -> None:
    name = sys.argv[1]
    environment = settings()
    if not Path("airflow.db").exists():
        airflow(environment, "db", "migrate")
    if name == "hello":
        begun = time.perf_counter()
        airflow(environment, "dags", "test", name)
        print(json.dumps({"seconds": time.perf_counter() - begun}))
        return
    with standalone(environment):
        waited_for("SELECT dag_id FROM serialized_dag WHERE dag_id = ?", name)
        airflow(environment, "dags", "trigger", name)
        state, started, ended = waited_for(
            "SELECT state, start_date, end_date FROM dag_run WHERE dag_id = ? AND end_date IS NOT NULL", name
        )
    if state != "success":
        sys.exit(f"the run of {name} is {state}")
    seconds = (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds()
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
