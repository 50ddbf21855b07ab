"""The soak in short: generated runs whose processes are killed and stopped at random. `make soak` does more."""

from __future__ import annotations

import random

import pytest

from tests.crash.passes import in_sources
from tests.soak.graphs import BLOCKS, random_graph
from tests.soak.rows import POINTS, ROWS, UNREACHED, WRITERS, NoRow, points_of, row_after, row_at, writers_in_sources
from tests.soak.soak import soak


def test_every_crash_point_and_every_writer_of_the_engine_has_its_row() -> None:
    assert in_sources() - UNREACHED == set(POINTS)
    assert writers_in_sources() <= set(WRITERS)
    assert all(points_of(row) for row in ROWS)
    for point in POINTS:
        for writer in WRITERS:
            assert {row_at(point, writer), row_after(point, writer)} <= set(ROWS)
    with pytest.raises(NoRow, match="new-point"):
        row_at("engine.new-point", "")


def test_every_kind_of_block_is_generated() -> None:
    graphs = [random_graph(random.Random(seed), f"s{seed}", 20) for seed in range(10)]
    assert {block for graph in graphs for block in graph.blocks} == BLOCKS.keys()
    assert {graph.state for graph in graphs} == {"succeeded", "failed"}


def test_a_short_soak() -> None:
    board = soak(20, kills=0, seconds=0.0, only=range(3), with_server=False)
    assert board.findings == []
    assert board.kills >= 3
    assert board.runs["processes"] >= 3
