"""Whatever the graph, a run comes to what a plain reading of it says: on `decide` alone, inline, and in processes.

TIDEMILL_TEST_EXAMPLES says how many graphs are drawn; without it there are as many as take a few seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.matrix.applied import applied
from tests.matrix.corpus import cells, corpus, named
from tests.matrix.generated import Case, generated
from tests.matrix.playing import difference, disagreement, expected, played, references
from tests.unit.engine.worlds import EXAMPLES
from tidemill.actions.runs import actor
from tidemill.core.check import check
from tidemill.core.graph import Import, Sub, Wait
from tidemill.core.joins import Join
from tidemill.testing import InlineApp, inline_app

HERE = Path(__file__).parent
CORPUS = {case.name: case for case in corpus()}
FIXED = [case.name for case in (*cells(), *named())]
FEW = [case.name for case in named()]
CASES = st.builds(generated, st.integers(0, 1 << 32), st.sampled_from([5, 10, 16, 24]))


@settings(max_examples=EXAMPLES)
@given(CASES, st.integers(1, 4))
def test_drawn_graphs_come_to_what_the_reference_says(case: Case, slots: int) -> None:
    assume(not check(case.graph))
    assert disagreement(case, slots) == ""


@pytest.mark.parametrize("name", CORPUS)
def test_the_corpus_comes_to_what_the_reference_says(name: str) -> None:
    assert disagreement(CORPUS[name]) == ""


# --- whole applications ---


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InlineApp]:
    with inline_app(tmp_path_factory.mktemp("matrix") / "home", slots=2) as opened:
        yield opened


def compare(case: Case, app: InlineApp, folder: Path, executor: str) -> None:
    assert check(case.graph) == []
    first, second = applied(case, app, folder, executor)
    wanted, wanted_again = expected(case, first, second, actor())
    assert difference(first, wanted) == ""
    if second is not None and wanted_again is not None:
        assert difference(second, wanted_again) == ""


@pytest.mark.parametrize("name", [name for name in CORPUS if not name.startswith("all_done_setup_success")])
def test_inline_it_is_the_same(name: str, app: InlineApp, tmp_path: Path) -> None:
    compare(CORPUS[name], app, tmp_path / "tasks", "inline")


@pytest.mark.parametrize("name", [*FEW, *(name for name in CORPUS if name.startswith("seed"))][:20])
def test_in_processes_it_is_the_same(name: str, app: InlineApp, tmp_path: Path) -> None:
    compare(CORPUS[name], app, tmp_path / "tasks", "processes")


@settings(max_examples=EXAMPLES // 10)
@given(CASES)
def test_drawn_graphs_are_the_same_inline(app: InlineApp, tmp_path_factory: pytest.TempPathFactory, case: Case) -> None:
    assume(not check(case.graph))
    compare(case, app, tmp_path_factory.mktemp("drawn") / "tasks", "inline")


# --- nothing is left out ---


def test_every_join_rule_was_asked_about_every_end_in_maps_and_outside() -> None:
    asked = {cell for name in FIXED for run in references(CORPUS[name]) for cell in run.judged}
    ends = ("succeeded", "failed", "upstream_failed", "skipped")
    assert sorted(set(product([join.value for join in Join], [True, False], ends)) - asked) == []


def test_every_body_came_to_every_end_that_it_can() -> None:
    met: set[tuple[str, str]] = set()
    for case in CORPUS.values():
        for run in references(case):
            for (path, instance), end in run.ends.items():
                if path and end.began:
                    body = run.graph.nodes[path].body
                    kind = type(body.until if isinstance(body, Wait) else body).__name__
                    if run.graph.mapped(path) and not run.is_instance(path, instance):
                        kind = "map"
                    met.add((kind, end.state))
    every = {"succeeded", "failed", "skipped"}
    wanted = {(kind, end) for kind in ("Call", "map", "UntilTrue", "UntilEvent", "UntilTime") for end in every}
    wanted |= {(Sub.__name__, "succeeded"), (Sub.__name__, "failed"), (Import.__name__, "succeeded")}
    wanted |= {("map", "upstream_failed"), ("Container", "failed")}
    wanted |= {("UntilApproval", "succeeded"), ("UntilApproval", "failed")}
    assert sorted(wanted - met) == []


def test_every_way_to_go_on_was_gone() -> None:
    """Attempts after failures and sleep, rounds of scopes, branches; a reopening keeps some of it and not all."""
    met: set[str] = set()
    for case in CORPUS.values():
        runs = references(case)
        for number, run in enumerate(runs):
            met |= {f"several attempts {number}" for end in run.ends.values() if end.attempts > 1}
            met |= {f"several rounds {number}" for count in run.rounds.values() if count > 0}
            met |= {f"a branch {number}" for end in run.ends.values() if end.follow is not None}
        if len(runs) == 2:
            before, after = runs
            met |= {"kept" for place in before.ends if place[0] and after.world.kept(place)}
            met |= {"run again" for place in before.ends if place[0] and not after.world.kept(place)}
            met |= {
                "mended"
                for place, end in after.ends.items()
                if place in before.ends and end.state == "succeeded" != before.ends[place].state
            }
    ways = ("several attempts", "several rounds", "a branch")
    assert met == {f"{way} {number}" for way in ways for number in (0, 1)} | {"kept", "run again", "mended"}


def test_the_reference_knows_nothing_of_how_it_is_done() -> None:
    for file in HERE.glob("reference*.py"):
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith(("from", "import"))]
        allowed = ("__future__", "collections", "dataclasses", "functools", "itertools", "json", "math", "typing")
        own = ("tests.matrix.reference", "tests.matrix.behaviour import Answer")
        data = tuple(f"tidemill.core.{name} " for name in ("bindings", "expressions", "graph", "values"))
        for line in lines:
            assert line.split()[1].startswith(allowed) or any(f" {what}" in line for what in (*own, *data)), line


def test_both_passes_are_worth_their_time() -> None:
    passes = [played(CORPUS[name])[1] is not None for name in CORPUS if name.startswith("seed")]
    assert passes.count(True) >= len(passes) // 3
