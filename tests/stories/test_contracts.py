"""A contract in a real run and on the command line: bad data stops before training, the owner is named, all is kept."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.stories.terminal import Folder

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "contracts.md"

CONTRACT = """
name: orders
owner: data-team@example.com
max_share: 10%
rows: {min: 50}
columns:
  id: {type: int, unique: true}
  amount: {type: float, null: 0, min: 0, quantile: {p50: [5, 60]}}
  country: {in: countries.txt, on_fail: quarantine, owner: geo@example.com}
  token: {type: text, pattern: "t[0-9]+", sensitive: true}
  note: {length: {max: 10}, on_fail: warn}
"""

PIPELINE = """
import pandas
from pathlib import Path
from tidemill import Dataset, pipeline, task
from tidemill.tasks import read_contract, validate

@task(cache=True)
def load(path: Path) -> Dataset:
    return pandas.read_csv(path)

@task(cache=True)
def train(rows: Dataset, aside: Dataset) -> dict[str, int]:
    print("training on", len(rows))
    return {"rows": len(rows), "aside": len(aside)}

@pipeline
def orders(path: Path = Path("orders.csv")):
    good = validate.options(retries=3)(load(path), "orders.yaml")
    train(good.rows, good.quarantined)
"""

REUSED = PIPELINE.replace("validate.options(retries=3)", "validate.options(cache=True)")
AS_OBJECT = REUSED.replace('"orders.yaml"', 'read_contract("orders.yaml")')


def rows(scale: float = 1, **cells: object) -> str:
    lines = ["id,amount,country,token,note"]
    for n in range(100):
        row = {"id": n, "amount": scale * (10 + n % 50), "country": "se", "token": f"t{n}", "note": "fine"}
        lines.append(",".join(str(cells[key] if n == 7 and key in cells else value) for key, value in row.items()))
    return "\n".join(lines) + "\n"


def write(folder: Folder, pipeline: str = PIPELINE) -> Folder:
    folder.write("orders.yaml", CONTRACT)
    folder.write("countries.txt", "se\nno\n")
    folder.write("orders.csv", rows())
    folder.write("orders.py", pipeline)
    return folder


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A run of good data with a row that is set aside, then one of data in other units."""
    folder = write(Folder(tmp_path_factory.mktemp("contracts") / "project"))
    folder.write("orders.csv", rows(country="zz", note="=far too long\\x1b"))
    done = folder.call("run", "orders.py")
    assert done.returncode == 0, done.stdout + done.stderr
    folder.write("broken.csv", rows(scale=100, amount="", token="hunter2-secret"))
    done = folder.call("run", "orders.py", "-p", "path=broken.csv")
    assert done.returncode == 1, done.stdout + done.stderr
    folder.write("told.txt", done.stdout + done.stderr)
    return folder


def runs(folder: Folder) -> list[str]:
    """The newest first."""
    return [run["id"] for run in folder.document("runs")["runs"]]


def task(document: dict[str, object], name: str) -> dict[str, object]:
    found = document["tasks"]
    assert isinstance(found, list)
    return next(one for one in found if one["task"] == name)


def test_good_rows_go_on_and_the_others_are_set_aside(ran: Folder) -> None:
    good = runs(ran)[-1]
    assert task(ran.document("show", good), "train")["outputs"] == {"result": {"rows": 99, "aside": 1}}
    logged = ran.ok("logs", good, "validate")
    assert "contract orders: note: length at most 10: not so in 1 of 100 rows (1 %)" in logged
    assert "contract orders: 1 rows are set aside" in logged
    kept = ran.document("artifact", "ls", good)["artifacts"]
    assert {"rows", "quarantined", "page"} <= {one["output"] for one in kept if one["task"] == "validate"}


def test_broken_rows_stop_before_training_and_the_owner_is_named(ran: Folder) -> None:
    told = (ran.path / "told.txt").read_text()
    card = told[told.index("✗ validate") :]
    lines = card.splitlines()
    assert lines[0] == (
        "✗ validate failed (refused): contract orders is broken: 3 of 16 rules, 100 rows; owner: data-team@example.com"
    )
    assert [line.split(":")[0].strip() for line in lines[1:4]] == ["amount", "amount", "token"]
    assert "p50 is 3,500" in card
    assert "Traceback" not in told
    assert "\\x0a" not in told
    shown = ran.document("show", runs(ran)[0])
    assert task(shown, "train")["state"] == "upstream_failed"
    # Trying again would not help.
    assert task(shown, "validate")["tries"] == 1


def test_the_whole_result_is_kept_although_it_failed(ran: Folder) -> None:
    broken = runs(ran)[0]
    result = task(ran.document("show", broken), "validate")["outputs"]["result"]  # type: ignore[index]
    assert (result["verdict"], result["owners"]) == ("FAIL", ["data-team@example.com"])
    assert {found["rule"] for found in result["findings"] if found["blocks"]} == {"null", "quantile", "pattern"}
    listed = ran.document("artifact", "ls", broken)["artifacts"]
    page = next(one for one in listed if one["output"] == "page")
    ran.ok("artifact", "get", page["id"], "--to", "page.html")
    assert "Contract orders" in (ran.path / "page.html").read_text()
    ran.ok("show", broken, "--html", "run.html")
    assert "Contract orders" in (ran.path / "run.html").read_text()


def test_a_sensitive_value_is_in_nothing_that_is_said_of_the_contract(ran: Folder) -> None:
    broken = runs(ran)[0]
    said = [
        (ran.path / "told.txt").read_text(),
        ran.ok("show", broken, "--task", "validate"),
        json.dumps(ran.document("show", broken, "--task", "validate")),
        (ran.path / "page.html").read_text() if (ran.path / "page.html").exists() else "",
    ]
    assert [text for text in said if "hunter2" in text] == []
    assert "(hidden)" in said[1] + said[0]


@pytest.mark.parametrize("arguments", [("show", "latest"), ("show", "latest", "--task", "validate")])
def test_nothing_steers_the_terminal(ran: Folder, arguments: tuple[str, ...]) -> None:
    shown = ran.ok(*arguments)
    assert "\\x0a" not in shown
    assert "data-team@example.com" in shown


@pytest.mark.parametrize("pipeline", [REUSED, AS_OBJECT], ids=["path", "object"])
def test_a_contract_counts_by_its_content(folder: Folder, pipeline: str) -> None:
    write(folder, pipeline)

    def reused() -> bool:
        return bool(task(folder.document("run", "orders.py"), "validate")["reused_from"])

    assert [reused(), reused()] == [False, True]
    folder.write("orders.yaml", CONTRACT.replace("p50: [5, 60]", "p50: [5, 61]"))
    assert not reused()
    if pipeline is AS_OBJECT:
        # Of an object the values of files are part.
        folder.write("countries.txt", "se\nno\ndk\n")
        assert not reused()


# --- the command line -------------------------------------------------------------------------------------------------


def test_a_first_contract_is_written_checked_and_shown(folder: Folder) -> None:
    folder.write("orders.csv", rows())
    assert "countr" in folder.ok("contract", "init", "orders.csv")
    said = folder.ok(
        "contract", "init", "orders.csv", "-o", "first.yaml", "--owner", "ann@example.com", "--sensitive", "token"
    )
    assert "tidemill contract check first.yaml orders.csv" in said
    assert "contract orders holds" in folder.ok("contract", "check", "first.yaml", "orders.csv")
    shown = folder.ok("contract", "show", "first.yaml")
    assert "ann@example.com" in shown
    assert [line for line in shown.splitlines() if cell_len(line) > 80] == []
    again = folder.call("contract", "init", "orders.csv", "-o", "first.yaml")
    assert (again.returncode, "--force" in again.stderr) == (2, True)
    folder.ok("contract", "init", "orders.csv", "-o", "first.yaml", "--force", "--name", "shop")
    assert folder.document("contract", "show", "first.yaml")["contract"]["name"] == "shop"
    # Nothing of it needs a home, and none is made.
    assert not (folder.path / ".tidemill").exists()


def test_a_first_contract_without_an_owner_says_so_each_time(folder: Folder) -> None:
    folder.write("orders.csv", rows())
    assert "nobody answers" in folder.ok("contract", "init", "orders.csv", "-o", "first.yaml")
    for command in (("check", "first.yaml", "orders.csv"), ("show", "first.yaml")):
        said = " ".join(folder.ok("contract", *command).split())
        assert "nobody is named who answers for this data" in said
        assert "name@example.com" not in said


def test_a_file_with_a_header_only_is_said_once(folder: Folder) -> None:
    write(folder)
    folder.write("header.csv", rows().splitlines()[0] + "\n")
    done = folder.call("contract", "check", "orders.yaml", "header.csv")
    assert done.returncode == 1
    assert "there are 0" in done.stdout
    assert "set aside" not in done.stdout
    assert len(done.stdout.splitlines()) < 8
    refused = folder.call("contract", "init", "header.csv", "-o", "first.yaml")
    assert (refused.returncode, "there are no rows" in refused.stderr) == (2, True)
    assert not (folder.path / "first.yaml").exists()


def test_what_breaks_a_contract_is_told_with_a_code_of_its_own(folder: Folder) -> None:
    write(folder)
    folder.write("broken.csv", rows(scale=100, country="=zz\x1b[2J", note="x" * 300))
    done = folder.call("contract", "check", "orders.yaml", "broken.csv")
    assert (done.returncode, done.stderr) == (1, "")
    assert "contract orders is broken" in done.stdout
    assert "set aside" in done.stdout
    assert "data-team@example.com" in done.stdout
    assert not set(done.stdout) & set("\x1b")
    assert [line for line in done.stdout.splitlines() if cell_len(line) > 80] == []
    document = folder.document("contract", "check", "orders.yaml", "broken.csv", code=1)
    assert (document["verdict"], document["rows"], document["quarantined"]) == ("FAIL", 100, 1)
    by = {(found["rule"], found["column"]): found for found in document["findings"]}
    assert by["in", "country"]["examples"] == [{"row": 7, "value": "'=zz\\x1b[2J'"}]
    assert len(folder.document("contract", "show", "orders.yaml")["rules"]) == 16
    every = folder.call("contract", "check", "orders.yaml", "broken.csv", "--all").stdout
    assert len(every.splitlines()) > len(done.stdout.splitlines())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: a\ncolumns: {a: {mni: 0}}\n", "did you mean 'min'?"),
        ("name: [\n", "not YAML"),
        (None, "there is no contract"),
    ],
)
def test_a_contract_that_cannot_be_read_is_told_with_its_place(folder: Folder, text: str | None, told: str) -> None:
    folder.write("orders.csv", rows())
    if text is not None:
        folder.write("odd.yaml", text)
    done = folder.call("contract", "check", "odd.yaml", "orders.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    if text is not None:
        assert "at odd.yaml:2" in done.stderr


def test_a_contract_that_cannot_be_read_fails_the_run_with_its_line(folder: Folder) -> None:
    write(folder).write("orders.yaml", "name: orders\nownr: me\n")
    done = folder.call("run", "orders.py")
    assert done.returncode == 1
    assert "orders.yaml:2: a contract has no key 'ownr'" in done.stdout


def test_data_that_cannot_be_read_is_told(folder: Folder) -> None:
    write(folder)
    for data, told in (("none.csv", "there is no file none.csv"), ("orders.py", "are not read here")):
        done = folder.call("contract", "check", "orders.yaml", data)
        assert (done.returncode, done.stdout) == (2, "")
        assert told in done.stderr


def test_the_guide_is_true(folder: Folder) -> None:
    blocks = dict(re.findall(r"^```(yaml|python)\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)[:2])
    folder.write("countries.txt", "se\nno\n")
    folder.write("orders.yaml", blocks["yaml"])
    folder.write("orders.py", blocks["python"])
    rules = {(rule["rule"], *rule["columns"]) for rule in folder.document("contract", "show", "orders.yaml")["rules"]}
    assert {("in", "country"), ("unique", "customer", "day"), ("freshness", "updated_at"), ("custom",)} <= rules
    assert "validate" in folder.ok("plan", "orders.py")
