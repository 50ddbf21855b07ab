"""Contracts outside of a run: shown, held against data, and a first one written from data.

What looks at rows needs the extra `ml`, and is loaded by its name where it is asked for.
"""

from __future__ import annotations

import importlib
import os
import re
from datetime import datetime
from pathlib import Path
from types import ModuleType

from tidemill.core.errors import InputError, StateError
from tidemill.lifecycle.contracts.contract import Contract
from tidemill.lifecycle.contracts.documents import read_file
from tidemill.lifecycle.contracts.findings import ContractResult
from tidemill.lifecycle.contracts.rules import Rule, rules

_CHECKING = "tidemill.lifecycle.contracts.checking"
_INFERRING = "tidemill.lifecycle.contracts.inferring"


class LibraryMissing(InputError):
    """Rows cannot be looked at without the libraries of an extra."""

    code = "library-missing"


def show_contract(file: Path) -> tuple[Contract, tuple[Rule, ...]]:
    """The contract in a YAML file, and its rules. No code that it names is run. Raises what reading it raises."""
    contract = read_file(file)
    return contract, rules(contract)


def check_data(file: Path, data: Path, now: datetime) -> ContractResult:
    """The contract in a YAML file held against a CSV, Parquet or Arrow file. Its custom checks are run.

    Raises what reading either raises.
    """
    contract = read_file(file)
    result: ContractResult = _load(_CHECKING).check(contract, data, now)
    return result


def first_contract(data: Path, name: str, owner: str, sensitive: tuple[str, ...]) -> str:
    """YAML of a contract that the data fulfils, with what was seen beside it. Raises InputError; also for no rows."""
    inferring = _load(_INFERRING)
    rows = inferring.rows_of(data)
    if not rows.count:
        raise InputError(
            "there are no rows to make a contract from", place=str(data), remedy="give a table that has some"
        )
    unknown = [column for column in sensitive if not rows.has(column)]
    if unknown:
        raise InputError(f"the data has no column {unknown[0]!r}", remedy=f"it has {', '.join(rows.names[:20])}")
    written: str = inferring.infer(rows, name or re.sub(r"[^\w-]+", "-", data.name.partition(".")[0]), owner, sensitive)
    return written


def write_contract(file: Path, text: str, force: bool) -> None:
    """Raises StateError if the file is there, InputError if it cannot be written."""
    try:
        with file.open("w" if force else "x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise StateError(
            f"the file {file} is there already", remedy="--force replaces it; without -o the text is printed"
        ) from None
    except OSError as error:
        raise InputError(f"the file cannot be written: {os.strerror(error.errno or 0)}", place=str(file)) from None


def _load(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise LibraryMissing(
            f"looking at rows needs {error.name}, which is not installed", remedy="pip install 'tidemill[ml]'"
        ) from error
