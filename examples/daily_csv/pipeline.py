"""A CSV file a day: wait for it, clean it, train on the last days, keep the model under its time.

- `tidemill run pipeline.py -p day=2026-03-02` does it for one day, and waits if its file is not there yet;
- by schedule it is the day that has just ended.
"""

import os
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tidemill import Dataset, Model, each, pipeline, poll, run_info, task, when
from tidemill.tasks import evaluate, register, validate

TARGET = "progression"
HERE = Path(__file__).parent


@task
def which_day(day: date | None, interval_start: datetime | None, started_at: datetime) -> str:
    """The day that is asked for; of a scheduled run the one that its data are of; else yesterday."""
    return str(day or (interval_start.date() if interval_start else started_at.date() - timedelta(days=1)))


def has_come(inbox: str, day: str) -> bool:
    """Whoever delivers writes under another name and renames: a file that is there is whole."""
    return Path(inbox, f"{day}.csv").is_file()


@task
def last_days(inbox: str, day: str, days: int) -> list[str]:
    """The files of the last days that are there."""
    wanted = [date.fromisoformat(day) - timedelta(days=back) for back in reversed(range(days))]
    files = [Path(inbox, f"{one}.csv") for one in wanted]
    return [str(file) for file in files if file.is_file()]


@task
def take(file: str) -> Path:
    """The file as it is now: what a task returns is kept, so the run can always say what it has learned from."""
    return Path(file)


@task(cache=True)
def clean(file: Path) -> Dataset:
    """One row for each patient, numbers as numbers, one spelling for each sex. Gaps stay: the model fills them."""
    rows = pd.read_csv(file, dtype={"bmi": str})
    rows["bmi"] = pd.to_numeric(rows["bmi"].str.replace(",", "."), errors="coerce")
    rows["sex"] = rows["sex"].str.strip().str.lower()
    kept = rows.drop_duplicates("patient", keep="last").reset_index(drop=True)
    print(f"{file.name}: {len(rows)} rows, {len(rows) - len(kept)} of them sent twice")
    return kept


@task(cache=True)
def join(days: list[Dataset]) -> Dataset:
    """What was measured again later is taken as it was measured last."""
    return pd.concat(days).drop_duplicates("patient", keep="last").reset_index(drop=True)


class Parts(NamedTuple):
    train: Dataset
    test: Dataset


@task(cache=True)
def split(rows: Dataset, seed: int) -> Parts:
    train, test = train_test_split(rows.drop(columns="patient"), test_size=0.25, random_state=seed)
    return Parts(train.reset_index(drop=True), test.reset_index(drop=True))


@task(cache=True)
def train(rows: Dataset) -> Model:
    """What fills gaps and turns words into numbers is part of the model: it takes rows as `clean` leaves them."""
    measures = list(rows.columns.drop([TARGET, "sex"]))
    prepare = make_column_transformer(
        (OneHotEncoder(drop="if_binary"), ["sex"]),
        (make_pipeline(SimpleImputer(), StandardScaler()), measures),
    )
    model = make_pipeline(prepare, RidgeCV([0.1, 1.0, 10.0, 100.0]))
    return model.fit(rows.drop(columns=TARGET), rows[TARGET])


@task
def export(model: Model, name: str, version: int, folder: str, started_at: datetime) -> str:
    """The model as a file of its own, named by when the run began: for those who know nothing of Tidemill."""
    file = Path(folder) / f"{name}-{started_at:%Y%m%dT%H%M%SZ}-v{version}.skops"
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_suffix(".part")
    skops.io.dump(model, half)
    os.replace(half, file)
    return str(file)


@pipeline(schedule="0 6 * * *", owner="clinic-models@clinic.example")
def daily(
    day: date | None = None,
    days: int = 7,
    inbox: str = "inbox",
    models: str = "models",
    model: str = "progression",
    seed: int = 7,
):
    """Each morning: the file of the day before, and a model of the last seven days."""
    wanted = which_day(day, run_info.interval_start, run_info.started_at)
    # No process is held while it waits. A file that is not there by eight is something to look into.
    there = poll(has_come, every="5s", timeout="2h", name="wait", inbox=inbox, day=wanted)
    files = each(take, over={"file": last_days.options(after=[there])(inbox, wanted, days)})
    cleaned = each(clean, over={"file": files})
    rows = validate(join(cleaned), HERE / "contract.yaml").rows
    parts = split(rows, seed)
    trained = train(parts.train)
    scores = evaluate(trained, parts.test, TARGET)
    kept = register(trained, model, metrics=scores.metrics)
    with when(kept.is_new, name="new"):
        export(trained, model, kept.version, models, run_info.started_at)
