"""The guide from a CSV file to a champion: its files are written and its commands carried out, as printed."""

from __future__ import annotations

import re
from pathlib import Path

from tests.stories.readmes import carried_out

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "a-model.md"


def test_the_guide_runs_as_printed(tmp_path: Path) -> None:
    page = GUIDE.read_text(encoding="utf-8")
    files = re.findall(r"^```(?:python|yaml)\n# (\S+)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert [name for name, _ in files] == ["rows.py", "gate.yaml", "churn.py", "test_churn.py"]
    for name, text in files:
        (tmp_path / name).write_text(text, encoding="utf-8")
    commands = re.sub(r"^```\w+\n.*?^```\n", "", page, flags=re.DOTALL | re.MULTILINE)
    (tmp_path / "README.md").write_text(commands, encoding="utf-8")
    told = {done.command: " ".join(done.output.split()) for done in carried_out(tmp_path)}
    assert told["tidemill decision ls"].count("PASS") == 2
    assert told["tidemill decision ls"].count("FAIL") == 1
    assert "data-team@example.com" in told["tidemill model show churn"]
    assert told["tidemill model show churn"].startswith("churn@2 champion")
    assert told["tidemill model show churn@champion"].startswith("churn@1 champion")
    assert "passed" in told["python -m pytest -q test_churn.py"]
    assert (tmp_path / ".github" / "workflows" / "ml.yml").is_file()
    assert (tmp_path / "churn.skops").stat().st_size > 0
