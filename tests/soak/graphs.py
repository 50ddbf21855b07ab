"""Random pipelines, and what must come of them, worked out in plain Python while they are built.

Every block takes a number and gives a number, so blocks follow each other in any order.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.soak import tasks
from tests.soak.tasks import MODULUS
from tidemill import at_end, each, first_of, otherwise, pipeline, poll, status_of, subgraph, wait_for, when
from tidemill.authoring.trace import trace
from tidemill.core.check import check
from tidemill.core.graph import LostPolicy, OnLost, Pipeline, Scope, Sub

POOL = "oven"
PATIENT = OnLost(budget=1000)
"""How often a task is lost is up to the soak; it must not become a failure."""


@dataclass(frozen=True)
class Task:
    """What must be recorded of one task run; `value` None where it says nothing. `acts` names a variable it sets.

    `once`: it is never to be run twice, so it may have failed as well if its process went away.
    """

    state: str
    value: Any = None
    acts: str = ""
    once: bool = False


@dataclass
class Graph:
    """A pipeline, and the task runs that must come of it, by the names that people read."""

    pipeline: Pipeline
    tasks: dict[str, Task]
    blocks: list[str]
    """The kinds of its parts."""

    @property
    def state(self) -> str:
        """A failure inside a block that was tried again does not count."""
        again = {name.partition("/")[0] for name in self.tasks if "[0#" in name}
        failed = [name for name, task in self.tasks.items() if task.state == "failed"]
        return "failed" if any(name.partition("/")[0] not in again for name in failed) else "succeeded"


@dataclass
class _Building:
    dice: random.Random
    salt: str
    ledger: Any
    tasks: dict[str, Task] = field(default_factory=dict)
    number: int = 0

    def name(self, what: str) -> str:
        return f"b{self.number}_{what}"

    def done(self, name: str, value: Any, state: str = "succeeded", acts: str = "") -> None:
        self.tasks[name] = Task(state, value, acts)

    def branches(self, above: str, below: str, mark: str, taken: bool, value: int) -> None:
        """Of two blocks, the one that is not taken is skipped as a whole."""
        if taken:
            self.done(f"{above}/up{mark}", value)
        else:
            self.done(f"{below}/down{mark}", value)
        self.done(f"{below if taken else above}{mark}", None, "skipped")

    def isolation(self) -> dict[str, Any]:
        """A process of its own, or one that it shares with others."""
        return {"isolation": "shared"} if self.dice.random() < 0.5 else {}

    def pause(self) -> float:
        return self.dice.choice([0.0, 0.01, 0.05, 0.2])


Number = tuple[Any, int]
"""What the pipeline knows it by, and what it is."""


def _chain(b: _Building, x: Number) -> Number:
    traced, value = x
    for n in range(b.dice.randint(2, 6)):
        name = b.name(f"add{n}")
        traced = tasks.add.options(name=name)(b.ledger, traced, n, b.pause())
        value = (value + n) % MODULUS
        b.done(name, value)
    return traced, value


def _fan(b: _Building, x: Number) -> Number:
    made, values = [], []
    for n in range(b.dice.randint(2, 8)):
        name = b.name(f"add{n}")
        options = {"pool": POOL} if b.dice.random() < 0.3 else b.isolation()
        made.append(tasks.add.options(name=name, **options)(b.ledger, x[0], n, b.pause()))
        values.append((x[1] + n) % MODULUS)
        b.done(name, values[-1])
    b.done(b.name("total"), sum(values) % MODULUS)
    return tasks.total.options(name=b.name("total"))(b.ledger, made), sum(values) % MODULUS


def _map(b: _Building, x: Number) -> Number:
    count, pause = b.dice.choice([0, 1, 5, 12, 30]), b.dice.choice([0.0, 0.01])
    options = {"pool": POOL} if count == 5 else b.isolation()
    items = tasks.numbers.options(name=b.name("numbers"))(b.ledger, x[0], count)
    values = [(x[1] + n) % MODULUS for n in range(count)]
    b.done(b.name("numbers"), values)
    squares = each(
        tasks.square.options(**options), over={"n": items}, name=b.name("square"), ledger=b.ledger, pause=pause
    )
    for index, n in enumerate(values):
        b.done(f"{b.name('square')}[{index}]", n * n % MODULUS)
    result = sum(n * n % MODULUS for n in values) % MODULUS
    b.done(b.name("total"), result)
    return tasks.total.options(name=b.name("total"))(b.ledger, squares), result


def _holes(b: _Building, x: Number) -> Number:
    values = [b.dice.randrange(1, 100) for _ in range(b.dice.randint(2, 8))]
    if b.dice.random() < 0.6:
        values = [n for n in values if n % 5] or [7]
    found = each(tasks.holey, over={"n": values}, name=b.name("holey"), ledger=b.ledger)
    for index, n in enumerate(values):
        state = "failed" if n % 5 == 0 else "skipped" if n % 3 == 0 else "succeeded"
        b.done(f"{b.name('holey')}[{index}]", n if state == "succeeded" else None, state)
    good = sum(n for n in values if n % 5 and n % 3) % MODULUS
    b.done(b.name("gather"), good)
    gathered = tasks.gather.options(name=b.name("gather"))(b.ledger, found)
    return _sum(b, x, (gathered, good))


def _branch(b: _Building, x: Number) -> Number:
    limit = b.dice.randrange(MODULUS)
    with when(x[0] > limit, name=b.name("above")):
        above = tasks.add.options(name="up")(b.ledger, x[0], 1)
    with otherwise(name=b.name("below")):
        below = tasks.add.options(name="down")(b.ledger, x[0], 2)
    taken = x[1] > limit
    value = (x[1] + (1 if taken else 2)) % MODULUS
    b.branches(b.name("above"), b.name("below"), "", taken, value)
    b.done(b.name("chosen"), value)
    return tasks.add.options(name=b.name("chosen"))(b.ledger, first_of(above, below), 0), value


def _flaky(b: _Building, x: Number) -> Number:
    fails, value = b.dice.randint(1, 3), x[1] * 3 % MODULUS
    b.done(b.name("flaky"), value)
    done = tasks.flaky.options(name=b.name("flaky"), retries=fails, retry_delay=0.05)
    return done(b.ledger, x[0], fails, b.pause()), value


def _scope(b: _Building, x: Number) -> Number:
    rounds, name = b.dice.randint(0, 2), b.name("block")
    with subgraph(name, retries=2):
        first = tasks.add.options(name="first")(b.ledger, x[0], 5, b.pause())
        second = tasks.unlucky.options(name="second")(b.ledger, first, rounds)
    value = (x[1] + 5) % MODULUS
    for n in range(rounds + 1):
        mark = f"[0#{n}]" if n else "[0]"
        b.done(f"{name}/first{mark}", value)
        good = n == rounds
        b.done(f"{name}/second{mark}", (value + 1) % MODULUS if good else None, "succeeded" if good else "failed")
    return _sum(b, x, (second, (value + 1) % MODULUS))


@pipeline
def part(ledger: str, k: int, x: int):
    """One item of an outer map: a map inside, and a branch on what came of it."""
    squares = each(tasks.square, over={"n": tasks.numbers(ledger, k, 3)}, ledger=ledger)
    summed = tasks.total(ledger, squares)
    with when(summed > x, name="above"):
        up = tasks.add.options(name="up")(ledger, summed, 1)
    with otherwise(name="below"):
        down = tasks.add.options(name="down")(ledger, summed, 2)
    return first_of(up, down)


def _nested(b: _Building, x: Number) -> Number:
    items, name, results = [b.dice.randrange(100) for _ in range(b.dice.randint(1, 4))], b.name("part"), []
    parts = each(part, over={"k": items}, name=name, ledger=b.ledger, x=x[0])
    for index, k in enumerate(items):
        mark, values = f"[{index}]", [k + n for n in range(3)]
        b.done(f"{name}/numbers{mark}", values)
        for inner, n in enumerate(values):
            b.done(f"{name}/square{mark}[{inner}]", n * n % MODULUS)
        summed = sum(n * n % MODULUS for n in values) % MODULUS
        b.done(f"{name}/total{mark}", summed)
        taken = summed > x[1]
        value = (summed + (1 if taken else 2)) % MODULUS
        b.branches(f"{name}/above", f"{name}/below", mark, taken, value)
        results.append(value)
    b.done(b.name("total"), sum(results) % MODULUS)
    return tasks.total.options(name=b.name("total"))(b.ledger, parts), sum(results) % MODULUS


def _act(b: _Building, x: Number) -> Number:
    name, count = f"{b.salt}.{b.number}", b.dice.randint(1, 4)
    acted = tasks.acting.options(name=b.name("acting"), after=[x[0]])(b.ledger, name, count)
    b.done(b.name("acting"), None, acts=name)
    b.done(b.name("after"), x[1])
    return tasks.add.options(name=b.name("after"), after=[acted])(b.ledger, x[0], 0), x[1]


def _files(b: _Building, x: Number) -> Number:
    b.done(b.name("written"), None)
    b.done(b.name("counted"), x[1] % 50)
    file = tasks.written.options(name=b.name("written"))(b.ledger, x[0])
    return _sum(b, x, (tasks.counted.options(name=b.name("counted"))(b.ledger, file), x[1] % 50))


def _push(b: _Building, x: Number) -> Number:
    b.done(b.name("pushing"), (x[1] + 7) % MODULUS)
    return tasks.pushing.options(name=b.name("pushing"))(b.ledger, x[0]), (x[1] + 7) % MODULUS


def _print(b: _Building, x: Number) -> Number:
    lines = b.dice.choice([1, 100, 5000])
    b.done(b.name("printing"), (x[1] + lines) % MODULUS)
    return tasks.printing.options(name=b.name("printing"))(b.ledger, x[0], lines), (x[1] + lines) % MODULUS


def _cached(b: _Building, x: Number) -> Number:
    salt, value = f"{b.salt}.{b.number}", (x[1] + 100) % MODULUS
    first = tasks.costly.options(name=b.name("first"))(b.ledger, x[0], salt, 0.02)
    again = tasks.costly.options(name=b.name("again"), after=[first])(b.ledger, x[0], salt, 0.02)
    b.done(b.name("first"), value)
    b.done(b.name("again"), value)
    return again, value


def _wait(b: _Building, x: Number) -> Number:
    slept = wait_for(b.dice.choice([0.1, 0.4]), name=b.name("wait"), after=[x[0]])
    asked = poll(tasks.third_time, every=0.1, name=b.name("poll"), after=[x[0]], ledger=b.ledger)
    b.done(b.name("wait"), None)
    b.done(b.name("poll"), None)
    b.done(b.name("after"), x[1])
    return tasks.add.options(name=b.name("after"), after=[slept, asked])(b.ledger, x[0], 0), x[1]


def _help(b: _Building, x: Number) -> Number:
    b.done(b.name("helped"), (x[1] + 11) % MODULUS)
    pause = b.dice.choice([0.1, 0.5])
    return tasks.helped.options(name=b.name("helped"))(b.ledger, x[0], pause), (x[1] + 11) % MODULUS


def _failure(b: _Building, x: Number) -> Number:
    retries, endless = b.dice.randint(0, 1), b.dice.random() < 0.4
    what, kind = (tasks.endless, "timed out") if endless else (tasks.failing, "user code")
    failed = what.options(name=b.name("failing"), retries=retries)(b.ledger, x[0])
    tasks.add.options(name=b.name("never"))(b.ledger, failed, 1)
    b.done(b.name("failing"), None, "failed")
    b.done(b.name("never"), None, "upstream_failed")
    b.done(b.name("ended"), [x[1], "failed", kind])
    tasks.ended_as.options(name=b.name("ended"), after=[failed])(b.ledger, x[0], status_of(failed))
    return x


def _once(b: _Building, x: Number) -> Number:
    asked, isolation = [], b.isolation()
    for n in range(b.dice.randint(2, 8)):
        name = b.name(f"once{n}")
        task = tasks.add.options(name=name, on_lost="never", counts_for_outcome=False, **isolation)
        asked.append(task(b.ledger, x[0], n, b.dice.choice([0.02, 0.1])))
        b.tasks[name] = Task("succeeded", (x[1] + n) % MODULUS, once=True)
    b.done(b.name("after"), x[1])
    after = tasks.add.options(name=b.name("after"), after=asked, join="all_done")
    return after(b.ledger, x[0], 0), x[1]


def _sum(b: _Building, x: Number, y: Number) -> Number:
    value = (x[1] + y[1]) % MODULUS
    b.done(b.name("sum"), value)
    return tasks.total.options(name=b.name("sum"))(b.ledger, [x[0], y[0]]), value


BLOCKS: dict[str, Callable[[_Building, Number], Number]] = {
    "chain": _chain,
    "fan": _fan,
    "map": _map,
    "holes": _holes,
    "branch": _branch,
    "flaky": _flaky,
    "scope": _scope,
    "nested": _nested,
    "act": _act,
    "files": _files,
    "push": _push,
    "print": _print,
    "cached": _cached,
    "wait": _wait,
    "help": _help,
    "failure": _failure,
    "once": _once,
}


NOT_INLINE = frozenset({"help", "failure"})
"""A task in the engine's own process has no timeout, and nobody cleans up behind it."""


def random_graph(dice: random.Random, salt: str, size: int, inline: bool = False) -> Graph:
    """A pipeline with a parameter `ledger`, of `size` blocks. `salt` is another one for each run of the soak."""
    known = sorted(BLOCKS.keys() - NOT_INLINE if inline else BLOCKS)
    # What goes wrong here is seen only if the blow falls between an effect and the report.
    chosen = [dice.choice([*known, "act", "act", "once"]) for _ in range(size)]
    building = _Building(dice, salt, None)

    @pipeline(name=f"soak_{salt}")
    def soak(ledger: str):
        building.ledger = ledger
        start = dice.randrange(MODULUS)
        building.done("start", start)
        numbers: list[Number] = [(tasks.add.options(name="start")(ledger, start, 0), start)]
        for number, name in enumerate(chosen):
            building.number = number
            # Mostly one after the other; now and then something that runs beside.
            source = numbers[-1] if dice.random() < 0.7 else dice.choice(numbers)
            numbers.append(BLOCKS[name](building, source))
        building.number = size
        with at_end():
            tasks.add.options(name="farewell", join="all_done")(ledger, 1, 1)
        building.done("farewell", 2)

    made = trace(soak)
    assert not check(made), check(made)
    return Graph(replace(made, root=_patient(made.root)), building.tasks, chosen)


def _patient(scope: Scope) -> Scope:
    nodes = []
    for node in scope.nodes:
        body = replace(node.body, scope=_patient(node.body.scope)) if isinstance(node.body, Sub) else node.body
        nodes.append(
            replace(node, body=body, on_lost=PATIENT if node.on_lost.policy is LostPolicy.RETRY else node.on_lost)
        )
    return replace(scope, nodes=tuple(nodes))
