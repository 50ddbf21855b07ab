"""What a task reads by itself is not seen, and for each such thing there is a way to have it count."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.stories.shopkeeper import Answer, Shopkeeper

BEGINNING = """
import os
import random
from pathlib import Path
from tidemill import pipeline, task

HERE = Path(__file__).parent

def note(name):
    with open(os.environ["LEDGER"], "a") as ledger:
        ledger.write(name + chr(10))
"""

Play = Callable[..., Answer]


@pytest.fixture(scope="module")
def keeper() -> Iterator[Shopkeeper]:
    with Shopkeeper(os.environ) as keeper:
        yield keeper


@pytest.fixture
def play(keeper: Shopkeeper, tmp_path: Path) -> Play:
    """One run of a file of that text, after what earlier ones in the same folder have left."""

    def played(text: str, params: Mapping[str, Any] | None = None, **more: Any) -> Answer:
        file = tmp_path / "counting.py"
        file.write_text(BEGINNING + text)
        answer = keeper.order(file, tmp_path / "home", params or {}, **more)
        assert not answer.error
        return answer

    return played


def one(body: str, options: str = "cache=True", takes: str = "", given: str = "") -> str:
    return (
        f"@task({options})\ndef work({takes}):\n    note('work')\n    {body}\n"
        f"@pipeline\ndef counting({takes}):\n    work({given})\n"
    )


def test_a_file_that_a_task_opens_by_itself_is_not_seen_and_one_that_it_is_given_is(play: Play, tmp_path: Path) -> None:
    rates = tmp_path / "rates.txt"
    opens = one("return (HERE / 'rates.txt').read_text()")
    takes = one("return rates.read_text()", takes="rates: Path", given="rates")
    declares = one("return 1", "cache=True, cache_parts={'rates': (HERE / 'rates.txt').read_text()}")
    given = {"rates": str(rates)}
    ran = []
    for text in ("one", "two"):
        rates.write_text(text)
        ran.append([play(opens).ran, play(takes, given).ran, play(declares).ran])
    assert ran == [[("work",)] * 3, [(), ("work",), ("work",)]]
    rates.write_text("three")
    assert f"input 'rates' changed from {rates} (" in play(takes, given).reasons["work"]


def test_an_environment_variable_is_seen_where_it_is_declared(play: Play) -> None:
    reads = one("return os.environ.get('REGION')")
    declares = one("return os.environ.get('REGION')", "cache=True, cache_parts={'region': os.environ.get('REGION')}")
    at_import = "REGION = os.environ.get('REGION')\n" + one("return REGION")
    for number, text in enumerate((reads, declares, at_import)):
        text += f"N = {number}\n"
        assert play(text, env={"REGION": f"eu{number}"}).ran == ("work",)
        assert play(text, env={"REGION": f"us{number}"}).ran == (("work",) if number else ()), text


def test_chance_is_drawn_once_and_kept(play: Play) -> None:
    draws = one("return random.random()")
    assert play(draws, seed=1).ran == ("work",)
    assert play(draws, seed=2).ran == (), "the seed of a run is no part of the key"
    assert play(draws, seed=2, refresh=["work"]).ran == ("work",)
    given = one("return random.Random(seed).random()", takes="seed: int = 1", given="seed")
    assert play(given).ran == ("work",)
    assert play(given, {"seed": 2}).ran == ("work",)


def test_what_is_drawn_when_the_file_is_read_is_new_each_time(play: Play) -> None:
    drawn = "DRAWN = random.SystemRandom().random()\n" + one("return DRAWN")
    assert play(drawn).ran == ("work",)
    again = play(drawn)
    assert again.ran == ("work",)
    assert "code of counting.DRAWN changed in counting.py:" in again.reasons["work"]


def test_a_global_counts_as_it_is_when_the_file_has_been_read(play: Play) -> None:
    counts = "SEEN = []\n" + one("SEEN.append(1)\n    return len(SEEN)")
    assert play(counts).ran == ("work",)
    assert play(counts).ran == (), "what a run adds to it is no part of the key"
    assert play(counts.replace("SEEN = []", "SEEN = [1]")).ran == ("work",)


def test_the_class_of_an_input_is_seen_where_it_is_annotated(play: Play) -> None:
    made = "class Cart:\n    def total(self):\n        return 1\n@task\ndef make() -> Cart:\n    return Cart()\n"
    plain = made + one("return cart.total()", takes="cart", given="make()").replace("counting(cart)", "counting()")
    annotated = plain.replace("def work(cart)", "def work(cart: 'Cart')")
    for text, ran in ((plain, ()), (annotated, ("work",))):
        assert play(text).ran == ("work",)
        assert play(text.replace("        return 1", "        return 2")).ran == ran
