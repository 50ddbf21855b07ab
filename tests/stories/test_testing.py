"""A test runs pipelines in its own process: tasks replaced, times leapt over, results as objects."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pandas as pd
import pytest

from tests.stories import harnessed
from tidemill.authoring.trace import trace
from tidemill.core.bindings import Const, FunctionRef
from tidemill.core.errors import InputError, NotFound, StateError, TidemillError
from tidemill.core.graph import Returns
from tidemill.core.problems import ProblemsFound
from tidemill.core.records import Message, Report, RunFacts, RunFunction, Ticket
from tidemill.core.states import AttemptState
from tidemill.executors.inline import InlineExecutor
from tidemill.storage.logs.files import log_path, read
from tidemill.testing import Harness, Unanswered, inline

ROWS = pd.DataFrame({"x": [1, 2, 3]})


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    with inline(tmp_path / "home") as found:
        yield found


def test_results_are_objects_and_states_are_words(harness: Harness) -> None:
    run = harness.run(harnessed.training, returns={harnessed.load: ROWS})
    assert run.succeeded
    assert run.states == {
        "load": "succeeded",
        "split": "succeeded",
        "fit": "succeeded",
        "fit[0]": "succeeded",
        "fit[1]": "succeeded",
        "fit[2]": "succeeded",
        "best": "succeeded",
        "good": "succeeded",
        "good/notify": "succeeded",
    }
    assert run["load"].output.equals(ROWS)
    assert run["load"].artifacts["result"].metadata["rows"] == 3
    assert run["split"].outputs["test"]["x"].tolist() == [3]
    assert run["fit"].output == [0.1, 0.2, 0.3]
    assert run["fit[1]"].output == 0.2
    assert run["fit[1]"].logs == "fitting 2 rows, depth 2"
    assert run["notify"].output == "best is 0.3"
    assert [attempt.number for attempt in run["load"].attempts] == [1]
    assert run.events("run.succeeded")
    assert "fit[2]" in run and "fitt" not in run  # noqa: PT018


def test_functions_are_given_what_the_task_would_be(harness: Harness) -> None:
    given: dict[str, Any] = {}
    told = Mock(return_value="told")

    def stand_in(path: Any, day: Any) -> pd.DataFrame:
        given.update(path=path, day=day)
        return ROWS

    run = harness.run(
        harnessed.training,
        {"path": Path("a") / "b.csv", "day": date(2026, 3, 4)},
        replace={
            "load": stand_in,
            "fit": lambda rows, depth: float(len(rows)),
            "fit[1]": lambda **_: 7.0,
            "notify": told,
        },
    )
    run.assert_succeeded("load", "fit", "notify")
    assert given == {"path": Path("a/b.csv"), "day": date(2026, 3, 4)}
    assert run["fit"].output == [2.0, 7.0, 2.0]
    told.assert_called_once_with(score=7.0)
    assert harnessed.load.function.__module__ == harnessed.__name__
    with pytest.raises(ConnectionError):
        harnessed.load(Path("x"), date(2026, 1, 1))


def test_what_stands_in_is_checked_as_the_task_is_and_never_reused(harness: Harness) -> None:
    run = harness.run(harnessed.training, returns={"load": ROWS, "best": "many"})
    run.assert_failed("best")
    assert run["best"].cause is not None
    assert "annotation" in run["best"].cause.message
    for rows in (ROWS, ROWS[:2]):
        run = harness.run(harnessed.training, returns={"load": rows})
        assert run["load"].output.equals(rows)
        assert not run["load"].reused


def test_the_first_attempts_fail_and_delays_cost_nothing(harness: Harness) -> None:
    began = harness.clock.now()
    fails = {harnessed.load: [ConnectionError("a"), TimeoutError("b")]}
    run = harness.run(harnessed.training, returns={"load": ROWS}, fails=fails)
    attempts = run["load"].attempts
    assert [one.cause.message if one.cause else "" for one in attempts] == [
        "ConnectionError: a",
        "TimeoutError: b",
        "",
    ]
    assert [one.started_at - began for one in attempts] == [timedelta(hours=n) for n in range(3)]


def test_a_task_that_always_fails(harness: Harness) -> None:
    run = harness.run(harnessed.training, returns={"load": ROWS}, fails={"fit[2]": ValueError("too deep")})
    assert run.state == "failed"
    run.assert_failed()
    run.assert_failed("fit[2]")
    run.assert_succeeded("fit[0]", "fit[1]")
    assert run["notify"].state == "upstream_failed"
    assert run["fit[2]"].cause is not None
    assert run["fit[2]"].cause.traceback == "ValueError: too deep\n"
    assert run["fit"].output == [0.1, 0.2, None]
    with pytest.raises(StateError, match="no output; it is failed"):
        _ = run["fit[2]"].output
    with pytest.raises(StateError, match="several outputs"):
        _ = run["split"].output
    with pytest.raises(AssertionError, match="the run failed, not succeeded") as failed:
        run.assert_succeeded()
    assert "fit[2] failed, user code: ValueError: too deep" in str(failed.value)
    assert "ValueError: too deep" in repr(run)


def test_a_failed_run_is_taken_up_again_with_its_replacements(harness: Harness) -> None:
    run = harness.run(harnessed.training, returns={"load": ROWS}, fails={"best": [OSError("full")]})
    run.assert_failed("best")
    again = harness.retry(run)
    again.assert_succeeded()
    assert again["load"].output.equals(ROWS)
    assert len(again["load"].attempts) == 1
    assert len(again["best"].attempts) == 2


def test_a_block_that_is_tried_again_counts_its_failures_once(harness: Harness) -> None:
    run = harness.run(harnessed.swapping, fails={"publish/*": [RuntimeError("x")]})
    run.assert_succeeded()
    assert run["publish/swap"].output == "one is live"


def test_branches_that_are_not_taken(harness: Harness) -> None:
    run = harness.run(harnessed.training, {"threshold": 99}, returns={"load": ROWS})
    run.assert_skipped("notify", "good")
    assert run["good/notify"].attempts == ()
    with pytest.raises(AssertionError, match="best succeeded, not skipped"):
        run.assert_skipped("notify", "best")
    with pytest.raises(TypeError):
        run.assert_skipped()


def test_waits_are_answered_and_times_pass(harness: Harness) -> None:
    harness.set_variable("zone", "UTC")
    due = datetime(2026, 5, 1, 6, tzinfo=UTC)
    harness.clock.set_calendar(due)
    looked = Mock(side_effect=[False, False, True])
    run = harness.run(
        harnessed.waiting,
        replace={harnessed.is_there: looked},
        events={"batch": {"files": [1, 2, 3]}},
        approve={"answer": True},
        scheduled_for=due,
    )
    run.assert_succeeded()
    assert looked.call_count == 3
    looked.assert_called_with(table="orders")
    assert run["count"].output == 3
    assert run["tell_time"].output == f"{due} UTC"
    assert harness.clock.now() - due == timedelta(hours=2, days=1)


def test_an_answer_for_each_instance(harness: Harness) -> None:
    run = harness.run(
        harnessed.waiting,
        returns={"ready": True},
        events={"batch": {"files": []}},
        approve={"ask/answer[0]": True, "ask/answer[1]": False},
    )
    run.assert_succeeded("ask/answer[0]")
    run.assert_failed("ask/answer[1]")


def test_a_wait_that_nothing_ends_is_told(harness: Harness) -> None:
    with pytest.raises(Unanswered, match="batch"):
        harness.run(harnessed.waiting, returns={"ready": True}, approve={"answer": True})


def test_any_way_a_function_takes_its_inputs(harness: Harness) -> None:
    seen: list[Any] = []
    run = harness.run(harnessed.odd, replace={"greedy": lambda name, /, **more: seen.append((name, more)) or []})
    run.assert_succeeded()
    assert seen == [("a", {"run": "odd", "extra": 1})]
    run = harness.run(harnessed.odd, fails={"greedy": []})
    assert run["greedy"].output == ["a", "odd", "extra"]


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"returns": {"laod": 1}}, NotFound, "no task 'laod'.*\n.*did you mean 'load'"),
        ({"returns": {"folds/*": 1}}, NotFound, "no task 'folds/"),
        ({"returns": {harnessed.swap: 1}}, NotFound, "does not call 'swap'"),
        ({"returns": {"good": 1}}, InputError, "block of tasks.*\n.*'good/\\*'"),
        ({"replace": {"load": 3}}, InputError, "load is replaced by 3, which is not a function"),
        ({"replace": {"load": lambda path: 1}}, InputError, "does not take its input 'day'.*\n.*path, day"),
        ({"replace": {"load": lambda **_: 1}, "returns": {"load": 1}}, InputError, "both replaced and given a result"),
        ({"fails": {"fit[1]": "no"}}, InputError, r"fit\[1\] cannot fail with 'no'"),
        ({"approve": {"loda": True}}, NotFound, "did you mean 'load'"),
        ({"events": {"batch": 1}}, NotFound, "waits for no event 'batch'"),
        ({"params": {"threshhold": 1}}, InputError, "did you mean 'threshold'"),
        ({"params": {"threshold": object()}}, InputError, "parameter 'threshold'"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_runs(
    harness: Harness, given: dict[str, Any], kind: type[TidemillError], message: str
) -> None:
    with pytest.raises(kind, match=message) as found:
        harness.run(harnessed.training, **given)
    assert harness.runs == []
    # The last line of the traceback is the test's.
    assert [entry.path.name for entry in found.traceback if not entry.ishidden(found)] == [Path(__file__).name]


def test_a_name_that_several_tasks_bear(harness: Harness) -> None:
    with pytest.raises(InputError, match=r"2 tasks 'swap'.*\n.*publish/swap, other/swap"):
        harness.run(harnessed.swapping, returns={"swap": ""})
    run = harness.run(harnessed.swapping, returns={harnessed.swap: "gone"})
    assert [run[f"{block}/swap"].output for block in ("publish", "other")] == ["gone", "gone"]
    with pytest.raises(NotFound, match="did you mean 'swap'"):
        _ = run["swpa"]


def test_what_may_be_run(harness: Harness) -> None:
    assert harness.run(trace(harnessed.odd)).succeeded
    assert harness.run(f"{harnessed.__file__}:odd").succeeded
    with pytest.raises(InputError, match=r"is no pipeline.*\n.*call it"):
        harness.run(harnessed.load)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="is no pipeline"):
        harness.run(3)  # type: ignore[arg-type]
    with pytest.raises(ProblemsFound, match="no pipeline 'od'"):
        harness.run(f"{harnessed.__file__}:od")


def test_files_of_one_name_do_not_meet(tmp_path: Path) -> None:
    before, folders = set(sys.modules), list(sys.path)
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "words.py").write_text(f"WORD = {name!r}\n")
        (folder / "same_name.py").write_text(
            "from words import WORD\nfrom tidemill import pipeline, task\n\n\n"
            "@task\ndef say() -> str:\n    return WORD\n\n\n@pipeline\ndef saying():\n    say()\n"
        )
        with inline() as harness:
            assert harness.run(folder / "same_name.py")["say"].output == name
    assert not {"words", "same_name"} & (set(sys.modules) - before)
    assert sys.path == folders


def test_nothing_is_left_behind() -> None:
    with inline() as harness:
        harness.run(harnessed.training, returns={"load": ROWS})
        home = harness.home
        assert (home / "tidemill.db").is_file()
        assert any(name.startswith("tidemill_stand_ins_") for name in sys.modules)
    assert not home.exists()
    assert not any(name.startswith("tidemill_stand_ins_") for name in sys.modules)


class Own(Exception):
    """Known to this module alone."""


def test_processes_of_their_own(harness: Harness) -> None:
    factor = 3.0
    run = harness.run(
        harnessed.training,
        executor="processes",
        returns={"load": ROWS},
        replace={"fit": lambda rows, depth: factor * depth, "fit[0]": _by_name},
        fails={"best": [Own("first")], "split": [Own("only")]},
    )
    run.assert_failed("split")
    assert run["split"].cause is not None
    assert run["split"].cause.classes[0].endswith("Own")
    again = harness.retry(run)
    again.assert_failed("best")
    assert again["fit"].output == [1.0, 6.0, 9.0]
    harness.retry(again).assert_succeeded("best", "notify")
    assert run.record.executor == "processes"
    lock = threading.Lock()
    with pytest.raises(InputError, match="fit cannot be given to another process"):
        harness.run(harnessed.training, executor="processes", replace={"fit": lambda **_: lock})


def _by_name(rows: pd.DataFrame, depth: int) -> float:
    return float(depth)


def test_a_wrong_pipeline_tells_its_problems(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(
        "from tidemill import pipeline, task\n\n\n@task\ndef one(x: int) -> int:\n    return x\n\n\n"
        "@pipeline\ndef wrong():\n    one(y=1)\n"
    )
    with pytest.raises(ProblemsFound, match="no parameter 'y'"):
        harness.run(tmp_path / "wrong.py")


def test_secrets_are_masked_in_what_is_seen_of_a_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    executor = InlineExecutor(tmp_path / "logs")
    messages: list[Message] = []
    executor.open(messages.append)
    function = FunctionRef(harnessed.__name__, "speak", harnessed.__file__)
    executor.start(
        Ticket(
            attempt="one",
            path="speak",
            instance="",
            generation=0,
            number=1,
            work=RunFunction(function, Returns.VALUE, {}),
            facts=RunFacts("run", "pipeline", "default", datetime(2026, 1, 1, tzinfo=UTC), 1),
            store=str(tmp_path / "artifacts"),
            inputs={"words": Const(["the word is hun", "ter22, and é"])},
            secrets=("hunter22",),
        )
    )
    executor.close()
    assert isinstance(messages[-1], Report)
    assert messages[-1].state is AttemptState.SUCCEEDED
    assert capsys.readouterr().out == "the word is ***, and é"
    assert [line.text for line in read(log_path(tmp_path / "logs", "run", "one"))] == ["the word is ***, and é"]
