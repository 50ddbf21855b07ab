"""An action on a module is done once, right after the import, and leaves the module as it would be without."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tidemill.worker.on_import import forget, when_imported

NAME = "imported_in_this_test"


@pytest.fixture(autouse=True)
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / f"{NAME}.py").write_text("VALUE = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    forget(NAME)
    sys.modules.pop(NAME, None)


def test_the_latest_action_is_done_after_the_import() -> None:
    finders, seen = list(sys.meta_path), list[int]()
    when_imported(NAME, lambda module: seen.append(-1))
    when_imported(NAME, lambda module: seen.append(module.VALUE))
    assert importlib.util.find_spec(NAME) is not None
    assert seen == []
    module = importlib.import_module(NAME)
    assert seen == [3]
    assert sys.meta_path == finders
    assert module.__spec__ is not None
    assert type(module.__loader__) is type(module.__spec__.loader) is type(importlib.util.find_spec(NAME).loader)  # type: ignore[union-attr]
    when_imported(NAME, lambda module: seen.append(module.VALUE + 1))
    assert seen == [3, 4]


def test_nothing_is_done_with_what_was_forgotten_or_is_not_there() -> None:
    finders, seen = list(sys.meta_path), list[ModuleType]()
    when_imported(NAME, seen.append)
    forget(NAME)
    importlib.import_module(NAME)
    when_imported("there_is_no_such_module", seen.append)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("there_is_no_such_module")
    forget("there_is_no_such_module")
    assert seen == []
    assert sys.meta_path == finders


def test_an_import_that_fails_may_be_tried_again(tmp_path: Path) -> None:
    file, seen = tmp_path / f"{NAME}.py", list[ModuleType]()
    file.write_text("raise RuntimeError('not yet')\n")
    when_imported(NAME, seen.append)
    with pytest.raises(RuntimeError, match="not yet"):
        importlib.import_module(NAME)
    file.write_text("VALUE = 'now it is there'\n")
    assert seen == []
    module = importlib.import_module(NAME)
    assert seen == [module]
