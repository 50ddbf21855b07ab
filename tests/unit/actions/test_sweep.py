"""A sweep says which combinations are run; whatever is wrong with it is told at once."""

from __future__ import annotations

from typing import Any

import pytest

from tidemill.actions.sweep import AT_MOST, read_sweep, swept_text
from tidemill.core.errors import InputError
from tidemill.core.graph import Pipeline, Scope
from tidemill.core.types import Parameter, Type

PIPELINE = Pipeline(
    "fit",
    Scope(()),
    (
        Parameter("depth", Type("int"), 3),
        Parameter("rate", Type("float"), 0.5),
        Parameter("name", Type("str"), "a"),
        Parameter("sizes", Type("list", (Type("int"),)), [1]),
        Parameter("path", Type("path")),
    ),
)


def combinations(text: str, **given: Any) -> list[dict[str, Any]]:
    return [dict(one.swept) for one in read_sweep(PIPELINE, text, {"path": "p", **given}).combinations]


CASES = [
    ("depth=5,10", [{"depth": 5}, {"depth": 10}]),
    ("depth=5, 10 x rate=1,2", [{"depth": d, "rate": r} for d in (5, 10) for r in (1.0, 2.0)]),
    ("depth=1\u00d7rate=1 X name=b", [{"depth": 1, "rate": 1.0, "name": "b"}]),
    ("depth=1..4", [{"depth": n} for n in (1, 2, 3, 4)]),
    ("depth=4..1 step -2,9", [{"depth": 4}, {"depth": 2}, {"depth": 9}]),
    ("rate=0.1..0.5 step 0.1", [{"rate": r} for r in (0.1, 0.2, 0.3, 0.4, 0.5)]),
    ("rate=1e-3,-.5", [{"rate": 0.001}, {"rate": -0.5}]),
    ("name='a,b x c',max x depth=1", [{"name": "a,b x c", "depth": 1}, {"name": "max", "depth": 1}]),
    ("sizes=[1,2],[3]", [{"sizes": [1, 2]}, {"sizes": [3]}]),
    ("zip(depth=1,2; rate=0.1,0.2)", [{"depth": 1, "rate": 0.1}, {"depth": 2, "rate": 0.2}]),
    ("zip(depth=1,2; rate=1,2) x name=a", [{"depth": n, "rate": float(n), "name": "a"} for n in (1, 2)]),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_what_is_combined(text: str, expected: list[dict[str, Any]]) -> None:
    assert combinations(text) == expected


def test_each_run_gets_everything_and_a_key_of_its_own() -> None:
    sweep = read_sweep(PIPELINE, "depth=1,2", {"path": "p"})
    assert [one.number for one in sweep.combinations] == [1, 2]
    assert sweep.combinations[0].params == {"depth": 1, "rate": 0.5, "name": "a", "sizes": [1], "path": "p"}
    keys = {one.key("e") for one in sweep.combinations}
    assert len(keys) == 2
    assert all(key.startswith("experiment:e:") for key in keys)
    # Neither where it stands in the sweep nor how it was written makes another run of it.
    other = read_sweep(PIPELINE, "rate=0.5 x depth=3,2..1", {"path": "p"})
    assert {one.key("e") for one in other.combinations} > keys
    assert not keys & {one.key("f") for one in sweep.combinations}
    assert swept_text(other.combinations[0].swept) == "rate=0.5 depth=3"


WRONG = [
    ("dept=1", ["there is no parameter 'dept'; did you mean 'depth'?"]),
    ("depth", ["'depth' is not of the form NAME=VALUE,VALUE"]),
    ("depth=1 x ", ["a part between two x is not of the form NAME=VALUE,VALUE"]),
    ("depth=", ["parameter 'depth': a value between two commas is missing"]),
    ("depth=1,,2", ["parameter 'depth': a value between two commas is missing"]),
    ("depth=a,2 x rate=b", ["parameter 'depth': 'a' is not int", "parameter 'rate': 'b' is not float"]),
    ("depth=1,1", ["parameter 'depth': '1' stands there twice"]),
    ("depth=1 x depth=2", ["parameter 'depth' stands twice in the sweep"]),
    ("path=a", ["parameter 'path' is swept and given with -p besides"]),
    ("rate=0.1..0.5", ["parameter 'rate': '0.1..0.5' needs a step"]),
    ("depth=1..5 step -1", ["parameter 'depth': '1..5 step -1' never gets to its end"]),
    ("depth=1..5 step 0", ["never gets to its end"]),
    ("depth=1..5 step 0.5", ["parameter 'depth': '1.5' is not int"]),
    ("depth=1..1e99999999", ["the ends of '1..1e99999999' are too far from 0"]),
    ("depth=1..100000", [f"has more than {AT_MOST} values"]),
    ("depth=1..200 x rate=1..200", [f"the sweep has 40000 combinations, and {AT_MOST} are the most"]),
    ("zip(depth=1,2; rate=1)", ["zip takes as many values of each parameter: depth has 2, rate has 1"]),
    ("zip(depth=1; depth=2)", ["a parameter stands twice in 'zip(depth=1; depth=2)'"]),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_all_that_is_wrong_is_told_at_once(text: str, said: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        combinations(text)
    assert [part for part in said if part not in caught.value.message] == []
    example = 'write such as --sweep "depth=5,10,20 x rate=0.1,0.01"; ' * ("not of the form" in caught.value.message)
    assert caught.value.remedy.startswith(f"{example}the pipeline takes")


def test_a_range_that_is_none_says_how_one_is_written() -> None:
    with pytest.raises(InputError, match=r"a range of numbers is written 1\.\.5, or 0\.1\.\.0\.5 step 0\.1"):
        combinations("depth=1..x")


def test_a_parameter_that_nobody_gives_is_told() -> None:
    with pytest.raises(InputError, match=r"parameter 'path' .* has no default and was not given"):
        read_sweep(PIPELINE, "depth=1,2", {})
