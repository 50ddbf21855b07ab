"""`python -m tests.soak`: runs that are killed and stopped at random, and a report of it."""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path

from tests.soak.board import MOMENT, Board
from tests.soak.processes import TARGETS
from tests.soak.rows import POINTS, ROWS
from tests.soak.soak import soak

REPORT = Path(".tidemill") / "soak.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="no scene begins later")
    parser.add_argument("--kills", type=int, default=300, help="how many there must be")
    parser.add_argument("--seed", type=int, default=None, help="what is random comes from it, but for the timing")
    parser.add_argument("--lanes", type=int, default=2, help="scenes at a time")
    parser.add_argument("--only", type=int, action="append", default=[], help="play this scene, and no other")
    parser.add_argument("--no-postgres", action="store_true", help="SQLite only")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    print(f"soak with seed {seed}", flush=True)
    begun = time.monotonic()

    def tell(board: Board, scenes: int) -> None:
        passed = time.monotonic() - begun
        print(f"{passed:6.1f} s  {scenes:3} scenes  {board.kills:4} kills  {len(board.findings)} findings", flush=True)

    board = soak(
        seed,
        kills=given.kills,
        seconds=given.seconds,
        lanes=given.lanes,
        with_server=not given.no_postgres,
        only=given.only,
        tell=tell,
    )
    if not given.only and not board.findings:
        if board.kills < given.kills:
            board.findings.append(f"only {board.kills} kills in the time that there was")
        board.findings += [f"never hit: {what}" for what in board.missed]
    seconds = time.monotonic() - begun
    again = f"make soak SEED={seed} SECONDS={given.seconds:g} KILLS={given.kills}"
    report = {"seed": seed, "seconds": round(seconds, 1), **board.as_json(), "repeat": again}
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n")
    print(_table(board, seconds))
    for finding in board.findings:
        print(f"\nFINDING {finding}")
    if board.findings:
        print(f"\nTo repeat it: {again}\none scene alone: .venv/bin/python -m tests.soak --seed {seed} --only NUMBER")
    return 1 if board.findings else 0


def _table(board: Board, seconds: float) -> str:
    lines = ["", "kills by target         stops"]
    lines += [f"  {target:<14}{board.targets[target]:6}{board.stops[target]:8}" for target in TARGETS]
    lines += ["kills by row of the walk"]
    lines += [f"  {row:<14}{board.rows[row]:6}" for row in ROWS]
    lines += ["kills by place"]
    lines += [f"  {place:<26}{board.places[place]:6}" for place in (MOMENT, *POINTS)]
    lines += ["runs"]
    lines += [f"  {name:<14}{count:6}" for name, count in sorted(board.runs.items())]
    lines += ["other"]
    lines += [f"  {name:<46}{count:6}" for name, count in sorted(board.other.items())]
    lines += [f"{board.kills} kills in {seconds:.0f} s, {len(board.findings)} findings"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
