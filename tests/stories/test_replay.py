"""Every task of a past run can be run again, alone, and says whether it gives what it gave."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.stories.terminal import LONG, TIDEMILL, Folder, environment
from tidemill.actions.compile import compile_pipeline
from tidemill.actions.replay import Verdict, begin_replay, replay
from tidemill.actions.runs import start_run
from tidemill.actions.show import show_run
from tidemill.app import App
from tidemill.core.errors import StateError
from tidemill.core.history import TaskKind
from tidemill.settings import Settings
from tidemill.storage.metadata import tables

LEARNING = """
import random
from pathlib import Path
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from tidemill import Dataset, Metrics, Model, current, each, pipeline, task

@task
def load(n: int) -> Dataset:
    noise = np.random.default_rng(current().seed)
    return pd.DataFrame({"a": noise.normal(size=n), "b": [random.random() for _ in range(n)], "c": np.random.rand(n)})

@task
def features(rows: Dataset) -> np.ndarray:
    return rows.to_numpy() * 2

@task
def train(x: np.ndarray, c: float) -> Model:
    return LogisticRegression(C=c).fit(x, x[:, 0] > 0)

@task
def score(model: Model, x: np.ndarray) -> Metrics:
    return {"accuracy": float(model.score(x, x[:, 0] > 0))}

@task
def write(n: int) -> Path:
    file = current().scratch / "out.txt"
    file.write_text(f"{random.random()}" * n)
    return file

@task
def best(scores: list[dict[str, float]]) -> int:
    current().push("all", {"scores": [one["accuracy"] for one in scores]})
    return max(range(len(scores)), key=lambda n: scores[n]["accuracy"])

@pipeline
def learning(n: int = 40):
    x = features(load(n))
    models = each(train, over={"c": [0.1, 1.0]}, x=x)
    best(each(score, over={"model": models}, x=x))
    write(n)
"""

NESTED = """
import random
from pathlib import Path
from tidemill import current, each, pipeline, task, when

@task
def double(x: int) -> int:
    return x * 2

@task
def noisy(x: int) -> float:
    return x + random.random()

@pipeline
def inner(x: int):
    return noisy(double(x))

@task
def total(xs: list[float]) -> float:
    return sum(xs)

@task
def big() -> list[dict[str, int]]:
    return [{"n": n} for n in range(20_000)]

@task(retries=2)
def second_try(mark: str) -> int:
    if current().attempt == 1:
        raise ValueError("not the first time")
    return current().attempt

@task
def acts(x: int) -> int:
    return current().act("set_variable", name="seen", value=x)

@pipeline
def nested(mark: str = "m"):
    total(each(inner, over={"x": [1, 2, 3]}))
    big()
    t = second_try(mark)
    with when(t == 2):
        acts(7)
"""


@pytest.mark.parametrize(
    ("name", "code", "executor"),
    [("learning", LEARNING, "processes"), ("nested", NESTED, "processes"), ("nested", NESTED, "inline")],
)
def test_every_task_is_replayed_bit_for_bit(name: str, code: str, executor: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}_{executor}.py"
    file.write_text(code)
    with App(Settings(tmp_path / "home", slots=2)) as app:
        run = start_run(app, compile_pipeline(f"{file}:{name}"), executor=executor)
        assert run.state.value == "succeeded"
        before = _rows(app)
        tasks = [task for task in show_run(app, run.id).tasks if task.kind is TaskKind.LEAF and task.attempts]
        assert len(tasks) >= 8
        for task in tasks:
            done = replay(app, begin_replay(app, run.id, str(task.key)))
            assert (str(task.key), done.verdict, done.compared.first) == (str(task.key), Verdict.EQUAL, None)
            assert task.record is not None
            assert done.compared.outputs.keys() == task.record.outputs.keys()
        assert _rows(app) == before, "a replay records nothing"
        assert list(app.settings.scratch.iterdir()) == []


def _rows(app: App) -> dict[str, int]:
    with app.database.read() as connection:
        return {name: len(connection.execute(table.select()).all()) for name, table in tables.metadata.tables.items()}


def test_an_earlier_try_and_one_of_before_a_retry_have_what_they_had(tmp_path: Path) -> None:
    file = tmp_path / "trying.py"
    file.write_text(NESTED)
    with App(Settings(tmp_path / "home", slots=1)) as app:
        run = start_run(app, compile_pipeline(f"{file}:nested"), executor="inline")
        first = replay(app, begin_replay(app, run.id, "second_try", 1))
        assert (first.verdict, first.begun.recorded.number) == (Verdict.FAILED_AS_RECORDED, 1)
        assert replay(app, begin_replay(app, run.id, "second_try", 2)).verdict is Verdict.EQUAL


ASKING = """
from pathlib import Path
from tidemill import current, pipeline, task

HERE = Path(__file__).parent

@task
def asks(n: int) -> list[int]:
    first = current().act("set_variable", name="x", value=n)
    if (HERE / "more").exists():
        current().act("set_variable", name="y", value=n)
    if (HERE / "other").exists():
        current().act("emit", name="z")
    return [first, current().variable("x")]

@task
def words() -> list[str]:
    return list({f"word {n}" for n in range(50)})

@task
def breaks(xs: list[int]) -> dict[str, list[int]]:
    rows = [x * 1 for x in xs]
    if len(rows) == 2 and (HERE / "broken").exists():
        raise ValueError("two of them")
    return {"rows": rows, "more": [1, 2, 3]}

@pipeline
def asking(n: int = 5):
    words()
    breaks(asks(n))
"""


@pytest.fixture
def asked(folder: Folder) -> Folder:
    folder.write("asking.py", ASKING)
    folder.ok("run", "asking.py")
    return folder


def test_what_differs_is_named_with_the_code_that_changed(asked: Folder) -> None:
    assert asked.ok("replay", "latest", "words").endswith("✓ bit-equal to what was recorded: result\n")
    asked.write("asking.py", ASKING.replace("x * 1", "x + 1"))
    done = asked.call("replay", "latest", "breaks")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Replay of breaks of run ")
    assert lines[1].startswith("  since then code of asking.breaks has changed (")
    assert lines[2:5] == ["✗ output 'result' differs at rows[0]", "  recorded  5", "  now       6"]
    document = asked.document("replay", "latest", "breaks", code=1)
    assert document["verdict"] == "differs"
    assert document["outputs"]["result"] == {"where": "rows[0]", "recorded": "5", "now": "6"}
    assert [one["name"] for one in document["code"]] == ["asking.breaks"]


def test_effects_get_the_recorded_answer_and_no_other(asked: Folder) -> None:
    asked.ok("variables", "x", "99")
    done = asked.call("replay", "latest", "asks")
    assert "the variable x was read as it is now" in done.stdout
    assert "differs at [1]\n  recorded  5\n  now       99\n" in done.stdout
    assert asked.document("variables")["variables"] == {"x": 99}, "nothing was set"
    asked.write("more", "")
    done = asked.call("replay", "latest", "asks")
    assert "it failed here" in done.stdout or "it failed differently" in done.stdout
    assert "a replay has no effects, and no answer to this one was recorded" in done.stdout
    assert asked.document("variables")["variables"] == {"x": 99}


def test_the_debugger_stops_where_it_raises_or_at_the_first_line(asked: Folder) -> None:
    stopped, code = _debug(asked, "p len(xs)\nc\n", "breaks")
    assert "-> rows = [x * 1 for x in xs]" in stopped
    assert "(Pdb) 2" in stopped
    assert code == 0
    left, code = _debug(asked, "q\n", "breaks")
    assert "left before the task had ended: nothing was compared" in left
    assert code == 4
    asked.write("broken", "")
    assert asked.call("run", "asking.py").returncode == 1
    raised, code = _debug(asked, "p rows\nq\n", "breaks")
    assert '-> raise ValueError("two of them")' in raised
    assert "(Pdb) [5, 5]" in raised
    assert "it failed as recorded: ValueError: two of them" in raised
    assert code == 1
    assert asked.call("replay", "latest", "breaks", "--pdb", "--json").returncode == 2


def _debug(folder: Folder, typed: str, task: str) -> tuple[str, int]:
    done = subprocess.run(
        [*TIDEMILL, "replay", "latest", task, "--pdb"],
        cwd=folder.path,
        env=environment(),
        input=typed,
        capture_output=True,
        encoding="utf-8",
        timeout=LONG,
        check=False,
    )
    return done.stdout, done.returncode


def test_an_input_that_is_gone_is_said_with_what_makes_it_anew(tmp_path: Path) -> None:
    file = tmp_path / "losing.py"
    file.write_text(LEARNING)
    with App(Settings(tmp_path / "home", slots=1)) as app:
        run = start_run(app, compile_pipeline(f"{file}:learning"), executor="inline")
        made = {one.by.path: one.artifact for one in show_run(app, run.id).made}
        app.artifacts.delete(made["load"].digest)
        with pytest.raises(StateError, match="an input of features is not there as it was") as refused:
            begin_replay(app, run.id, "features")
        assert refused.value.remedy.startswith(f"`tidemill rerun {run.id} --from load`")
