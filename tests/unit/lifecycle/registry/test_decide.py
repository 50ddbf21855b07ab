"""The rules of the registry by hand; any sequence of them on databases is in tests/contract/test_registry.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tidemill.core.clock import EPOCH
from tidemill.core.errors import InputError
from tidemill.core.models import AliasMove, ModelVersion, MoveKind
from tidemill.lifecycle.registry import decide

PROMOTE, ROLLBACK, REMOVE = MoveKind.PROMOTE, MoveKind.ROLLBACK, MoveKind.REMOVE


def moves(*said: tuple[MoveKind, int]) -> list[AliasMove]:
    """One for each minute."""
    found: list[AliasMove] = []
    for seq, (kind, version) in enumerate(said, 1):
        before = found[-1].version if found else 0
        at = EPOCH + timedelta(minutes=seq)
        found.append(AliasMove("churn", "champion", seq, version, before, kind, at, "ann"))
    return found


LINES = [
    ((), []),
    (((PROMOTE, 1), (PROMOTE, 2), (PROMOTE, 3)), [1, 2, 3]),
    (((PROMOTE, 1), (PROMOTE, 2), (ROLLBACK, 1)), [1]),
    (((PROMOTE, 1), (PROMOTE, 2), (PROMOTE, 1)), [1, 2, 1]),
    (((PROMOTE, 1), (PROMOTE, 2), (PROMOTE, 3), (ROLLBACK, 1), (PROMOTE, 4)), [1, 4]),
    (((PROMOTE, 1), (REMOVE, 0)), [1, 0]),
    (((PROMOTE, 1), (REMOVE, 0), (PROMOTE, 1)), [1]),
    (((PROMOTE, 1), (PROMOTE, 2), (REMOVE, 0), (ROLLBACK, 2)), [1, 2]),
    (((PROMOTE, 1), (PROMOTE, 2), (PROMOTE, 1), (PROMOTE, 3), (ROLLBACK, 1)), [1, 2, 1]),
]


@pytest.mark.parametrize(("said", "expected"), LINES)
def test_what_a_rollback_can_reach(said: tuple[tuple[MoveKind, int], ...], expected: list[int]) -> None:
    assert decide.line(moves(*said)) == expected


def test_what_was_rolled_back_is_withdrawn_until_it_is_promoted_again() -> None:
    history = moves((PROMOTE, 1), (PROMOTE, 2), (ROLLBACK, 1), (PROMOTE, 3), (ROLLBACK, 1), (PROMOTE, 3))
    assert set(decide.withdrawn(history[:3])) == {2}
    assert set(decide.withdrawn(history[:5])) == {2, 3}
    assert set(decide.withdrawn(history)) == {2}
    assert decide.withdrawn(moves((PROMOTE, 1), (REMOVE, 0), (ROLLBACK, 1))) == {}


def test_what_was_taken_away_and_decisions_of_another_time_do_not_make_a_champion() -> None:
    one, two = (
        ModelVersion("churn", n, f"sha256:{n}", f"a{n}", "r1", "train", EPOCH, "ann", "d_1", "", {}) for n in (1, 2)
    )
    wish = decide.Wish("champion", PROMOTE, "bob", EPOCH + timedelta(hours=1))
    first = decide.Judged("d_1", "gate", "PASS", "churn", one.digest, "")
    later = decide.Judged("d_2", "gate", "PASS", "churn", two.digest, one.digest)
    assert decide.go((), one, wish, first, "") is not None
    with pytest.raises(decide.NotPassed, match="neither rule nor evidence are recorded with it"):
        decide.go((), one, wish, replace(first, grounded=False), "")
    gone = moves((PROMOTE, 1), (REMOVE, 0))
    assert set(decide.withdrawn(gone)) == {1}
    with pytest.raises(decide.NotPassed, match="had champion taken away"):
        decide.go(gone, one, wish, first, "")
    # Compared with what was champion then, which nobody is now.
    with pytest.raises(decide.NotPassed, match=r"compared version 2 of churn with another champion, .* taken away"):
        decide.go(gone, two, wish, later, "")
    with pytest.raises(decide.NotPassed, match="but champion is now not set"):
        decide.go((), two, wish, later, "")


def test_the_move_in_force_at_a_moment() -> None:
    history = moves((PROMOTE, 1), (PROMOTE, 2))
    minute = timedelta(minutes=1)
    just_before = timedelta(microseconds=1)
    found = [decide.at(history, EPOCH + after) for after in (minute - just_before, minute, 2 * minute - just_before)]
    assert [move.version if move else None for move in found] == [None, 1, 1]
    assert decide.at(history, EPOCH + timedelta(days=900)) == history[1]


@pytest.mark.parametrize(
    ("text", "parts"),
    [("churn", ("churn", "")), ("churn@3", ("churn", "3")), ("a.b-c_1@champion", ("a.b-c_1", "champion"))],
)
def test_a_name_with_a_version(text: str, parts: tuple[str, str]) -> None:
    assert decide.split_name(text) == parts


@pytest.mark.parametrize("text", ["", "@3", "churn@", "ch urn@3", "x\0", "\u202echurn"])
def test_what_names_no_version(text: str) -> None:
    with pytest.raises(InputError):
        decide.split_name(text)


def test_numbers_of_versions() -> None:
    said = ("3", "v3", "V12", "x3", "3.0", "-1", "\u0663", "9" * 200)
    assert [decide.number_in(text) for text in said] == [3, 3, 12, None, None, None, None, None]


def test_a_long_text_is_told() -> None:
    assert decide.check_text("  why ", "the reason") == "why"
    with pytest.raises(InputError, match="the reason must be a text of at most 4000"):
        decide.check_text("x" * 4001, "the reason")
