"""A decision as it is recorded: who decided what about which model, and its place in the chain of the team.

`document` is the whole record as canonical JSON (RFC 8785); the other fields repeat what its part `about` says, so
that rows can be searched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

GENESIS = ""
"""The digest that stands before the first record of a chain."""

ID_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Named:
    """An artifact that a decision is about, by the id of its record and the digest of its content; empty for none."""

    artifact: str = ""
    digest: str = ""

    def __bool__(self) -> bool:
        return bool(self.artifact)


@dataclass(frozen=True, slots=True)
class About:
    """What a record says of itself. `number` counts from 1 in each team; `prev` is the digest of the one before.

    `kind` names the judge (`gate`), `model` the model's name, `made_at` is UTC text with microseconds.
    """

    team: str
    number: int
    kind: str
    model: str
    verdict: str
    candidate: Named
    champion: Named
    evidence: Named
    run: str
    path: str
    actor: str
    made_at: str
    prev: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A record with its document; `digest` is `sha256:` and the hex digest of the document's UTF-8 bytes."""

    about: About
    document: str
    digest: str

    @property
    def id(self) -> str:
        return decision_id(self.digest)


class Link(NamedTuple):
    """A record as it lies in a row, the document as its bytes: whoever checks a chain trusts nothing of it."""

    number: int
    id: str
    kind: str
    model: str
    verdict: str
    candidate: str
    candidate_digest: str
    champion: str
    champion_digest: str
    evidence: str
    evidence_digest: str
    run: str
    path: str
    actor: str
    made_at: str
    prev: str
    digest: str
    document: bytes

    def about(self, team: str) -> About:
        """What the row says of the record."""
        return About(
            team=team,
            number=self.number,
            kind=self.kind,
            model=self.model,
            verdict=self.verdict,
            candidate=Named(self.candidate, self.candidate_digest),
            champion=Named(self.champion, self.champion_digest),
            evidence=Named(self.evidence, self.evidence_digest),
            run=self.run,
            path=self.path,
            actor=self.actor,
            made_at=self.made_at,
            prev=self.prev,
        )


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: how many records it has, and the digest of the last one."""

    number: int = 0
    digest: str = GENESIS


def decision_id(digest: str) -> str:
    """The short name of the record with this digest: `d_` and 16 hexadecimal digits."""
    return "d_" + digest.removeprefix("sha256:")[:ID_DIGITS]
