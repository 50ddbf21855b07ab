"""Tiny tasks that share processes: one process for many, and what goes wrong with one of them spares the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.executor_owner import Owner, open_processes
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.records import Gone, Report
from tidemill.core.states import AttemptState
from tidemill.storage.logs.files import log_path, read

CANCEL = Cause(CauseKind.CANCELLED, "by a test")


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    opened = open_processes(tmp_path)
    yield opened
    opened.executor.close()


def test_many_tasks_run_in_few_processes(owner: Owner) -> None:
    attempts = [owner.start("my_process", shared=True) for _ in range(40)]
    pids = [end.outputs["result"] for end in owner.ends_of(attempts) if isinstance(end, Report)]
    assert len(pids) == 40
    assert len(set(pids)) <= 2
    own = [owner.result("my_process") for _ in range(3)]
    assert len({*own, *pids}) == 3 + len(set(pids)), "others have a process each"


def test_a_log_is_that_of_one_attempt(owner: Owner) -> None:
    attempts = [owner.start("speak", shared=True, inputs={"text": str(n)}) for n in range(20)]
    for n, end in enumerate(owner.ends_of(attempts)):
        assert isinstance(end, Report)
        records = read(log_path(Path(owner.store).parent / "logs", "run-1", attempts[n]))
        assert sorted(record.text for record in records) == [f"INFO logged: {n}", f"err: {n}", f"out: {n}"]


def test_one_that_dies_takes_nobody_along(owner: Owner) -> None:
    attempts = [owner.start("kill_self" if n == 5 else "my_process", shared=True) for n in range(24)]
    ends = owner.ends_of(attempts)
    assert [n for n, end in enumerate(ends) if isinstance(end, Gone)] == [5]
    assert all(end.state is AttemptState.SUCCEEDED for end in ends if isinstance(end, Report))


@pytest.mark.parametrize("how", ["stop", "timeout"])
def test_one_that_is_ended_spares_those_behind_it(owner: Owner, how: str) -> None:
    timeout = 0.3 if how == "timeout" else None
    first = owner.start("wait_for_ever", shared=True, timeout=timeout)
    owner.pushed(first, "waiting")
    behind = [owner.start("my_process", shared=True) for _ in range(20)]
    if how == "stop":
        owner.executor.stop(first, CANCEL, grace_s=5.0)
    end = owner.end(first)
    assert isinstance(end, Gone)
    assert end.cause.kind is (CauseKind.CANCELLED if how == "stop" else CauseKind.TIMED_OUT)
    assert all(isinstance(one, Report) and one.state is AttemptState.SUCCEEDED for one in owner.ends_of(behind))
