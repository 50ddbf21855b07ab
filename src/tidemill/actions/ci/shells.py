"""How the script of a step is called: the command lines of GitHub's runners, for the shells that are here."""

from __future__ import annotations

import shlex
import shutil

from tidemill.core.errors import InputError

SUFFIXES = {"bash": ".sh", "sh": ".sh", "python": ".py"}
_LINES = {
    # Without `shell:` there is no pipefail: that differs from `shell: bash`, and is what GitHub does.
    "": "bash -e {0}",
    "bash": "bash --noprofile --norc -eo pipefail {0}",
    "sh": "sh -e {0}",
    "python": "python {0}",
}
ELSEWHERE = ("pwsh", "powershell", "cmd")


def command_line(shell: str, script: str, place: str) -> list[str]:
    """What runs a script. Raises InputError for shells that are not supported here."""
    if shell in ELSEWHERE:
        raise InputError(f"the shell {shell!r} is not supported here", place=place, remedy="bash, sh, python are")
    template = _LINES.get(shell, shell)
    if shell == "" and shutil.which("bash") is None:
        template = _LINES["sh"]
    if "{0}" not in template:
        remedy = "bash, sh, python, or a command line with {0} where the script stands"
        raise InputError(f"there is no shell {shell!r}", place=place, remedy=remedy)
    try:
        return [part.replace("{0}", script) for part in shlex.split(template)]
    except ValueError as error:
        raise InputError(f"the shell {shell!r} is no command line: {error}", place=place) from None


def suffix(shell: str) -> str:
    return SUFFIXES.get(shell or "bash", "")
