"""A month of new data: train again only if the world has changed, and release only what is better.

- `tidemill run pipeline.py:launch` trains the first model;
- `tidemill run pipeline.py:retraining -p month=data/march.csv` is what a month brings.
"""

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from drift import by_column, told_apart
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tidemill import (
    Dataset,
    Model,
    Refuse,
    Skip,
    at_end,
    each,
    optional,
    otherwise,
    pipeline,
    run_info,
    status_of,
    task,
    when,
)
from tidemill.tasks import evaluate, gate, register, validate

TARGET = "digit"
OWNER = "digits-team@post.example"
HERE = Path(__file__).parent


@task(cache=True)
def load(path: Path) -> Dataset:
    return pd.read_csv(path)


class Drift(NamedTuple):
    drifted: bool
    auc: float
    said: str
    columns: Dataset


@task(cache=True)
def compare(old: Dataset, new: Dataset, threshold: float, seed: int) -> Drift:
    """How far the new rows are from the old ones. Labels are not looked at: often they come later."""
    before, now = old.drop(columns=TARGET), new.drop(columns=TARGET)
    told = told_apart(before, now, seed)
    columns = by_column(before, now)
    moved, most = int((columns["p"] <= 0.05).sum()), columns.iloc[0]
    # Both: it is no chance, and it is large enough to do something about.
    drifted = told.low > 0.5 and told.auc >= threshold
    said = (
        f"{'drift' if drifted else 'no drift'}: old and new rows are told apart with AUC {told.auc:.3f} "
        f"(95 %: {told.low:.3f} to {told.high:.3f}, {told.rows} rows; 0.5 is a coin, drift begins at {threshold:g}); "
        f"{moved} of {len(columns)} columns differ by themselves, most of all {most['column']} "
        f"(distance {most['distance']:.2f}, p {most['p']:.2g})"
    )
    print(said)
    return Drift(drifted, told.auc, said, columns)


@task(cache=True)
def join(months: list[Dataset]) -> Dataset:
    return pd.concat(months, ignore_index=True)


@task(cache=True)
def train(rows: Dataset, iterations: int) -> Model:
    """A model that has not come to its end is none: better to fail here than to be judged."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=iterations))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        return model.fit(rows.drop(columns=TARGET), rows[TARGET])


@task
def turn_down(model: str, verdict: str, decision: str, reasons: list[str]) -> None:
    """Somebody has to look, so the run fails. No retry would help."""
    raise Refuse("\n".join([f"the new {model} is not released: {verdict}, decision {decision}", *reasons]))


@task
def alert(ends: dict[str, dict[str, Any]], drift: str | None, folder: str, run: str) -> str:
    """Write what a person is to be told. Your mail or chat goes here; what is told would be the same."""
    failed = {name: end for name, end in ends.items() if end["state"] == "failed"}
    # What lies between these steps may have failed too; the first that could not be done then stands for it.
    failed = failed or dict([(name, end) for name, end in ends.items() if end["state"] == "upstream_failed"][:1])
    if not failed:
        raise Skip("there is nothing to tell")
    lines = [f"To: {OWNER}", f"Subject: retraining stopped: {', '.join(failed)}", ""]
    lines += [f"{name}: {(end['error'] or {}).get('message') or end['state']}\n" for name, end in failed.items()]
    lines += [f"What was seen: {drift}"] if drift else []
    lines += ["The champion stays as it is.", f"All of it: tidemill show {run}"]
    file = Path(folder) / f"{run}.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(file)


@pipeline(owner=OWNER)
def launch(
    month: Path = HERE / "data" / "january.csv",
    checked: Path = HERE / "data" / "february.csv",
    model: str = "digits",
    iterations: int = 200,
):
    """The first model. There is none to compare it with, so the thresholds of the gate decide."""
    rows = validate(load.options(name="month")(month), HERE / "contract.yaml").rows
    candidate = train(rows, iterations)
    holdout = load.options(name="checked")(checked)
    judged = gate(candidate, holdout, target=TARGET, model=model, rule=HERE / "gate.yaml")
    with when(judged.passed, name="good_enough"):
        register(candidate, model, decision=judged.decision, alias="champion", metrics=judged.metrics)
    with otherwise(name="too_weak"):
        turn_down(model, judged.verdict, judged.decision, judged.reasons)


@pipeline(schedule="0 5 1 * *", owner=OWNER)
def retraining(
    month: Path = HERE / "data" / "march.csv",
    learned: list[Path] = [HERE / "data" / "january.csv"],  # noqa: B006
    checked: Path = HERE / "data" / "checked.csv",
    threshold: float = 0.6,
    model: str = "digits",
    iterations: int = 200,
    alerts: str = "alerts",
    seed: int = 7,
):
    """`learned`: what the champion has learned from; `month`: what has come; `checked`: what models are judged on."""
    old = join(each(load.options(name="learned"), over={"path": learned}))
    new = validate(load.options(name="month")(month), HERE / "contract.yaml").rows
    drift = compare(old, new, threshold, seed)

    with when(drift.drifted, name="drift"):
        candidate = train(join.options(name="join_month")([old, new]), iterations)
        # The champion answers anew, for the same rows: its figures of last year, on other rows, would not compare.
        holdout = load.options(name="checked")(checked)
        judged = gate(candidate, holdout, target=TARGET, model=model, rule=HERE / "gate.yaml")
        with when(judged.passed, name="better"):
            scores = evaluate(candidate, holdout, TARGET)
            released = register(candidate, model, decision=judged.decision, alias="champion", metrics=scores.metrics)
        with otherwise(name="not_better"):
            refused = turn_down(model, judged.verdict, judged.decision, judged.reasons)

    with at_end():
        steps = {
            "data": new,
            "drift": drift,
            "training": candidate,
            "gate": judged,
            "release": released,
            "new model": refused,
        }
        ends = {name: status_of(step) for name, step in steps.items()}
        alert(ends, optional(drift.said, missing="null"), alerts, run_info.run_id)
