"""Instance paths as text: short, exact, and read back without loss."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.core.instances import Instance, Key, Step, instance_from, instance_text, show

_instances = st.lists(st.builds(Step, st.integers(0, 10**6), st.integers(0, 99)), max_size=4).map(tuple)


@given(_instances)
def test_an_instance_comes_back_as_it_was(instance: Instance) -> None:
    assert instance_from(instance_text(instance)) == instance


@given(_instances, _instances)
def test_no_two_instances_share_a_text(one: Instance, other: Instance) -> None:
    assert (instance_text(one) == instance_text(other)) is (one == other)


def test_texts_are_fixed() -> None:
    assert instance_text(()) == ""
    assert instance_text((Step(2), Step(0, 1))) == "2.0/0.1"


@pytest.mark.parametrize("text", ["1", "a.0", "1.", "1.0/", "/", "1.0.0", "1,0"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        instance_from(text)


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (Key("train"), "train"),
        (Key("train", (Step(2),)), "train[2]"),
        (Key("folds/fit", (Step(0), Step(3))), "folds/fit[0][3]"),
        (Key("folds/fit", (Step(0, 1),)), "folds/fit[0#1]"),
    ],
)
def test_what_people_read(key: Key, shown: str) -> None:
    assert str(key) == shown == show(key.path, key.instance)
