"""Code that is reached by unusual ways: each change of it is seen, or the fingerprint is refused with a remedy."""

from __future__ import annotations

import _heapq
import importlib
import itertools
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tidemill.authoring.fingerprint import Fingerprint, NoFingerprint, fingerprint, fingerprints

Take = Callable[[Mapping[str, str]], Fingerprint]
Files = dict[str, str]


@pytest.fixture
def take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Take:
    """The fingerprint of `work` of the module `m`, in a folder of these files."""
    serial = itertools.count()

    def taken(files: Mapping[str, str]) -> Fingerprint:
        folder = tmp_path / str(next(serial))
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        before = set(sys.modules)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(folder))
            importlib.invalidate_caches()
            try:
                return fingerprint(importlib.import_module("m").work)
            finally:
                for name in set(sys.modules) - before:
                    if name == "m" or name.partition(".")[0] in ("shop", "other"):
                        del sys.modules[name]

    return taken


FEATURES = {"shop/features.py": "LIMIT = 3\n\n\ndef clean(x):\n    return x + 1\n\n\ndef unused():\n    return 0\n"}
PACKAGE = {"shop/__init__.py": "", **FEATURES}
BUMP = ("shop/features.py", "x + 1", "x + 2")

# Files; which of them is changed, from what to what; the part that is said to have changed.
SEEN: dict[str, tuple[Files, tuple[str, str, str], str]] = {
    "a package without __init__.py": (
        {"m.py": "import shop.features\ndef work(x):\n    return shop.features.clean(x)\n", **FEATURES},
        BUMP, "shop.features.clean",
    ),
    "an import in the function": (
        {"m.py": "def work(x):\n    from shop.features import clean\n    return clean(x)\n", **PACKAGE},
        BUMP, "shop.features.clean",
    ),
    "an import in the function of a module": (
        {"m.py": "def work(x):\n    from shop import features as f\n    return f.clean(x)\n", **PACKAGE},
        BUMP, "shop.features.clean",
    ),
    "an import in the function of a module in a package": (
        {"m.py": "def work(x):\n    import shop.features\n    return shop.features.clean(x)\n", **PACKAGE},
        BUMP, "shop.features.clean",
    ),
    "a constant imported in the function": (
        {"m.py": "def work(x):\n    from shop.features import LIMIT\n    return x < LIMIT\n", **PACKAGE},
        ("shop/features.py", "LIMIT = 3", "LIMIT = 4"), "shop.features.LIMIT",
    ),
    "a relative import in the function": (
        {"m.py": "from shop.top import work\n", **PACKAGE,
         "shop/top.py": "def work(x):\n    from .features import clean\n    return clean(x)\n"},
        BUMP, "shop.features.clean",
    ),
    "an import in the function for its effect": (
        {"m.py": "def work(x):\n    import shop.features\n    return x\n", **PACKAGE}, BUMP, "shop.features",
    ),
    "a name that is imported, or else made": (
        {"m.py": "def work(x):\n    try:\n        from shop.features import clean\n    except ImportError:\n"
                 "        clean = abs\n    return clean(x)\n", **PACKAGE},
        BUMP, "shop.features",
    ),
    "importlib with a name": (
        {"m.py": "import importlib\ndef work(x):\n    return importlib.import_module('shop.features').clean(x)\n",
         **PACKAGE}, BUMP, "shop.features",
    ),
    "importlib with a relative name": (
        {"m.py": "from shop.top import work\n", **PACKAGE,
         "shop/top.py": "from importlib import import_module as load\nimport importlib\ndef work(x):\n"
                        "    return importlib.import_module('.features', __package__).clean(x)\n"},
        BUMP, "shop.features",
    ),
    "importlib, imported in the function": (
        {"m.py": "def work(x):\n    from importlib import import_module\n"
                 "    return import_module('shop.features').clean(x)\n", **PACKAGE}, BUMP, "shop.features",
    ),
    "__import__": (
        {"m.py": "def work(x):\n    return __import__('shop.features').features.clean(x)\n", **PACKAGE},
        BUMP, "shop.features",
    ),
    "importlib with the package alone": (
        {"m.py": "import importlib\ndef work(x, name):\n    return importlib.import_module(f'shop.{name}').clean(x)\n",
         **PACKAGE}, BUMP, "shop.features",
    ),
    "the same, put together otherwise": (
        {"m.py": "import importlib\ndef work(x, name):\n    one = importlib.import_module('shop.' + name)\n"
                 "    return one, importlib.import_module('shop.%s' % name)\n", **PACKAGE}, BUMP, "shop.features",
    ),
    "a module that is looked up by name": (
        {"m.py": "import sys\ndef helper():\n    return 1\ndef work(x):\n"
                 "    return getattr(sys.modules[__name__], x)()\n"}, ("m.py", "return 1", "return 2"), "m",
    ),
    "globals()": (
        {"m.py": "def helper():\n    return 1\ndef work(x):\n    return globals()[x]()\n"},
        ("m.py", "return 1", "return 2"), "m",
    ),
    "eval of a text that is written there": (
        {"m.py": "def helper():\n    return 1\ndef work(x):\n    return eval('helper() + x')\n"},
        ("m.py", "return 1", "return 2"), "m.helper",
    ),
    "a quoted annotation": (
        {"m.py": "class Cart:\n    def total(self):\n        return 1\ndef work(cart: 'list[Cart]'):\n"
                 "    return cart[0].total()\n"}, ("m.py", "return 1", "return 2"), "m.Cart",
    ),
    "an attribute given to a class from outside": (
        {"m.py": "class Cart:\n    RATE = 1\nCart.RATE = 5\ndef work():\n    return Cart.RATE\n"},
        ("m.py", "RATE = 5", "RATE = 6"), "m.Cart.RATE",
    ),
    "a new attribute of a class": (
        {"m.py": "class Cart:\n    pass\nsetattr(Cart, 'RATE', 5)\ndef work():\n    return Cart.RATE\n"},
        ("m.py", "'RATE', 5", "'RATE', 5.0"), "m.Cart.RATE",
    ),
    "another method of the class of a method": (
        {"m.py": "class Cart:\n    def total(self):\n        return self.one()\n    def one(self):\n        return 1\n"
                 "work = Cart.total\n"}, ("m.py", "return 1", "return 2"), "m.Cart",
    ),
    "a class method": (
        {"m.py": "class Cart:\n    RATE = 1\n    @classmethod\n    def make(cls):\n        return cls.RATE\n"
                 "work = Cart.make\n"}, ("m.py", "RATE = 1", "RATE = 2"), "m.Cart",
    ),
    "a class method of a subclass": (
        {"m.py": "class Cart:\n    @classmethod\n    def make(cls):\n        return cls.RATE\n"
                 "class Big(Cart):\n    RATE = 1\nwork = Big.make\n"}, ("m.py", "RATE = 1", "RATE = 2"), "m.Big",
    ),
    "a bound method": (
        {"m.py": "class Cart:\n    def __init__(self, n):\n        self.n = n\n    def total(self):\n"
                 "        return self.n\ntotal = Cart(1).total\ndef work():\n    return total()\n"},
        ("m.py", "return self.n", "return -self.n"), "m.Cart",
    ),
    "what a bound method is bound to": (
        {"m.py": "class Cart:\n    def __init__(self, n):\n        self.n = n\n    def total(self):\n"
                 "        return self.n\ntotal = Cart(1).total\ndef work():\n    return total()\n"},
        ("m.py", "Cart(1)", "Cart(2)"), "m.total",
    ),
    "one of several lambdas in a line": (
        {"m.py": "BY = {'a': lambda x: x + 1, 'b': lambda x: x + 2}\ndef work(name):\n    return BY[name](1)\n"},
        ("m.py", "x + 2", "x + 3"), "m.<lambda>",
    ),
    "a lambda in a lambda": (
        {"m.py": "make = lambda n: lambda x: x + n\nadd = make(1)\ndef work():\n    return add(1)\n"},
        ("m.py", "x + n", "x - n"), "m.<lambda>.<locals>.<lambda>",
    ),
    "two names that change places": (
        {"m.py": "def one():\n    return 1\ndef two():\n    return 2\nfirst, second = one, two\n"
                 "def work():\n    return first() - second()\n"},
        ("m.py", "first, second =", "second, first ="), "m.first",
    ),
    "a decorator of the same name as ours": (
        {"m.py": "from other import task\n@task(1)\ndef helper(x):\n    return x\ndef work(x):\n    return helper(x)\n",
         "other.py": "def task(n):\n    def outer(f):\n        def inner(x):\n            return f(x) * n\n"
                     "        return inner\n    return outer\n"},
        ("m.py", "@task(1)", "@task(2)"), "other.task.<locals>.outer.<locals>.inner.n",
    ),
}  # fmt: skip


def changed(files: Files, change: tuple[str, str, str]) -> Files:
    name, old, new = change
    assert files[name].count(old) == 1
    return {**files, name: files[name].replace(old, new)}


@pytest.mark.parametrize(("files", "change", "told"), SEEN.values(), ids=SEEN)
def test_what_is_reached_counts_and_is_told(take: Take, files: Files, change: tuple[str, str, str], told: str) -> None:
    before, again, after = take(files), take(files), take(changed(files, change))
    assert before.digest == again.digest
    assert before.digest != after.digest
    different = {name for name in after.parts if after.parts[name].digest != before.parts[name].digest}
    assert told in different
    assert Path(after.parts[told].file).is_file()


UNSEEN: dict[str, tuple[Files, tuple[str, str, str]]] = {
    "what a module that is imported in the function has besides": (
        {"m.py": "def work(x):\n    from shop.features import clean\n    return clean(x)\n", **PACKAGE},
        ("shop/features.py", "return 0", "return 9"),
    ),
    "options of a task under another name": (
        {"m.py": "from tidemill import task as step\n@step(retries=1)\ndef work(x):\n    return x\n"},
        ("m.py", "retries=1", "retries=2"),
    ),
    "options of a task, by the name of the package": (
        {"m.py": "import tidemill as tm\n@tm.task(retries=1)\ndef work(x):\n    return x\n"},
        ("m.py", "retries=1", "retries=2"),
    ),
    "a function of the user's own that is called like one of Python's": (
        {"m.py": "def eval(x):\n    return x\ndef import_module(x):\n    return x\ndef work(x):\n"
                 "    return eval(x), import_module(x)\n# one\n"}, ("m.py", "# one", "# two"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "change"), UNSEEN.values(), ids=UNSEEN)
def test_what_is_not_reached_does_not_count(take: Take, files: Files, change: tuple[str, str, str]) -> None:
    assert take(files).digest == take(changed(files, change)).digest


REFUSED = {
    "a module by any name": (
        "import importlib\ndef work(name):\n    return importlib.import_module(name)\n",
        "`importlib.import_module` imports a module whose name is known only at run time",
        "begin the name with its package", 3,
    ),
    "a relative name from who knows where": (
        "import importlib\ndef work(name):\n    return importlib.import_module('.a', name)\n",
        "known only at run time", "begin the name with its package", 3,
    ),
    "a text that is run": (
        "def work(text):\n    x = 1\n    exec(text)\n", "`exec` runs a text that is known only at run time",
        "keep the functions to choose from in a dict", 3,
    ),
    "the same in a function inside": (
        "def work(text):\n    def inner():\n        return eval(text)\n    return inner()\n",
        "`eval` runs a text that is known only at run time", "keep the functions to choose from in a dict", 3,
    ),
    "a class from a function": (
        "def make(n):\n    class C:\n        size = n\n    return C\nS = make(1)\ndef work():\n    return S.size\n",
        "it uses the class make.C, which is made inside a function",
        "define it with `class` at the top of a module", 6,
    ),
    "a function from a text": (
        "own = {'__name__': __name__}\nexec('def f(): return 1', own)\nf = own['f']\ndef work():\n    return f()\n",
        "the source of f cannot be read", "define it in a file", 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("source", "message", "remedy", "line"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_told_is_refused_with_a_remedy(
    take: Take, source: str, message: str, remedy: str, line: int
) -> None:
    with pytest.raises(NoFingerprint) as caught:
        take({"m.py": source})
    assert message in caught.value.message
    assert caught.value.message.startswith("the code of work has no fingerprint: ")
    assert caught.value.remedy.startswith(remedy)
    assert caught.value.remedy.endswith(", or leave out 'cache'")
    assert caught.value.place.endswith(f":{line}")


def test_what_is_imported_or_run_while_the_module_is_read_is_known_by_what_came_of_it(take: Take) -> None:
    files = {
        "m.py": "import importlib\nPARTS = [importlib.import_module(f'shop.{n}') for n in ('features',)]\n"
        "exec('LIMIT = 1')\ndef work(x):\n    return PARTS[0].clean(x) + LIMIT\n",
        **PACKAGE,
    }
    digests = {
        take(files).digest,
        take(changed(files, BUMP)).digest,
        take(changed(files, ("m.py", "LIMIT = 1", "LIMIT = 2"))).digest,
    }
    assert len(digests) == 3


def test_several_are_taken_at_once_as_if_each_were_alone(tmp_path: Path) -> None:
    source = (
        "import importlib\ndef adding(n):\n    def add(x):\n        return x + n\n    return add\n"
        "def pair(n):\n    def one(x):\n        return two(x)\n    def two(x):\n        return one(x) + n\n"
        "    return one, two\n"
        "def any_module(name):\n    return importlib.import_module(name)\n"
        "class Base:\n    known = {}\n    def __init_subclass__(cls):\n        Base.known[cls.__name__] = cls\n"
        "class Under(Base):\n    def go(self):\n        return 1\n"
        "add_1, add_2, (one, two) = adding(1), adding(2), pair(3)\n"
        "def first(x):\n    return add_1(x), Base\ndef second(x):\n    return add_2(x), add_1(x), Under\n"
        "def third(x):\n    return any_module(x)\ndef fourth(x):\n    return first(any_module)\n"
        "{crossed}\nwork = [first, second, third, fourth]\n"
    )
    for crossed in ("", "def fifth(x):\n    return one(x)\ndef sixth(x):\n    return two(x)\n"):
        names = ["first", "second", "third", "fourth", *(["fifth", "sixth"] if crossed else [])]
        (tmp_path / "m.py").write_text(source.replace("{crossed}", crossed))
        sys.path.insert(0, str(tmp_path))
        try:
            importlib.invalidate_caches()
            module = importlib.import_module("m")
            functions = [getattr(module, name) for name in names]
            alone = [fingerprints([function])[0] for function in functions]
            for order in (functions, functions[::-1]):
                together = dict(zip(order, fingerprints(order), strict=True))
                assert [_said(together[function]) for function in functions] == [_said(one) for one in alone]
        finally:
            sys.path.remove(str(tmp_path))
            sys.modules.pop("m", None)
        refused = [name for name, one in zip(names, alone, strict=True) if isinstance(one, NoFingerprint)]
        assert refused == ["third", "fourth"]


def _said(found: Fingerprint | NoFingerprint) -> object:
    return str(found) if isinstance(found, NoFingerprint) else found


def test_the_environment_as_a_whole_does_not_count(take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"m.py": "import os\nENV = os.environ\ndef work():\n    return ENV['HOME']\n"}
    before = take(files)
    monkeypatch.setenv("NOBODY_ASKS", "for it")
    assert take(files).digest == before.digest


@pytest.mark.skipif(not hasattr(_heapq, "__file__"), reason="this Python has its extension modules built in")
@pytest.mark.parametrize(
    "source",
    [
        "from shop import _heapq\ndef work(x):\n    return _heapq.heappop(x)\n",
        "from shop._heapq import heappop\ndef work(x):\n    return heappop(x)\n",
        "from shop._heapq import heappop\nBY = {'pop': heappop}\ndef work(x):\n    return BY['pop'](x)\n",
        "def work(x):\n    from shop._heapq import heappop\n    return heappop(x)\n",
    ],
)
def test_an_extension_module_beside_counts_by_its_file(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = Path(str(_heapq.__file__))
    digests = []
    for number in range(2):
        folder = tmp_path / str(number)
        (folder / "shop").mkdir(parents=True)
        (folder / "m.py").write_text(source)
        (folder / "shop" / "__init__.py").write_text("")
        shutil.copy(binary, folder / "shop")
        with (folder / "shop" / binary.name).open("ab") as file:
            file.write(b"\0" * number)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(folder))
            for name in ("m", "shop", "shop._heapq"):
                patch.delitem(sys.modules, name, raising=False)
            importlib.invalidate_caches()
            found = fingerprint(importlib.import_module("m").work)
            for name in ("m", "shop", "shop._heapq"):
                sys.modules.pop(name, None)
        assert found.parts["shop._heapq"].file == str(folder / "shop" / binary.name)
        digests.append(found.parts["shop._heapq"].digest)
    assert digests[0] != digests[1]
