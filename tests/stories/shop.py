"""A small project of several files, as texts: what the story of forty edits changes, line by line."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

PIPELINE = '''
from __future__ import annotations

import os
from pathlib import Path

import parcels
from shop import constants
from shop.cleaning import clean
from shop.ledger import note
from shop.prices import Discount, Ticket
from shop.scaling import halved, scaled
from shop.steps import STEPS, packed, same
from tidemill import pipeline, task


@task(cache=True)
def load(path: Path) -> list[int]:
    """Numbers, one in a line."""
    note("load")
    return [int(line) for line in path.read_text().split()]


@task(cache=True)
def tidy(rows: list[int]) -> list[int]:
    note("tidy")
    kept = clean(rows)
    return [same(row) for row in kept]


@task(cache=True, retries=1)
def scale(rows: list[int], factor=1) -> list[float]:
    note("scale")
    return scaled([halved(row) for row in rows], factor)


@task(cache=True)
def price(rows: list[int]) -> int:
    note("price")
    return Discount().total(rows)


@task(cache=True)
def ship(rows: list[int]) -> int:
    note("ship")
    return parcels.needed(len(rows))


@task(cache="1d", cache_parts={"region": os.environ.get("REGION", "eu")})
def tax(total: int) -> int:
    note("tax")
    return total * constants.TAX // 100


@task(cache=True)
def count(folder: Path) -> int:
    note("count")
    return len(list(folder.iterdir()))


@task(cache=True, cache_ignore=["verbose"])
def report(total: int, boxes: int, rows: list[float], verbose: bool = False) -> str:
    note("report")
    for step in STEPS:
        rows = step(rows)
    return f"{Ticket(total).text()} in {packed(boxes)} boxes, {sum(rows):.1f}"


@pipeline
def orders(path: Path, folder: Path, factor=1, verbose: bool = False):
    rows = tidy(load(path))
    total = price(rows)
    tax(total)
    count(folder)
    report(total, ship(rows), scale(rows, factor), verbose)
'''

FILES = {
    "pipeline.py": PIPELINE.lstrip(),
    "shop/__init__.py": "",
    "shop/ledger.py": """
import os


def note(name):
    with open(os.environ["LEDGER"], "a") as ledger:
        ledger.write(name + "\\n")
""",
    "shop/constants.py": """
TAX = 20
TOP = 100
UNUSED = 1
COLUMNS = ["price"]
COLUMNS.append("weight")
""",
    "shop/cleaning.py": '''
"""What is kept."""

from shop.text import positive
from shop.wrapping import checked, loud


@loud
@checked
def clean(rows):
    # Only what can be sold.
    return [row for row in rows if positive(row)]
''',
    "shop/text.py": """
def positive(number):
    return number > 0


def unused(number):
    return number < 0
""",
    "shop/wrapping.py": """
import functools


def loud(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


def checked(function):
    @functools.wraps(function)
    def wrapper(*args):
        found = function(*args)
        assert found
        return found

    return wrapper
""",
    "shop/prices.py": '''
from dataclasses import dataclass


class Price:
    """What something costs."""

    rate = 3

    def total(self, rows):
        return sum(self.one(row) for row in rows)

    def one(self, row):
        return row * self.rate


class Discount(Price):
    off = 1

    def one(self, row):
        return super().one(row) - self.off


@dataclass
class Ticket:
    total: int
    unit: str = "EUR"

    def text(self):
        return f"{self.total} {self.unit}"
''',
    "shop/scaling.py": """
from functools import partial

from shop import constants


def scaled(rows, factor):
    return [min(row * factor, constants.TOP) for row in rows]


def divided(by, row):
    return row / by


halved = partial(divided, 2)
""",
    "shop/steps.py": """
def adding(number):
    def step(rows):
        return [row + number for row in rows]

    return step


def step_one(rows):
    return rows[:]


def step_two(rows):
    return list(rows)


first, second = step_one, step_two


def last(rows):
    return second(first(rows))


def plus(number):
    return lambda other: other + number


same, packed = plus(0), plus(10)
STEPS = [adding(1), lambda rows: rows[::-1], last]
""",
}

_PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
LIBRARY = "def needed(number):\n    return number // 10 + 1\n"


class Shop:
    """The project in a folder `place`: its files, its data, and a library that is installed beside it."""

    def __init__(self, place: Path) -> None:
        self.folder = place / "project"
        self.data = place / "data"
        self.installed = place / "user" / "lib" / _PYTHON / "site-packages"

    def write(self) -> None:
        """As it was in the beginning."""
        for folder in (self.folder, self.data, self.installed):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        for name, text in FILES.items():
            self.file(name, text.lstrip())
        (self.data / "orders.txt").write_text("1\n2\n-3\n40\n")
        (self.data / "folder").mkdir()
        (self.data / "folder" / "one.txt").write_text("1")
        self.install("1.0")

    def file(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        """Put `new` for `old`, which stands there once."""
        text = (self.folder / name).read_text()
        assert text.count(old) == 1, (name, old)
        self.file(name, text.replace(old, new))

    def install(self, version: str, text: str = LIBRARY) -> None:
        for old in self.installed.glob("*.dist-info"):
            shutil.rmtree(old)
        (self.installed / "parcels").mkdir(exist_ok=True)
        (self.installed / "parcels" / "__init__.py").write_text(text)
        about = self.installed / f"parcels-{version}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: parcels\nVersion: {version}\n")
        (about / "top_level.txt").write_text("parcels\n")

    @property
    def params(self) -> dict[str, object]:
        return {"path": str(self.data / "orders.txt"), "folder": str(self.data / "folder")}

    @property
    def environment(self) -> dict[str, str]:
        """That of a process in which the library counts as installed."""
        base = self.installed.parents[2]
        return {**os.environ, "PYTHONUSERBASE": str(base), "PYTHONPATH": str(self.installed)}
