"""A pipeline that damages its own stored content on the way, once; each task notes its start outside."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path

from tidemill import current, pipeline, task

ROWS = "row\n" * 100
NAMES = ("first.txt", "second.txt", "third.txt")


def note(ledger: str) -> None:
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, f"{current().path}\n".encode())
    os.close(file)


@task
def written(ledger: str) -> Path:
    note(ledger)
    file = current().scratch / "rows.txt"
    file.write_text(ROWS)
    return file


@task
def folder(ledger: str) -> Path:
    note(ledger)
    place = current().scratch / "folder"
    place.mkdir()
    for name in NAMES:
        (place / name).write_text(f"{name}\n" * 10)
    return place


@task
def spoil(ledger: str, store: str, how: str) -> None:
    """Damage what is stored, the first time that this runs to its end; who is killed on the way is run again."""
    note(ledger)
    done = Path(f"{ledger}.spoilt")
    if done.exists():
        return
    damage(store, how)
    done.touch()


def damage(store: str, how: str) -> None:
    objects = [path for path in Path(store, "objects").rglob("*") if path.is_file()]
    held = {path: path.read_bytes() for path in objects}
    rows = next((path for path, data in held.items() if data == ROWS.encode()), None)
    if rows is None:
        return  # an attempt did it, and was killed before it could say so
    second = next(path for path, data in held.items() if data.startswith(b"second.txt\n"))
    listing = next(path for path, data in held.items() if data.startswith(b"tidemill-tree"))
    match how:
        case "a flipped byte":
            write(rows, b"R" + held[rows][1:])
        case "truncation":
            write(rows, held[rows][:-1])
        case "deletion":
            rows.unlink()
        case "a changed file of a folder":
            write(second, b"x" + held[second][1:])
        case "a missing file of a folder":
            second.unlink()
        case "a damaged listing":
            write(listing, held[listing][:-2] + b"\n")
        case "everything gone":
            shutil.rmtree(store)
        case "nothing":
            pass
        case other:
            raise ValueError(other)


def write(path: Path, data: bytes) -> None:
    os.chmod(path, 0o644)
    path.write_bytes(data)


@task
def counted(ledger: str, rows: Path, tree: Path) -> dict:
    note(ledger)
    return {"rows": len(rows.read_text().splitlines()), "files": {p.name: len(p.read_text()) for p in tree.iterdir()}}


@pipeline
def spoiling(ledger: str, store: str, how: str):
    rows, tree = written(ledger), folder(ledger)
    spoilt = spoil.options(after=[rows, tree])(ledger, store, how)
    counted.options(name="also", after=[spoilt])(ledger, rows, tree)
    counted.options(after=[spoilt])(ledger, rows, tree)


@pipeline
def spoiling_kept(ledger: str, store: str, how: str):
    rows, tree = written.options(cache=True)(ledger), folder(ledger)
    spoilt = spoil.options(after=[rows, tree])(ledger, store, how)
    counted.options(after=[spoilt])(ledger, rows, tree)


@task
def effective(ledger: str) -> Path:
    note(ledger)
    current().act("set_variable", name="said", value="once")
    file = current().scratch / "rows.txt"
    file.write_text(ROWS)
    return file


@pipeline
def spoiling_effects(ledger: str, store: str, how: str):
    rows, tree = effective(ledger), folder(ledger)
    spoilt = spoil.options(after=[rows, tree])(ledger, store, how)
    counted.options(after=[spoilt])(ledger, rows, tree)


@task
def folder_of(ledger: str, tries: int) -> Path:
    """Up to the given try the file system takes no more than a few bytes once the folder is written."""
    note(ledger)
    place = current().scratch / "folder"
    place.mkdir()
    (place / "large").write_bytes(bytes(200_000))
    take_little(tries)
    return place


@task
def bytes_of(ledger: str, tries: int) -> bytes:
    note(ledger)
    take_little(tries)
    return bytes(200_000)


def take_little(tries: int) -> None:
    if current().attempt <= tries:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@task
def size(ledger: str, made: Path | bytes) -> int:
    note(ledger)
    return len(made) if isinstance(made, bytes) else (made / "large").stat().st_size


@pipeline
def without_room(ledger: str, tries: int):
    size(ledger, folder_of.options(name="large")(ledger, tries))


@pipeline
def without_room_for_scratch(ledger: str, tries: int):
    size(ledger, bytes_of.options(name="large")(ledger, tries))
