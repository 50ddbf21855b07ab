"""Writes a project of many modules that import each other, as text: `write(FOLDER)` gives the file of its pipeline."""

from __future__ import annotations

from pathlib import Path

MODULES = 300
TASKS = 20
_WIDTH = 20
"""So many modules are on one level, and import three each of the level below."""

_MODULE = '''"""Module {number}."""

from dataclasses import dataclass

{imports}

LIMIT = {number}
NAMES = ["a", "b", {number}]


@dataclass
class Row{number}:
    """One row."""

    size: int = LIMIT

    def larger(self, by):
        return Row{number}(self.size + by)


def clean_{number}(rows):
    # What is left.
    return [row for row in rows if row is not None and row < LIMIT]


def scale_{number}(rows, factor=2):
    """Times the factor."""
    return [row * factor for row in clean_{number}(rows)]


def name_{number}(row):
    return f"{{NAMES[0]}}-{{row}}"


def all_{number}(rows):
    found = scale_{number}(rows) + [Row{number}().larger(1).size]
{calls}
    return found, name_{number}(found)


def unused_{number}(rows):
    return rows
'''

_TASK = """
@task(cache=True)
def work_{number}(rows: list[int]) -> int:
    return len(all_{last}(rows)) + {number}
"""


def write(folder: Path) -> Path:
    package = folder / "parts"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    for number in range(MODULES):
        level = number // _WIDTH
        above = [(level - 1) * _WIDTH + (number + step) % _WIDTH for step in (0, 1, 7)] if level else []
        imports = "\n".join(f"from parts.m{other} import all_{other}" for other in above)
        calls = "\n".join(f"    found += all_{other}(rows)[0]" for other in above)
        text = _MODULE.format(number=number, imports=imports, calls=calls or "    found.sort()")
        (package / f"m{number}.py").write_text(text)
    lasts = [MODULES - 1 - number for number in range(TASKS)]
    lines = ["from tidemill import pipeline, task", *(f"from parts.m{last} import all_{last}" for last in lasts)]
    lines += [_TASK.format(number=number, last=last) for number, last in enumerate(lasts)]
    lines += ["", "@pipeline", "def big_project():", *(f"    work_{number}([1])" for number in range(TASKS))]
    file = folder / "big_project.py"
    file.write_text("\n".join(lines) + "\n")
    return file
