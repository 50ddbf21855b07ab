"""The gate's judgement: a pure function of rule, evidence and facts, so that it can be repeated years later.

Evidence is a table with one line for each row judged (see `weighing`); facts are plain data about the models and where
they answered. Nothing here loads a model, looks at a clock, or draws a number without the rule's seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from tidemill.core.errors import InputError
from tidemill.lifecycle.evaluation.answers import Answers
from tidemill.lifecycle.evaluation.behaviour import behaviour_checks
from tidemill.lifecycle.evaluation.columns import column_of
from tidemill.lifecycle.evaluation.evidence import CANDIDATE, CHAMPION, CLUSTER, TRUTH, read_answers
from tidemill.lifecycle.evaluation.gate import BadGate, Gate
from tidemill.lifecycle.evaluation.judging_champion import compared_check, demands_of, uncompared_check
from tidemill.lifecycle.evaluation.judging_compare import Pair, test_for
from tidemill.lifecycle.evaluation.judging_parts import Champion, Check, Judgement, Kind
from tidemill.lifecycle.evaluation.judging_words import closing, number, rows
from tidemill.lifecycle.evaluation.metrics import BadMetric, Metric, measure, metric, why_undefined
from tidemill.lifecycle.evaluation.problems import Problem
from tidemill.lifecycle.evaluation.slices import slice_checks, slices_of
from tidemill.lifecycle.verdicts import Verdict

MANY_LEFT_OUT = 0.05
"""From such a share on, rows without a label may be another kind of rows."""

__all__ = ["Champion", "Check", "Judgement", "Kind", "check_rule", "judge"]


def judge(rule: Gate, evidence: pd.DataFrame, facts: Mapping[str, Any]) -> Judgement:
    """What the rule says of the evidence: the same for the same arguments, to the last digit.

    A rule that does not fit the problem or the rows is an ERROR.
    """
    n = len(evidence)
    candidate = facts[CANDIDATE]
    if candidate["error"]:
        return Judgement.of((_no_candidate(candidate["error"], candidate["remedy"]),), Champion.UNASKED, n)
    if not facts["problem"]:
        return Judgement.of((_too_few(rule, n, facts),), Champion.UNASKED, n)
    problem = Problem(facts["problem"])
    misfit = str(facts.get("misfit", "")) or misfit_of(rule, problem)
    if misfit:
        return Judgement.of((_no_fit(misfit),), Champion.UNASKED, n)
    behaviour = tuple(behaviour_checks(rule.behaviour, rule.latency, evidence, facts))
    if n < rule.rows:
        return Judgement.of((_too_few(rule, n, facts), *behaviour), Champion.UNASKED, n)
    try:
        positive = positive_of(rule, facts)
        answers = read_answers(evidence, facts, CANDIDATE, positive)
    except InputError as error:
        return Judgement.of((_no_candidate(error.message, error.remedy), *behaviour), Champion.UNASKED, n)
    state, champion, why = _champion(rule, evidence, facts, answers)
    compared: tuple[Check, ...]
    if champion is not None:
        clusters = evidence[CLUSTER].to_numpy() if rule.cluster else None
        compared = tuple(_compared(rule, problem, Pair(answers, champion, clusters), evidence, facts))
    else:
        compared = tuple(uncompared_check(rule, one, state, answers, why) for one in demands_of(rule, problem))
        if facts[CHAMPION]["same"] and not compared:
            compared = (_is_champion(),)
    thresholds = tuple(_thresholds(rule, problem, answers))
    checks = (*compared[: bool(rule.primary)], *thresholds, *compared[bool(rule.primary) :], *behaviour)
    if state is Champion.NONE and not any(_speaks_of_quality(check) for check in checks):
        checks = (*checks, _nothing_to_go_by())
    if int(facts.get("unlabelled", 0)):
        checks = (*checks, _left_out(n, int(facts["unlabelled"]), str(facts["target"])))
    return Judgement.of(
        checks,
        state,
        n,
        metrics=_measured(rule, answers),
        champion_metrics={} if champion is None else _measured(rule, champion),
    )


def check_rule(rule: Gate, problem: Problem) -> None:
    """Raises BadMetric for a metric of another kind of problem, BadGate for a test or demand that cannot be."""
    for place, name in rule.metrics():
        try:
            metric(name, problem)
        except BadMetric as error:
            raise BadMetric(f"{place}: {error.message}", remedy=error.remedy) from None
    if rule.primary is not None:
        test_for(rule.primary.test, metric(rule.primary.metric, problem), problem, bool(rule.cluster))
    if rule.behaviour.minority is not None and not problem.classifies:
        raise BadGate("a minority share speaks of classes, and this is a regression", remedy="leave out 'minority'")
    if rule.behaviour.monotone and problem is Problem.MULTICLASS:
        raise BadGate("an answer among several classes has no direction", remedy="leave out 'monotone'")


def misfit_of(rule: Gate, problem: Problem) -> str:
    """Why the rule does not fit the problem, in one line; "" if it does."""
    try:
        check_rule(rule, problem)
    except InputError as error:
        return error.in_one_line
    return ""


def positive_of(rule: Gate, facts: Mapping[str, Any]) -> Any:
    """The class that a binary problem looks for: the one the rule names, else the candidate's last, so that the same
    one is looked for in the champion's answers. Raises BadGate for a class that there is not."""
    classes = facts[CANDIDATE]["classes"]
    if facts["problem"] != Problem.BINARY.value:
        return None
    if not rule.positive:
        return classes[-1] if len(classes) == 2 else None
    found = next((one for one in classes if str(one) == rule.positive), None)
    if found is None:
        known = ", ".join(str(one) for one in classes) or "told by no attribute classes_ of the model"
        raise BadGate(f"the candidate knows no class {rule.positive!r}", remedy=f"its classes are {known}")
    return found


def _metric_names(rule: Gate) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for _, name in rule.metrics()))


def _measured(rule: Gate, answers: Answers) -> dict[str, float]:
    return {**measure(answers), **measure(answers, _metric_names(rule))}


def _no_candidate(error: str, remedy: str) -> Check:
    sentence = f"the candidate cannot be judged: {error}" + (f" ({remedy})" if remedy else "")
    return Check("candidate", Kind.CANDIDATE, Verdict.ERROR, closing(sentence, Verdict.ERROR))


def _no_fit(why: str) -> Check:
    sentence = f"the rule does not fit: {why}"
    return Check("rule", Kind.ROWS, Verdict.ERROR, closing(sentence, Verdict.ERROR))


def _is_champion() -> Check:
    sentence = "the candidate is the champion already: nothing is compared, and nothing to promote"
    return Check("champion", Kind.CANDIDATE, Verdict.NODATA, closing(sentence, Verdict.NODATA), counts=False)


def _left_out(n: int, unlabelled: int, target: str) -> Check:
    """Rows that nobody can judge by: told always, and as a warning where they are many."""
    share = unlabelled / (n + unlabelled)
    one = unlabelled == 1
    sentence = f"{unlabelled} of {rows(n + unlabelled)} {'has' if one else 'have'} no value in {target!r}"
    sentence += f" and {'was' if one else 'were'} left out"
    if share > MANY_LEFT_OUT:
        sentence += f", which is {share:.0%}: if they lack it for a reason, the verdict does not hold for such rows"
    return Check("labels", Kind.ROWS, Verdict.NODATA, closing(sentence, Verdict.NODATA), n=unlabelled, counts=False)


def _too_few(rule: Gate, n: int, facts: Mapping[str, Any]) -> Check:
    unlabelled = int(facts.get("unlabelled", 0))
    besides = f" (and {unlabelled} without)" if unlabelled else ""
    found = f"{'is' if n == 1 else 'are'} {rows(n)} with a known {facts['target']!r}{besides}"
    sentence = f"there {found}, at least {rule.rows} demanded"
    more = f"{rule.rows - n} more {'is' if rule.rows - n == 1 else 'are'} needed"
    return Check(
        "rows", Kind.ROWS, Verdict.NODATA, closing(f"{sentence}: {more}", Verdict.NODATA), n=n, needed=rule.rows
    )


# --- the candidate alone ----------------------------------------------------------------------------------------------


def _thresholds(rule: Gate, problem: Problem, answers: Answers) -> Iterator[Check]:
    for kind, items in ((Kind.THRESHOLD, rule.thresholds), (Kind.GUARDRAIL, rule.guardrails)):
        for item in items:
            one = metric(item.metric, problem)
            if item.min is not None:
                yield _threshold(kind, one, answers, item.min, least=True)
            if item.max is not None:
                yield _threshold(kind, one, answers, item.max, least=False)


def _threshold(kind: Kind, one: Metric, answers: Answers, bound: float, *, least: bool) -> Check:
    name = f"{one.name} {'min' if least else 'max'}"
    why = why_undefined(one, answers)
    if why:
        verdict = Verdict.NODATA if one.possible(answers) else Verdict.ERROR
        return Check(
            name, kind, verdict, closing(f"{one.name} cannot be told: {why}", verdict),
            metric=one.name, threshold=bound, n=len(answers),
        )  # fmt: skip
    value = one.measure(answers)
    verdict = Verdict.PASS if (value >= bound if least else value <= bound) else Verdict.FAIL
    demanded = f"at {'least' if least else 'most'} {number(bound)} demanded"
    sentence = f"{one.name} {number(value)} on {rows(len(answers))}, {demanded}"
    return Check(
        name, kind, verdict, closing(sentence, verdict),
        metric=one.name, candidate=value, threshold=bound, n=len(answers),
    )  # fmt: skip


def _speaks_of_quality(check: Check) -> bool:
    return check.counts and bool(check.metric or check.kind is Kind.PRIMARY)


def _nothing_to_go_by() -> Check:
    sentence = (
        "there is no champion to compare with, and nothing else in the rule says how good the first model must be; "
        "add a threshold, or say `first: pass`"
    )
    return Check("first", Kind.PRIMARY, Verdict.NODATA, closing(sentence, Verdict.NODATA))


# --- the champion -----------------------------------------------------------------------------------------------------


def _champion(
    rule: Gate, evidence: pd.DataFrame, facts: Mapping[str, Any], answers: Answers
) -> tuple[Champion, Answers | None, str]:
    """What becomes of the comparison, with the champion's answers, or why there are none."""
    said = facts[CHAMPION]
    if rule.primary is None and rule.slices is None and all(item.no_worse_than is None for item in rule.guardrails):
        return Champion.UNASKED, None, ""
    if not said["there"]:
        return Champion.NONE, None, ""
    if said["same"]:
        return Champion.SAME, None, ""
    version = int(said["version"])
    who = f"the champion (version {version})" if version else "the champion"
    if said["error"]:
        remedy = f" ({said['remedy']})" if said["remedy"] else ""
        return Champion.UNUSABLE, None, f"{who} cannot answer for these rows: {said['error']}{remedy}"
    unknown = _unknown_classes(evidence, said["classes"]) if answers.problem.classifies else ()
    if unknown:
        besides = f"it knows {_few(said['classes'])}, and the rows have {_few(unknown)} besides"
        return Champion.UNUSABLE, None, f"{who} was trained on other classes: {besides}"
    try:
        return Champion.COMPARED, read_answers(evidence, facts, CHAMPION, answers.positive), ""
    except InputError as error:
        return Champion.UNUSABLE, None, f"{who} cannot be compared: {error.message}"


def _unknown_classes(evidence: pd.DataFrame, known: list[Any]) -> tuple[Any, ...]:
    """The classes in the truth that a model does not know; nothing if the model does not say what it knows."""
    if not known:
        return ()
    truth = dict.fromkeys(column_of(evidence[TRUTH]).values.tolist())
    return tuple(sorted((one for one in truth if one not in known), key=str))


def _few(values: Any) -> str:
    shown = [str(value) for value in values]
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")


def _compared(
    rule: Gate, problem: Problem, pair: Pair, evidence: pd.DataFrame, facts: Mapping[str, Any]
) -> Iterator[Check]:
    for demand in demands_of(rule, problem):
        if demand.kind is not Kind.SLICE:
            yield compared_check(rule, demand, pair)
            continue
        lacking = demand.lacking(pair)
        if lacking is not None:
            yield lacking
            continue
        assert rule.slices is not None
        parts = slices_of(rule.slices, evidence, list(facts.get("searched", ())))
        yield from slice_checks(rule.slices, demand.metric, pair, parts, demand.primary.resamples, rule.seed)
