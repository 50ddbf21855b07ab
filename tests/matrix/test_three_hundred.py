"""The same three hundred task runs give the same states and values on both executors and both databases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tidemill.actions.compile import compile_pipeline
from tidemill.actions.runs import start_run
from tidemill.app import App
from tidemill.core.states import RunState, TaskState
from tidemill.core.values import ArtifactRef, encode
from tidemill.settings import Settings
from tidemill.storage.metadata import artifacts, attempts, task_runs

PIPELINE = Path(__file__).with_name("three_hundred.py")
COMBINATIONS = [
    pytest.param("processes", "sqlite"),
    pytest.param("inline", "sqlite"),
    pytest.param("processes", "postgresql", marks=pytest.mark.postgres),
    pytest.param("inline", "postgresql", marks=pytest.mark.postgres),
]
_seen: dict[str, Mapping[str, Any]] = {}


@pytest.mark.parametrize(("executor", "database"), COMBINATIONS)
def test_states_and_values_are_the_same_everywhere(
    executor: str, database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_database") if database == "postgresql" else ""
    with App(Settings(tmp_path / "home", database_url=url, slots=2)) as app:
        run = start_run(app, compile_pipeline(f"{PIPELINE}:three_hundred"), executor=executor, seed=1)
        dump = dump_of(app, run.id)
    assert run.state is RunState.FAILED
    assert_is_what_it_should_be(dump)
    reference = _seen.setdefault("reference", dump)
    assert dump == reference


def dump_of(app: App, run_id: str) -> dict[str, Any]:
    """State, tries and values of every task run, without ids and times."""
    with app.database.read() as connection:
        rows = task_runs.load(connection, run_id)
        tries = [attempt for attempt in attempts.of_run(connection, run_id) if attempt.state.final]
        ids = {ref.id for row in rows for value in row.outputs.values() for ref in refs(value)}
        known = artifacts.get_many(connection, app.settings.team, sorted(ids))
    numbers: dict[str, int] = {}
    for attempt in tries:
        place = f"{attempt.path}:{attempt.instance}"
        numbers[place] = numbers.get(place, 0) + 1

    def value(found: Any) -> Any:
        match found:
            case ArtifactRef(id=id):
                return {"type": known[id].type, "digest": known[id].digest}
            case list():
                return [value(item) for item in found]
            case dict():
                return {key: value(item) for key, item in found.items()}
            case _:
                return encode(found)

    return {
        f"{row.path}:{row.instance}": {
            "state": row.state.value,
            "outputs": value(dict(row.outputs)),
            "cause": row.cause.message if row.cause else "",
            "count": row.count,
            "tries": numbers.get(f"{row.path}:{row.instance}", 0),
        }
        for row in rows
    }


def refs(value: Any) -> list[ArtifactRef]:
    match value:
        case ArtifactRef():
            return [value]
        case list():
            return [ref for item in value for ref in refs(item)]
        case dict():
            return [ref for item in value.values() for ref in refs(item)]
        case _:
            return []


def assert_is_what_it_should_be(dump: Mapping[str, Any]) -> None:
    """Worked out by hand from the pipeline, so that the four cannot all be wrong in the same way."""
    assert len(dump) > 300

    def state(name: str) -> str:
        return str(dump[name]["state"])

    def result(name: str) -> Any:
        return dump[name]["outputs"]["result"]

    for n in range(40):
        assert result(f"square:{n}.0") == n * n
        assert dump[f"square:{n}.0"]["tries"] == (2 if n % 5 == 0 else 1)
        squared = n * n
        expected = "failed" if squared % 49 == 1 else "skipped" if squared % 16 == 4 else "succeeded"
        assert state(f"shaky:{n}.0") == expected
        after = {"failed": "upstream_failed", "skipped": "skipped"}.get(expected)
        assert state(f"tail:{n}.0") == (after or ("failed" if squared / 2 == 8 else "succeeded"))
    good = [n * n / 2 for n in range(40) if state(f"tail:{n}.0") == "succeeded"]
    assert result("gather:") == [f"{x:g}" for x in good]
    assert (state("tail:4.0"), dump["tail:4.0"]["tries"]) == ("failed", 1), "its class is not to be retried"
    for k in range(8):
        summed = sum(k * 10 + n for n in range(6))
        taken, other = (
            ("when_1/label", "otherwise_1/label_2") if summed > 200 else ("otherwise_1/label_2", "when_1/label")
        )
        assert dump[f"block:{k}.0"]["outputs"] == {
            "label": f"{'big' if summed > 200 else 'small'} {summed}",
            "rows": k + 1,
        }
        assert state(f"block/{taken.split('/')[0]}:{k}.0") == "succeeded"
        assert state(f"block/{other.split('/')[0]}:{k}.0") == "skipped"
    assert result("table_total:") == sum(a * b for a in range(8) for b in range(1, 7))
    assert [state(name) for name in ("refuse:", "after_refusal:")] == ["failed", "upstream_failed"]
    assert dump["refuse:"]["cause"] == "not today"
    assert state("when_1:") == "skipped"
    assert result("reads_what_may_be_missing:") == -1
    assert result("close_cluster:") == "closed cluster"
    assert result("farewell:") == {"blocks": "succeeded", "labels": 8}
    assert {entry["state"] for entry in dump.values()} <= {state.value for state in TaskState if state.final}
