"""An interval of a gain as a small picture: where zero is, where the demand is, and where the estimate lies. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

WIDTH, HEIGHT = 150, 18
_MARGIN = 6


def reach(checks: Sequence[Mapping[str, Any]]) -> float:
    """The largest distance from zero that any of these checks shows, so that all are drawn to one scale."""
    found = [abs(value) for check in checks for value in _numbers(check)]
    return max(found, default=0.0)


def draw(check: Mapping[str, Any], most: float) -> str:
    """SVG; "" for a check without an interval. `most` is half of the scale."""
    low, high = _number(check.get("low")), _number(check.get("high"))
    middle = _number(check.get("difference"))
    if middle is None or not most:
        return ""
    word = str(check.get("verdict", ""))
    kind = {"PASS": "good", "FAIL": "bad"}.get(word, "calm")
    y = HEIGHT / 2
    parts = [f'<line class="zero" x1="{_x(0, most)}" x2="{_x(0, most)}" y1="1" y2="{HEIGHT - 1}"/>']
    demanded = _demanded(check)
    if demanded:
        parts.append(
            f'<line class="demand" x1="{_x(demanded, most)}" x2="{_x(demanded, most)}" y1="1" y2="{HEIGHT - 1}"/>'
        )
    if low is not None or high is not None:
        left = _x(low if low is not None else -most, most)
        right = _x(high if high is not None else most, most)
        parts.append(f'<line class="span {kind}" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>')
    parts.append(f'<circle class="{kind}" cx="{_x(middle, most)}" cy="{y}" r="3.2"/>')
    return f'<svg class="interval" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">{"".join(parts)}</svg>'


def _demanded(check: Mapping[str, Any]) -> float | None:
    """What the gain had to reach, as far as it is one: a threshold of a comparison."""
    return _number(check.get("threshold")) if check.get("test") or check.get("champion") is not None else None


def _x(value: float, most: float) -> float:
    share = max(-1.0, min(1.0, value / most))
    return round(WIDTH / 2 + share * (WIDTH / 2 - _MARGIN), 1)


def _numbers(check: Mapping[str, Any]) -> list[float]:
    if _number(check.get("difference")) is None:
        return []
    named = (check.get("low"), check.get("high"), check.get("difference"), _demanded(check))
    return [number for value in named if (number := _number(value)) is not None]


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < float("inf") else None
