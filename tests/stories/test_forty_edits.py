"""Forty edits of a project, and for each which of its tasks run again and what the plan says of why.

Each begins with the project as it was after one run. What runs again and gives the same as before lets those after it
be reused.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.stories.shop import LIBRARY, Shop
from tests.stories.shopkeeper import Answer, Shopkeeper

ALL = "load tidy scale price ship tax count report"


@dataclass(frozen=True, slots=True)
class Edit:
    """`runs`: the tasks that are called again. `why`: a part of what is said of some of them beforehand.

    `order`: what else is asked for, as `Shopkeeper.order` takes it.
    """

    name: str
    change: Callable[[Shop], object] = lambda shop: None
    runs: str = ""
    why: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    order: Mapping[str, Any] = field(default_factory=dict)


def line(file: str, old: str, new: str) -> Callable[[Shop], object]:
    return lambda shop: shop.edit(file, old, new)


def both(*changes: Callable[[Shop], object]) -> Callable[[Shop], object]:
    return lambda shop: [change(shop) for change in changes]


def _touch(shop: Shop) -> None:
    os.utime(shop.data / "orders.txt", (1, 1))


def _rename_data(shop: Shop) -> None:
    (shop.data / "orders.txt").rename(shop.data / "sold.txt")


def _write_data(shop: Shop) -> None:
    (shop.data / "orders.txt").write_text("1\n2\n-3\n41\n")


def _move_project(shop: Shop) -> None:
    """Elsewhere, under the same name; what is found at the old place leads there."""
    moved = shop.folder.rename(shop.folder.with_name("moved"))
    shop.folder.symlink_to(moved)


def _editable(text: str) -> Callable[[Shop], object]:
    """As `pip install -e` does: the folder of the source is on the path, and not in `site-packages`."""

    def change(shop: Shop) -> None:
        shutil.rmtree(shop.installed / "parcels")
        (shop.folder / "parcels.py").write_text(text)

    return change


def _add_task(shop: Shop) -> None:
    shop.edit("pipeline.py", "@pipeline\n", "@task(cache=True)\ndef more(n: int) -> int:\n    note('more')\n"
              "    return n\n\n\n@pipeline\n")  # fmt: skip
    shop.edit("pipeline.py", "    tax(total)\n", "    tax(total)\n    more(total)\n")


def _swap_definitions(shop: Shop) -> None:
    text = (shop.folder / "shop/text.py").read_text()
    first, second = text.split("\n\n\n")
    shop.file("shop/text.py", f"{second.strip()}\n\n\n{first.strip()}\n")


def _move_function(shop: Shop) -> None:
    shop.edit("shop/text.py", "def positive(number):\n    return number > 0\n", "")
    shop.file("shop/numbers.py", "def positive(number):\n    return number > 0\n")
    shop.edit("shop/cleaning.py", "shop.text", "shop.numbers")


def _rename_module(shop: Shop) -> None:
    (shop.folder / "shop/scaling.py").rename(shop.folder / "shop/stretching.py")
    shop.edit("pipeline.py", "shop.scaling", "shop.stretching")


EDITS = (
    # --- what is no code
    Edit("nothing"),
    Edit("a comment", line("shop/cleaning.py", "# Only what", "# That which")),
    Edit("a comment in the task", line("pipeline.py", "    kept =", "    # here\n    kept =")),
    Edit("blank lines above all", line("shop/text.py", "def positive", "\n\n\n\ndef positive")),
    Edit("a docstring of the task", line("pipeline.py", '"""Numbers, one', '"""The numbers, one')),
    Edit("a docstring is removed", line("shop/prices.py", '    """What something costs."""\n\n', "")),
    Edit("a docstring of the module", line("shop/cleaning.py", "What is kept", "What goes")),
    Edit("formatting", line("shop/scaling.py", "[min(row * factor, constants.TOP) for row in rows]",
                            "[\n        min(row*factor, constants.TOP)\n        for row in rows\n    ]")),
    Edit("quotes", line("shop/prices.py", '"EUR"', "'EUR'")),
    Edit("the order of definitions", _swap_definitions),
    Edit("another folder", _move_project),
    # --- functions
    Edit("the body of a task", line("pipeline.py", "return parcels.needed(len(rows))", "return parcels.needed(10)"),
         "ship report", {"ship": "code of pipeline.ship changed in pipeline.py:42"}),
    Edit("a helper two modules away", line("shop/text.py", "number > 0", "number > 1"),
         "tidy scale price ship tax report", {"tidy": "code of shop.text.positive changed in shop/text.py:1"}),
    Edit("the same, with the same result", line("shop/text.py", "number > 0", "0 < number"), "tidy",
         {"tidy": "code of shop.text.positive changed in shop/text.py:1"}),
    Edit("a helper that nobody uses", line("shop/text.py", "number < 0", "number <= 0")),
    Edit("a local variable gets another name",
         both(line("pipeline.py", "kept = clean(rows)", "rest = clean(rows)"),
              line("pipeline.py", "for row in kept", "for row in rest")),
         "tidy", {"tidy": "code of pipeline.tidy changed in pipeline.py:23"}),
    Edit("an annotation of a helper", line("shop/text.py", "def positive(number)", "def positive(number: int)"), "tidy",
         {"tidy": "code of shop.text.positive changed"}),
    Edit("a default argument", line("shop/scaling.py", "def divided(by, row):", "def divided(by, row, more=0):"),
         "scale", {"scale": "code of shop.scaling.divided changed in shop/scaling.py:10"}),
    Edit("an f-string", line("pipeline.py", "{sum(rows):.1f}", "{sum(rows):.2f}"), "report",
         {"report": "code of pipeline.report changed"}),
    Edit("a function moves to another module", _move_function, "tidy",
         {"tidy": "code no longer reaches shop.text.positive"}),
    Edit("a module gets another name", _rename_module, "scale",
         {"scale": "code now reaches shop.stretching.divided in shop/stretching.py:10"}),
    Edit("an import gets another name",
         both(line("pipeline.py", "from shop.cleaning import clean", "from shop.cleaning import clean as sift"),
              line("pipeline.py", "clean(rows)", "sift(rows)")),
         "tidy", {"tidy": "code of pipeline.tidy changed in pipeline.py:23"}),
    # --- what is made of functions
    Edit("the body of a decorator", line("shop/wrapping.py", "return function(*args)", "return [*function(*args)]"),
         "tidy", {"tidy": "code of shop.wrapping.loud.<locals>.wrapper changed in shop/wrapping.py:5"}),
    Edit("the order of decorators", line("shop/cleaning.py", "@loud\n@checked\n", "@checked\n@loud\n"), "tidy",
         {"tidy": "code of shop.cleaning.clean changed in shop/cleaning.py:7"}),
    Edit("a lambda", line("shop/steps.py", "rows[::-1]", "rows[::+1]"), "report",
         {"report": "code of shop.steps.<lambda> changed in shop/steps.py:28"}),
    Edit("what a closure keeps", line("shop/steps.py", "adding(1)", "adding(2)"), "report",
         {"report": "shop.steps.adding.<locals>.step.number changed in shop/steps.py:2"}),
    Edit("what a partial keeps", line("shop/scaling.py", "partial(divided, 2)", "partial(divided, 4)"), "scale report",
         {"scale": "code of shop.scaling.halved changed in shop/scaling.py:14"}),
    Edit("functions in a list change places",
         line("shop/steps.py", "lambda rows: rows[::-1], last", "last, lambda rows: rows[::-1]"), "report",
         {"report": "code of shop.steps.STEPS changed in shop/steps.py:28"}),
    Edit("two names change places", line("shop/steps.py", "first, second = step_one, step_two",
                                         "second, first = step_one, step_two"),
         "report", {"report": "code of shop.steps.first changed in shop/steps.py:16"}),
    Edit("one of two functions of a factory", line("shop/steps.py", "plus(10)", "plus(11)"), "report",
         {"report": "code of shop.steps.plus.<locals>.<lambda>.number (of report) changed in shop/steps.py:24"}),
    # --- classes
    Edit("an attribute of a base class", line("shop/prices.py", "rate = 3", "rate = 4"), "price tax report",
         {"price": "code of shop.prices.Price changed in shop/prices.py:4"}),
    Edit("a method of a class", line("shop/prices.py", "- self.off", "- 2 * self.off"), "price tax report",
         {"price": "code of shop.prices.Discount changed in shop/prices.py:16"}),
    Edit("another base class",
         line("shop/prices.py", "class Discount(Price)", "class Free(Price):\n    pass\n\n\nclass Discount(Free)"),
         "price", {"price": "code now reaches shop.prices.Free in shop/prices.py:16"}),
    Edit("a default of a dataclass", line("shop/prices.py", '"EUR"', '"USD"'), "report",
         {"report": "code of shop.prices.Ticket changed in shop/prices.py:24"}),
    # --- constants
    Edit("a constant", line("shop/constants.py", "TAX = 20", "TAX = 30"), "tax",
         {"tax": "code of shop.constants.TAX changed in shop/constants.py:1"}),
    Edit("a constant written otherwise", line("shop/constants.py", "TAX = 20", "TAX = 4 * 5")),
    Edit("a constant that nobody uses", line("shop/constants.py", "UNUSED = 1", "UNUSED = 2")),
    Edit("a list that is lengthened at import, and that nobody uses",
         line("shop/constants.py", '"weight"', '"height"')),
    Edit("the same, used",
         both(line("shop/constants.py", "TAX = 20", "TAX = len(COLUMNS) * 10"),
              line("shop/constants.py", 'COLUMNS = ["price"]\nCOLUMNS.append("weight")\n', ""),
              line("shop/constants.py", "TAX =", 'COLUMNS = ["price"]\nCOLUMNS += "ab"\nTAX =')),
         "tax", {"tax": "code of shop.constants.TAX changed in shop/constants.py:3"}),
    # --- options
    Edit("more retries", line("pipeline.py", "retries=1", "retries=5")),
    Edit("a description, a tag and a timeout",
         line("pipeline.py", "retries=1", "description='Scale.', tags=['big'], timeout=60")),
    Edit("another time to live", line("pipeline.py", '"1d"', '"2d"')),
    Edit("another codec", line("pipeline.py", "@task(cache=True)\ndef ship", "@task(cache=True, codec='pickle')\n"
                               "def ship"), "ship report", {"ship": "the declared outputs changed"}),
    Edit("another name of the task in the graph",
         line("pipeline.py", "    tax(total)", "    tax.options(name='vat')(total)")),
    Edit("a declared part", runs="tax", why={"tax": "part 'region' changed from 'eu' to 'us'"},
         order={"env": {"REGION": "us"}}),
    Edit("an environment variable that is not declared", order={"env": {"NOBODY_ASKS": "for it"}}),
    # --- parameters
    Edit("a parameter", params={"factor": 2}, runs="scale report",
         why={"scale": "input 'factor' changed from 1 to 2"}),
    Edit("a float for a whole number", params={"factor": 1.0}, runs="scale",
         why={"scale": "input 'factor' changed from 1 to 1.0"}),
    Edit("a truth for a number", params={"factor": True}, runs="scale",
         why={"scale": "input 'factor' changed from 1 to True"}),
    Edit("a parameter that is ignored", params={"verbose": True}),
    Edit("another default of a parameter", line("pipeline.py", "folder: Path, factor=1", "folder: Path, factor=2"),
         "scale report", {"scale": "input 'factor' changed from 1 to 2"}),
    # --- data
    Edit("the data", _write_data, "load tidy scale price ship tax report", {"load": "input 'path' changed from "}),
    Edit("the time of the data", _touch),
    Edit("the name of the data", _rename_data, "load", {"load": "sold.txt"}, params={"path": "sold.txt"}),
    Edit("a file more in a folder", lambda shop: (shop.data / "folder" / "two.txt").write_text("2"), "count",
         {"count": "input 'folder' changed from "}),
    Edit("a file in a folder gets another name",
         lambda shop: (shop.data / "folder" / "one.txt").rename(shop.data / "folder" / "two.txt"), "count"),
    # --- libraries
    Edit("a library's version", lambda shop: shop.install("1.1"), "ship",
         {"ship": "parcels was 1.0 and is now 1.1"}),
    Edit("the text of a library that keeps its version", lambda shop: shop.install("1.0", LIBRARY + "\nMORE = 1\n")),
    Edit("a library is installed from its source", _editable(LIBRARY), "ship",
         {"ship": "code now reaches parcels.needed in parcels.py:1"}),
    # --- the graph, the run, its surroundings
    Edit("a task more", _add_task, "more", {"more": "it has not run before"}),
    Edit("a task less", line("pipeline.py", "    tax(total)\n", "")),
    Edit("another edge", line("pipeline.py", "ship(rows)", "ship(load(path))"), "ship",
         {"ship": "input 'rows' changed"}),
    Edit("another seed", order={"seed": 7}),
    Edit("a day later", runs="tax", why={"tax": "the kept result has expired"}, order={"days": 1}),
    Edit("another team", runs=ALL, why={"load": "it has not run before"}, order={"team": "other"}),
    Edit("asked to compute one anew", runs="price", why={"price": "it was asked to be computed anew"},
         order={"refresh": ["price"]}),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scene:
    """The project after its first run; `kept` is a copy of the home it left."""

    shop: Shop
    keeper: Shopkeeper
    home: Path
    kept: Path

    def play(self, edit: Edit) -> Answer:
        if self.shop.folder.is_symlink():
            target = self.shop.folder.resolve()
            self.shop.folder.unlink()
            shutil.rmtree(target)
        shutil.rmtree(self.home)
        shutil.copytree(self.kept, self.home)
        self.shop.write()
        edit.change(self.shop)
        params = {**self.shop.params, **edit.params}
        params["path"] = str(self.shop.data / str(params["path"]))
        return self.keeper.order(self.shop.folder / "pipeline.py", self.home, params, **edit.order)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    place = tmp_path_factory.mktemp("edits")
    shop = Shop(place)
    shop.write()
    with Shopkeeper(shop.environment) as keeper:
        first = keeper.order(shop.folder / "pipeline.py", place / "home", shop.params)
        assert sorted(first.ran) == sorted(ALL.split()), first
        shutil.copytree(place / "home", place / "kept")
        yield Scene(shop, keeper, place / "home", place / "kept")


@pytest.mark.parametrize("edit", EDITS, ids=[edit.name for edit in EDITS])
def test_what_runs_again(scene: Scene, edit: Edit) -> None:
    answer = scene.play(edit)
    assert not answer.error
    assert sorted(answer.ran) == sorted(edit.runs.split()), answer.reasons
    assert set(answer.reasons) <= set(edit.runs.split()), "what is told to run does run"
    for task, part in edit.why.items():
        assert part in answer.reasons[task]


def test_there_are_forty_and_each_is_another() -> None:
    assert len({edit.name for edit in EDITS}) == len(EDITS) >= 40
