"""Counts how often crash points are passed in a process and in all that it starts, and kills whoever makes one pass.

Counted in files of a folder, which all these processes share; TIDEMILL_CRASH names it: `FOLDER:point:n`, or `FOLDER`.
"""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from pathlib import Path

from tidemill.core import crash
from tidemill.worker.arming import VARIABLE

WHERE = "TIDEMILL_CRASH"
ROOT = Path(__file__).resolve().parents[2]
_NAMES, _KILLED = "names", "killed"
ELSEWHERE = {
    "gc.run-taken": "crash/test_collecting.py",
    "gc.run-removed": "crash/test_collecting.py",
    "gc.part-removed": "crash/test_collecting.py",
    "gc.records-removed": "crash/test_collecting.py",
    "gc.before-bytes": "crash/test_collecting.py",
    "gc.bytes-removed": "crash/test_collecting.py",
    "artifact.before-upload": "contract/test_remote_store.py",
    "artifact.after-upload": "contract/test_remote_store.py",
    "mirror.after-alias": "contract/test_mlflow_mirror.py",
    "mirror.after-create-run": "contract/test_mlflow_mirror.py",
    "mirror.after-create-version": "contract/test_mlflow_mirror.py",
    "mirror.after-file": "contract/test_mlflow_mirror.py",
    "mirror.after-log": "contract/test_mlflow_mirror.py",
    "mirror.before-alias": "contract/test_mlflow_mirror.py",
    "mirror.before-create-run": "contract/test_mlflow_mirror.py",
    "mirror.before-create-version": "contract/test_mlflow_mirror.py",
    "mirror.before-mark": "contract/test_mlflow_mirror.py",
}
"""Points that no run of a local home passes, and where processes are killed at them."""


def in_sources() -> set[str]:
    """The names of all points, as they are written in the sources."""
    sources = (ROOT / "src" / "tidemill").rglob("*.py")
    return {name for file in sources for name in re.findall(r"\bpoint\(\"([\w.-]+)\"\)", file.read_text())}


def environment(folder: Path, point: str = "", nth: int = 0) -> dict[str, str]:
    """What a process needs in its environment before it calls `arm`; `folder` is made."""
    folder.mkdir(parents=True)
    (folder / _NAMES).write_text("\n".join(sorted(in_sources())))
    where = f"{folder}:{point}:{nth}" if point else str(folder)
    return {VARIABLE: f"{__name__}:arm", WHERE: where, "PYTHONPATH": str(ROOT)}


def arm() -> None:
    folder, _, rest = os.environ[WHERE].partition(":")
    point, _, nth = rest.partition(":")
    for name in Path(folder, _NAMES).read_text().splitlines():
        deadly = int(nth) if name == point else 0
        crash.arm(name, lambda name=name, deadly=deadly: _pass(Path(folder), name, deadly))  # type: ignore[misc]


def counted(folder: Path) -> Counter[str]:
    """How often each point was passed."""
    own = {_NAMES, _KILLED}
    return Counter({file.name: file.stat().st_size for file in folder.iterdir() if file.name not in own})


def killed(folder: Path) -> int | None:
    """The id of the process that was killed at the point, if any."""
    file = folder / _KILLED
    return int(file.read_text()) if file.exists() else None


def _pass(folder: Path, name: str, deadly: int) -> None:
    file = os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, b".")
    # Where an append ended is known even when others append as well.
    number = os.lseek(file, 0, os.SEEK_CUR)
    os.close(file)
    if number == deadly:
        (folder / _KILLED).write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
