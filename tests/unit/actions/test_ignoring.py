"""Patterns of `.tidemillignore` mean what they mean to git."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemill.actions.data.ignoring import ignored_in, looks_secret
from tidemill.core.errors import InputError

CASES = [
    ("*.log", "a.log", True),
    ("*.log", "sub/a.log", True),
    ("*.log", "a.logs", False),
    ("/a.log", "sub/a.log", False),
    ("/a.log", "a.log", True),
    ("sub/*.csv", "sub/a.csv", True),
    ("sub/*.csv", "x/sub/a.csv", False),
    ("**/cache", "a/b/cache", True),
    ("**/cache", "cache", True),
    ("a/**/z", "a/z", True),
    ("a/**/z", "a/b/c/z", True),
    ("a/**", "a/b", True),
    ("a/**", "b/a", False),
    ("file[0-9].txt", "file7.txt", True),
    ("file[!0-9].txt", "file7.txt", False),
    ("a?c", "abc", True),
    ("a?c", "a/c", False),
    ("\\#odd", "#odd", True),
    ("# comment", "# comment", False),
    ("*.csv\n!keep.csv", "keep.csv", False),
    ("*.csv\n!keep.csv", "other.csv", True),
    ("a.b", "axb", False),
]


@pytest.mark.parametrize(("text", "path", "ignored"), CASES)
def test_a_pattern(tmp_path: Path, text: str, path: str, ignored: bool) -> None:
    (tmp_path / ".tidemillignore").write_text(text + "\n", encoding="utf-8")
    assert ignored_in(tmp_path)(path, False) is ignored


def test_a_slash_at_the_end_means_folders(tmp_path: Path) -> None:
    (tmp_path / ".tidemillignore").write_text("tmp/\n", encoding="utf-8")
    rules = ignored_in(tmp_path)
    assert rules("a/tmp", True)
    assert not rules("a/tmp", False)


def test_some_are_always_ignored(tmp_path: Path) -> None:
    rules = ignored_in(tmp_path)
    assert rules(".git", True)
    assert rules("sub/.tidemill", True)
    assert not rules(".gitignore", False)


def test_a_pattern_that_means_nothing_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / ".tidemillignore").write_text("a\n!\n", encoding="utf-8")
    with pytest.raises(InputError) as told:
        ignored_in(tmp_path)
    assert told.value.place.endswith(".tidemillignore:2")


def test_names_that_look_secret() -> None:
    assert [name for name in (".env", "a/.env.local", "x.pem", "id_rsa", "a.csv", "env") if looks_secret(name)] == [
        ".env",
        "a/.env.local",
        "x.pem",
        "id_rsa",
    ]
