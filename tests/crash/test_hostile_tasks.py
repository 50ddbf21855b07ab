"""Tasks that will not end, will not be quiet, or return what nobody can keep: none holds up engine or neighbours."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.contract.executor_owner import Owner, alive, open_processes
from tidemill.core.causes import Cause, CauseKind
from tidemill.core.records import Artifact, Gone, Pushed, Report
from tidemill.core.states import AttemptState
from tidemill.core.values import ArtifactRef
from tidemill.executors.tuning import Tuning
from tidemill.storage.artifacts.local import LocalStore
from tidemill.storage.artifacts.store import Content
from tidemill.storage.logs.files import MAX_BYTES, Record, log_path, read

CANCEL = Cause(CauseKind.CANCELLED, "cancelled by ann", by="ann")
MB = 1 << 20


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owner]:
    opened = open_processes(tmp_path_factory.mktemp("hostile"), tuning=Tuning(timeout_grace_s=0.1))
    yield opened
    opened.executor.close()


@pytest.fixture
def hostile(owner: Owner) -> Callable[..., Any]:
    """Run a hostile task with these inputs to its end; the executor serves others as before."""

    def run(name: str, **inputs: Any) -> Report | Gone:
        end = owner.run(name, entry="hostile", inputs=inputs)
        assert owner.result("double", inputs={"x": 1}) == 2
        return end

    return run


def gone(end: Report | Gone) -> Gone:
    assert isinstance(end, Gone), end
    return end


def reported(end: Report | Gone) -> Report:
    assert isinstance(end, Report), end
    return end


def log_of(owner: Owner, attempt: str) -> list[Record]:
    return list(read(log_path(Path(owner.store).parent / "logs", "run-1", attempt)))


# --- those that will not end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "loop_for_ever",
        "loop_and_swallow",
        "search_for_ever",
        "sleep_in_native_code",
        "stop_itself",
        "block_all_signals",
    ],
)
@pytest.mark.parametrize("how", ["timeout", "stop"])
def test_whatever_never_ends_is_ended(owner: Owner, name: str, how: str) -> None:
    attempt = owner.start(name, entry="hostile", timeout=0.3 if how == "timeout" else None)
    (pid,) = owner.pushed(attempt, "waiting")
    if how == "stop":
        owner.executor.stop(attempt, CANCEL, grace_s=0.1)
    end = owner.end(attempt)
    assert end.cause is not None
    if how == "timeout":
        assert gone(end).timed_out
        assert end.cause.kind is CauseKind.TIMED_OUT
        assert "ran longer than its timeout of 0.3 s" in end.cause.message
    else:
        assert (end.cause.kind, end.cause.by) == (CauseKind.CANCELLED, "ann")
    assert not alive(pid)


# --- signals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGUSR1, "killed by SIGUSR1"),
        (signal.SIGABRT, "killed by SIGABRT, a crash in native code"),
        (signal.SIGFPE, "killed by SIGFPE, a crash in native code"),
        (signal.SIGBUS, "killed by SIGBUS, a crash in native code"),
        (signal.SIGPIPE, "killed by SIGPIPE"),
        (signal.SIGALRM, "killed by SIGALRM"),
        (signal.SIGXCPU, "its limit of processor time was used up"),
        (signal.SIGHUP, "by something outside"),
    ],
)
def test_a_signal_that_nobody_handles_is_named(hostile: Callable[..., Any], number: signal.Signals, words: str) -> None:
    end = gone(hostile("signal_itself", number=int(number)))
    assert end.cause.signal == number.name
    assert words in end.cause.message
    assert end.lost is (number is signal.SIGHUP), "a signal that machines send when they are shut down is no failure"


# --- output -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "megabytes"), [("print_a_lot", 1024), ("print_one_line", 256)])
def test_a_flood_of_output_is_capped_and_costs_nobody_memory(owner: Owner, name: str, megabytes: int) -> None:
    owner.result("speak", inputs={"text": "so that there is a supervisor"})
    (supervisor,) = [one for one in psutil.Process().children() if "tidemill.worker.logs" in one.cmdline()][-1:]
    before = psutil.Process().memory_info().rss
    attempt = owner.start(name, entry="hostile", inputs={"megabytes": megabytes})
    peak = 0
    while attempt not in owner.ends:
        assert owner.result("double", inputs={"x": 1}) == 2, "neighbours go on meanwhile"
        peak = max(peak, supervisor.memory_info().rss)
    assert reported(owner.ends[attempt]).state is AttemptState.SUCCEEDED
    assert peak < 200 * MB
    assert psutil.Process().memory_info().rss - before < 50 * MB
    path = log_path(Path(owner.store).parent / "logs", "run-1", attempt)
    assert path.stat().st_size < MAX_BYTES + MB
    last = log_of(owner, attempt)[-1].text
    dropped = int(last.split()[1])
    assert "were dropped: the log reached its limit of" in last
    assert megabytes * MB - MAX_BYTES < dropped + MB < megabytes * MB + 2 * MB


def test_bytes_that_are_no_text_are_kept_as_far_as_they_are(owner: Owner) -> None:
    attempt = owner.start("print_bytes", entry="hostile", inputs={"blocks": 200})
    assert reported(owner.end(attempt)).state is AttemptState.SUCCEEDED
    records = log_of(owner, attempt)
    assert [record.n for record in records] == list(range(1, len(records) + 1))
    assert "the last words" in [one for one in records if one.stream == "o"][-1].text
    assert {"o", "e"} == {one.stream for one in records}


def test_a_task_without_standard_streams_goes_on(hostile: Callable[..., Any]) -> None:
    assert reported(hostile("close_output_and_go_on")).outputs == {"result": "done"}


# --- results ----------------------------------------------------------------------------------------------------------


def test_what_refuses_to_be_stored_fails_the_task_and_names_the_output(hostile: Callable[..., Any]) -> None:
    report = reported(hostile("cannot_be_kept", words="I will not"))
    assert report.state is AttemptState.FAILED
    assert report.cause is not None
    assert report.cause.kind is CauseKind.DATA
    assert "output 'result' (hostile.Loaded) cannot be stored" in report.cause.message
    assert "I will not" in report.cause.message


def test_what_ends_the_process_while_it_is_stored_is_gone_with_its_code(hostile: Callable[..., Any]) -> None:
    assert gone(hostile("cannot_be_kept", words="exit")).cause.exit_code == 9


@pytest.mark.parametrize("name", ["endless_list", "deep_list"])
def test_a_list_without_a_bottom_is_kept_or_fails_but_ends(hostile: Callable[..., Any], name: str) -> None:
    report = reported(hostile(name))
    assert report.state is AttemptState.SUCCEEDED or (report.cause and report.cause.kind is CauseKind.DATA)


def test_an_error_of_many_megabytes_is_cut(hostile: Callable[..., Any]) -> None:
    report = reported(hostile("huge_message", megabytes=64))
    assert report.cause is not None
    assert len(report.cause.message) <= 4_000
    assert len(report.cause.traceback) < 70_000


def test_a_large_plain_value_becomes_an_artifact(owner: Owner, hostile: Callable[..., Any]) -> None:
    report = reported(hostile("huge_plain", number=20_000))
    (artifact,) = report.artifacts
    assert artifact.size > 20_000_000
    assert report.outputs == {"result": ArtifactRef(artifact.id)}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["huge_bytes", "huge_frame", "huge_push"])
def test_two_gigabytes_never_pass_through_the_engine(owner: Owner, name: str) -> None:
    if name == "huge_frame":
        pytest.importorskip("pandas")
    owner.result("double", inputs={"x": 1})
    before = psutil.Process().memory_info().rss
    attempt = owner.start(name, entry="hostile", inputs={"megabytes": 2048})
    peak = before
    while attempt not in owner.ends:
        assert owner.result("double", inputs={"x": 1}) == 2
        peak = max(peak, psutil.Process().memory_info().rss)
    report = reported(owner.ends[attempt])
    assert report.state is AttemptState.SUCCEEDED, report.cause
    assert peak - before < 50 * MB
    pushed = [one for one in owner.seen if isinstance(one, Pushed) and one.attempt == attempt]
    made: tuple[Artifact, ...] = (*report.artifacts, *(artifact for one in pushed for artifact in one.artifacts))
    (artifact,) = made
    assert artifact.size >= 2048 * MB
    store = LocalStore(Path(owner.store))
    content = Content(artifact.digest, artifact.size)
    assert store.exists(content)
    # The value, and its file where that is mapped: no other copy was made in memory.
    assert report.usage.peak_bytes < 2.5 * artifact.size
    store.delete(artifact.digest)
