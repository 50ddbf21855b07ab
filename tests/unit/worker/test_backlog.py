"""What waits between the pipes and the disk, and when it is taken to stand still."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemill.storage.logs.files import read
from tidemill.worker import logs
from tidemill.worker.logs import AttemptLog, Backlog


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def test_a_full_backlog_drains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "BACKLOG_BYTES", 10)
    done: list[int] = []
    backlog = Backlog(Clock())
    for n in range(3):
        backlog.put(5, lambda n=n: done.append(n))
    assert backlog.full
    backlog.work()
    assert not backlog.full
    backlog.work()
    backlog.work()
    assert done == [0, 1, 2]


def test_it_stalls_only_while_something_waits_and_nothing_moves() -> None:
    clock = Clock()
    backlog = Backlog(clock)
    clock.time = 100.0
    backlog.put(1, lambda: None)
    assert not backlog.stalled
    clock.time += logs.STALL_SECONDS + 1
    assert backlog.stalled
    backlog.work()
    assert not backlog.stalled


def test_a_job_that_fails_is_done_all_the_same() -> None:
    backlog = Backlog(Clock())

    def fail() -> None:
        raise OSError("disk full")

    backlog.put(1, fail)
    backlog.put(1, lambda: None)
    with pytest.raises(OSError, match="disk full"):
        backlog.work()
    backlog.work()


def test_secrets_across_chunks_and_what_was_lost(tmp_path: Path) -> None:
    log = AttemptLog(tmp_path / "run" / "a.log", ["hunter22"], 1 << 20)
    log.write("o", b"the word is hunt")
    log.write("o", b"er22\n")
    log.write("e", b"half a hunter2")
    log.end_of("o")
    log.end_of("e")
    log.lost = 7
    log.close()
    assert [(record.stream, record.text) for record in read(tmp_path / "run" / "a.log")] == [
        ("o", "the word is ***"),
        ("e", "half a hunter2[tidemill] 7 bytes were dropped: the disk of the logs stood still"),
    ]


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where a folder should be")
    log = AttemptLog(tmp_path / "run" / "a.log", [], 1 << 20)
    log.write("o", b"text\n")
    log.close()
    assert log.trouble.startswith("the log cannot be written")
