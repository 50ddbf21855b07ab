"""Wishes that come as a run ends: they are about the run as it was, and mean nothing to it once it is reopened."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemill import pipeline, task
from tidemill.actions.runs import retry_run
from tidemill.core.history import CommandKind
from tidemill.core.states import RunState
from tidemill.storage.metadata import commands
from tidemill.testing import InlineApp, states


@task
def first() -> int:
    return 1


@task
def second_time(n: int, ledger: Path) -> int:
    if not ledger.exists():
        ledger.touch()
        raise ValueError("not the first time")
    return n


@pipeline
def stumbling(ledger: Path):
    second_time(first(), ledger)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (CommandKind.CANCEL, {"reason": "too late"}),
        (CommandKind.MARK, {"path": "second_time", "state": "skipped"}),
    ],
)
def test_a_wish_that_came_too_late_does_not_wait_for_the_next_time(
    home: InlineApp, tmp_path: Path, kind: CommandKind, payload: dict[str, str]
) -> None:
    run = home.run(stumbling, {"ledger": str(tmp_path / "ledger")})
    assert run.state is RunState.FAILED
    with home.database.write() as connection:
        commands.add(connection, run.team, run.id, kind, "ann", payload, home.clock.now())
    again = retry_run(home, run.id)
    assert states(home, again) == {"first": "succeeded", "second_time": "succeeded"}
    assert again.state is RunState.SUCCEEDED
    with home.database.read() as connection:
        assert commands.pending(connection, [run.id]) == []
