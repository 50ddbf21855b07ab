"""`tidemill decision`: what was decided about models, why, and whether it can be trusted."""

from __future__ import annotations

from typing import Any

import click

from tidemill.actions.decisions import (
    Outcome,
    Replayed,
    list_decisions,
    replay_decision,
    replay_decisions,
    show_decision,
    verify_decisions,
)
from tidemill.cli import looks
from tidemill.cli.calling import examples, json_option, opened_to_read
from tidemill.cli.deciding import decision_document, tell_decision, tell_fault, tell_replayed, when
from tidemill.cli.main import Globals
from tidemill.cli.output import Out, Part
from tidemill.cli.verdicts import verdict_part
from tidemill.core.errors import InputError


@click.group(epilog=examples("tidemill decision ls churn", "tidemill decision show latest", "tidemill decision verify"))
def decision() -> None:
    """Look at what gates decided, judge it again, and verify that nothing was changed.

    Every decision is a record in one chain: each names the digest of the one before. DECISION is an id, the beginning
    of one, a number of the chain, or `latest`.
    """


@decision.command(
    epilog=examples(
        "tidemill decision ls",
        "tidemill decision ls churn --verdict fail",
        "tidemill decision ls --all --documents --json > decisions.json",
    )
)
@click.argument("model", metavar="[MODEL]", default="")
@click.option("--model", "about", default="", metavar="NAME", help="Only those about this model, as MODEL.")
@click.option("--verdict", default="", metavar="VERDICT", help="Only PASS, FAIL, NODATA or ERROR.")
@click.option("--kind", default="", metavar="KIND", help="Only decisions of this kind, such as gate.")
@click.option(
    "--run",
    "run_id",
    default="",
    metavar="RUN",
    help="Only those made in this run: an id, the beginning of one, `latest`.",
)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="At most so many.")
@click.option("--all", "every", is_flag=True, help="All of them.")
@click.option("--documents", is_flag=True, help="With --json: the canonical text of each too, as it is in the chain.")
@json_option
@click.pass_obj
def ls(
    given: Globals,
    model: str,
    about: str,
    verdict: str,
    kind: str,
    run_id: str,
    limit: int,
    every: bool,
    documents: bool,
    wants_json: bool,
) -> None:
    """List decisions, about MODEL or about all, the newest one first."""
    if documents and not wants_json:
        raise InputError("--documents is for programs", remedy="add --json, or use `tidemill decision show`")
    if model and about and model != about:
        raise InputError(f"two models are named, {model!r} and {about!r}", remedy="leave out one of them")
    model = model or about
    out = Out(given, wants_json)
    most = None if every else limit + 1
    with opened_to_read(given) as app:
        found = list_decisions(app, model, kind=kind, verdict=verdict, run=run_id, limit=most)
    shown = found if every else found[:limit]
    if wants_json:
        more = [{"document": one.document} if documents else {} for one in shown]
        plain = [{**decision_document(one), **extra} for one, extra in zip(shown, more, strict=True)]
        out.document({"decisions": plain, "more": len(found) > len(shown)})
        return
    if not shown:
        out.say("There are no such decisions. A gate in a pipeline makes them.")
        return
    kinds = {one.about.kind for one in shown} != {"gate"}
    heads = (">#", "DECISION", "DECIDED", "VERDICT", *(["KIND"] if kinds else []), "MODEL", "BY")
    rows: list[tuple[Part, ...]] = [
        (
            str(one.about.number),
            (one.id, "bold"),
            when(one.about.made_at, looks.day_and_time),
            verdict_part(one.about.verdict),
            *([one.about.kind] if kinds else []),
            one.about.model,
            one.about.actor,
        )
        for one in shown
    ]
    out.table(heads, rows, give=len(heads) - 2)
    if len(found) > len(shown):
        out.say(("There are more: --limit N, or --all.", "dim"))


@decision.command(
    epilog=examples(
        "tidemill decision show latest",
        "tidemill decision show latest --model churn",
        "tidemill decision show d_3f2a --json | sha256sum",
    )
)
@click.argument("which", metavar="[DECISION]", default="latest")
@click.option("--model", default="", metavar="NAME", help="The latest one about this model.")
@click.option("--run", "run_id", default="", metavar="RUN", help="The latest one made in this run.")
@json_option
@click.pass_obj
def show(given: Globals, which: str, model: str, run_id: str, wants_json: bool) -> int:
    """Show a decision: verdict, checks, evidence.

    Every check has its numbers and a sentence; slices have a table. Below it says who decided when, about what.

    With --json it is the canonical document itself, byte by byte: the SHA-256 of it is the digest of the record.
    """
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        found = show_decision(app, which, model=model, run=run_id)
    if wants_json:
        out.console.file.write(found.decision.document + ("\n" if out.console.is_terminal else ""))
    else:
        tell_decision(out, found)
    return 1 if found.damage else 0


@decision.command(
    epilog=examples(
        "tidemill decision verify",
        "tidemill decision verify --expect sha256:5f2c0e...   # the digest that was noted last time",
    )
)
@click.option("--expect", default="", metavar="DIGEST", help="Fail unless a record has this digest.")
@json_option
@click.pass_obj
def verify(given: Globals, expect: str, wants_json: bool) -> int:
    """Verify that the chain is whole.

    Looks at every record: none changed, none missing, none in another's place.

    Whoever may write to the database could make the whole chain anew. Note the digest of the last record elsewhere,
    and give it as --expect the next time. The exit code is 1 if anything is wrong.
    """
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        found = verify_decisions(app, expect)
    if wants_json:
        faults = [
            {"wrong": one.wrong.value, "number": one.number, "id": one.id, "sentence": one.sentence}
            for one in found.faults
        ]
        head = {"number": found.last, "id": found.id, "digest": found.digest}
        document: dict[str, Any] = {"whole": found.whole, "records": found.count, "head": head}
        out.document({**document, "expected_at": found.expected_at, "faults": faults, "more": found.more})
        return 0 if found.whole else 1
    for fault in found.faults:
        tell_fault(out, fault)
    if found.more:
        out.say(f"  and {found.more} more")
    if found.whole:
        what = "one record is" if found.count == 1 else f"{found.count} records are"
        out.say(
            ("✓ ", "green"), f"{what} as written, and none is missing" if found.count else "there is no decision yet"
        )
    if found.expected_at is not None:
        since = found.last - found.expected_at
        out.say(
            ("✓ ", "green"),
            f"the digest that was expected is that of record {found.expected_at}",
            f"; {looks.plural(since, 'decision')} since" if since else ", the last one",
        )
    if found.count and found.whole:
        out.say(("The last one is ", "dim"), found.id, (", its digest:", "dim"))
        out.say(found.digest)
    return 0 if found.whole else 1


@decision.command(
    epilog=examples(
        "tidemill decision replay latest",
        "tidemill decision replay --all              # in CI: exit code 1 if any differs",
    )
)
@click.argument("which", metavar="[DECISION]", default="")
@click.option("--all", "every", is_flag=True, help="Every decision, the oldest first.")
@click.option("--model", default="", metavar="NAME", help="With --all: those about this model.")
@json_option
@click.pass_obj
def replay(given: Globals, which: str, every: bool, model: str, wants_json: bool) -> int:
    """Judge a decision again, and compare.

    By its recorded rule, evidence and facts, with the code of today; the models are not needed. Says whether the
    judgement is the same to the last byte, or which numbers differ, and what has changed of the deciding code. The exit
    code is 1 if anything differs or cannot be judged again.
    """
    if every == bool(which) or (model and not every):
        raise InputError(
            "say which decision, or --all", remedy="tidemill decision replay latest, or tidemill decision replay --all"
        )
    out = Out(given, wants_json)
    with opened_to_read(given) as app:
        if not every:
            done = replay_decision(app, which)
            out.document(_replay_document(done)) if wants_json else tell_replayed(out, done)
            return 0 if done.outcome in (Outcome.EQUAL, Outcome.UNJUDGED) else 1
        found = replay_decisions(app, model)
    counts = {outcome.value: number for outcome, number in found.counts.items()}
    if wants_json:
        out.document({**counts, "wrong": [_replay_document(one) for one in found.wrong]})
        return 1 if found.wrong else 0
    for one in found.wrong:
        tell_replayed(out, one)
    mark = ("✗ ", "red") if found.wrong else ("✓ ", "green")
    equal = found.counts[Outcome.EQUAL]
    out.say(mark, f"{equal} of {sum(counts.values())} are the same to the last byte")
    if unjudged := found.counts[Outcome.UNJUDGED]:
        out.say((f"  {unjudged} had no judge: nothing to repeat", "dim"))
    return 1 if found.wrong else 0


def _replay_document(done: Replayed) -> dict[str, Any]:
    judged = done.judged
    return {
        **decision_document(done.decision),
        "outcome": done.outcome.value,
        "verdict_now": judged.verdict if judged is not None else "",
        "differences": [
            {"where": one.where, "then": one.then, "now": one.now} for one in (judged.differences if judged else ())
        ],
        "code": list(judged.code) if judged is not None else [],
        "trouble": done.trouble or (judged.failed if judged is not None else ""),
    }
