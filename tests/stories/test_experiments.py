"""An experiment: many runs of one pipeline by one command, which goes on where it was, and says which was the best."""

from __future__ import annotations

import re
import signal

import pytest

from tests.stories.terminal import Begun, Folder, processes_of

FIT = """
import time
from pathlib import Path
from tidemill import Metrics, pipeline, task

HERE = Path(__file__).parent

@task
def train(depth: int, rate: float) -> float:
    with open(HERE / "ledger", "a") as ledger:
        ledger.write(f"{depth} {rate}\\n")
    if (HERE / f"break{depth}").exists():
        raise ValueError(f"depth {depth} is broken")
    while (HERE / "hold").exists():
        time.sleep(0.01)
    return 1 - rate / depth

@task
def evaluate(score: float) -> Metrics:
    return {"accuracy": score}

@pipeline
def fit(depth: int = 3, rate: float = 0.5):
    evaluate(train(depth, rate))
"""
SWEEP = ("run", "fit.py", "--sweep", "depth=5,10,20 x rate=0.1,0.01", "--experiment", "e")
ALL = sorted(f"{depth} {rate}" for depth in (5, 10, 20) for rate in (0.1, 0.01))


@pytest.fixture
def fit(folder: Folder) -> Folder:
    folder.write("fit.py", FIT)
    return folder


def ledger(folder: Folder) -> list[str]:
    return sorted((folder.path / "ledger").read_text(encoding="utf-8").splitlines())


def test_a_sweep_runs_every_combination_once_and_tells_the_best(fit: Folder) -> None:
    said = fit.ok(*SWEEP)
    assert said.startswith("Experiment e: 6 runs of fit\n")
    assert len(re.findall(r"run \w+ succeeded in ", said)) == 6
    table = said[said.index("RUN ") :].splitlines()
    assert table[0].split() == ["RUN", "depth", "rate", "accuracy", "TOOK"]
    # The only metric there is gives the order.
    assert table[1].split()[1:5] == ["20", "0.01", "0.9995", "*"]
    assert table[6].split()[1:4] == ["5", "0.1", "0.98"]
    assert "* best; sorted by accuracy" in table
    assert "  look       tidemill compare --experiment e" in table
    assert max(map(len, said.splitlines())) <= 80
    assert ledger(fit) == ALL
    found = fit.document(
        "runs", "--filter", "tags.experiment = e and metrics.accuracy > 0.99", "--sort", "params.depth"
    )
    assert [run["values"]["params.depth"] for run in found["runs"]] == [5, 10, 20, 20]
    assert {run["tags"]["experiment"] for run in found["runs"]} == {"e"}
    assert sorted(run["tags"]["sweep"] for run in found["runs"]) == ["2", "4", "5", "6"]

    again = fit.document(*SWEEP)
    assert (again["counts"], [one["before"] for one in again["combinations"]]) == ({"succeeded": 6}, [True] * 6)
    assert ledger(fit) == ALL
    more = fit.document("run", "fit.py", "--sweep", "depth=5,40 x rate=0.1", "--experiment", "e")
    assert [one["before"] for one in more["combinations"]] == [True, False]
    assert len(ledger(fit)) == 7


def test_what_failed_is_run_again_only_when_it_is_asked_for(fit: Folder) -> None:
    (fit.path / "break10").touch()
    done = fit.call(*SWEEP)
    assert (done.returncode, done.stderr) == (1, "")
    assert "4 succeeded, 2 failed  experiment e" in done.stdout
    assert "try again  the same command with --experiment e --retry-failed" in done.stdout
    (fit.path / "break10").unlink()
    told = fit.call(*SWEEP)
    assert told.returncode == 1
    assert "6 of them ended before, 2 failed (--retry-failed runs those again)" in told.stdout
    assert len(ledger(fit)) == 6
    assert fit.document(*SWEEP, "--retry-failed")["counts"] == {"succeeded": 6}
    assert len(ledger(fit)) == 8
    assert len(fit.document("compare", "--experiment", "e")["runs"]) == 6


def begun_and_held(folder: Folder) -> Begun:
    (folder.path / "hold").touch()
    begun = folder.begin(*SWEEP)
    begun.until("1/6 depth=5 rate=0.1: ")
    while not (folder.path / "ledger").exists():
        assert begun.process.poll() is None
    return begun


def test_killed_it_goes_on_by_the_same_command(fit: Folder) -> None:
    begun = begun_and_held(fit)
    begun.signal(signal.SIGKILL)
    begun.end()
    (fit.path / "hold").unlink()
    assert fit.document(*SWEEP)["counts"] == {"succeeded": 6}
    runs = fit.document("compare", "--experiment", "e")["runs"]
    assert [len(run["metrics"]) for run in runs] == [1] * 6
    assert sorted(set(ledger(fit))) == ALL


@pytest.mark.parametrize("killed", [False, True])
def test_called_twice_at_once_the_second_waits_and_inherits(fit: Folder, killed: bool) -> None:
    first = begun_and_held(fit)
    second = fit.begin(*SWEEP)
    second.until("is carried by another engine")
    if killed:
        first.signal(signal.SIGKILL)
        first.end()
    (fit.path / "hold").unlink()
    code, printed, errors = second.end()
    assert (code, errors) == (0, ""), printed
    assert "6 succeeded  experiment e" in printed
    if not killed:
        assert first.end()[0] == 0
        assert ledger(fit) == ALL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_is_cancelled_cleanly_and_goes_on_later(fit: Folder, number: signal.Signals) -> None:
    begun = begun_and_held(fit)
    begun.signal(number, group=True)
    code, printed, errors = begun.end()
    assert (code, errors) == (4, "")
    assert "cancelling: tasks are asked to stop" in printed
    assert "go on      the same command with --experiment e" in printed
    assert processes_of(fit.path) == []
    states = {run["state"] for run in fit.document("compare", "--experiment", "e")["runs"]}
    assert states == {"cancelled"}
    (fit.path / "hold").unlink()
    assert fit.document(*SWEEP)["counts"] == {"succeeded": 6}


def test_detached_runs_are_carried_by_an_engine_and_waited_for_by_the_command(fit: Folder) -> None:
    document = fit.document(*SWEEP, "--detach")
    assert {run["state"] for run in document["runs"]} == {"queued"}
    fit.ok("engine", "--once")
    assert fit.document(*SWEEP)["counts"] == {"succeeded": 6}
    assert ledger(fit) == ALL


def test_inline_it_is_the_same(fit: Folder) -> None:
    assert fit.document(*SWEEP, "--executor", "inline")["counts"] == {"succeeded": 6}
    assert ledger(fit) == ALL


def test_nothing_runs_if_something_is_wrong(fit: Folder) -> None:
    done = fit.call("run", "fit.py", "--sweep", "dept=5 x rate=fast", "-p", "rate=1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error[input]: there is no parameter 'dept'; did you mean 'depth'?; parameter 'rate': 'fast' is not float "
        "(write a number such as 0.5); parameter 'rate' is swept and given with -p besides\n"
        "  at sweep of pipeline fit\n"
        "  the pipeline takes depth (int), rate (float)\n"
    )
    for options, said in (
        (("--experiment", "e"), "--experiment is for a sweep"),
        (("--sweep", "depth=1,2", "--debug"), "--debug is for one run"),
        (("--sweep", "depth=1,2", "--tag", "sweep=1"), "the tag 'sweep' is set by the sweep itself"),
        (("--sweep", "depth=1,2", "--experiment", " "), "' ' is no name for an experiment"),
    ):
        assert said in fit.call("run", "fit.py", *options).stderr
    assert not (fit.path / "ledger").exists()


def test_runs_are_compared_and_drawn(fit: Folder) -> None:
    for depth in (5, 10, 20):
        fit.ok("run", "fit.py", "-p", f"depth={depth}")
    said = fit.ok("compare", "--filter", "pipeline = fit", "--plot", "accuracy")
    assert "the same in all: rate=0.5" in said
    assert said.count("●") == 3
    assert re.search(r"^ +5 +depth +20$", said, re.MULTILINE)
    plain = fit.call(
        "compare", "--filter", "pipeline = fit", "--plot", "accuracy", PYTHONUTF8="0", PYTHONIOENCODING="ascii"
    )
    assert plain.stdout.isascii()
    assert plain.stdout.count("|o") + plain.stdout.count(" o") == 3
    assert max(map(len, said.splitlines())) <= 80
    wrong = fit.call("runs", "--filter", "params.depth = 5 and accuracy > 0.9")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith(
        "error[input]: there is no name 'accuracy' that every run has\n"
        "  at column 22 of the filter\n"
        "    params.depth = 5 and accuracy > 0.9\n"
        "                         ^\n"
        "  write params.accuracy, metrics.accuracy or tags.accuracy; names are params.NAME, "
    )
    listed = fit.ok("runs", "--sort", "metrics.accuracy", "--desc", "--limit", "2").splitlines()
    assert listed[0].split() == ["RUN", "STATE", "PIPELINE", "accuracy", "STARTED", "TOOK"]
    assert [line.split()[4] for line in listed[1:3]] == ["0.975", "0.95"]
    told = fit.ok("runs", "--columns", "params.depth,duration,state").splitlines()
    assert told[0].split() == ["RUN", "PIPELINE", "depth", "TOOK", "STATE", "STARTED"]
    # Numbers stand at the right.
    ends = {line.index(f" {depth} ") + len(depth) for line, depth in zip(told[1:], ("20", "10", "5"), strict=True)}
    assert len(ends) == 1
    done = fit.call("compare")
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "error[input]: no runs are named")
