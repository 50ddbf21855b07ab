"""Stored content is damaged, lost, written twice at once or half written: it is found, named, and made anew."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash import passes, spoiling
from tests.crash.engines import EngineProcess, Order, Place
from tests.crash.standing import assert_nothing_is_left, result_of, rows_in, the_run
from tidemill.app import App, content_of
from tidemill.authoring.trace import trace
from tidemill.core.causes import CauseKind
from tidemill.core.graph_json import pipeline_text
from tidemill.core.history import RunRecord
from tidemill.core.states import AttemptState, RunState
from tidemill.storage.artifacts.errors import StoreUnwritable
from tidemill.storage.artifacts.local import LocalStore
from tidemill.storage.artifacts.obstacles import obstacle
from tidemill.storage.metadata import artifacts, task_runs
from tidemill.testing import (
    InlineApp,
    arm,
    attempts_of,
    causes,
    disarm,
    events_of,
    gapless,
    inline_app,
    kill_at,
    outputs,
    states,
)

EXPECTED = {"rows": 100, "files": {"first.txt": 100, "second.txt": 110, "third.txt": 100}}
DAMAGE = {
    "a flipped byte": ("written", "now hash to"),
    "truncation": ("written", "399 bytes instead of 400"),
    "deletion": ("written", "is not in the artifact store"),
    "a changed file of a folder": ("folder", "second.txt"),
    "a missing file of a folder": ("folder", "second.txt"),
    "a damaged listing": ("folder", "listing"),
}


@pytest.fixture(params=["inline", "processes"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[InlineApp]:
    with inline_app(tmp_path / "home", executor=request.param, slots=2) as opened:
        yield opened


def go(app: InlineApp, how: str, pipeline: Any = spoiling.spoiling, number: int = 1) -> RunRecord:
    params = {"ledger": str(ledger(app, number)), "store": str(app.settings.artifacts), "how": how}
    return app.run(pipeline, params)


def ledger(app: InlineApp, number: int = 1) -> Path:
    return app.settings.home.parent / f"ledger{number}"


def ran(app: InlineApp, number: int = 1) -> Counter[str]:
    return Counter(ledger(app, number).read_text().splitlines())


def damages(app: InlineApp, run: RunRecord) -> list[tuple[str, str, str, str]]:
    found = [(event.path, event.payload) for event in events_of(app, run, "artifact.damaged")]
    return [(path, told["by"], told["problem"], told["then"]) for path, told in found]


def assert_whole(app: InlineApp, run: RunRecord) -> None:
    with app.database.read() as connection:
        made = [artifact for _, artifact in artifacts.of_run(connection, run.id)]
    for artifact in made:
        app.artifacts.verify(content_of(artifact))


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", DAMAGE)
def test_damage_is_found_named_and_mended(app: InlineApp, how: str) -> None:
    run = go(app, how)
    maker, words = DAMAGE[how]
    assert run.state is RunState.SUCCEEDED
    assert outputs(app, run, "counted")["result"] == outputs(app, run, "also")["result"] == EXPECTED
    told = damages(app, run)
    assert told
    for path, by, problem, then in told:
        assert path in ("counted", "also")
        assert (by, then) == (maker, f"{maker} is run again")
        assert words in problem
    other = ({"written", "folder"} - {maker}).pop()
    assert (ran(app)[maker], ran(app)[other]) == (2, 1)
    assert (ran(app)["counted"], ran(app)["also"]) == (1, 1), "no function is called with damaged inputs"
    (event,) = [event for event in events_of(app, run, "task.ready") if event.path == maker]
    assert (event.payload["generation"], event.payload["by"]) == (1, "engine")
    assert [one.generation for one in attempts_of(app, run, maker)] == [0, 1]
    assert gapless(events_of(app, run))
    assert_whole(app, run)


def test_everything_is_gone_at_once(app: InlineApp) -> None:
    run = go(app, "everything gone")
    assert run.state is RunState.SUCCEEDED
    assert outputs(app, run, "counted") == {"result": EXPECTED}
    assert (ran(app)["written"], ran(app)["folder"]) == (2, 2)
    first = next(one for one in damages(app, run))
    assert {by for path, by, *_ in damages(app, run) if path == first[0]} == {"written", "folder"}
    assert [one.state for one in attempts_of(app, run, first[0])] == [AttemptState.FAILED, AttemptState.SUCCEEDED]
    assert_whole(app, run)


def test_a_result_of_an_earlier_run_is_made_in_this_one(app: InlineApp) -> None:
    first = go(app, "nothing", spoiling.spoiling_kept)
    assert first.state is RunState.SUCCEEDED
    ledger(app).with_name("ledger1.spoilt").unlink()
    second = go(app, "deletion", spoiling.spoiling_kept)
    assert second.state is RunState.SUCCEEDED
    assert outputs(app, second, "counted") == {"result": EXPECTED}
    assert ran(app)["written"] == 2
    assert [(by, then) for _, by, _, then in damages(app, second)] == [("written", "written is run again")]
    row = next(row for row in rows(app, second) if row.path == "written")
    assert (row.generation, row.reused_from) == (1, "")
    third = go(app, "nothing", spoiling.spoiling_kept)
    row = next(row for row in rows(app, third) if row.path == "written")
    assert row.reused_from == f"run {second.id}, written", "what was kept of the first run is forgotten"


def rows(app: InlineApp, run: RunRecord) -> list[Any]:
    with app.database.read() as connection:
        return task_runs.load(connection, run.id)


def test_who_had_effects_is_not_run_again_and_the_cause_says_what_to_type(app: InlineApp) -> None:
    run = go(app, "a flipped byte", spoiling.spoiling_effects)
    assert run.state is RunState.FAILED
    assert ran(app)["effective"] == 1
    cause = causes(app, run)["counted"]
    assert cause.kind is CauseKind.DATA
    assert cause.message.startswith("input 'rows': artifact ")
    assert "it was not made anew: effective has effects, which would happen twice" in cause.message
    assert f"`tidemill retry {run.id} --also effective`" in cause.message
    again = app.retry(run, "effective")
    assert again.state is RunState.SUCCEEDED
    assert outputs(app, run, "counted") == {"result": EXPECTED}


# --- crashes in the middle of it --------------------------------------------------------------------------------------

POINTS = (
    "metadata.before-commit",
    "metadata.after-commit",
    "engine.started",
    "artifact.after-write",
    "artifact.after-rename",
)


@pytest.fixture(scope="module")
def healed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Counter[str]]:
    place = placed(tmp_path_factory.mktemp("healed"))
    counts = place.folder / "passes"
    assert EngineProcess(place, Order(passes.environment(counts), params=params(place)), 1).wait() == 0
    with App(place.settings) as app:
        assert the_run(app).state is RunState.SUCCEEDED
        return result_of(app), passes.counted(counts)


def placed(folder: Path) -> Place:
    return Place(folder, pipeline_text(trace(spoiling.spoiling)))


def params(place: Place) -> dict[str, str]:
    return {"store": str(place.settings.artifacts), "how": "a flipped byte"}


@pytest.mark.parametrize("name", POINTS)
def test_killed_while_it_is_mended(name: str, healed: tuple[Any, Counter[str]], tmp_path: Path) -> None:
    often = healed[1][name]
    assert often
    for nth in sorted({often // 2, often // 2 + 2, often - 1} & set(range(1, often + 1))):
        killed_at(name, nth, healed[0], tmp_path / f"pass{nth}")


@pytest.mark.slow
@pytest.mark.parametrize("name", POINTS)
def test_killed_at_any_pass(name: str, healed: tuple[Any, Counter[str]], tmp_path: Path) -> None:
    for nth in range(1, healed[1][name] + 1):
        killed_at(name, nth, healed[0], tmp_path / f"pass{nth}")


def killed_at(name: str, nth: int, expected: Any, folder: Path) -> None:
    folder.mkdir()
    place = placed(folder)
    environment = passes.environment(folder / "passes", name, nth)
    if EngineProcess(place, Order(environment, params=params(place)), 1).wait() == -signal.SIGKILL:
        assert EngineProcess(place, Order(params=params(place)), 2).wait() == 0
    with App(place.settings) as app:
        app.artifacts.bury_the_dead()
        assert result_of(app) == expected
        assert gapless(events_of(app, the_run(app)))
        (written,) = [row for row in rows_in(app) if row.path == "written"]
        assert written.generation == 1
        spent = attempts_of(app, the_run(app), "written")
        assert [one.state for one in spent].count(AttemptState.SUCCEEDED) == 2, "once, and once more"
        assert_nothing_is_left(folder, app)


# --- the store itself -------------------------------------------------------------------------------------------------

_spawning = multiprocessing.get_context("forkserver")


def _put_often(root: str, data: bytes, start: Any, told: Any) -> None:
    store = LocalStore(Path(root))
    start.wait(60)
    told.put([store.put_bytes(data).digest for _ in range(50)])


def test_writers_of_the_same_content_at_once(tmp_path: Path) -> None:
    """One of them finds the content damaged, and none of them is harmed by another that mends it."""
    store, data = LocalStore(tmp_path / "store"), b"the same" * 1000
    content = store.put_bytes(data)
    (object_,) = [path for path in (store.root / "objects").rglob("*") if path.is_file()]
    spoiling.write(object_, data[:-1])
    start, told = _spawning.Barrier(4), _spawning.Queue()
    writers = [_spawning.Process(target=_put_often, args=(str(store.root), data, start, told)) for _ in range(4)]
    for writer in writers:
        writer.start()
    found = [told.get(timeout=60) for _ in writers]
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert {digest for digests in found for digest in digests} == {content.digest}
    assert store.read_bytes(content) == data
    assert list(store.digests()) == [content.digest]
    assert list((store.root / "tmp").iterdir()) == []


def _put_and_die(root: str, data: bytes, point: str) -> None:
    kill_at(point)
    LocalStore(Path(root)).put_bytes(data)


@pytest.mark.parametrize("point", ["artifact.after-write", "artifact.after-rename"])
def test_a_writer_that_dies_on_the_way(point: str, tmp_path: Path) -> None:
    store, data = LocalStore(tmp_path / "store"), b"half way" * 1000
    writer = _spawning.Process(target=_put_and_die, args=(str(store.root), data, point))
    writer.start()
    writer.join(60)
    assert writer.exitcode == -signal.SIGKILL
    renamed = point == "artifact.after-rename"
    assert len(list(store.digests())) == renamed
    assert len(list((store.root / "tmp").iterdir())) == (not renamed)
    content = store.put_bytes(data)
    store.verify(content)
    assert store.path_of(content) is not None
    assert store.bury_the_dead() == (not renamed)


# --- no room ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[InlineApp]:
    with inline_app(tmp_path / "home", executor="processes", slots=2) as opened:
        yield opened


@pytest.mark.parametrize(
    ("pipeline", "place"), [(spoiling.without_room, "artifacts"), (spoiling.without_room_for_scratch, "scratch")]
)
def test_a_store_without_room_is_tried_again_later(crowded: InlineApp, pipeline: Any, place: str) -> None:
    run = crowded.run(pipeline, {"ledger": str(ledger(crowded)), "tries": 2})
    assert run.state is RunState.SUCCEEDED
    assert outputs(crowded, run, "size") == {"result": 200_000}
    tried = attempts_of(crowded, run, "large")
    assert [one.state for one in tried] == [AttemptState.FAILED, AttemptState.FAILED, AttemptState.SUCCEEDED]
    cause = tried[0].cause
    assert cause is not None
    assert cause.kind is CauseKind.INFRASTRUCTURE
    assert cause.message.startswith("output 'result' ")
    assert f"there is no room left in {getattr(crowded.settings, place)}, where " in cause.message
    assert "are free" in cause.message
    assert "free some disk space" in cause.message
    (row,) = [row for row in rows(crowded, run) if row.path == "large"]
    assert (row.failures, row.losses) == (0, 2), "its own retries are not used up"


def test_a_store_that_never_has_room_fails_the_task(crowded: InlineApp) -> None:
    run = crowded.run(spoiling.without_room, {"ledger": str(ledger(crowded)), "tries": 99})
    assert run.state is RunState.FAILED
    assert states(crowded, run) == {"large": "failed", "size": "upstream_failed"}
    assert len(attempts_of(crowded, run, "large")) == 4, "one, and three that were lost"
    assert causes(crowded, run)["large"].kind is CauseKind.INFRASTRUCTURE
    assert list((crowded.settings.artifacts / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "there is no room left in "),
        (errno.EDQUOT, "there is no room left in "),
        (errno.EROFS, "cannot be written to: Read-only file system"),
        (errno.EIO, "cannot be written to: Input/output error"),
    ],
)
def test_a_place_in_trouble_says_so_and_keeps_nothing_half(tmp_path: Path, number: int, words: str) -> None:
    store = LocalStore(tmp_path / "store")

    def refuse() -> None:
        raise OSError(number, os.strerror(number))

    arm("artifact.after-write", refuse)
    try:
        with pytest.raises(StoreUnwritable, match=words) as caught:
            store.put_bytes(b"x")
    finally:
        disarm()
    assert str(store.root) in caught.value.message
    assert caught.value.remedy
    assert list((store.root / "tmp").iterdir()) == []
    assert store.read_bytes(store.put_bytes(b"x")) == b"x"


def test_what_cannot_be_read_is_no_fault_of_the_store(tmp_path: Path) -> None:
    unreadable = OSError(errno.EACCES, "Permission denied", str(tmp_path / "of the task"))
    assert obstacle(unreadable, tmp_path / "store") is None
    assert obstacle(ValueError("no"), tmp_path / "store") is None
