"""`tidemill logs`: what a task printed, at once or as it comes."""

from __future__ import annotations

import click

from tidemill.actions.logs import Log, find_log, follow_log, is_elsewhere, read_log
from tidemill.cli import looks
from tidemill.cli.calling import examples, json_option, opened_to_read, run_argument
from tidemill.cli.main import CANCELLED, Globals
from tidemill.cli.output import Out
from tidemill.core.errors import InputError
from tidemill.storage.logs.files import Record


@click.command(
    epilog=examples(
        "tidemill logs latest load", "tidemill logs 3f2a 'train[2]' -f", "tidemill logs 3f2a load --attempt 1"
    )
)
@run_argument
@click.argument("task", metavar="TASK")
@click.option("-f", "--follow", is_flag=True, help="Go on as lines come, later tries included, until the task is over.")
@click.option(
    "--attempt", "number", type=click.IntRange(1), default=None, metavar="N", help="Try N as `show --task` counts them."
)
@click.option("--times", is_flag=True, help="Put the time before each line.")
@json_option
@click.pass_obj
def logs(
    given: Globals, run_id: str, task: str, follow: bool, number: int | None, times: bool, wants_json: bool
) -> int:
    """Show what a task of a run printed. TASK is written as `show` writes it: load, train[2], folds/fit[0][1].

    RUN is the id of a run, the beginning of one, or `latest`.
    """
    if follow and wants_json:
        raise InputError("--follow has no end that a JSON document could wait for", remedy="leave out -f or --json")
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        log = find_log(app, run_id, task, number)
        if wants_json:
            out.document(_document(log, list(read_log(app, log))))
            return 0
        printed = False
        try:
            for of, record in follow_log(app, log) if follow else ((log, record) for record in read_log(app, log)):
                if of.attempt.id != log.attempt.id:
                    log = of
                    out.say((f"--- try {of.number} ---", "dim"))
                _line(out, record, times)
                printed = True
                if follow:
                    out.console.file.flush()
        except KeyboardInterrupt:
            return CANCELLED
        if not printed:
            # Beside the log, not in it: what a task printed may go into a file.
            click.echo(out.safe(_nothing(log, is_elsewhere(app, log))), err=True)
    return 0


def _nothing(log: Log, elsewhere: bool) -> str:
    name = f"{log.task} (try {log.number})" if log.number > 1 else str(log.task)
    if elsewhere:
        return f"the log of {name} is not in this home: it is kept where the task ran"
    return f"{name} printed nothing" + ("" if log.attempt.state.final else " so far")


def _line(out: Out, record: Record, times: bool) -> None:
    text = looks.plain_marks(looks.printable(looks.last_shown(record.text), out.shows_colors), out.console.encoding)
    moment = f"{record.time[11:23]}  " if times else ""
    out.console.file.write(f"{moment}{text}\n")


def _document(log: Log, records: list[Record]) -> dict[str, object]:
    return {
        "run": log.run.id,
        "task": str(log.task),
        "attempt": log.number,
        "state": log.attempt.state.value,
        "lines": [{"n": one.n, "time": one.time, "stream": _stream(one), "text": one.text} for one in records],
    }


def _stream(record: Record) -> str:
    return "stderr" if record.stream == "e" else "stdout"
