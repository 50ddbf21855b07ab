"""Errors as people read them: what is wrong, where, and what to do; and the exit code of each.

A traceback of our own is shown only on demand: it is never what a user can act on.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import click

from tidemill.cli.looks import printable
from tidemill.cli.main import CANCELLED, UNFINISHED
from tidemill.core.errors import TidemillError, Unfinished
from tidemill.core.problems import Problem, ProblemsFound

WRONG = 2
DEFECT = 3


def tell(error: BaseException, arguments: Sequence[str]) -> int:
    """Print what went wrong (as a JSON document if that was asked for) and answer with the exit code."""
    match error:
        case BrokenPipeError() | SystemExit():
            # No command of ours exits by itself; click does when whoever reads has left.
            return 0
        case KeyboardInterrupt() | click.Abort():
            code, plain, text = CANCELLED, _plain("cancelled", "cancelled before anything began"), "cancelled"
        case ProblemsFound():
            code, plain, text = WRONG, _plain_problems(error), "\n".join(_problems(error))
        case TidemillError():
            code = UNFINISHED if isinstance(error, Unfinished) else WRONG
            plain = _plain(error.code, error.message, error.place, error.remedy)
            text = "\n".join(_lines(error.code, error.message, error.place, error.remedy))
        case click.ClickException():
            message, remedy = _usage(error)
            code, plain = WRONG, _plain("usage", message, remedy=remedy)
            text = "\n".join(_lines("usage", message, "", remedy))
        case _:
            code, plain = DEFECT, _plain("defect", f"{type(error).__name__}: {error}")
            text = "\n".join(_defect(error, arguments))
    with contextlib.suppress(BrokenPipeError):
        if wants_json(arguments):
            sys.stdout.write(json.dumps({"error": plain}, indent=2) + "\n")
        else:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
    if code == DEFECT and _debugging(arguments):
        traceback.print_exception(error)
    return code


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether a call asked for JSON, even if its arguments are otherwise wrong."""
    given = list(arguments)
    return "--json" in given[: given.index("--") if "--" in given else None]


def _lines(code: str, message: str, place: str, remedy: str, head: str = "error") -> Iterator[str]:
    label = f"{head}[{code}]:"
    if sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
        label = click.style(label, fg="red", bold=True)
    yield f"{label} {printable(message)}"
    if place:
        yield f"  at {printable(place)}"
    for line in remedy.splitlines():
        yield f"  {printable(line)}"


def _problems(found: ProblemsFound) -> Iterator[str]:
    if len(found.problems) == 1:
        problem = found.problems[0]
        yield from _lines(problem.code, problem.message, problem.place, problem.remedy)
        yield from _detail(problem)
        return
    yield from _lines(found.code, found.message, "", "")
    for number, problem in enumerate(found.problems, 1):
        yield from _lines(problem.code, problem.message, problem.place, problem.remedy, f"{number:>3}. error")
        yield from _detail(problem)


def _detail(problem: Problem) -> Iterator[str]:
    for line in problem.detail.splitlines():
        yield f"  | {printable(line)}"


def _usage(error: click.ClickException) -> tuple[str, str]:
    message = error.format_message()
    context = getattr(error, "ctx", None)
    remedy = f"`{context.command_path} --help` shows what it takes" if context is not None else ""
    return message[:1].lower() + message[1:].rstrip("."), remedy


def _defect(error: BaseException, arguments: Sequence[str]) -> Iterator[str]:
    yield f"error[defect]: {printable(f'{type(error).__name__}: {error}')}"
    yield "  This is a defect of Tidemill, not of your pipeline; what was recorded is safe."
    versions = f"tidemill {_installed()}, Python {platform.python_version()}, {sys.platform}"
    yield f"  Please report it with this line: {versions}"
    if not _debugging(arguments):
        yield "  Set TIDEMILL_DEBUG=1 and call it again to see the traceback."


def _installed() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("tidemill")
    except PackageNotFoundError:
        return "(not installed)"


def _debugging(arguments: Sequence[str]) -> bool:
    return "--debug" in arguments or bool(os.environ.get("TIDEMILL_DEBUG"))


def _plain(code: str, message: str, place: str = "", remedy: str = "") -> dict[str, Any]:
    return {"code": code, "message": message, "place": place, "remedy": remedy}


def _plain_problems(found: ProblemsFound) -> dict[str, Any]:
    problems = [
        {**_plain(problem.code, problem.message, problem.place, problem.remedy), "detail": problem.detail}
        for problem in found.problems
    ]
    if len(found.problems) == 1:
        return {**problems[0], "problems": problems}
    return {**_plain(found.code, found.message), "problems": problems}
