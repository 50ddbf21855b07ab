"""What a function imports when it runs counts in its fingerprint, whether or not this process has loaded it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tidemill.authoring.fingerprint import fingerprint
from tidemill.authoring.installed import installed_version, own_file

SOURCE = """
def work(rows):
    import {inner}
    from {inner} import step

    return step({inner}.LIMIT)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], object]:
    """A module with a function that imports `inner`, which says something."""
    monkeypatch.syspath_prepend(str(tmp_path))
    # What is written twice in a second, as long as before, would be loaded as it was before.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(inner: str, says: str = "") -> object:
        if says:
            (tmp_path / f"{inner}.py").write_text(says)
        name = f"imports_{len(list(tmp_path.iterdir()))}_{inner}"
        (tmp_path / f"{name}.py").write_text(SOURCE.format(inner=inner))
        for known in (name, inner) if says else (name,):
            monkeypatch.delitem(sys.modules, known, raising=False)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    return write


def test_a_module_of_ones_own_counts_though_nobody_has_loaded_it(module: Callable[..., object]) -> None:
    says = "LIMIT = {limit}\n\ndef step(n):\n    return n\n"
    digests = []
    for limit in (1, 2):
        found = fingerprint(module("only_here", says.format(limit=limit)).work)  # type: ignore[attr-defined]
        assert "only_here.step" in found.parts
        digests.append(found.parts["only_here.LIMIT"].digest)
    assert digests[0] != digests[1]


def test_what_is_installed_counts_the_same_loaded_or_not(
    module: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = module("hypothesis").work  # type: ignore[attr-defined]
    loaded = fingerprint(work)
    monkeypatch.delitem(sys.modules, "hypothesis")
    assert fingerprint(work) == loaded
    assert "hypothesis" in loaded.parts
    assert "hypothesis" not in sys.modules, "nothing installed is imported for this"


def test_a_module_that_is_not_there_is_left_to_the_run(module: Callable[..., object]) -> None:
    assert fingerprint(module("no_such_module_anywhere").work).digest  # type: ignore[attr-defined]
    assert own_file("no_such_module_anywhere") == ""


@pytest.mark.parametrize(
    ("name", "version"),
    [("json", ""), ("no_such_module_anywhere", ""), ("pytest", pytest.__version__)],
)
def test_versions_come_from_what_was_installed(name: str, version: str) -> None:
    assert installed_version(name) == version


def test_a_distribution_may_have_another_name_than_its_module() -> None:
    assert installed_version("sklearn").startswith("scikit-learn ")
