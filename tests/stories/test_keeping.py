"""Making room, and keeping versions of data: on the command line, with the words and exit codes that people meet."""

from __future__ import annotations

from tests.stories.terminal import Folder

PIPELINE = """
from tidemill import Dataset, pipeline, task

@task
def load(n: int) -> Dataset:
    return [{"n": n, "i": i} for i in range(3000)]

@pipeline
def numbers(n: int = 1):
    load(n)
"""


def test_room_is_made_by_policy_and_damage_is_found(folder: Folder) -> None:
    folder.write("p.py", PIPELINE)
    first, second, third = (folder.document("run", "p.py", "-p", f"n={n}")["id"] for n in (1, 2, 3))
    folder.ok("gc", "--protect", first, "--why", "published")
    foreseen = folder.document("gc", "--dry-run", "--keep", "1", "--grace", "0")
    assert [(one["name"], one["why"]) for one in foreseen["plan"]["runs"]] == [
        (second, "1 newer ones of numbers are kept")
    ]
    assert [(one["name"], one["why"]) for one in foreseen["plan"]["stays"]] == [(first, "it is kept: published")]
    unasked = folder.call("gc", "--keep", "1", "--grace", "0")
    assert unasked.returncode == 2
    assert second in unasked.stdout
    assert "say --yes" in unasked.stderr
    assert max(map(len, unasked.stdout.splitlines())) <= 80
    assert folder.call("gc", "--keep", "1", "--json").returncode == 2
    done = folder.document("gc", "--keep", "1", "--grace", "0", "--yes")
    assert (done["runs"], done["artifacts"], done["objects"]) == ([second], 1, 1)
    assert {run["id"] for run in folder.document("runs")["runs"]} == {first, third}
    told = folder.call("show", second)
    assert told.returncode == 2
    assert "with `tidemill gc`, because 1 newer ones of numbers are kept" in told.stderr
    assert "all are whole" in folder.ok("gc", "--verify")
    for stored in (folder.path / ".tidemill" / "artifacts" / "objects").rglob("*"):
        if stored.is_file():
            stored.unlink()
    damaged = folder.call("gc", "--verify")
    assert damaged.returncode == 1
    assert f"heal: `tidemill retry {first} --also load`" in damaged.stdout
    folder.ok("retry", first, "--also", "load")
    assert folder.call("gc", "--verify").stdout.count("heal:") == 1


def test_versions_of_data_go_along_with_git(folder: Folder) -> None:
    (folder.path / "raw").mkdir()
    folder.write("raw/a.csv", "one")
    first = folder.document("data", "snapshot", "raw", "--message", "as delivered")
    note = (folder.path / "raw.tide").read_text()
    folder.write("raw/a.csv", "two")
    assert "1 changed" in folder.ok("data", "diff", "raw")
    refused = folder.call("data", "checkout", "raw")
    assert refused.returncode == 2
    assert "changed a.csv" in refused.stderr
    folder.ok("data", "snapshot", "raw")
    (folder.path / "raw.tide").write_text(note)
    folder.ok("data", "checkout", "raw")
    assert (folder.path / "raw" / "a.csv").read_text() == "one"
    listed = folder.document("data", "ls", "raw")["snapshots"]
    assert [one["message"] for one in listed] == ["", "as delivered"]
    assert all("taken_at" in one and "created_at" not in one for one in listed)
    assert folder.ok("data", "ls").splitlines()[0].split()[-2:] == ["OF", "MESSAGE"]
    named = f"raw@{first['version'].removeprefix('blake2b:')[:8]}"
    kept = folder.call("data", "rm", named)
    assert (kept.returncode, f"raw.tide names {named}" in kept.stderr) == (2, True)
    folder.ok("data", "rm", named, "--force")
    assert len(folder.document("data", "ls")["snapshots"]) == 1
