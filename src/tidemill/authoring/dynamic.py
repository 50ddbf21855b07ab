"""Code that is reached by text: modules imported by name, text that is run, names looked up. Syntax trees only."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import Enum

_RUN = frozenset({"eval", "exec"})


class Way(Enum):
    """`NAMES`: any name of the module that the code stands in."""

    IMPORT = "import"
    RUN = "run"
    NAMES = "names"


@dataclass(frozen=True, slots=True)
class ByText:
    """`chain` is the function as it is named there. Of an import:

    `text` is the name of the module; of one known only in part what it begins with, if that is a package (`shop.`);
    "" if nothing is known. `package`: what a relative name starts from, "" for that of the module itself.
    """

    way: Way
    chain: tuple[str, ...]
    line: int
    text: str = ""
    whole: bool = True
    package: str = ""


def chain_of(node: ast.expr) -> tuple[str, ...]:
    """`helpers.clean` as its names; () for what does not begin with a name."""
    chain: list[str] = []
    while isinstance(node, ast.Attribute):
        chain.append(node.attr)
        node = node.value
    return (node.id, *reversed(chain)) if isinstance(node, ast.Name) else ()


def runs_text(node: ast.Call) -> str | None:
    """The text that a call of `eval` or `exec` runs, where it is written there."""
    if chain_of(node.func)[:1] in {(name,) for name in _RUN} and node.args:
        return _constant(node.args[0])
    return None


def by_text(node: ast.Call | ast.Subscript) -> ByText | None:
    """What a call or a look-up reaches by text; None if it does nothing of the kind."""
    if isinstance(node, ast.Subscript):
        chain = chain_of(node.value)
        of_itself = isinstance(node.slice, ast.Name) and node.slice.id == "__name__"
        return ByText(Way.NAMES, chain, node.lineno) if chain[-2:] == ("sys", "modules") and of_itself else None
    chain = chain_of(node.func)
    if chain == ("globals",):
        return ByText(Way.NAMES, chain, node.lineno)
    if len(chain) == 1 and chain[0] in _RUN:
        return ByText(Way.RUN, chain, node.lineno) if runs_text(node) is None else None
    if chain == ("__import__",) or chain[-1:] == ("import_module",):
        return _imported(node, chain)
    return None


def _imported(node: ast.Call, chain: tuple[str, ...]) -> ByText | None:
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    name = node.args[0] if node.args else given.get("name")
    start = node.args[1] if len(node.args) > 1 else given.get("package")
    if name is None:
        return None
    text = _constant(name)
    whole = text is not None
    text = text if text is not None else _package(_beginning(name))
    package = _constant(start) or ""
    own = start is None or (isinstance(start, ast.Name) and start.id in ("__package__", "__name__"))
    if text.startswith(".") and not package and not own:
        text, whole = "", False
    return ByText(Way.IMPORT, chain, node.lineno, text, whole, package)


def _constant(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _beginning(node: ast.expr) -> str:
    """What a text that is put together begins with."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=[first, *_]):
            return _beginning(first)
        case ast.BinOp(left=left, op=ast.Add()):
            return _beginning(left)
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod()):
            return text.partition("%")[0]
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return text.partition("{")[0]
    return ""


def _package(beginning: str) -> str:
    """Up to the last dot."""
    return beginning[: beginning.rfind(".") + 1]
