"""Runs and models of ours as a real tracking server of MLflow shows them: all of it, once, whatever dies in between."""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from tests.contract.mirrored_models import Rule, halved
from tests.contract.tracking_server import Line, Tracking, line_to, pairs, plain_environment, tracking_server
from tidemill import Dataset, Metrics, Model, Report, each, pipeline, task
from tidemill.actions.artifacts import list_artifacts
from tidemill.actions.mirror import mirror_by_itself, sync
from tidemill.actions.models.moving import promote, remove_alias
from tidemill.app import content_of
from tidemill.authoring.trace import trace
from tidemill.cli.mlflow import document_of
from tidemill.core.decisions import About, Decision, Named
from tidemill.core.history import RunRecord
from tidemill.lifecycle.mirrors.errors import MirrorAway, MirrorForeign, MirrorRefused
from tidemill.storage.artifacts.codecs.registry import codec
from tidemill.storage.metadata import decisions, models, runs, tables
from tidemill.tasks import register
from tidemill.testing import inline_app
from tidemill.testing.crash import crash_environment
from tidemill.testing.in_process import InlineApp

PASSWORD = "sesame-of-the-mirror"
TOKEN = "token-of-the-mirror"
SECRETS = ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")

COLUMNS = ("a", "b")


@task
def load() -> Dataset:
    import pandas as pd

    numbers = range(40)
    columns = {
        "a": [float(n % 7) for n in numbers],
        "b": [float(n % 5) for n in numbers],
        "y": [n % 2 for n in numbers],
    }
    return pd.DataFrame(columns)


@task
def fit(rows: Dataset, depth: int, kept: str) -> Model:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_depth=depth, random_state=0)
    match kept:
        case "sklearn":
            return tree.fit(rows[list(COLUMNS)], rows.y)
        case "joblib":
            # skops vouches for no function of somebody else's.
            return make_pipeline(FunctionTransformer(halved), tree).fit(rows[list(COLUMNS)], rows.y)
    return Rule(float(depth))


@task
def score(model: Model, part: int) -> Metrics:
    return {"accuracy": 0.5 + part / 8}


@task
def odd(model: Model) -> Metrics:
    return {"recall@p90": 0.25, "loss": math.nan, "most": math.inf}


@task
def page(model: Model) -> Report:
    return "<html><body>A page</body></html>"


@task
def picture() -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\2\0\0\0" + b"\x90wS\xde"


@task
def broken() -> int:
    raise ValueError("as it should")


@pipeline
def shown(depth: int = 2, kept: str = "sklearn", note: str = "", name: str = "churn"):
    model = fit(load(), depth, kept)
    each(score, over={"part": [1, 2]}, model=model)
    odd(model)
    page(model)
    picture()
    register(model, name, alias="champion", override="for the test", description="a tree")


@pipeline
def failing():
    broken()


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracking]:
    if importlib.util.find_spec("mlflow") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("MLflow is not installed; run `make install`")
    with tracking_server(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture(autouse=True)
def _nothing_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SECRETS, "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def no_wait(seconds: float) -> None: ...


def mirrored(app: InlineApp, **what: str) -> dict[str, Any]:
    return document_of(*sync(app, wait=no_wait, **what))


def named(definition: Any, name: str) -> Any:
    """The pipeline under another name, so that each test has an experiment of its own."""
    return replace(trace(definition), name=name)


def home(tmp_path: Path, tracking: Tracking | Line) -> Any:
    return inline_app(tmp_path / "home", mlflow_uri=tracking.url)


def test_a_run_is_shown_with_all_that_people_look_for(tmp_path: Path, tracking: Tracking) -> None:
    with home(tmp_path, tracking) as app:
        run = app.run(named(shown, "whole"), {"note": "x" * 7000}, tags={"owner": "ann", "mlflow.note": "mine"}, seed=7)
        failed = app.run(named(failing, "whole"))
        done = mirrored(app)
        assert (sorted(done["runs"]["new"]), done["troubles"], done["notes"]) == (sorted([failed.id, run.id]), [], [])
        again = mirrored(app)
    assert (again["runs"], again["versions"]) == ({"new": [], "changed": [], "same": 2}, {"new": [], "same": 1})
    bad, good = sorted(tracking.runs("whole"), key=lambda one: one["info"]["status"])
    assert (bad["info"]["run_name"], bad["info"]["status"]) == (failed.id, "FAILED")
    assert (good["info"]["run_name"], good["info"]["status"]) == (run.id, "FINISHED")
    assert run.started_at is not None
    assert run.ended_at is not None
    assert int(good["info"]["start_time"]) == int(run.started_at.timestamp() * 1000)
    assert int(good["info"]["end_time"]) == int(run.ended_at.timestamp() * 1000)
    params = pairs(good["data"]["params"])
    assert (params["depth"], params["kept"], len(params["note"])) == ("2", "sklearn", 6000)
    metrics = pairs(good["data"]["metrics"])
    assert {name: metrics[name] for name in ("score.0/accuracy", "score.1/accuracy", "recall_p90")} == {
        "score.0/accuracy": 0.625,
        "score.1/accuracy": 0.75,
        "recall_p90": 0.25,
    }
    assert {"loss", "most"} < set(metrics)
    tags = pairs(good["data"]["tags"])
    assert tags["tidemill.run"] == run.id
    assert tags["tidemill.pipeline"] == "whole"
    assert tags["tidemill.state"] == "succeeded"
    assert tags["tidemill.seed"] == "7"
    assert (tags["owner"], tags["tidemill.tag.mlflow.note"]) == ("ann", "mine")
    assert tags["tidemill.definition"] == run.definition
    files = tracking.files(good["info"]["run_id"])
    assert {"metrics.json", "page/page.html", "picture/picture.png"} <= set(files)
    assert not any("arrow" in name for name in files)


def test_what_happens_later_is_added(tmp_path: Path, tracking: Tracking) -> None:
    with home(tmp_path, tracking) as app:
        run = app.run(named(failing, "later"))
        mirrored(app, run=run.id)
        app.retry(run.id)
        assert mirrored(app)["runs"]["changed"] == [run.id]
    (found,) = tracking.runs("later")
    assert pairs(found["data"]["tags"])["tidemill.state"] == "failed"


_LOADING = """
import json, sys
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
rows = pandas.DataFrame({"a": [0.0, 3.0, 6.0], "b": [1.0, 2.0, 4.0]})
found = {}
for uri in sys.argv[2:]:
    mine = mlflow.sklearn.load_model(uri)
    found[uri] = [[int(n) for n in one.predict(rows)] for one in (mine, mlflow.pyfunc.load_model(uri))]
print(json.dumps(found))
"""


def test_mlflow_loads_what_was_mirrored(tmp_path: Path, tracking: Tracking) -> None:
    """With MLflow's own loaders, by alias, whatever codec keeps it; and predicts what the model here does."""
    import pandas as pd

    rows = pd.DataFrame({"a": [0.0, 3.0, 6.0], "b": [1.0, 2.0, 4.0]})
    wanted: dict[str, list[list[int]]] = {}
    with home(tmp_path, tracking) as app:
        for kept in ("sklearn", "joblib", "pickle"):
            run = app.run(named(shown, "loading"), {"kept": kept, "name": f"loaded-{kept}"})
            assert run.state.value == "succeeded"
            (one,) = list_artifacts(app, run.id, kind="Model").artifacts
            assert one.artifact.codec == kept
            path = app.artifacts.path_of(content_of(one.artifact))
            assert path is not None
            ours: Any = codec(kept).load(path)
            wanted[f"models:/loaded-{kept}@champion"] = [[int(n) for n in ours.predict(rows)]] * 2
        mirrored(app)
    environment = {**plain_environment(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", _LOADING, tracking.url, *wanted],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == wanted
    (version,) = tracking.versions("loaded-joblib")
    files = {name.rpartition("/")[2] for name in tracking.files(version["run_id"], "models/loaded-joblib/1")}
    assert files == {"MLmodel", "model.pkl", "requirements.txt", "conda.yaml", "python_env.yaml"}


def test_aliases_follow_ours_and_others_stay(tmp_path: Path, tracking: Tracking) -> None:
    name = "followed"
    with home(tmp_path, tracking) as app:
        for depth in (1, 2):
            app.run(named(shown, name), {"depth": depth, "name": name})
        _decide(app, name)
        mirrored(app)
        assert pairs_of_aliases(tracking, name) == {"champion": "2"}
        for alias, version in (("champion", "1"), ("theirs", "1")):
            body = {"name": name, "alias": alias, "version": version}
            tracking.ask("registered-models/alias", "POST", json=body)
        promote(app, f"{name}@1", "challenger")
        assert set(mirrored(app)["aliases"]) == {f"{name}@champion is version 2", f"{name}@challenger is version 1"}
        assert pairs_of_aliases(tracking, name) == {"champion": "2", "challenger": "1", "theirs": "1"}
        remove_alias(app, name, "challenger", reason="the trial is over")
        mirrored(app, model=name)
    assert pairs_of_aliases(tracking, name) == {"champion": "2", "theirs": "1"}
    told = pairs(tracking.model(name)["tags"])
    assert told["tidemill.alias.champion"].startswith("version 2 since ")
    assert told["tidemill.alias.challenger"].endswith("the trial is over")
    first, second = tracking.versions(name)
    assert "tidemill.decision" not in pairs(first["tags"])
    assert pairs(second["tags"])["tidemill.verdict"] == "PASS"
    assert pairs(second["tags"])["tidemill.decision"].startswith("d_")
    assert second["description"] == "a tree"


def test_what_is_not_ours_is_left_alone(tmp_path: Path, tracking: Tracking) -> None:
    """A model of the same name, a run in the same experiment, a run of ours that was deleted over there."""
    theirs = tracking.ask("experiments/create", "POST", json={"name": "shared"})["experiment_id"]
    there = tracking.ask("runs/create", "POST", json={"experiment_id": theirs, "run_name": "theirs"})["run"]
    tracking.ask("registered-models/create", "POST", json={"name": "taken", "description": "theirs"})
    before = tracking.model("taken")
    with home(tmp_path, tracking) as app:
        run = app.run(named(shown, "shared"), {"name": "taken"})
        done = mirrored(app)
        (trouble,) = done["troubles"]
        assert "is not Tidemill's" in trouble
        assert "tidemill.model" in trouble
        assert (tracking.model("taken"), tracking.versions("taken")) == (before, [])
        # The remedy is true.
        tag = {"name": "taken", "key": "tidemill.model", "value": "taken"}
        tracking.ask("registered-models/set-tag", "POST", json=tag)
        assert mirrored(app)["versions"]["new"] == ["taken@1"]
        ours = next(one for one in tracking.runs("shared") if one["info"]["run_name"] == run.id)
        tracking.ask("runs/delete", "POST", json={"run_id": ours["info"]["run_id"]})
        assert "was deleted in MLflow" in mirrored(app)["notes"][0]
    (left,) = tracking.runs("shared")
    assert left["info"] == there["info"]


def test_a_version_outlives_its_run(tmp_path: Path, tracking: Tracking) -> None:
    with home(tmp_path, tracking) as app:
        first = app.run(named(shown, "outlived"), {"name": "outlived", "depth": 1})
        app.run(named(shown, "outlived"), {"name": "outlived", "depth": 2})
        with app.database.write() as connection:
            connection.execute(delete(tables.runs).where(tables.runs.c.id == first.id))
        done = mirrored(app)
    assert (done["troubles"], done["versions"]["new"]) == ([], ["outlived@1", "outlived@2"])
    (left,) = tracking.runs("removed runs")
    assert (left["info"]["run_name"], pairs(left["data"]["tags"])["tidemill.state"]) == (first.id, "removed")
    assert tracking.files(left["info"]["run_id"], "models/outlived/1")
    assert pairs_of_aliases(tracking, "outlived") == {"champion": "2"}


POINTS = (
    "mirror.before-create-run",
    "mirror.after-create-run",
    "mirror.after-log",
    "mirror.after-file",
    "mirror.before-mark",
    "mirror.before-create-version",
    "mirror.after-create-version",
    "mirror.before-alias",
    "mirror.after-alias",
)
_ARMED = "from tidemill.testing.crash import from_environment as arm; arm(); from tidemill.cli.main import main; main()"


def test_killed_anywhere_it_goes_on_and_doubles_nothing(tmp_path: Path, tracking: Tracking) -> None:
    """One call after the other dies, each a step later; in the end everything is there once."""
    with home(tmp_path, tracking) as app:
        run = app.run(named(shown, "killed"), {"name": "killed"})
    for point in POINTS:
        done = subprocess.run(
            [sys.executable, "-c", _ARMED, "--home", str(tmp_path / "home"), "mlflow", "sync"],
            env={**plain_environment(tmp_path), "TIDEMILL_MLFLOW_URI": tracking.url, **crash_environment(point)},
            cwd=tmp_path,
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, (point, done.stdout, done.stderr)
    with home(tmp_path, tracking) as app:
        mirrored(app)
        same = mirrored(app)
    assert (same["runs"]["same"], same["versions"]["same"], same["aliases"]) == (1, 1, [])
    (found,) = tracking.runs("killed")
    assert (found["info"]["run_name"], found["info"]["status"]) == (run.id, "FINISHED")
    assert len(pairs(found["data"]["metrics"])) == len(found["data"]["metrics"]) == 5
    (version,) = tracking.versions("killed")
    assert pairs_of_aliases(tracking, "killed") == {"champion": version["version"]}
    assert not list((tmp_path / "home" / "scratch").glob("mirror-*/content")) or same["troubles"] == []


def test_an_answer_that_is_lost_doubles_nothing(tmp_path: Path, tracking: Tracking) -> None:
    waited: list[float] = []
    with line_to(tracking.url) as line, home(tmp_path, line) as app:
        app.run(named(shown, "lost"), {"name": "lost"})
        line.loses += ["runs/create", "runs/log-batch", "registered-models/create", "model-versions/create"]
        line.says += [
            ("experiments/get-by-name", 503, {}, b"busy"),
            ("registered-models/alias", 429, {"Retry-After": "7"}, b"slower"),
        ]
        _, done = sync(app, wait=waited.append)
    assert (line.loses, line.says, done.troubles) == ([], [], [])
    assert sorted(waited) == [0.5] * 5 + [7.0]
    assert len(tracking.runs("lost")) == len(tracking.versions("lost")) == 1
    assert pairs_of_aliases(tracking, "lost") == {"champion": "1"}


def test_a_server_that_is_away_is_told_with_the_remedy(tmp_path: Path) -> None:
    waited: list[float] = []
    with inline_app(tmp_path / "home", mlflow_uri="http://127.0.0.1:9") as app:
        run = app.run(failing)
        with pytest.raises(MirrorAway) as caught:
            sync(app, wait=waited.append)
        assert "tidemill mlflow sync" in caught.value.remedy
        assert waited == [0.5, 1.0, 2.0, 4.0, 8.0]
        line = mirror_by_itself(app, [run.id], wait=no_wait)
        assert "the tracking server is away" in line
        assert "tidemill mlflow sync" in line
        assert "\n" not in line
    with inline_app(tmp_path / "home") as app:
        assert mirror_by_itself(app, [run.id]) == ""


def test_what_cannot_be_mirrored_is_told_and_the_rest_is(tmp_path: Path, tracking: Tracking) -> None:
    with line_to(tracking.url) as line, home(tmp_path, line) as app:
        run = app.run(named(shown, "large"), {"name": "large"})
        line.says += [("model.skops", 413, {}, b"too large"), ("page.html", 400, {}, b'{"error_code": "INVALID"}')]
        done = mirrored(app)
        assert [one.partition(":")[0] for one in done["troubles"]] == [f"run {run.id}", "large@1"]
        assert "no file of this size" in done["troubles"][1]
        assert pairs_of_aliases(tracking, "large") == {}
        again = mirrored(app)
    assert (again["troubles"], again["versions"]["new"], again["aliases"]) == (
        [],
        ["large@1"],
        ["large@champion is version 1"],
    )


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b"no", MirrorRefused),
        (404, b"<html>", MirrorForeign),
        (302, b"", MirrorForeign),
        (200, b"[1]", MirrorForeign),
        (200, b"[" * 100_000, MirrorForeign),
        (200, b'{"experiment": {}}', MirrorForeign),
    ],
)
def test_what_is_no_tracking_server(status: int, body: bytes, error: type[Exception], tmp_path: Path) -> None:
    with line_to("http://127.0.0.1:9") as line, home(tmp_path, line) as app:
        app.run(failing)
        headers = {"Location": "http://127.0.0.1:9/elsewhere"} if status == 302 else {}
        line.says += [("experiments/get-by-name", status, headers, body)]
        with pytest.raises(error):
            sync(app, wait=no_wait)


def test_credentials_are_sent_and_told_nobody(
    tmp_path: Path, tracking: Tracking, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with line_to(tracking.url) as line:
        address = line.url.replace("http://", f"http://ann:{PASSWORD}@")
        with inline_app(tmp_path / "home", mlflow_uri=address) as app:
            app.run(named(shown, "secret"), {"name": "secret"})
            done = mirrored(app)
            assert all(headers["Authorization"].startswith("Basic ") for _, headers in line.asked)
            monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)
            line.asked.clear()
            told: list[str] = [json.dumps(done)]
            for body in (b'{"error_code": "X", "message": "%s and %s"}' % (PASSWORD.encode(), TOKEN.encode()), b"no"):
                line.says += [("experiments/get-by-name", 400 if body != b"no" else 401, {}, body)]
                told.append(mirror_by_itself(app, [app_runs(app)[0].id], wait=no_wait))
        with inline_app(tmp_path / "home", mlflow_uri=line.url) as app:
            line.asked.clear()
            mirrored(app)
            assert {headers["Authorization"] for _, headers in line.asked} == {f"Bearer {TOKEN}"}
            line.says += [
                ("experiments/get-by-name", 400, {}, b'{"error_code": "X", "message": "%s"}' % TOKEN.encode())
            ]
            told.append(mirror_by_itself(app, [app_runs(app)[0].id], wait=no_wait))
    everything = "".join(told) + caplog.text
    assert "***" in everything
    kept = [path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file()]
    shown_there = json.dumps([tracking.runs("secret"), tracking.versions("secret"), tracking.model("secret")])
    for secret in (PASSWORD, TOKEN):
        assert secret not in everything
        assert secret not in shown_there
        assert not any(secret.encode() in content for content in kept)


def test_files_go_to_a_store_that_the_server_does_not_stand_in_front_of(tmp_path: Path, tracking: Tracking) -> None:
    """By MLflow's own library, which is asked for by name."""
    folder = tmp_path / "there"
    body = {"name": "filed", "artifact_location": folder.as_uri()}
    tracking.ask("experiments/create", "POST", json=body)
    with home(tmp_path, tracking) as app:
        app.run(named(shown, "filed"), {"name": "filed"})
    done = subprocess.run(
        [sys.executable, "-m", "tidemill", "--home", str(tmp_path / "home"), "mlflow", "sync", "--json"],
        env={**plain_environment(tmp_path), "TIDEMILL_MLFLOW_URI": tracking.url},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["versions"]["new"] == ["filed@1"]
    assert [path.name for path in folder.rglob("MLmodel")] == ["MLmodel"]
    assert [path.name for path in folder.rglob("page.html")] == ["page.html"]


def pairs_of_aliases(tracking: Tracking, name: str) -> dict[str, str]:
    return {one["alias"]: one["version"] for one in tracking.model(name).get("aliases", [])}


def app_runs(app: InlineApp) -> list[RunRecord]:
    with app.database.read() as connection:
        return runs.listing(connection, app.settings.team)


def _decide(app: InlineApp, name: str) -> None:
    """A gate has passed the second version."""
    with app.database.write() as connection:
        second = models.get(connection, "default", name, 2)
        assert second is not None
        head = decisions.lock_head(connection, "default")
        about = About(
            team="default",
            number=head.number + 1,
            kind="gate",
            model=name,
            verdict="PASS",
            candidate=Named(second.artifact, second.digest),
            champion=Named(),
            evidence=Named(),
            run="",
            path="",
            actor="ann",
            made_at=datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
            prev=head.digest,
        )
        decisions.append(connection, Decision(about, "{}", f"sha256:{'ab' * 32}"))


PIPELINE = """
from tidemill import Metrics, pipeline, task

@task
def measure() -> Metrics:
    return {"accuracy": 0.5}

@pipeline
def at_the_end():
    measure()
"""


def test_run_mirrors_at_its_end_and_never_fails_for_it(tmp_path: Path, tracking: Tracking) -> None:
    (tmp_path / "p.py").write_text(PIPELINE)
    runs_of_ours = []
    for uri in (tracking.url, "http://ann:secretword@127.0.0.1:9"):
        done = subprocess.run(
            [sys.executable, "-m", "tidemill", "run", "p.py", "--executor", "inline", "--json"],
            env={**plain_environment(tmp_path), "TIDEMILL_MLFLOW_URI": uri},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        runs_of_ours.append(json.loads(done.stdout)["id"])
        warned = done.stderr
    assert warned.startswith("warning: not mirrored to MLflow: http://127.0.0.1:9: the tracking server is away")
    assert "tidemill mlflow sync" in warned
    assert "secretword" not in warned
    assert [one["info"]["run_name"] for one in tracking.runs("at_the_end")] == runs_of_ours[:1]
