"""A new project: a small pipeline with a test, settings and a README, in a folder that runs as it stands."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from tidemill.core.errors import InputError

# From the template's name to the file's: a leading dot or the ending .py would make it more than text here.
FILES = {
    "pipeline.txt": "pipeline.py",
    "test_pipeline.txt": "test_pipeline.py",
    "readme.txt": "README.md",
    "settings.txt": "tidemill.toml",
    "requirements.txt": "requirements.txt",
    "gitignore.txt": ".gitignore",
}


def init_project(folder: Path) -> tuple[Path, ...]:
    """Write the files of a new project; the paths. Raises InputError if the folder holds anything, or has no name."""
    name = folder.resolve().name
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", name):
        raise InputError(f"{name!r} is no name for a project", remedy="use letters, digits, - and _, a letter first")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("there is something at this place already", place=str(folder), remedy="give another NAME")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tuple(_written(folder, name))
    except OSError as error:
        raise InputError(f"the project cannot be written: {error.strerror}", place=str(folder)) from None


def _written(folder: Path, name: str) -> Iterator[Path]:
    texts = files("tidemill.actions").joinpath("scaffold")
    for template, file in FILES.items():
        text = texts.joinpath(template).read_text(encoding="utf-8")
        path = folder / file
        path.write_text(text.replace("{{name}}", name).replace("{{function}}", _function(name)), encoding="utf-8")
        yield path


def _function(name: str) -> str:
    """The name as one of a Python function."""
    word = re.sub(r"\W", "_", name).lower()
    taken = keyword.iskeyword(word) or keyword.issoftkeyword(word) or word in _TAKEN or hasattr(builtins, word)
    return f"{word}_pipeline" if taken else word


_TAKEN = frozenset(
    {"load", "split", "train", "evaluate", "pick_best", "report", "tell", "tidemill"}
    | {"current", "each", "json", "otherwise", "pipeline", "random", "task", "when"}
)
