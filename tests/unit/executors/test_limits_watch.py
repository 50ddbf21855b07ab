"""When attempts are looked at, and what is too much: on a clock and a table of processes of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tidemill.core.causes import CauseKind
from tidemill.executors.limits_watch import BadLimit, Breach, Limits, LimitsWatch, limits_of
from tidemill.executors.process_tree import ProcessTree

MB = 1_000_000


@dataclass
class Machine:
    """Its clock, and for each process whom it has started, what it keeps, and what of that is its share."""

    time: float = 100.0
    cost: float = 0.0
    started: dict[int, list[int]] = field(default_factory=dict)
    memory: dict[int, int] = field(default_factory=dict)
    shares: dict[int, int] = field(default_factory=dict)
    looked: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def members(self, root: int, most: int) -> list[int]:
        self.looked.append(self.time)
        self.time += self.cost
        found = [root]
        for pid in found:
            found += self.started.get(pid, [])
        return found[: most + 1]

    def kept(self, pid: int) -> int:
        return self.memory.get(pid, 0)

    def share(self, pid: int) -> int:
        return self.shares.get(pid, self.kept(pid))


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def watch(machine: Machine) -> LimitsWatch:
    return LimitsWatch(machine, machine.now)


def run_until(machine: Machine, watch: LimitsWatch, end: float) -> list[Breach]:
    """Check whenever something is due, as a loop would."""
    found: list[Breach] = []
    while (due := watch.due()) is not None and due <= end:
        machine.time = max(machine.time, due)
        found += watch.check()
    machine.time = end
    return found


def test_nothing_is_due_for_nobody_and_for_who_has_no_limit(machine: Machine, watch: LimitsWatch) -> None:
    assert watch.due() is None
    watch.add("a", 1, Limits())
    assert watch.due() is None
    watch.add("b", 2, Limits(processes=10))
    assert watch.due() is not None
    watch.drop("b")
    watch.drop("b")
    assert watch.due() is None
    assert watch.check() == []
    assert machine.looked == []


def test_who_is_not_due_is_not_looked_at(machine: Machine, watch: LimitsWatch) -> None:
    watch.add("a", 1, Limits(processes=10))
    assert watch.check() == []
    assert machine.looked == []


def test_memory_of_a_whole_tree_counts(machine: Machine, watch: LimitsWatch) -> None:
    watch.add("a", 1, Limits(memory=200 * MB))
    machine.started = {1: [2, 3], 3: [4]}
    machine.memory = {1: 60 * MB, 2: 60 * MB, 3: 60 * MB}
    assert run_until(machine, watch, 102.0) == []
    machine.memory[4] = 60 * MB
    (breach,) = run_until(machine, watch, 104.0)
    assert breach.attempt == "a"
    assert breach.cause.kind is CauseKind.INFRASTRUCTURE
    assert breach.cause.message == "out of memory: its limit is 200.0 MB, it used 240.0 MB (peak 240.0 MB)"
    assert watch.due() is None, "one breach is told once"


def test_what_is_shared_counts_once(machine: Machine, watch: LimitsWatch) -> None:
    watch.add("a", 1, Limits(memory=200 * MB))
    machine.started = {1: [2, 3, 4]}
    machine.memory = dict.fromkeys((1, 2, 3, 4), 150 * MB)
    machine.shares = dict.fromkeys((1, 2, 3, 4), 40 * MB)
    assert run_until(machine, watch, 105.0) == []
    machine.shares[4] = 81 * MB
    (breach,) = run_until(machine, watch, 110.0)
    assert "used 201.0 MB" in breach.cause.message


def test_the_nearer_to_the_limit_the_sooner_the_next_look(machine: Machine, watch: LimitsWatch) -> None:
    def looks(memory: int) -> int:
        machine.memory[1] = memory
        before = len(machine.looked)
        run_until(machine, watch, machine.time + 10.0)
        return len(machine.looked) - before

    watch.add("a", 1, Limits(memory=8000 * MB))
    assert looks(0) == 10
    near = looks(7500 * MB)
    assert 30 < near < 60
    assert looks(7999 * MB) > 5 * near


def test_looking_never_costs_much(machine: Machine, watch: LimitsWatch) -> None:
    machine.cost = 0.05
    machine.memory[1] = 99 * MB
    watch.add("a", 1, Limits(memory=100 * MB))
    run_until(machine, watch, 200.0)
    assert len(machine.looked) * machine.cost < 5.0


def test_processes_beyond_the_limit(machine: Machine, watch: LimitsWatch) -> None:
    watch.add("a", 1, Limits(processes=100))
    watch.add("b", 1000, Limits(processes=100))
    machine.started = {1: list(range(2, 101))}
    assert run_until(machine, watch, 103.0) == []
    calm = len([at for at in machine.looked if at > 101.0])
    assert calm > 10, "a crowd is looked at more often"
    machine.started[2] = [101]
    (breach,) = run_until(machine, watch, 104.0)
    assert breach.attempt == "a"
    assert "too many processes: its limit is 100" in breach.cause.message
    assert watch.due() is not None, "the other one is still watched"


@pytest.mark.parametrize(
    ("resources", "limits"),
    [
        ({}, Limits(0, 1000)),
        ({"memory": 5}, Limits(5, 1000)),
        ({"memory": "200Mi", "processes": 3}, Limits(200 << 20, 3)),
        ({"processes": 0, "gpu": 1}, Limits()),
    ],
)
def test_what_resources_say(resources: dict[str, object], limits: Limits) -> None:
    assert limits_of(resources, 1000) == limits


@pytest.mark.parametrize(
    "resources", [{"memory": "much"}, {"memory": float("nan")}, {"memory": -1}, {"processes": "3"}, {"processes": True}]
)
def test_a_limit_that_says_nothing_is_refused(resources: dict[str, object]) -> None:
    with pytest.raises(BadLimit):
        limits_of(resources, 1000)


# --- the real machine -------------------------------------------------------------------------------------------------

EATER = """
import os, sys
block = bytearray(b"x") * (64 << 20)
child = os.fork()
if child == 0:
    more = bytearray(b"y") * (16 << 20)
    print(os.getpid(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def eater() -> Iterator[tuple[int, int]]:
    """A process of 64 MB and a child that shares these and has 16 MB of its own."""
    with subprocess.Popen([sys.executable, "-c", EATER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.pid, int(process.stdout.readline())
        process.stdin.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows it")
def test_a_real_tree(eater: tuple[int, int]) -> None:
    parent, child = eater
    tree = ProcessTree()
    assert tree.members(parent, 10) == [parent, child]
    assert tree.members(parent, 0) == [parent]
    assert len(tree.members(os.getppid(), 1)) <= 2
    for pid, own in ((parent, 64), (child, 80)):
        assert own << 20 <= tree.kept(pid) < (own + 40) << 20
    together = tree.share(parent) + tree.share(child)
    assert 80 << 20 <= together < 120 << 20, "what both have counts once"


def test_who_has_ended_uses_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    tree = ProcessTree()
    assert tree.members(process.pid, 10) == [process.pid]
    assert tree.kept(process.pid) == tree.share(process.pid) == 0
