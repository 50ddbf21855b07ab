"""The process that tasks are spawned from where forking is not safe: it imports nothing that they need.

Run as `python -m tidemill.worker.spawner`, in place of the template that found out.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass

from tidemill.worker.arming import arm
from tidemill.worker.kernel import adopt_orphans, die_with
from tidemill.worker.nursery import Berth, Nursery
from tidemill.worker.setting import Setting


@dataclass(frozen=True, slots=True)
class Spawning:
    """Begins the processes of a nursery."""

    setting: Setting

    def __call__(self, berth: Berth) -> int:
        """Its process id. Raises OSError."""
        channel, output, errors = berth.descriptors
        program = [sys.executable, "-P", "-m", "tidemill.worker.spawned"]
        child = subprocess.Popen(
            [*program, str(os.getpid()), str(channel), self.setting.to_text()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            pass_fds=(channel,),
        )
        # It is waited for by the nursery, with all others, and not by that object.
        child.returncode = 0
        return child.pid


def main() -> None:
    control, parent = int(sys.argv[1]), int(sys.argv[2])
    setting = Setting.from_text(sys.argv[3])
    die_with(parent, signal.SIGTERM)
    adopt_orphans()
    os.set_inheritable(control, False)
    arm()
    Nursery(socket.socket(fileno=control), Spawning(setting), setting.spawn_because).run()


if __name__ == "__main__":
    main()
