"""A process that has everything imported and nothing of the user's: for each order it forks, and the child compiles the
project, tells its plan, runs it with the tasks in itself, and says what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from tidemill.actions.plan import plan
from tidemill.authoring.compile import compile_file
from tidemill.core.clock import EPOCH
from tidemill.core.errors import TidemillError
from tidemill.testing import inline_app


@dataclass(frozen=True, slots=True)
class Answer:
    """`reasons`: why a task would not be reused, for those of which that is known beforehand; `ran`: which were called.

    `error`: why the project could not even be read.
    """

    reasons: Mapping[str, str] = field(default_factory=dict)
    ran: tuple[str, ...] = ()
    error: str = ""


class Shopkeeper:
    """The other end of that process. Use as a context manager."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.stories.shopkeeper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(environment),
            cwd=Path(__file__).parents[2],
        )

    def __enter__(self) -> Shopkeeper:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._process.communicate()
        assert self._process.returncode == 0

    def order(self, file: Path, home: Path, params: Mapping[str, Any], **more: Any) -> Answer:
        """Further keywords: `env` to be added, `days` after the beginning, `team`, `seed`, `refresh`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        said = {"file": str(file), "home": str(home), "params": dict(params), **more}
        print(json.dumps(said), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        return Answer(answer.get("reasons", {}), tuple(answer.get("ran", ())), answer.get("error", ""))


def _answer(said: dict[str, Any]) -> dict[str, Any]:
    home = Path(said["home"])
    ledger = home.with_suffix(".ledger")
    ledger.write_text("")
    os.environ.update({**said.get("env", {}), "LEDGER": str(ledger)})
    refresh = tuple(said.get("refresh", ()))
    try:
        pipeline = compile_file(said["file"])
    except TidemillError as error:
        return {"error": str(error)}
    start = EPOCH + timedelta(days=said.get("days", 0))
    with inline_app(home, start=start, team=said.get("team", "main")) as app:
        lines = plan(app, pipeline, said["params"], refresh)
        run = app.run(pipeline, said["params"], seed=said.get("seed"), refresh=refresh)
    if run.state.value != "succeeded":
        return {"error": str(run)}
    reasons = {line.path: line.reason for line in lines if line.action == "run" and line.reason}
    return {"reasons": reasons, "ran": ledger.read_text().split()}


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                print(json.dumps(_answer(json.loads(line))), flush=True)
            except BaseException as error:
                print(json.dumps({"error": repr(error)}), flush=True)
                raise
            finally:
                sys.stderr.flush()
                os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
