"""One scene of the soak: a home, one or two runs in it at once, and somebody who stops and kills their processes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.soak import postgres, processes, verdict
from tests.soak.board import Board
from tests.soak.carriage import Carriage
from tests.soak.engine import LEASE_SECONDS, EngineProcess, Place
from tests.soak.graphs import POOL, random_graph
from tests.soak.processes import Seen
from tidemill.actions.doctor import examine
from tidemill.actions.pools import set_pool
from tidemill.app import App
from tidemill.core.graph_json import pipeline_text
from tidemill.settings import Settings

STUCK_SECONDS = 180.0
"""After so long without a kill or a stop a run that is not over is taken to be stuck."""

PATIENCE = 60.0
"""Seconds for the last processes to end."""

LOST = "engines that stood still and lost their run"

_STOPS = (0.05, 0.3, 1.0, 3.0, 7.0)


_SPARED = 0.8
"""How often an engine that has nobody to help it yet is left alone: on a slow machine it would never get further."""


@dataclass(frozen=True)
class Casting:
    """What a scene is about, all of it from the seed and the number."""

    seed: int
    number: int
    folder: Path
    server: str = ""
    examined: bool = False

    @property
    def dice(self) -> random.Random:
        return random.Random(f"{self.seed}/{self.number}")


@dataclass(frozen=True)
class _Stopped:
    """`dies`: it does not wake up."""

    until: float
    carriage: Carriage
    engine: EngineProcess
    seen: Seen
    dies: bool


class Scene:
    """Iterate over `play` until its end; it never waits for long."""

    def __init__(self, casting: Casting, board: Board) -> None:
        self._casting = casting
        self._board = board
        self._dice = casting.dice
        self._folder = casting.folder / f"scene{casting.number}"
        self._kills = self._dice.randint(6, 16)
        self._stopped: dict[int, _Stopped] = {}
        self._carriages: list[Carriage] = []

    def play(self) -> Iterator[None]:
        inline = self._casting.number % 7 == 5
        on_server = bool(self._casting.server) and self._casting.number % 4 == 2
        name = f"soak{os.getpid()}_{self._casting.number}"
        url = postgres.new_database(self._casting.server, name) if on_server else ""
        home = self._folder / "home"
        settings = Settings(
            home, database_url=url, executor="inline" if inline else "processes", lease_seconds=LEASE_SECONDS
        )
        findings: list[str] = []
        with App(settings) as app:
            set_pool(app, POOL, 1)
            for number in range(2 if self._dice.random() < 0.3 else 1):
                self._carriages.append(self._carriage(app, f"r{self._casting.number}x{number}", inline, url))
            yield from self._torment()
            for carriage in self._carriages:
                findings += carriage.judge()
                self._board.runs["inline" if inline else "processes"] += 1
                self._board.runs["PostgreSQL" if on_server else "SQLite"] += 1
            findings += verdict.home_is_wrong(app)
            deadline = time.monotonic() + PATIENCE
            while (left := processes.naming(self._folder)) and time.monotonic() < deadline:
                yield
            findings += [f"process {pid} ({processes.state(pid)}) is left: {said}" for pid, said in left.items()]
        if self._casting.examined:
            found = examine({"TIDEMILL_HOME": str(home), "TIDEMILL_DATABASE_URL": url})
            findings += [f"doctor: {one.name}: {one.text}" for one in found.findings if one.level.value == "problem"]
            findings += [f"doctor: {one.text}" for one in found.findings if one.name == "runs" and one.remedy]
            self._board.other["homes examined by the doctor"] += 1
        if on_server:
            postgres.drop_database(self._casting.server, name)
        self._board.findings += [f"scene {self._casting.number}: {text}" for text in findings]
        if not findings:
            shutil.rmtree(self._folder)

    def end(self) -> None:
        """Leave nothing of it behind, whatever state it is in."""
        for carriage in self._carriages:
            for engine in carriage.engines:
                engine.process.kill()
                engine.process.join()
        for pid in processes.naming(self._folder):
            processes.send(pid, signal.SIGKILL)

    def _carriage(self, app: App, salt: str, inline: bool, url: str) -> Carriage:
        folder = self._folder / salt
        folder.mkdir()
        graph = random_graph(self._dice, salt, self._dice.randint(8, 30), inline)
        place = Place(
            app.settings.home, folder, pipeline_text(graph.pipeline), salt, app.settings.executor, database_url=url
        )
        return Carriage(place, graph, app, self._board, self._dice)

    # --- what is done to the processes ----------------------------------------------------------------------------

    def _torment(self) -> Iterator[None]:
        for carriage in self._carriages:
            carriage.launch(self._kills)
        next_at = touched = time.monotonic() + self._pause()
        while not all(carriage.over for carriage in self._carriages):
            now = time.monotonic()
            for carriage in self._carriages:
                died = carriage.step(self._kills)
                self._kills -= died
                touched = now if died else touched
            self._let_go(now)
            under_way = [carriage for carriage in self._carriages if not carriage.over and now >= carriage.quiet_until]
            if self._kills > 0 and now >= next_at and under_way:
                self._act(self._dice.choice(under_way), now)
                next_at, touched = now + self._pause(), now
            if now - touched > STUCK_SECONDS:
                self._carriages[0].findings.append(f"stuck: {self._described()}")
                self.end()
                break
            yield
        self._let_go(float("inf"))

    def _pause(self) -> float:
        return 0.01 + self._dice.expovariate(1 / 0.25)

    def _let_go(self, now: float) -> None:
        """Let those go on that stood still for long enough, or end them."""
        for pid, stopped in list(self._stopped.items()):
            if now < stopped.until:
                continue
            del self._stopped[pid]
            if stopped.dies and self._kills > 0 and processes.state(pid) == "T":
                self._kill(stopped.carriage, stopped.engine, stopped.seen)
            else:
                processes.send(pid, signal.SIGCONT)

    def _act(self, carriage: Carriage, now: float) -> None:
        found = list(carriage.processes())
        if not found or ({seen.target for _, seen in found} == {"engine"} and self._dice.random() < _SPARED):
            return
        stops = self._dice.random() < 0.25
        counted = self._board.stops if stops else self._board.targets
        target = self._board.rarest(self._dice, sorted({seen.target for _, seen in found}), counted)
        engine, seen = self._dice.choice([(engine, seen) for engine, seen in found if seen.target == target])
        if stops:
            self._stop(carriage, engine, seen, now)
        else:
            self._kill(carriage, engine, seen)

    def _stop(self, carriage: Carriage, engine: EngineProcess, seen: Seen, now: float) -> None:
        if not processes.send(seen.pid, signal.SIGSTOP):
            return
        seconds = self._dice.choice(_STOPS)
        if seen.target == "engine" and not self._board.other[LOST] * 5 > self._board.stops["engine"]:
            seconds = _STOPS[-1]
        self._board.stops[seen.target] += 1
        if seen.target == "engine" and seconds > LEASE_SECONDS:
            seconds = LEASE_SECONDS + self._dice.choice((0.3, 0.6, 2.0))
            if carriage.in_hand:
                # It loses its run to another engine, and has to notice when it wakes up.
                carriage.contested = True
                carriage.launch(0, taking_over=True)
                self._board.other[LOST] += 1
        carriage.stood_still |= seen.target == "engine"
        dies = seconds < LEASE_SECONDS and self._dice.random() < 0.5
        self._stopped[seen.pid] = _Stopped(now + seconds, carriage, engine, seen, dies)

    def _kill(self, carriage: Carriage, engine: EngineProcess, seen: Seen) -> None:
        """Stopped first, it is where it was seen to be when it dies."""
        if not processes.send(seen.pid, signal.SIGSTOP):
            return
        deadline = time.monotonic() + 5.0
        while (state := processes.state(seen.pid)) not in ("T", "t", "", "Z", "X") and time.monotonic() < deadline:
            time.sleep(0.001)
        if state in ("", "Z", "X"):
            return
        row = carriage.row_of(engine, seen)
        if processes.send(seen.pid, signal.SIGKILL):
            self._stopped.pop(seen.pid, None)
            self._board.kill(seen.target, row)
            self._kills -= 1

    def _described(self) -> str:
        found = []
        for carriage in self._carriages:
            seen = [f"{one.target} {one.pid} {processes.state(one.pid)}" for _, one in carriage.processes()]
            said = [engine.said[-2000:] for engine in carriage.engines]
            found.append(f"{carriage.place.salt} over={carriage.over} {seen} {said}")
        return "; ".join(found)
