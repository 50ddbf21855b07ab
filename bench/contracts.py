"""How long a contract takes: 33 rules on a million rows, as a DataFrame and as an Arrow table.

`python -m bench.contracts` prints both beside the time to write the same rows as Parquet, in memory.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from tidemill.lifecycle.contracts.checking import check
from tidemill.lifecycle.contracts.documents import from_yaml

ROWS = 1_000_000
TIMES = 5
CONTRACT = """
name: orders
owner: data-team@example.com
rows: {min: 1}
extra_columns: forbid
freshness: {column: day, max_age: 365d}
unique: [[country, code]]
columns:
  id: {type: int, null: 0, unique: true, monotone: increasing}
  amount: {type: float, null: 0, min: 0, max: 1000, mean: [1, 100], quantile: {p50: [1, 100], p99: [1, 200]}}
  country: {type: category, in: [se, 'no', dk, fi], min_share: 1%}
  code: {type: text, pattern: "A[0-9]{7}", length: 8}
  day: {type: datetime}
  paid: {type: bool, shares: {"true": 10%}}
  age: {type: int, min: 18, max: 100}
"""


def main() -> None:
    draw = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "amount": draw.gamma(2, 10, ROWS),
            "country": draw.choice(["se", "no", "dk", "fi"], ROWS),
            "code": [f"A{n:07d}" for n in draw.permutation(ROWS)],
            "day": pd.date_range("2026-01-01", periods=ROWS, freq="s"),
            "paid": draw.random(ROWS) < 0.2,
            "age": draw.integers(18, 90, ROWS),
        }
    )
    table = pa.Table.from_pandas(frame)
    contract = from_yaml(CONTRACT)
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert check(contract, frame, now).passed
    written = _seconds(lambda: parquet.write_table(table, pa.BufferOutputStream()))
    print(f"write them as Parquet  {written:6.3f} s")
    for name, rows in (("DataFrame", frame), ("Arrow table", table)):
        rules = len(check(contract, rows, now).findings)
        taken = _seconds(lambda rows=rows: check(contract, rows, now))  # type: ignore[misc]
        print(f"{rules} rules, {name:12}  {taken:6.3f} s   {taken / written:5.2f} x")


def _seconds(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
