"""`tidemill demo` keeps its word: real data, real processes, figures read back from what was recorded."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
import zipfile
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import skops.io
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

from tidemill.actions.demo import table as demo_table
from tidemill.actions.demo.results import Demo, read_demo
from tidemill.actions.demo.running import Wish, compile_demo, example_file
from tidemill.actions.demo.story import Teller
from tidemill.actions.runs import carrier
from tidemill.app import App
from tidemill.cli.main import main
from tidemill.core.graph import Pipeline
from tidemill.core.states import RunState
from tidemill.settings import Settings

pytestmark = pytest.mark.slow

NAMES = ["logistic regression", "random forest", "gradient boosting"]
WHOLE = {
    "ingest",
    "validate",
    "split",
    "train",
    "train[0]",
    "train[1]",
    "train[2]",
    "evaluate",
    "evaluate[0]",
    "evaluate[1]",
    "evaluate[2]",
    "pick_best",
    "gate",
    "gate/champion",
    "gate/weigh",
    "gate/decide",
}


def tidemill(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The rest is as it is here: which code a processor runs, and with it the last digit, may be set there.
    environment = {**os.environ, "HOME": str(folder), "COLUMNS": "80", "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "tidemill", "--home", str(folder / "home"), "demo", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False
    )


def written(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "home" / "demo.json").read_text(encoding="utf-8"))
    return found


def load_model(model: dict[str, Any]) -> Any:
    """The model, from bytes that are what the digest says."""
    content = Path(model["path"]).read_bytes()
    assert model["digest"] == "blake2b:" + blake2b(content, digest_size=32).hexdigest()
    assert model["size"] == len(content)
    assert model["codec"] == "sklearn"
    return skops.io.load(model["path"], trusted=skops.io.get_untrusted_types(file=model["path"]))


def write_rows(path: Path, rows: list[list[object]], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out, delimiter=delimiter).writerows(rows)
    return path


def customers(path: Path, count: int = 240) -> Path:
    """Three classes as text; numbers with gaps, a category with gaps, a switch, an id that says nothing."""
    chance = random.Random(5)
    rows: list[list[object]] = [["id", "age", "plan", "income", "active", "what next"]]
    for number in range(count):
        age, plan, active = chance.randint(18, 80), chance.choice(["basic", "plus", "pro"]), chance.random() > 0.3
        score = (age < 40) + 1.5 * (plan == "basic") + 2 * (not active)
        label = "leaves" if score > 2 else "stays" if score > 0.5 else "não sabe"
        income = round(chance.gauss(3000, 800), 2) if chance.random() > 0.1 else ""
        rows.append([f"c{number:04}", age, plan if chance.random() > 0.05 else "", income, active, label])
    return write_rows(path, rows, ";")


# --- on the data that comes with scikit-learn -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The demo as a newcomer calls it: the folder, and what was printed."""
    folder = tmp_path_factory.mktemp("demo")
    done = tidemill(folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_the_first_model_passes_contract_and_gate_and_is_registered(first: tuple[Path, str]) -> None:
    found = written(first[0])
    assert found["state"] == "succeeded"
    assert found["tasks"] == {
        **dict.fromkeys([*WHOLE, "good_enough", "good_enough/register"], "succeeded"),
        "too_weak": "skipped",
    }
    assert found["data"] == {"file": "", "target": "diagnosis", "rows": 569, "features": 30}
    assert found["owner"] == "imaging-lab@clinic.example"
    assert {finding["rule"] for finding in found["findings"]} >= {"rows", "null", "in", "min", "max", "min_share"}
    assert all(finding["verdict"] == "PASS" for finding in found["findings"])
    assert (found["verdict"], found["decision"]) == ("PASS", "registered")
    assert (found["model"]["version"], found["model"]["is_new"]) == (1, True)
    assert (found["reused"], found["computed_again"]) == (10, 4), "the gate and what acts is done again"


def test_the_registered_model_has_the_stated_accuracy_on_rows_it_has_not_seen(first: tuple[Path, str]) -> None:
    found = written(first[0])
    best = max(found["candidates"], key=lambda one: (one["metrics"]["accuracy"], -one["metrics"]["log_loss"]))
    assert [one["name"] for one in found["candidates"]] == NAMES
    assert found["best"] == best["name"]
    assert best["metrics"]["accuracy"] > 0.9
    assert all(one["seconds"] > 0 for one in found["candidates"])
    bunch = load_breast_cancer(as_frame=True)
    truth = pd.Series(bunch.target_names[bunch.target])
    _, features, _, truth = train_test_split(
        bunch.data, truth, test_size=0.25, stratify=truth, random_state=found["seed"]
    )
    said = load_model(found["model"]).predict(features)
    assert accuracy_score(truth, said) == best["metrics"]["accuracy"]
    assert set(said) == {"benign", "malignant"}


def test_the_story_goes_from_a_release_to_a_bad_day(first: tuple[Path, str]) -> None:
    found = written(first[0])
    assert 0 < found["again_seconds"] < found["first_seconds"]
    assert found["promoted"] == [1, 2]
    (refused,) = found["refused"]
    assert refused["run"] == found["runs"]["worse"]
    assert refused["reasons"][0].startswith("log_loss ")
    assert "worse by" in refused["reasons"][0]
    assert refused["reasons"][0].endswith(": FAIL")
    stopped = found["stopped_by_contract"]
    assert stopped["owner"] == "imaging-lab@clinic.example"
    assert stopped["rules"] == ["diagnosis: null", "mean radius: max"]
    assert found["champion_version"] == 2
    live = found["production"]
    assert (live["run"], live["verdict"]) == (found["runs"]["better"], "PASS")
    assert {name: value for name, value in live["data"][-1].items() if name != "digest"} == {
        "task": "ingest",
        "rows": 569,
        "columns": 31,
    }
    assert "pipeline:train" in {step["function"] for step in live["code"]}
    assert live["parameters"]["columns"] == []


def test_nothing_was_trained_on_the_bad_day(home: Path, first: tuple[Path, str]) -> None:
    with App(Settings(home=home)) as app:
        bad = read_demo(app, written(first[0])["runs"]["broken"])
    assert bad.state == "failed"
    assert bad.tasks["validate"] == "failed"
    assert {bad.tasks[name] for name in ("split", "train", "evaluate", "pick_best", "gate")} == {"upstream_failed"}
    assert "569 of 569 rows" in bad.reason
    assert "owner: imaging-lab@clinic.example" in bad.reason


def test_the_decisions_are_what_the_evidence_says(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(home), "decision", "replay", "--all", "--json"]) == 0
    assert main(["--home", str(home), "decision", "verify", "--json"]) == 0
    assert main(["--home", str(home), "model", "history", "diagnosis", "--json"]) == 0
    assert "champion" in capsys.readouterr().out


def test_the_report_is_a_page(first: tuple[Path, str]) -> None:
    page = Path(written(first[0])["report"])
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_terminal_tells_it_act_by_act_in_80_columns(first: tuple[Path, str]) -> None:
    found, printed = written(first[0]), first[1]
    acts = [f"\n{number}. " for number in range(1, 7)]
    places = [printed.index(act) for act in acts]
    assert places == sorted(places)
    assert printed.index("train[2] succeeded") < printed.index("pick_best succeeded") < printed.index("   candidate")
    table = printed[printed.index("   candidate") : printed.index("   gate: PASS")].strip("\n").splitlines()
    assert table[0].split() == ["candidate", "accuracy", "ROC", "AUC", "log", "loss", "trained", "in"]
    assert len(table) == 4
    assert all(len(line) <= 80 for line in printed.splitlines())
    for one in found["candidates"]:
        line = next(line for line in table if one["name"] in line)
        for name in ("accuracy", "roc_auc", "log_loss"):
            assert f"{one['metrics'][name]:.4f}" in line
        assert ("best" in line) is (one["name"] == found["best"])
    for told in (
        "registered as diagnosis version 1, champion",
        "registered as diagnosis version 2, champion",
        "refused: the champion stays",
        "stopped before training: imaging-lab@clinic.example is to be told",
        f"tidemill decision show {found['production']['decision']}",
    ):
        assert told in printed


@pytest.fixture(scope="module")
def home(first: tuple[Path, str]) -> Path:
    return first[0] / "home"


@pytest.fixture(scope="module")
def example() -> Pipeline:
    return compile_demo()


def only_first(home: Path, example: Pipeline, wish: Wish) -> Demo:
    """The first act alone, under a name of its own."""
    with App(Settings(home=home)) as app, carrier(app, "processes") as carries:
        teller = Teller(app, carries, example, wish)
        run = teller.run(teller.first(), None, None)
        assert run.state is RunState.SUCCEEDED
        return teller.read(run)


def test_the_same_seed_gives_the_same_figures_and_the_same_model(
    first: tuple[Path, str], home: Path, example: Pipeline
) -> None:
    before, after = written(first[0]), asdict(only_first(home, example, Wish()))
    assert after["run"] != before["run"]
    assert after["model"]["name"] != before["model"]["name"]
    assert after["model"]["digest"] == before["model"]["digest"]
    assert after["computed"] == before["computed"], "nothing of the first act is taken over from another telling"
    for one, other in zip(before["candidates"], after["candidates"], strict=True):
        assert one["metrics"] == other["metrics"]


def test_another_seed_gives_other_figures_and_another_model(home: Path, example: Pipeline) -> None:
    one, other = only_first(home, example, Wish(seed=7)), only_first(home, example, Wish(seed=8))
    assert one.model is not None
    assert other.model is not None
    assert one.model.digest != other.model.digest
    for left, right in zip(one.candidates, other.candidates, strict=True):
        assert left.metrics["log_loss"] != right.metrics["log_loss"]


def test_a_threshold_that_nothing_reaches_lets_nothing_in_and_says_so(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["--home", str(home), "demo", "--threshold", "0.999", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (found["state"], found["decision"], found["model"]) == ("succeeded", "refused", None)
    assert any("at least 0.9990 demanded: FAIL" in reason for reason in found["reasons"])
    assert found["tasks"]["good_enough"] == "skipped"
    assert found["tasks"]["too_weak/turn_down"] == "succeeded"
    assert (found["promoted"], found["champion_version"], len(found["refused"])) == ([], None, 3)
    assert json.loads((home / "demo.json").read_text(encoding="utf-8")) == found


# --- on data of one's own ---------------------------------------------------------------------------------------------


def test_labels_that_are_swapped_at_random_give_no_model(tmp_path: Path) -> None:
    bunch = load_breast_cancer(as_frame=True)
    rows = bunch.frame.rename(columns={"target": "label"})
    rows["label"] = rows["label"].sample(frac=1, random_state=3).to_numpy()
    rows.to_csv(tmp_path / "swapped.csv", index=False)
    done = tidemill(tmp_path, "--data", "swapped.csv", "--target", "label", "--threshold", "0.8")
    assert done.returncode == 0, done.stderr + done.stdout
    found = written(tmp_path)
    assert (found["state"], found["verdict"], found["decision"]) == ("succeeded", "FAIL", "refused")
    assert (found["model"], found["promoted"], found["champion_version"]) == (None, [], None)
    assert found["candidates"][0]["metrics"]["accuracy"] < 0.75
    assert "nothing: the gate has refused every model" in done.stdout


def test_a_table_of_ones_own_changes_every_figure(tmp_path: Path) -> None:
    file = customers(tmp_path / "customers.csv")
    done = tidemill(tmp_path, "--data", "customers.csv", "--target", "what next", "--threshold", "0.5")
    assert done.returncode == 0, done.stderr + done.stdout
    found = written(tmp_path)
    assert found["data"] == {"file": str(file), "target": "what next", "rows": 240, "features": 5}
    assert found["decision"] == "registered"
    assert all(0.5 < one["metrics"]["macro_f1"] < 1 for one in found["candidates"])
    assert found["stopped_by_contract"]["rules"] == ["income: max", "what next: null"]
    rows = pd.read_csv(file, sep=";").astype({"active": "int8"})
    train, holdout = train_test_split(rows, test_size=0.25, stratify=rows["what next"], random_state=found["seed"])
    model = load_model(found["model"])
    said = model.predict(holdout.drop(columns="what next"))
    best = next(one for one in found["candidates"] if one["name"] == found["best"])
    assert accuracy_score(holdout["what next"], said) == best["metrics"]["accuracy"]
    assert set(model.classes_) == {"leaves", "stays", "não sabe"}
    # The first one learns from half of the columns, and does not learn ids by heart.
    columns = {name.split("__")[1] for name in model[:-1].get_feature_names_out()}
    assert columns >= {"age", "plan_basic", "plan_nan"}
    assert not any(name.startswith(("id", "income", "active")) for name in columns)
    assert len(train) == 180


def test_data_that_breaks_its_contract_stops_the_run_before_anything_is_trained(tmp_path: Path) -> None:
    bunch = load_breast_cancer(as_frame=True)
    rows = bunch.frame.rename(columns={"target": "label"}).astype({"mean radius": object, "label": object})
    rows.loc[7, "mean radius"] = "smudged"
    rows.loc[9, "label"] = None
    rows.to_csv(tmp_path / "broken.csv", index=False)
    done = tidemill(tmp_path, "--data", "broken.csv", "--target", "label")
    assert done.returncode == 1
    found = written(tmp_path)
    assert found["state"] == "failed"
    broken = {(one["column"], one["rule"]) for one in found["findings"] if one["verdict"] == "FAIL"}
    assert broken == {("mean radius", "type"), ("label", "null")}
    assert found["reason"].startswith("validate: contract broken is broken: ")
    assert "row 7: 'smudged'" in found["reason"]
    assert "who brought broken.csv" in done.stdout
    ended = {name: state for name, state in found["tasks"].items() if state != "upstream_failed"}
    assert ended == {"ingest": "succeeded", "validate": "failed"}
    assert all(one["metrics"] == {} and one["seconds"] is None for one in found["candidates"])
    assert (found["best"], found["decision"], found["model"]) == ("", "", None)
    assert set(found["runs"]) == {"first"}


# --- what cannot be used ----------------------------------------------------------------------------------------------

HEAD = ["size", "kind", "label"]


def good(count: int = 60) -> list[list[object]]:
    return [HEAD, *([n, "ab"[n % 2], "yes" if n % 3 else "no"] for n in range(count))]


BAD: dict[str, tuple[list[list[object]] | bytes | None, str, str, str, str]] = {
    "missing file": (None, "label", "not-found", "there is no file 'x.csv'", "give the path of a CSV file"),
    "a folder": (b"/", "label", "data-unusable", "it is a folder", "give the path of a CSV file"),
    "bytes": (bytes(range(256)), "label", "data-unusable", "its bytes are not UTF-8 text", "encoding UTF-8"),
    "zero bytes": (b"a,b\0c\n1,2\n", "b", "data-unusable", "it holds bytes that no text has", "with a header"),
    "prose": (b"all in one line\n" * 60, "label", "data-unusable", "does not name two columns", "names the columns"),
    "empty": (b"", "label", "data-unusable", "does not name two columns", "names the columns"),
    "ragged": (
        [*good(), [1, 2]],
        "label",
        "data-unusable",
        "row 61 has 2 fields, and the first line names 3 columns",
        "put quotes",
    ),
    "same name": ([["a", "a"], [1, 2]], "a", "data-unusable", "two columns have the name 'a'", "rename one of them"),
    "quotes": (b'a,b\n1,"x"y\n', "b", "data-unusable", "it is not a CSV file: ", "save it as CSV"),
    "no target": (good(), "", "input", "not said which column", "--target COLUMN; its columns: size, kind, label"),
    "typo": (good(), "lable", "not-found", "there is no column 'lable'", "did you mean 'label'?"),
    "far off": (good(), "zzz", "not-found", "there is no column 'zzz'", "known: kind, label, size"),
    "few rows": (good(49), "label", "data-unusable", "it has 49 rows, and at least 50 are needed", "bring more data"),
    "one class": (
        [HEAD, *([n, "a", "yes"] for n in range(60))],
        "label",
        "data-unusable",
        "holds only the class 'yes'",
        "two classes or more",
    ),
    "no class": ([HEAD, *([n, "a", ""] for n in range(60))], "label", "data-unusable", "nothing at all", "two classes"),
    "a measure": (
        good(),
        "size",
        "data-unusable",
        "column 'size' is no target of a classification: it is a number with 60 distinct values",
        "'high' and 'low'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_told_before_anything_runs(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, target, code, message, remedy = BAD[case]
    file = tmp_path / "x.csv"
    match content:
        case None:
            pass
        case b"/":
            file.mkdir()
        case bytes():
            file.write_bytes(content)
        case _:
            write_rows(file, content)
    arguments = ["--home", str(tmp_path / "home"), "demo", "--data", str(file), "--json"]
    arguments += ["--target", target] if target else []
    assert main(arguments) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == code
    assert message.replace("'x.csv'", repr(str(file))) in error["message"]
    assert remedy in error["remedy"]
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "label"], "there is no file"),
        (["--threshold", "nan"], "--threshold is an accuracy"),
        (["--threshold", "90"], "a number from 0 to 1"),
        (["--threshold", "much"], "'much' is not a valid float"),
        (["--seed", "-1"], "-1 is not in the range"),
    ],
)
def test_options_that_make_no_sense(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(tmp_path / "home"), "demo", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_separator_is_found_and_spaces_are_no_part_of_a_value(tmp_path: Path) -> None:
    for separator in demo_table.SEPARATORS:
        file = write_rows(tmp_path / "x.csv", good(), separator)
        assert demo_table.inspect(file, "label").separator == separator
    text = file.read_text(encoding="utf-8").replace("|", "| ")
    file.write_text("\ufeff" + text, encoding="utf-8")
    assert demo_table.inspect(file, "label") == demo_table.Table(file, "label", "|", ("size", "kind", "label"))
    assert demo_table.inspect(file, "kind").target == "kind"


def test_the_example_is_found_in_the_source_tree() -> None:
    assert example_file() == Path(__file__).parents[2] / "examples" / "diagnosis" / "pipeline.py"


def test_the_example_travels_in_the_wheel(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=root, capture_output=True, check=True)
    installed = tmp_path / "installed"
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(installed)
    ask = "from tidemill.actions.demo.running import *; print(example_file(), compile_demo().name)"
    done = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.split() == [str(installed / "tidemill/examples/diagnosis/pipeline.py"), "diagnosis"]
