"""How the candidate behaves, whatever the champion does: nulls, shares of classes, indifference, direction, latency.

Pure: the tries themselves were made when the evidence was, see `weighing_probes`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tidemill.lifecycle.evaluation.columns import column_of
from tidemill.lifecycle.evaluation.evidence import CANDIDATE, CHANGED, RAISED, RESPONSE, label, nulls_in
from tidemill.lifecycle.evaluation.gate import Behaviour, Latency, Trend
from tidemill.lifecycle.evaluation.judging_parts import Check, Kind
from tidemill.lifecycle.evaluation.judging_words import closing, rows
from tidemill.lifecycle.verdicts import Verdict

_REACH = 1e-9
"""How far a response may move the wrong way by rounding alone, relative to its size."""


def behaviour_checks(
    demanded: Behaviour, latency: tuple[Latency, ...], evidence: pd.DataFrame, facts: Mapping[str, Any]
) -> Iterator[Check]:
    """A check for each demand; none of them needs a champion."""
    wrong = facts.get("behaviour", {})
    if demanded.no_null:
        yield _no_null(evidence)
    if demanded.minority is not None:
        yield _minority(demanded.minority, evidence, facts)
    for name in demanded.invariant:
        yield _invariant(name, evidence, wrong.get(CHANGED + name, ""), name in facts.get("unseen", ()))
    for name, trend in demanded.monotone:
        yield _monotone(name, trend, evidence, wrong.get(RAISED + name, ""))
    for item in latency:
        yield _latency(item, facts.get("latency", {}))


def _no_null(evidence: pd.DataFrame) -> Check:
    n, found = len(evidence), nulls_in(evidence, CANDIDATE)
    verdict = Verdict.NODATA if not n else Verdict.FAIL if found else Verdict.PASS
    sentence = closing(f"the candidate gives no answer for {found} of {rows(n)}, none demanded", verdict)
    return Check("no_null", Kind.BEHAVIOUR, verdict, sentence, candidate=float(found), threshold=0.0, n=n)


def _minority(least: float, evidence: pd.DataFrame, facts: Mapping[str, Any]) -> Check:
    predicted = column_of(evidence[CANDIDATE])
    said = [str(label(value)) for value in predicted.values[~predicted.nulls].tolist()]
    classes = [str(one) for one in facts[CANDIDATE]["classes"]] or sorted(set(said))
    n = len(said)
    if not n:
        return _nothing("minority")
    counts = (
        {one: said.count(one) for one in classes} if len(classes) > 1 else {**dict.fromkeys(classes, n), "any other": 0}
    )
    rarest = min(counts, key=lambda one: (counts[one], one))
    share = counts[rarest] / n
    verdict = Verdict.PASS if share >= least else Verdict.FAIL
    sentence = (
        f"the class {rarest} is {share:.1%} of the candidate's answers for {rows(n)}, at least {least:.1%} demanded"
    )
    return Check("minority", Kind.BEHAVIOUR, verdict, closing(sentence, verdict), candidate=share, threshold=least, n=n)


def _invariant(name: str, evidence: pd.DataFrame, wrong: str, unseen: bool) -> Check:
    title = f"invariant {name}"
    if wrong:
        return _failed(title, f"whether {name!r} matters could not be tried: {wrong}")
    n = len(evidence)
    if not n:
        return _nothing(title)
    changed = int(evidence[CHANGED + name].sum())
    verdict = Verdict.FAIL if changed else Verdict.PASS
    aside = " (the model is not shown this column)" if unseen else ""
    sentence = f"shuffling {name!r} changes {changed} of {n} answers, none demanded{aside}"
    return Check(
        title, Kind.BEHAVIOUR, verdict, closing(sentence, verdict), candidate=float(changed), threshold=0.0, n=n
    )


def _monotone(name: str, trend: Trend, evidence: pd.DataFrame, wrong: str) -> Check:
    title = f"monotone {name}"
    if wrong:
        return _failed(title, f"what {name!r} moves could not be tried: {wrong}")
    n = len(evidence)
    if not n:
        return _nothing(title)
    before = evidence[RESPONSE].to_numpy(dtype=float)
    moved = evidence[RAISED + name].to_numpy(dtype=float) - before
    astray = int((~((moved if trend is Trend.UP else -moved) >= -_REACH * np.maximum(1.0, np.abs(before)))).sum())
    verdict = Verdict.FAIL if astray else Verdict.PASS
    way = "down" if trend is Trend.UP else "up"
    sentence = f"raising {name!r} moves the score {way} in {astray} of {rows(n)}, none demanded"
    return Check(
        title, Kind.BEHAVIOUR, verdict, closing(sentence, verdict), candidate=float(astray), threshold=0.0, n=n
    )


def _latency(item: Latency, measured: Mapping[str, Any]) -> Check:
    calls = int(measured.get("calls", 0))
    if measured.get("error"):
        return _failed(item.name, f"a single row could not be timed: {measured['error']}", Kind.LATENCY)
    needed = math.ceil(100 / (100 - item.percentile) - 1e-9)
    if calls < needed:
        sentence = (
            f"{item.name}: {calls} single rows were timed, and {needed} are needed to see this percentile: "
            f"{needed - calls} more"
        )
        return Check(item.name, Kind.LATENCY, Verdict.NODATA, closing(sentence, Verdict.NODATA), n=calls, needed=needed)
    taken = float(measured[f"p{item.percentile:g}"])
    verdict = Verdict.PASS if taken <= item.max_ms else Verdict.FAIL
    sentence = (
        f"{item.percentile:g} % of {calls} single rows are answered within {taken:.3g} ms, "
        f"at most {item.max_ms:g} ms demanded"
    )
    return Check(
        item.name, Kind.LATENCY, verdict, closing(sentence, verdict), candidate=taken, threshold=item.max_ms, n=calls
    )


def _nothing(title: str) -> Check:
    return Check(
        title, Kind.BEHAVIOUR, Verdict.NODATA, closing(f"{title}: there are no rows", Verdict.NODATA), needed=1
    )


def _failed(title: str, sentence: str, kind: Kind = Kind.BEHAVIOUR) -> Check:
    return Check(title, kind, Verdict.ERROR, closing(sentence, Verdict.ERROR))
