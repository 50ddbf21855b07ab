"""Engines that serve, as people start them: `tidemill engine` in processes of their own, each in its own home.

Two homes are two machines to them: no lock of the one is seen by the other. Artifacts are shared, as they have to be.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from tests.contract.executor_owner import PATIENCE, wait_until
from tidemill.actions.compile import compile_pipeline
from tidemill.actions.pools import list_pools, set_pool
from tidemill.actions.runs import find_run, submit_run
from tidemill.app import App
from tidemill.core.history import RunRecord
from tidemill.settings import Settings
from tidemill.storage.metadata import tables

RELAY = Path(__file__).with_name("relay.py")
FOR_EVER = 3600.0
"""Seconds of a lease that no test waits for."""


@dataclass
class Machine:
    """A home and the database; `app` looks at it from outside."""

    home: Path
    database_url: str
    lease_s: float
    slots: int = 2

    def __post_init__(self) -> None:
        self.settings = Settings(
            self.home, database_url=self.database_url, lease_seconds=self.lease_s, sweep_seconds=0.2, slots=self.slots
        )

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "TIDEMILL_HOME": str(self.home),
            "TIDEMILL_DATABASE_URL": self.settings.database,
            "TIDEMILL_LEASE_SECONDS": str(self.lease_s),
            "TIDEMILL_SWEEP_SECONDS": "0.2",
            "TIDEMILL_GRACE_SECONDS": "0.2",
            "TIDEMILL_SLOTS": str(self.slots),
        }


class Server:
    """A `tidemill engine` that is at work."""

    def __init__(self, machine: Machine, name: str, *options: str, **environment: str) -> None:
        self.machine = machine
        self._output = machine.home.parent / f"{name}.log"
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tidemill", "engine", *options],
                env={**machine.environment, **environment},
                cwd=machine.home.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        return self._output.read_text()

    def until(self, text: str) -> None:
        """Wait until it has said this."""

        def has_said() -> bool:
            assert self.process.poll() is None or text in self.said, f"it has ended: {self.said}"
            return text in self.said

        wait_until(has_said)

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals | None = signal.SIGTERM) -> int:
        """Its exit code, after a signal."""
        if number is not None and self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)


@contextmanager
def serving(machine: Machine, name: str, *options: str, **environment: str) -> Iterator[Server]:
    server = Server(machine, name, *options, **environment)
    try:
        server.until("at once")
        yield server
    finally:
        server.close()


@contextmanager
def machines(folder: Path, url: str, lease_s: float, number: int = 2) -> Iterator[list[Machine]]:
    """Homes at one database that share their artifacts."""
    made: list[Machine] = []
    for n in range(number):
        home = folder / f"home{n}"
        home.mkdir()
        if n:
            (home / "artifacts").symlink_to(folder / "home0" / "artifacts")
        else:
            (home / "artifacts").mkdir()
        made.append(Machine(home, url, lease_s))
    yield made


class Relay:
    """Runs of the pipelines beside this file, with their ledger."""

    def __init__(self, app: App, folder: Path) -> None:
        self.app = app
        self.ledger = folder / "ledger"
        if not list_pools(app):
            set_pool(app, "oven", 5)

    def submit(self, name: str = "relay", **more: Any) -> RunRecord:
        pipeline = compile_pipeline(f"{RELAY}:{name}")
        return submit_run(self.app, pipeline, {"ledger": str(self.ledger)}, **more)

    @property
    def lines(self) -> list[str]:
        return self.ledger.read_text().splitlines() if self.ledger.exists() else []

    def until(self, *beginnings: str) -> list[str]:
        """The lines that begin like this, once there is one of each."""

        def find() -> list[str]:
            return [line for start in beginnings for line in self.lines if line.startswith(start)]

        wait_until(lambda: all(any(line.startswith(start) for line in self.lines) for start in beginnings))
        return find()

    def at_gates(self, number: int) -> list[int]:
        """The processes of the attempts with this number, once both stand at their gates."""
        return [int(line.split()[2]) for line in self.until(f"asks {number} ", f"kept {number} ")]

    def open_gates(self, number: int) -> None:
        Path(f"{self.ledger}.{number}").touch()

    def ended(self, run: RunRecord) -> RunRecord:
        self.wait(lambda: find_run(self.app, run.id).state.final)
        return find_run(self.app, run.id)

    def wait(self, condition: Callable[[], bool]) -> None:
        wait_until(condition)


def everything(app: App) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, but for signs of life."""
    found = {}
    with app.database.read() as connection:
        for name, table in tables.metadata.tables.items():
            columns = [column for column in table.columns if column.name != "renewals"]
            rows = connection.execute(select(*columns))
            found[name] = sorted(tuple(map(repr, row)) for row in rows)
    return found
