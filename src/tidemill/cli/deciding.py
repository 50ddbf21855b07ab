"""How decisions look on a terminal, and as JSON: the verdict, checks with their numbers, slices, the chain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from tidemill.actions.decisions import Outcome, Replayed, Shown
from tidemill.cli import looks
from tidemill.cli.output import Out, Part
from tidemill.cli.verdicts import MARKS, verdict_part
from tidemill.core.decisions import Decision, Named, decision_id
from tidemill.lifecycle.decisions.chain import Fault, Wrong

_SLICE = "slice"
_LABEL = 11
_SHOWN = 8
_DIGITS = 12
_LONGEST = 200


def tell_decision(out: Out, found: Shown) -> None:
    """One decision, in 80 columns."""
    about, content = found.decision.about, found.content
    word, style = verdict_part(about.verdict)
    if found.damage:
        _wrapped(out, ("✗ ", "bold red"), f"this record cannot be trusted: {found.damage}", "bold")
    out.say((word, f"bold {style}"), f"  {about.kind} of ", (about.model, "bold"), f"  {found.decision.id}")
    judgement = content.get("judgement")
    judgement = judgement if isinstance(judgement, dict) else {}
    checks = [one for one in judgement.get("checks") or () if isinstance(one, dict)]
    out.say("")
    if checks:
        for check in checks:
            if check.get("kind") != _SLICE:
                _check(out, check)
        _slices(out, [check for check in checks if check.get("kind") == _SLICE], content.get("rule"))
    else:
        for reason in judgement.get("reasons") or ():
            _wrapped(out, "  ", str(reason))
    out.say("")
    _facts(out, found)


def decision_document(one: Decision) -> dict[str, Any]:
    """What a record says of itself, and its place in the chain."""
    about = one.about
    return {
        "number": about.number,
        "id": one.id,
        "kind": about.kind,
        "model": about.model,
        "verdict": about.verdict,
        **{
            name: {"artifact": named.artifact, "digest": named.digest} if named else None
            for name, named in (
                ("candidate", about.candidate),
                ("champion", about.champion),
                ("evidence", about.evidence),
            )
        },
        "run": about.run,
        "path": about.path,
        "actor": about.actor,
        "made_at": about.made_at,
        "digest": one.digest,
        "prev": about.prev,
    }


def tell_fault(out: Out, fault: Fault) -> None:
    """What is wrong with a chain, in a line."""
    who = f"record {fault.number} ({fault.id}): " if fault.wrong not in (Wrong.MISSING, Wrong.EXPECTED) else ""
    _wrapped(out, ("✗ ", "red"), who + fault.sentence)


def tell_replayed(out: Out, done: Replayed) -> None:
    """What judging again gave."""
    about, judged = done.decision.about, done.judged
    who = f"decision {about.number} ({done.decision.id}) about {about.model}: "
    if done.outcome is Outcome.UNJUDGED:
        out.say(("○ ", "dim"), who, f"no code judges a {about.kind}: there is nothing to repeat")
        return
    if judged is None:
        _wrapped(out, ("✗ ", "red"), f"{who}it cannot be judged again: {done.trouble}")
        return
    if judged.equal:
        out.say(("✓ ", "green"), who, f"{about.verdict}, the same to the last byte")
    elif judged.failed:
        _wrapped(out, ("✗ ", "red"), f"{who}the judge failed: {judged.failed}")
    elif judged.verdict != about.verdict:
        out.say(("✗ ", "red"), who, f"it was {about.verdict}, and is {judged.verdict} now")
    else:
        places = looks.plural(len(judged.differences), "place")
        out.say(("✗ ", "red"), who, f"{about.verdict} again, but it differs in {places}")
    for one in judged.differences[:_SHOWN]:
        out.say("  ", one.where)
        for label, found in (("then", one.then), ("now", one.now)):
            _wrapped(out, (f"    {label:<6}", "dim"), looks.cut(found, _LONGEST))
    if len(judged.differences) > _SHOWN:
        out.say((f"  and {len(judged.differences) - _SHOWN} more", "dim"))
    _code(out, judged.code, judged.equal)


def _code(out: Out, changes: Iterable[str], equal: bool) -> None:
    changes = list(changes)
    if changes:
        out.say("  Of what decides, since then:")
        for change in changes[:_SHOWN]:
            out.say(("    ", "dim"), change)
        if len(changes) > _SHOWN:
            out.say((f"    and {len(changes) - _SHOWN} more", "dim"))
    elif not equal:
        out.say("  The deciding code and its libraries are what they were.")


def _check(out: Out, check: Mapping[str, Any]) -> None:
    mark, style = MARKS.get(str(check.get("verdict")), ("○", ""))
    aside = "" if check.get("counts", True) else " (does not count)"
    _wrapped(out, (f"{mark} ", style), str(check.get("sentence") or check.get("name") or "") + aside)
    if numbers := _numbers(check):
        _wrapped(out, "    ", numbers, "dim")


def _numbers(check: Mapping[str, Any]) -> str:
    """All numbers of a check, those that it has."""
    parts = []
    for name, words in (("candidate", "candidate"), ("champion", "champion")):
        if name in check:
            parts.append(f"{words} {number(check[name])}")
    if "difference" in check:
        parts.append(f"gain {number(check['difference'], signed=True)}{_interval(check)}")
    if "p" in check:
        parts.append(f"p {number(check['p'])}" + (f" ({check['test']})" if check.get("test") else ""))
    if "threshold" in check:
        parts.append(f"demanded {number(check['threshold'])}")
    if check.get("n"):
        parts.append(looks.plural(int(check["n"]), "row") if isinstance(check["n"], int) else "")
    if "needed" in check:
        parts.append(f"{number(check['needed'])} needed")
    return ", ".join(part for part in parts if part)


def _interval(check: Mapping[str, Any]) -> str:
    if "low" not in check and "high" not in check:
        return ""
    low, high = (number(check.get(name), signed=True) or "…" for name in ("low", "high"))
    return f" [{low}, {high}]"


def _slices(out: Out, checks: list[Mapping[str, Any]], rule: Any) -> None:
    """A table with what was demanded above it, and below it why some could not be told."""
    if not checks:
        return
    out.say("")
    asked = rule.get("slices") if isinstance(rule, dict) else None
    asked = asked if isinstance(asked, dict) else {}
    metric = next((str(check["metric"]) for check in checks if check.get("metric")), "")
    margin = number(asked.get("no_worse_than")) or "0"
    _wrapped(
        out,
        "",
        f"Slices by {metric or 'the metric'}: none worse than the champion by more than {margin} beyond doubt, at the "
        f"level {number(asked.get('alpha')) or '0.05'} for all together. P is the chance of such a loss by luck.",
    )
    rows: list[tuple[Part, ...]] = []
    for check in (one for one in checks if "p" in one):
        mark, style = MARKS.get(str(check.get("verdict")), ("○", ""))
        rows.append(
            (
                (f"{mark} {check.get('slice') or check.get('name') or ''}", style),
                number(check.get("candidate")),
                number(check.get("champion")),
                number(check.get("difference"), signed=True) + _interval(check),
                number(check.get("p")),
                number(check.get("n")),
            )
        )
    if any("p" in check for check in checks):
        out.table(("SLICE", ">CANDIDATE", ">CHAMPION", ">GAIN", ">P", ">ROWS"), rows)
    for check in checks:
        if "p" not in check:
            _check(out, check)


def _facts(out: Out, found: Shown) -> None:
    about, content = found.decision.about, found.content
    code = content.get("code") or {}
    changed = "; changed since" if found.code else "; the same here"
    rows: list[tuple[str, str]] = [
        ("Decided", f"{when(about.made_at, looks.moment)} by {about.actor or 'nobody named'}"),
        ("Run", f"{about.run}, task {about.path}"),
        ("Candidate", _named(about.candidate)),
        ("Champion", _named(about.champion)),
        ("Evidence", _named(about.evidence)),
        ("Rule", _short(str(content.get("rule_digest") or ""))),
        ("Code", _short(str(code.get("digest") or "")) + changed if code else "none: nothing judged it"),
        ("Chain", f"record {about.number} of {found.head.number}, after {_prev(about.prev)}"),
    ]
    for label, text in rows:
        _wrapped(out, (f"{label:<{_LABEL}}", "dim"), text)
    if about.evidence and code:
        out.say((f"`tidemill decision replay {about.number}` judges it again.", "dim"))


def when(text: str, shown: Callable[[datetime], str]) -> str:
    """A recorded moment as `shown` shows it; as it is, if somebody changed it to what is none."""
    try:
        return shown(datetime.fromisoformat(text))
    except ValueError:
        return text


def _named(named: Named) -> str:
    return f"{named.artifact}  {_short(named.digest)}" if named else "none"


def _prev(digest: str) -> str:
    return decision_id(digest) if digest else "nothing: it is the first"


def _short(digest: str) -> str:
    method, found, digits = digest.partition(":")
    return f"{method}:{digits[:_DIGITS]}…" if found and len(digits) > _DIGITS else digest or "none"


def number(found: Any, signed: bool = False) -> str:
    """A number with four digits that count, a text as it is, and nothing for None."""
    if found is None or isinstance(found, bool):
        return ""
    if isinstance(found, int):
        return f"{found:+d}" if signed else str(found)
    if isinstance(found, float):
        return f"{found:+.4g}" if signed else f"{found:.4g}"
    return str(found)


def _wrapped(out: Out, first: Part, text: str, style: str = "") -> None:
    """A paragraph behind its mark or label, indented by its width."""
    if out.wants_json:
        return
    head = out.text(first)
    lines = list(out.text((text, style)).wrap(out.console, max(min(out.width, 100) - head.cell_len, 20)))
    for n, line in enumerate(lines or [out.text("")]):
        line.rstrip()
        out.say(head if n == 0 else " " * head.cell_len, line)
