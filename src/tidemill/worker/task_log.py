"""Where the logger of tasks writes to. Loaded once somebody imports `logging`: most tasks never do."""

from __future__ import annotations

import logging
import sys
from typing import Any

from tidemill.worker.context import LOGGER


class _ToStderr(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to what standard error is at the moment of writing."""

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, stream: Any) -> None:
        pass


def log_to_stderr() -> None:
    """Unless the program has set up logging itself: then it says where records go."""
    logger = logging.getLogger(LOGGER)
    logger.setLevel(logging.INFO)
    if not logger.handlers and not logging.getLogger().handlers:
        handler = _ToStderr()
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        logger.addHandler(handler)
