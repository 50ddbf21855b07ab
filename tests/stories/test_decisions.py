"""What a gate decided, on the command line: shown with its numbers, judged again, verified, and forged in vain."""

from __future__ import annotations

import hashlib
import json
import sqlite3

from tests.stories.terminal import Folder

PIPELINE = """
import pandas as pd
from tidemill import Dataset, Model, pipeline, task
from tidemill.tasks import gate

RULE = {{
    "primary": {{"metric": "accuracy", "better_by": 0.01}},
    "thresholds": [{{"metric": "accuracy", "min": {least}}}],
    "behaviour": {{"no_null": True, "monotone": {{"z": "up", "a": "up"}}}},
}}

@task
def load() -> Dataset:
    z = [n % 7 for n in range(280)]
    a = [n % 5 for n in range(280)]
    return pd.DataFrame({{"z": z, "a": a, "y": [int(10 * one + two >= 32) for one, two in zip(z, a)]}})

@task
def train(rows: Dataset) -> Model:
    from sklearn.linear_model import LogisticRegression
    return LogisticRegression().fit(rows[["z", "a"]], rows["y"])

@pipeline
def churn() -> None:
    rows = load()
    gate(train(rows), rows, "y", "churn", RULE)
"""


def test_a_gate_leaves_decisions_that_can_be_trusted(folder: Folder) -> None:
    folder.write("good.py", PIPELINE.format(least=0.8))
    folder.write("strict.py", PIPELINE.format(least=0.8).replace('"min": 0.8', '"max": 0.5'))
    run = folder.document("run", "good.py")["id"]
    folder.document("run", "strict.py")
    listed = folder.document("decision", "ls", "churn")["decisions"]
    assert [(one["number"], one["verdict"]) for one in listed] == [(2, "FAIL"), (1, "PASS")]
    assert (listed[1]["run"], listed[1]["path"], listed[1]["prev"]) == (run, "gate/decide", "")
    assert listed[0]["prev"] == listed[1]["digest"]
    assert [one["number"] for one in folder.document("decision", "ls", "--verdict", "pass")["decisions"]] == [1]

    shown = folder.ok("decision", "show", "1")
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.startswith("✓ PASS  gate of churn  d_")
    for part in (
        "accuracy",
        "280 rows",
        f"{run}, task gate/decide",
        "Champion   none",
        "record 1 of 2",
        "the same here",
    ):
        assert part in shown
    document = folder.call("decision", "show", "latest", "--json").stdout
    assert "sha256:" + hashlib.sha256(document.encode()).hexdigest() == listed[0]["digest"]
    said = json.loads(document)
    assert said["judgement"]["verdict"] == "FAIL"
    assert said["rule"]["thresholds"] == [{"metric": "accuracy", "max": 0.5}]

    # A rule names columns in an order of its own, which the record does not keep.
    assert "PASS, the same to the last byte" in folder.ok("decision", "replay", "1")
    every = folder.document("decision", "replay", "--all")
    assert (every["equal"], every["wrong"]) == (2, [])
    exported = folder.document("decision", "ls", "--all", "--documents")["decisions"]
    for one in exported:
        assert "sha256:" + hashlib.sha256(one["document"].encode()).hexdigest() == one["digest"]

    verified = folder.ok("decision", "verify")
    assert "2 records are as written, and none is missing" in verified
    noted = verified.splitlines()[-1]
    assert noted == listed[0]["digest"]
    assert folder.document("decision", "verify", "--expect", noted)["expected_at"] == 2
    assert (
        folder.document("decision", "verify", "--expect", f"{noted[:-4]}0000", code=1)["faults"][0]["wrong"]
        == "expected"
    )

    _forge(folder)
    forged = folder.call("decision", "verify")
    assert forged.returncode == 1
    assert f"record 2 ({listed[0]['id']}): it was changed" in forged.stdout
    shown = folder.call("decision", "show", "2")
    assert shown.returncode == 1
    assert shown.stdout.startswith("✗ this record cannot be trusted")
    replayed = folder.document("decision", "replay", "--all", code=1)
    assert (replayed["equal"], replayed["damaged"]) == (1, 1)
    assert replayed["wrong"][0]["number"] == 2


def _forge(folder: Folder) -> None:
    """Somebody who may write to the database lets the refused model pass."""
    database = sqlite3.connect(folder.path / ".tidemill" / "tidemill.db")
    with database:
        change = "UPDATE decisions SET verdict = 'PASS', document = replace(document, '\"FAIL\"', '\"PASS\"')"
        database.execute(f"{change} WHERE number = 2")
    database.close()


def test_wrong_questions_are_answered_with_what_to_type(folder: Folder) -> None:
    nothing = folder.call("decision", "ls")
    assert nothing.returncode == 2
    assert "nothing has run here yet" in nothing.stderr
    (folder.path / ".tidemill").mkdir()
    assert "no such decisions" in folder.ok("decision", "ls")
    assert "there is no decision yet" in folder.ok("decision", "verify")
    assert folder.document("decision", "replay", "--all")["equal"] == 0
    for arguments, told in (
        (("show", "latest"), "`tidemill decision ls` lists them"),
        (("replay",), "tidemill decision replay --all"),
        (("replay", "latest", "--all"), "say which decision, or --all"),
        (("replay", "latest", "--model", "churn"), "say which decision, or --all"),
        (("ls", "--verdict", "passed"), "did you mean 'PASS'?"),
        (("ls", "--documents"), "add --json"),
        (("verify", "--expect", "d_12"), "give the whole digest"),
    ):
        wrong = folder.call("decision", *arguments)
        assert wrong.returncode == 2, arguments
        assert told in wrong.stderr
