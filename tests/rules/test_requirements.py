"""The pinned requirements are what pyproject.toml asks for, with hashes and without addresses."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.rules.sources import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CORE = PROJECT["project"]["dependencies"]
EXTRAS = PROJECT["project"]["optional-dependencies"]
DEV = PROJECT["dependency-groups"]["dev"]
FILES = {
    "runtime.txt": [*CORE, *EXTRAS["ml"]],
    "dev.txt": [*CORE, *EXTRAS["ml"], *EXTRAS["postgres"], *EXTRAS["s3"], *DEV],
    "uv.txt": ["uv"],
}


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_is_pinned_within_its_bounds(name: str) -> None:
    pins = {}
    for line in _pins(name):
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate():
            pins[canonicalize_name(pin.name)] = next(iter(pin.specifier)).version
    for wanted in map(Requirement, FILES[name]):
        pinned = pins.get(canonicalize_name(wanted.name))
        assert pinned, f"{wanted.name} is not in requirements/{name}; run `make lock`"
        assert wanted.specifier.contains(pinned), f"requirements/{name} pins {wanted.name} {pinned}; run `make lock`"


@pytest.mark.parametrize("name", FILES)
def test_every_pin_has_hashes_and_no_address(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    assert not re.search(r"://|^\s*-|file:", re.sub(r"--hash=", "", text), re.MULTILINE)
    for block in re.split(r"\n(?=[a-z0-9])", text.strip()):
        assert "--hash=sha256:" in block, block.splitlines()[0]


@pytest.mark.parametrize("requirement", [*CORE, *DEV, *(line for lines in EXTRAS.values() for line in lines)])
def test_every_requirement_has_a_floor(requirement: str) -> None:
    assert any(bound.operator in (">=", "==", "~=") for bound in Requirement(requirement).specifier), requirement


def _pins(name: str) -> list[str]:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return re.findall(r"^([a-z0-9][^\\\n]*==[^\\\n]*)", text, re.MULTILINE)
