"""One run and the engines that carry it: an engine that was killed is followed by another, until the run has ended."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from tests.soak import tracing, verdict
from tests.soak.board import Board
from tests.soak.engine import DATABASE_AWAY, IN_OTHER_HANDS, EngineProcess, Order, Place, find
from tests.soak.graphs import Graph
from tests.soak.processes import Seen
from tests.soak.processes import find as find_processes
from tidemill.app import App

SIGKILLED = -signal.SIGKILL


class Carriage:
    """`step` looks after the engines; `kills` may still be made by crash points that are armed here."""

    def __init__(self, place: Place, graph: Graph, app: App, board: Board, dice: random.Random) -> None:
        self.place = place
        self.graph = graph
        self.engines: list[EngineProcess] = []
        self.known: list[verdict.Kept] = []
        self.contested = self.stood_still = False
        self.over = False
        self.quiet_until = 0.0
        self.findings: list[str] = []
        self._app = app
        self._board = board
        self._dice = dice
        self._launched = 0
        self._told: set[Path] = set()

    def launch(self, kills: int, taking_over: bool = False) -> None:
        """Start an engine for the run, one beside another if it is to take over."""
        self._launched += 1
        run = find(self._app, self.place.salt)
        if self._launched > 1 and not taking_over:
            self._board.other["engines started again"] += 1
            self.known.append(verdict.kept(self._app, run, self.place.ledger))
        deadly = self._dice.random() < 0.6 and kills > 0 and not taking_over
        point, nth = self._board.pass_to_die_at(self._dice) if deadly else ("", 0)
        # Who is to die at a point is left alone for a while, to get there.
        self.quiet_until = time.monotonic() + (1.0 if deadly else 0.0)
        resumes = run is not None and (taking_over or self._dice.random() < 0.6)
        folder = self.place.folder / f"engine{self._launched}"
        order = Order(tracing.environment(folder, point, nth), run.id if run is not None and resumes else "")
        self.engines.append(EngineProcess(self.place, order, folder))

    def step(self, kills: int) -> int:
        """Look after the engines; how many processes have died at crash points since."""
        died = sum(self._died_at_a_point(engine) for engine in self.engines)
        for engine in list(self.engines):
            code = engine.code
            if code is None:
                continue
            died += self._died_at_a_point(engine)
            self.engines.remove(engine)
            if code == DATABASE_AWAY and self.stood_still and self.place.database_url:
                # A server ends the transactions of those that give no sign of life.
                self._board.other["engines that stood still and lost their server"] += 1
            elif code not in (0, SIGKILLED) and not (code == IN_OTHER_HANDS and self.contested):
                self.findings.append(f"an engine ended with exit code {code}:\n{engine.said}")
                self.over = True
            if code == 0 and not self.engines and not self.contested and not self._ended:
                self.findings.append(f"an engine left its run before the end:\n{engine.said}")
                self.over = True
        if not self.engines and not self.over:
            if self._ended:
                self.over = True
            else:
                self.launch(kills - died)
        return died

    def processes(self) -> Iterator[tuple[EngineProcess, Seen]]:
        busy = verdict.at_work(self.place.ledger)
        for engine in self.engines:
            for seen in find_processes(engine.pid, busy):
                yield engine, seen

    def row_of(self, engine: EngineProcess, seen: Seen) -> int:
        """Where a process is; one that has passed nothing is where its kind begins."""
        row = tracing.row_of(engine.folder, seen.pid)
        if row is not None:
            return row
        match seen.target:
            case "engine":
                return 4 if self._launched == 1 else 5
            case "template" | "standby":
                return 8
            case _:
                return 9

    def judge(self) -> list[str]:
        """What is wrong with the run, now that it is over."""
        run = find(self._app, self.place.salt)
        if run is None:
            return [*self.findings, "the run is not recorded"]
        if not run.state.final:
            return [*self.findings, f"the run is {run.state.value}"]
        known = [] if self.contested else self.known
        return [*self.findings, *verdict.run_is_wrong(self._app, run, self.graph, self.place.ledger, known)]

    @property
    def in_hand(self) -> bool:
        """Whether one engine, and no more, has taken the run."""
        run = find(self._app, self.place.salt)
        return len(self.engines) == 1 and run is not None and not run.state.final

    @property
    def _ended(self) -> bool:
        run = find(self._app, self.place.salt)
        return run is not None and run.state.final

    def _died_at_a_point(self, engine: EngineProcess) -> int:
        found = None if engine.folder in self._told else tracing.killed(engine.folder)
        if found is None:
            return 0
        self._told.add(engine.folder)
        self._board.kill(found.target, found.row, found.point)
        return 1
