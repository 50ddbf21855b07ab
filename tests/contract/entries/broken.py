"""An entry whose import fails."""

from __future__ import annotations

raise RuntimeError("broken at import")
