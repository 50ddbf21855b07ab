"""Import SQLAlchemy, open the database through it, fork five times with a commit each, and leave.

With `--made` the database is made first; without, it is there. With `--asked` it says how durable it is.
"""

from __future__ import annotations

import json
import os
import sys
import time

from sqlalchemy import create_engine, event

TASKS = 5


def main() -> None:
    engine = create_engine(f"sqlite:///{sys.argv[1]}", connect_args={"isolation_level": None})

    @event.listens_for(engine, "connect")
    def set_up(connection, _):  # type: ignore[no-untyped-def]
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def begin(connection):  # type: ignore[no-untyped-def]
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    if "--made" in sys.argv:
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE tasks (id INTEGER PRIMARY KEY, state TEXT, at REAL)")
            connection.exec_driver_sql("CREATE TABLE events (id INTEGER PRIMARY KEY, task INTEGER, kind TEXT)")
    for task in range(TASKS):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        with engine.begin() as connection:
            connection.exec_driver_sql("INSERT OR REPLACE INTO tasks VALUES (?, 'succeeded', ?)", (task, time.time()))
            connection.exec_driver_sql("INSERT INTO events (task, kind) VALUES (?, 'ended')", (task,))
    if "--asked" in sys.argv:
        with engine.connect() as connection:
            print(json.dumps({"synchronous": connection.exec_driver_sql("PRAGMA synchronous").scalar()}))


if __name__ == "__main__":
    main()
