"""Stand in for the clinic that delivers: `python deliver.py 2026-03-02` writes inbox/2026-03-02.csv.

The rows are real, 34 a day for thirteen days: the 442 patients of the diabetes study that comes with scikit-learn.
The mess is what such files look like: a row sent twice, decimal commas, gaps, and sexes spelled as people spell them.
A first delivery also lacks its last rows; `--corrected` writes what the clinic sends when it notices.
"""

import argparse
import os
from datetime import date
from pathlib import Path

import pandas as pd
from sklearn.datasets import load_diabetes

FIRST, DAYS, A_DAY = date(2026, 3, 2), 13, 34
LOST = 6  # rows that the first delivery of a day lacks
SPELLED = {1: ["F", "f", " F"], 2: ["M", "m", "M "]}


def measured(day: date) -> pd.DataFrame:
    number = (day - FIRST).days
    if not 0 <= number < DAYS:
        raise SystemExit(f"nothing was measured on {day}: give one of the {DAYS} days from {FIRST} on")
    study = load_diabetes(as_frame=True, scaled=False).frame.rename(columns={"target": "progression"})
    rows = study.sample(frac=1, random_state=7).iloc[number * A_DAY : (number + 1) * A_DAY]
    return rows.reset_index(names="patient")


def as_sent(rows: pd.DataFrame) -> pd.DataFrame:
    sent = rows.copy()
    sent["sex"] = [SPELLED[sex][at % 3] for at, sex in enumerate(rows["sex"].astype(int))]
    sent["bmi"] = [str(bmi).replace(".", "," if at % 5 == 0 else ".") for at, bmi in enumerate(rows["bmi"])]
    sent.loc[rows.index % 17 == 3, "bp"] = None
    return pd.concat([sent, sent.iloc[[1]]])


def deliver(day: date, inbox: Path = Path("inbox"), corrected: bool = False) -> Path:
    """Under another name first: whoever looks for the file finds all of it, or nothing."""
    rows = measured(day)
    sent = as_sent(rows if corrected else rows.iloc[:-LOST])
    inbox.mkdir(parents=True, exist_ok=True)
    file, half = inbox / f"{day}.csv", inbox / f".{day}.csv"
    sent.to_csv(half, index=False)
    os.replace(half, file)
    return file


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Deliver the files of some days.")
    parser.add_argument("days", nargs="+", type=date.fromisoformat, metavar="YYYY-MM-DD")
    parser.add_argument("--corrected", action="store_true", help="what is sent when the clinic notices what it forgot")
    given = parser.parse_args()
    for day in given.days:
        print(deliver(day, corrected=given.corrected))
