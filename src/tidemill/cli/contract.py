"""`tidemill contract`: contracts shown, held against data, and a first one written from data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from tidemill.actions.contracts import check_data, first_contract, show_contract, write_contract
from tidemill.cli import looks
from tidemill.cli.calling import examples, json_option
from tidemill.cli.main import Globals
from tidemill.cli.output import Out, Part
from tidemill.lifecycle.contracts.findings import FEW, ContractResult, Finding
from tidemill.lifecycle.contracts.model import Kind, Severity
from tidemill.lifecycle.contracts.rules import Rule
from tidemill.lifecycle.contracts.words import name_text
from tidemill.lifecycle.verdicts import Verdict

BROKEN = 1
_WORDS = {Verdict.PASS: "holds", Verdict.FAIL: "broken", Verdict.NODATA: "no data", Verdict.ERROR: "error"}


@click.group(
    epilog=examples(
        "tidemill contract init data/orders.csv -o orders.yaml",
        "tidemill contract check orders.yaml data/orders.csv",
        "tidemill contract show orders.yaml",
    )
)
def contract() -> None:
    """Hold data against a contract: types, ranges, sets, empty cells, keys, freshness, units.

    A contract is a YAML file with an owner; in a pipeline the task `validate` of `tidemill.tasks` keeps it.
    """


@contract.command(
    epilog=examples(
        "tidemill contract check orders.yaml data/orders.csv",
        "tidemill contract check orders.yaml data/orders.parquet --all",
    )
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path))
@click.option("--all", "every", is_flag=True, help="Show every rule, also those that hold.")
@json_option
@click.pass_obj
def check(given: Globals, file: Path, data: Path, every: bool, wants_json: bool) -> int:
    """Hold DATA against the contract in FILE.

    DATA is a CSV, Parquet or Arrow file. The exit code is 1 if the contract is broken. Custom checks that FILE names
    are run: do not check a contract that you do not trust.
    """
    out = Out(given, wants_json)
    result = check_data(file, data, datetime.now(UTC))
    if wants_json:
        document = result.to_value()
        out.document({**document, "checked_at": looks.iso(result.checked_at)})
    else:
        _tell(out, result, every)
    return 0 if result.passed else BROKEN


@contract.command(
    epilog=examples(
        "tidemill contract init data/orders.csv",
        "tidemill contract init data/orders.csv -o orders.yaml --owner data-team@example.com",
        "tidemill contract init people.parquet -o people.yaml --sensitive email --sensitive name",
    )
)
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path))
@click.option("-o", "--output", default="", metavar="FILE", help="Write the contract there instead of printing it.")
@click.option("--name", default="", metavar="NAME", help="What to call it, instead of as the data is called.")
@click.option("--owner", default="", metavar="WHO", help="Who answers for the data.")
@click.option("--sensitive", multiple=True, metavar="COLUMN", help="Never show values of it; may be repeated.")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@json_option
@click.pass_obj
def init(
    given: Globals,
    data: Path,
    output: str,
    name: str,
    owner: str,
    sensitive: tuple[str, ...],
    force: bool,
    wants_json: bool,
) -> None:
    """Write a first contract from DATA: what was seen, made wider, with what was seen beside it.

    It is there to be edited. DATA is a CSV, Parquet or Arrow file.
    """
    out = Out(given, wants_json)
    text = first_contract(data, name, owner, sensitive)
    if output:
        write_contract(Path(output), text, force)
    if wants_json:
        out.document({"contract": text, "written": output or None})
    elif output:
        out.say("The contract is written to ", (output, "bold"), "; edit it, then:")
        if not owner:
            out.say(("  first put a name behind `owner:`, until then nobody answers for this data", "yellow"))
        out.say("  ", (f"tidemill contract check {output} {data}", "bold"))
    else:
        # As it is, so that it can be piped into a file: every value in it was escaped by YAML.
        out.console.file.write(text)


@contract.command(epilog=examples("tidemill contract show orders.yaml"))
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def show(given: Globals, file: Path, wants_json: bool) -> None:
    """Show every rule of the contract in FILE, with what happens if it is broken and who answers for it."""
    out = Out(given, wants_json)
    shown, found = show_contract(file)
    if wants_json:
        out.document(
            {
                "contract": shown.to_value(),
                "digest": shown.digest,
                "rules": [_rule_document(rule) for rule in found],
            }
        )
        return
    out.say((name_text(shown.name), "bold"), f"  {looks.plural(len(found), 'rule')}, owner: {_owner(shown.owner)}")
    if not shown.owner:
        _say_nobody(out)
    if shown.description:
        out.say(("  ", "dim"), shown.description)
    owners = {rule.owner for rule in found} - {shown.owner}
    out.table(
        ("COLUMN", "RULE", "IF BROKEN", *(["OWNER"] if owners else []), "DEMANDED"),
        (
            (
                (name_text(rule.title), "bold"),
                rule.kind.value,
                rule.severity.value,
                *([name_text(rule.owner)] if owners else []),
                rule.words,
            )
            for rule in found
        ),
    )


def _owner(owner: str) -> str:
    return name_text(owner) if owner else "nobody is named"


def _rule_document(rule: Rule) -> dict[str, Any]:
    return {
        "rule": rule.kind.value,
        "columns": list(rule.columns),
        "severity": rule.severity.value,
        "owner": rule.owner,
        "demanded": rule.words,
        "tolerated": rule.tolerate,
        "max_share": rule.max_share if rule.severity is Severity.QUARANTINE else None,
    }


def _tell(out: Out, result: ContractResult, every: bool) -> None:
    state = "holds" if result.passed else "is broken" if result.verdict is Verdict.FAIL else "cannot be judged"
    mark, style = out.state("succeeded" if result.passed else "failed")
    said = [looks.plural(result.rows, "row"), looks.plural(len(result.findings), "rule")]
    said += [looks.plural(len(result.warnings), "warning")] if result.warnings else []
    said += [f"{looks.plural(result.quarantined, 'row')} set aside"] if result.quarantined else []
    owner = ", ".join(map(name_text, result.owners)) or _owner("")
    out.say(
        (f"{mark.split()[0]} ", style),
        (f"contract {name_text(result.contract)} {state}", "bold"),
        f"  {', '.join(said)}",
    )
    out.say(("  owner  ", "dim"), (owner, "" if result.passed else "bold"))
    if not result.owners:
        _say_nobody(out)
    told = {one.column for one in result.findings if one.verdict in (Verdict.FAIL, Verdict.ERROR)}
    behind = [one for one in result.findings if _is_behind(one, result, told) and not every]
    shown = [one for one in result.findings if every or not (one.passed or one in behind)]
    shown.sort(key=lambda one: (one.passed, not one.blocks))
    if not result.rows and not any(one.rule == Kind.ROWS.value for one in shown):
        out.say(("  there are no rows, and nothing can be told without", "bold"))
    if shown:
        out.say()
        out.table(("COLUMN", "RULE", "RESULT", "SEEN"), (_row(one) for one in shown))
    kept = sum(one.passed for one in result.findings)
    more = [f"{looks.plural(kept, 'rule')} more hold{'s' if kept == 1 else ''}"] if kept else []
    why = "for that" if result.rows else "without rows"
    more += [f"{looks.plural(len(behind), 'rule')} could not be judged {why}"] if behind else []
    if more and not every and (shown or behind):
        out.say((f"{', '.join(more)}: add --all to see every rule", "dim"))


def _is_behind(found: Finding, result: ContractResult, told: set[str]) -> bool:
    """Whether it could not be judged for something that is said already."""
    return found.verdict is Verdict.NODATA and (not result.rows or found.column in told)


def _say_nobody(out: Out) -> None:
    out.say(("  nobody is named who answers for this data: write `owner: NAME` into the contract", "yellow"))


def _row(found: Finding) -> tuple[Part, ...]:
    style = "red" if found.blocks else "green" if found.passed else "yellow"
    result = _WORDS[found.verdict]
    if not found.passed and not found.blocks:
        result = "warning" if found.severity is Severity.WARN else result
        result = "set aside" if found.severity is Severity.QUARANTINE and found.verdict is Verdict.FAIL else result
    return (name_text(found.column), "bold"), found.rule, (result, style), "; ".join(_seen(found))


def _seen(found: Finding) -> Iterator[str]:
    whole = found.sentence
    yield whole.removeprefix(f"{name_text(found.column)}: ")
    if found.examples:
        yield ", ".join(map(str, found.examples[:FEW]))
