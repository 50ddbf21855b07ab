"""Contracts from YAML files, plain data or objects, and back to YAML. The files that a contract names are read here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tidemill.core.errors import InputError, NotFound, did_you_mean
from tidemill.core.problems import Problem, ProblemsFound
from tidemill.lifecycle.contracts.contract import Contract
from tidemill.lifecycle.contracts.model import Scalar
from tidemill.lifecycle.contracts.parts import Wrong
from tidemill.lifecycle.contracts.plain import CODE, ValuesOf, read_contract
from tidemill.lifecycle.contracts.words import shown
from tidemill.lifecycle.yaml_tree import LARGEST, NotYaml, Tree, Where, read_tree

LARGEST_SET = 32 << 20
"""Bytes of a file of values."""

_AROUND = ("model", "task", "features", "contract", "endpoint", "gate", "release", "monitors", "retrain")
"""What may stand beside `contract:` in a file that says more than a contract."""


class NoContract(InputError):
    """A contract cannot be read."""

    code = "contract"


class _Dumper(yaml.SafeDumper):
    """Text of more than a line in quotes and escapes: odd line ends are read back as spaces elsewhere."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, None if text.isprintable() else '"')


_Dumper.add_representer(str, _text_node)


def contract_of(given: object) -> Contract:
    """The contract in an object, in plain data, or at a path. Raises NotFound, NoContract or ProblemsFound."""
    match given:
        case Contract():
            return given
        case Mapping():
            return from_value(given)
        case str() | Path():
            return read_file(Path(given))
    raise NoContract(
        f"a {type(given).__name__} is no contract", remedy="give a Contract, its plain data, or the path of its YAML"
    )


def read_file(path: Path) -> Contract:
    """The contract in a YAML file. Files that it names are looked for beside it. Raises as `contract_of` does."""
    try:
        with path.open("rb") as source:
            raw = source.read(4 * LARGEST + 1)
        text = raw.decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(
            f"there is no contract {path}",
            remedy=_near(path) or "`tidemill contract init DATA` writes a first one",
        ) from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is no UTF-8 text"
        raise NoContract(f"the contract cannot be read: {why}", place=str(path)) from None
    return from_yaml(text, str(path), path.parent)


def _near(path: Path) -> str:
    try:
        names = [str(one) for one in path.parent.glob("*.y*ml")]
    except OSError:
        return ""
    return did_you_mean(str(path), names[:100]) if names else ""


def from_yaml(text: str, place: str = "contract", folder: Path | None = None) -> Contract:
    """The contract in a text; `folder` is where files it names are looked for. Raises ProblemsFound with lines."""
    try:
        tree = read_tree(text)
    except NotYaml as wrong:
        raise ProblemsFound([Problem(CODE, f"{place}:{wrong.line}", wrong.message, wrong.remedy)]) from None
    value, prefix, name = _inside(tree, place)
    return read_contract(
        value,
        lambda where: f"{place}:{tree.line((*prefix, *where))}",
        _values_in(folder),
        name,
        str(folder) if folder is not None else "",
    )


def _inside(tree: Tree, place: str) -> tuple[Any, Where, str]:
    """The contract may be all there is, or stand under `contract:` beside the other parts of a model's file."""
    value = tree.value
    if not isinstance(value, dict) or not isinstance(value.get("contract"), dict):
        return value, (), Path(place).name.partition(".")[0] if place else ""
    odd = [key for key in value if key not in _AROUND]
    if odd:
        hint = did_you_mean(odd[0], _AROUND)
        message = f"{shown(odd[0])} is not known beside `contract`"
        raise ProblemsFound([Problem(CODE, f"{place}:{tree.line((odd[0],))}", message, hint)])
    return value["contract"], ("contract",), str(value.get("model") or Path(place).name.partition(".")[0])


def from_value(value: Mapping[str, Any]) -> Contract:
    """The contract in plain data, as `Contract.to_value` gives it. Raises ProblemsFound."""
    folder = value.get("folder")
    return read_contract(value, _path_text, _values_in(Path(folder) if isinstance(folder, str) and folder else None))


def _path_text(where: Where) -> str:
    return "contract" + "".join(f".{step}" if isinstance(step, str) else f"[{step}]" for step in where)


def to_yaml(contract: Contract) -> str:
    """The contract as YAML, which reads back as the very same beside the files that it names."""
    text: str = yaml.dump(contract.plain(files=True), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def flow(value: Any) -> str:
    """A value as YAML has it in one line."""
    written: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=10**6, sort_keys=False
    )
    return written.removesuffix("...\n").strip()


def _values_in(folder: Path | None) -> ValuesOf:
    def values_of(name: str) -> tuple[Scalar, ...]:
        path = (folder or Path()) / name
        try:
            if path.stat().st_size > LARGEST_SET:
                raise Wrong(f"the file {shown(name)} has more than {LARGEST_SET >> 20} MB")
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            remedy = f"it is looked for in {folder or Path.cwd()}; one value stands in a line"
            raise Wrong(f"there is no file {shown(name)}", remedy) from None
        except (OSError, UnicodeDecodeError, ValueError) as error:
            if isinstance(error, Wrong):
                raise
            raise Wrong(f"the file {shown(name)} cannot be read as text") from None
        found = tuple(dict.fromkeys(line.strip() for line in lines if line.strip() and not line.startswith("#")))
        if not found:
            raise Wrong(f"the file {shown(name)} holds no values", "write one value in a line")
        return found

    return values_of
