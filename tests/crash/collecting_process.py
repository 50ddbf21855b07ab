"""A collection in a process of its own, which may be told to die at a crash point: `python -m ... HOME`."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from tidemill.actions.collecting.decide import Policy
from tidemill.actions.gc import collect
from tidemill.testing import inline_app
from tidemill.testing.crash import from_environment

if __name__ == "__main__":
    from_environment()
    with inline_app(Path(sys.argv[1])) as app:
        app.leaping.advance(3600)
        print(*collect(app, Policy(keep=1, grace=timedelta(0))).runs)
