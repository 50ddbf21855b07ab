"""Scenes, some at a time, until there were enough kills of every kind or the time is over."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.soak import postgres
from tests.soak.board import Board
from tests.soak.rows import NoRow
from tests.soak.scene import Casting, Scene

_EXAMINED_EVERY = 8


def soak(
    seed: int,
    *,
    kills: int,
    seconds: float,
    lanes: int = 2,
    with_server: bool = True,
    only: Sequence[int] = (),
    tell: Callable[[Board, int], None] = lambda board, scenes: None,
) -> Board:
    """Play scenes until `kills` are made and nothing is missed, at most for `seconds`; what has begun is ended.

    `only` are the numbers of the scenes to play, if there are to be no others. `tell` hears of the board after each.
    """
    board, folder = Board(), Path(tempfile.mkdtemp(prefix="tidemill-soak-"))
    deadline = time.monotonic() + seconds
    playing: list[tuple[Scene, Iterator[None]]] = []
    begun = 0

    def more() -> bool:
        if only:
            return begun < len(only)
        enough = board.kills >= kills and not board.missed
        return not enough and not board.findings and time.monotonic() < deadline

    with postgres.server() if with_server else contextlib.nullcontext("") as server:
        try:
            while playing or more():
                while len(playing) < lanes and more():
                    number = only[begun] if only else begun
                    casting = Casting(seed, number, folder, server, examined=number % _EXAMINED_EVERY == 3)
                    scene = Scene(casting, board)
                    playing.append((scene, scene.play()))
                    begun += 1
                for one in list(playing):
                    try:
                        next(one[1])
                    except StopIteration:
                        playing.remove(one)
                        tell(board, begun - len(playing))
                    except NoRow as error:
                        board.findings.append(str(error))
                        playing.remove(one)
                        one[0].end()
                    except Exception:
                        board.findings.append(f"the soak itself failed:\n{traceback.format_exc()}")
                        playing.remove(one)
                        one[0].end()
                time.sleep(0.005)
        finally:
            for scene, _ in playing:
                scene.end()
    board.other["scenes"] = begun
    if not board.findings:
        shutil.rmtree(folder, ignore_errors=True)
    return board
