"""The view of a run while it goes on: what the board knows, what the screen and the lines show of it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from tests.unit.cli.recorded import definition
from tidemill.cli.live.board import Board
from tidemill.cli.live.lines import changes
from tidemill.cli.live.screen import Screen, fitting
from tidemill.cli.main import Globals
from tidemill.cli.output import Out
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.history import AttemptRecord, RunRecord, TaskKind, TaskRecord
from tidemill.core.instances import Key, instance_from
from tidemill.core.records import Wake
from tidemill.core.states import AttemptState, RunState, TaskState
from tidemill.engine.moves import AttemptSettled, AttemptStarted, Move, Noted, RunMoved, TaskMoved

START = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
RUN = RunRecord("abc", "default", "churn", "d", {}, RunState.RUNNING, START, started_at=START)
BAD = Cause(CauseKind.USER_CODE, "ValueError: singular\x1b[2J")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def moved(
    path: str, state: TaskState, instance: str = "", kind: TaskKind = TaskKind.LEAF, seconds: float = 1.0, **more: Any
) -> TaskMoved:
    ended = at(seconds) if state in (TaskState.SUCCEEDED, TaskState.FAILED) else None
    record = TaskRecord("abc", path, instance, 0, kind, state, started_at=at(0), ended_at=ended, **more)
    return TaskMoved(record, TaskState.PENDING, at(seconds))


def started(path: str, instance: str = "", number: int = 1, seconds: float = 0.5) -> AttemptStarted:
    record = AttemptRecord(
        f"abc.{path}{instance}", "abc", path, instance, 0, number, AttemptState.STARTED, at(seconds), "processes"
    )
    node: Any = None
    return AttemptStarted(record, Key(path, instance_from(instance)), node, node, 1)


def settled(path: str, instance: str = "") -> AttemptSettled:
    return AttemptSettled(replace(started(path, instance).record, state=AttemptState.SUCCEEDED, ended_at=at(2)))


def mapped(count: int, done: int, failed: tuple[int, ...] = (), running: int = 0) -> Iterator[Move]:
    yield moved("train", TaskState.RUNNING, kind=TaskKind.MAP, count=count)
    for n in range(done):
        if n in failed:
            yield moved("train", TaskState.FAILED, f"{n}.0", cause=BAD)
        else:
            yield moved("train", TaskState.SUCCEEDED, f"{n}.0")
    for n in range(done, done + running):
        yield started("train", f"{n}.0")
        yield moved("train", TaskState.RUNNING, f"{n}.0")


def board(*moves: Move) -> Board:
    made = Board(definition())
    made.take(RUN, moves)
    return made


class TestBoard:
    def test_a_map_is_one_row_however_wide(self) -> None:
        row = {row.path: row for row in board(*mapped(1000, 300, failed=(7,), running=2)).rows()}["train"]
        assert (row.done, row.total, row.running) == (300, 1000, 2)
        assert dict(row.counts) == {TaskState.SUCCEEDED: 299, TaskState.FAILED: 1, TaskState.RUNNING: 2}
        assert row.state is TaskState.RUNNING

    def test_a_map_that_is_done_has_the_worst_of_its_states(self) -> None:
        row = {row.path: row for row in board(*mapped(5, 5, failed=(1, 2))).rows()}["train"]
        assert (row.state, row.done, row.total) == (TaskState.FAILED, 5, 5)

    def test_a_map_over_nothing_is_done(self) -> None:
        row = {row.path: row for row in board(moved("train", TaskState.SUCCEEDED, kind=TaskKind.MAP, count=0)).rows()}[
            "train"
        ]
        assert (row.state, row.total) == (TaskState.SUCCEEDED, 0)

    def test_a_cancelled_map_is_not_waited_for(self) -> None:
        moves = [*mapped(600, 2), moved("train", TaskState.CANCELLED, "2.0")]
        moves.append(moved("train", TaskState.CANCELLED, kind=TaskKind.MAP, count=600))
        row = {row.path: row for row in board(*moves).rows()}["train"]
        assert (row.state, row.done, row.total) == (TaskState.CANCELLED, 3, 3)

    def test_a_second_generation_takes_the_place_of_the_first(self) -> None:
        row = {
            row.path: row
            for row in board(
                moved("train", TaskState.RUNNING, kind=TaskKind.MAP, count=1),
                moved("train", TaskState.FAILED, "0.0", cause=BAD),
                moved("train", TaskState.SUCCEEDED, "0.1"),
            ).rows()
        }["train"]
        assert dict(row.counts) == {TaskState.SUCCEEDED: 1}

    def test_what_is_inside_a_skipped_scope_is_not_shown(self) -> None:
        paths = [row.path for row in board().rows()]
        assert "when_1/publish" in paths
        skipped = board(moved("when_1", TaskState.SKIPPED, kind=TaskKind.SCOPE))
        assert [row.path for row in skipped.rows()] == [path for path in paths if path != "when_1/publish"]

    def test_an_attempt_that_ended_is_not_out(self) -> None:
        row = board(started("load"), moved("load", TaskState.RUNNING), settled("load")).rows()[0]
        assert (row.out, row.running) == (None, 0)

    def test_what_was_recorded_before_is_known(self) -> None:
        made = Board(definition(), [moved("load", TaskState.SUCCEEDED).record])
        assert made.rows()[0].state is TaskState.SUCCEEDED


def screen_text(made: Board, columns: int = 80, lines: int = 24, over: bool = False) -> list[str]:
    out = Out(Globals(color=False))
    out.console = Console(file=io.StringIO(), width=columns, height=lines, force_terminal=True, no_color=True)
    screen = Screen(out, made, lambda attempt: f"10%\r90% of {attempt} \x1b[2J", now=lambda: at(12))
    screen._over = over
    with out.console.capture() as captured:
        out.console.print(screen)
    plain = Console(file=io.StringIO(), width=columns)
    return [plain.render_str(line, markup=False).plain for line in _without_styles(captured.get()).splitlines()]


def _without_styles(text: str) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)


class TestScreen:
    def test_it_looks_right_in_80_columns(self) -> None:
        moves = [
            moved("load", TaskState.SUCCEEDED, seconds=2.5),
            *mapped(1000, 600, failed=(3,), running=1),
        ]
        lines = screen_text(board(*moves))
        assert lines[0].strip() == "churn  run abc  running  12s"
        assert lines[1].startswith("✓ load")
        assert "succeeded 2.5s" in lines[1]
        assert lines[2].endswith("[###--] 600/1000  running 12s  1 failed; 90% of a…")
        assert lines[3].startswith("○ a_task_with_a_name_that_i…  pending")
        assert lines[5].startswith("○   publish ")
        assert all(len(line) <= 80 for line in lines)
        assert "\x1b" not in "".join(lines)

    def test_a_reason_stands_beside_a_skip(self) -> None:
        cause = Cause(CauseKind.CONDITION, "its condition is false")
        lines = screen_text(board(moved("when_1", TaskState.SKIPPED, kind=TaskKind.SCOPE, cause=cause)))
        line = next(line for line in lines if line.startswith("\u2013 when_1"))
        assert line.endswith("skipped  its condition is false")

    def test_a_question_stands_below_with_the_command_that_answers_it(self) -> None:
        asks = moved("when_1/publish", TaskState.SUSPENDED, wake=Wake(approval="publish\x1b[2J?"))
        lines = [line.rstrip() for line in screen_text(board(asks))]
        assert lines[-2:] == ["publish asks: publish\\x1b[2J?", "  tidemill approve abc when_1/publish"]
        answered = board(asks, moved("when_1/publish", TaskState.SUCCEEDED))
        assert "asks" not in "".join(screen_text(answered))

    def test_many_questions_are_counted(self) -> None:
        asks = [moved("train", TaskState.SUSPENDED, f"{n}.0", wake=Wake(approval=f"{n}?")) for n in range(5)]
        lines = [line.strip() for line in screen_text(board(*asks))]
        assert [line for line in lines if "tidemill approve" in line][-1] == "tidemill approve abc 'train[2]'"
        assert lines[-1] == "… and 2 more wait for approval"

    def test_it_fits_however_low_the_terminal_is(self) -> None:
        lines = screen_text(board(moved("load", TaskState.SUCCEEDED)), lines=8)
        assert len(lines) <= 8

    def test_what_runs_and_what_failed_is_shown_first(self) -> None:
        row = board(moved("load", TaskState.SUCCEEDED)).rows()[0]
        rows = [replace(row, path=f"t{n}", state=TaskState.SUCCEEDED) for n in range(100)]
        rows[40] = replace(row, path="t40", state=TaskState.FAILED)
        rows[70] = replace(row, path="scope", state=TaskState.RUNNING, scope=True)
        rows[71] = replace(row, path="scope/inner", state=TaskState.RUNNING)
        shown = [one.path for one in fitting(rows, 10)]
        assert {"t40", "scope", "scope/inner"} <= set(shown)
        assert len(shown) == 9
        assert shown == sorted(shown, key=[one.path for one in rows].index)


@pytest.mark.parametrize(
    ("move", "line"),
    [
        (RunMoved(RunState.QUEUED, RunState.RUNNING, at(0)), "run abc running"),
        (
            RunMoved(RunState.RUNNING, RunState.FAILED, at(0), Cause(CauseKind.UPSTREAM, "train failed")),
            "run abc failed: train failed",
        ),
        (started("train", "2.0"), "train[2] running"),
        (started("load", number=2), "load running (try 2)"),
        (moved("load", TaskState.SUCCEEDED), "load succeeded in 1.0s"),
        (moved("load", TaskState.SUCCEEDED, reused_from="run x, load"), "load succeeded, reused from run x, load"),
        (moved("train", TaskState.FAILED, "1.0", cause=BAD), "train[1] failed: ValueError: singular\x1b[2J"),
        (moved("train", TaskState.RUNNING, kind=TaskKind.MAP, count=7), "train maps over 7"),
        (moved("load", TaskState.RETRYING, cause=BAD), "load retrying: ValueError: singular\x1b[2J"),
        (
            moved("load", TaskState.SUSPENDED, wake=Wake(approval="publish?")),
            "load waits for approval: publish? (tidemill approve abc load)",
        ),
        (
            moved("when_1/publish", TaskState.SUSPENDED, "2.0", wake=Wake(approval="publish?")),
            "when_1/publish[2] waits for approval: publish? (tidemill approve abc 'when_1/publish[2]')",
        ),
        (
            moved("load", TaskState.SUSPENDED, wake=Wake(event="data", event_key="k")),
            "load waits for the event data with key k",
        ),
        (Noted("run.paused", at(0), None, {"message": "the disk is full"}), "paused: the disk is full"),
        (
            Noted(
                "artifact.damaged",
                at(0),
                Key("train"),
                {"artifact": "r.1.1", "by": "load", "problem": "it is gone", "then": "load is run again"},
            ),
            "train found artifact r.1.1 of load damaged: it is gone; load is run again",
        ),
        (moved("when_1", TaskState.SUCCEEDED, kind=TaskKind.SCOPE), None),
        (moved("load", TaskState.RUNNING), None),
    ],
)
def test_a_line_for_each_change(move: Move, line: str | None) -> None:
    told = [text[10:] for text in changes(RUN, [move])]
    assert told == ([] if line is None else [line])
