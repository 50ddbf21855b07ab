"""Checks of one's own: the function is found, called with the rows, its answer read. A strange one is no pass."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tidemill.core.bindings import FunctionRef
from tidemill.lifecycle.contracts.columns import Incomparable
from tidemill.lifecycle.contracts.judging_rows import Offenders
from tidemill.lifecycle.contracts.judging_tables import Measured
from tidemill.lifecycle.contracts.model import Check
from tidemill.lifecycle.contracts.tables import Rows
from tidemill.lifecycle.verdicts import Verdict
from tidemill.worker.functions import load_function

LONGEST_ANSWER = 300


def judge_custom(check: Check, rows: Rows, folder: str) -> Offenders | Measured:
    """`True` and true rows are what holds. Raises whatever the function raises, and Incomparable for its answer."""
    answer = load_function(reference(check.function, folder))(rows.frame())
    match answer:
        case bool() | np.bool_():
            return Measured(Verdict.PASS if answer else Verdict.FAIL, checked=rows.count)
        case (bool() | np.bool_() as holds, str(said)):
            return Measured(Verdict.PASS if holds else Verdict.FAIL, said[:LONGEST_ANSWER], checked=rows.count)
        case Mapping():
            return _told(answer, rows.count)
        case pd.Series() | np.ndarray() | list() | pa.Array() | pa.ChunkedArray():
            return Offenders(~_mask(answer, rows.count), rows.count)
    raise Incomparable(
        f"{check.function} gave {_kind(answer)}: expected are true or false, one for each row, (holds, message), "
        "or {'passed': ..., 'message': ..., 'count': ...}"
    )


def reference(function: str, folder: str) -> FunctionRef:
    """Where a function is: a file, a module beside the contract, or a module that can be imported."""
    where, _, name = function.rpartition(":")
    if where.endswith(".py"):
        path = Path(folder) / where
        return FunctionRef(path.stem, name, str(path.absolute()))
    beside = (Path(folder) / where.replace(".", "/")).with_suffix(".py")
    if all(part.isidentifier() for part in where.split(".")) and beside.is_file():
        return FunctionRef(where, name, str(beside.absolute()))
    return FunctionRef(where, name)


def _mask(answer: Any, count: int) -> np.ndarray[Any, Any]:
    if isinstance(answer, pa.Array | pa.ChunkedArray):
        answer = answer.to_pandas()
    if isinstance(answer, pd.Series):
        # What is neither true nor false does not hold.
        answer = answer.fillna(False).to_numpy() if answer.isna().any() else answer.to_numpy()
    found = np.asarray(answer)
    if found.dtype == object and all(isinstance(one, bool | np.bool_) for one in found.flat):
        found = found.astype(bool)
    if found.dtype != bool or found.shape != (count,):
        raise Incomparable(f"an answer for each of {count:,} rows is true or false; this is {_kind(answer)}")
    return found


def _told(answer: Mapping[Any, Any], checked: int) -> Measured:
    holds = answer.get("passed")
    count = answer.get("count", 0)
    examples = answer.get("examples", ())
    if not isinstance(holds, bool | np.bool_) or isinstance(count, bool) or not isinstance(count, int | np.integer):
        raise Incomparable("a mapping as an answer has `passed`, true or false, and may have `count`, a whole number")
    message = str(answer.get("message", ""))[:LONGEST_ANSWER]
    values = tuple(examples)[:5] if isinstance(examples, list | tuple) else ()
    return Measured(Verdict.PASS if holds else Verdict.FAIL, message, "", checked, max(int(count), 0), values)


def _kind(answer: Any) -> str:
    shape = getattr(answer, "shape", None)
    dtype = getattr(answer, "dtype", None)
    length = f" of {len(answer):,}" if shape is None and isinstance(answer, list | tuple) else ""
    return f"a {type(answer).__name__}{length}" + (f" of {dtype}, shape {shape}" if shape is not None else "")
