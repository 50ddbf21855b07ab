"""Whether a chain of decisions is whole: every record as it was written, none missing, none in another's place. Pure.

Reads the chain once, from its first record on, and holds no more than two records at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tidemill.core.decisions import About, Decision, Head, Link, decision_id
from tidemill.core.errors import StateError
from tidemill.lifecycle.decisions.record import about_text, content, digest_of


class DecisionDamaged(StateError):
    """A record of a decision is not what was written."""

    code = "decision-damaged"


class Wrong(Enum):
    CHANGED = "changed"  # the record is not what its digest was made of
    MISPLACED = "misplaced"  # the record is another's, or its columns say what it does not
    MISSING = "missing"  # there is a gap, or the end is cut off
    REPLACED = "replaced"  # the record is not the one that the next was chained to
    EXPECTED = "expected"  # the chain does not hold the record that somebody noted down


@dataclass(frozen=True, slots=True)
class Fault:
    """`number` is the (first) record that it is about; `id` what its row calls it, "" if there is no row."""

    wrong: Wrong
    number: int
    id: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found. `last`, `id` and `digest` are those of the last record.

    `expected_at` is the number of the record with the digest that was asked for, None if there is none.
    `faults` are the first ones, `more` says how many there are besides.
    """

    count: int
    last: int
    id: str
    digest: str
    faults: tuple[Fault, ...] = ()
    more: int = 0
    expected_at: int | None = None

    @property
    def whole(self) -> bool:
        return not self.faults


def verify(team: str, rows: Iterable[Link], head: Head, expect: str = "", most: int = 20) -> Verified:
    """Look at every record. `head` is what the database notes as the end, `expect` a digest that must be in the chain.

    One change is one fault, and the first `most` are told.
    """
    walk = _Walk(team, most, expect)
    for row in rows:
        walk.see(row)
    return walk.end(head)


def alone(about: About, id_: str, noted: str, document: bytes, digest: str) -> tuple[Wrong, str] | None:
    """What is wrong with a record in itself, if anything. `digest` is that of its document, `noted` that of its row."""
    if digest != noted:
        sentence = f"it was changed: its digest is noted as {noted or 'nothing'}, and that of its text is {digest}"
        if content_number(document) not in (None, about.number):
            sentence += f"; the text is that of record {content_number(document)}"
        return Wrong.CHANGED, sentence
    if not document.startswith(b'{"about":' + _bytes(about_text(about))):
        return Wrong.MISPLACED, _difference(about, document)
    if id_ != decision_id(digest):
        return Wrong.CHANGED, f"its id should be {decision_id(digest)}"
    return None


def damage_of(found: Decision) -> str:
    """What is wrong with one record, looked at without its neighbours; "" if nothing is."""
    document = found.document.encode()
    wrong = alone(found.about, found.id, found.digest, document, digest_of(document))
    return "" if wrong is None else wrong[1]


def demand_whole(found: Decision) -> Decision:
    """The decision, for whoever is about to act on it. Raises DecisionDamaged."""
    if damage := damage_of(found):
        raise DecisionDamaged(
            f"decision {found.id} cannot be trusted: {damage}",
            remedy="`tidemill decision verify` looks at the whole chain",
        )
    return found


class _Walk:
    def __init__(self, team: str, most: int, expect: str) -> None:
        self._team, self._most, self._expect = team, most, expect
        self._found: list[Fault] = []
        self._more = 0
        self._count = 0
        self._last = (0, "", "")  # number, digest and id of the record before
        self._wrong = False
        self._expected_at: int | None = None

    def see(self, row: Link) -> None:
        number, last = row.number, self._last[0]
        digest = digest_of(row.document)
        if number > last + 1:
            self._gap(last + 1, number - 1)
        found = alone(row.about(self._team), row.id, row.digest, row.document, digest)
        wrong = found is not None
        if found is not None:
            self._tell(found[0], number, row.id, found[1])
        # What stands beside a record that is wrong is not told besides.
        if not wrong and not self._wrong and number == last + 1 and row.prev != self._last[1]:
            self._replaced(row)
        self._count += 1
        if digest == self._expect:
            self._expected_at = number
        self._wrong = wrong
        self._last = (number, digest, row.id)

    def end(self, head: Head) -> Verified:
        number, digest, id_ = self._last
        if head.number > number:
            self._gap(number + 1, head.number)
        elif head.number < number:
            self._tell(Wrong.REPLACED, number, id_, f"the end of the chain is noted as record {head.number}")
        elif head.digest != digest and not self._wrong:
            self._tell(Wrong.REPLACED, number, id_, "it is not the record that is noted as the end of the chain")
        if self._expect and self._expected_at is None:
            self._tell(Wrong.EXPECTED, 0, "", f"no record has the digest {self._expect}")
        return Verified(self._count, number, id_, digest, tuple(self._found), self._more, self._expected_at)

    def _replaced(self, row: Link) -> None:
        before, digest, id_ = self._last
        if before == 0:
            self._tell(Wrong.MISSING, row.number, row.id, "it follows on a record that is not there")
            return
        sentence = f"record {row.number} was chained to {row.prev}, and the one that is here is {digest}"
        self._tell(Wrong.REPLACED, before, id_, sentence)

    def _gap(self, first: int, last: int) -> None:
        what = f"record {first} is" if first == last else f"records {first} to {last} are"
        self._tell(Wrong.MISSING, first, "", f"{what} missing")

    def _tell(self, wrong: Wrong, number: int, id_: str, sentence: str) -> None:
        if len(self._found) < self._most:
            self._found.append(Fault(wrong, number, id_, sentence))
        else:
            self._more += 1


def content_number(document: bytes) -> int | None:
    """The number that a document gives itself; None if it is not to be read."""
    try:
        number = content(document)["about"].get("number")
    except ValueError:
        return None
    return number if isinstance(number, int) else None


def _difference(about: About, document: bytes) -> str:
    """In what a row differs from what its document says of itself."""
    try:
        said = content(document)["about"]
    except ValueError:
        return "its text is not the document of a decision"
    if said.get("number") != about.number:
        return f"it holds record {said.get('number')}"
    row = content(f'{{"about":{about_text(about)}}}')["about"]
    for name in sorted(row):
        if said.get(name) != row[name]:
            return f"its column {name} says {_shown(row[name])}, and its text {_shown(said.get(name))}"
    return "its text is not canonical"


def _shown(found: Any) -> str:
    if isinstance(found, dict):
        return " ".join(str(item) for item in found.values() if item) or "nothing"
    return str(found) if found != "" else "nothing"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
