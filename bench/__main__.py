"""`python -m bench`: measures the rows, prints one table, and writes `.tidemill/bench.json`."""

from __future__ import annotations

import argparse
import compileall
import json
import os
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.document import document
from bench.listing import ROWS, chosen
from bench.machine import look
from bench.measuring import NotMeasured, measure
from bench.row import Measured, Row, Verdict
from bench.sampling import LEAST
from bench.table import Result, table
from tidemill.core.errors import InputError, TidemillError

HOME = Path(".tidemill")
FILE = HOME / "bench.json"
SOURCES = Path(__file__).resolve().parents[1] / "src"


def main() -> int:
    given = _arguments()
    if given.list:
        for row in ROWS:
            print(f"{row.key:<14}{row.name}" + (f"  [against: {row.reference}]" if row.reference else ""))
        return 0
    try:
        if os.environ.get("PYTHONDONTWRITEBYTECODE"):
            raise InputError(
                "PYTHONDONTWRITEBYTECODE is set, so that every process would compile its modules again",
                remedy="run `make bench`, or `unset PYTHONDONTWRITEBYTECODE`",
            )
        if given.repeat is not None and given.repeat < LEAST:
            raise InputError(f"--repeat {given.repeat} is too little for a median", remedy=f"take {LEAST} or more")
        rows = chosen([*given.rows, *given.row])
    except TidemillError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    HOME.mkdir(exist_ok=True)
    machine = look(HOME)
    at = datetime.now(UTC)
    _tell(machine.in_one_line)
    _compile_everything()
    # Below the working directory and not in a folder for temporary files: that may be in memory, where fsync is free.
    with tempfile.TemporaryDirectory(prefix="bench-", dir=HOME.absolute(), ignore_cleanup_errors=True) as folder:
        results = [_measured(row, Path(folder), given.repeat or row.times) for row in rows]
    written = document(machine, at, results)
    FILE.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    if given.json:
        print(json.dumps(written, indent=2))
    else:
        print(f"\n{table(results)}\n\n{machine.in_one_line}\nwritten to {FILE}")
    return 1 if any(result.verdict in (Verdict.FAILED, Verdict.VOID) for result in results) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure speed against the machine's own limit in the same run.",
        epilog="Exit code: 0; 1 if a row could not be measured or does not count; 2 for a wrong argument.",
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="keys of rows (default: all)")
    parser.add_argument("--row", action="append", default=[], metavar="KEY", help="the same; may be repeated")
    parser.add_argument("--repeat", type=int, metavar="N", help="samples of each side (default: each row's own, 3-7)")
    parser.add_argument("--json", action="store_true", help="print the document instead of the table")
    parser.add_argument("--list", action="store_true", help="list the rows")
    return parser.parse_args()


def _measured(row: Row, folder: Path, times: int) -> Result:
    progress = _Progress(row.key)
    try:
        result = Result(row, measure(row, folder, times, progress.say))
    except NotMeasured as problem:
        result = Result(row, Measured(), failure=str(problem))
    progress.done(result)
    return result


class _Progress:
    """One line for each row: on a terminal it is written over and over, elsewhere only its end is told."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._live = sys.stderr.isatty()

    def say(self, text: str) -> None:
        if self._live:
            room = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r\x1b[2K{f'{self._key:<14}{text}'[:room]}")
            sys.stderr.flush()

    def done(self, result: Result) -> None:
        ratio = "" if result.ratio is None else f"{result.ratio:.2f}x  "
        self.say("")
        _tell(("\r" if self._live else "") + f"{self._key:<14}{ratio}{result.verdict.value}")


def _compile_everything() -> None:
    """Byte code of all that is imported, so that no side's first process pays for it."""
    folders: Sequence[Path] = [SOURCES, Path(__file__).parent, Path(sysconfig.get_paths()["purelib"])]
    for folder in folders:
        compileall.compile_dir(folder, quiet=2)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
