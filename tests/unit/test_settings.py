"""Where settings come from, what is refused, and what tasks may see of the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidemill.core.errors import InputError
from tidemill.settings import Settings, load_settings


def test_the_home_is_in_the_project_and_the_project_is_found_from_below(tmp_path: Path) -> None:
    (tmp_path / "tidemill.toml").write_text('slots = 3\nexecutor = "inline"\n')
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    found = load_settings(below, {})
    assert found == Settings(home=tmp_path / ".tidemill", slots=3, executor="inline")
    assert found.database == f"sqlite:///{tmp_path / '.tidemill' / 'tidemill.db'}"


def test_a_folder_without_a_project_is_its_own(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {}).home == tmp_path / ".tidemill"


def test_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / "tidemill.toml").write_text("slots = 3\n")
    environment = {"TIDEMILL_SLOTS": "5", "TIDEMILL_HOME": "other", "TIDEMILL_DATABASE_URL": "postgresql://u@h/d"}
    found = load_settings(tmp_path, environment)
    assert (found.slots, found.home, found.database) == (5, tmp_path / "other", "postgresql://u@h/d")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slotz = 3\n", "there is no setting 'slotz'\n  did you mean 'slots'?"),
        ('slots = "many"\n', "setting 'slots' must be a whole number from 0, not 'many'"),
        ("slots = -1\n", "setting 'slots' must be a whole number from 0, not -1"),
        ("slots = \n", "cannot be read"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "tidemill.toml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        load_settings(tmp_path, {})
    assert str(caught.value).startswith(str(file))
    assert message in str(caught.value)


def test_what_is_wrong_in_the_environment_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="TIDEMILL_SWEEP_SECONDS: setting 'sweep_seconds' must be a number from 0"):
        load_settings(tmp_path, {"TIDEMILL_SWEEP_SECONDS": "soon"})


@pytest.mark.parametrize(
    ("patterns", "seen"),
    [("*", {"DATA": "1", "AWS_KEY": "2"}), ("AWS_*, OTHER", {"AWS_KEY": "2"}), ("", {})],
)
def test_tasks_see_what_they_may(patterns: str, seen: dict[str, str], tmp_path: Path) -> None:
    outside = {"DATA": "1", "AWS_KEY": "2", "TIDEMILL_DATABASE_URL": "secret", "PYTHONHASHSEED": "7"}
    assert Settings(tmp_path, task_environment=patterns).for_tasks(outside) == seen
