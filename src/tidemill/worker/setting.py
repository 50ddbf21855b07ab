"""What the process that serves one entry is started with, as one argument of its command line."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

from tidemill.worker.functions import load_module


@dataclass(frozen=True, slots=True)
class Setting:
    """The entry to import, a folder for scratch files, and why its tasks are spawned instead of forked, if they are."""

    module: str = ""
    file: str = ""
    scratch: str = ""
    spawn_because: str = ""

    def to_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Setting:
        return cls(**json.loads(text))

    @property
    def scratch_root(self) -> Path | None:
        return Path(self.scratch) if self.scratch else None

    def import_entry(self, *, tell: bool) -> ModuleType | None:
        """Import the entry. If that fails, the task that needs it fails in the same way and says so in its own log."""
        # After everything that is installed: a file of the project must not shadow a library.
        sys.path.append(os.getcwd())
        sys.argv = [self.file or self.module]
        if self.module:
            with contextlib.suppress(Exception):
                try:
                    return load_module(self.module, self.file)
                except Exception:
                    if tell:
                        traceback.print_exc()
                    raise
        return None
