"""Finding functions in files and packages."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidemill import run_info, task
from tidemill.core.bindings import FunctionRef
from tidemill.worker.functions import FunctionGone, load_function, load_module, unwrap


@pytest.fixture(autouse=True)
def _unchanged_imports() -> Iterator[None]:
    modules, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def test_a_file_is_imported_once_with_its_folder_at_hand(tmp_path: Path) -> None:
    (tmp_path / "beside_it.py").write_text("VALUE = 3\n")
    file = tmp_path / "the_entry.py"
    file.write_text("import beside_it\ndef f(): return beside_it.VALUE\n")
    function = load_function(FunctionRef("the_entry", "f", str(file)))
    assert function() == 3
    assert load_function(FunctionRef("the_entry", "f", str(file))) is function
    assert sys.modules["the_entry"].f is function


def test_a_file_named_like_a_library_takes_nothing_away(tmp_path: Path) -> None:
    file = tmp_path / "random.py"
    file.write_text("def f(): return 'mine'\n")
    assert load_function(FunctionRef("random", "f", str(file)))() == "mine"
    assert sys.modules["random"] is random


def test_a_file_beside_it_hides_no_library_that_is_imported_later(tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("raise RuntimeError('not this one')\n")
    (tmp_path / "email").mkdir()
    (tmp_path / "email" / "__init__.py").write_text("raise RuntimeError('nor this one')\n")
    file = tmp_path / "beside_them.py"
    file.write_text("def f():\n    import email, random\n    return email.message_from_string, random.random()\n")
    program = (
        "import sys; from tidemill.worker.functions import load_module; assert 'random' not in sys.modules;"
        "load_module('beside_them', sys.argv[1]).f(); print('random' in sys.modules, 'csv' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_two_files_of_one_name_live_side_by_side(tmp_path: Path) -> None:
    found = []
    for n in range(2):
        file = tmp_path / str(n) / "same_name.py"
        file.parent.mkdir()
        file.write_text(f"def f(): return {n}\n")
        found.append(load_function(FunctionRef("same_name", "f", str(file)))())
    assert found == [0, 1]


def test_a_module_of_a_package_is_imported_as_such(tmp_path: Path) -> None:
    package = tmp_path / "some_package" / "inner"
    package.mkdir(parents=True)
    (tmp_path / "some_package" / "__init__.py").touch()
    (package / "__init__.py").write_text("from .steps import f\n")
    (package / "steps.py").write_text("from .. import inner\ndef f(): return inner.__name__\n")
    reference = FunctionRef("some_package.inner.steps", "f", str(package / "steps.py"))
    assert load_function(reference)() == "some_package.inner"
    whole = FunctionRef("some_package.inner", "f", str(package / "__init__.py"))
    assert load_function(whole) is load_function(reference)


def test_an_import_that_fails_leaves_no_half_module(tmp_path: Path) -> None:
    file = tmp_path / "half_done.py"
    file.write_text("x = 1\nraise RuntimeError('no')\n")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no"):
            load_module("half_done", str(file))
    assert "half_done" not in sys.modules


@pytest.mark.parametrize("name", ["nope", "f.<locals>.g", "VALUE"])
def test_what_is_no_function_is_named(tmp_path: Path, name: str) -> None:
    file = tmp_path / "an_entry.py"
    file.write_text("VALUE = 3\ndef f(): pass\n")
    with pytest.raises(FunctionGone):
        load_function(FunctionRef("an_entry", name, str(file)))


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(FunctionGone, match=r"gone\.py is gone"):
        load_module("gone", str(tmp_path / "gone.py"))


class Proxy:
    """Stands for something that is not there yet, as those of web frameworks do."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(f"nothing to ask for {name!r}")


@task
def of_a_task() -> int:
    return 1


def test_what_a_module_holds_besides_tasks_may_be_anything() -> None:
    assert unwrap(of_a_task) is of_a_task.function
    for anything in (Proxy(), run_info, 3, None, len, Path):
        assert unwrap(anything) is anything
