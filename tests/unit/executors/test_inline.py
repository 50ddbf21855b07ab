"""What only the inline executor does: echoing, debugging, interruption from the keyboard, the generators put back."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.contract.executor_owner import Owner, open_inline
from tidemill.core.errors import StateError
from tidemill.core.records import Report
from tidemill.core.states import AttemptState
from tidemill.executors.inline import InlineExecutor
from tidemill.storage.logs.files import log_path, read


def opened(folder: Path, **more: bool) -> Owner:
    owner = Owner(folder / "store")
    owner.executor = InlineExecutor(folder / "logs", **more)
    owner.executor.open(owner.inbox)
    return owner


def logged(folder: Path, attempt: str) -> list[str]:
    return [record.text for record in read(log_path(folder / "logs", "run-1", attempt))]


@pytest.mark.parametrize(
    ("echo", "debug", "seen", "kept"),
    [(True, False, True, True), (False, False, False, True), (True, True, True, False)],
)
def test_where_output_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], echo: bool, debug: bool, seen: bool, kept: bool
) -> None:
    owner = opened(tmp_path, echo=echo, debug=debug)
    attempt = owner.start("speak", inputs={"text": "hello"})
    assert ("out: hello\n" in capsys.readouterr().out) is seen
    assert ("out: hello" in logged(tmp_path, attempt)) is kept


def test_an_interruption_is_reported_and_passed_on(tmp_path: Path) -> None:
    owner = open_inline(tmp_path)
    ticket = owner.ticket("interrupt")
    with pytest.raises(KeyboardInterrupt):
        owner.executor.start(ticket)
    end = owner.end(ticket.attempt)
    assert isinstance(end, Report)
    assert end.state is AttemptState.CANCELLED


def test_the_generators_of_this_process_are_left_alone(tmp_path: Path) -> None:
    owner = open_inline(tmp_path)
    random.seed(1)
    expected = [random.random(), random.random()]
    random.seed(1)
    found = random.random()
    owner.result("describe")
    assert [found, random.random()] == expected


def test_what_is_asked_without_an_answer_fails_the_task(tmp_path: Path) -> None:
    end = opened(tmp_path).run("ask_twice")
    assert isinstance(end, Report)
    assert end.cause is not None
    assert "was given no function `answer`" in end.cause.message


def test_it_must_be_open(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="not open"):
        InlineExecutor(tmp_path).start(Owner(tmp_path).ticket("nothing"))
