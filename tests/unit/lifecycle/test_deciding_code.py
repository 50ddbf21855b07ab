"""Which code decides: all that a judge imports and that may sway it, found without running any of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tidemill.lifecycle.decisions import judges
from tidemill.lifecycle.decisions.code import changed, deciding_code, modules_of
from tidemill.lifecycle.decisions.judges import JudgeUnusable, judge_of
from tidemill.lifecycle.decisions.replaying import NOTHING, Difference, differences


def test_the_code_of_a_gate_is_all_that_sways_it() -> None:
    found = deciding_code("gate")
    modules = found["modules"]
    for name in (
        "evaluation.judging",
        "evaluation.judging_compare",
        "evaluation.metrics",
        "evaluation.gate",
        "verdicts",
    ):
        assert f"tidemill.lifecycle.{name}" in modules
    assert "tidemill.statistics.delong" in modules
    # Neither vocabulary, nor what only draws or asks models.
    assert not [name for name in modules if not name.startswith(("tidemill.lifecycle", "tidemill.statistics"))]
    assert not [name for name in modules if "charts" in name or "registry" in name]
    assert {"python", "machine", "tidemill", "numpy"} <= found["versions"].keys()
    assert deciding_code("gate") == found
    assert deciding_code("review") == {}
    assert judge_of("review") is None


def test_looking_at_decisions_loads_no_numerical_library() -> None:
    code = (
        "import sys, tidemill.cli.decision\n"
        "from tidemill.lifecycle.decisions.code import deciding_code\n"
        "deciding_code('gate')\n"
        "print(sorted({'numpy', 'pandas', 'pyarrow', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_modules_are_followed_and_a_change_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "courthouse"
    (package / "law").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('nothing is imported')")
    (package / "judge.py").write_text("from courthouse import law\nfrom courthouse.law import old\nimport json\n")
    (package / "law" / "__init__.py").write_text("")
    (package / "law" / "old.py").write_text("import courthouse.judge\n")
    (package / "unasked.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    within = ("courthouse",)
    then = modules_of("courthouse.judge", within)
    assert list(then) == ["courthouse.judge", "courthouse.law", "courthouse.law.old"]
    (package / "law" / "old.py").unlink()
    (package / "law" / "new.py").write_text("")
    (package / "judge.py").write_text("from courthouse.law import new\n")
    now = modules_of("courthouse.judge", within)
    before = {"modules": then, "versions": {"numpy": "2.1", "python": "3.11"}}
    assert changed(before, {"modules": now, "versions": {"numpy": "2.2", "python": "3.11"}}) == [
        "courthouse.judge has changed",
        "courthouse.law.new is new",
        "courthouse.law.old is gone",
        "numpy was 2.1 and is 2.2",
    ]
    assert changed(before, before) == []
    assert modules_of("no.such.module", within) == {}


def test_a_judge_whose_library_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "JUDGES", {"odd": "no_such_library.judge:judge"})
    with pytest.raises(JudgeUnusable) as caught:
        judge_of("odd")
    assert "no_such_library" in caught.value.message
    assert "tidemill[ml]" in caught.value.remedy


def test_differences_are_named_by_their_place() -> None:
    then = {"verdict": "PASS", "checks": [{"p": 0.5, "n": 1}, {"p": 1}], "same": [1.0, {"a": None}]}
    now = {"verdict": "PASS", "checks": [{"p": 0.25, "m": 1}], "same": [1, {"a": None}]}
    assert list(differences(then, now)) == [
        Difference("checks[0].m", NOTHING, "1"),
        Difference("checks[0].n", "1", NOTHING),
        Difference("checks[0].p", "0.5", "0.25"),
        Difference("checks[1]", '{"p":1}', NOTHING),
    ]
    assert list(differences([], {})) == [Difference("", "[]", "{}")]
