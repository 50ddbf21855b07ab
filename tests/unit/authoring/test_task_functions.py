"""What `@task` is put on: what has a name by which a worker finds it again, or a refusal with a remedy."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from tidemill.authoring import pipeline, task
from tidemill.authoring.trace import trace
from tidemill.core.errors import DefinitionError
from tidemill.core.graph import Call
from tidemill.core.problems import Problem, ProblemsFound
from tidemill.worker.functions import load_function


class Cart:
    size = 3

    def __init__(self, n: int = 1) -> None:
        self.n = n

    def __call__(self, n: int) -> int:
        return n

    def total(self, n: int) -> int:
        return n * self.n

    @classmethod
    def sized(cls, n: int) -> int:
        return n * cls.size

    @staticmethod
    def plain(n: int) -> int:
        return n


class Big(Cart):
    size = 100


def problem_of(function: Callable[..., Any]) -> Problem:
    try:
        called = task(cache=True)(function)

        @pipeline
        def main() -> None:
            called(2)

        trace(main)
    except ProblemsFound as error:
        (found,) = error.problems
        return found
    except DefinitionError as error:
        return Problem.of(error)
    raise AssertionError("nothing is wrong with it")


def factory(n: int) -> Callable[[int], int]:
    def scale(x: int) -> int:
        return x * n

    return scale


@pytest.mark.parametrize(
    ("function", "message", "remedy"),
    [
        (lambda n: n, "a lambda has no name", "define a function with `def`"),
        (functools.partial(factory, 1), "which has no name by which a worker", "define a function with `def` that"),
        (Cart(), "which has no name by which a worker", "define a function with `def` that calls it"),
        (Cart(2).total, "Cart.total is a method of an object", "write a function that makes the object"),
        (factory(2), "factory.scale is defined inside a function", "move it to the top of its module"),
    ],
)
def test_what_no_worker_could_find_is_refused(function: Callable[..., Any], message: str, remedy: str) -> None:
    found = problem_of(function)
    assert message in found.message
    assert remedy in found.remedy
    assert "test_task_functions.py:" in found.place


@pytest.mark.parametrize(("function", "result"), [(Cart.sized, 6), (Big.sized, 200), (Cart.plain, 2)])
def test_methods_of_a_class_are_found_again(function: Callable[[int], int], result: int) -> None:
    called = task(cache=True)(function)

    @pipeline
    def main() -> None:
        called(2)

    graph = trace(main)
    (node,) = graph.root.nodes
    assert isinstance(node.body, Call)
    assert load_function(node.body.function)(2) == result
    assert graph.functions[str(node.body.function)]


def test_a_method_taken_from_two_classes_is_two_tasks() -> None:
    small, big = task(cache=True)(Cart.sized), task(cache=True)(Big.sized)

    @pipeline
    def main() -> None:
        small(2)
        big(2)

    functions = trace(main).functions
    assert len(functions) == len(set(functions.values())) == 2
