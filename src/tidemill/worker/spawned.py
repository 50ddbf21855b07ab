"""A process for one task where forking is not safe: imports the entry, then waits for its ticket.

Run as `python -m tidemill.worker.spawned`, one for each attempt.
"""

from __future__ import annotations

import os
import sys
import traceback

from tidemill.worker.arming import arm
from tidemill.worker.child import get_ready, leave, serve, take_over
from tidemill.worker.setting import Setting


def main() -> None:
    parent, channel = int(sys.argv[1]), int(sys.argv[2])
    setting = Setting.from_text(sys.argv[3])
    take_over(parent, 1, 2)
    get_ready()
    os.set_inheritable(channel, False)
    arm()
    setting.import_entry(tell=False)
    status = 1
    try:
        status = serve(channel, setting.scratch_root, tells=True)
    except BaseException:
        traceback.print_exc()
    leave(status)


if __name__ == "__main__":
    main()
