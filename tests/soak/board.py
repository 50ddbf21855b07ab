"""What the soak has counted so far, and what it should do more of."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.soak.processes import TARGETS
from tests.soak.rows import POINTS, ROWS, points_of

MOMENT = "at any moment"


@dataclass
class Board:
    """Kills by target, by row of the walk and by place; the rest by name."""

    targets: Counter[str] = field(default_factory=Counter)
    rows: Counter[int] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)
    stops: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return sum(self.targets.values())

    @property
    def missed(self) -> list[str]:
        """What was never hit."""
        rows = [f"row {row}" for row in ROWS if not self.rows[row]]
        return rows + [target for target in TARGETS if not self.targets[target]]

    def kill(self, target: str, row: int, place: str = MOMENT) -> None:
        self.targets[target] += 1
        self.rows[row] += 1
        self.places[place] += 1

    def rarest(self, dice: random.Random, found: list[Any], counted: Counter[Any]) -> Any:
        """One of `found`, rather one that was rarely chosen."""
        return dice.choices(found, [1 / (1 + counted[one]) for one in found])[0]

    def pass_to_die_at(self, dice: random.Random) -> tuple[str, int]:
        """A crash point, and which pass of it; rather one where few have died, and first one of a row without any."""
        empty = [row for row in ROWS if not self.rows[row]]
        points = points_of(dice.choice(empty)) if empty and dice.random() < 0.5 else list(POINTS)
        return self.rarest(dice, points, self.places), 1 + int(dice.expovariate(1 / 4))

    def as_json(self) -> dict[str, Any]:
        return {
            "kills": self.kills,
            "kills_by_target": {target: self.targets[target] for target in TARGETS},
            "kills_by_row": {str(row): self.rows[row] for row in ROWS},
            "kills_by_place": {place: self.places[place] for place in (MOMENT, *POINTS)},
            "stops_by_target": {target: self.stops[target] for target in TARGETS},
            "runs": dict(self.runs),
            "other": dict(self.other),
            "findings": self.findings,
        }
