"""Write the months of this example as CSV files: real handwriting, in the order in which it was collected.

The 1797 digits that come with scikit-learn were written by 13 people, one after another. So the first rows and the last
ones are by different hands, and what is learned from the first reads the last less well: a drift that nobody made up.
The only thing that is made up is the mistake in april.csv, where every third label is one too high.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

FIRST_HANDS = 800  # rows; from there on others write


def main(folder: Path = Path("data")) -> None:
    bunch = load_digits(as_frame=True)
    rows = bunch.frame.rename(columns={"target": "digit"}).astype(int)
    draw = np.random.default_rng(7)
    early, late = draw.permutation(FIRST_HANDS), FIRST_HANDS + draw.permutation(len(rows) - FIRST_HANDS)
    months = {
        "january": rows.iloc[early[:400]],
        "february": rows.iloc[early[400:]],
        "march": rows.iloc[late[:240]],
        "april": mislabelled(rows.iloc[late[240:480]]),
        "checked": rows.iloc[
            late[480:]
        ],  # as read now, each label checked by a second person: what models are judged on
    }
    folder.mkdir(exist_ok=True)
    for name, month in months.items():
        month.to_csv(folder / f"{name}.csv", index=False)
        print(f"{folder / name}.csv: {len(month)} digits")


def mislabelled(month: pd.DataFrame) -> pd.DataFrame:
    """What somebody types who slips by one line now and then: nothing that a look at the columns would tell."""
    wrong = np.arange(len(month)) % 3 == 0
    return month.assign(digit=np.where(wrong, (month["digit"] + 1) % 10, month["digit"]))


if __name__ == "__main__":
    main()
