"""`tidemill replay`: run a recorded task again in this process, and say whether it gives the same."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

import click

from tidemill.actions.replay import Begun, Replay, Verdict, begin_replay
from tidemill.actions.replay import replay as replay_attempt
from tidemill.cli import looks
from tidemill.cli.calling import examples, json_option, opened_to_read, run_argument
from tidemill.cli.main import CANCELLED, Globals
from tidemill.cli.output import Out
from tidemill.core.causes import Cause
from tidemill.core.errors import InputError
from tidemill.executors.environment import HASH_SEED

_EXIT = {Verdict.EQUAL: 0, Verdict.LEFT: CANCELLED}
_SHOWN = 8


@click.command(
    epilog=examples(
        "tidemill replay latest load",
        "tidemill replay 3f2a 'train[2]' --pdb       # stop where it raises",
        "tidemill replay 3f2a fit --attempt 1",
    )
)
@run_argument
@click.argument("task", metavar="TASK")
@click.option("--pdb", is_flag=True, help="Debug it: stop where it raises, or at its first line if it succeeded.")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="Try N, not the last one; counted as `show` does.")
@json_option
@click.pass_obj
def replay(given: Globals, run_id: str, task: str, pdb: bool, attempt: int | None, wants_json: bool) -> int:
    """Run a task of a run again, here, with the inputs, seed and context that it had; nothing is recorded.

    Says whether what it gives is the same to the last bit, or what differs first and where. It runs the code of today.
    Effects are not done again: the task gets the recorded answers. `breakpoint()` works.
    """
    if pdb and wants_json:
        raise InputError("--pdb talks to a person, --json to a program", remedy="leave out one of them")
    _with_the_hash_seed_of_tasks()
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        begun = begin_replay(app, run_id, task, attempt)
        _tell_before(out, begun)
        # What the task prints must not get into a document.
        aside = contextlib.redirect_stdout(sys.stderr) if wants_json else contextlib.nullcontext()
        with aside:
            done = replay_attempt(app, begun, debugger=pdb)
            sys.stdout.flush()
    out.document(_document(done)) if wants_json else _tell(out, done)
    return _EXIT.get(done.verdict, 1)


def _with_the_hash_seed_of_tasks() -> None:
    """Begin anew if texts are hashed otherwise here than where tasks run: the order of sets would be another."""
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED and os.path.basename(sys.executable):
        sys.stdout.flush()
        environment = {**os.environ, "PYTHONHASHSEED": HASH_SEED}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


def _tell_before(out: Out, begun: Begun) -> None:
    recorded = begun.recorded
    took = looks.duration(recorded.attempt.usage.wall_s)
    out.say(
        "Replay of ",
        (str(recorded.key), "bold"),
        f" of run {recorded.run.id}, try {recorded.number}: ",
        out.state(recorded.attempt.state),
        (f"  {took}", "dim"),
    )
    for change in begun.code[:_SHOWN]:
        out.say(("  since then ", "yellow"), str(change))
    if len(begun.code) > _SHOWN:
        out.say(("  since then ", "yellow"), f"{len(begun.code) - _SHOWN} more parts of its code have changed")
    if begun.unread:
        out.say(("  note ", "yellow"), begun.unread)
    if not out.wants_json:
        out.console.file.flush()


def _tell(out: Out, done: Replay) -> None:
    recorded, names = done.begun.recorded, ", ".join(done.compared.outputs)
    for note in done.notes:
        out.say(("  note ", "yellow"), note)
    first = done.compared.first
    match done.verdict:
        case Verdict.EQUAL:
            what = f": {names}" if names else "; it gave nothing"
            out.say(("✓ ", "green"), f"bit-equal to what was recorded{what}")
        case Verdict.FAILED_AS_RECORDED:
            out.say(("✗ ", "red"), "it failed as recorded: ", _message(done.report.cause))
        case Verdict.FAILED_DIFFERENTLY:
            out.say(("✗ ", "red"), "it failed differently: ", _message(done.report.cause))
            out.say("  recorded: ", _recorded(done))
        case Verdict.ENDED_DIFFERENTLY:
            out.say(("✗ ", "red"), f"it {_ended(done.report.state.value)} here")
            out.say("  recorded: ", _recorded(done))
        case Verdict.LEFT:
            out.say(("■ ", "yellow"), "left before the task had ended: nothing was compared")
            return
        case Verdict.DIFFERS if first is None:
            out.say(("✗ ", "red"), done.steers)
        case Verdict.DIFFERS:
            pass
    if first is not None:
        name, found = first
        out.say(("✗ ", "red"), f"output {name!r} differs" + (f" at {found.where}" if found.where else ""))
        out.say(("  recorded  ", "dim"), found.recorded)
        out.say(("  now       ", "dim"), found.now)
        others = sum(one is not None for one in done.compared.outputs.values()) - 1
        if others:
            out.say((f"  and {looks.plural(others, 'other output')} besides", "dim"))
    if done.report.cause is not None and done.report.cause.traceback:
        for line in done.report.cause.traceback.rstrip().splitlines():
            out.say("    ", (line, "dim"))
    if done.verdict is not Verdict.EQUAL and done.begun.code:
        out.say(f"  The code of {recorded.key} is not what it was, as said above.")


def _message(cause: Cause | None) -> str:
    return cause.message if cause is not None else ""


def _recorded(done: Replay) -> str:
    attempt = done.begun.recorded.attempt
    return f"it {_ended(attempt.state.value)}" + (f": {attempt.cause.message}" if attempt.cause is not None else "")


def _ended(state: str) -> str:
    return state if state in ("succeeded", "failed") else f"was {state}"


def _document(done: Replay) -> dict[str, Any]:
    from tidemill.actions.documents import cause_document

    recorded, first = done.begun.recorded, done.compared.first
    return {
        "run": recorded.run.id,
        "task": str(recorded.key),
        "attempt": recorded.number,
        "verdict": done.verdict.value,
        "recorded": recorded.attempt.state.value,
        "state": done.report.state.value,
        "code": [{"name": one.name, "how": one.how, "place": one.place} for one in done.begun.code],
        "outputs": {
            name: None if found is None else {"where": found.where, "recorded": found.recorded, "now": found.now}
            for name, found in done.compared.outputs.items()
        },
        "first": first[0] if first is not None else None,
        "steers": done.steers,
        "cause": cause_document(done.report.cause),
        "notes": [*([done.begun.unread] if done.begun.unread else []), *done.notes],
    }
