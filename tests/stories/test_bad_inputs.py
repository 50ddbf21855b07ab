"""What a user may get wrong, and the exact words that say so: code, sentence, place, remedy. Nothing has run then."""

from __future__ import annotations

import atexit
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.stories.terminal import Folder

ONE = """
from tidemill import pipeline, task

@task
def load(rows: int, share: float) -> int:
    return rows

@pipeline
def one(rows: int, share: float = 0.5):
    load(rows, share)
"""
TWO = (
    ONE
    + """
@pipeline
def two(rows: int = 1):
    load(rows, 0.1)
"""
)
WRONG = """
from tidemill import pipeline, task

@task
def count() -> int:
    return 1

@task
def shout(text: str) -> str:
    return text.upper()

@pipeline
def wrong():
    shout(count())
    shout(5)
"""
MAP = """
from tidemill import each, pipeline, task

@task
def fit(x: int) -> int:
    return x

@pipeline
def mapped():
    each(fit, over={"x": [1, 2, 3]})
"""
FILES = {"one.py": ONE, "two.py": TWO, "wrong.py": WRONG, "map.py": MAP}


@dataclass(frozen=True)
class Case:
    """`call` is the command line; in `says` {here} is the folder and {home} the home. `given` prepares the folder."""

    name: str
    call: tuple[str, ...]
    says: str
    given: Callable[[Folder], None] = lambda folder: None
    more: tuple[tuple[str, str], ...] = ()


@cache
def finished_home() -> Path:
    """The home of a run of map.py, made once and copied: what is wrong here is said after it."""
    first = Folder(Path(tempfile.mkdtemp(prefix="tidemill-home-")))
    atexit.register(shutil.rmtree, first.path, ignore_errors=True)
    first.write("map.py", MAP)
    first.ok("run", "map.py")
    return first.path / ".tidemill"


def a_run(folder: Folder) -> None:
    shutil.copytree(finished_home(), folder.path / ".tidemill")


def many_runs(folder: Folder) -> None:
    a_run(folder)
    with sqlite3.connect(folder.path / ".tidemill" / "tidemill.db") as connection:
        row = connection.execute("SELECT * FROM runs").fetchone()
        marks = ", ".join("?" * len(row))
        for id_ in ("aaaa1", "aaaa2"):
            connection.execute(f"INSERT INTO runs VALUES ({marks})", (id_, *row[1:]))
        connection.execute("DELETE FROM runs WHERE id NOT LIKE 'aaaa%'")
    connection.close()


def a_newer_database(folder: Folder) -> None:
    a_run(folder)
    with sqlite3.connect(folder.path / ".tidemill" / "tidemill.db") as connection:
        connection.execute("UPDATE tidemill_schema SET version_num = '9999'")
    connection.close()


def settings(text: str) -> Callable[[Folder], None]:
    return lambda folder: folder.write("tidemill.toml", text) and None


def file(name: str, text: str) -> Callable[[Folder], None]:
    return lambda folder: folder.write(name, text) and None


CASES = [
    Case(
        "unknown command",
        ("rum", "one.py"),
        "error[usage]: there is no command 'rum'; did you mean 'run' or 'resume'?\n"
        "  `tidemill --help` shows what it takes\n",
    ),
    Case(
        "a command that has another name",
        ("cache",),
        "error[usage]: there is no command 'cache'; `tidemill plan FILE` says what is reused and why not, "
        "`tidemill gc` removes kept results\n"
        "  `tidemill --help` shows what it takes\n",
    ),
    Case(
        "unknown option",
        ("run", "one.py", "--exekutor", "inline"),
        "error[usage]: no such option '--exekutor'. Did you mean '--executor'?\n"
        "  `tidemill run --help` shows what it takes\n",
    ),
    Case(
        "no file",
        ("run", "none.py"),
        "error[input]: there is no file 'none.py'\n  give the path of a Python file with a @pipeline in it\n",
    ),
    Case(
        "not Python",
        ("run", "notes.txt"),
        "error[input]: notes.txt is not a Python file\n  give a file whose name ends in .py\n",
        file("notes.txt", "hello"),
    ),
    Case(
        "no pipeline",
        ("run", "empty.py"),
        "error[not-found]: empty.py has no pipeline\n  at empty.py\n  decorate one with @pipeline\n",
        file("empty.py", "x = 1\n"),
    ),
    Case(
        "two pipelines",
        ("run", "two.py"),
        "error[input]: two.py has several pipelines: one, two\n  name one: two.py:one\n",
    ),
    Case(
        "unknown pipeline",
        ("run", "two.py:won"),
        "error[not-found]: two.py has no pipeline 'won'\n  at two.py\n  did you mean 'two' or 'one'?\n",
    ),
    Case(
        "missing parameter",
        ("run", "one.py"),
        "error[input]: parameter 'rows' (int) has no default and was not given\n  at pipeline one\n"
        "  give it with -p NAME=VALUE; `tidemill graph FILE` shows the parameters\n",
    ),
    Case(
        "wrong parameters, all at once",
        ("run", "one.py", "-p", "row=5", "-p", "rows=many", "-p", "share"),
        "error[input]: there is no parameter 'row'; did you mean 'rows'?; parameter 'rows': 'many' is not int "
        "(write a number such as 5); 'share' is not of the form NAME=VALUE\n  at pipeline one\n"
        "  it takes rows: int, share: float = 0.5\n",
    ),
    Case(
        "no file of parameters",
        ("plan", "one.py", "--params-file", "p.json"),
        "error[input]: the file of parameters cannot be read: No such file or directory\n  at p.json\n",
    ),
    Case(
        "a file of parameters that is no object",
        ("run", "one.py", "--params-file", "p.json"),
        'error[input]: the file of parameters holds no JSON object\n  at p.json\n  write {"name": value}\n',
        file("p.json", "[1]"),
    ),
    Case(
        "unknown executor",
        ("run", "map.py", "--executor", "inlin"),
        "error[not-found]: there is no executor 'inlin'\n  did you mean 'inline'?\n",
    ),
    Case(
        "a tag without a value",
        ("run", "map.py", "--tag", "why"),
        "error[input]: the tag 'why' is not of the form KEY=VALUE\n",
    ),
    Case(
        "debug elsewhere",
        ("run", "map.py", "--debug", "--executor", "processes"),
        "error[input]: --debug runs tasks inline\n  leave out --executor, or --debug\n",
    ),
    Case(
        "nothing has run",
        ("show", "latest"),
        "error[not-found]: nothing has run here yet: there is no home\n  at {home}\n"
        "  go to the folder of your project, or name its home with --home; `tidemill init NAME` makes a project, "
        "`tidemill run FILE` runs a file\n",
    ),
    Case(
        "unknown run",
        ("show", "zzzz"),
        "error[not-found]: there is no run 'zzzz'\n  `tidemill runs` lists the newest runs\n",
        a_run,
    ),
    Case(
        "ambiguous run",
        ("logs", "aaaa", "fit[0]"),
        "error[input]: 'aaaa' is the beginning of several runs\n  write more of the id: aaaa1, aaaa2\n",
        many_runs,
    ),
    Case(
        "unknown task",
        ("logs", "latest", "fitt[0]"),
        "error[not-found]: run {run} has no task 'fitt[0]'\n  did you mean 'fit'?\n",
        a_run,
    ),
    Case(
        "no such instance",
        ("show", "latest", "--task", "fit[7]"),
        "error[not-found]: run {run} has no task 'fit[7]'\n  there are fit[0], fit[1], fit[2]\n",
        a_run,
    ),
    Case(
        "a map has no log",
        ("logs", "latest", "fit"),
        "error[not-found]: task fit has no attempt and so no log\n"
        "  it is a map over 3: name one of its instances, fit[0] to [2]\n",
        a_run,
    ),
    Case(
        "no such attempt",
        ("logs", "latest", "fit[1]", "--attempt", "4"),
        "error[not-found]: task fit[1] has no attempt 4\n  there are: 1\n",
        a_run,
    ),
    Case(
        "a document has no end",
        ("logs", "latest", "fit[1]", "-f", "--json"),
        "",
        a_run,
    ),
    Case(
        "unknown state",
        ("runs", "--state", "fialed"),
        "error[input]: there is no state 'fialed' of a run\n  did you mean 'failed'?\n",
        a_run,
    ),
    Case(
        "cancelled too late",
        ("cancel", "latest"),
        "error[state]: run {run} is succeeded already\n  see `tidemill show {run}`\n",
        a_run,
    ),
    Case(
        "resumed too late",
        ("resume", "latest"),
        "error[state]: run {run} is succeeded\n  `tidemill retry {run}` reopens it\n",
        a_run,
    ),
    Case(
        "an unknown task to run again",
        ("retry", "latest", "--also", "fid"),
        "error[not-found]: pipeline mapped has no task 'fid'\n  did you mean 'fit'?\n",
        a_run,
    ),
    Case(
        "unknown setting",
        ("run", "map.py"),
        "error[input]: there is no setting 'slot'\n  at {here}/tidemill.toml\n  did you mean 'slots'?\n",
        settings("slot = 2\n"),
    ),
    Case(
        "a setting of the wrong kind",
        ("runs",),
        "error[input]: setting 'slots' must be a whole number from 0, not 'two'\n  at TIDEMILL_SLOTS\n"
        "  see `tidemill doctor`\n",
        more=(("TIDEMILL_SLOTS", "two"),),
    ),
    Case(
        "settings that are no TOML",
        ("doctor",),
        "",
        settings("slots = = 2\n"),
    ),
    Case(
        "a home that cannot be made",
        ("--home", "map.py/home", "run", "map.py"),
        "error[input]: the home cannot be written to: Not a directory\n  at {here}/map.py/home\n"
        "  let --home or TIDEMILL_HOME name a folder that you may write to\n",
    ),
    Case(
        "an address that is none",
        ("run", "map.py"),
        "error[input]: databases of the kind 'mysql' are not supported\n"
        "  write it as sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME\n",
        more=(("TIDEMILL_DATABASE_URL", "mysql://ann:secret@here/runs"),),
    ),
    Case(
        "a database of somebody newer",
        ("runs",),
        "error[schema-too-new]: the database has schema 9999, and this Tidemill knows {schema} at most\n"
        "  at sqlite:///{home}/tidemill.db\n"
        "  run `pip install --upgrade tidemill`, or use another TIDEMILL_HOME\n",
        a_newer_database,
    ),
    Case(
        "a payload that is no JSON",
        ("emit", "latest", "ready", "--payload", "yes"),
        "error[input]: the payload is not JSON: Expecting value: line 1 column 1 (char 0)\n"
        "  a text needs quotes of its own: '\"text\"'\n",
        a_run,
    ),
    Case(
        "no room for the picture",
        ("graph", "map.py", "-o", "map.py/x.svg"),
        "error[input]: the picture cannot be written: Not a directory\n  at map.py/x.svg\n",
    ),
    Case(
        "no name for a project",
        ("init", "1st"),
        "error[input]: '1st' is no name for a project\n  use letters, digits, - and _, a letter first\n",
    ),
]


@pytest.mark.parametrize("case", [case for case in CASES if case.says], ids=lambda case: case.name.replace(" ", "-"))
def test_it_is_said_exactly(case: Case, folder: Folder) -> None:
    for name, text in FILES.items():
        folder.write(name, text)
    case.given(folder)
    run = ""
    if "{run}" in case.says:
        run = folder.document("runs")["runs"][0]["id"]
    done = folder.call(*case.call, **dict(case.more))
    from tidemill.storage.metadata.tables import SCHEMA

    says = case.says
    for mark, value in (
        ("{here}", str(folder.path)),
        ("{home}", str(folder.path / ".tidemill")),
        ("{run}", run),
        ("{schema}", SCHEMA),
    ):
        says = says.replace(mark, value)
    assert done.stderr == says
    assert (done.returncode, done.stdout) == (2, "")


def test_all_problems_of_a_definition_come_at_once_and_numbered(folder: Folder) -> None:
    folder.write("wrong.py", WRONG)
    done = folder.call("run", "wrong.py")
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert lines[0] == "error[problems]: 2 problems in the definition"
    assert [line[:10] for line in lines if "error[" in line][1:] == ["  1. error", "  2. error"]
    assert sum(line.startswith("  at wrong.py:") for line in lines) == 2
    document = folder.document("run", "wrong.py", code=2)
    assert [problem["place"] for problem in document["error"]["problems"]] == ["wrong.py:14", "wrong.py:15"]
    assert not (folder.path / ".tidemill").exists()


def test_an_exception_in_the_file_shows_its_own_traceback(folder: Folder) -> None:
    folder.write("broken.py", "import nosuchlibrary\n")
    done = folder.call("plan", "broken.py")
    assert done.returncode == 2
    assert "error[import-failed]: importing broken.py raised ModuleNotFoundError: No module named" in done.stderr
    assert "  at broken.py:1" in done.stderr
    assert "tidemill/" not in done.stderr


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.name in ("unknown option", "no pipeline", "a home that cannot be made")],
    ids=lambda case: case.name.replace(" ", "-"),
)
def test_with_json_the_error_is_a_document(case: Case, folder: Folder) -> None:
    folder.write("map.py", MAP)
    case.given(folder)
    done = folder.call(*case.call, "--json", **dict(case.more))
    assert (done.returncode, done.stderr) == (2, "")
    error = json.loads(done.stdout)["error"]
    assert set(error) >= {"code", "message", "place", "remedy"}
    assert case.says.startswith(f"error[{error['code']}]: {error['message']}")


def test_a_stream_is_no_document(folder: Folder) -> None:
    a_run(folder)
    document = folder.document("logs", "latest", "fit[1]", "-f", code=2)
    assert document["error"]["remedy"] == "leave out -f or --json"


def test_the_doctor_tells_of_bad_settings_instead_of_failing(folder: Folder) -> None:
    folder.write("tidemill.toml", "slots = = 2\n")
    document = folder.document("doctor", code=1)
    assert document["healthy"] is False
    assert [one["name"] for one in document["findings"] if one["level"] == "problem"] == ["settings"]


def test_a_password_is_never_shown(folder: Folder) -> None:
    url = "postgresql://ann:topsecret@127.0.0.1:1/runs"
    for command in (("runs",), ("doctor",), ("runs", "--json")):
        done = folder.call(*command, TIDEMILL_DATABASE_URL=url)
        assert "topsecret" not in done.stdout + done.stderr
        assert done.returncode in (1, 2)


def test_a_defect_is_told_briefly_and_in_full_on_demand(folder: Folder) -> None:
    plant = "import tidemill.actions.listing as l\ndef f(*a, **k): raise ZeroDivisionError('oops')\nl.list_runs = f\n"
    folder.write("sitecustomize.py", plant)
    (folder.path / ".tidemill").mkdir()
    done = folder.call("runs", PYTHONPATH=str(folder.path))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error[defect]: ZeroDivisionError: oops\n  This is a defect of Tidemill")
    assert "Traceback" not in done.stderr
    more = folder.call("runs", PYTHONPATH=str(folder.path), TIDEMILL_DEBUG="1")
    assert "Traceback" in more.stderr
    assert Path(folder.path / ".tidemill").is_dir()
