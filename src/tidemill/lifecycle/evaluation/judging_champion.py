"""A demand that speaks of the champion, and the check that comes of it: compared, or why not."""

from __future__ import annotations

from dataclasses import dataclass

from tidemill.lifecycle.evaluation.answers import Answers
from tidemill.lifecycle.evaluation.gate import First, Gate, Primary
from tidemill.lifecycle.evaluation.judging_compare import Comparison, NotComparable, Pair, caution, compare, test_for
from tidemill.lifecycle.evaluation.judging_parts import Champion, Check, Kind
from tidemill.lifecycle.evaluation.judging_words import against, chance, closing, more_rows, number, rows
from tidemill.lifecycle.evaluation.metrics import Metric, Needs, metric
from tidemill.lifecycle.evaluation.problems import Problem
from tidemill.lifecycle.verdicts import Verdict

BY_HAND = "look at both with `tidemill model show`, then promote by hand with --override, or roll back"
TO_GIVE = {
    Needs.LABELS: "choose another metric",
    Needs.SCORES: "give the model a predict_proba or decision_function, or choose a metric without scores",
    Needs.PROBABILITIES: "give the model a predict_proba, or choose a metric without probabilities",
}


@dataclass(frozen=True, slots=True)
class Demand:
    """`primary` says how it is compared, for a guardrail and for slices too."""

    kind: Kind
    metric: Metric
    primary: Primary

    @property
    def name(self) -> str:
        return {Kind.PRIMARY: "primary", Kind.GUARDRAIL: "no worse", Kind.SLICE: "slices"}[self.kind]

    @property
    def title(self) -> str:
        return f"{self.metric.name} {self.name}" if self.kind is not Kind.SLICE else self.name

    def lacking(self, pair: Pair) -> Check | None:
        """A check that says what scores are missing; None if both models give what the metric reads."""
        return self.lacking_of("candidate", pair.candidate) or self.lacking_of("champion", pair.champion)

    def lacking_of(self, who: str, answers: Answers) -> Check | None:
        """The same of one of the two."""
        if self.metric.possible(answers):
            return None
        name, needs = self.metric.name, self.metric.needs.value
        remedy = BY_HAND if who == "champion" else TO_GIVE[self.metric.needs]
        sentence = f"{name} cannot be compared: it needs {needs}, and the {who} gives none; {remedy}"
        return Check(self.title, self.kind, Verdict.ERROR, closing(sentence, Verdict.ERROR), metric=name)


def demands_of(rule: Gate, problem: Problem) -> tuple[Demand, ...]:
    """What the rule demands in comparison with the champion, in its order."""
    found: list[Demand] = []
    like = rule.primary or Primary("accuracy")
    if rule.primary is not None:
        found.append(Demand(Kind.PRIMARY, metric(rule.primary.metric, problem), rule.primary))
    for item in rule.guardrails:
        if item.no_worse_than is not None:
            how = Primary(item.metric, no_worse_than=item.no_worse_than, alpha=like.alpha, resamples=like.resamples)
            found.append(Demand(Kind.GUARDRAIL, metric(item.metric, problem), how))
    if rule.slices is not None:
        name = rule.slices.metric or like.metric
        found.append(Demand(Kind.SLICE, metric(name, problem), like))
    return tuple(found)


def compared_check(rule: Gate, demand: Demand, pair: Pair) -> Check:
    """The check of one comparison that could be made, or of which it is said what was missing."""
    lacking = demand.lacking(pair)
    if lacking is not None:
        return lacking
    how, one = demand.primary, demand.metric
    test = test_for(how.test, one, pair.candidate.problem, pair.clusters is not None)
    try:
        found = compare(one, pair, test, how.alpha, how.resamples, rule.seed)
    except NotComparable as error:
        more = more_rows(error.needed, len(pair))
        sentence = closing(f"{one.name} cannot be compared: {error.message}{more}", Verdict.NODATA)
        return Check(
            demand.title, demand.kind, Verdict.NODATA, sentence, metric=one.name, n=len(pair), needed=error.needed
        )
    p = found.p_greater(how.bound)
    verdict, why, needed = _weighed(how, found, p)
    careful = caution(one, pair, test, how.bound)
    return Check(
        name=demand.title,
        kind=demand.kind,
        verdict=verdict,
        sentence=closing(
            f"{against(one.name, found)}, {_demanded(how)}{why}{f' ({careful})' if careful else ''}", verdict
        ),
        metric=one.name,
        test=test.value,
        candidate=found.candidate,
        champion=found.champion,
        difference=found.gain,
        low=found.low,
        high=found.high,
        level=1 - 2 * how.alpha,
        p=p,
        threshold=how.better_by or how.bound,
        n=found.n,
        needed=needed,
    )


def _weighed(how: Primary, found: Comparison, p: float) -> tuple[Verdict, str, int | None]:
    """The verdict, what else is to be said, and how many rows would tell where these do not."""
    shown = p <= how.alpha
    enough = not how.better_by or found.gain >= how.better_by
    if shown and enough:
        return Verdict.PASS, "", None
    doubt = f", but p is {chance(p)} and at most {how.alpha:g} allowed"
    if not shown and enough and how.bound < 0 and found.gain > how.bound:
        # It is not seen to be worse; that it is no worse cannot be told on so few rows.
        needed = found.rows_needed(found.gain - how.bound, how.alpha, how.power)
        return Verdict.NODATA, doubt + more_rows(needed, found.n), needed
    if not shown and how.effect is not None:
        power = found.power_for(how.effect - how.bound, how.alpha)
        if power < how.power:
            needed = found.rows_needed(how.effect - how.bound, how.alpha, how.power)
            missed = f"; a true gain of {number(how.effect)} would be seen here with a chance of {power:.0%} only"
            return Verdict.NODATA, doubt + missed + more_rows(needed, found.n), needed
    if not shown and enough and found.gain > how.bound:
        needed = found.rows_needed(found.gain - how.bound, how.alpha, how.power)
        return Verdict.FAIL, doubt + more_rows(needed, found.n), needed
    return Verdict.FAIL, "", None


def _demanded(how: Primary) -> str:
    if how.bound < 0:
        return f"at most {number(-how.bound)} worse demanded"
    if how.better_by:
        return f"at least {number(how.better_by)} demanded"
    return f"more than {number(how.bound)} demanded" if how.bound else "better beyond chance demanded"


def uncompared_check(rule: Gate, demand: Demand, state: Champion, answers: Answers, why: str) -> Check:
    """The check of a comparison that could not be made: it counts where that is nobody's wish."""
    one = demand.metric
    lacking = demand.lacking_of("candidate", answers)
    if lacking is not None and state is not Champion.SAME:
        return lacking  # it never can be, which the next one would be held up by
    seen = f"{one.name} {number(one.measure(answers))} on {rows(len(answers))}"
    if demand.kind is Kind.SLICE:
        seen = f"{one.name} on slices"
    match state:
        case Champion.UNUSABLE:
            remedy = f"; {BY_HAND}" if demand.kind is Kind.PRIMARY else ""
            return _uncompared(demand, answers, Verdict.ERROR, f"{seen}, and not compared: {why}{remedy}")
        case Champion.SAME:
            sentence = f"{seen}; the candidate is the champion itself, so nothing is compared and nothing to promote"
            return _uncompared(demand, answers, Verdict.NODATA, sentence, counts=False)
        case _ if demand.kind is Kind.PRIMARY and rule.first is First.PASS:
            return _uncompared(demand, answers, Verdict.PASS, f"{seen}; there is no champion yet, and the first passes")
        case _ if demand.kind is Kind.PRIMARY and rule.first is First.FAIL:
            sentence = f"{seen}; there is no champion yet, and the rule wants the first promoted by hand"
            return _uncompared(demand, answers, Verdict.FAIL, sentence)
        case _:
            sentence = f"{seen}; there is no champion yet to compare with, so this does not count"
            return _uncompared(demand, answers, Verdict.NODATA, sentence, counts=False)


def _uncompared(demand: Demand, answers: Answers, verdict: Verdict, sentence: str, counts: bool = True) -> Check:
    value = demand.metric.measure(answers)
    return Check(
        name=demand.title,
        kind=demand.kind,
        verdict=verdict,
        sentence=closing(sentence, verdict),
        metric=demand.metric.name,
        candidate=value,
        n=len(answers),
        counts=counts,
    )
