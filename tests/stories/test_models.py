"""Registered models through the command line: what is champion, how it came to be, who said so, and back again."""

from __future__ import annotations

import re

import pytest

from tests.stories.terminal import Folder
from tests.stories.test_report import Page

PIPELINE = """
from pathlib import Path
from tidemill import Dataset, Metrics, Model, Report, current, pipeline, task
from tidemill.core.records import Artifact
from tidemill.tasks import champion, register

HOSTILE = "</pre><script>alert(1)</script>"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><script>alert(2)</script><circle r="9"/></svg>'

@task
def load(n: int) -> Dataset:
    return [[HOSTILE, number] for number in range(n)]

@task
def train(rows: Dataset, weight: int) -> Model:
    return {"weight": weight, "note": HOSTILE}

@task
def draw(model: Model) -> Report:
    file = current().scratch / "roc.svg"
    file.write_text(SVG)
    return file

@task
def score(model: Model) -> Metrics:
    return {"accuracy": 0.9, "<b>loss": 0.25}

@task(acts=True)
def judge(model: Artifact, before: Artifact | None, verdict: str) -> str:
    checks = [
        {"name": "accuracy primary", "verdict": verdict, "sentence": HOSTILE, "metric": "accuracy", "test": "auto",
         "candidate": 0.9, "champion": 0.8, "difference": 0.1, "low": 0.05, "high": 0.15, "threshold": 0.0},
    ]
    judgement = {"verdict": verdict, "reasons": ["it is " + verdict], "checks": checks, "n": 1500,
                 "metrics": {"accuracy": 0.9}, "champion_metrics": {"accuracy": 0.8}}
    done = current().act(
        "record_decision", kind="gate", model="scales", rule={"told": verdict}, judgement=judgement, evidence=model,
        candidate=model, champion=before,
    )
    return done["id"]

@pipeline
def scales(weight: int = 1, verdict: str = "PASS", alias: str = "champion", note: str = HOSTILE):
    model = train(load(3), weight)
    draw(model)
    decision = judge(model, champion("scales"), verdict)
    register(model, "scales", decision=decision, alias=alias, metrics=score(model), description=HOSTILE + "\\nand more")
"""


@pytest.fixture
def shop(folder: Folder) -> Folder:
    folder.write("scales.py", PIPELINE)
    return folder


def run(folder: Folder, weight: int, *more: str) -> str:
    return str(folder.document("run", "scales.py", "-p", f"weight={weight}", "--executor", "inline", *more)["id"])


def refused(folder: Folder, *arguments: str) -> str:
    done = folder.call(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    return done.stderr


def test_the_life_of_an_alias(shop: Folder) -> None:
    first = run(shop, 1)
    run(shop, 2, "-p", "alias=challenger", "-p", "verdict=FAIL")

    # A worse one is refused with the reason, and the champion stays.
    said = refused(shop, "model", "promote", "scales@2")
    assert "says FAIL of version 2 of scales: it is FAIL" in said
    assert "model promote scales@2 --override REASON" in said
    assert "scales@1 is champion already, since" in shop.ok("model", "promote", "scales@1")

    # Whoever knows better says why, and that is kept.
    told = shop.ok("model", "promote", "scales@challenger", "--override", "the test rows are old")
    assert "scales@2 is champion now instead of version 1." in told
    assert "no gate has passed it" in told
    lost = refused(shop, "model", "promote", "scales@1", "--expected", "1", "--override", "x")
    assert "expected to be version 1, but it is version 2 since" in lost

    back = shop.document("model", "rollback", "scales", "--reason", "complaints")
    assert (back["version"], back["move"]["before"], back["move"]["reason"]) == (1, 2, "complaints")
    assert "version 1 is the first champion" in refused(shop, "model", "rollback", "scales", "--reason", "x")
    assert shop.document("model", "unalias", "scales", "--alias", "challenger")["version"] is None
    assert shop.document("model", "ls")["models"][0]["aliases"] == {"champion": 1}

    moves = shop.document("model", "history", "scales", "--alias", "champion")["moves"]
    kinds = [(move["kind"], move["before"], move["version"], move["overrode"]) for move in moves]
    assert kinds == [("register", None, 1, False), ("promote", 1, 2, True), ("rollback", 2, 1, False)]
    assert moves[0]["run"] == first
    table = shop.ok("model", "history", "scales")
    assert "override: the test rows are old" in " ".join(table.split())
    assert all(len(line) <= 80 for line in table.splitlines())

    at = shop.ok("model", "history", "scales", "--at", moves[1]["at"])
    lines = at.splitlines()
    assert re.match(r"scales@2 was champion on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\.$", lines[0])
    assert "override: the test rows are old" in at
    assert "when version 1 came" in at
    assert "a gate passed it: it is PASS" in shop.ok("model", "history", "scales", "--at", moves[0]["at"])
    assert shop.document("model", "history", "scales", "--at", moves[0]["at"])["reasons"] == ["it is PASS"]
    early = shop.ok("model", "history", "scales", "--at", "2020-03-03 14:00")
    assert "No version of scales had been champion by 2020-03-03 14:00:00 UTC" in early


def test_an_artifact_is_registered_from_the_command_line(shop: Folder) -> None:
    id = run(shop, 1, "-p", "alias=challenger")
    run(shop, 2, "-p", "alias=challenger", "-p", "verdict=FAIL")
    said = refused(shop, "model", "register", "latest:train", "other", "--alias", "champion")
    assert "version 1 of other has passed no gate" in said
    assert "nothing was registered: `--override REASON` does it" in said
    assert "there is no model 'other'" in refused(shop, "model", "show", "other")
    made = shop.document(
        "model", "register", "latest:train", "other", "--alias", "champion", "--override", "by hand",
        "--description", "of May",
    )  # fmt: skip
    assert [made[key] for key in ("version", "is_new", "alias", "moved", "run")] == [1, True, "champion", True, ""]
    card = shop.document("model", "show", "other@champion")
    assert (card["params"]["weight"], card["description"], card["content"]["whole"]) == (2, "of May", True)
    again = shop.ok("model", "register", "latest:train", "other")
    assert "other@1 had this content already" in again
    assert "is no model, but Dataset" in refused(shop, "model", "register", "latest:load", "other")

    # What the gate passed becomes champion by the beginning of its decision.
    decision = shop.document("decision", "ls", "--run", id)["decisions"][0]["id"]
    assert "is empty" in refused(shop, "model", "promote", "scales@1", "--override", " ")
    assert "scales@1 is champion now" in shop.ok("model", "promote", "scales@1", "--decision", decision[:9])
    for when in ("03.03.2026", "soon"):
        told = refused(shop, "model", "history", "scales", "--at", when)
        proposed = re.findall(r"'([^']+)'", told.partition("write such as")[2])
        assert len(proposed) == 3
        for one in proposed:
            shop.ok("model", "history", "scales", "--at", one)


def test_the_card(shop: Folder) -> None:
    made = run(shop, 1)
    text = shop.ok("model", "show", "scales")
    for told in (
        "scales@1  champion",
        "whole, with the digest",
        f"train of run {made}",
        "PASS  decision d_",
        "accuracy   0.9               0.8",
        "tidemill artifact get model:scales@1 --to scales-1.json",
        '>>> model = json.load(open("scales-1.json"))',
        "became champion",
    ):
        assert told in text, told
    assert all(len(line) <= 100 for line in text.splitlines())
    document = shop.document("model", "show", "scales@latest")
    assert (document["version"], document["content"]["whole"], document["aliases"]) == (1, True, ["champion"])
    assert document["params"]["weight"] == 1
    assert [one["task"] for one in document["reports"]] == ["draw"]

    shop.ok("artifact", "get", "model:scales@1", "--to", "scales-1.json")
    assert '"weight": 1' in (shop.path / "scales-1.json").read_text().replace('":1', '": 1')
    assert "train" in shop.ok("lineage", "model:scales@champion")
    assert "there is no model 'scale'" in refused(shop, "lineage", "model:scale")
    assert "did you mean 'champion'" in refused(shop, "model", "show", "scales@champoin")
    assert "is no name for a model" in refused(shop, "model", "show", "../scales")


def test_the_page_loads_nothing_and_runs_nothing(shop: Folder) -> None:
    run(shop, 1)
    written = shop.document("model", "show", "scales", "--html", "card.html")
    source = (shop.path / "card.html").read_text()
    assert written["bytes"] == len(source.encode())
    page = Page(source)
    for tag in ("script", "link", "object", "embed", "base", "form"):
        assert page.named(tag) == [], tag
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")
    (policy,) = [meta["content"] for meta in page.named("meta") if "http-equiv" in meta]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    text = " ".join(page.text.split())
    for told in ("scales version 1", "</pre><script>alert(1)</script>", "<b>loss", "gate: PASS", "0.9", "become"):
        assert told.replace("become", "became champion") in text, told
    # The picture of the run is there, where no script runs, and the interval is drawn.
    (picture,) = page.named("img")
    assert (picture["src"] or "").startswith("data:image/svg+xml;base64,")
    assert [one for one in page.named("svg") if one.get("class") == "interval"]
    broken = refused(shop, "model", "show", "scales", "--html", "nowhere/card.html")
    assert "the page cannot be written" in broken
