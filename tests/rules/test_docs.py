"""The docs are true: files they name exist, settings are all told, and every example compiles and passes its checks."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from tidemill.actions.compile import compile_pipeline
from tidemill.settings import Settings

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "tidemill"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


EXAMPLES = [
    pytest.param(code, id=f"{page.name}-{number}")
    for page in (ROOT / "README.md", *(ROOT / "docs" / "guides" / f"{name}.md" for name in ("pipelines", "reuse")))
    for number, code in enumerate(blocks(page))
]


@pytest.mark.parametrize("code", EXAMPLES)
def test_every_example_compiles_and_is_sound(code: str, tmp_path: Path) -> None:
    file = tmp_path / "example.py"
    file.write_text(code)
    assert compile_pipeline(str(file)).root.nodes


def test_the_architecture_names_files_that_are_there() -> None:
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
    named = set(re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)(?::[^`]*)?`", text))
    assert len(named) > 25
    places = (SOURCE, SOURCE / "engine", SOURCE / "executors", ROOT / "docs")
    missing = {name for name in named if not any((place / name).is_file() for place in places)}
    assert not missing


def test_the_tree_of_the_architecture_is_the_tree() -> None:
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
    packages = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").is_file()}
    told = set(re.findall(r"\b([a-z]+)/", text))
    assert packages <= told, packages - told


def test_every_link_leads_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert not broken


def test_every_setting_is_documented_with_its_default() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text()
    rows = {row[0]: row for row in re.findall(r"^\| `(\w+)` \| `(\w+)` \| ([^|]+) \|", page, re.MULTILINE)}
    assert set(rows) == {field.name for field in fields(Settings)}
    for field in fields(Settings):
        _, variable, default = rows[field.name]
        assert variable == f"TIDEMILL_{field.name.upper()}"
        assert field.name in (Settings.__doc__ or "")
        if isinstance(field.default, str | int | float) and field.default != "":
            assert default.strip("` ") == str(field.default)
