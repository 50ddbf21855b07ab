"""A recorded decision judged again: whether it comes out the same, to the last byte, and if not, what differs.

Is given the evidence; knows neither database nor store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidemill.core.values import Json
from tidemill.lifecycle.decisions.canonical import NotCanonical, as_recorded, write
from tidemill.lifecycle.decisions.code import changed, deciding_code
from tidemill.lifecycle.decisions.judges import judge_of

NOTHING = "(nothing)"


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two judgements differ, such as `checks[0].candidate`, and what stands there, as JSON."""

    where: str
    then: str
    now: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What judging again gave. `failed` says why it gave nothing. `code` is what has changed of the deciding code.

    `verdict` and `judgement` are those of now.
    """

    verdict: str
    judgement: Mapping[str, Json]
    differences: tuple[Difference, ...]
    code: tuple[str, ...]
    failed: str = ""

    @property
    def equal(self) -> bool:
        """Whether it is the same, byte by byte."""
        return not self.differences and not self.failed


def judge_again(kind: str, content: Mapping[str, Any], evidence: Any) -> Judged:
    """Judge what the document of a decision holds once more. Never raises for what a judge raises.

    Raises LookupError if decisions of this kind have no judge, JudgeUnusable if it cannot be loaded.
    """
    judge = judge_of(kind)
    if judge is None:
        raise LookupError(kind)
    code = tuple(changed(content["code"], deciding_code(kind))) if content.get("code") else ()
    then = content["judgement"]
    try:
        now = as_recorded(judge(content["rule"], evidence, content["facts"]))
    except NotCanonical as error:
        return Judged("", {}, (), code, f"the judgement cannot be recorded: {error.in_one_line}")
    except Exception as error:
        # A judge of another version may stumble over anything; that is what the user asks about.
        return Judged("", {}, (), code, f"{type(error).__name__}: {error}")
    same = write(then) == write(now)
    found = () if same else tuple(differences(then, now))
    return Judged(str(now.get("verdict", "")), now, found, code)


def differences(then: Json, now: Json, where: str = "") -> Iterator[Difference]:
    """Every place where two plain data differ, in order."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted(then.keys() | now.keys()):
            yield from _item(then.get(key, _ABSENT), now.get(key, _ABSENT), f"{where}.{key}" if where else key)
    elif isinstance(then, list) and isinstance(now, list):
        for n in range(max(len(then), len(now))):
            old, new = (items[n] if n < len(items) else _ABSENT for items in (then, now))
            yield from _item(old, new, f"{where}[{n}]")
    elif write(then) != write(now):
        yield Difference(where, write(then), write(now))


_ABSENT = object()


def _item(then: Any, now: Any, where: str) -> Iterator[Difference]:
    if then is _ABSENT or now is _ABSENT:
        yield Difference(where, *(NOTHING if one is _ABSENT else write(one) for one in (then, now)))
    else:
        yield from differences(then, now, where)
