"""The whole idea in a hundred lines: a graph as data, a pure decision, one transaction a turn, a process a task.

python docs/sketch.py runs.db        kill it at any moment, start it again: it goes on, and ends the same.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import traceback
from dataclasses import dataclass

# --- authoring: calling a task inside a pipeline adds a node; what it gives back stands for its output ---

TASKS, GRAPH = {}, []


@dataclass(frozen=True)
class Node:
    id: str  # also the name of its function
    inputs: dict  # name -> ("const", value) | ("output", node) | ("item",)
    each: str = ""  # run once for each item of this node's output
    retries: int = 0


def task(function):
    TASKS[function.__name__] = function
    return lambda **given: add(function.__name__, given)


def add(name, given, **options):
    inputs = {key: value if isinstance(value, tuple) else ("const", value) for key, value in given.items()}
    GRAPH.append(Node(name, inputs, **options))
    return ("output", name)


def each(name, items, retries=0, **given):
    return add(name, {"item": ("item",), **given}, each=items[1], retries=retries)


# --- planning: one pure function says what should happen with a node, given how everything stands ---


def step(node, rows):
    """rows: {(node, index): (state, tries, value)}, index -1 is the node itself. Gives the moves that are due:
    ("end", node, state, value) or ("start", node, index, inputs)."""
    ups = [how[1] for how in node.inputs.values() if how[0] == "output"] + ([node.each] if node.each else [])
    ends = [rows.get((up, -1), ("pending", 0, None)) for up in ups]
    if (node.id, -1) in rows and rows[node.id, -1][0] != "running":
        return []
    if any(state == "failed" for state, _, _ in ends):
        return [("end", node.id, "failed", None)]
    if not all(state == "succeeded" for state, _, _ in ends):
        return []
    items = rows[node.each, -1][2] if node.each else [None]
    mine = [rows.get((node.id, index), ("ready", 0, None)) for index in range(len(items))]
    if any(state == "failed" for state, _, _ in mine):
        return [("end", node.id, "failed", None)]
    if all(state == "succeeded" for state, _, _ in mine):
        values = [value for _, _, value in mine]
        return [("end", node.id, "succeeded", values if node.each else values[0])]

    def bind(how, index):
        return {"const": lambda: how[1], "item": lambda: items[index], "output": lambda: rows[how[1], -1][2]}[how[0]]()

    ready = [index for index, row in enumerate(mine) if row[0] == "ready"]
    return [("start", node.id, i, {key: bind(how, i) for key, how in node.inputs.items()}) for i in ready]


def settle(node, row, report):
    """An attempt's end -> the new row: again if it failed and may be retried."""
    ok, value = report
    return ("succeeded" if ok else "ready" if row[1] <= node.retries else "failed", row[1], value)


# --- the engine: observe, decide, record in one transaction, and only then act ---


def run(path, slots=2):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE IF NOT EXISTS rows (node, at, state, tries, value, PRIMARY KEY (node, at))")
    rows = {(n, at): (s, t, json.loads(v)) for n, at, s, t, v in db.execute("SELECT * FROM rows")}
    for key, (state, tries, _) in rows.items():  # recovery: what was out when we died is put back, nothing else
        rows[key] = ("ready" if state == "running" and key[1] >= 0 else state, tries, rows[key][2])
    nodes, out = {node.id: node for node in GRAPH}, {}
    while True:
        changed, starts = {}, []
        while moves := [move for node in GRAPH for move in step(node, {**rows, **changed}) if move[0] == "end"]:
            changed.update({(name, -1): (state, 0, value) for _, name, state, value in moves})
        for node in GRAPH:
            for _, name, index, inputs in [m for m in step(node, {**rows, **changed}) if m[0] == "start"]:
                if len(out) + len(starts) < slots:
                    changed[name, index] = ("running", rows.get((name, index), ("", 0))[1] + 1, None)
                    starts.append((name, index, inputs))
        rows.update(changed)
        db.execute("BEGIN IMMEDIATE")
        db.executemany(
            "REPLACE INTO rows VALUES (?,?,?,?,?)", [(*k, *v[:2], json.dumps(v[2])) for k, v in rows.items()]
        )
        db.execute("COMMIT")
        out.update({fork(name, inputs): (name, index) for name, index, inputs in starts})
        if not out:
            return {node.id: rows.get((node.id, -1), ("pending", 0, None))[::2] for node in GRAPH}
        pid, report = wait(out)
        name, index = out.pop(pid)
        rows[name, index] = settle(nodes[name], rows[name, index], report)


# --- the worker: a process that calls one function and reports once ---

PIPES = {}


def fork(name, inputs):
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            report = (True, TASKS[name](**inputs))
        except Exception:
            report = (False, traceback.format_exc(limit=-1))
        os.write(writing, json.dumps(report).encode())
        os._exit(0)
    os.close(writing)
    PIPES[pid] = reading
    return pid


def wait(out):
    pid, _ = os.wait()
    with os.fdopen(PIPES.pop(pid)) as pipe:
        said = pipe.read()
    return pid, json.loads(said) if said else (False, "the process went away")


# --- a user's pipeline ---


@task
def depths(most):
    return list(range(1, most + 1))


@task
def train(item, rows):
    print(f"train depth {item} in process {os.getpid()}", file=sys.stderr)
    if os.environ.get("SKETCH_DIES_AT") == str(item):
        os.kill(os.getppid(), 9)
    return {"depth": item, "score": 1 - 1 / (item * rows)}


@task
def best(models):
    return max(models, key=lambda model: model["score"])


found = depths(most=4)
models = each("train", found, retries=1, rows=100)
best(models=models)

if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1])["best"]))
