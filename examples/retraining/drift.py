"""Whether two tables come from the same world: two tests, each with the size of what it saw. Plain functions.

- Of all columns together: a classifier tries to tell old rows from new ones, and is asked about rows that it has not
  seen. If nothing has changed it can only guess (AUC 0.5). Lopez-Paz and Oquab (2017), "Revisiting classifier
  two-sample tests"; the interval is DeLong's.
- Of each column alone: Kolmogorov and Smirnov, p-values corrected by Holm for there being many columns. Where a column
  holds few different values, as here, this test errs on the quiet side.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from tidemill.statistics.delong import auc
from tidemill.statistics.multiplicity import holm


class Told(NamedTuple):
    """How well old rows are told from new ones: 0.5 is a coin, 1.0 is always. `low` and `high` bound it with 95 %."""

    auc: float
    low: float
    high: float
    rows: int


def told_apart(old: pd.DataFrame, new: pd.DataFrame, seed: int) -> Told:
    """Half of the rows teach the classifier, the other half is what it is asked about."""
    rows = pd.concat([old, new], ignore_index=True)
    is_new = np.repeat([0, 1], [len(old), len(new)])
    seen, asked, seen_is_new, asked_is_new = train_test_split(
        rows, is_new, test_size=0.5, stratify=is_new, random_state=seed
    )
    forest = RandomForestClassifier(100, random_state=seed).fit(seen, seen_is_new)
    area = auc(asked_is_new, forest.predict_proba(asked)[:, 1])
    bounds = area.interval(0.95)
    return Told(area.value, bounds.low, bounds.high, len(asked))


def by_column(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """One row for each column, what differs most first. `distance`: the widest gap between the two distributions."""
    tests = [ks_2samp(old[name], new[name], method="asymp") for name in old.columns]
    found = pd.DataFrame(
        {
            "column": list(old.columns),
            "distance": [test.statistic for test in tests],
            "p": holm([test.pvalue for test in tests]),
            "mean_before": old.mean().to_numpy(),
            "mean_now": new.mean().to_numpy(),
        }
    )
    return found.sort_values("distance", ascending=False, ignore_index=True)
