"""What the template imports before it forks: the codecs of what its entry has imported, and no others."""

from __future__ import annotations

import subprocess
import sys

import pytest

_HERE = "tidemill.storage.artifacts.codecs"
_PROGRAM = """
import sys
{imports}
from tidemill.worker.warming import import_codecs
import_codecs()
print(*sorted(name for name in sys.modules if name.startswith("tidemill.storage.artifacts.codecs.")))
"""


def loaded(imports: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(imports=imports)], capture_output=True, encoding="utf-8", check=True
    )
    return {name.removeprefix(f"{_HERE}.") for name in done.stdout.split()}


@pytest.mark.parametrize(
    ("imports", "there", "absent"),
    [
        ("", set(), {"arrow", "arrays", "estimators"}),
        ("import numpy", {"arrays"}, {"arrow", "estimators"}),
        ("import pandas", {"arrow", "arrays"}, {"estimators"}),
        ("import sklearn.base", {"estimators", "arrays"}, set()),
    ],
)
def test_codecs_of_what_was_imported_are_there(imports: str, there: set[str], absent: set[str]) -> None:
    found = loaded(imports)
    assert there <= found
    assert not absent & found


def test_a_codec_that_cannot_be_imported_is_left_to_the_task_that_needs_it() -> None:
    assert "estimators" not in loaded("import sklearn.base; sys.modules['skops'] = None")
