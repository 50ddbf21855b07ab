"""`python -m tidemill`: the same as the command `tidemill`."""

from __future__ import annotations

import sys

from tidemill.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
