"""The result of a task that is to be awaited. Loaded with the first of them: `asyncio` is large, and rarely needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any


def result_of(returned: Awaitable[Any]) -> Any:
    """Run an event loop until it is there."""
    return asyncio.run(_awaited(returned))


async def _awaited(returned: Awaitable[Any]) -> Any:
    return await returned
