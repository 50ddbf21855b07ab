"""Read all rows that a run has left: `DATABASE RUN`. Prints one line of JSON."""

from __future__ import annotations

import json
import sqlite3
import sys
import time

TABLES = {
    "runs": "id = ?",
    "definitions": "digest IN (SELECT definition FROM runs WHERE id = ?)",
    "task_runs": "run = ?",
    "attempts": "run = ?",
    "artifacts": "run = ?",
}


def main() -> None:
    path, run = sys.argv[1:]
    begun = time.perf_counter()
    database = sqlite3.connect(path)
    rows = {
        table: len(database.execute(f"SELECT * FROM {table} WHERE {where}", (run,)).fetchall())
        for table, where in TABLES.items()
    }
    seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "rows": rows}))


if __name__ == "__main__":
    main()
