"""How maps are counted and addressed, and what makes two executions the same."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.core.bindings import Apply, Binding, Const, DictOf, FunctionRef, ListOf, Output, Template
from tidemill.core.graph import Cache, Call, Combine, Each, Node, OutputSpec, Over, Pipeline, Scope
from tidemill.core.records import Artifact
from tidemill.core.values import ArtifactRef
from tidemill.planning.cachekey import OUTSIDE, NotCacheable, hangs_on_what_is_outside, key_parts
from tidemill.planning.expand import NotMappable, count_of, length_of, split_index
from tidemill.planning.explain import differences

ART = {
    "a": Artifact("a", "Dataset", {"length": 3}, codec="json", digest="blake2b:11"),
    "same": Artifact("same", "Dataset", {"length": 3}, codec="json", digest="blake2b:11"),
    "other": Artifact("other", "Dataset", {}, codec="json", digest="blake2b:22"),
    "outside": Artifact("outside", "Dataset", uri="s3://x"),
    "versioned": Artifact("versioned", "Dataset", uri="s3://x", version="7"),
    "numbers": Artifact("numbers", "Metrics", {"accuracy": 0.5}),
}


EVERYTHING = Cache()


def each(*names: str, combine: Combine = Combine.PRODUCT, longest: int | None = None) -> Each:
    return Each(tuple(Over(name, Const([])) for name in names), combine, longest=longest)


# --- maps ---


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_a_product_goes_through_all_combinations_the_last_fastest(sizes: list[int]) -> None:
    found = [split_index(index, sizes, Combine.PRODUCT) for index in range(math.prod(sizes))]
    assert found == list(itertools.product(*(range(size) for size in sizes)))


def test_a_zip_goes_by_position_and_needs_equal_lengths() -> None:
    assert split_index(2, [3, 3], Combine.ZIP) == (2, 2)
    assert count_of(each("a", "b", combine=Combine.ZIP), [3, 3]) == 3
    with pytest.raises(NotMappable, match=r"different lengths \(a: 3, b: 2\)"):
        count_of(each("a", "b", combine=Combine.ZIP), [3, 2])


def test_a_map_has_as_many_instances_as_it_may_have() -> None:
    assert count_of(each("a", "b"), [3, 0]) == 0
    assert count_of(each("a", longest=3), [3]) == 3
    with pytest.raises(NotMappable, match="has 4 instances, more than its limit of 3"):
        count_of(each("a", "b", longest=3), [2, 2])


def test_lengths_are_read_from_values_and_metadata_and_never_from_content() -> None:
    assert length_of([1, 2], ART) == 2
    assert length_of({"a": 1}, ART) == 1
    assert length_of(ArtifactRef("a"), ART) == 3
    for source, said in [
        (ArtifactRef("other"), "without a length"),
        (ArtifactRef("unknown"), "without a length"),
        (ArtifactRef("a", ("x",)), "a part of a stored value"),
        (3, "int 3 cannot be mapped over"),
        ("abc", "str 'abc' cannot be mapped over"),
        (None, "null cannot be mapped over"),
    ]:
        with pytest.raises(NotMappable, match=said):
            length_of(source, ART)


# --- keys ---


def parts(
    inputs: dict[str, Binding],
    code: str = "c1",
    cache: Cache = EVERYTHING,
    declared: dict[str, object] | None = None,
    codec: str = "",
) -> dict[str, object]:
    function = FunctionRef("user", "f")
    node = Node("f", Call(function, {"result": OutputSpec(codec=codec)}), cache=cache)
    graph = Pipeline("p", Scope((node,)), functions={"user:f": code, "user:g": "g1"} if code else {})
    return key_parts(graph, node, inputs, declared or {}, ART.__getitem__)


def ref(id: str, *at: str | int) -> Const:
    return Const(ArtifactRef(id, at))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"x": ref("a")}, {"x": ref("same")}),
        ({"x": Const([1, 2])}, {"x": Const([1, 2])}),
        ({"x": DictOf({"k": ref("a")})}, {"x": DictOf({"k": ref("same")})}),
        ({"x": Const({"k": [ArtifactRef("a")]})}, {"x": Const({"k": [ArtifactRef("same")]})}),
        ({"x": ref("versioned")}, {"x": ref("versioned")}),
    ],
)
def test_equal_content_is_an_equal_key_wherever_it_was_made(one: dict[str, Binding], other: dict[str, Binding]) -> None:
    assert parts(one) == parts(other)


@pytest.mark.parametrize(
    "other",
    [
        {"x": ref("other")},
        {"x": ref("a", 0)},
        {"x": ref("numbers")},
        {"x": Const(1)},
        {"x": Const(1.0)},
        {"x": Const("1")},
        {"x": Const(True)},
        {"x": ListOf((ref("a"),))},
        {"x": Template((ref("a"), Const("x")))},
        {"x": Apply(FunctionRef("user", "g"), {"y": ref("a")})},
        {"y": ref("a")},
        {},
    ],
)
def test_whatever_differs_makes_another_key(other: dict[str, Binding]) -> None:
    assert parts({"x": ref("a")}) != parts(other)


def test_code_declared_parts_and_outputs_belong_to_the_key_and_ignored_inputs_do_not() -> None:
    base = parts({"x": Const(1)})
    assert parts({"x": Const(1)}, code="c2") != base
    assert parts({"x": Const(1)}, declared={"day": "monday"}) != base
    assert parts({"x": Const(1)}, codec="pickle") != base
    cache = Cache(ignore=("log",))
    assert parts({"x": Const(1), "log": Const(1)}, cache=cache) == parts({"x": Const(1), "log": Const(2)}, cache=cache)


def test_an_int_a_float_and_a_bool_are_three_things() -> None:
    keys = [repr(parts({"x": Const(value)})) for value in (1, 1.0, True)]
    assert len(set(keys)) == 3


def test_what_is_outside_and_has_no_version_is_to_be_looked_at() -> None:
    plain = parts({"x": ref("versioned"), "y": Const([1])})
    assert not hangs_on_what_is_outside(plain["inputs"])
    assert parts({"x": ref("outside")})["inputs"] == {"x": {OUTSIDE: "s3://x", "at": []}}
    deep = parts({"x": ListOf((DictOf({"a": ref("outside")}),))})
    assert hangs_on_what_is_outside(deep["inputs"])


def test_what_cannot_be_identified_has_no_key() -> None:
    with pytest.raises(NotCacheable, match="code of user:f has no fingerprint"):
        parts({}, code="")
    with pytest.raises(NotCacheable, match="Output is not a reduced binding"):
        parts({"x": Output("n")})


# --- why not ---


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"code": "c2"}, "code changed"),
        ({"inputs": {"x": ref("a"), "y": Const(2)}}, "input 'y' is new"),
        ({"inputs": {}}, "input 'x' is gone"),
        ({"inputs": {"x": ref("other")}}, "input 'x' changed from 11 to 22"),
        ({"inputs": {"x": Const("long " * 100)}}, "input 'x' changed from 11 to 'long"),
        ({"declared": {"day": "monday"}}, "part 'day' is new"),
        ({"codec": "pickle"}, "the declared outputs changed"),
        ({}, "the kept result has expired"),
        ({"code": "c2", "inputs": {}}, "code changed; input 'x' is gone"),
    ],
)
def test_a_miss_says_what_is_different(changed: dict[str, object], said: str) -> None:
    old = parts({"x": ref("a")})
    new = parts(**{"inputs": {"x": ref("a")}, **changed})  # type: ignore[arg-type]
    assert differences(old, new).startswith(said)
