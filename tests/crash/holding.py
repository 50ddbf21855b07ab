"""A pipeline that holds something open until it is interrupted."""

from __future__ import annotations

import signal
from pathlib import Path

from tidemill import current, pipeline, task


@task
def opened(folder: str) -> str:
    Path(folder, "open").touch()
    return folder


@task
def used(folder: str) -> None:
    (current().scratch / "half").touch()
    Path(folder, "begun").write_bytes(b".")
    signal.pause()


@task
def closed(folder: str) -> None:
    Path(folder, "open").unlink()


@pipeline
def holding(folder: str):
    there = opened(folder)
    used(there)
    closed.options(teardown_of=there)(there)
