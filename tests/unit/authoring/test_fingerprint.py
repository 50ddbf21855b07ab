"""What changes a fingerprint, what does not, and what has none, each on a module that is written, read and changed."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tidemill.authoring.fingerprint import NoFingerprint, fingerprint
from tidemill.authoring.trace import trace
from tidemill.core.problems import ProblemsFound

_serial = itertools.count()

SOURCE = '''
import math
import re
import logging
from dataclasses import dataclass
import {other}
from {other} import clean, LIMITS as BOUNDS
from tidemill import task, pipeline

LOG = logging.getLogger(__name__)
PATTERN = re.compile("a+")
COLUMNS = ["a", "b"]
UNUSED = 1


@dataclass
class Config:
    """What it is."""

    depth: int = 3

    def deeper(self):
        return self.depth + step()


def step():
    return 1


def unused():
    return 2


@task(retries=1, cache=True)
def work(rows, config: Config = Config()):
    """Do it."""
    LOG.info("x")  # say so
    kept = [PATTERN.sub("", row) for row in clean(rows) if row in COLUMNS]
    return {other}.scale(kept, BOUNDS["top"]), math.pi, helper(config)


@task
def helper(config):
    return config.deeper()


@pipeline
def main():
    work(["a"])
'''

OTHER = '''
"""Beside it."""

LIMITS = {"top": 5}
FACTOR = 2


def clean(rows):
    return [row.strip() for row in rows]


def scale(rows, top):
    return [row * FACTOR for row in rows][:top]


def unused():
    return 1
'''


class Modules:
    """A module and one beside it, written and imported anew for each reading."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, main: Callable[[str], str] = str, other: Callable[[str], str] = str) -> Any:
        number = next(_serial)
        names = [f"fingerprinted_{number}", f"beside_{number}"]
        (self.folder / f"{names[1]}.py").write_text(other(OTHER))
        (self.folder / f"{names[0]}.py").write_text(main(SOURCE).replace("{other}", names[1]))
        importlib.invalidate_caches()
        return importlib.import_module(names[0])

    def take(self, main: Callable[[str], str] = str, other: Callable[[str], str] = str) -> dict[str, str]:
        """The parts by the last parts of their names, which stay the same from one reading to the next."""
        module = self.read(main, other)
        parts = fingerprint(module.work).parts
        return {name.partition(".")[2] or name: part.digest for name, part in parts.items()}


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Modules]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield Modules(tmp_path)
    for name in set(sys.modules) - before:
        if name.startswith(("fingerprinted_", "beside_")):
            del sys.modules[name]


def swap(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


def _without_names(digests: dict[str, str]) -> dict[str, str]:
    # The parts that name the modules, which are called anew each time.
    return {name: digest for name, digest in digests.items() if name.partition(".")[0] != "work"}


def test_the_parts_are_what_the_function_reaches(modules: Modules) -> None:
    module = modules.read()
    found = fingerprint(module.work)
    names = {name.partition(".")[2]: part for name, part in found.parts.items() if "." in name}
    assert set(names) == {
        "work", "work.config", "helper", "step", "Config", "LOG", "PATTERN", "COLUMNS", "clean", "scale", "LIMITS",
        "FACTOR",
    } - {"LIMITS"} | {"BOUNDS"}  # fmt: skip
    assert names["clean"].line == 8
    assert names["clean"].file.endswith(".py")
    assert fingerprint(module.work) == found


@pytest.mark.parametrize(
    ("main", "other"),
    [
        (swap('"""Do it."""', '"""Do it well."""'), str),
        (swap("  # say so", "  # said"), str),
        (swap("@task(retries=1, cache=True)", "@task(retries=5, cache=60)"), str),
        (swap("UNUSED = 1", "UNUSED = 2"), str),
        (swap("    return 2", "    return 3"), str),
        (swap('COLUMNS = ["a", "b"]', 'COLUMNS = [\n    "a",\n    "b",\n]\n'), str),
        (str, swap("def unused():\n    return 1", "def unused():\n    return 2")),
        (str, swap('"""Beside it."""', "")),
        (swap('    """What it is."""\n', ""), str),
    ],
)
def test_what_changes_nothing(modules: Modules, main: Callable[[str], str], other: Callable[[str], str]) -> None:
    assert _without_names(modules.take(main, other)) == _without_names(modules.take())


@pytest.mark.parametrize(
    ("main", "other", "changed"),
    [
        (swap("    return 1", "    return 7"), str, "step"),
        (swap('COLUMNS = ["a", "b"]', 'COLUMNS = ["a"]'), str, "COLUMNS"),
        (swap('re.compile("a+")', 're.compile("b+")'), str, "PATTERN"),
        (swap("depth: int = 3", "depth: int = 4"), str, "Config"),
        (swap("config.deeper()", "config.deeper() + 1"), str, "helper"),
        (str, swap("row.strip()", "row.lower()"), "clean"),
        (str, swap("FACTOR = 2", "FACTOR = 3"), "FACTOR"),
        (str, swap('{"top": 5}', '{"top": 6}'), "BOUNDS"),
        (swap("getLogger(__name__)", 'getLogger("x")'), str, "LOG"),
    ],
)
def test_what_changes_it_can_be_named(
    modules: Modules, main: Callable[[str], str], other: Callable[[str], str], changed: str
) -> None:
    before, after = _without_names(modules.take()), _without_names(modules.take(main, other))
    assert {name for name in before if before[name] != after.get(name)} == {changed}


def make(factor: Any) -> Callable[[int], Any]:
    def scale(n: int) -> Any:
        return n * factor

    return scale


def test_plain_values_of_a_closure_count() -> None:
    assert fingerprint(make(2)).digest == fingerprint(make(2)).digest
    assert fingerprint(make(2)).digest != fingerprint(make(3)).digest
    assert fingerprint(make(2)).digest != fingerprint(make(2.0)).digest


def test_what_cannot_be_told_apart_has_none() -> None:
    with pytest.raises(NoFingerprint, match="keeps 'factor' in a closure, a generator"):
        fingerprint(make(n for n in [1]))
    scope: dict[str, Any] = {"__name__": __name__}
    exec("def f(): return 1", scope)
    with pytest.raises(NoFingerprint, match="the source of f cannot be read"):
        fingerprint(scope["f"])


def test_what_decorates_a_function_counts(modules: Modules) -> None:
    def decorated(text: str) -> str:
        loud = (
            "import functools\n\ndef loud(f):\n    @functools.wraps(f)\n    def g(*a):\n"
            "        return f(*a)\n    return g\n"
        )
        text = text.replace("import math", "import math\n" + loud)
        return text.replace("def step():", "@functools.lru_cache\ndef step():").replace("@task\n", "@task\n@loud\n", 1)

    before = _without_names(modules.take(decorated))
    assert {"helper", "loud", "step"} <= set(before)
    after = _without_names(modules.take(lambda text: decorated(text).replace("return f(*a)", "return f(*a) * 2")))
    assert {name for name in before if before[name] != after[name]} == {"loud", "loud.<locals>.g"}


def test_recursion_ends() -> None:
    assert fingerprint(_even).parts == fingerprint(_odd).parts
    assert len(fingerprint(_even).parts) == 2


def _even(n: int) -> bool:
    return n == 0 or _odd(n - 1)


def _odd(n: int) -> bool:
    return n != 0 and _even(n - 1)


def test_a_pipeline_keeps_fingerprints_and_their_parts(modules: Modules) -> None:
    module = modules.read()
    graph = trace(module.main)
    reference = f"{module.__name__}:work"
    assert graph.functions == {reference: fingerprint(module.work).digest}
    code = graph.labels["code"]
    assert f"{module.__name__}.helper" in code["uses"][reference]
    assert code["parts"][f"{module.__name__}.step"][2] == module.step.__code__.co_firstlineno


def test_no_fingerprint_is_an_error_only_with_a_cache(modules: Modules) -> None:
    def unreadable(text: str) -> str:
        return text + "\nglobals().update(SECRET=(n for n in ()))\n@task\ndef last():\n    return SECRET\n"

    cached = modules.read(
        lambda text: swap("    work([", "    last.options(cache=True)()\n    work([")(unreadable(text))
    )
    with pytest.raises(ProblemsFound) as caught:
        trace(cached.main)
    (problem,) = caught.value.problems
    assert problem.code == "no-fingerprint"
    assert "SECRET is a generator" in problem.message
    assert "leave out 'cache'" in problem.remedy
    plain = modules.read(lambda text: swap("    work([", "    last()\n    work([")(unreadable(text)))
    graph = trace(plain.main)
    assert graph.functions[f"{plain.__name__}:last"] == ""
