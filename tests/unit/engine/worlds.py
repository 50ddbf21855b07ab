"""Graphs made by hypothesis together with what happens in them: every attempt's end follows from its place and a seed.

In one world things fail or are skipped, or joins ignore the difference: a join that ends at the first of both would
make the order of ends decide, and then no two runs need to agree.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.unit.engine.simulation import Done, Fail, Simulation, Skipped, Started, pipeline, task
from tidemill.core.bindings import Absent, Binding, Collect, Const, FirstOf, FunctionRef, Item, ListOf, Output, Status
from tidemill.core.expressions import Binary, Fn, Op, Read, Unary
from tidemill.core.graph import (
    After,
    Combine,
    Each,
    Empty,
    Node,
    Outcome,
    Over,
    Overdue,
    Pipeline,
    Retry,
    Role,
    Scope,
    Sub,
    UntilApproval,
    UntilEvent,
    UntilTime,
    UntilTrue,
    Wait,
    join_path,
)
from tidemill.core.joins import Join
from tidemill.core.records import Steer, Wake
from tidemill.core.states import TaskState
from tidemill.engine.moves import Approved, Event, Happened
from tidemill.engine.unit import Unit

EXAMPLES = int(os.environ.get("TIDEMILL_TEST_EXAMPLES", "150"))
FAILING, SKIPPING, BOTH = "failing", "skipping", "both"
_EARLY = (Join.ONE_SUCCESS, Join.ONE_DONE, Join.ONE_FAILED, Join.ALWAYS)
_PATIENT = (Join.ALL_DONE, Join.NONE_FAILED, Join.ALL_DONE_MIN_ONE_SUCCESS, Join.NONE_FAILED_MIN_ONE_SUCCESS)


@dataclass(repr=False)
class World:
    """`script` is to be made anew for each run that is compared: it counts what it was asked."""

    graph: Pipeline
    seed: int
    mode: str
    slots: int
    branches: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lists: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"World(seed={self.seed}, {self.mode}, slots={self.slots}, {self.branches}):\n" + drawn(self.graph.root)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))

    def script(self, healed: bool = False, plain: bool = False) -> Callable[[Started], Any]:
        asked: Counter[tuple[str, Any]] = Counter()

        def answer(told: Started) -> Any:
            place = (told.path, told.instance)
            asked[place] += 1
            ends = self._ends(told)
            if healed:
                ends = [end for end in ends if end in ("ok", "skip")][-1:] or ["ok"]
            how = ends[min(asked[place], len(ends)) - 1]
            if how == "fail":
                return Fail(f"{told.path} failed")
            if how == "skip":
                return Skipped()
            if how == "later":
                return Wake(after_s=30.0, resume=asked[place])
            if how == "event":
                return Wake(event="go", resume="kept")
            return self._value(replace(told, resume=None) if plain else told)

        return answer

    def simulation(self) -> Simulation:
        return Simulation(self.graph, self.script(), self.slots)

    def _ends(self, told: Started) -> list[str]:
        items = [step.item for step in told.instance]
        number = hashed(self.seed, told.path, items, "ends")
        table = {
            FAILING: [
                ["ok"],
                ["ok"],
                ["ok"],
                ["fail", "ok"],
                ["fail"],
                ["fail", "fail", "ok"],
                ["later", "event", "ok"],
            ],
            SKIPPING: [["ok"], ["ok"], ["ok"], ["skip"], ["later", "ok"], ["event", "later", "skip"]],
            BOTH: [["ok"], ["ok"], ["fail", "ok"], ["fail"], ["skip"], ["fail", "skip"], ["later", "fail", "ok"]],
        }[self.mode]
        ends = table[number % len(table)]
        rounds = sum(step.generation for step in told.instance)
        # A scope that is tried again has better luck, sooner or later.
        return [end for end in ends if end != "fail"] or ["ok"] if rounds > number // 100 % 3 else ends

    def _value(self, told: Started) -> Any:
        shown = f"{told.path}{[step.item for step in told.instance]}"
        value = f"{shown}:{hashed(sorted(told.inputs.items()), told.resume) % 10_000}"
        if told.path in self.branches:
            ways = self.branches[told.path]
            chosen = ways[hashed(self.seed, shown, "way") % len(ways)]
            transitive = hashed(self.seed, told.path, "transitive") % 2 == 0
            return Done({"result": value}, Steer(follow=(chosen,), transitive=transitive))
        if told.path in self.lists:
            return [f"{value}.{n}" for n in range(hashed(self.seed, told.path, "length") % 4)]
        return value


def drawn(scope: Scope, depth: int = 1) -> str:
    """The graph in few lines: what differs from the default only."""
    lines = []
    for node in scope.nodes:
        plain = Node(node.id, node.body)
        body = "Sub" if isinstance(node.body, Sub) else node.body.__class__.__name__
        if isinstance(node.body, Wait):
            body = f"{node.body.until} {node.body.deadline} {node.body.overdue}"
        said = [
            f"{name}={getattr(node, name)}"
            for name in ("after", "join", "inputs", "when", "each", "retry", "role", "counts_for_outcome")
            if getattr(node, name) != getattr(plain, name)
        ]
        lines.append("  " * depth + f"{node.id}: {body} " + " ".join(said))
        if isinstance(node.body, Sub):
            lines += [drawn(node.body.scope, depth + 1), "  " * depth + f"outcome {node.body.scope.outcome.value}"]
    return "\n".join(lines)


def hashed(*parts: Any) -> int:
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=6).digest())


def play(
    world: World,
    run: Simulation,
    cuts: Mapping[int, bool] | None = None,
    promptly: bool = False,
    wishes: Mapping[int, Callable[[Simulation], Event]] | None = None,
) -> Simulation:
    """To the end; what waits for people and events gets it once nothing else happens, or (all yes) `promptly`.

    Before the n-th step, for each n in `cuts`, the engine dies and another one goes on; true = attempts are adopted.
    `wishes` are what people ask for before certain steps.
    """
    run.begin()
    steps = 0
    told: set[tuple[Any, int]] = set()
    while True:
        if cuts and steps in cuts:
            run = run.crash(adopt=lambda attempt, keep=cuts[steps]: keep and hashed(attempt) % 2 == 0)
        if wishes and steps in wishes and not run.progress.state.final:
            run.send(wishes[steps](run))
        steps += 1
        while promptly and (listening := [unit.key for unit in run.progress.units.values() if _listens(unit)]):
            run.send(Happened("go", payload="it happened"))
            for key in listening:
                run.send(Approved(key, True, "ann", "fine"))
        if run.step():
            continue
        if run.progress.state.final:
            return run
        asleep = [unit for unit in run.progress.units.values() if unit.state is TaskState.SUSPENDED]
        assert asleep, f"nothing goes on and nothing waits: {run.states()}"
        for unit in asleep:
            assert (unit.key, unit.attempts) not in told or unit.wake is None, f"{unit.key} forgot what it was told"
        waiting = [unit for unit in asleep if unit.wake is not None and unit.wake.event]
        told |= {(unit.key, unit.attempts) for unit in waiting or asleep}
        if waiting:
            run.send(Happened("go", payload="it happened"))
            continue
        for key in sorted(unit.key for unit in asleep):
            yes = world.mode == SKIPPING or hashed(str(key)) % 3 > 0
            run.send(Approved(key, yes, "ann", "fine"))


def _listens(unit: Unit) -> bool:
    return unit.state is TaskState.SUSPENDED and unit.wake is not None and bool(unit.wake.event or unit.wake.approval)


def worlds(*modes: str) -> st.SearchStrategy[World]:
    """Drawn by seed and size: left to itself, hypothesis draws graphs of three nodes."""
    of = modes or (FAILING, SKIPPING, BOTH)
    return st.builds(
        lambda seed, size: _Maker(Random(hashed(seed)), size, of).world(),
        st.integers(0, 1 << 32),
        st.sampled_from([5, 12, 20, 30]),
    )


class _Maker:
    def __init__(self, random: Random, size: int, modes: Sequence[str]) -> None:
        self.random = random
        self.mode = random.choice(modes)
        self.branches: dict[str, tuple[str, ...]] = {}
        self.lists: set[str] = set()
        self.left = size
        self.patient = True

    def world(self) -> World:
        nodes = self.scope("", 0, [])
        outcome = self.random.choice(list(Outcome))
        seed, slots = self.random.randint(0, 1 << 30), self.random.randint(1, 4)
        graph = pipeline(*nodes, outcome=outcome)
        return World(graph, seed, self.mode, slots, self.branches, frozenset(self.lists))

    def coin(self) -> bool:
        return self.random.random() < 0.5

    def scope(self, at: str, depth: int, outside: list[tuple[str, bool]]) -> list[Node]:
        """`outside` are nodes that may be read: their paths, and whether they are mapped."""
        known = list(outside)
        beside: list[tuple[str, bool]] = []
        nodes: list[Node] = []
        for number in range(self.random.randint(2, 4 if depth else 8)):
            if self.left <= 0 and nodes:
                break
            self.left -= 1
            id = f"n{number}"
            path = join_path(at, id)
            made = self.node(id, path, depth, known, beside)
            nodes.append(made)
            known.append((path, made.each is not None))
            beside.append((path, made.each is not None))
        self.steer(at, nodes)
        return self.random.sample(nodes, len(nodes))

    def node(
        self, id: str, path: str, depth: int, known: list[tuple[str, bool]], beside: list[tuple[str, bool]]
    ) -> Node:
        random = self.random
        kind = random.choice(["task", "task", "task", "list", "scope", "time", "event", "ask", "poll"])
        after = tuple(After(up, instances=mapped and self.coin()) for up, mapped in known if random.randint(0, 3) == 0)
        join = self.join()
        # What starts before the rest has ended must not read the rest.
        early = join in _EARLY
        self.patient = self.patient and not early
        mapped = kind in ("task", "scope") and random.randint(0, 2) == 0
        each = self.each([] if early else known, [] if early else beside) if mapped else None
        when = None if early else self.condition(known)
        header: dict[str, Any] = {"after": after, "join": join, "each": each, "when": when}
        header["retry"] = random.choice([None, Retry(1), Retry(2, delay=5.0)])
        header["counts_for_outcome"] = random.randint(0, 5) > 0
        if each is None and random.randint(0, 7) == 0:
            header["role"] = Role.TEARDOWN
        if not early:
            header["inputs"] = self.inputs(known) | ({"item": Item("i")} if each else {})
        match kind:
            case "list":
                self.lists.add(path)
                return task(id, **header)
            case "scope" if depth < 2:
                header.pop("inputs", None)
                inner = self.scope(path, depth + 1, known)
                outcome = random.choice(list(Outcome))
                last = Output(join_path(path, inner[-1].id), absent=Absent.NULL)
                return Node(id, Sub(Scope(tuple(inner), (), {"result": last}, outcome)), **header)
            case "time":
                return self.wait(id, UntilTime(Const(random.randint(1, 50))), header)
            case "event":
                return self.wait(id, UntilEvent(Const("go")), header)
            case "ask":
                return self.wait(id, UntilApproval(Const("may it?"), ("ann",)), header)
            case "poll":
                return self.wait(id, UntilTrue(FunctionRef("user", id), 30.0), header)
        return task(id, **header)

    def wait(self, id: str, until: Any, header: dict[str, Any]) -> Node:
        deadline = self.random.choice([None, None, 20.0]) if self.mode != BOTH else None
        if not isinstance(until, UntilTrue):
            header.pop("inputs", None)
        overdue = Overdue.FAIL if self.mode == FAILING else Overdue.SKIP if self.mode == SKIPPING else Overdue.SUCCEED
        return Node(id, Wait(until, deadline, overdue), **header | {"each": None})

    def join(self) -> Join:
        default = _PATIENT[1] if self.mode == BOTH else Join.ALL_SUCCESS
        # What may start before a branch has been decided makes the order of ends decide.
        early = () if self.branches else _EARLY
        return self.random.choice([default, default, default, *_PATIENT, *early])

    def inputs(self, known: list[tuple[str, bool]]) -> dict[str, Binding]:
        found: dict[str, Binding] = {}
        for number, (up, mapped) in enumerate(known):
            if self.random.randint(0, 2):
                continue
            choices: list[Binding] = [
                Output(up, absent=Absent.NULL),
                Status(up, ("state",)),
                FirstOf((Output(up), Const("none"))),
                ListOf((Const(1), Output(up, absent=Absent.NULL))),
            ]
            found[f"in{number}"] = Collect(up) if mapped else (self.random.choice(choices))
        return found

    def each(self, known: list[tuple[str, bool]], beside: list[tuple[str, bool]]) -> Each:
        random = self.random
        mapped = [up for up, is_mapped in beside if is_mapped]
        lists = [up for up, _ in known if up in self.lists]
        sources = ["const"] + ["follow"] * 2 * bool(mapped) + ["list"] * 2 * bool(lists)
        empty = random.choice(list(Empty))
        match random.choice(sources):
            case "follow":
                output = Output((random.choice(mapped)), absent=Absent.NULL)
                more = (Over("k", Const(["a", "b"])),) if self.coin() else ()
                return Each((Over("i", output, follow=True), *more), empty=empty)
            case "list":
                over = Over("i", Output(random.choice(lists)))
                return Each((over,), empty=empty, parallelism=random.choice([None, 1]))
        items = Const(list(range(random.randint(0, 3))))
        if self.coin():
            return Each((Over("i", items), Over("j", items)), combine=Combine.ZIP, empty=empty)
        return Each((Over("i", items),), empty=empty, parallelism=random.choice([None, None, 2]))

    def condition(self, known: list[tuple[str, bool]]) -> Any:
        if self.mode == FAILING or not known or self.random.randint(0, 4):
            return None
        up, _ = self.random.choice(known)
        succeeded = Binary(Op.EQ, Read(Status(up, ("state",))), Read(Const("succeeded")))
        return succeeded if self.coin() else Unary(Fn.NOT, succeeded)

    def steer(self, at: str, nodes: list[Node]) -> None:
        """One of the plain tasks may decide which of those after it run."""
        if self.mode == FAILING or not self.patient or len(nodes) < 3 or self.coin():
            return
        for n, node in enumerate(nodes[:-2]):
            path = join_path(at, node.id)
            if node.scope is None and not isinstance(node.body, Wait) and path not in self.lists and node.each is None:
                ways = [later.id for later in nodes[n + 1 :]]
                if len(ways) < 2:
                    return
                for m, later in enumerate(nodes[n + 1 :], n + 1):
                    if later.id in ways and all(after.node != path for after in later.after):
                        nodes[m] = _after(later, path)
                self.branches[path] = tuple(ways)
                return


def _after(node: Node, path: str) -> Node:
    return replace(node, after=(*node.after, After(path)))
