"""One row in a process of its own, so that no row weighs on the next: `python -m bench.measuring KEY FOLDER TIMES`.

Tells how far it has got on standard error; the last line of standard output is what was measured, as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from bench.listing import chosen
from bench.row import Measured, Row, Site
from tidemill.core.plain import from_plain, to_plain

PATIENCE_S = 600.0


class NotMeasured(Exception):
    """The process of a row ended without an answer; the text is the last thing that it said."""


def measure(row: Row, folder: Path, times: int, say: Callable[[str], None]) -> Measured:
    """Measure in a new process with a new, empty folder in `folder`. Raises NotMeasured."""
    with tempfile.TemporaryDirectory(prefix=f"{row.key}-", dir=folder, ignore_cleanup_errors=True) as own:
        command = [sys.executable, "-m", "bench.measuring", row.key, own, str(times)]
        # A group of its own, so that whatever it leaves behind can be ended with it.
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        alarm = threading.Timer(PATIENCE_S, process.terminate)
        alarm.start()
        last = ""
        try:
            assert process.stderr is not None
            for line in process.stderr:
                last = line.rstrip() or last
                say(last)
            output, _ = process.communicate()
        finally:
            alarm.cancel()
            _end(process)
        if process.returncode != 0:
            raise NotMeasured(last or f"ended with code {process.returncode}")
        return from_plain(Measured, json.loads(output.splitlines()[-1]))


def _end(process: subprocess.Popen[str]) -> None:
    """It may have a server to stop; what is still there after that is killed."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def main() -> None:
    key, folder, times = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(f"stopped: it took more than {PATIENCE_S:.0f} s"))
    (row,) = chosen([key])
    measured = row.measure(Site(Path(folder), int(times), lambda text: print(text, file=sys.stderr, flush=True)))
    print(json.dumps(to_plain(measured)))


if __name__ == "__main__":
    main()
