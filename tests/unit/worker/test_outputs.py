"""What becomes of returned values, with a store in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy
import pytest

from tidemill.core.causes import CauseKind
from tidemill.core.graph import OutputSpec
from tidemill.core.records import Artifact
from tidemill.core.types import Type
from tidemill.core.values import ArtifactRef
from tidemill.storage.artifacts.memory import MemoryStore
from tidemill.worker.failures import Fault
from tidemill.worker.outputs import INLINE_BYTES, Outputs


@pytest.fixture
def outputs(tmp_path: Path) -> Outputs:
    return Outputs("a", MemoryStore, lambda: tmp_path)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        ((1, 2), [1, 2]),
        (date(2026, 1, 2), date(2026, 1, 2)),
        (numpy.int64(3), 3),
        ({"a": [numpy.float32(0.5), numpy.bool_(True)]}, {"a": [0.5, True]}),
        (float("inf"), float("inf")),
        ({"$x": 1}, {"$x": 1}),
    ],
)
def test_plain_values_travel_as_they_are(outputs: Outputs, value: Any, plain: Any) -> None:
    found, artifacts = outputs.keep("result", value)
    assert found == plain
    assert type(found) is type(plain)
    assert artifacts == ()


def test_the_border_between_row_and_store(outputs: Outputs) -> None:
    assert outputs.keep("result", "x" * (INLINE_BYTES - 2))[1] == ()
    reference, (artifact,) = outputs.keep("result", "x" * (INLINE_BYTES - 1))
    assert reference == ArtifactRef("a.1") == ArtifactRef(artifact.id)
    # Each of these is two bytes.
    assert outputs.keep("result", "é" * (INLINE_BYTES // 2))[1] != ()


def test_artifacts_are_numbered_and_typed(outputs: Outputs) -> None:
    _, (first,) = outputs.keep("a", numpy.zeros(3))
    _, (second,) = outputs.keep("b", [1, 2], OutputSpec(Type("Dataset")))
    assert [(first.id, first.type), (second.id, second.type)] == [("a.1", "numpy.ndarray"), ("a.2", "Dataset")]
    assert second.codec == "json"


@pytest.mark.parametrize(("kind", "value"), [("Report", "<svg/>"), ("Dataset", [1, 2]), ("Metrics", {"f1": 0.5})])
def test_an_artifact_that_may_be_missing(outputs: Outputs, kind: str, value: Any) -> None:
    spec = OutputSpec(Type("union", (Type(kind), Type("none"))))
    assert outputs.keep("nothing", None, spec) == (None, ())
    _, (artifact,) = outputs.keep("something", value, spec)
    assert artifact.type == kind
    assert outputs.keep("plain", "text", OutputSpec(Type("union", (Type("str"), Type("none"))))) == ("text", ())


def test_a_record_is_passed_on(outputs: Outputs) -> None:
    given = Artifact("other.1", "Model", uri="s3://bucket/model")
    assert outputs.keep("result", given) == (ArtifactRef("other.1"), (given,))


@dataclass
class Scores:
    accuracy: float
    rows: int


@pytest.mark.parametrize("value", [{"accuracy": numpy.float64(0.5), "rows": 3}, Scores(0.5, 3)])
def test_metrics(outputs: Outputs, value: Any) -> None:
    plain, (artifact,) = outputs.keep("scores", value, OutputSpec(Type("Metrics")))
    assert plain == {"accuracy": 0.5, "rows": 3}
    assert artifact.metadata == plain
    assert artifact.digest == ""


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.5, "of type builtins.float was returned"),
        ({"acc": "high"}, "the metric 'acc' is a text"),
        ({"ok": 1, "a": None, "b": [1]}, "the metric 'a' is None, and 1 more are no numbers"),
        ([1], "a list was returned"),
    ],
)
def test_metrics_are_numbers_by_name(outputs: Outputs, value: Any, said: str) -> None:
    with pytest.raises(Fault, match="declared as Metrics") as caught:
        outputs.keep("scores", value, OutputSpec(Type("Metrics")))
    assert caught.value.kind is CauseKind.DATA
    assert str(caught.value).endswith(f"expected; {said}")


def test_a_path_to_nothing_is_an_error(outputs: Outputs, tmp_path: Path) -> None:
    with pytest.raises(Fault, match=r"output 'model' \(pathlib.*does not exist"):
        outputs.keep("model", tmp_path / "nothing")


@pytest.mark.parametrize(
    ("annotation", "value", "wrong"),
    [
        ("int", "seven", "'seven' is not int"),
        ("int", None, "None is not int"),
        ("float", 3, ""),
        ("any", object, ""),
    ],
)
def test_what_is_returned_is_what_the_annotation_says(
    outputs: Outputs, annotation: str, value: Any, wrong: str
) -> None:
    spec = OutputSpec(Type(annotation))
    if not wrong:
        outputs.keep("result", value, spec)
        return
    with pytest.raises(Fault, match=f"output 'result' is not what its annotation says: {wrong}"):
        outputs.keep("result", value, spec)
