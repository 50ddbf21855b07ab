"""By how much an engine's memory grows while a big run goes through it, in a process of its own: `FOLDER FILE`.

The idle engine has its home and executor open and has run a few tasks; what it then reads of the big run's definition
counts as growth, as does everything else, at its peak.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from bench.workshop import Workshop
from tidemill.actions.compile import compile_pipeline

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def main() -> None:
    folder, file = sys.argv[1:]
    with Workshop(Path(folder)) as shop:
        shop.run(compile_pipeline(f"{file}:few"))
        idle = _memory("VmRSS")
        _CLEAR.write_text("5")  # the peak is counted anew from here
        shop.run(compile_pipeline(f"{file}:ten_thousand"))
        print(json.dumps({"idle": idle, "growth": _memory("VmHWM") - idle, "after": _memory("VmRSS") - idle}))


def _memory(name: str) -> float:
    """In MB of a million bytes."""
    found = re.search(rf"^{name}:\s*(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024 / 1e6


if __name__ == "__main__":
    main()
