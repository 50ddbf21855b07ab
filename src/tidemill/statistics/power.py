"""How many rows a comparison needs, before it is made: for telling that a rule can never pass on so few rows.

`alpha` is one-sided and `power` the chance to pass if the stated effect is real. Normal approximations, no rows seen.
"""

from __future__ import annotations

import math

from tidemill.core.errors import InputError
from tidemill.statistics import normal
from tidemill.statistics.checked import count, number, share


def required_rows(discordant: float, difference: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """Rows for McNemar's test (Connor 1987): `discordant` is the share of rows on which just one of the two is right,
    `difference` the gain in accuracy to be seen.

    Raises `InputError` for shares outside (0, 1), or a gain that so few discordant rows cannot hold.
    """
    d, gain = _paired(discordant, difference)
    needed = _z(alpha) * math.sqrt(d) + _z(1.0 - power) * math.sqrt(d - gain * gain)
    return math.ceil((needed / gain) ** 2)


def mcnemar_power(rows: int, discordant: float, difference: float, *, alpha: float = 0.05) -> float:
    """The chance that McNemar's test passes on so many rows: `required_rows` solved for the power."""
    d, gain = _paired(discordant, difference)
    spread = math.sqrt(d - gain * gain)
    reach = gain * math.sqrt(count("rows", rows, 1)) - _z(alpha) * math.sqrt(d)
    return normal.below(reach / spread) if spread > 0.0 else float(reach >= 0.0)


def least_rows_no_worse(margin: float, *, alpha: float = 0.05) -> int:
    """Rows below which accuracy can never be shown to be no worse by `margin`, not even if both always answer alike.

    From Tango's test (`intervals.tango_p_greater`) without a discordant row.
    """
    z = _z(alpha)
    return math.ceil(z * z * (1.0 / share("margin", margin) - 1.0))


def required_rows_mean(deviation: float, difference: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """Rows to see a mean paired difference beyond a threshold; `deviation` is that of the differences of single rows,
    `difference` the distance from the threshold (for non-inferiority: the margin plus the true gain)."""
    distance = _positive("difference", difference)
    return max(2, math.ceil(((_z(alpha) + _z(1.0 - power)) * _positive("deviation", deviation) / distance) ** 2))


def mean_power(rows: int, deviation: float, difference: float, *, alpha: float = 0.05) -> float:
    """`required_rows_mean` solved for the power."""
    error = _positive("deviation", deviation) / math.sqrt(count("rows", rows, 2))
    return normal.below(number("difference", difference) / error - _z(alpha))


def auc_deviation(area: float, positives: float, correlation: float = 0.0) -> float:
    """Standard error of the difference of two areas near `area`, times the root of the number of rows.

    Hanley, McNeil (1982, 1983): exponential scores; `positives` is the share of positive rows, `correlation` that of
    the two estimated areas (0.5 or more for two models of one kind; 0 is the cautious answer).
    """
    a, p = share("area", area), share("positives", positives)
    if not 0.0 <= correlation < 1.0:
        raise InputError(f"correlation is {correlation!r}: it must lie between 0 and 1")
    of_positives = 2.0 * a * a / (1.0 + a) - a * a
    of_negatives = a / (2.0 - a) - a * a
    return math.sqrt(2.0 * (1.0 - correlation) * (of_positives / p + of_negatives / (1.0 - p)))


def required_rows_auc(
    area: float,
    difference: float,
    *,
    positives: float = 0.5,
    correlation: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
) -> int:
    """Rows to see a difference of two areas beyond a threshold, from `auc_deviation`."""
    deviation = auc_deviation(area, positives, correlation)
    return required_rows_mean(deviation, difference, alpha=alpha, power=power)


def _paired(discordant: float, difference: float) -> tuple[float, float]:
    d, gain = share("discordant", discordant), _positive("difference", difference)
    if gain > d:
        raise InputError(
            f"a gain of {gain:g} where the two differ on a share of {d:g} of the rows only",
            remedy="ask for less than the share on which they differ",
        )
    return d, gain


def _positive(name: str, value: float) -> float:
    if not number(name, value) > 0.0:
        raise InputError(f"{name} is {value!r}: a number above 0 is needed")
    return float(value)


def _z(tail: float) -> float:
    return normal.quantile(1.0 - share("alpha or 1 - power", tail))
