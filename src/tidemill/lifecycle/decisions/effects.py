"""The effect by which a task has a decision recorded: once, in the transaction that records the effect itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidemill.core.decisions import About, Named
from tidemill.core.errors import InputError, NotFound, did_you_mean
from tidemill.core.values import ArtifactRef, Json, Value
from tidemill.engine.requests import ActionContext
from tidemill.lifecycle.decisions import record
from tidemill.lifecycle.verdicts import Verdict
from tidemill.storage.metadata import artifacts, decisions, runs
from tidemill.storage.metadata.encoding import required_moment_out

_TAKES = frozenset({"kind", "model", "rule", "facts", "judgement", "evidence", "candidate", "champion", "code"})


def record_decision(context: ActionContext, arguments: Mapping[str, Any]) -> Value:
    """Append a decision to the team's chain. Answers with {"id": "d_...", "number": N, "digest": "sha256:..."}.

    arguments:
      kind       who judged: "gate"
      model      the model's name
      judgement  `Judgement.to_value()`: plain data with `verdict` (PASS, FAIL, NODATA, ERROR) and `reasons` (texts)
      rule       `Gate.to_value()`
      facts      plain data that the judge was given; nan and infinity as texts
      evidence   Artifact: the table that the judge was given
      candidate  Artifact: the model judged; its digest is what a registry looks for
      champion   Artifact: the model it was compared with
      code       `deciding_code(kind)` of `lifecycle.decisions.code`
    All but kind, model and judgement may be left out or None. Raises InputError.
    """
    for name in arguments:
        if name not in _TAKES:
            raise InputError(f"record_decision takes no {name!r}", remedy=did_you_mean(name, _TAKES))
    judgement = _judgement(arguments)
    named = {name: _named(context, arguments, name) for name in ("candidate", "champion", "evidence")}
    head = decisions.lock_head(context.connection, context.team)
    about = About(
        team=context.team,
        number=head.number + 1,
        kind=_text(arguments, "kind"),
        model=_text(arguments, "model"),
        verdict=str(judgement["verdict"]),
        run=context.run,
        path=context.path,
        actor=runs.get(context.connection, context.run).actor,
        made_at=required_moment_out(context.now),
        prev=head.digest,
        **named,
    )
    made = record.made(
        about,
        rule=arguments.get("rule"),
        facts=_mapping(arguments, "facts"),
        judgement=judgement,
        code=_mapping(arguments, "code"),
    )
    decisions.append(context.connection, made)
    return {"id": made.id, "number": about.number, "digest": made.digest}


def _judgement(arguments: Mapping[str, Any]) -> Mapping[str, Json]:
    judgement = _mapping(arguments, "judgement")
    verdicts = [verdict.value for verdict in Verdict]
    if judgement.get("verdict") not in verdicts:
        raise InputError("the judgement has no verdict", remedy=f"its `verdict` is one of {', '.join(verdicts)}")
    reasons = judgement.get("reasons")
    if not isinstance(reasons, list) or not all(isinstance(reason, str) for reason in reasons):
        raise InputError("the judgement has no reasons", remedy="its `reasons` is a list of sentences")
    return judgement


def _named(context: ActionContext, arguments: Mapping[str, Any], name: str) -> Named:
    match arguments.get(name):
        case None:
            return Named()
        case ArtifactRef(id=id_, at=()):
            found = artifacts.get_many(context.connection, context.team, [id_]).get(id_)
            if found is None:
                raise NotFound(f"the {name} of the decision, artifact {id_}, is not recorded")
            return Named(found.id, found.digest or found.uri)
        case _:
            raise InputError(
                f"the {name} of a decision is a whole artifact", remedy="annotate the parameter as Artifact to pass it"
            )


def _mapping(arguments: Mapping[str, Any], name: str) -> Mapping[str, Json]:
    found = arguments.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InputError(f"the {name} of a decision is a dict, not a {type(found).__name__}")
    return found


def _text(arguments: Mapping[str, Any], name: str) -> str:
    found = arguments.get(name)
    if not isinstance(found, str) or not found:
        raise InputError(f"a decision needs a text {name!r}")
    return found
