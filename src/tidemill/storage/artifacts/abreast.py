"""One function for many items at once, where each mostly waits for a network. Loaded when there are many."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_AT_ONCE = 8

T = TypeVar("T")


def for_each(function: Callable[[T], object], items: Iterable[T]) -> None:
    """Call it for every item. Raises what one of them raises, once all that have begun have ended."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        begun = [threads.submit(function, item) for item in items]
        try:
            for one in begun:
                one.result()
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
