"""Folders are removed whatever is in them, and nothing outside of them; copies are new files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tidemill.storage.artifacts.files import copy_file, random_name, remove


def test_a_folder_goes_with_all_that_is_in_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    outside.chmod(0o700)
    folder = tmp_path / "folder"
    (folder / "inner" / "deep").mkdir(parents=True)
    (folder / "inner" / "file").write_text("x")
    (folder / "to_folder").symlink_to(outside, target_is_directory=True)
    (folder / "to_file").symlink_to(outside / "kept")
    (folder / "to_nothing").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    for closed in (folder / "inner" / "deep", folder / "inner", folder):
        closed.chmod(0o500)
    remove(folder)
    assert not folder.exists()
    assert (outside / "kept").read_text() == "x"
    assert outside.stat().st_mode & 0o777 == 0o700


def test_a_link_to_a_folder_is_removed_and_not_what_is_behind_it(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there", target_is_directory=True)
    for place in (tmp_path / "link", tmp_path / "nothing"):
        remove(place)
    assert [child.name for child in tmp_path.iterdir()] == ["there"]


def test_a_folder_goes_however_deep_it_is(tmp_path: Path) -> None:
    here = os.getcwd()
    (tmp_path / "deep").mkdir()
    try:
        os.chdir(tmp_path / "deep")
        for _ in range(1500):
            os.mkdir("folder")
            Path("file").touch()
            os.chdir("folder")
    finally:
        os.chdir(here)
    remove(tmp_path / "deep")
    assert list(tmp_path.iterdir()) == []


def test_a_copy_is_a_new_file(tmp_path: Path) -> None:
    data = os.urandom((1 << 20) + 17)
    (tmp_path / "from").write_bytes(data)
    (tmp_path / "from").chmod(0o400)
    copy_file(tmp_path / "from", tmp_path / "to")
    assert (tmp_path / "to").read_bytes() == data
    assert (tmp_path / "to").stat().st_mode & 0o200
    with pytest.raises(FileExistsError):
        copy_file(tmp_path / "from", tmp_path / "to")


def test_names_differ() -> None:
    names = {random_name() for _ in range(100)}
    assert len(names) == 100
    assert {len(name) for name in names} == {16}
