"""What is not ours is looked at each time, and what hangs on it is reused only while it stays the same."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest

from tidemill import Dataset, import_artifact, pipeline, task
from tidemill.actions.plan import plan
from tidemill.authoring.trace import trace
from tidemill.core.values import digest
from tidemill.engine.observing import observed
from tidemill.planning.cachekey import NOT_THERE
from tidemill.storage.artifacts import observing
from tidemill.storage.artifacts.errors import NotObserved
from tidemill.storage.artifacts.observing import observed_version, shown
from tidemill.storage.metadata import cache, task_runs
from tidemill.testing import InlineApp, outputs

SECRET = "hunter2"


class Resource(BaseHTTPRequestHandler):
    """Answers HEAD with the headers that a test sets."""

    headers_told: ClassVar[dict[str, str]] = {}
    status: ClassVar[int] = 200

    def do_HEAD(self) -> None:
        self.send_response(self.status)
        for name, value in self.headers_told.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def served() -> Iterator[str]:
    Resource.headers_told, Resource.status = {"ETag": '"one"'}, 200
    server = ThreadingHTTPServer(("127.0.0.1", 0), Resource)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://user:{SECRET}@127.0.0.1:{server.server_port}/data.csv?token={SECRET}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_resource_is_known_by_its_tag_or_by_its_date_and_size(served: str) -> None:
    assert observed_version(served) == 'etag "one"'
    Resource.headers_told = {"ETag": '"two"'}
    assert observed_version(served) == 'etag "two"'
    dated = {"Last-Modified": "Fri, 20 Nov 2026 10:00:00 GMT", "Content-Length": "12"}
    Resource.headers_told = {"ETag": 'W/"weak"', **dated}
    assert observed_version(served) == "12 bytes of Fri, 20 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "status", "why"),
    [
        ({}, 200, "has no version"),
        ({"ETag": 'W/"weak"'}, 200, "has no version"),
        ({"ETag": '"one"'}, 404, "its server answered 404"),
    ],
)
def test_what_tells_nothing_has_no_version_and_keeps_its_secrets(
    served: str, headers: dict[str, str], status: int, why: str
) -> None:
    Resource.headers_told, Resource.status = headers, status
    with pytest.raises(NotObserved, match=why) as caught:
        observed_version(served)
    assert SECRET not in caught.value.in_one_line
    assert "/data.csv" in caught.value.message


def test_nobody_there() -> None:
    for uri in ("http://127.0.0.1:9/x", "http://[broken/x", "nosuch://bucket/x"):
        with pytest.raises(NotObserved, match="cannot be looked at"):
            observed_version(uri)


def test_a_file_counts_by_its_content_and_a_large_one_by_how_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "data file.csv"
    file.write_text("a")
    first = observed_version(file.as_uri())
    assert first == observed_version(str(file))
    file.touch()
    assert observed_version(str(file)) == first
    file.write_text("b")
    assert observed_version(str(file)) != first
    monkeypatch.setattr(observing, "SMALL_BYTES", 0)
    large = observed_version(str(file))
    assert large.startswith("1 bytes of ")
    file.unlink()
    file.write_text("b")
    assert observed_version(str(file)) != large
    for wrong in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(NotObserved):
            observed_version(str(wrong))


def test_an_object_counts_by_what_its_keeper_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/observing/x", b"1")
    with pytest.raises(NotObserved, match="its keeper tells none"):
        observed_version("memory://observing/x")
    told = {"ETag": '"abc"', "VersionId": None}
    with monkeypatch.context() as patched:
        patched.setattr(type(memory), "info", lambda self, path, **more: told)
        assert observed_version("memory://observing/x") == 'etag "abc"'
        told["VersionId"] = "7"
        assert observed_version("memory://observing/x") == "versionid 7"
    memory.rm("/observing", recursive=True)


def test_shown_without_secrets() -> None:
    assert shown(f"s3://key:{SECRET}@bucket/a?x={SECRET}") == "s3://bucket/a"
    assert SECRET not in shown(f"http://[{SECRET}/x")


def test_everything_outside_in_a_key_is_looked_at_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("x")
    outside = {"outside": "s3://b/x", "at": []}
    inputs = {"a": {"file": str(file)}, "b": [outside, {"k": outside}], "c": {"file": str(file / "beyond")}}
    parts = {"code": "c", "inputs": inputs, "declared": {"n": 1}}
    seen = observed(parts, lambda uri: f"version of {uri}")
    looked_at = {"outside": digest("s3://b/x"), "at": [], "version": "version of s3://b/x"}
    assert seen["inputs"]["b"] == [looked_at, {"k": looked_at}]
    assert set(seen["inputs"]["a"]) == {"file", "content"}
    assert seen["inputs"]["c"] == {"file": str(file / "beyond"), "content": NOT_THERE}
    assert (seen["code"], seen["declared"]) == ("c", {"n": 1})
    assert digest(observed(seen, lambda uri: "another")) == digest(seen), "it is looked at once"


@task(cache=True)
def rows(data: Dataset, ledger: str) -> int:
    with Path(ledger).open("a+") as calls:
        calls.write("x")
        return calls.tell()


@pipeline
def reading(uri: str, ledger: str):
    rows(import_artifact(uri, kind="Dataset"), ledger)


def test_a_result_is_reused_while_what_is_outside_stays_the_same(home: InlineApp, served: str, tmp_path: Path) -> None:
    graph, params = trace(reading), {"uri": served, "ledger": str(tmp_path / "ledger")}

    def ran() -> tuple[Any, bool]:
        run = home.run(reading, params)
        with home.database.read() as connection:
            (row,) = [row for row in task_runs.load(connection, run.id) if row.path == "rows"]
        return outputs(home, run, "rows")["result"], bool(row.reused_from)

    assert [ran(), ran()] == [(1, False), (1, True)]
    with home.database.read() as connection:
        (kept,) = cache.latest_for(connection, "default", "reading", "rows")
    assert SECRET not in str(kept), "what is kept for long keeps no secret"
    Resource.headers_told = {"ETag": '"two"'}
    (line,) = [line for line in plan(home, graph, params) if line.path == "rows"]
    assert line.reason == """not reused: input 'data' changed from version etag "one" to version etag "two\""""
    assert [ran(), ran()] == [(2, False), (2, True)]
    Resource.headers_told = {"ETag": '"one"'}
    assert ran() == (1, True)
    Resource.headers_told = {}
    assert [ran(), ran()] == [(3, False), (4, False)], "what nobody can tell apart is never taken for the same"
