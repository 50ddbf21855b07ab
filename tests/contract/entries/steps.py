"""Tasks for the tests of executors, as a user would have them in a file."""

from __future__ import annotations

import asyncio
import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

from tidemill.core.records import Artifact, Wake
from tidemill.core.signals import PollResult, Refuse, Skip
from tidemill.core.signals import Suspend as Suspension
from tidemill.worker.context import current


class Trouble(ValueError):
    pass


class Wrapper:
    """Stands for a task object."""

    def __init__(self, function) -> None:
        self.function = function


def nothing() -> None:
    pass


def double(x):
    return x * 2


@Wrapper
def wrapped(x):
    return x + 1


def typed(day: date, path: Path) -> str:
    return f"{type(day).__name__} {type(path).__name__}"


async def later(x):
    await asyncio.sleep(0)
    return x + 1


class Parts(NamedTuple):
    left: int
    right: str


def fields():
    return Parts(1, "two")


def items():
    return 1, [2, 3]


def wrong_fields():
    return {"lef": 1, "right": 2}


def short_items():
    return (1,)


def fail():
    helper()


def helper():
    raise Trouble("no rows in " + os.environ.get("NOWHERE", "it"))


def fail_with(text):
    raise RuntimeError("the password is " + text)


def skip():
    raise Skip("nothing new")


def refuse():
    raise Refuse("never again")


def suspend():
    raise Suspension(Wake(after_s=30.0, resume={"page": 2}))


def resumed():
    return current().resume


def leave(code):
    sys.exit(code)


def talk():
    context = current()
    context.push("early", {"rows": 3})
    answer = context.act("register", name="churn")
    other = context.read("load", run="r0")
    variable = context.variable("region")
    again = context.act("promote", name="churn")
    context.steer(follow=("b",), transitive=True)
    return [answer, other, variable, again]


def describe():
    context = current()
    return {
        "run": context.run_id,
        "pipeline": context.pipeline,
        "attempt": context.attempt,
        "path": context.path,
        "indexes": list(context.indexes),
        "seed": context.seed,
        "random": random.random(),
        "started": context.started_at,
        "scratch": context.scratch.is_dir(),
        "params": dict(context.params),
    }


def speak(text):
    print("out: " + text)
    print("err: " + text, file=sys.stderr)
    current().logger.info("logged: %s", text)


def big_text(size):
    return "x" * size


def big_list(size):
    return list(range(size))


def length(value):
    return len(value)


def make_frame():
    import pandas

    return pandas.DataFrame({"a": [1, 2, 3]})


def rows_of(frame):
    return len(frame)


def write_file():
    path = current().scratch / "model.txt"
    path.write_text("weights")
    return path


def read_file(path: Path):
    return [path.name, path.read_text()]


def record_of(model: Artifact):
    return [model.id, model.type]


def scores():
    return {"accuracy": 0.5, "rows": 3}


def bad_scores():
    return {"accuracy": "good"}


def generator():
    return (n for n in range(3))


def lock():
    return {"a": [threading.Lock()]}


def poll(ready):
    return ready


def poll_result():
    return PollResult(True, {"found": 1})


@dataclass
class Settings:
    depth: int
    name: str = "x"


def takes_settings(settings: Settings):
    return settings.depth + 1


def hooked(context):
    print("hook for", type(context.error).__name__)


def bad_hook():
    raise RuntimeError("hook trouble")


# --- what only a process of its own survives --------------------------------------------------------------------------


def crash():
    ctypes.string_at(0)


def exit_hard():
    os._exit(3)


def kill_self():
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for_ever():
    current().push("waiting", os.getpid())
    signal.pause()


def stubborn():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    current().push("waiting", os.getpid())
    while True:
        signal.pause()


def swallow():
    context = current()
    try:
        context.push("waiting", os.getpid())
        signal.pause()
    finally:
        context.push("cleaned", context.cancelled)


def leave_children():
    sleeper = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    away = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
    return [os.getpid(), sleeper.pid, away.pid]


def start_children_and_wait():
    pids = leave_children()
    current().push("waiting", pids)
    signal.pause()


def close_everything():
    os.closerange(0, 64)


def take_the_channel():
    os.closerange(3, 64)
    for _ in range(8):
        os.open("/dev/null", os.O_RDWR)


def write_junk():
    link = current().link
    os.write(link._channel, b"\xff\xff\xff\xff" + b"junk" * 100)
    signal.pause()


def write_wrong_json():
    link = current().link
    os.write(link._channel, b"\x00\x00\x00\x05[1,2]")
    signal.pause()


def shout(megabytes):
    line = b"x" * 1023 + b"\n"
    for _ in range(megabytes * 1024):
        os.write(1, line)


def hang_at_exit():
    import atexit

    atexit.register(signal.pause)
    return 1


def eat(megabytes):
    return len(bytearray(megabytes << 20))


def environment():
    return dict(os.environ)


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return len(bytearray(64 << 20))


def steered():
    current().steer(follow=("b",), skip=("c",), transitive=True)


def ask_twice():
    context = current()
    return [context.act("a"), context.act("b", n=1), context.read("load"), context.variable("v")]


def interrupt():
    raise KeyboardInterrupt


def my_process():
    return os.getpid()
