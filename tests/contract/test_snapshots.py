"""Versions of files and folders: taken, put back, compared, released; nothing that was not kept is lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tidemill.actions.data import reading
from tidemill.actions.data.checking_out import check_out
from tidemill.actions.data.notes import note_of
from tidemill.actions.data.versions import (
    compare,
    find_snapshot,
    list_snapshots,
    remove_snapshot,
    short,
    take_snapshot,
)
from tidemill.core.errors import InputError, NotFound, StateError
from tidemill.storage.artifacts.content import Content
from tidemill.storage.artifacts.errors import ArtifactDamaged, NotStorable
from tidemill.testing import InlineApp


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    (root / "raw" / "deep").mkdir(parents=True)
    (root / "tidemill.toml").write_text("")
    (root / "raw" / "a.csv").write_text("a")
    (root / "raw" / "deep" / "b.csv").write_text("b")
    monkeypatch.chdir(root)
    return root


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def version(home: InlineApp, text: str) -> str:
    return f"raw@{short(find_snapshot(home, text).version)}"


def aged(path: Path) -> None:
    """As if it had been written an hour ago."""
    then = path.stat().st_mtime - 3600
    os.utime(path, (then, then))


def test_a_folder_is_kept_and_put_back_as_it_was(home: InlineApp, project: Path) -> None:
    (project / "raw" / "run.sh").write_text("#!/bin/sh")
    (project / "raw" / "run.sh").chmod(0o755)
    (project / "raw" / "empty").mkdir()
    first = take_snapshot(home, Path("raw"), message="as delivered")
    assert (first.is_new, first.files, first.snapshot.source) == (True, 3, "raw")
    note = note_of(project / "raw").read_text()
    assert f'version = "{first.snapshot.version}"' in note
    assert 'message = "as delivered"' in note
    before = files(project / "raw")
    home.leaping.advance(1)
    (project / "raw" / "a.csv").write_text("other")
    (project / "raw" / "deep" / "b.csv").unlink()
    (project / "raw" / "c.csv").write_text("c")
    second = take_snapshot(home, Path("raw"))
    found, _, _ = compare(home, version(home, f"raw@{first.snapshot.version}"), "raw")
    assert (found.added, found.removed, found.changed) == (("c.csv", "deep/"), ("deep/b.csv",), ("a.csv",))
    note_of(project / "raw").write_text(note)  # what git would do
    done = check_out(home, "raw")
    assert files(project / "raw") == before
    assert os.access(project / "raw" / "run.sh", os.X_OK)
    assert (project / "raw" / "empty").is_dir()
    assert not done.was.nothing
    assert check_out(home, "raw").was.nothing
    assert sorted(os.listdir(project)) == ["raw", "raw.tide", "tidemill.toml"]
    check_out(home, f"raw@{second.snapshot.version}", to="elsewhere")
    assert files(project / "elsewhere") == {"a.csv": "other", "c.csv": "c", "run.sh": "#!/bin/sh"}


def test_the_same_content_is_the_same_version_and_becomes_the_newest(home: InlineApp, project: Path) -> None:
    first = take_snapshot(home, Path("raw"), message="one")
    home.leaping.advance(1)
    (project / "raw" / "a.csv").write_text("other")
    second = take_snapshot(home, Path("raw"))
    assert find_snapshot(home, "raw") == second.snapshot
    home.leaping.advance(1)
    (project / "raw" / "a.csv").write_text("a")
    third = take_snapshot(home, Path("raw"))
    assert (third.is_new, third.snapshot.version) == (False, first.snapshot.version)
    assert third.snapshot.message == "one"
    assert [one.snapshot.version for one in list_snapshots(home, "raw")] == [
        first.snapshot.version,
        second.snapshot.version,
    ]


def test_files_that_did_not_change_are_not_read_again(home: InlineApp, project: Path) -> None:
    for path in (project / "raw").rglob("*.csv"):
        aged(path)
    assert take_snapshot(home, Path("raw")).hashed == 2
    assert take_snapshot(home, Path("raw")).hashed == 0
    (project / "raw" / "a.csv").write_text("x")  # of the same size
    assert take_snapshot(home, Path("raw")).hashed == 1
    # It was written a moment ago, and could be written to again without another time.
    assert take_snapshot(home, Path("raw")).hashed == 1
    # A stamp is a short cut: what is not in the store any more is put again.
    held = reading.look(home, project / "raw", lambda *_: None)
    home.artifacts.delete(next(str(one.digest) for one in held.entries if one.path == "deep/b.csv"))
    assert take_snapshot(home, Path("raw")).hashed == 2


def test_changes_that_were_not_kept_are_never_overwritten(home: InlineApp, project: Path) -> None:
    take_snapshot(home, Path("raw"))
    (project / "raw" / "a.csv").write_text("mine")
    (project / "raw" / "new.csv").write_text("mine")
    (project / "raw" / "deep" / "b.csv").unlink()
    before = files(project / "raw")
    with pytest.raises(StateError) as told:
        check_out(home, "raw")
    assert "added deep/, new.csv; removed deep/b.csv; changed a.csv" in told.value.message
    assert files(project / "raw") == before
    check_out(home, "raw", force=True)
    assert files(project / "raw") == {"a.csv": "a", "deep/b.csv": "b"}


def test_what_is_damaged_in_the_store_changes_nothing(home: InlineApp, project: Path) -> None:
    first = take_snapshot(home, Path("raw"))
    (project / "raw" / "a.csv").write_text("other")
    take_snapshot(home, Path("raw"))
    before = files(project / "raw")
    held = {one.path: one for one in home.artifacts.listing(Content(first.snapshot.version, 2, "tree"))}
    digest = str(held["a.csv"].digest).removeprefix("blake2b:")
    stored = home.settings.artifacts / "objects" / digest[:2] / digest[2:]
    stored.chmod(0o644)
    stored.write_text("?")
    with pytest.raises(ArtifactDamaged):
        check_out(home, f"raw@{first.snapshot.version}")
    assert files(project / "raw") == before
    assert sorted(os.listdir(project)) == ["raw", "raw.tide", "tidemill.toml"]


def test_ignored_files_are_left_out_and_stay(home: InlineApp, project: Path) -> None:
    (project / "raw" / ".tidemillignore").write_text("*.log\ncache/\n")
    (project / "raw" / "x.log").write_text("log")
    (project / "raw" / "cache").mkdir()
    (project / "raw" / "cache" / "leaving").symlink_to("/nowhere")
    taken = take_snapshot(home, Path("raw"))
    assert taken.files == 3
    home.leaping.advance(1)
    (project / "raw" / "a.csv").write_text("other")
    take_snapshot(home, Path("raw"))
    check_out(home, f"raw@{taken.snapshot.version}")
    assert files(project / "raw")["x.log"] == "log"
    assert files(project / "raw")["a.csv"] == "a"
    assert (project / "raw" / "cache" / "leaving").is_symlink()


def test_a_single_file(home: InlineApp, project: Path) -> None:
    file = project / "prices.csv"
    file.write_text("1")
    first = take_snapshot(home, file)
    home.leaping.advance(1)
    file.write_text("2")
    take_snapshot(home, file)
    assert compare(home, f"prices.csv@{first.snapshot.version}", "prices.csv")[0].changed == ("",)
    check_out(home, f"prices.csv@{first.snapshot.version}")
    assert file.read_text() == "1"
    file.write_text("mine")
    with pytest.raises(StateError, match="changed content"):
        check_out(home, "prices.csv")


def test_names_and_versions_that_mean_nothing(home: InlineApp, project: Path) -> None:
    with pytest.raises(NotFound):
        find_snapshot(home, "raw")
    taken = take_snapshot(home, Path("raw"))
    with pytest.raises(NotFound, match="no version"):
        find_snapshot(home, "raw@ffffffffffffffff")
    with pytest.raises(InputError, match="which version"):
        remove_snapshot(home, "raw")
    with pytest.raises(InputError, match="is no name"):
        take_snapshot(home, Path("raw"), name="a@b")
    with pytest.raises(InputError, match="is a note"):
        take_snapshot(home, Path("raw.tide"))
    with pytest.raises(InputError, match="cannot be read"):
        take_snapshot(home, Path("nothing"))
    (project / "other" / "raw").mkdir(parents=True)
    with pytest.raises(InputError, match="is the name of snapshots of raw"):
        take_snapshot(home, Path("other/raw"))
    (project / "raw" / "out").symlink_to("/")
    with pytest.raises(NotStorable):
        take_snapshot(home, Path("raw"))
    remove_snapshot(home, f"raw@{taken.snapshot.version}", force=True)
    assert list_snapshots(home) == []


def test_a_version_that_a_note_names_is_released_only_by_force(home: InlineApp, project: Path) -> None:
    first = version(home, f"raw@{take_snapshot(home, Path('raw')).snapshot.version}")
    home.leaping.advance(1)
    (project / "raw" / "a.csv").write_text("other")
    second = version(home, f"raw@{take_snapshot(home, Path('raw')).snapshot.version}")
    (told,) = check_out(home, first, force=True).notes
    assert told == f"raw.tide still names {second}; `tidemill data snapshot raw` has it name this one"
    with pytest.raises(StateError, match=rf"raw\.tide names {second}") as refused:
        remove_snapshot(home, second)
    assert "--force" in refused.value.remedy
    assert len(list_snapshots(home)) == 2
    remove_snapshot(home, second, force=True)
    with pytest.raises(NotFound, match=rf"raw\.tide names {second}, which is not kept here") as gone:
        check_out(home, "raw")
    assert gone.value.remedy.startswith(f"`tidemill data checkout {first}`")
    take_snapshot(home, Path("raw"))
    assert check_out(home, first).notes == ()
    note_of(project / "raw").unlink()
    remove_snapshot(home, first)


def test_another_place_that_is_taken_is_named(home: InlineApp, project: Path) -> None:
    take_snapshot(home, Path("raw"))
    (project / "other").mkdir()
    os.mkfifo(project / "other" / "pipe")
    (project / "file").write_text("mine")
    for to in ("other", "file"):
        with pytest.raises(StateError, match=rf"/{to} exists already") as refused:
            check_out(home, "raw", to=to)
        assert "--to" in refused.value.remedy
    check_out(home, "raw", to="new")
    assert check_out(home, "raw", to="new").was.nothing


def test_a_note_that_somebody_made_up_is_refused(home: InlineApp, project: Path) -> None:
    take_snapshot(home, Path("raw"))
    note_of(project / "raw").write_text('name = "raw"\nversion = "../../etc"\n')
    with pytest.raises(InputError, match="is no note"):
        check_out(home, "raw")


def test_likely_secrets_are_told_of(home: InlineApp, project: Path) -> None:
    (project / "raw" / ".env").write_text("TOKEN=1")
    (told,) = take_snapshot(home, Path("raw")).notes
    assert ".env" in told
