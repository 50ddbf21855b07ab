"""A parameter annotated as Artifact, or as one that may be missing, gets the record: nothing is loaded for it."""

from __future__ import annotations

import pytest

from tidemill.core.bindings import Const
from tidemill.core.records import Artifact
from tidemill.core.values import ArtifactRef
from tidemill.worker.failures import Fault
from tidemill.worker.inputs import Inputs

RECORD = Artifact("a.1", "Model", digest="blake2b:00", size=3)


class NothingIsLoaded(AssertionError):
    pass


def _never() -> object:
    raise NothingIsLoaded


def plain(model: Artifact, before: Artifact | None, reference: ArtifactRef | None) -> None: ...


def loaded(model: Artifact | str) -> None: ...


INPUTS = Inputs(_never, _never)  # type: ignore[arg-type]


def test_the_record_is_passed_whether_it_may_be_missing_or_not() -> None:
    reference = Const(ArtifactRef("a.1"))
    given = {"model": reference, "before": reference, "reference": reference}
    assert INPUTS.arguments(plain, given, {"a.1": RECORD}) == (
        [],
        {"model": RECORD, "before": RECORD, "reference": ArtifactRef("a.1")},
    )


def test_one_that_is_missing_is_none() -> None:
    given = {"model": Const(ArtifactRef("a.1")), "before": Const(None), "reference": Const(None)}
    assert INPUTS.arguments(plain, given, {"a.1": RECORD})[1]["before"] is None


def test_what_may_be_something_else_too_is_loaded() -> None:
    with pytest.raises((NothingIsLoaded, Fault)):
        INPUTS.arguments(loaded, {"model": Const(ArtifactRef("a.1"))}, {"a.1": RECORD})
