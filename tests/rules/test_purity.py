"""Pure modules decide and compute; they do not look at the clock, open files or print, by whatever import."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.rules.sources import Module, modules

PURE_PACKAGES = ("tidemill.core", "tidemill.planning", "tidemill.statistics")
IMPURE_FUNCTIONS = frozenset({"breakpoint", "exec", "input", "open", "print"})
IMPURE_METHODS = {
    "date": frozenset({"today"}),
    "datetime": frozenset({"now", "today", "utcnow"}),
    "random": frozenset({"choice", "choices", "randint", "random", "sample", "shuffle", "uniform"}),
    "uuid": frozenset({"uuid1", "uuid4"}),
    "Path": frozenset({"cwd", "home"}),
}
# Methods of `pathlib.Path` that reach the disk and that no type of ours shares.
DISK_METHODS = frozenset(
    {"iterdir", "mkdir", "read_bytes", "read_text", "rmdir", "unlink", "write_bytes", "write_text"}
)


def test_pure_modules_have_no_effects() -> None:
    effects = [effect for module in modules().values() if _is_pure(module) for effect in _effects(module)]
    assert effects == []


def test_an_effect_is_found() -> None:
    source = "import datetime\ndef f(path):\n    print(datetime.datetime.now(), open(path), path.read_text())\n"
    core = modules()["tidemill.core"]
    assert len(list(_effects(Module("tidemill.core.example", core.path, ast.parse(source))))) == 4


def _is_pure(module: Module) -> bool:
    return module.within(*PURE_PACKAGES) or "decide" in module.name.split(".")


def _effects(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_FUNCTIONS:
                yield f"{module.place(node.lineno)} calls {name}"
            case ast.Call(func=ast.Attribute(value=owner, attr=method)):
                if method in DISK_METHODS or method in IMPURE_METHODS.get(_last_name(owner), ()):
                    yield f"{module.place(node.lineno)} calls {ast.unparse(node.func)}"


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
