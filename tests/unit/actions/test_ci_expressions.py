"""The expressions of workflows: their grammar, GitHub's loose rules, and texts and conditions made of them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tidemill.actions.ci.evaluating import Pending, Scope, UnknownYet, evaluate, text
from tidemill.actions.ci.expressions import BadExpression, accesses, parse
from tidemill.actions.ci.interpolation import condition, template

CONTEXTS: dict[str, Any] = {
    "github": {
        "ref": "refs/heads/main",
        "event_name": "push",
        "event": {"commits": [{"message": "one", "tags": ["a"]}, {"message": "two"}], "number": 7},
    },
    "env": {"Name": "value", "EMPTY": ""},
    "steps": {"evaluate": {"outputs": {"accuracy": "0.91"}, "outcome": "success"}, "later": Pending("steps.later")},
    "matrix": {"python": 3.12, "fast": True},
    "needs": {},
}
STATUS: dict[str, bool | Pending] = {"success": True, "failure": False, "always": True, "cancelled": False}
SCOPE = Scope(CONTEXTS, STATUS, lambda patterns: "+".join(patterns))
FAILED = Scope(CONTEXTS, {**STATUS, "success": False, "failure": True})


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1", 1),
        ("-0x1F", -31),
        ("0o17", 15),
        ("1.5e-3", 0.0015),
        ("'it''s'", "it's"),
        ("true", True),
        ("null", None),
        ("github.event_name", "push"),
        ("GITHUB.Event_Name", "push"),
        ("github['event_name']", "push"),
        ("github.event.commits[1].message", "two"),
        ("github.event.commits[9].message", None),
        ("github.absent.deeper.still", None),
        ("env.NAME", "value"),
        ("join(github.event.commits.*.message, '-')", "one-two"),
        ("join(github.event.commits.*.tags.*)", "a"),
        ("env.EMPTY || 'default'", "default"),
        ("env.NAME && 'yes' || 'no'", "yes"),
        ("1 == '1'", True),
        ("'abc' == 'ABC'", True),
        ("'' == 0", True),
        ("null == false", True),
        ("'x' == 0", False),
        ("true == 1", True),
        ("'1.0' == 1", True),
        ("'0.91' < 0.85", False),
        ("steps.evaluate.outputs.accuracy >= 0.85", True),
        ("'apple' < 'Banana'", True),
        ("'x' < 1", False),
        ("'x' >= 1", False),
        ("github.event == github.event", True),
        ("github.event == 'Object'", False),
        ("!true || true && false", False),
        ("!(true || true) == false", True),
        ("1 < 2 == true", True),
        ("contains('Hello', 'hell')", True),
        ("contains(fromJSON('[1, \"b\"]'), 'B')", True),
        ("contains(fromJSON('[1, 2]'), '2')", True),
        ("startsWith(github.ref, 'refs/heads/')", True),
        ("endsWith(github.ref, 'MAIN')", True),
        ("format('{0} {{0}} {1}', 'a', 2)", "a {0} 2"),
        ("fromJSON('{\"a\": [1.5]}').a[0]", 1.5),
        ("toJSON(fromJSON('[1.0]'))", "[\n  1\n]"),
        ("hashFiles('a', 'b')", "a+b"),
        ("case(false, 1, matrix.fast, 2, 3)", 2),
        ("success() && !failure() && always()", True),
    ],
)
def test_an_expression_gives_what_github_gives(source: str, value: object) -> None:
    found = evaluate(parse(source), SCOPE)
    assert found == value
    assert type(found) is type(value) or isinstance(value, int)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "true"),
        (1.0, "1"),
        (0.85, "0.85"),
        (math.nan, "NaN"),
        ([1], "Array"),
        ({}, "Object"),
        (1e21, "1E+21"),
    ],
)
def test_a_value_in_a_text(value: object, shown: str) -> None:
    assert text(value) == shown


@pytest.mark.parametrize(
    "source",
    [
        "", "1 +", "a b", "(1", "a[1", "f(", "'open", '"double"', "a.", "a..b", "unknown()", "contains('a')",
        "always(1)",
        "a == ", "__import__('os').system('x')", "[1, 2]", "a ? b : c", "!" * 60 + "true", "(" * 60 + "1" + ")" * 60,
        "a" + "[0]" * 60, "x" * 30_000,
    ],
)  # fmt: skip
def test_what_is_no_expression_is_refused_in_words(source: str) -> None:
    with pytest.raises(BadExpression, match=r"\w"):
        evaluate(parse(source), SCOPE)


def test_nothing_of_python_is_reached() -> None:
    for source in ("github.__class__", "env.keys", "env['__init__']", "github.event.commits.append"):
        assert evaluate(parse(source), SCOPE) is None


def test_what_is_read_is_known_without_running() -> None:
    tree = parse("steps.a.outputs['b-c'] == github.event.issue.title && contains(needs.*.result, 'failure')")
    assert set(accesses(tree)) == {
        ("steps", "a", "outputs", "b-c"),
        ("github", "event", "issue", "title"),
        ("needs", "*", "result"),
    }


def test_a_text_with_holes() -> None:
    found = template("tag-${{ github.event.number }}-${{ '}}' }}.${{env.name}}")
    assert found.fill(SCOPE) == "tag-7-}}.value"
    assert template("no holes").fill(SCOPE) == "no holes"
    assert template("${{ fromJSON('[1]') }}").value(SCOPE) == [1]
    with pytest.raises(BadExpression, match="not closed"):
        template("${{ github.ref")


def test_what_is_still_to_come_is_shown_and_not_guessed() -> None:
    found = template("accuracy ${{ steps.later.outputs.accuracy }} of ${{ github.event.number }}")
    assert found.shown(SCOPE) == "accuracy ${{ steps.later.outputs.accuracy }} of 7"
    with pytest.raises(UnknownYet, match=r"steps\.later\.outputs\.accuracy"):
        found.fill(SCOPE)


@pytest.mark.parametrize(
    ("source", "in_success", "after_failure"),
    [
        ("", True, False),
        ("github.ref == 'refs/heads/main'", True, False),
        ("${{ github.ref == 'refs/heads/other' }}", False, False),
        ("always()", True, True),
        ("failure()", False, True),
        ("failure() && github.event_name == 'push'", False, True),
        ("!cancelled()", True, True),
        ("${{ github.ref }} == 'refs/heads/other'", True, False),
    ],
)
def test_a_condition_asks_for_success_unless_it_asks_for_a_status(
    source: str, in_success: bool, after_failure: bool
) -> None:
    found = condition(source)
    assert (found.holds(SCOPE), found.holds(FAILED)) == (in_success, after_failure)


def test_text_around_a_hole_makes_a_condition_that_always_holds() -> None:
    assert condition("${{ github.ref }} == 'x'").always_true
    assert not condition("${{ github.ref == 'x' }}").always_true
