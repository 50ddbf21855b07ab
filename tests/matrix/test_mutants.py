"""A line of `decide` that is wrong is seen: each of these changes makes a case of the corpus come to something else."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.matrix.mutants import MUTANTS, ROOT, Mutant


@pytest.fixture(scope="module")
def caught() -> dict[str, str | None]:
    """By mutant: the case that caught it."""
    done = subprocess.run([sys.executable, "-m", "tests.matrix.mutation"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, str | None] = json.loads(done.stdout)
    return found


def test_there_are_enough_and_no_two_are_the_same() -> None:
    assert len({(mutant.module, mutant.old, mutant.new) for mutant in MUTANTS}) == len(MUTANTS) >= 20


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_caught(mutant: Mutant, caught: dict[str, str | None]) -> None:
    source = mutant.file.read_text(encoding="utf-8")
    assert source.count(mutant.old) == 1, f"the line has changed: think of another mistake for {mutant.module}"
    compile(mutant.text(), str(mutant.file), "exec")
    assert caught[mutant.name] is not None, f"nobody notices that {mutant.why}"
