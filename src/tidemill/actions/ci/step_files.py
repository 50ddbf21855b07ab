"""What a step says to its runner: lines that begin with `::`, and the files that GITHUB_OUTPUT and its like name.

Reads texts only; writing one's own outputs in this form is `github_output`'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_COMMAND = re.compile(r"^\s*::([A-Za-z_-]+)(?:\s+(.*?))?::(.*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Command:
    """`::name key=value::text`."""

    name: str
    properties: Mapping[str, str]
    text: str


class Malformed(ValueError):
    """What is wrong with a file of a step, in words."""


def command_in(line: str) -> Command | None:
    """The command that a printed line is, if it is one."""
    found = _COMMAND.match(line)
    if found is None:
        return None
    pairs = (part.partition("=") for part in (found[2] or "").split(",") if "=" in part)
    properties = {key.strip(): _unescaped(value, "%3A:", "%2C,") for key, _, value in pairs}
    return Command(found[1].lower(), properties, _unescaped(found[3]))


def pairs_in(text: str) -> list[tuple[str, str]]:
    """The names and values of a file of outputs or variables: `name=value`, or several lines between marks.

    Raises Malformed.
    """
    found: list[tuple[str, str]] = []
    lines = re.split(r"\r?\n", text)
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line:
            continue
        equals, marks = line.find("="), line.find("<<")
        if equals >= 0 and (marks < 0 or equals < marks):
            name, value = line[:equals], line[equals + 1 :]
        elif marks >= 0:
            name, end = line[:marks], line[marks + 2 :]
            if not end:
                raise Malformed(f"{line!r}: the mark after << is missing")
            begin = at
            while at < len(lines) and lines[at] != end:
                at += 1
            if at == len(lines):
                raise Malformed(f"the mark {end!r} that ends {name!r} is missing")
            value = "\n".join(lines[begin:at])
            at += 1
        else:
            raise Malformed(f"{line!r} is neither name=value nor name<<MARK")
        if not name.strip():
            raise Malformed(f"{line!r} has no name")
        found.append((name.strip(), value))
    return found


def _unescaped(text: str, *more: str) -> str:
    for code in more:
        text = text.replace(code[:3], code[3:])
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
