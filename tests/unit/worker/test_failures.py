"""From exceptions to causes."""

from __future__ import annotations

import asyncio
import traceback

import pytest

from tidemill.core.causes import CauseKind
from tidemill.core.graph import RetryRule
from tidemill.core.signals import Refuse
from tidemill.worker.failures import MAX_TRACEBACK, Fault, cause_of, class_names, matched_rule, one_line, user_traceback
from tidemill.worker.hooks import call


class Silent(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def caught(function: object) -> BaseException:
    try:
        call(function)
    except BaseException as error:
        # Without the frame of this function, which a worker does not have.
        return error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
    raise AssertionError("nothing was raised")


def plain() -> None:
    raise ValueError("bad")


async def awaited() -> None:
    await asyncio.sleep(0)
    plain()


def chained() -> None:
    try:
        plain()
    except ValueError as error:
        raise KeyError("worse") from error


def deep(n: int = 400) -> None:
    if n:
        # Two functions, as Python folds a line that repeats.
        deeper(n)
    raise ValueError("x" * 200_000)


def deeper(n: int) -> None:
    deep(n - 1)


def refused() -> None:
    raise Refuse("the batch is not whole")


def refused_for_a_reason() -> None:
    try:
        plain()
    except ValueError as error:
        raise Refuse("the batch is not whole") from error


def test_a_refusal_says_where_it_was_said_and_not_once_more_what() -> None:
    text = user_traceback(caught(refused))
    assert "in refused" in text
    # The line of code stands there; what it says is the message.
    assert "Refuse: " not in text
    cause = cause_of(caught(refused), str)
    assert cause.message == "Refuse: the batch is not whole"


def test_a_refusal_for_a_reason_keeps_the_reason() -> None:
    text = user_traceback(caught(refused_for_a_reason))
    assert "ValueError: bad" in text
    assert "direct cause" in text


@pytest.mark.parametrize("function", [plain, awaited, chained])
def test_the_traceback_begins_in_the_users_file(function: object) -> None:
    text = user_traceback(caught(function))
    frames = [line for line in text.splitlines() if line.startswith("  File")]
    assert frames
    assert all(__file__ in frame for frame in frames)


def test_a_chain_is_kept() -> None:
    assert "direct cause" in user_traceback(caught(chained))


def test_a_long_traceback_is_cut_in_the_middle() -> None:
    text = user_traceback(caught(deep))
    assert len(text) < MAX_TRACEBACK + 200
    assert "characters are left out" in text
    assert text.startswith("Traceback")


def test_an_exception_without_words_is_still_named() -> None:
    def fail() -> None:
        raise Silent

    error = caught(fail)
    assert one_line(error) == "Silent: (its message cannot be shown)"
    assert cause_of(error, str).classes[0].endswith("test_failures.Silent")


def test_an_exception_whose_traceback_cannot_be_formatted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(traceback, "TracebackException", refuse)
    assert "cannot be shown" in user_traceback(caught(plain))


def test_built_in_classes_have_their_bare_name() -> None:
    assert class_names(KeyError("x")) == ("KeyError", "LookupError", "Exception", "BaseException")


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ("ValueError", 0),
        ("builtins.ValueError", 0),
        ("Exception", 0),
        ("json.JSONDecodeError", 0),
        ("json.decoder.JSONDecodeError", 0),
        ("JSONDecodeError", 0),
        ("object", None),
        ("nowhere.Error", None),
        ("KeyError", None),
    ],
)
def test_rules_match_by_any_name_of_any_class(wanted: str, index: int | None) -> None:
    import json

    error = caught(lambda: json.loads("{"))
    assert matched_rule(error, [RetryRule((wanted,))]) == index


def test_a_fault_masks_too() -> None:
    fault = Fault(CauseKind.DATA, "secret", ValueError("secret"))
    cause = fault.cause(lambda text: text.replace("secret", "***"))
    assert cause.message == "***"
    assert "secret" not in cause.traceback
