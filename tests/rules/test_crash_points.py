"""Every commit and every effect outside stands at a crash point, or is named here with the point that covers it.

A point in the same function is enough. Whoever adds an effect adds a point, or says below why there need be none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.rules.sources import Module, modules

PACKAGES = ("engine", "executors", "worker", "storage", "app")

FILES = {"link", "move", "remove", "rename", "replace", "rmdir", "rmtree", "symlink", "truncate", "unlink"}
PROCESSES = {"Popen", "execv", "execve", "fork", "forkpty", "posix_spawn", "run", "system"}
SIGNALS = {"kill", "killpg", "pidfd_send_signal", "send_signal", "terminate"}
SOCKETS = {"send_fds", "sendall", "sendmsg", "sendto"}

COVERED_ELSEWHERE: dict[str, tuple[str, str]] = {
    "storage.metadata.database:Database._transaction": ("metadata.before-commit", "`write` and `renew` pass it"),
    "worker.control:send": ("template.before-fork", "orders among helpers; the one that matters begins a process"),
    "worker.forked:Forking.__call__": ("template.before-fork", "the nursery passes it"),
    "worker.spawner:Spawning.__call__": ("template.before-fork", "the nursery passes it"),
}
"""Function -> the point that its callers pass just before or after it, and who they are."""

_HINT = "a hint: the sweep finds what it would have told"
_REMAINS = "removes what is of no use any more; whoever comes next does it again"
_ENDS = "ends what ends anyway: with its parent, by its mark, or with the lease"
_SCRATCH = "a file of an attempt that is tried again, or of a dead writer, which is removed"

NO_POINT = {
    "engine.doorbell:Doorbell.listen": _REMAINS,
    "engine.doorbell:Doorbell.close": _HINT,
    "engine.doorbell:Doorbell._send": _HINT,
    "engine.ownership:Owner.close": _REMAINS,
    "engine.ownership:Owner.bury_the_dead": _REMAINS,
    "engine.ownership:_locked": "an engine that holds nothing yet; its file is removed by the next",
    "engine.ownership:_bury": _REMAINS,
    "executors.begun:Begun.close": _REMAINS,
    "executors.begun:_new_file": _REMAINS,
    "executors.early:Early.end_unused": _ENDS,
    "executors.marking:_end": _ENDS,
    "executors.process_loop:ProcessLoop._keep_time": _ENDS,
    "executors.process_loop:ProcessLoop._template_died": _ENDS,
    "executors.started:Started.end": _ENDS,
    "executors.processes:ProcessExecutor.close": _REMAINS,
    "executors.templates:Templates._make": _ENDS,
    "storage.artifacts.cache:Cache.forget": _REMAINS,
    "storage.artifacts.checkout:Checkouts.discard": _SCRATCH,
    "storage.artifacts.checkout:Checkouts._make": "what is built again from objects when it is not there",
    "storage.artifacts.checkout:Checkouts._place_entry": _SCRATCH,
    "storage.artifacts.codecs.estimators:SklearnCodec.dump": _SCRATCH,
    "storage.artifacts.codecs.paths:_link_or_copy": _SCRATCH,
    "storage.artifacts.files:remove": _REMAINS,
    "storage.artifacts.files:_remove_folder": _REMAINS,
    "storage.artifacts.files:_emptied": _REMAINS,
    "storage.artifacts.local:LocalStore.put_file": _SCRATCH,
    "storage.artifacts.local:LocalStore._take": _SCRATCH,
    "storage.artifacts.local:LocalStore.delete": _REMAINS,
    "storage.artifacts.memory:MemoryStore.put_file": "a store that ends with its process",
    "storage.artifacts.unpack:materialize": _SCRATCH,
    "storage.artifacts.values:_place": _SCRATCH,
    "storage.metadata.connecting:_postgres.set_up": "settings of one session",
    "worker.forking:_openmp_survives": "a probe that ends with the process that asks",
    "worker.nursery:Nursery._on_term": _ENDS,
    "worker.nursery:Nursery._signal": _ENDS,
    "worker.nursery:Nursery._bury": _ENDS,
    "worker.nursery:Nursery._kill_left_behind": _ENDS,
    "worker.template:_start_anew": "nothing was begun yet; the executor hears that it is gone",
}
"""Function -> why it makes no difference whether its effect has happened when the process dies."""


@dataclass(frozen=True)
class Effect:
    """`function` is the module and the qualified name, such as `executors.started:Started.end`."""

    function: str
    what: str
    place: str
    covered: bool


def effects(module: Module) -> Iterator[Effect]:
    """What a module does outside of its process, and whether its function passes a point."""
    points = _points_of(module)
    for name, function in _functions(module.tree):
        called = [_last(node.func) for node in _own_nodes(function) if isinstance(node, ast.Call)]
        covered = any(one in points for one in called)
        where = f"{module.name.removeprefix('tidemill.')}:{name}"
        for node in _own_nodes(function):
            what = _effect(node)
            if what:
                yield Effect(where, what, module.place(node.lineno), covered)


def _effect(node: ast.AST) -> str:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="os" | "shutil"), attr=name)) if name in (
            FILES | PROCESSES | SIGNALS
        ):
            return name
        case ast.Call(func=ast.Attribute(value=ast.Name(id="subprocess"), attr=name)) if name in PROCESSES:
            return name
        case ast.Call(func=ast.Attribute(attr=name)) if name in SOCKETS | SIGNALS | {"unlink", "rmdir"}:
            return name
        # Of a path, not of a text or a record: these take two.
        case ast.Call(func=ast.Attribute(value=ast.Name(), attr="replace" | "rename"), args=[_], keywords=[]):
            return "replace"
        case ast.With(items=items) if any(_is_transaction(item.context_expr) for item in items):
            return "a transaction"
        case ast.Call(func=ast.Attribute(attr="commit"), args=[], keywords=[]):
            return "commit"
    return ""


def _is_transaction(expression: ast.expr) -> bool:
    match expression:
        case ast.Call(func=ast.Attribute(attr="begin"), args=[], keywords=[]):
            return True
    return False


def _points_of(module: Module) -> set[str]:
    """Names that stand for points in a module: made here, or imported from where they are made."""
    found = set()
    for node in module.tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id="point"))):
                found.add(name)
            case ast.ImportFrom(module=str(source), names=names) if source in modules():
                there = {
                    target.id
                    for made in modules()[source].tree.body
                    if isinstance(made, ast.Assign) and _is_point(made.value)
                    for target in made.targets
                    if isinstance(target, ast.Name)
                }
                found |= {one.asname or one.name for one in names if one.name in there}
    return found


def _is_point(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "point"


def _functions(tree: ast.AST, before: str = "") -> Iterator[tuple[str, ast.AST]]:
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield before + name, node
                yield from _functions(node, f"{before}{name}.")
            case ast.ClassDef(name=name):
                yield from _functions(node, f"{before}{name}.")
            case _:
                yield from _functions(node, before)


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Of a function, without the functions inside it; what a lambda does counts."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child
            yield from _own_nodes(child)


def _last(expression: ast.expr) -> str:
    match expression:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def all_effects() -> list[Effect]:
    looked_at = [f"tidemill.{package}" for package in PACKAGES]
    return [effect for module in modules().values() if module.within(*looked_at) for effect in effects(module)]


def names_of_points() -> set[str]:
    return {
        name
        for module in modules().values()
        for name in re.findall(r"\bpoint\(\"([\w.-]+)\"\)", module.path.read_text(encoding="utf-8"))
    }


def test_every_effect_has_a_point_or_a_reason() -> None:
    known = COVERED_ELSEWHERE.keys() | NO_POINT.keys()
    bare = [one for one in all_effects() if not one.covered and one.function not in known]
    assert [f"{one.place} {one.function}: {one.what}" for one in bare] == []


def test_nothing_is_excused_that_is_not_there() -> None:
    bare = {one.function for one in all_effects() if not one.covered}
    assert sorted((COVERED_ELSEWHERE.keys() | NO_POINT.keys()) - bare) == []
    assert COVERED_ELSEWHERE.keys() & NO_POINT.keys() == set()


def test_points_that_cover_others_exist() -> None:
    assert {name for name, _ in COVERED_ELSEWHERE.values()} <= names_of_points()


def test_every_commit_passes_the_points_of_the_database() -> None:
    """Who may write does so through methods of `Database` alone, and these pass a point on either side."""
    for module in modules().values():
        for name, function in _functions(module.tree):
            used = {node.attr for node in _own_nodes(function) if isinstance(node, ast.Attribute)}
            if not used & {"writing", "renewing"} or name in ("Database.open", "Engines.dispose"):
                continue
            assert module.name == "tidemill.storage.metadata.database", f"{module.name} writes past `Database`"
            called = {_last(node.func) for node in _own_nodes(function) if isinstance(node, ast.Call)}
            assert {"_before_commit", "_after_commit"} <= called, name


SOURCES = [
    ("os.replace(a, b)", 1),
    ("path.rename(b)", 1),
    ("path.replace(b)", 1),
    ("text.replace('a', 'b')", 0),
    ("replace(record, a=1)", 0),
    ("subprocess.Popen([])", 1),
    ("os.kill(1, 9)\n    os.killpg(1, 9)", 2),
    ("socket.sendall(b'')", 1),
    ("with engine.begin() as c:\n        pass", 1),
    ("connection.commit()", 1),
    ("AT(); os.replace(a, b)", 0),
]


@pytest.mark.parametrize(("source", "number"), SOURCES)
def test_an_effect_is_found(source: str, number: int) -> None:
    text = f"AT = point('x.y')\ndef f():\n    {source}\n"
    core = modules()["tidemill.core"]
    found = effects(Module("tidemill.engine.example", core.path, ast.parse(text)))
    assert len([one for one in found if not one.covered]) == number


def test_a_point_of_another_function_covers_nothing() -> None:
    text = "AT = point('x.y')\ndef f():\n    AT()\ndef g():\n    os.unlink(a)\n    def h():\n        AT()\n"
    core = modules()["tidemill.core"]
    (found,) = effects(Module("tidemill.engine.example", core.path, ast.parse(text)))
    assert (found.function, found.covered) == ("engine.example:g", False)
