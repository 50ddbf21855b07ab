"""From how many rows a test keeps its promise: measured by `python -m bench.error_rates`, told in docs/error-rates.md.

"Keeps" means that at the border of the null at most 1.2 alpha of the comparisons pass, alpha being 5 % of one side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from tidemill.statistics.checked import share

MINIMUM_ROWS: Mapping[str, int] = MappingProxyType(
    {
        "bootstrap": 500,
        "bootstrap-bounded": 200,
        "bootstrap-clusters": 100,
        "delong": 20,
        "mcnemar": 5,
    }
)
"""For each test the fewest of what it lives on:

- bootstrap: rows, for losses with tails like an exponential; lognormal ones need 2,000 (up to 1.3 alpha before);
- bootstrap-bounded: rows, where one row cannot weigh much (accuracy, F1); bootstrap-clusters: clusters;
- delong: rows of the rarer class, for superiority (non-inferiority: `minimum_for_margin`);
- mcnemar: rows on which just one of the two is right. It keeps its promise on any; on fewer it can never pass at 5 %.
"""


def minimum_for_margin(area: float) -> int:
    """Rows of the rarer class from which DeLong's test of non-inferiority holds, for a champion of that area.

    Near the ceiling the difference is skewed, and what counts are the pairs in the wrong order. Raises `InputError` for
    an area outside (0, 1).
    """
    return max(MINIMUM_ROWS["delong"], math.ceil(10.0 / (1.0 - share("area", area)) - 1e-9))
