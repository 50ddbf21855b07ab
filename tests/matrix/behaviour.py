"""What the tasks of the generated graphs do, as plain data, and the functions that do it in a worker.

The interpreter, the simulation and the workers ask the same `answer`; nothing here knows how a run is carried.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tidemill import Refuse, Skip, current
from tidemill.core.records import Wake
from tidemill.core.signals import PollResult, Suspend

LATER = 30.0
"""Seconds for which a task that says `later` sleeps."""
CALLS, HOW = "calls", "behaviours.json"


@dataclass(frozen=True)
class Answer:
    """`word`: ok, fail, refuse, skip or later. `follow`: of what follows, only these."""

    word: str
    outputs: Mapping[str, Any] = field(default_factory=dict)
    pushed: Mapping[str, Any] = field(default_factory=dict)
    follow: tuple[str, ...] | None = None
    transitive: bool = False


def answer(how: Mapping[str, Any], path: str, items: Sequence[int], nth: int, inputs: Mapping[str, Any]) -> Answer:
    """How the `nth` call of a task at a place ends. `how` may hold:

    `ends`: words for one call after the other, the last for ever, for the instances in turn; `kind` of its value: text,
    fields, or a list of `length`; `push`; `follow` and `transitive` for what comes after it.
    """
    ends = how.get("ends", [["ok"]])
    words = ends[sum(items) % len(ends)] or ["ok"]
    word = words[min(nth, len(words)) - 1]
    text = json.dumps(inputs, sort_keys=True)
    value: Any = f"{path}{list(items)}#{nth}:{hashlib.blake2b(text.encode(), digest_size=3).hexdigest()}"
    pushed = {"seen": f"{word} {value}", f"call {nth}": nth} if how.get("push") else {}
    if word != "ok":
        return Answer(word, {}, pushed)
    outputs = {"result": value}
    if how.get("kind") == "fields":
        outputs = {"a": value, "b": nth}
    elif how.get("kind") == "list":
        outputs = {"result": [f"{value}.{n}" for n in range(how["length"])]}
    follow = how.get("follow")
    return Answer(word, outputs, pushed, None if follow is None else tuple(follow), bool(how.get("transitive")))


def work(**inputs: Any) -> Any:
    """A task. `folder` holds what tasks do, and gets a line for each call."""
    said = _asked(inputs)
    if said.follow is not None:
        current().steer(follow=said.follow, transitive=said.transitive)
    for key, value in said.pushed.items():
        current().push(key, value)
    _unless_ok(said.word)
    return said.outputs if "a" in said.outputs else said.outputs["result"]


def poll(**inputs: Any) -> PollResult:
    """A function that is polled: it says `later` until it is done."""
    said = _asked(inputs)
    if said.word == "later":
        return PollResult(False)
    _unless_ok(said.word)
    return PollResult(True, said.outputs["result"])


def _unless_ok(word: str) -> None:
    match word:
        case "fail":
            raise ValueError("it was to fail")
        case "refuse":
            raise Refuse("it was to refuse")
        case "skip":
            raise Skip("it was to be skipped")
        case "later":
            raise Suspend(Wake(after_s=LATER))


def _asked(inputs: dict[str, Any]) -> Answer:
    folder, ticket = Path(inputs.pop("folder")), current().ticket
    items = [int(step.partition(".")[0]) for step in ticket.instance.split("/") if step]
    place = f"{ticket.path}{items}"
    with (folder / CALLS).open("a+", encoding="utf-8") as file:
        file.write(place + "\n")
        file.flush()
        file.seek(0)
        nth = file.read().splitlines().count(place)
    how = json.loads((folder / HOW).read_text(encoding="utf-8"))
    return answer(how.get(ticket.path, {}), ticket.path, items, nth, inputs)
