"""What must come of some cases of the corpus, worked out by hand: the reference and `decide` may not both be wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.matrix.corpus import cells, named
from tests.matrix.playing import Came, played

CASES = {case.name: case for case in (*named(), *cells())}


def both(name: str) -> tuple[Came, Came | None]:
    return played(CASES[name])


def states(name: str, *wanted: str) -> list[str]:
    ends = both(name)[0].ends
    return [ends[one][0] for one in wanted]


def test_a_teardown_handles_nobodys_failure() -> None:
    assert states("leaves", "bad", "down", "handled", "") == ["failed", "succeeded", "succeeded", "failed"]


def test_one_item_does_not_speak_for_what_comes_after_the_map() -> None:
    assert states("a word inside of a map", "s/next[0]", "s/on[0]", "s/on[1]") == ["skipped"] * 3
    assert states("a word inside of a map", "outside", "further") == ["succeeded"] * 2


def test_what_relies_on_a_setup_that_was_skipped_is_skipped() -> None:
    assert states("setups", "late", "later", "both", "down", "down_off") == [
        "succeeded",
        "skipped",
        "skipped",
        "succeeded",
        "skipped",
    ]


def test_items_that_never_begin_are_not_waited_for() -> None:
    first = both("items that never began")[0]
    assert [first.ends[name][0] for name in ("s[0]", "t[1]", "a", "b", "c")] == ["failed"] * 2 + ["succeeded"] * 3
    assert first.calls == {"bad[]": 1, "a[]": 1, "b[]": 1, "c[]": 1}


def test_what_is_imported_again_is_another_artifact() -> None:
    first, second = both("imported again")
    assert second is not None
    assert first.ends["in"] == second.ends["in"] == ("succeeded", {"result": "artifact in"}, 0, None)
    assert (first.ends[""][0], second.ends[""][0]) == ("failed", "succeeded")


ALONG: list[tuple[str, str, list[Any]]] = [
    ("all_success", "succeeded", ["succeeded", "upstream_failed", "upstream_failed", "skipped"]),
    ("all_failed", "succeeded", ["skipped", "succeeded", "succeeded", "skipped"]),
    ("one_failed", "succeeded", ["skipped", "succeeded", "succeeded", "skipped"]),
    ("all_skipped", "succeeded", ["skipped", "skipped", "skipped", "succeeded"]),
    ("all_done", "succeeded", ["succeeded"] * 4),
    ("always", "succeeded", ["succeeded"] * 4),
    ("one_success", "succeeded", ["succeeded", "upstream_failed", "upstream_failed", "skipped"]),
]
"""A rule; what becomes of a map that follows one over nothing; and of what follows each end."""


@pytest.mark.parametrize(("join", "after_none", "wanted"), ALONG)
def test_each_instance_asks_its_rule_about_the_one_that_it_follows(join: str, after_none: str, wanted: Any) -> None:
    ends = both(f"{join} along a map")[0].ends
    assert [ends[f"lead[{n}]"][0] for n in range(4)] == ["succeeded", "upstream_failed", "failed", "skipped"]
    assert [ends[f"next[{n}]"][0] for n in range(4)] == wanted
    assert ends["after_none"][0] == after_none
