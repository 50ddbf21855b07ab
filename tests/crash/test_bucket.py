"""Runs in processes whose artifacts are in a bucket: what goes bad or away on the way is mended, and nothing leaks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.crash import hauling
from tests.s3 import SECRETS, Line, Service
from tidemill.app import content_of, store_address
from tidemill.core.causes import CauseKind
from tidemill.core.errors import InputError
from tidemill.core.history import RunRecord
from tidemill.core.states import AttemptState, RunState, TaskState
from tidemill.engine.moves import AttemptSettled, Move
from tidemill.settings import Settings
from tidemill.storage.artifacts.errors import StoreRefused
from tidemill.storage.artifacts.files import remove
from tidemill.storage.metadata import artifacts, task_runs
from tidemill.testing import InlineApp, attempts_of, events_of, inline_app, outputs

EXPECTED = {"sum": 499_500, "texts": 20}


@pytest.fixture
def line(s3_service: Service, s3_credentials: None, tmp_path: Path) -> Iterator[Line]:
    line = Line(s3_service.url, tmp_path / "cut")
    yield line
    line.close()


@pytest.fixture
def bucket(s3_service: Service) -> str:
    return s3_service.new_bucket()


@pytest.fixture
def app(bucket: str, line: Line, tmp_path: Path) -> Iterator[InlineApp]:
    url = f"s3://{bucket}/team"
    with inline_app(
        tmp_path / "home", executor="processes", slots=2, artifacts_url=url, artifacts_endpoint=line.url
    ) as opened:
        yield opened


def ran(ledger: Path) -> list[str]:
    return sorted(ledger.read_text().splitlines())


def key(digest: str) -> str:
    digits = digest.removeprefix("blake2b:")
    return f"team/objects/{digits[:2]}/{digits[2:]}"


def made_by(app: InlineApp, run: RunRecord, path: str) -> str:
    with app.database.read() as connection:
        (digest,) = {made.digest for at, made in artifacts.of_run(connection, run.id) if at.path == path}
    return digest


def assert_no_secret(folder: Path) -> None:
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert files
    told = [(file, secret) for file in files for secret in SECRETS if secret.encode() in file.read_bytes()]
    assert told == []


def test_frames_and_folders_go_through_a_bucket(
    app: InlineApp, bucket: str, s3_service: Service, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    Path(f"{ledger}.gate").touch()
    run = app.run(hauling.hauling, {"ledger": str(ledger)})
    assert run.state is RunState.SUCCEEDED
    assert outputs(app, run, "counted") == {"result": EXPECTED}
    assert not app.settings.artifacts.exists(), "nothing is kept in the home but the cache"
    with app.database.read() as connection:
        made = [artifact for _, artifact in artifacts.of_run(connection, run.id)]
    for artifact in made:
        app.artifacts.verify(content_of(artifact))
    assert len(s3_service.keys(bucket, "team/objects/")) == len(set(app.artifacts.digests())) == 22
    # As on another machine: nothing is in the cache, and all is reused.
    remove(app.settings.artifact_cache)
    again = app.run(hauling.hauling, {"ledger": str(ledger)})
    assert again.state is RunState.SUCCEEDED
    assert ran(ledger) == ["counted", "counted", "folder", "rows"]
    assert_no_secret(tmp_path / "home")


def spoils(app: InlineApp, ledger: Path, spoil: Callable[[RunRecord], None]) -> Callable[[RunRecord, Any], None]:
    """Watches a run: while it stands at its gate, content goes bad and this machine forgets what it had fetched."""

    def watch(run: RunRecord, moves: Sequence[Move]) -> None:
        with app.database.read() as connection:
            done = {row.path for row in task_runs.load(connection, run.id) if row.state is TaskState.SUCCEEDED}
        if {"measured", "listed"} <= done and not Path(f"{ledger}.gate").exists():
            spoil(run)
            remove(app.settings.artifact_cache)
            Path(f"{ledger}.gate").touch()

    return watch


@pytest.mark.parametrize(("maker", "data"), [("rows", b"ruin"), ("folder", None)])
def test_what_goes_bad_in_the_bucket_is_made_again(
    app: InlineApp, bucket: str, s3_service: Service, tmp_path: Path, maker: str, data: bytes | None
) -> None:
    ledger = tmp_path / "ledger"

    def spoil(run: RunRecord) -> None:
        place = key(made_by(app, run, maker))
        if data is None:
            s3_service.delete(bucket, place)
        else:
            s3_service.put(bucket, place, data)

    run = app.run(hauling.hauling, {"ledger": str(ledger)}, watch=spoils(app, ledger, spoil))
    assert run.state is RunState.SUCCEEDED
    assert outputs(app, run, "counted") == {"result": EXPECTED}
    assert ran(ledger) == sorted(["counted", "folder", "rows", maker])
    (told,) = [event.payload for event in events_of(app, run, "artifact.damaged")]
    assert (told["by"], told["then"]) == (maker, f"{maker} is run again")
    assert s3_service.get(bucket, key(made_by(app, run, maker)))


def test_a_kept_result_that_is_gone_from_the_bucket_is_made_again(
    app: InlineApp, bucket: str, s3_service: Service, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    Path(f"{ledger}.gate").touch()
    first = app.run(hauling.hauling, {"ledger": str(ledger)})
    s3_service.put(bucket, key(made_by(app, first, "rows")), b"ruin")
    second = app.run(hauling.hauling, {"ledger": str(ledger)})
    assert second.state is RunState.SUCCEEDED
    assert ran(ledger) == ["counted", "counted", "folder", "rows", "rows"]


def test_the_line_is_cut_while_results_are_stored(app: InlineApp, line: Line, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    run = app.run(hauling.away, {"ledger": str(ledger), "cut": str(line.cut)})
    assert run.state is RunState.SUCCEEDED
    assert outputs(app, run, "fetched") == {"result": "carried"}
    tried = attempts_of(app, run, "carried")
    assert [one.state for one in tried] == [AttemptState.FAILED, AttemptState.FAILED, AttemptState.SUCCEEDED]
    cause = tried[0].cause
    assert cause is not None
    assert cause.kind is CauseKind.INFRASTRUCTURE
    assert f"{app.settings.artifacts_url}: the store cannot be written to now" in cause.message
    with app.database.read() as connection:
        (row,) = [row for row in task_runs.load(connection, run.id) if row.path == "carried"]
    assert (row.failures, row.losses) == (0, 2), "its own retries are not used up"
    assert_no_secret(tmp_path / "home")


def test_the_line_is_cut_while_inputs_are_fetched(app: InlineApp, line: Line, tmp_path: Path) -> None:
    def mend(run: RunRecord, moves: Sequence[Move]) -> None:
        if any(isinstance(move, AttemptSettled) and move.record.state is AttemptState.FAILED for move in moves):
            line.cut.unlink(missing_ok=True)

    params = {"ledger": str(tmp_path / "ledger"), "cut": str(line.cut), "cache": str(app.settings.artifact_cache)}
    run = app.run(hauling.away_for_readers, params, watch=mend)
    assert run.state is RunState.SUCCEEDED
    assert outputs(app, run, "fetched_later") == {"result": "carried"}
    tried = attempts_of(app, run, "fetched_later")
    assert [one.state for one in tried] == [AttemptState.FAILED, AttemptState.SUCCEEDED]
    cause = tried[0].cause
    assert cause is not None
    assert cause.kind is CauseKind.INFRASTRUCTURE
    assert cause.message.startswith(f"input 'of': {app.settings.artifacts_url}: the store cannot be read now")


def test_a_bucket_that_is_not_there_is_told_before_anything_runs(line: Line, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    with inline_app(
        tmp_path / "home", executor="processes", artifacts_url="s3://no-such-bucket/x", artifacts_endpoint=line.url
    ) as app:
        with pytest.raises(StoreRefused, match="there is no such bucket"):
            app.run(hauling.hauling, {"ledger": str(ledger)})
        assert not ledger.exists()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("bucket/x", "must be the address of a bucket, not 'bucket/x'"),
        ("s3x://me:hidden@bucket", "not 's3x://bucket'"),
        ("s3://me:hidden@bucket", "holds no credentials"),
        ("s3://bucket?sig=hidden", "holds no credentials"),
    ],
)
def test_an_address_of_a_store_that_is_none(url: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        store_address(Settings(tmp_path, artifacts_url=url))
    assert "hidden" not in str(caught.value)


def test_a_folder_may_be_named_too(tmp_path: Path) -> None:
    with inline_app(tmp_path / "home", artifacts_url=f"file://{tmp_path}/elsewhere") as app:
        content = app.artifacts.put_bytes(b"rows")
        assert (tmp_path / "elsewhere" / "objects").is_dir()
        assert app.artifacts.path_of(content) is not None
        assert app.store == f"{tmp_path}/elsewhere"


def test_what_a_store_needs_is_imported_once_before_tasks_are_forked(app: InlineApp) -> None:
    run = app.run(hauling.looking_around)
    assert outputs(app, run, "surroundings") == {"result": {"imported": True, "told": False}}
