from __future__ import annotations

from typing import Any

import pytest

from tidemill.planning.cachekey import NOT_THERE, UNREADABLE
from tidemill.planning.explain import code_changes, differences, distance


def code(*uses: str, **parts: tuple[str, str, int]) -> dict[str, Any]:
    named = {name.replace("__", "."): list(part) for name, part in parts.items()}
    return {"parts": named, "uses": {"churn:train": list(uses) or list(named)}}


BEFORE = code(
    churn__train=("d1", "/p/churn.py", 3), features__scale=("d2", "/p/src/features.py", 12), pandas=("2.1.0", "", 0)
)


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (BEFORE, ()),
        (
            code(
                churn__train=("d1", "/p/churn.py", 9),
                features__scale=("new", "/p/src/features.py", 14),
                pandas=("2.1.0", "", 0),
            ),
            ("code of features.scale changed in src/features.py:14",),
        ),
        (
            code(churn__train=("d1", "/p/churn.py", 3), pandas=("2.2.0", "", 0), numpy=("1.26", "", 0)),
            ("code no longer reaches features.scale", "code now uses numpy 1.26", "pandas was 2.1.0 and is now 2.2.0"),
        ),
        (
            code(
                churn__train=("other", "/p/churn.py", 3),
                features__scale=("d2", "/p/src/features.py", 12),
                elsewhere__f=("d3", "/q/elsewhere.py", 1),
            ),
            (
                "code of churn.train changed in churn.py:3",
                "code now reaches elsewhere.f in /q/elsewhere.py:1",
                "code no longer uses pandas",
            ),
        ),
        ({}, ()),
        (code("unknown"), ()),
    ],
)
def test_changes_of_code_are_named_with_their_places(after: dict[str, Any], said: tuple[str, ...]) -> None:
    assert code_changes(BEFORE, after, "churn:train", "/p") == said


def test_what_another_function_reaches_is_of_no_account() -> None:
    after = {**BEFORE, "parts": {**BEFORE["parts"], "other.f": ["d", "/p/o.py", 1]}}
    after["uses"] = {**BEFORE["uses"], "churn:other": ["other.f"]}
    assert code_changes(BEFORE, after, "churn:train") == ()


def parts(**changed: Any) -> dict[str, Any]:
    return {
        "function": "churn:train",
        "code": "c1",
        "inputs": {"depth": 2, "rows": {"content": "blake2b:0123456789abcdef"}},
        "declared": {},
        "outputs": {"result": ["int", ""]},
        **changed,
    }


ROWS = {"content": "blake2b:fedcba9876543210"}


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (parts(), "the kept result has expired"),
        (parts(code="c2"), "code changed"),
        (parts(function="churn:fit", code="c2"), "the function is now churn:fit; code changed"),
        (
            parts(inputs={"depth": 3, "rows": ROWS}),
            "input 'depth' changed from 2 to 3; input 'rows' changed from 01234567",
        ),
        (parts(inputs={"depth": 2}), "input 'rows' is gone"),
        (parts(declared={"day": "2026"}), "part 'day' is new"),
        (parts(outputs={"result": ["str", ""]}), "the declared outputs changed"),
    ],
)
def test_differences_are_told_in_words(new: dict[str, Any], said: str) -> None:
    assert differences(parts(), new).startswith(said)


def test_files_that_are_not_there_are_told_as_such() -> None:
    def of(name: str, content: str) -> dict[str, Any]:
        return parts(inputs={"file": {"file": name, "content": content}})

    there, gone = of("in.csv", "blake2b:0123456789abcdef"), of("nope.csv", NOT_THERE)
    assert differences(there, gone) == "input 'file' changed from in.csv (01234567) to nope.csv, which is not there"
    assert differences(gone, there) == "input 'file' changed from nope.csv, which is not there to in.csv (01234567)"
    locked = of("in.csv", f"{UNREADABLE}Permission denied")
    assert differences(there, locked).endswith("to in.csv, which cannot be read (Permission denied)")


def test_known_changes_of_code_take_the_place_of_the_bare_word_and_many_are_counted() -> None:
    assert differences(parts(), parts(code="c2"), ("code of f changed in f.py:1",)) == "code of f changed in f.py:1"
    many = tuple(f"code of f{number} changed" for number in range(5))
    assert differences(parts(), parts(code="c2"), many).endswith("f2 changed; 2 more changes of code")


def test_long_values_are_told_by_their_kind_and_alike_ones_not_twice() -> None:
    old = parts(inputs={"rows": list(range(100)), "text": "x" * 100})
    new = parts(inputs={"rows": list(range(101)), "text": "x" * 99 + "y"})
    said = differences(old, new)
    assert "input 'rows' changed from a list of 100 to a list of 101" in said
    assert "input 'text' changed inside: 'xxx" in said


def test_the_nearest_of_several_results_differs_in_least() -> None:
    wanted = parts(inputs={"depth": 3, "rows": ROWS}, code="c2")
    near, far = parts(inputs={"depth": 2, "rows": ROWS}, code="c2"), parts()
    assert distance(near, wanted) == 1
    assert distance(far, wanted) == 3
    assert distance(wanted, wanted) == 0
