"""Data and code that a function reaches by other ways than its own text: each change of it changes the fingerprint."""

from __future__ import annotations

import importlib
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidemill.authoring.fingerprint import Fingerprint, NoFingerprint, fingerprint

Take = Callable[..., Fingerprint]


@pytest.fixture
def take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Take:
    """The fingerprint of `work` of a module `m` of that source, with other files beside it."""
    serial = itertools.count()

    def taken(source: str, **files: str) -> Fingerprint:
        folder = tmp_path / str(next(serial))
        folder.mkdir()
        (folder / "m.py").write_text(source)
        for name, text in files.items():
            (folder / name.replace("_json", ".json").replace("_py", ".py")).write_text(text)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(folder))
            patch.chdir(folder)
            for name in ["m", *(name[:-3] for name in files if name.endswith("_py"))]:
                patch.delitem(sys.modules, name, raising=False)
            importlib.invalidate_caches()
            try:
                return fingerprint(importlib.import_module("m").work)
            finally:
                sys.modules.pop("m", None)

    return taken


CONFIG = """
import json
from pathlib import Path
from dataclasses import dataclass
@dataclass
class Cfg:
    depth: int
CFG = Cfg(**json.loads(Path("cfg.json").read_text()))
"""

# ruff: noqa: ISC004, E501 - sources of modules
# What reads the file, and the function that uses it.
FROM_FILE = {
    "an object": CONFIG + "def work():\n    return CFG.depth\n",
    "a private name": CONFIG.replace("CFG =", "__cfg =") + "def work():\n    return __cfg\n",
    "an object in a tuple": CONFIG + "ALL = (1, {'a': CFG})\ndef work():\n    return ALL\n",
    "a default": CONFIG + "def work(cfg=CFG, *, n=1):\n    return cfg\n",
    "a plain default": CONFIG + "def work(*, depth=CFG.depth):\n    return depth\n",
    "a default in a factory": CONFIG + "def make(n):\n    return lambda m=n: m\nwork = make(CFG.depth)\n",
    "a class attribute": CONFIG + "class C:\n    D = CFG.depth\ndef work():\n    return C.D\n",
    "a method": CONFIG + "deeper = [CFG].copy\ndef work():\n    return deeper()\n",
    "a partial": CONFIG + "import functools\nf = functools.partial(print, CFG)\ndef work():\n    f()\n",
    "an attribute of a function": CONFIG + "def work():\n    return work.cfg\nwork.cfg = CFG\n",
    "a view": CONFIG + "import types\nP = types.MappingProxyType({'a': CFG})\ndef work():\n    return P\n",
    "a table": "import json\nfrom pathlib import Path\nimport pandas as pd\nDF = pd.DataFrame(json.loads(Path('cfg.json').read_text()), index=[0])\n"
    "def work():\n    return DF.sum()\n",
    "an array": "import json\nfrom pathlib import Path\nimport numpy as np\nA = np.array(json.loads(Path('cfg.json').read_text())['depth'])\n"
    "def work():\n    return A\n",
    "an enum": CONFIG + "import enum\nE = enum.Enum('E', {'A': CFG.depth})\ndef work():\n    return E.A\n",
    "itself": CONFIG + "CFG.me = CFG\ndef work():\n    return CFG\n",
}


@pytest.mark.parametrize("source", FROM_FILE.values(), ids=FROM_FILE)
def test_what_was_read_at_import_counts(take: Take, source: str) -> None:
    if "pandas" in source:
        pytest.importorskip("pandas")
    if "numpy" in source:
        pytest.importorskip("numpy")
    one = take(source, cfg_json='{"depth": 1}')
    assert one.digest == take(source, cfg_json='{"depth": 1}').digest
    assert one.digest != take(source, cfg_json='{"depth": 2}').digest


REGISTRY = """
REG = {}
def register(f):
    REG[f.__name__] = f
    return f
@register
def first():
    return 1
def helper():
    return 2
def other():
    return 3
class Kind:
    def go(self):
        return 4
"""

WRAPS = """
import functools
def deco(n):
    def outer(f):
        @functools.wraps(f)
        def inner(*a):
            return f(*a) * n
        return inner
    return outer
def base(x):
    return x + 7
"""

FACTORY = "def make(n):\n    def f(x):\n        return x * n\n    return f\n"

CHANGES = {
    "a registry": (REGISTRY + "def work():\n    return REG['first']()\n", "return 1", "return 6"),
    "a list": (REGISTRY + "L = [helper]\ndef work():\n    return L[0]()\n", "return 2", "return 6"),
    "a set": (REGISTRY + "L = {helper, other}\ndef work():\n    return len(L)\n", "return 3", "return 6"),
    "a class in a tuple": (REGISTRY + "L = (Kind,)\ndef work():\n    return L[0]().go()\n", "return 4", "return 6"),
    "an object's class": (REGISTRY + "K = Kind()\ndef work():\n    return K.go()\n", "return 4", "return 6"),
    "the order": (REGISTRY + "L = [helper, other]\ndef work():\n    return L\n", "[helper, other]", "[other, helper]"),
    "an alias": (REGISTRY + "a, b = helper, other\ndef work():\n    return a() - b()\n", "a, b =", "b, a ="),
    "an enum with code": (
        "import enum\nclass E(enum.Enum):\n    A = 1\n    def go(self):\n        return 2\n"
        "MODE = E.A\ndef work():\n    return MODE.go()\n", "return 2", "return 6",
    ),
    "a second closure": (FACTORY + "m1 = make(1)\nm2 = make(10)\ndef work():\n    return m1(1) + m2(1)\n", "10", "11"),
    "closures swapped": (
        FACTORY + "m1 = make(1)\nm2 = make(2)\ndef work():\n    return m1(1) - m2(1)\n",
        "m1 = make(1)\nm2 = make(2)", "m1 = make(2)\nm2 = make(1)",
    ),
    "closures in a set": (FACTORY + "S = {make(1), make(2)}\ndef work():\n    return S\n", "make(2)", "make(3)"),
    "what is wrapped": (WRAPS + "wrapped = deco(2)(base)\ndef work():\n    return wrapped(1)\n", "+ 7", "+ 8"),
    "a wrapper": (WRAPS + "wrapped = deco(2)(base)\ndef work():\n    return wrapped(1)\n", "* n", "- n"),
    "a wrapper's cell": (WRAPS + "wrapped = deco(2)(base)\ndef work():\n    return wrapped(1)\n", "deco(2)", "deco(3)"),
    "a wrapped method": (
        WRAPS + "N = 2\nclass C:\n    pass\nC.m = deco(N)(base)\ndef work():\n    return C().m()\n", "N = 2", "N = 3",
    ),
    "a partial's function": (
        WRAPS + "p = functools.partial(base, 1)\ndef work():\n    return p()\n", "+ 7", "+ 8",
    ),
    "a cached function": (
        WRAPS + "p = functools.lru_cache(deco(2)(base))\ndef work():\n    return p(1)\n", "deco(2)", "deco(3)",
    ),
    "single dispatch": (
        "import functools\n@functools.singledispatch\ndef f(x):\n    return 0\n@f.register\ndef _(x: int):\n    return 1\n"
        "@f.register\ndef _(x: str):\n    return 2\ndef work():\n    return f(1)\n", "return 2", "return 3",
    ),
    "a global that an inner function hides": (
        REGISTRY + "def work():\n    def inner():\n        helper = 1\n        return helper\n    return helper()\n",
        "return 2", "return 6",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("source", "old", "new"), CHANGES.values(), ids=CHANGES)
def test_code_counts_by_whatever_way_it_is_reached(take: Take, source: str, old: str, new: str) -> None:
    assert old in source
    before = take(source)
    assert before.digest == take("# moved down\n" + source).digest
    assert before.digest != take(source.replace(old, new)).digest


BESIDE = "def clean():\n    return {n}\nclass Cfg:\n    pass\nDATA = Cfg()\nDATA.n = {n}\n"


@pytest.mark.parametrize(
    "source",
    [
        "from beside import *\ndef work():\n    return clean()\n",
        "from beside import *\ndef work():\n    return DATA\n",
        "def work():\n    import beside\n    return beside.DATA\n",
        "def work():\n    from beside import DATA\n    return DATA\n",
    ],
)
def test_a_module_beside_counts_however_it_is_imported(take: Take, source: str) -> None:
    digests = [take(source, beside_py=BESIDE.format(n=n)).digest for n in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


def test_star_imports_count_by_version(take: Take) -> None:
    source = "from tidemill import *\n@task\ndef work(d: Dataset) -> Model:\n    return run_info, each, d\n"
    assert take(source).digest == take(source).digest


@pytest.mark.parametrize("made", ["memoryview(b'')", "(n for n in ())", "[iter([].append, 1), (n for n in ())]"])
def test_what_cannot_be_told_is_refused_with_its_place(take: Take, made: str) -> None:
    with pytest.raises(NoFingerprint, match=r"m\.THING is a ") as caught:
        take(f"THING = {made}\ndef work():\n    return THING\n")
    assert "make it in the task" in caught.value.remedy
    assert "cache_parts" in caught.value.remedy
    assert "leave out 'cache'" in caught.value.remedy
    assert caught.value.place.endswith("m.py:1")


def test_harmless_kinds_count_by_their_statement(take: Take) -> None:
    source = (
        "import logging, re, threading\nLOG = logging.getLogger('a')\nLOCK = threading.Lock()\n"
        "A = re.compile('a')\nNONE = object()\nBOTH = {'log': LOG, 'lock': LOCK}\n"
        "def work():\n    return LOG, LOCK, A, NONE, BOTH\n"
    )
    assert take(source).digest == take(source).digest
    assert take(source).digest != take(source.replace("getLogger('a')", "getLogger('b')")).digest
    assert take(source).digest != take(source.replace("compile('a')", "compile('b')")).digest


SCRIPT = """
import sys
from tidemill.authoring.fingerprint import fingerprint
sys.path.insert(0, ".")
import m
print(fingerprint(m.work).digest)
"""


def test_every_process_finds_the_same(tmp_path: Path) -> None:
    source = FACTORY + REGISTRY + CONFIG + "import functools\n"
    source += "S = {'a', 'b', 'c', ('d', frozenset('efg'))}\nF = {make(1), make(2), helper, Kind}\n"
    source += "O = functools.partial(print, S, F, CFG, [{'x': {'y', 'z'}}])\nTEXT = ['ab', 'a' + str('b')]\n"
    source += "class Bag(set):\n    pass\nB = Bag('abc')\ndef work():\n    return S, F, O, TEXT, B, REG\n"
    (tmp_path / "m.py").write_text(source)
    (tmp_path / "cfg.json").write_text('{"depth": 1}')
    found = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=tmp_path, env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(found) == 1
    assert found.pop().strip()


def test_a_long_chain_of_functions_is_followed_to_its_end(take: Take) -> None:
    links = "".join(f"def f{n}(x):\n    return f{n + 1}(x)\n" for n in range(1000))
    found = take(links + "def f1000(x):\n    return x\ndef work(x):\n    return f0(x)\n")
    assert len(found.parts) == 1002


def test_locks_in_what_a_closure_keeps_do_no_harm() -> None:
    def outer(lock: Any) -> Callable[[], Any]:
        return lambda: lock

    assert fingerprint(outer(threading.Lock())).digest == fingerprint(outer(threading.Lock())).digest
