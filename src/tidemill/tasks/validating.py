"""`validate`: rows held against a contract, in a pipeline or in a plain call. What breaks it stops what comes after."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tidemill.authoring import Dataset, task
from tidemill.lifecycle.contracts.checking import check
from tidemill.lifecycle.contracts.contract import Contract
from tidemill.lifecycle.contracts.documents import contract_of as read_contract
from tidemill.lifecycle.contracts.findings import ContractBroken, ContractResult
from tidemill.lifecycle.contracts.model import Column
from tidemill.lifecycle.contracts.page import page
from tidemill.lifecycle.contracts.tables import rows_of
from tidemill.worker.context import Context, NoContext, current

__all__ = ["Column", "Contract", "ContractBroken", "Validated", "read_contract", "validate"]

LINES = 5
"""Warnings that are said one by one."""


class Validated(NamedTuple):
    """`rows` may go on, `quarantined` are set aside; `result` is the document of every rule, `passed` always true."""

    rows: Dataset
    quarantined: Dataset
    result: dict[str, Any]
    passed: bool


@task
def validate(rows: Dataset, contract: Path | str | dict[str, Any] | Contract) -> Validated:
    """Hold rows against a contract.

    Rows: a DataFrame, a pyarrow Table, a list of dicts, or the path of a CSV or Parquet file. The contract: an object,
    plain data, or the path of its YAML. Raises ContractBroken if anything of it is broken that blocks. In a run the
    result is kept in any case, as the pushed output `result`, and as the page `page`.
    """
    here = _context()
    rule = read_contract(contract)
    table = rows_of(rows, {column.name: column.type for column in rule.columns if column.type is not None})
    now = here.started_at if here is not None else datetime.now(UTC)
    result = check(rule, table, now, here.interval_end if here is not None else None)
    if here is not None:
        _tell(here, result)
    if not result.passed:
        raise ContractBroken(result)
    on, aside = table.kept(result.mask)
    return Validated(on, aside, result.to_value(), result.passed)


def _context() -> Context | None:
    try:
        return current()
    except NoContext:
        return None


def _tell(here: Context, result: ContractResult) -> None:
    """Kept before anything is raised, so that it can be looked at whatever the end."""
    file = here.scratch / "contract.html"
    file.write_text(page(result), encoding="utf-8")
    here.push("page", file, kind="Report")
    if not result.passed:
        here.push("result", result.to_value())
    for found in result.warnings[:LINES]:
        here.logger.warning("contract %s: %s", result.contract, found.sentence)
    if len(result.warnings) > LINES:
        here.logger.warning("contract %s: %d more warnings", result.contract, len(result.warnings) - LINES)
    if result.quarantined and result.passed:
        here.logger.warning("contract %s: %d rows are set aside", result.contract, result.quarantined)
