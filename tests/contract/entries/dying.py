"""An entry whose import ends the process."""

from __future__ import annotations

import os
import sys

print("about to die", file=sys.stderr, flush=True)
os._exit(7)
