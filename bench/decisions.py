"""`python -m bench.decisions [N]`: how long appending to a chain of N decisions takes, and verifying it."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tidemill.core.decisions import About, Named
from tidemill.core.values import Json
from tidemill.lifecycle.decisions import chain, record
from tidemill.storage.metadata import decisions
from tidemill.storage.metadata.database import Database

TEAM = "default"
SLICES = 12
"""Checks in each judgement: with them a document is as large as one of a gate with a dozen slices."""

_AT_ONCE = 1000
_TIMES = 3


def main(number: int) -> None:
    with tempfile.TemporaryDirectory(prefix="tidemill-bench-") as folder:
        database = Database.open(f"sqlite:///{Path(folder, 'tidemill.db')}")
        started = time.perf_counter()
        size = _append(database, number)
        took = time.perf_counter() - started
        print(f"append   {number} records of {size} bytes in {took:.2f} s ({took / number * 1e6:.0f} us each)")
        for _ in range(_TIMES):
            started = time.perf_counter()
            with database.read() as connection:
                head = decisions.head(connection, TEAM)
                found = chain.verify(TEAM, decisions.links(connection, TEAM), head)
            took = time.perf_counter() - started
            print(f"verify   {found.count} records in {took:.2f} s, {'whole' if found.whole else 'NOT WHOLE'}")
        database.close()


def _append(database: Database, number: int) -> int:
    size = 0
    for start in range(0, number, _AT_ONCE):
        with database.write() as connection:
            head = decisions.lock_head(connection, TEAM)
            prev = head.digest
            for at in range(start + 1, min(start + _AT_ONCE, number) + 1):
                made = record.made(_about(at, prev), rule=_RULE, facts={"rows": at}, judgement=_judgement(), code=_CODE)
                decisions.append(connection, made)
                prev, size = made.digest, len(made.document)
    return size


def _about(number: int, prev: str) -> About:
    candidate, champion, evidence = (Named(f"f640cd62.{n}.1", f"blake2b:{number:063x}{n}") for n in range(3))
    return About(
        team=TEAM,
        number=number,
        kind="gate",
        model="churn",
        verdict="PASS",
        candidate=candidate,
        champion=champion,
        evidence=evidence,
        run="f640cd623773",
        path="gate/decide",
        actor="ada",
        made_at="2026-03-03T14:00:00.000000+00:00",
        prev=prev,
    )


def _judgement() -> dict[str, Json]:
    checks = [
        {"name": f"country={n}", "kind": "slice", "verdict": "PASS", "candidate": 0.9123 + n / 1e4, "champion": 0.9101}
        | {"difference": 0.0022, "low": -0.0013, "high": 0.0057, "p": 0.0123, "n": 512, "sentence": "better by 0.0022"}
        for n in range(SLICES)
    ]
    return {"verdict": "PASS", "reasons": ["better by 0.0022"] * SLICES, "checks": checks}


_RULE = {"primary": {"metric": "roc_auc", "better_by": 0.002}, "slices": {"by": ["country"], "no_worse_than": 0.01}}
_CODE = {"digest": "sha256:" + "0" * 64, "modules": {f"tidemill.part{n}": "sha256:" + "1" * 64 for n in range(20)}}

if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
