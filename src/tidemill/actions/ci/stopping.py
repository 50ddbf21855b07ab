"""Being asked to stop, as a count: the first cancels what is under way, the second one gives up what always runs."""

from __future__ import annotations


class Stop:
    """Whoever is interrupted calls `ask`; between two steps nothing is lost, since it is only looked at."""

    def __init__(self) -> None:
        self.count = 0

    def ask(self) -> None:
        self.count += 1

    @property
    def asked(self) -> bool:
        return self.count > 0

    @property
    def at_once(self) -> bool:
        return self.count > 1
