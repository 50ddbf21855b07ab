"""What must not be seen, and texts with it blotted out. Knows texts only; where they go is not its matter."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Iterable

MASK = "***"
_SHORTEST_LINE = 3
"""One line of a secret of several lines is masked from so many characters on: `{` stands everywhere."""

_SHORTEST_BASE64 = 6
_MOST_HELD = 10


class Masks:
    """Values that are masked from now on, in all forms in which programs like to print them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: list[str] = []
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        if not secret.strip():
            return
        lines = [line.strip() for line in secret.splitlines()]
        forms = {secret, secret.strip(), json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
        forms |= {urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret)}
        forms |= {line for line in lines if len(line) >= _SHORTEST_LINE}
        if len(secret) >= _SHORTEST_LINE:
            forms |= {form for text in (secret, secret.strip()) for form in _in_base64(text.encode())}
        # The longest first: what holds another is masked as a whole.
        self._forms = sorted({*self._forms, *forms} - {""}, key=lambda form: (-len(form), form))

    def safe_cut(self, text: str) -> int:
        """How much of the beginning of a text, of which the rest is to come, can be given without cutting a secret."""
        longest = len(self._forms[0]) if self._forms else 0
        at = max(0, len(text) - longest)
        before = -1
        # A text that is nothing but secrets that reach into each other is cut all the same.
        least = len(text) - _MOST_HELD * longest
        while at != before and at > least:
            before = at
            for form in self._forms:
                found = text.find(form, max(0, at - len(form) + 1), at + len(form) - 1)
                at = found if 0 <= found < at else at
        return at

    def hide(self, text: str) -> str:
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text

    def holds(self, text: str) -> bool:
        """Whether something in it would be masked."""
        return any(form in text for form in self._forms)


def _in_base64(secret: bytes) -> set[str]:
    """The secret in base64, and what of it does not depend on what stands before and after it."""
    found = {base64.b64encode(secret).decode()}
    for shift, begin in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(b"\0" * shift + secret).decode()
        sure = encoded[begin : (shift + len(secret)) // 3 * 4]
        if len(sure) >= _SHORTEST_BASE64:
            found.add(sure)
    return found
