"""Graphs drawn by a seed, with what their tasks do at first and after a reopening.

What may start before the rest has ended reads nothing of the rest: else the order of ends would decide what it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from tests.matrix import behaviour
from tidemill.core.bindings import (
    RESULT,
    Absent,
    Binding,
    Collect,
    Const,
    DictOf,
    FirstOf,
    FunctionRef,
    Gap,
    Index,
    Item,
    ListOf,
    Metadata,
    Output,
    Param,
    Shape,
    Status,
    Template,
)
from tidemill.core.expressions import Binary, Expression, Fn, Op, Read, Unary
from tidemill.core.graph import (
    After,
    Call,
    Combine,
    Container,
    Each,
    Empty,
    Import,
    Node,
    Outcome,
    OutputSpec,
    Over,
    Overdue,
    Pipeline,
    Retry,
    Returns,
    Role,
    Scope,
    Sub,
    Until,
    UntilApproval,
    UntilEvent,
    UntilTime,
    UntilTrue,
    Wait,
    join_path,
    walk_nodes,
)
from tidemill.core.graph_json import pipeline_from_text, pipeline_text
from tidemill.core.joins import Join
from tidemill.core.types import Parameter

FILE = str(Path(behaviour.__file__).resolve())
EARLY = (Join.ONE_SUCCESS, Join.ONE_DONE, Join.ONE_FAILED, Join.ALWAYS)
PATIENT = tuple(join for join in Join if join not in EARLY and join is not Join.ALL_DONE_SETUP_SUCCESS)
SILENT = ("import", "time", "container")
"""Kinds of nodes that give nothing to be read, or nothing that is in the rows."""
ENDS = (
    ["ok"],
    ["ok"],
    ["ok"],
    ["ok"],
    ["fail", "ok"],
    ["fail"],
    ["fail", "fail", "ok"],
    ["skip"],
    ["fail", "skip"],
    ["refuse", "ok"],
    ["later", "ok"],
    ["later", "fail", "ok"],
)


@dataclass(frozen=True)
class Case:
    """`behaviours` is by node path, as `behaviour.answer` wants it; `again` is what holds after a reopening.

    `also` are paths of nodes that are then run again in any case.
    """

    name: str
    graph: Pipeline
    behaviours: dict[str, dict[str, Any]]
    again: dict[str, dict[str, Any]] | None = None
    also: tuple[str, ...] = ()

    @staticmethod
    def approves(path: str) -> bool:
        """What people say to a wait for approval: no to every third one."""
        return sum(path.encode()) % 3 > 0


def pipeline(
    *nodes: Node, outputs: dict[str, Binding] | None = None, outcome: Outcome = Outcome.ANY_FAILURE
) -> Pipeline:
    """A pipeline as it comes back from its stored form."""
    root = Scope(tuple(nodes), (), outputs or {}, outcome)
    return pipeline_from_text(pipeline_text(Pipeline("matrix", root, (Parameter("folder"),))))


def task(id: str, *after: str, kind: str = "text", **header: Any) -> Node:
    """A node that calls `behaviour.work`, after some others."""
    function = FunctionRef("behaviour", "work", FILE)
    body = (
        Call(function, {"a": OutputSpec(), "b": OutputSpec()}, Returns.FIELDS) if kind == "fields" else Call(function)
    )
    header["inputs"] = {"folder": Param("folder"), **header.get("inputs", {})}
    header["after"] = (*header.get("after", ()), *(After(up) for up in after))
    return Node(id, body, **header)


@dataclass(frozen=True)
class Known:
    """A node that may be read: `many` instances of it, of a `kind`; one may follow it from `beside` it."""

    path: str
    kind: str
    many: bool
    mapped: bool
    beside: bool = True

    @property
    def key(self) -> str:
        return "b" if self.kind == "fields" else RESULT


def generated(seed: int, size: int = 16) -> Case:
    """The same seed always gives the same case."""
    maker = _Maker(Random(seed), size)
    nodes, known = maker.scope("", 0, [])
    given = [one for one in known if one.kind not in SILENT]
    absent = maker.dice.choice(list(Absent))
    outputs: dict[str, Binding] = {one.kind: Output(one.path, one.key, absent=absent) for one in given[-1:]}
    graph = pipeline(*nodes, outputs=outputs, outcome=maker.dice.choice(list(Outcome)))
    again = {path: maker.healed(how) for path, how in maker.behaviours.items()}
    paths = [path for path, _ in walk_nodes(graph.root)]
    also = (maker.dice.choice(paths),) if maker.one_in(3) else ()
    return Case(f"seed {seed}, size {size}", graph, maker.behaviours, again, also)


class _Maker:
    def __init__(self, dice: Random, size: int) -> None:
        self.dice = dice
        self.left = size
        self.behaviours: dict[str, dict[str, Any]] = {}

    def one_in(self, number: int) -> bool:
        return self.dice.randrange(number) == 0

    def scope(self, at: str, depth: int, outside: Sequence[Known]) -> tuple[list[Node], list[Known]]:
        """Nodes, and what others may read of them."""
        known = [replace(one, beside=False) for one in outside]
        here: list[Known] = []
        nodes: list[Node] = []
        for number in range(self.dice.randint(2, 4 if depth else 12)):
            if self.left <= 0 and nodes:
                break
            self.left -= 1
            made, found = self.part(f"n{number}", at, depth, [*known, *here])
            nodes += made
            here += found
        return self.dice.sample(nodes, len(nodes)), here

    def part(self, id: str, at: str, depth: int, known: list[Known]) -> tuple[list[Node], list[Known]]:
        kinds = ["text"] * 4 + ["fields", "list", "import", "wait", "scope", "scope", "branch", "setup"]
        kind = self.dice.choice([*kinds, "container"] if self.one_in(4) else kinds)
        path = join_path(at, id)
        if kind == "branch":
            return self.branch(id, at, known)
        if kind == "setup":
            return self.set_up(id, at, known)
        header = self.header(known, kind, depth, path)
        mapped = header["each"] is not None
        mine = Known(path, kind, mapped, mapped)
        match kind:
            case "scope" if depth < 2:
                return self.sub(id, path, depth, known, header)
            case "wait":
                del header["retry"]
                wait = self.wait()
                silent = isinstance(wait.until, UntilTime)
                mine = Known(path, "time" if silent else "wait", False, False)
                return [Node(id, wait, **header | {"inputs": {}, "each": None})], [mine]
            case "import":
                del header["retry"]
                metadata: dict[str, Binding] = {"n": Const(self.dice.randint(0, 3))}
                return [
                    Node(id, Import(Const(f"file:///data/{path}"), metadata=metadata), **header | {"inputs": {}})
                ], [mine]
            case "container":
                return [Node(id, Container(Const("image"), (Const("run"),)), **header | {"inputs": {}})], [mine]
        self.behave(path, kind)
        return [task(id, kind=kind, **header)], [mine]

    def behave(self, path: str, kind: str = "text", **more: Any) -> None:
        ends = [self.dice.choice(ENDS) for _ in range(self.dice.randint(1, 3))]
        how: dict[str, Any] = {"ends": ends, "kind": kind, "push": self.one_in(3), **more}
        if kind == "list":
            how["length"] = self.dice.randint(0, 3)
        self.behaviours[path] = how

    def healed(self, how: dict[str, Any]) -> dict[str, Any]:
        """What is mended after a first run: most failures; and lists may have other lengths."""
        again = dict(how)
        if not self.one_in(5):
            again["ends"] = [[word for word in words if word in ("ok", "skip")][-1:] or ["ok"] for words in how["ends"]]
        if how.get("kind") == "list":
            again["length"] = self.dice.randint(0, 3)
        return again

    def header(self, known: list[Known], kind: str, depth: int, path: str) -> dict[str, Any]:
        early = self.one_in(4)
        join = self.dice.choice(EARLY if early else (Join.ALL_SUCCESS, *PATIENT))
        reads = [] if early else known
        after = [After(one.path, instances=one.many and self.one_in(2)) for one in known if self.one_in(5)]
        each = self.each(reads) if self.one_in(3) and kind not in ("wait", "list") else None
        inputs = self.inputs(reads, path)
        if each:
            inputs |= {"item": Item(each.over[-1].name), "at": Index()}
        header: dict[str, Any] = {"after": tuple(after), "join": join, "inputs": inputs, "each": each}
        header["when"] = self.condition(reads)
        header["retry"] = self.dice.choice([None, Retry(1), Retry(2, delay=5.0, factor=2.0)])
        header["counts_for_outcome"] = not self.one_in(6)
        if each is None and kind == "text" and self.one_in(8):
            header["role"] = Role.TEARDOWN
        return header

    def inputs(self, known: list[Known], path: str) -> dict[str, Binding]:
        found: dict[str, Binding] = {}
        for number, one in enumerate(known):
            if self.one_in(4):
                found[f"in{number}"] = self.reading(one)
        return found

    def reading(self, one: Known) -> Binding:
        absent = self.dice.choice(list(Absent))
        if one.kind == "import" and not one.many:
            return Metadata(Output(one.path, absent=Absent.FAIL), ("n",))
        if one.kind in SILENT:
            return Status(one.path, ("state",))
        if one.many:
            gap = self.dice.choice([Gap.OMIT, Gap.NULL, Gap.OMIT, Gap.NULL, Gap.FAIL])
            collected = Collect(one.path, one.key, shape=self.dice.choice(list(Shape)), missing=gap)
            return collected if self.one_in(2) else Output(one.path, one.key)
        plain = Output(one.path, one.key, absent=absent)
        null = Output(one.path, one.key, absent=Absent.NULL)
        choices: list[Binding] = [
            plain,
            plain,
            Status(one.path, ("state",)),
            FirstOf((Output(one.path, one.key), Const("none"))),
            ListOf((Const(1), null)),
            DictOf({"x": null, "y": Const(None)}),
            Template((Const("<"), null, Const(">"))),
        ]
        if one.kind in ("text", "fields", "list"):
            pushed = Output(one.path, "seen", absent=self.dice.choice([Absent.NULL, Absent.OMIT, Absent.SKIP]))
            choices += [pushed, FirstOf((Output(one.path, one.key), pushed), absent)]
        return self.dice.choice(choices)

    def each(self, known: list[Known]) -> Each:
        empty, width = self.dice.choice(list(Empty)), self.dice.choice([None, None, 1, 2])
        items = Const(list(range(self.dice.choice([0, 1, 2, 2, 3, 3]))))
        leaders = [one for one in known if one.mapped and one.beside and one.kind not in SILENT]
        lists = [one for one in known if one.kind == "list" and not one.many]
        kind = self.dice.choice(["const", "zip", "product", "dict", *["follow"] * 4, *["list"] * 3])
        match kind:
            case "follow" if leaders:
                leader = self.dice.choice(leaders)
                absent = self.dice.choice([Absent.FAIL, Absent.SKIP, Absent.NULL])
                over = Over("i", Output(leader.path, leader.key, absent=absent), follow=True)
                more = (Over("k", Const(["a", "b"])),) if self.one_in(2) else ()
                return Each((over, *more), empty=empty, parallelism=width)
            case "list" if lists:
                return Each((Over("i", Output(self.dice.choice(lists).path)),), empty=empty, parallelism=width)
            case "zip":
                return Each((Over("i", items), Over("j", items)), Combine.ZIP, width, empty)
            case "product":
                return Each((Over("i", items), Over("j", Const(["x", "y"]))), parallelism=width, empty=empty)
            case "dict":
                return Each(
                    (Over("i", Const({"one": 1, "two": 2})),), parallelism=width, longest=self.dice.choice([None, 1])
                )
        return Each((Over("i", items),), parallelism=width, empty=empty)

    def condition(self, known: list[Known]) -> Expression | None:
        if not known or not self.one_in(4):
            return None
        one = self.dice.choice(known)
        if one.kind == "import" and not one.many:
            return Binary(Op.GT, Read(Metadata(Output(one.path), ("n",))), Read(Const(1)))
        if one.kind == "fields" and not one.many:
            number = Binary(Op.LT, Read(Output(one.path, "b")), Read(Const(self.dice.choice([1, 2, "two"]))))
            return number if self.one_in(2) else Unary(Fn.NOT, number)
        succeeded = Binary(Op.EQ, Read(Status(one.path, ("state",))), Read(Const("succeeded")))
        skipped = Binary(Op.EQ, Read(Status(one.path, ("state",))), Read(Const("skipped")))
        either: list[Expression] = [succeeded, Unary(Fn.NOT, skipped), Binary(Op.OR, succeeded, skipped)]
        return self.dice.choice(either)

    def wait(self) -> Wait:
        overdue = self.dice.choice(list(Overdue))
        untils: list[Until] = [
            UntilTime(Const(self.dice.choice([10, 50]))),
            UntilEvent(Const("go")),
            UntilEvent(Const("never")),
            UntilApproval(Const("may it?"), ()),
        ]
        until = self.dice.choice(untils)
        deadline = self.dice.choice([None, 20.0]) if isinstance(until, UntilTime) else 20.0
        return Wait(until, deadline, overdue)

    # --- parts of several nodes ---

    def sub(
        self, id: str, path: str, depth: int, known: list[Known], header: dict[str, Any]
    ) -> tuple[list[Node], list[Known]]:
        early = header["join"] in EARLY
        if early:
            known = []
        parameters = (Parameter("p", default="given"), Parameter("q", default=None))
        header["inputs"] = dict(zip("pq", header["inputs"].values(), strict=False))
        nodes, inside = self.scope(path, depth + 1, known)
        poll = task("own", inputs={"p": Param("p", path), "q": Param("q", path)})
        if header["each"]:
            poll = replace(poll, inputs={**poll.inputs, "item": Item("i"), "at": Index()})
        if self.one_in(2):
            body = Wait(UntilTrue(FunctionRef("behaviour", "poll", FILE), 30.0), 45.0, self.dice.choice(list(Overdue)))
            poll = replace(poll, body=body)
        self.behave(join_path(path, "own"))
        if isinstance(poll.body, Wait):
            self.behaviours[join_path(path, "own")]["push"] = False
        last = inside[-1]
        absent = self.dice.choice(list(Absent))
        outputs: dict[str, Binding] = {RESULT: Output(last.path, last.key, absent=absent)}
        if last.kind in SILENT:
            outputs = {RESULT: Status(last.path, ("state",))}
        mapped = header["each"] is not None
        scope = Scope((*nodes, poll), parameters, outputs, self.dice.choice(list(Outcome)))
        seen = [replace(one, many=one.many or mapped, mapped=False, beside=False) for one in inside]
        return [Node(id, Sub(scope), **header)], [*seen, Known(path, "scope", mapped, mapped)]

    def branch(self, id: str, at: str, known: list[Known]) -> tuple[list[Node], list[Known]]:
        """A task that chooses among two ways, what follows one of them, and a task where they meet.

        Where its word goes further than to the next it stands in a scope of its own: whether something else ends what
        comes after it before the word is said would be a matter of time.
        """
        if self.one_in(3):
            path = join_path(at, id)
            nodes, inside = self.branch_of(id, path, [])
            self.behaviours[join_path(path, f"{id}tell")]["transitive"] = True
            outputs: dict[str, Binding] = {RESULT: Output(inside[-1].path, absent=Absent.NULL)}
            after = tuple(After(one.path) for one in known if self.one_in(6))
            body = Sub(Scope(tuple(nodes), (), outputs, self.dice.choice(list(Outcome))))
            return [Node(id, body, after=after, join=Join.NONE_FAILED)], [Known(path, "scope", False, False)]
        return self.branch_of(id, at, known)

    def branch_of(self, id: str, at: str, known: list[Known]) -> tuple[list[Node], list[Known]]:
        names = {name: f"{id}{name}" for name in ("tell", "left", "right", "on", "meet")}
        path = {name: join_path(at, whole) for name, whole in names.items()}
        after = [After(one.path) for one in known if self.one_in(6)]
        meeting = self.dice.choice([Join.NONE_FAILED_MIN_ONE_SUCCESS, Join.ALL_DONE, Join.NONE_FAILED])
        nodes = [
            task(names["tell"], after=tuple(after), join=Join.NONE_FAILED),
            task(names["left"], path["tell"]),
            task(names["right"], path["tell"]),
            task(names["on"], path["right"], join=self.dice.choice([Join.ALL_SUCCESS, Join.ALL_DONE])),
            task(names["meet"], path["tell"], path["left"], path["on"], join=meeting),
        ]
        chosen = self.dice.choice([[], ["left"], ["right"], ["left", "right"]])
        for name in names:
            self.behave(path[name])
        self.behaviours[path["tell"]] |= {"ends": [["ok"]], "follow": [names[name] for name in chosen]}
        return nodes, [Known(path[name], "text", False, False) for name in ("left", "right", "on", "meet")]

    def set_up(self, id: str, at: str, known: list[Known]) -> tuple[list[Node], list[Known]]:
        """A scope with a setup, what relies on it, and a teardown."""
        path = join_path(at, id)
        inner = {name: join_path(path, name) for name in ("up", "use", "later", "down")}
        after = tuple(After(one.path) for one in known if self.one_in(6))
        nodes = [
            task("up", role=Role.SETUP),
            task("use", inner["up"]),
            task("later", inner["use"], join=self.dice.choice([Join.ALL_DONE, Join.ALL_SUCCESS, Join.NONE_FAILED])),
            task(
                "down",
                inner["later"],
                role=Role.TEARDOWN,
                setups=(inner["up"],),
                join=Join.ALL_DONE_SETUP_SUCCESS,
                counts_for_outcome=self.one_in(2),
            ),
        ]
        for name in inner.values():
            self.behave(name)
        outcome = self.dice.choice(list(Outcome))
        scope = Node(id, Sub(Scope(tuple(nodes), (), {}, outcome)), after=after, join=Join.NONE_FAILED)
        seen = [Known(inner[name], "text", False, False, beside=False) for name in ("up", "use", "later", "down")]
        return [scope], seen
