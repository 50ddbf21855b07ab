"""Tasks as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tidemill.actions.naming import find_task, key_of, path_meant, whole_task
from tidemill.core.errors import InputError, NotFound
from tidemill.core.history import RunRecord, TaskKind, TaskRecord
from tidemill.core.states import RunState, TaskState

RUN = RunRecord("r1", "default", "p", "d", {}, RunState.RUNNING, datetime(2026, 1, 1, tzinfo=UTC))


def row(path: str, instance: str = "", kind: TaskKind = TaskKind.LEAF, count: int | None = None) -> TaskRecord:
    return TaskRecord("r1", path, instance, 0, kind, TaskState.SUCCEEDED, count=count)


ROWS = [
    row("load"),
    row("train", kind=TaskKind.MAP, count=3),
    *(row("train", f"{n}.0") for n in range(3)),
    row("folds", kind=TaskKind.MAP, count=2),
    *(row("folds", f"{n}.0", TaskKind.SCOPE) for n in range(2)),
    *(row("folds/fit", f"{n}.0/{m}.0") for n in range(2) for m in range(2)),
    row("single", kind=TaskKind.MAP, count=1),
    row("single", "0.0"),
    row("again/try", "0.0"),
    row("again/try", "0.1"),
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("load", "load"),
        ("train", "train"),
        ("train[2]", "train[2]"),
        ("folds/fit[1][0]", "folds/fit[1][0]"),
        ("folds[1]/fit[0]", "folds/fit[1][0]"),
        ("folds[1]", "folds[1]"),
        ("again/try", "again/try[0#1]"),
        ("again/try[0]", "again/try[0#1]"),
        ("again/try[0#0]", "again/try[0]"),
        ("/load/", "load"),
        ("fit[1][0]", "folds/fit[1][0]"),
        ("try", "again/try[0#1]"),
    ],
)
def test_the_one_that_is_meant(text: str, found: str) -> None:
    assert str(key_of(find_task(RUN, ROWS, text))) == found


@pytest.mark.parametrize(
    ("text", "kind", "message", "remedy"),
    [
        ("laod", NotFound, "run r1 has no task 'laod'", "did you mean 'load'?"),
        ("train[7]", NotFound, "run r1 has no task 'train[7]'", "there are train[0], train[1], train[2]"),
        (
            "folds/fit[1]",
            InputError,
            "'folds/fit[1]' names 2 task runs",
            "name one of them: folds/fit[1][0], folds/fit[1][1]",
        ),
        (
            "folds/fit",
            InputError,
            "'folds/fit' names 4 task runs",
            "name one of them: folds/fit[0][0], folds/fit[0][1], folds/fit[1][0], folds/fit[1][1]",
        ),
        ("later", NotFound, "task 'later' of run r1 has not begun", "`tidemill show r1` says what it waits for"),
        ("load[0]", NotFound, "run r1 has no task 'load[0]'", ""),
    ],
)
def test_what_is_said_otherwise(text: str, kind: type[InputError], message: str, remedy: str) -> None:
    with pytest.raises(kind) as caught:
        find_task(RUN, ROWS, text, ["later", "load"])
    assert (caught.value.message, caught.value.remedy) == (message, remedy)


def test_a_short_name_is_enough_where_it_is_the_only_one() -> None:
    known = ["fit", "a/fit", "a/b/fit", "a/tell", "a/b/c"]
    assert path_meant("tell", known) == "a/tell"
    assert path_meant("fit", known) == "fit", "the whole path goes before the ends of others"
    assert path_meant("b/fit", known) == "a/b/fit"
    assert path_meant("else", known) == "else"
    with pytest.raises(InputError) as caught:
        path_meant("fit", known[1:])
    assert caught.value.message == "there are 2 tasks 'fit'"
    assert caught.value.remedy == "write more of its path: a/b/fit, a/fit"


def test_what_goes_for_a_whole_task_takes_no_instance() -> None:
    known = ["load", "a/fit"]
    assert whole_task("p", "fit", known, "--refresh") == "a/fit"
    with pytest.raises(InputError) as caught:
        whole_task("p", "fit[1]", known, "--refresh")
    assert caught.value.message == "'fit[1]' is one instance, and --refresh is for a whole task"
    assert caught.value.remedy == "--refresh a/fit"
    with pytest.raises(NotFound) as missing:
        whole_task("p", "fti", known, "--from")
    assert (missing.value.message, missing.value.remedy) == ("pipeline p has no task 'fti'", "did you mean 'fit'?")
