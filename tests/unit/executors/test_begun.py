"""What is known of the attempts of an executor that is gone."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

from tidemill.executors.begun import Begun, was_waiting

_forking = multiprocessing.get_context("forkserver")


def _give_and_die(folder: Path) -> None:
    begun = Begun(folder)
    for attempt in ("waits", "runs", "is over"):
        begun.wait(attempt)
    begun.mark("runs")
    begun.over("is over")
    os._exit(0)


def test_only_what_the_dead_had_not_begun_was_waiting(tmp_path: Path) -> None:
    process = _forking.Process(target=_give_and_die, args=(tmp_path,))
    process.start()
    process.join()
    asked = ["waits", "runs", "is over", "nobody knows"]
    assert {attempt: was_waiting(tmp_path, attempt) for attempt in asked} == dict.fromkeys(asked, False) | {
        "waits": True
    }


def test_who_only_stands_still_may_yet_begin_what_waits(tmp_path: Path) -> None:
    begun = Begun(tmp_path)
    begun.wait("waits")
    assert not was_waiting(tmp_path, "waits")
    begun.close()
    assert list(tmp_path.iterdir()) == []
