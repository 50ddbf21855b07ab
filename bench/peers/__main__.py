"""`python -m bench.peers prefect dbos`: installs them, runs the same pipelines with each and with ours, one table."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from bench.machine import look
from bench.peers.environments import FOLDER, NotInstalled, python_of, version_of
from bench.peers.journals import journals
from bench.peers.listing import CHAIN, FAN, OURS, PEERS, Peer, chosen
from bench.peers.working import NotDone, seconds_of
from bench.table import number
from tidemill.core.errors import TidemillError

WORKS = ("chain", "fan", "hello")
FILE = FOLDER / "peers.json"


@dataclass(slots=True)
class Found:
    """What a tool took, in seconds, by work; why something is missing; the journals of what it wrote."""

    peer: Peer
    version: str
    seconds: dict[str, list[float]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    journals: str = ""

    def middle(self, work: str) -> float | None:
        return median(self.seconds[work]) if self.seconds.get(work) else None


def main() -> int:
    given = _arguments()
    if given.list:
        for peer in PEERS:
            print(f"{peer.name:<10}{version_of(peer.name, peer.package):<10}{peer.title}: {peer.isolation}")
        return 0
    try:
        peers = chosen(given.peers)
    except TidemillError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    FOLDER.mkdir(parents=True, exist_ok=True)
    machine = look(FOLDER)
    _tell(machine.in_one_line)
    with tempfile.TemporaryDirectory(prefix="work-", dir=FOLDER.absolute(), ignore_cleanup_errors=True) as folder:
        found = [_measured(peer, Path(folder), given.work or WORKS, given.repeat) for peer in (OURS, *peers)]
    print(f"\n{_table(found)}\n\n{machine.in_one_line}\nwritten to {FILE}")
    _write(found, machine.in_one_line)
    return 1 if any(one.failures for one in found) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.peers",
        description="Run the same pipelines with other tools, each in its own environment below .tidemill/peers.",
        epilog="A chain of 100 no-op tasks, a fan-out of 200, and a command line of five tasks until it exits.",
    )
    parser.add_argument("peers", nargs="*", metavar="PEER", help="whom (default: all; some take half an hour)")
    parser.add_argument("--work", action="append", choices=WORKS, help="what (default: all); may be repeated")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="samples, of which the median is shown")
    parser.add_argument("--list", action="store_true", help="list the peers")
    return parser.parse_args()


def _measured(peer: Peer, folder: Path, works: Sequence[str], times: int) -> Found:
    found = Found(peer, version("tidemill") if peer is OURS else version_of(peer.name, peer.package))
    python = Path(sys.executable)
    if peer is not OURS:
        _tell(f"{peer.name}: installing {peer.package} {found.version}, if it is not")
        try:
            python = python_of(peer.name)
        except NotInstalled as problem:
            found.failures["install"] = str(problem)
            return found
    seen: set[str] = set()
    for work in works:
        for _ in range(times):
            own = folder / f"{peer.name}-{work}"
            own.mkdir()
            try:
                if work == "hello":
                    # The first one makes what every later one finds.
                    seconds_of(peer, python, work, own)
                seconds = seconds_of(peer, python, work, own)
            except (NotDone, RuntimeError, OSError) as problem:
                found.failures[work] = str(problem)
                break
            finally:
                seen.add(journals(own))
                shutil.rmtree(own, ignore_errors=True)
            found.seconds.setdefault(work, []).append(seconds)
            _tell(f"{peer.name}: {work} {seconds:.2f} s")
    found.journals = ", ".join(sorted(seen - {""}))
    return found


def _table(found: Sequence[Found]) -> str:
    lines = [f"{'':<42}{'chain of 100':>16}{'fan-out of 200':>18}{'hello of 5':>14}", "-" * 90]
    for one in found:
        chain, fan, hello = (one.middle(work) for work in WORKS)
        per_task = number(chain * 1e3 / CHAIN if chain else None, "ms/task")
        rate = number(FAN / fan if fan else None, "/s")
        lines.append(f"{f'{one.peer.title} {one.version}':<42}{per_task:>16}{rate:>18}{number(hello, 's'):>14}")
    lines.append("")
    for one in found:
        journal = f" (journal: {one.journals})" if one.journals else ""
        text = f"{one.peer.title}. Isolation: {one.peer.isolation}. Kept: {one.peer.durability}{journal}. "
        text += f"Timed: {one.peer.timed}."
        text += "".join(f" {work} FAILED: {why.rstrip('.')}." for work, why in one.failures.items())
        lines += textwrap.wrap(text, 98, subsequent_indent="  ")
    return "\n".join(lines)


def _write(found: Sequence[Found], machine: str) -> None:
    rows: dict[str, Mapping[str, object]] = {
        one.peer.title: {
            "version": one.version,
            "isolation": one.peer.isolation,
            "durability": one.peer.durability,
            "journals": one.journals,
            "timed": one.peer.timed,
            "seconds": one.seconds,
            "failures": one.failures,
        }
        for one in found
    }
    document = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine, "peers": rows}
    FILE.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
