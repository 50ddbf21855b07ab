"""Pipelines whose artifacts are in a bucket: frames and folders, content that goes bad, a line that is cut."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pandas as pd

from tidemill import current, pipeline, task
from tidemill.core.ports import STORE_KIND
from tidemill.storage.artifacts.files import remove


def note(ledger: str, line: str) -> None:
    with open(ledger, "a") as file:
        file.write(f"{line}\n")


@task(cache=True)
def rows(ledger: str) -> pd.DataFrame:
    note(ledger, "rows")
    return pd.DataFrame({"n": range(1000), "text": [str(n) for n in range(1000)]})


@task(cache=True)
def folder(ledger: str) -> Path:
    note(ledger, "folder")
    root = current().scratch / "made"
    (root / "deep").mkdir(parents=True)
    for number in range(20):
        (root / "deep" / f"{number}.txt").write_text(f"number {number}")
    return root


@task
def gate(ledger: str, frame: int, files: int) -> str:
    """Goes on when there is a file LEDGER.gate."""
    until = time.monotonic() + 60
    while not Path(f"{ledger}.gate").exists() and time.monotonic() < until:
        time.sleep(0.02)
    return "open"


@task
def surroundings() -> dict[str, bool]:
    return {"imported": "s3fs" in sys.modules, "told": STORE_KIND in os.environ}


@pipeline
def looking_around():
    surroundings()


@task
def measured(frame: pd.DataFrame) -> int:
    return len(frame)


@task
def listed(files: Path) -> int:
    return len(list(files.rglob("*.txt")))


@task
def counted(ledger: str, frame: pd.DataFrame, files: Path, after: str) -> dict[str, int]:
    note(ledger, "counted")
    texts = sorted(file.read_text() for file in files.rglob("*.txt"))
    return {"sum": int(frame["n"].sum()), "texts": len(texts)}


@pipeline
def hauling(ledger: str):
    frame, files = rows(ledger), folder(ledger)
    counted(ledger, frame, files, gate(ledger, measured(frame), listed(files)))


@task(retries=0)
def carried(ledger: str, cut: str, tries: int) -> Path:
    """Its result cannot be stored before so many tries."""
    note(ledger, "carried")
    if Path(ledger).read_text().count("carried") <= tries:
        Path(cut).touch()
    else:
        Path(cut).unlink(missing_ok=True)
    file = current().scratch / "file.txt"
    file.write_text("carried")
    return file


@task
def cuts(cut: str, cache: str, of: str) -> str:
    """The machine forgets what it had fetched, and then the line is cut."""
    remove(Path(cache))
    Path(cut).touch()
    return of


@task(retries=0)
def fetched(of: Path) -> str:
    return of.read_text()


@pipeline
def away(ledger: str, cut: str, tries: int = 2):
    fetched(carried(ledger, cut, tries))


@task(retries=0)
def fetched_later(of: Path, after: str) -> str:
    return of.read_text()


@pipeline
def away_for_readers(ledger: str, cut: str, cache: str):
    made = carried(ledger, cut, 0)
    fetched_later(made, cuts(cut, cache, fetched(made)))
