"""From a run to the file: the page is there as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tidemill.actions.show import RunView
from tidemill.app import App
from tidemill.cli.report.facts import PREVIEWS, gather
from tidemill.cli.report.page import page
from tidemill.cli.report.table import METRICS
from tidemill.core.errors import InputError
from tidemill.storage.metadata import artifacts


def write_report(app: App, view: RunView, header: Sequence[tuple[str, str]], file: Path) -> int:
    """Write the page of a run; its bytes. Raises InputError if the file cannot be written."""
    chosen = [one.artifact.id for one in view.made if one.artifact.type != METRICS][:PREVIEWS]
    with app.database.read() as connection:
        # Previews are large: only those that are shown are read.
        found = artifacts.stored(connection, view.run.team, chosen)
    previews = [found[id] for id in chosen if id in found]
    return write_whole(file, page(gather(app, view, previews, header, app.clock.now())).encode("utf-8", "replace"))


def write_whole(file: Path, data: bytes) -> int:
    """Write a page, whole or not at all; its bytes. Raises InputError if the file cannot be written."""
    try:
        _replace(file, data)
    except OSError as error:
        raise InputError(
            f"the page cannot be written: {error.strerror}", place=str(file), remedy="name a file that can be written"
        ) from None
    return len(data)


def _replace(file: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=".report-", suffix=".html", dir=file.parent)
    try:
        with open(descriptor, "wb") as target:
            target.write(data)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, file)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
