"""A project and its CI: the workflow that `ci init` writes is run here from installation to deployment, and stopped."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
import yaml

from tests.stories.terminal import Folder, environment
from tidemill.actions.ci.versions import ACTIONS

PIPELINE = """
import json
from pathlib import Path

from tidemill import Metrics, current, pipeline, task


@task
def load(shift: float) -> list[list[float]]:
    return [[n / 100, float(n / 100 >= 0.5 + shift)] for n in range(100)]


@task
def train(rows: list[list[float]]) -> Path:
    file = current().scratch / "model.json"
    file.write_text(json.dumps({"border": min(x for x, kind in rows if kind)}))
    return file


@task
def evaluate(model: Path, rows: list[list[float]]) -> Metrics:
    border = json.loads(model.read_text())["border"]
    right = sum((x >= border) == bool(kind) for x, kind in rows)
    return {"accuracy": right / len(rows), "rows": len(rows)}


@pipeline
def churn(shift: float = 0.0):
    evaluate(train(load(shift)), load(0.0))
"""

_BOTH = """model = train(load(shift))
    judge(model)
    evaluate(model, load(0.0))"""
JUDGED = "from tidemill.core.records import Artifact\n" + PIPELINE.replace(
    "evaluate(train(load(shift)), load(0.0))", _BOTH
).replace(
    "@pipeline",
    """
@task(acts=True)
def judge(model: Artifact) -> str:
    verdict = Path(__file__).with_name("verdict.txt").read_text()
    judgement = {"verdict": verdict, "reasons": ["it is " + verdict], "metrics": {}}
    return current().act("record_decision", kind="gate", model="churn", judgement=judgement, candidate=model)["id"]


@pipeline""",
)


@pytest.fixture
def project(folder: Folder) -> Folder:
    folder.write("pipeline.py", PIPELINE)
    folder.write("requirements.txt", "tidemill\n")
    folder.write(".gitignore", ".tidemill/\n__pycache__/\ndelivery/\n")
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *command], cwd=folder.path, check=True
        )
    return folder


def test_from_installation_to_deployment(project: Folder) -> None:
    made = project.document("ci", "init", "github", "--min", "accuracy=0.85")
    assert made["actions"] == dict(ACTIONS)
    text = (project.path / made["file"]).read_text()
    document = yaml.safe_load(text)
    # PyYAML is of the kind that reads `on` as true.
    assert set(document[True]) == {"push", "pull_request", "schedule", "workflow_dispatch"}
    assert document["permissions"] == {"contents": "read"}
    scripts = [step["run"] for job in document["jobs"].values() for step in job["steps"] if "run" in step]
    assert not any("${{" in script for script in scripts)
    again = project.call("ci", "init", "github", "--min", "accuracy=0.85")
    assert (again.returncode, "--force replaces it" in again.stderr) == (2, True)

    done = project.call(
        "ci", "run", "--pretend", "docker", "--pretend", "kubectl", "--var", "IMAGE=example.org/churn",
        "--var", "DEPLOYMENT=churn", "--artifacts", "kept", PIP_NO_INDEX="1", KUBECONFIG="clusters: secret-of-mine",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "not run:" not in done.stdout
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=project.path, capture_output=True, encoding="utf-8", check=True
    ).stdout.strip()
    assert f"would run: docker push example.org/churn:{commit}" in done.stdout
    assert f"would run: kubectl set image deployment/churn churn=example.org/churn:{commit}" in done.stdout
    assert "secret-of-mine" not in done.stdout
    assert {path.name for path in (project.path / "kept" / "model").iterdir()} == {
        "model.json", "run.json", "SHA256SUMS",
    }  # fmt: skip
    assert 'failures="0"' in (project.path / "kept" / "gate" / "gate.xml").read_text()
    assert "| accuracy | 1 |" in done.stdout


def test_a_project_below_the_root_of_its_repository(folder: Folder) -> None:
    below = Folder(folder.path / "models" / "churn")
    below.write("pipeline.py", PIPELINE)
    below.write("requirements.txt", "tidemill\n")
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=folder.path, check=True)
    made = below.document("ci", "init", "github", "--min", "accuracy=0.85")
    written = folder.path / ".github" / "workflows" / "ml-models-churn.yml"
    assert (below.path / made["file"]).resolve() == written
    document = yaml.safe_load(written.read_text())
    assert document["defaults"]["run"]["working-directory"] == "models/churn"
    assert document["jobs"]["train"]["steps"][1]["with"]["cache-dependency-path"] == "models/churn/requirements.txt"
    done = below.call("ci", "run", "--pretend", "docker", "--pretend", "kubectl", PIP_NO_INDEX="1")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "| accuracy | 1 |" in done.stdout


def test_a_model_that_fails_the_gate_is_not_deployed(project: Folder) -> None:
    project.write("pipeline.py", PIPELINE.replace("shift: float = 0.0", "shift: float = 0.3"))
    project.ok("ci", "init", "github", "--min", "accuracy=0.85")
    found = project.document("ci", "run", "--pretend", "pip", code=1)
    train, deploy = found["jobs"]
    assert (train["result"], deploy["result"]) == ("failure", "skipped")
    conclusions = {step["title"]: step["conclusion"] for step in train["steps"]}
    assert conclusions["Gate"] == "failure"
    assert (conclusions["Upload the model"], conclusions["Upload the report of the gate"]) == ("skipped", "success")
    assert next(step for step in train["steps"] if step["title"] == "Gate")["outputs"]["verdict"] == "FAIL"
    assert "accuracy is 0.7, below 0.85 by 0.15" in found["summary"].replace("\\", "")
    rows = project.call("ci", "run", "--dry-run")
    assert rows.returncode == 0
    assert "tidemill run pipeline.py" in rows.stdout


def test_a_gate_on_a_run_and_on_a_file(project: Folder) -> None:
    project.ok("run", "pipeline.py")
    for bounds in (["accuracy=0.9"], ["evaluate.accuracy=0.9", "rows=100"]):
        options = [part for bound in bounds for part in ("--min", bound)]
        assert project.document("gate", "check", "latest", *options)["verdict"] == "PASS"
    missing = project.call("gate", "check", "latest", "--min", "acuracy=0.9")
    assert missing.returncode == 1
    assert "did you mean 'accuracy'" in " ".join(missing.stdout.split())
    assert "NODATA" in missing.stdout
    assert project.call("gate", "check", "latest").returncode == 2
    assert project.call("gate", "check", "absent.json", "--min", "a=1").returncode == 2

    project.write("metrics.json", '{"test": {"accuracy": NaN, "f1": 0.8}}')
    project.write("gate.yaml", "thresholds:\n  f1: {min: 0.7}\nprimary: {metric: f1, better_by: 0.01}\n")
    assert project.document("gate", "check", "metrics.json", "--min", "accuracy=0", code=1)["verdict"] == "NODATA"
    judged = project.call(
        "gate", "check", "metrics.json", "--rule", "gate.yaml", "--junit", "gate.xml", GITHUB_OUTPUT="out.txt"
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert "primary need the model and its rows" in " ".join(judged.stdout.split())
    assert "verdict<<" in (project.path / "out.txt").read_text()


def test_what_a_gate_of_the_run_refused_is_not_delivered(project: Folder) -> None:
    project.write("pipeline.py", JUDGED)
    project.write("verdict.txt", "FAIL")
    project.write("test_it.py", "from pipeline import load\n\ndef test_it():\n    assert len(load(0.0)) == 100\n")
    bare = project.call("ci", "init", "github", "--output", "bare.yml")
    assert (bare.returncode, "what must a model of churn reach" in bare.stderr) == (2, True)
    project.ok("ci", "init", "github", "--min", "accuracy=0.85")
    found = project.document("ci", "run", "--pretend", "pip", code=1)
    train, deploy = found["jobs"]
    assert (train["result"], deploy["result"]) == ("failure", "skipped")
    conclusions = {step["title"]: step["conclusion"] for step in train["steps"]}
    assert (conclusions["Test"], conclusions["Gate"], conclusions["Upload the model"]) == (
        "success", "failure", "skipped",
    )  # fmt: skip
    assert "says FAIL: it is FAIL" in found["summary"].replace("\\", "")

    judged = project.document("gate", "check", "latest", code=1)
    assert [(one["metric"], one["verdict"]) for one in judged["checks"]] == [("gate of churn", "FAIL")]
    ignored = project.document("gate", "check", "latest", "--min", "accuracy=0.85", "--ignore-decisions")
    assert (ignored["verdict"], "FAIL" in ignored["notes"][0]) == ("PASS", True)
    assert project.call("gate", "check", "latest", "--ignore-decisions").returncode == 2

    # What a run takes over from another it takes over with what was decided of it.
    project.ok("rerun", "latest", "--from", "evaluate")
    assert project.document("gate", "check", "latest", "--min", "accuracy=0.85", code=1)["verdict"] == "FAIL"
    project.write("verdict.txt", "PASS")
    project.ok("rerun", "latest", "--from", "judge")
    assert project.document("gate", "check", "latest", "--min", "accuracy=0.85")["verdict"] == "PASS"
    assert "decision d_" in project.document("gate", "check", "latest")["checks"][0]["reason"]
    many = project.call("gate", "check", "latest", "--min", "accuracy=85")
    assert (many.returncode, "85 % is --min accuracy=0.85" in many.stderr) == (2, True)


def test_a_failed_run_passes_no_gate(project: Folder) -> None:
    broken = PIPELINE.replace("def churn(shift: float = 0.0):", "def churn(shift: float = 0.0):\n    fail()")
    project.write("broken.py", broken + "\n\n@task\ndef fail() -> None:\n    raise ValueError('no')\n")
    assert project.call("run", "broken.py").returncode == 1
    found = project.document("gate", "check", "latest", "--min", "accuracy=0.1", code=1)
    assert found["verdict"] == "FAIL"
    assert [check["metric"] for check in found["checks"]] == ["run", "accuracy"]


def test_ctrl_c_cancels_and_what_always_runs_still_runs(folder: Folder) -> None:
    folder.write(
        "wf.yml",
        "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n"
        "      - {name: first, run: echo begun; sleep 600}\n      - run: echo never\n"
        "      - {if: always(), run: echo cleaning up}\n"
        "      - {if: cancelled(), run: echo it was cancelled}\n"
        "  b: {needs: a, runs-on: x, steps: [{run: echo never}]}\n",
    )
    begun = folder.begin("ci", "run", "wf.yml", PYTHONUNBUFFERED="1")
    begun.until("begun")
    begun.signal(signal.SIGINT)
    code, printed, errors = begun.end()
    assert (code, errors) == (4, ""), printed
    assert "cleaning up" in printed
    assert "it was cancelled" in printed
    assert "    never" not in printed


def test_models_of_runs_and_of_the_registry_are_tested_with_pytest(folder: Folder) -> None:
    folder.write(
        "pipeline.py",
        """
import pandas as pd
from sklearn.tree import DecisionTreeClassifier
from tidemill import Model, pipeline, task
from tidemill.tasks import register


@task
def train() -> Model:
    rows = pd.DataFrame({"x": range(40)})
    return DecisionTreeClassifier(random_state=0).fit(rows, [0] * 20 + [1] * 20)


@pipeline
def steps():
    register(train(), "steps", alias="challenger")
""",
    )
    folder.write("rows.csv", "x,target\n" + "".join(f"{n},{int(n >= 20)}\n" for n in range(40)))
    folder.write(
        "test_steps.py",
        """
from tidemill.testing.model_tests import ModelTests


class TestSteps(ModelTests):
    model_from, rows_from, latency_below = "latest:train", "rows.csv", 60.0
    metric_at_least = {"roc_auc": 0.99}


class TestRegistered(TestSteps):
    model_from = "steps@challenger"
""",
    )
    folder.ok("run", "pipeline.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder.path,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert "10 passed" in done.stdout, done.stdout + done.stderr
