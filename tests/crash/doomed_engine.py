"""A program that starts a task and waits to be killed: it prints what runs below it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.contract.executor_owner import open_processes

owner = open_processes(Path(sys.argv[1]))
attempt = owner.start("start_children_and_wait")
print(json.dumps(owner.pushed(attempt, "waiting")), flush=True)
sys.stdin.read()
