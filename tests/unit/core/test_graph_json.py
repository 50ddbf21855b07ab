"""The stored form of graphs: nothing is lost, equal graphs have one digest, and what cannot be read is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from tests.unit.core.bad_graphs import BAD
from tests.unit.core.generated import sound_pipelines
from tests.unit.core.graphs import INT, call, pipeline
from tidemill.core.bindings import Const
from tidemill.core.errors import DefinitionError
from tidemill.core.graph import FORMAT, Pipeline
from tidemill.core.graph_json import (
    pipeline_digest,
    pipeline_from_json,
    pipeline_from_text,
    pipeline_text,
    pipeline_to_json,
)
from tidemill.core.values import canonical

SMALL = pipeline(call("load", gives=INT, line=3), source=None)


@given(sound_pipelines())
@settings(max_examples=50)
def test_a_pipeline_comes_back_as_it_was(graph: Pipeline) -> None:
    text = pipeline_text(graph)
    found = pipeline_from_text(text)
    assert found == graph
    assert pipeline_text(found) == text
    assert pipeline_digest(found) == pipeline_digest(graph)


STORABLE = [
    case[:2]
    for case in BAD
    if case[0]
    not in ("constant_that_is_none", "default_that_is_no_value", "timeout_without_end", "binding_without_end")
]


@pytest.mark.parametrize("graph", [graph for _, graph in STORABLE], ids=[name for name, _ in STORABLE])
def test_every_kind_of_node_and_binding_comes_back(graph: Pipeline) -> None:
    assert pipeline_from_text(pipeline_text(graph)) == graph


def test_the_form_of_a_small_pipeline_is_fixed() -> None:
    assert canonical(pipeline_to_json(SMALL)) == (
        '{"pipeline":{"name":"flow","root":{"nodes":[{"body":{"function":{"module":"flow","name":"load"},"is":"Call",'
        '"outputs":{"result":{"type":{"name":"int"}}}},"id":"load","source":{"file":"flow.py","line":3}}]}},"tidemill":1}'
    )


def test_the_order_of_inputs_is_kept_and_does_not_count() -> None:
    one = pipeline(call("a", inputs={"x": Const(1), "b": Const(2)}))
    other = pipeline(call("a", inputs={"b": Const(2), "x": Const(1)}))
    assert list(pipeline_from_text(pipeline_text(one)).root.nodes[0].inputs) == ["x", "b"]
    assert list(pipeline_from_text(pipeline_text(other)).root.nodes[0].inputs) == ["b", "x"]
    assert pipeline_digest(one) == pipeline_digest(other)


def test_any_change_changes_the_digest() -> None:
    graphs = [
        SMALL,
        pipeline(call("load", gives=INT, line=4)),
        pipeline(call("load", gives=INT, line=3, inputs={"x": Const(1)})),
        pipeline(call("load", gives=INT, line=3, inputs={"x": Const(1.0)})),
        pipeline(call("load", gives=INT, line=3, inputs={"x": Const(True)})),
        pipeline(call("load", gives=INT, line=3), name="other"),
    ]
    assert len({pipeline_digest(graph) for graph in graphs}) == len(graphs)


@pytest.mark.parametrize("version", [FORMAT + 1, FORMAT - 1, None, "1", True, [1]])
def test_another_format_is_refused(version: Any) -> None:
    with pytest.raises(DefinitionError) as raised:
        pipeline_from_json({**pipeline_to_json(SMALL), "tidemill": version})
    assert raised.value.message == (
        f"the pipeline is in format {version!r}, and this version of Tidemill reads format {FORMAT}"
    )
    assert "compile it again" in raised.value.remedy


@pytest.mark.parametrize("plain", [None, [], "text", {}, {"pipeline": {}}])
def test_what_has_no_format_is_refused(plain: Any) -> None:
    with pytest.raises(DefinitionError, match="the pipeline is in format None"):
        pipeline_from_json(plain)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pipeline": None}, "Pipeline: an object is expected, not NoneType"),
        ({"pipeline": {"name": "x"}}, "Pipeline: field 'root' is missing"),
        ({"pipeline": {"name": "x", "root": {"nodes": [{}]}}}, r"Pipeline.root.nodes\[0\]: field 'id' is missing"),
        ({"pipeline": {"name": "x", "root": {"nodes": {}}}}, "Pipeline.root.nodes: {} has the wrong type"),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=f"the stored pipeline is malformed: {message}"):
        pipeline_from_json({**pipeline_to_json(SMALL), **change})


@pytest.mark.parametrize("text", ["", "{", "nonsense", "[" * 100_000, '{"tidemill": NaN}', "1" * 5000])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError, match="the stored pipeline is not JSON"):
        pipeline_from_text(text)


def test_fields_of_a_later_version_are_not_dropped_in_silence() -> None:
    plain = json.loads(pipeline_text(SMALL))
    plain["pipeline"]["root"]["nodes"][0]["colour"] = "red"
    with pytest.raises(DefinitionError, match="unknown field 'colour'"):
        pipeline_from_json(plain)
