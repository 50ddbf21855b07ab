"""Where the time of one warm process goes: `python -m bench.anatomy`. Processor time and page faults, step by step.

Children are forked from this process as from a template and do one ticket of a task that adds one, by the real code;
marks are set around the steps of the last of them.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tidemill.core.bindings import Const, FunctionRef
from tidemill.core.graph import OutputSpec, Returns
from tidemill.core.records import RunFacts, RunFunction, Ticket
from tidemill.core.types import ANY
from tidemill.worker import child, execute, messages
from tidemill.worker.channel import SocketLink
from tidemill.worker.frames import pack
from tidemill.worker.functions import load_module
from tidemill.worker.inputs import Inputs
from tidemill.worker.outputs import Outputs
from tidemill.worker.shapes import prepare
from tidemill.worker.warming import import_codecs, warm_up

TIMES = 200
_STEPS: tuple[tuple[Any, str, str], ...] = (
    (child, "take_over", "a group of its own, its streams"),
    (json, "loads", "the ticket comes and is read as JSON"),
    (SocketLink, "ticket", "the ticket becomes a record"),
    (child, "_fit", "seeds, limits"),
    (Inputs, "arguments", "the attempt is set up, its arguments made"),
    (execute, "call", "the function"),
    (Outputs, "keep_all", "outputs are kept"),
    (child, "_executed", "the report is made"),
    (child, "_done", "is anything left behind?"),
    (SocketLink, "send", "the report is written"),
)

Mark = tuple[str, int, float]


def main() -> None:
    file = Path(__file__).with_name("pipelines") / "chain.py"
    module = load_module("chain", str(file))
    prepare("chain", str(file), vars(module))
    child.get_ready()
    import_codecs()
    warm_up()
    marks: list[Mark] = []
    for place, name, label in _STEPS:
        setattr(place, name, _marked(getattr(place, name), label, marks))
    gc.collect()
    gc.disable()
    gc.freeze()
    frame = pack(messages.encode(_ticket(file)))
    found: list[Mark] = []
    begun = _used(resource.RUSAGE_SELF)
    for _ in range(TIMES):
        found = _one(frame, marks)
    _tell(found, _used(resource.RUSAGE_SELF) - begun)


def _ticket(file: Path) -> Ticket:
    work = RunFunction(FunctionRef("chain", "step", str(file)), Returns.VALUE, {"result": OutputSpec()}, {"n": ANY})
    facts = RunFacts("run", "chain", "default", datetime.now(UTC), 0)
    return replace(Ticket("run.1", "step", "", 0, 1, work, facts, "unused"), inputs={"n": Const(1)})


def _one(frame: bytes, marks: list[Mark]) -> list[Mark]:
    ours, theirs = socket.socketpair()
    reader, writer = os.pipe()
    ours.sendall(frame)
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            marks[:] = [_mark("fork, and what Python does after it")]
            child.take_over(parent, 1, 2)
            child.serve(theirs.fileno(), None)
            os.write(writer, json.dumps(marks).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    found = os.read(reader, 1 << 16)
    os.close(reader)
    for end in (ours, theirs):
        end.close()
    return [(label, faults, cpu_s) for label, faults, cpu_s in json.loads(found)]


def _marked(step: Callable[..., Any], label: str, marks: list[Mark]) -> Callable[..., Any]:
    def marked(*positional: Any, **named: Any) -> Any:
        result = step(*positional, **named)
        marks.append(_mark(label))
        return result

    return marked


def _mark(label: str) -> Mark:
    return label, resource.getrusage(resource.RUSAGE_SELF).ru_minflt, _used(resource.RUSAGE_SELF)


def _used(whose: int) -> float:
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


def _tell(marks: list[Mark], template_s: float) -> None:
    before = ("", 0, 0.0)
    for mark in marks:
        sys.stdout.write(f"{mark[0]:42}{mark[1] - before[1]:7} faults {1e6 * (mark[2] - before[2]):7.0f} us\n")
        before = mark
    child_ms = 1e3 * _used(resource.RUSAGE_CHILDREN) / TIMES
    faults = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt / TIMES
    sys.stdout.write(
        f"mean of {TIMES}: {child_ms:.2f} ms and {faults:.0f} faults in a child, "
        f"{1e3 * template_s / TIMES:.2f} ms in the template\n"
    )


if __name__ == "__main__":
    main()
