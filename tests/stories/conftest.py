"""Stories happen in a folder of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stories.terminal import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "project")
