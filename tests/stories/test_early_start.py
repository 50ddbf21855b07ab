"""What `run` begins before it is ready itself: the file is read, and a template imports it, side by side."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.stories.terminal import LONG, Folder, environment, processes_of

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="elsewhere nothing is begun early")

# In the template the import never ends; in the reader it goes on once the template has come to it.
BLOCKING = """
import os, time
from pathlib import Path

HERE = Path(__file__).parent

if "TIDEMILL_TEMPLATE" in os.environ:
    (HERE / "warm.new").write_text(str(os.getpid()))
    (HERE / "warm.new").rename(HERE / "warm")
    time.sleep(600)
while not (HERE / "warm").exists():
    time.sleep(0.01)
"""

TWO = """
from tidemill import pipeline, task

@task
def first() -> int:
    print("printed by a task")
    return 1

@pipeline
def two():
    first()
    first()
"""


def test_a_wrong_definition_leaves_no_process_and_no_home(folder: Folder) -> None:
    folder.write("wrong.py", BLOCKING + "raise ValueError('as it is')\n")
    done = folder.call("run", "wrong.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error[import-failed]: importing wrong.py raised ValueError: as it is\n")
    assert (folder.path / "warm").exists()
    assert processes_of(folder.path) == []
    assert not (folder.path / ".tidemill").exists()


def test_wrong_parameters_leave_no_process_and_no_home(folder: Folder) -> None:
    folder.write("right.py", BLOCKING + TWO)
    done = folder.call("run", "right.py", "-p", "depth=3")
    assert done.returncode == 2
    assert "there is no parameter 'depth'" in done.stderr
    assert processes_of(folder.path) == []
    assert not (folder.path / ".tidemill").exists()


def test_a_command_that_is_killed_while_the_file_is_read_leaves_no_process(folder: Folder) -> None:
    folder.write("slow.py", BLOCKING + "print('reading', flush=True)\ntime.sleep(600)\n")
    begun = folder.begin("run", "slow.py")
    assert begun.process.stderr is not None
    assert begun.process.stderr.readline() == "reading\n"
    assert len(processes_of(folder.path)) >= 3
    begun.signal(signal.SIGKILL)
    begun.end()
    give_up = time.monotonic() + LONG
    while processes_of(folder.path) and time.monotonic() < give_up:
        time.sleep(0.01)
    assert processes_of(folder.path) == []


def test_a_template_that_no_task_needs_is_ended_at_once(folder: Folder) -> None:
    folder.write(
        "parts.py",
        "from pathlib import Path\nfrom tidemill import task\nHERE = Path(__file__).parent\n\n"
        "@task\ndef other() -> bool:\n"
        "    return Path('/proc', (HERE / 'warm').read_text()).exists()\n",
    )
    folder.write(
        "whole.py",
        BLOCKING + "from parts import other\nfrom tidemill import pipeline\n\n@pipeline\ndef whole() -> bool:\n"
        "    return other()\n",
    )
    run = folder.document("run", "whole.py")
    assert run["state"] == "succeeded"
    (task,) = run["tasks"]
    assert task["outputs"]["result"] is False
    assert processes_of(folder.path) == []


def test_the_template_that_was_begun_early_is_the_one_that_is_used(folder: Folder) -> None:
    note = "import os\nfrom pathlib import Path\nwith open(Path(__file__).parent / 'ledger', 'a') as ledger:\n"
    folder.write(
        "two.py", note + "    ledger.write('template\\n' if 'TIDEMILL_TEMPLATE' in os.environ else 'reader\\n')\n" + TWO
    )
    assert folder.document("run", "two.py")["state"] == "succeeded"
    assert sorted((folder.path / "ledger").read_text().split()) == ["reader", "template"]
    assert processes_of(folder.path) == []


def test_what_the_file_prints_is_seen_once_and_not_in_a_document(folder: Folder) -> None:
    told = (
        "import atexit, os, sys\n"
        "print('read', os.environ.get('TIDEMILL_WISH'), os.environ.get('HIDDEN'), len(sys.argv))\n"
        "os.system('echo from a child')\natexit.register(print, 'read to its end')\n"
    )
    folder.write("two.py", told + TWO)
    folder.write("tidemill.toml", 'task_environment = "PATH,PYTHON*,TZ"\n')
    done = folder.call("run", "two.py", "--json", TIDEMILL_WISH="granted", HIDDEN="from tasks")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("{")
    lines = done.stderr.splitlines()
    assert sorted(lines) == ["from a child", "read granted from tasks 2", "read to its end"]


@pytest.mark.parametrize(("how", "code"), [("os._exit(7)", 7), ("os.kill(os.getpid(), 9)", -9)])
def test_a_reader_that_dies_is_told_with_its_exit_code(folder: Folder, how: str, code: int) -> None:
    folder.write("dying.py", f"import os\n{how}\n")
    done = folder.call("run", "dying.py")
    assert done.returncode == 2
    assert f"the process that reads the file ended with code {code} and no answer" in done.stderr
    assert processes_of(folder.path) == []


def test_the_file_is_read_as_the_environment_says_even_if_tasks_are_started_otherwise(folder: Folder) -> None:
    folder.write("two.py", "import sys\nprint('hash', hash('tidemill'), sys.warnoptions)\n" + TWO)
    more = {"PYTHONHASHSEED": "5", "PYTHONWARNINGS": "ignore"}
    done = folder.call("run", "two.py", **more)
    assert done.returncode == 0, done.stderr
    program = [sys.executable, "-c", "import sys; print('hash', hash('tidemill'), sys.warnoptions)"]
    assert done.stderr == subprocess.check_output(program, env=environment(**more), text=True)


def test_a_file_that_starts_a_pool_of_threads_is_read_to_its_end(folder: Folder) -> None:
    pool = "from concurrent.futures import ThreadPoolExecutor\nPOOL = ThreadPoolExecutor(1)\nPOOL.submit(len, 'x')\n"
    folder.write("two.py", pool + TWO)
    assert folder.document("run", "two.py")["state"] == "succeeded"
    assert processes_of(folder.path) == []
