"""Metaflow: each step in a process of its own, artifacts and metadata in files. A chain is written step by step there,
so the file of the flow is written here; what is timed is the whole command `python flow.py run`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

HEAD = "from metaflow import FlowSpec, step\n\n\nclass Flow(FlowSpec):\n"
STEP = "    @step\n    def {name}(self{more}):\n        {body}\n        {leads}\n\n"
TAIL = '\nif __name__ == "__main__":\n    Flow()\n'


def chain(length: int) -> str:
    names = ["start", *(f"step{number}" for number in range(length - 2)), "end"]
    steps = [
        STEP.format(
            name=name,
            more="",
            body="self.n = 0" if name == "start" else "self.n = self.n + 1",
            leads="pass" if name == "end" else f"self.next(self.{following})",
        )
        for name, following in zip(names, [*names[1:], ""], strict=True)
    ]
    return HEAD + "".join(steps) + TAIL


def fan(width: int) -> str:
    steps = [
        ("start", "", f"self.numbers = list(range({width}))", 'self.next(self.square, foreach="numbers")'),
        ("square", "", "self.n = self.input * self.input", "self.next(self.join)"),
        ("join", ", inputs", "pass", "self.next(self.end)"),
        ("end", "", "pass", "pass"),
    ]
    text = "".join(STEP.format(name=name, more=more, body=body, leads=leads) for name, more, body, leads in steps)
    return HEAD + text + TAIL


def main() -> None:
    text = {"chain": lambda: chain(100), "fan": lambda: fan(200), "hello": lambda: chain(5)}[sys.argv[1]]()
    file = Path(f"{sys.argv[1]}_flow.py")
    file.write_text(text, encoding="utf-8")
    command = [sys.executable, str(file), "--quiet", "run", "--max-workers", "2", "--max-num-splits", "1000"]
    begun = time.perf_counter()
    subprocess.run(command, check=True, env={**os.environ, "USERNAME": "bench"})
    print(json.dumps({"seconds": time.perf_counter() - begun}), flush=True)


if __name__ == "__main__":
    main()
