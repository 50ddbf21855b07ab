"""Conditions: strict types, so that a comparison of unlike things is an error and never False."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tidemill.core.bindings import Binding, Const, ListOf, Output
from tidemill.core.expressions import (
    Binary,
    Expression,
    ExpressionError,
    Fn,
    Op,
    Read,
    Unary,
    evaluate,
    holds,
    reads,
    show_expression,
    top_reads,
)
from tidemill.core.values import ArtifactRef


def _const(binding: Binding) -> Any:
    assert isinstance(binding, Const)
    return binding.value


def _binary(left: Any, op: Op, right: Any) -> Expression:
    return Binary(op, Read(Const(left)), Read(Const(right)))


DAY, NOON = date(2026, 1, 2), datetime(2026, 1, 2, 12)  # noqa: DTZ001

GOOD: list[tuple[Any, Op, Any, Any]] = [
    (1, Op.EQ, 1.0, True),
    (1, Op.NE, 2, True),
    ("a", Op.EQ, "a", True),
    (None, Op.EQ, None, True),
    (None, Op.EQ, 0, False),
    ("", Op.NE, None, True),
    ([1], Op.EQ, [1], True),
    ({"a": 1}, Op.EQ, {"a": 1}, True),
    (True, Op.EQ, True, True),
    (1, Op.LT, 2.5, True),
    (2, Op.LE, 2, True),
    ("b", Op.GT, "a", True),
    (DAY, Op.GE, DAY, True),
    (NOON, Op.LT, NOON + timedelta(1), True),
    (timedelta(1), Op.LT, timedelta(2), True),
    (1, Op.IN, [1, 2], True),
    (3, Op.IN, [1, 2], False),
    ("a", Op.IN, "bab", True),
    ("a", Op.IN, {"a": 1}, True),
    (1, Op.ADD, 2, 3),
    ("a", Op.ADD, "b", "ab"),
    (3, Op.SUB, 0.5, 2.5),
    (3, Op.MUL, 2, 6),
    (3, Op.DIV, 2, 1.5),
    (True, Op.AND, False, False),
    (False, Op.OR, True, True),
]

BAD: list[tuple[Any, Op, Any, str]] = [
    ("5", Op.EQ, 5, "cannot compare text '5' with number 5"),
    (True, Op.EQ, 1, "cannot compare bool True with number 1"),
    ([1], Op.NE, {}, "cannot compare list [1] with object {}"),
    (DAY, Op.EQ, NOON, "cannot compare date"),
    ("5", Op.LT, 6, "cannot order text '5' and number 6"),
    (None, Op.LT, 6, "cannot order null None and number 6"),
    (NOON, Op.LT, NOON.replace(tzinfo=UTC), "cannot order datetime.datetime(2026"),
    (True, Op.LT, False, "cannot order bool True and bool False"),
    ([1], Op.LT, [2], "cannot order list [1] and list [2]"),
    (1, Op.IN, "123", "cannot look for number 1 in text"),
    (1, Op.IN, {"1": 1}, "cannot look for number 1 in object"),
    ("a", Op.IN, 5, "cannot look for text 'a' in number"),
    ("a", Op.ADD, 1, "cannot calculate text 'a' + number 1"),
    ([1], Op.ADD, [2], "cannot calculate list"),
    ("a", Op.MUL, 3, "cannot calculate text 'a' * number 3"),
    (True, Op.ADD, True, "cannot calculate bool"),
    (1, Op.DIV, 0, "1 / 0: division by zero"),
    (1, Op.AND, True, "a condition must be true or false, not number 1"),
    (True, Op.AND, "yes", "a condition must be true or false, not text 'yes'"),
    (None, Op.OR, True, "a condition must be true or false, not null None"),
    (ArtifactRef("x"), Op.EQ, 1, "a condition cannot read the content of an artifact"),
]


@pytest.mark.parametrize(("left", "op", "right", "result"), GOOD)
def test_like_goes_with_like(left: Any, op: Op, right: Any, result: Any) -> None:
    found = evaluate(_binary(left, op, right), _const)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(("left", "op", "right", "message"), BAD)
def test_unlike_does_not(left: Any, op: Op, right: Any, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        evaluate(_binary(left, op, right), _const)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("fn", "operand", "result"),
    [
        (Fn.NOT, True, False),
        (Fn.NEG, 3, -3),
        (Fn.INT, "12", 12),
        (Fn.INT, 2.9, 2),
        (Fn.INT, True, 1),
        (Fn.FLOAT, "0.5", 0.5),
        (Fn.STR, 5, "5"),
        (Fn.LEN, [1, 2], 2),
        (Fn.LEN, {}, 0),
        (Fn.LEN, "abc", 3),
        (Fn.IS_NULL, None, True),
        (Fn.IS_NULL, 0, False),
        (Fn.IS_NULL, ArtifactRef("x"), False),
    ],
)
def test_functions(fn: Fn, operand: Any, result: Any) -> None:
    found = evaluate(Unary(fn, Read(Const(operand))), _const)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    ("fn", "operand", "message"),
    [
        (Fn.NOT, 0, "a condition must be true or false, not number 0"),
        (Fn.NEG, True, "neg does not take bool True"),
        (Fn.NEG, "1", "neg does not take text '1'"),
        (Fn.INT, "one", "int('one'): invalid literal"),
        (Fn.INT, None, "int does not take null None"),
        (Fn.INT, float("inf"), "int(inf): cannot convert float infinity"),
        (Fn.FLOAT, [], "float does not take list []"),
        (Fn.STR, True, "str does not take bool True"),
        (Fn.LEN, 5, "len does not take number 5"),
        (Fn.LEN, ArtifactRef("x"), "a condition cannot read the content of an artifact"),
    ],
)
def test_functions_refuse_what_they_do_not_take(fn: Fn, operand: Any, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        evaluate(Unary(fn, Read(Const(operand))), _const)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize("value", [0, 1, "", "yes", None, [], [1], {}])
def test_only_a_bool_is_true_or_false(value: Any) -> None:
    with pytest.raises(ExpressionError, match="a condition must be true or false"):
        holds(Read(Const(value)), _const)
    assert holds(Read(Const(True)), _const) is True
    assert holds(Read(Const(False)), _const) is False


def test_the_right_side_is_read_only_where_it_decides() -> None:
    seen: list[str] = []

    def read(binding: Binding) -> Any:
        assert isinstance(binding, Output)
        seen.append(binding.node)
        return binding.node == "yes"

    yes, no = Read(Output("yes")), Read(Output("no"))
    assert evaluate(Binary(Op.OR, yes, no), read) is True
    assert evaluate(Binary(Op.AND, no, yes), read) is False
    assert seen == ["yes", "no"]


def test_an_error_of_the_reader_passes_through() -> None:
    def read(binding: Binding) -> Any:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        evaluate(Read(Output("a")), read)


def test_what_is_read() -> None:
    inner = ListOf((Output("b"), Const(1)))
    expression = Binary(Op.AND, Unary(Fn.NOT, Read(Output("a"))), Binary(Op.IN, Read(Const(1)), Read(inner)))
    assert list(top_reads(expression)) == [Output("a"), Const(1), inner]
    assert list(reads(expression)) == [Output("a"), Const(1), inner, Output("b"), Const(1)]


def test_how_it_is_shown() -> None:
    expression = Binary(
        Op.AND, _binary(0.5, Op.LT, 1), Unary(Fn.NOT, Binary(Op.EQ, Read(Output("a")), Unary(Fn.INT, Read(Const("1")))))
    )
    shown = show_expression(expression, lambda binding: getattr(binding, "node", "?"))
    assert shown == "(0.5 < 1) and not (a == int('1'))"
