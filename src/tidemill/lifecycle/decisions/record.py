"""The record of a decision: from what was decided to its canonical document, and back. Pure.

The part `about` stands first in every document, as no other key sorts before it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from tidemill.core.decisions import About, Decision, Named
from tidemill.core.errors import InputError
from tidemill.core.values import Json
from tidemill.lifecycle.decisions import canonical
from tidemill.lifecycle.decisions.canonical import text_out

FORMAT = 1
"""Of the documents that are written now."""

LONGEST = 4 << 20
"""Characters of a document; what is larger belongs into the evidence."""


class DecisionTooLarge(InputError):
    """The facts or the judgement are more than a record should hold."""

    code = "decision-too-large"


def made(
    about: About, *, rule: Json, facts: Mapping[str, Json], judgement: Mapping[str, Json], code: Mapping[str, Json]
) -> Decision:
    """The record of a decision. `judgement` has a `verdict` and `reasons`. Raises NotCanonical, DecisionTooLarge."""
    rest = {
        "code": code,
        "facts": facts,
        "format": FORMAT,
        "judgement": judgement,
        "rule": rule,
        "rule_digest": digest_of(canonical.write(rule)),
    }
    document = f'{{"about":{about_text(about)},{canonical.write(rest)[1:]}'
    if len(document) > LONGEST:
        raise DecisionTooLarge(
            f"the record of the decision is {len(document)} characters long",
            remedy="put what belongs to single rows into the evidence, and numbers about all of them into the facts",
        )
    return Decision(about, document, digest_of(document))


def digest_of(text: str | bytes) -> str:
    """`sha256:` and the hexadecimal digest of the UTF-8 bytes."""
    return "sha256:" + hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def about_text(about: About) -> str:
    """The canonical text of what a record says of itself, written out because a whole chain is checked by it."""
    return (
        f'{{"actor":{text_out(about.actor)},"candidate":{_named_text(about.candidate)},'
        f'"champion":{_named_text(about.champion)},"evidence":{_named_text(about.evidence)},'
        f'"kind":{text_out(about.kind)},"made_at":{text_out(about.made_at)},"model":{text_out(about.model)},'
        f'"number":{about.number},"path":{text_out(about.path)},"prev":{text_out(about.prev)},'
        f'"run":{text_out(about.run)},"team":{text_out(about.team)},"verdict":{text_out(about.verdict)}}}'
    )


def content(document: str | bytes) -> dict[str, Any]:
    """The document of a record as plain data. Raises ValueError if it is none."""
    found = canonical.read(document)
    if not isinstance(found, dict) or not isinstance(found.get("about"), dict):
        raise ValueError("the document of a decision is an object with a part `about`")
    return found


def _named_text(named: Named) -> str:
    return f'{{"artifact":{text_out(named.artifact)},"digest":{text_out(named.digest)}}}'
