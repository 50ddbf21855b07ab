"""How a sweep stands, on a screen of any size: what failed and what runs is seen, and no line is too long."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from tidemill.actions.sweep import Combination
from tidemill.actions.sweep_runs import Member, Stand
from tidemill.cli.live.crowd import CrowdScreen, counted, fitting, said
from tidemill.cli.main import Globals
from tidemill.cli.output import Out
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.history import RunRecord, TaskKind, TaskRecord
from tidemill.core.states import RunState, TaskState
from tidemill.engine.moves import TaskMoved

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATES = {Stand.SUCCEEDED: RunState.SUCCEEDED, Stand.FAILED: RunState.FAILED, Stand.RUNNING: RunState.RUNNING}


def member(number: int, stand: Stand, before: bool = False) -> Member:
    one = Member(Combination(number, {"depth": number, "rate": 0.1}, {}), f"key{number}", stand=stand, before=before)
    if stand in STATES:
        run = RunRecord(f"run{number}", "default", "fit", "d", {}, STATES[stand], NOW, started_at=NOW)
        cause = Cause(CauseKind.USER_CODE, "it broke") if stand is Stand.FAILED else None
        one.run = replace(run, ended_at=NOW + timedelta(seconds=2) if stand.over else None, cause=cause)
    return one


def shown(members: list[Member], width: int, height: int, encoding: str = "utf-8") -> list[str]:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    out = Out(Globals(), False)
    out.console = Console(file=file, width=width, height=height, force_terminal=True, color_system=None)
    screen = CrowdScreen(out, "fit  depths", members, lambda: NOW + timedelta(seconds=5))
    record = TaskRecord("run3", "train", "", 0, TaskKind.LEAF, TaskState.RUNNING)
    done = replace(record, path="load", state=TaskState.SUCCEEDED)
    for one in members:
        if one.run is not None:
            screen.watch(one.run, [TaskMoved(done, TaskState.RUNNING, NOW), TaskMoved(record, TaskState.READY, NOW)])
    with out.console.capture() as caught:
        out.console.print(screen)
    return caught.get().splitlines()


FEW = [member(1, Stand.SUCCEEDED), member(2, Stand.FAILED), member(3, Stand.RUNNING), member(4, Stand.WAITING)]


def test_every_combination_has_its_line() -> None:
    assert shown(FEW, 80, 24) == [
        "fit  depths  [#####-----] 2/4  1 waiting, 1 running, 1 succeeded, 1 failed  0ms",
        "✓ 1/4 depth=1 rate=0.1  run run1 succeeded in 2.0s",
        "✗ 2/4 depth=2 rate=0.1  run run2 failed: it broke",
        "● 3/4 depth=3 rate=0.1  run run3 running  1 task done, train",
        "○ 4/4 depth=4 rate=0.1  waiting",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize(("width", "height"), [(40, 10), (80, 24), (200, 60)])
def test_it_fits(width: int, height: int, encoding: str) -> None:
    stands = [Stand.SUCCEEDED] * 500 + [Stand.FAILED] + [Stand.RUNNING] * 3 + [Stand.WAITING] * 496
    many = [member(n, stand) for n, stand in enumerate(stands, 1)]
    lines = shown(many, width, height, encoding)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert text.isascii() or encoding == "utf-8"
    assert "501/1000" in text
    assert text.count("running") >= (3 if width >= 80 else 0)


def test_what_matters_is_seen() -> None:
    stands = [Stand.WAITING] * 50 + [Stand.FAILED, Stand.RUNNING] + [Stand.SUCCEEDED] * 50
    many = [member(n, stand) for n, stand in enumerate(stands, 1)]
    seen = fitting(many, 10)
    assert len(seen) == 9
    assert {51, 52} < {one.combination.number for one in seen}
    assert {one.stand for one in seen} == {Stand.WAITING, Stand.FAILED, Stand.RUNNING, Stand.SUCCEEDED}
    assert fitting(many[:10], 10) == many[:10]


def test_words() -> None:
    assert said(member(1, Stand.FAILED, before=True)) == "run run1 failed before: it broke"
    assert said(member(1, Stand.SUCCEEDED, before=True)) == "run run1 succeeded before"
    assert counted(FEW) == "1 waiting, 1 running, 1 succeeded, 1 failed"
