"""`show --html` writes a page that tells the run by itself, whatever the tasks have called their things."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.stories.terminal import Folder
from tidemill.cli import looks

PIPELINE = """
from pathlib import Path
from tidemill import Dataset, Metrics, current, each, pipeline, task, when

HOSTILE = "</pre><script>alert(1)</script>"

@task
def load(n: int) -> list[int]:
    print("loading", n)
    return list(range(n))

@task
def fold(k: int) -> Metrics:
    if k == 2:
        print(HOSTILE)
        print("before the end", flush=True)
        raise ValueError(HOSTILE)
    return {"accuracy": 0.5 + k / 10, "<b>loss": 1.0}

@task
def page() -> Path:
    file = current().scratch / "page.html"
    file.write_text("<h1>Hello</h1>" + HOSTILE)
    return file

@task
def never() -> None: ...

@pipeline
def shop(n: int = 3, note: str = HOSTILE):
    load(n)
    each(fold, over={"k": list(range(4))})
    page()
    with when(n > 100):
        never()

@pipeline
def many():
    each(fold, over={"k": list(range(3, 403))})
"""


class Page(HTMLParser):
    """What a browser would see of it: elements, their attributes, and all text outside of the style."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def written(folder: Folder) -> Page:
    folder.write("shop.py", PIPELINE)
    assert folder.call("run", "shop.py:shop").returncode == 1
    assert "run.html" in folder.ok("show", "latest", "--html", "run.html")
    return Page((folder.path / "run.html").read_text())


def test_it_tells_the_run(written: Page) -> None:
    text = " ".join(written.text.split())
    for told in (
        "shop",
        "✗ failed",
        "n = 3",
        "What failed",
        "fold[2]",
        "before the end",
        "Timeline",
        "its condition is false",
    ):
        assert told in text, told
    assert "1 failed, 3 succeeded" in text
    assert "0.6" in text
    assert "Traceback (most recent call last)" in text
    kinds = {attributes.get("class") or "" for attributes in written.named("rect")}
    assert "task s-succeeded" in kinds
    assert "task s-failed" in kinds
    assert any("bar s-failed" in kind for kind in kinds)


def test_it_loads_nothing_and_runs_nothing(written: Page) -> None:
    assert written.named("script") == []
    assert written.named("link") == []
    (frame,) = written.named("iframe")
    assert "sandbox" in frame
    assert frame["sandbox"] in (None, "")
    assert "<h1>Hello</h1>" in (frame["srcdoc"] or "")
    for tag, attributes in written.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#"))
    (policy,) = [meta["content"] for meta in written.named("meta") if "http-equiv" in meta]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy


def test_a_large_map_stays_small(folder: Folder) -> None:
    folder.write("shop.py", PIPELINE)
    folder.ok("run", "shop.py:many", "--executor", "inline")
    document = folder.document("show", "latest", "--html", "run.html")
    assert document["bytes"] == (folder.path / "run.html").stat().st_size
    source = (folder.path / "run.html").read_text()
    text = " ".join(Page(source).text.split())
    assert f"fold {looks.TIMES}400" in text
    assert "and 340 more" in text
    assert re.search(r"fold, least ?0\.8 ?1 ", text)
    assert len(source) < 200_000


def test_what_cannot_be_written_is_said_and_leaves_nothing(folder: Folder) -> None:
    folder.write("shop.py", PIPELINE)
    folder.call("run", "shop.py:shop")
    (folder.path / "taken").mkdir()
    for file in ("nowhere/run.html", "taken"):
        said = folder.call("show", "latest", "--html", file)
        assert said.returncode == 2
        assert "the page cannot be written" in said.stderr
    assert [path.name for path in Path(folder.path).glob(".report-*")] == []
    said = folder.call("show", "latest", "--html", "run.html", "--task", "load")
    assert (said.returncode, "--html writes a whole run" in said.stderr) == (2, True)
