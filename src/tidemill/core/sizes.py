"""Amounts of bytes as people read them."""

from __future__ import annotations


def size_text(count: int) -> str:
    """Bytes for people: 1.2 GB."""
    amount = float(count)
    units = ["bytes", "kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount /= 1000
        del units[0]
    return f"{amount:.0f} bytes" if units[0] == "bytes" else f"{amount:.1f} {units[0]}"
