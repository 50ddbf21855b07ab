"""Fork, let the child exit, reap it, commit once: what a durable process per task costs at least on this machine.

The commit is one UPDATE of a state and one INSERT of an event. With `--at-once 2` two children are kept alive, and the
next is forked before the last is recorded; `--as-big-as` fills the process up to so many bytes. Prints one line of
JSON.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import sqlite3
import time
from itertools import islice

WARM_UP = 20
SCHEMA = """
CREATE TABLE IF NOT EXISTS tasks (id INTEGER PRIMARY KEY, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, task INTEGER NOT NULL, kind TEXT NOT NULL, at REAL NOT NULL);
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("database")
    parser.add_argument("tasks", type=int)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--import", dest="imports", default="", metavar="A,B")
    parser.add_argument("--as-big-as", type=int, default=0, metavar="BYTES")
    given = parser.parse_args()
    for name in filter(None, given.imports.split(",")):
        importlib.import_module(name)
    database = sqlite3.connect(given.database, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.executescript(SCHEMA)
    ballast = b"x" * max(0, given.as_big_as - resident())
    gc.freeze()
    work = one_by_one if given.at_once == 1 else several
    work(database, planned(database, WARM_UP), given.at_once)
    tasks = planned(database, given.tasks)
    begun = time.perf_counter()
    work(database, tasks, given.at_once)
    seconds = time.perf_counter() - begun
    (synchronous,) = database.execute("PRAGMA synchronous").fetchone()
    print(json.dumps({"seconds": seconds, "synchronous": synchronous}))
    del ballast


def resident() -> int:
    with open("/proc/self/statm") as sizes:
        return int(sizes.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def planned(database: sqlite3.Connection, number: int) -> list[int]:
    """New tasks, stored."""
    (last,) = database.execute("SELECT coalesce(max(id), 0) FROM tasks").fetchone()
    tasks = list(range(last + 1, last + 1 + number))
    database.execute("BEGIN IMMEDIATE")
    database.executemany("INSERT INTO tasks VALUES (?, 'planned')", [(task,) for task in tasks])
    database.execute("COMMIT")
    return tasks


def one_by_one(database: sqlite3.Connection, tasks: list[int], at_once: int) -> None:
    for task in tasks:
        os.waitpid(forked(), 0)
        record(database, task)


def several(database: sqlite3.Connection, tasks: list[int], at_once: int) -> None:
    left = iter(tasks)
    out = {forked(): task for task in islice(left, at_once)}
    while out:
        pid, _ = os.wait()
        ended = out.pop(pid)
        if (task := next(left, None)) is not None:
            out[forked()] = task
        record(database, ended)


def forked() -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return pid


def record(database: sqlite3.Connection, task: int) -> None:
    database.execute("BEGIN IMMEDIATE")
    database.execute("UPDATE tasks SET state = 'succeeded' WHERE id = ?", (task,))
    database.execute("INSERT INTO events (task, kind, at) VALUES (?, 'ended', ?)", (task, time.time()))
    database.execute("COMMIT")


if __name__ == "__main__":
    main()
