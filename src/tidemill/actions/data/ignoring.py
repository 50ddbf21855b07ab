"""Which files of a folder are no part of its versions, by a file of patterns as git reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tidemill.core.errors import InputError

FILE = ".tidemillignore"
ALWAYS = (".git/", ".tidemill/")
_SECRETS = re.compile(r"(?:\.env(?:\..+)?|.*\.(?:pem|key|pfx|p12)|id_(?:rsa|dsa|ecdsa|ed25519)|credentials|\.netrc)\Z")


class _Rule(NamedTuple):
    pattern: re.Pattern[str]
    folders_only: bool
    takes_back: bool


@dataclass(frozen=True, slots=True)
class Ignored:
    """The rules of one folder. The last one that fits decides; what lies in an ignored folder is ignored."""

    rules: tuple[_Rule, ...]

    def __call__(self, path: str, is_folder: bool) -> bool:
        """Whether a path inside the folder, with "/", is ignored; the folders that it lies in are not looked at."""
        for rule in reversed(self.rules):
            if (is_folder or not rule.folders_only) and rule.pattern.match(path):
                return not rule.takes_back
        return False


def ignored_in(folder: Path) -> Ignored:
    """The rules of `.tidemillignore` in the folder, and those that always hold. Raises InputError with the line."""
    lines: list[str] = []
    file = folder / FILE
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError(f"cannot be read: {problem}", place=str(file)) from None
    return Ignored(tuple(_rules(lines, file)) + tuple(_rules(ALWAYS, file)))


def looks_secret(path: str) -> bool:
    """Whether a file of this name is likely to hold what nobody should keep a copy of."""
    return _SECRETS.match(path.rpartition("/")[2]) is not None


def _rules(lines: tuple[str, ...] | list[str], file: Path) -> Iterator[_Rule]:
    for number, line in enumerate(lines, 1):
        text = line.rstrip()
        if not text or text.startswith("#"):
            continue
        takes_back = text.startswith("!")
        text = text.removeprefix("!").removeprefix("\\")
        folders_only = text.endswith("/")
        text = text.rstrip("/")
        if not text:
            raise InputError(f"the pattern {line!r} means nothing", place=f"{file}:{number}")
        # A slash inside ties a pattern to the folder of the file.
        anchored = "/" in text
        try:
            pattern = re.compile(("" if anchored else "(?:.*/)?") + _expression(text.lstrip("/")) + r"\Z", re.DOTALL)
        except re.error:
            raise InputError(f"the pattern {line!r} cannot be read", place=f"{file}:{number}") from None
        yield _Rule(pattern, folders_only, takes_back)


_PARTS = re.compile(r"\A\*\*/|/\*\*/|/\*\*\Z|\*+|\?|\[[!^]?\]?[^\]]*\]|\\?.", re.DOTALL)


def _expression(text: str) -> str:
    found = []
    for part in _PARTS.findall(text):
        match part:
            case "**/":
                found.append("(?:.*/)?")
            case "/**/":
                found.append("/(?:.*/)?")
            case "/**":
                found.append("/.*")
            case "?":
                found.append("[^/]")
            case _ if part.startswith("*"):
                found.append("[^/]*")
            case _ if part.startswith("[") and len(part) > 1:
                found.append("[" + re.sub(r"\A[!^]", "^", part[1:-1]).replace("\\", "\\\\") + "]")
            case _:
                found.append(re.escape(part[-1]))
    return "".join(found)
