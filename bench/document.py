"""The document of a measurement: everything in the table, and every sample behind it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from bench.machine import Machine
from bench.row import Durability
from bench.sampling import middle
from bench.table import Result


def document(machine: Machine, at: datetime, results: Sequence[Result]) -> dict[str, Any]:
    """Plain JSON; the rows are found by their names in the table."""
    return {
        "at": at.isoformat(timespec="seconds"),
        "machine": {**asdict(machine), "idle": machine.idle},
        "rows": {result.row.name: _row(result) for result in results},
    }


def _row(result: Result) -> dict[str, Any]:
    row, measured = result.row, result.measured
    return {
        "key": row.key,
        "reference": row.reference,
        "unit": row.unit,
        "ours": middle(measured.ours),
        "bare": middle(measured.bare),
        "ratio": result.ratio,
        "target": str(row.target) if row.target else row.promise or None,
        "aim": str(row.aim) if row.aim else None,
        "verdict": result.verdict.value,
        "remark": result.remark,
        "samples": {"ours": list(measured.ours), "bare": list(measured.bare)},
        "durability": {"ours": _side(measured.of_ours), "bare": _side(measured.of_bare)},
        **({"more": dict(measured.more)} if measured.more else {}),
    }


def _side(durability: Durability | None) -> dict[str, Any] | None:
    return asdict(durability) if durability is not None else None
