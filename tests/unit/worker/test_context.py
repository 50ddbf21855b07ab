"""The context outside of a run, seeds, signals while something is sent."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tidemill.worker.cancellation import Cancellation, Terminated
from tidemill.worker.context import NoContext, current, task_seed
from tidemill.worker.kernel import bytes_of


def test_outside_of_a_run_the_context_says_so() -> None:
    with pytest.raises(NoContext, match="there is no run here"):
        current()


def test_seeds_differ_by_run_path_and_index() -> None:
    seeds = {task_seed(run, path, index) for run in (1, 2) for path in ("a", "b") for index in ((), (0,), (0, 1))}
    assert len(seeds) == 12
    assert task_seed(1, "a", ()) == task_seed(1, "a", ())
    assert all(0 <= seed < 2**32 for seed in seeds)


@pytest.mark.parametrize(
    ("amount", "count"),
    [
        (5, 5),
        ("2GB", 2 * 10**9),
        ("512Mi", 512 << 20),
        ("1.5 KB", 1500),
        ("12", 12),
        ("many", None),
        (None, None),
        (True, None),
    ],
)
def test_amounts_of_memory(amount: object, count: int | None) -> None:
    assert bytes_of(amount) == count


@pytest.fixture
def cancellation() -> Iterator[Cancellation]:
    before = signal.getsignal(signal.SIGTERM)
    found = Cancellation()
    found.install()
    yield found
    signal.signal(signal.SIGTERM, before)


def test_sigterm_interrupts_once(cancellation: Cancellation) -> None:
    with pytest.raises(Terminated):
        os.kill(os.getpid(), signal.SIGTERM)
    assert cancellation.requested
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_shield_puts_it_off(cancellation: Cancellation) -> None:
    reached = []

    def shielded() -> None:
        with cancellation.shield():
            with cancellation.shield():
                os.kill(os.getpid(), signal.SIGTERM)
                reached.append("inner")
            reached.append("outer")

    with pytest.raises(Terminated):
        shielded()
    assert reached == ["inner", "outer"]


def test_silence_only_remembers(cancellation: Cancellation) -> None:
    cancellation.silence()
    os.kill(os.getpid(), signal.SIGTERM)
    assert cancellation.requested
