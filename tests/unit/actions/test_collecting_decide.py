"""The policy of collecting: never what is protected, all that is asked for, and a second time nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.actions.collecting.decide import (
    ArtifactFact,
    EntryFact,
    Facts,
    HolderFact,
    Plan,
    Policy,
    RunFact,
    decide,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = st.sampled_from([f"a{n}" for n in range(8)])
SOME = st.frozensets(NAMES, max_size=3)
DAYS = st.integers(0, 40).map(lambda days: NOW - days * DAY)


@st.composite
def runs(draw: st.DrawFn) -> list[RunFact]:
    found = []
    for number in range(draw(st.integers(0, 7))):
        at = draw(DAYS)
        found.append(
            RunFact(
                f"r{number}",
                draw(st.sampled_from(["p", "q"])),
                at,
                at,
                finished=draw(st.booleans()) or draw(st.booleans()),
                held=draw(st.integers(0, 5)) == 0,
                keep=draw(st.sampled_from(["", "", "", "published"])),
                needs=draw(SOME),
                previous=draw(st.sampled_from(["", f"r{number - 1}"])),
            )
        )
    return found


ENTRIES = st.lists(
    st.builds(
        EntryFact,
        st.sampled_from(["k1", "k2", "k3"]),
        st.just("p.task"),
        DAYS,
        st.none() | DAYS | st.just(NOW + DAY),
        SOME,
        SOME,
    ),
    max_size=3,
    unique_by=lambda entry: entry.key,
)


@st.composite
def all_facts(draw: st.DrawFn) -> Facts:
    digests = [f"d{n}" for n in range(6)]
    made = st.sampled_from([*(f"r{n}" for n in range(7)), "", "gone"])
    artifacts = {
        name: ArtifactFact(name, draw(made), draw(DAYS), draw(st.frozensets(st.sampled_from(digests), max_size=3)))
        for name in draw(st.frozensets(NAMES))
    }
    holders = [HolderFact("snapshot", "s", draw(SOME))] if draw(st.booleans()) else []
    sizes = {digest: draw(st.integers(0, 100)) for digest in digests}
    elsewhere = draw(st.frozensets(st.sampled_from(digests), max_size=2))
    return Facts(draw(runs()), draw(ENTRIES), holders, artifacts, sizes, elsewhere)


POLICIES = st.builds(
    Policy,
    st.none() | st.integers(0, 40).map(lambda days: days * DAY),
    st.none() | st.integers(1, 4),
    st.none() | st.integers(0, 500),
    st.none() | st.integers(0, 40).map(lambda days: days * DAY),
    st.sampled_from([timedelta(0), timedelta(hours=1), 3 * DAY]),
)


def carried_out(facts: Facts, plan: Plan, now: datetime) -> Facts:
    """What there is after the plan."""
    gone, expired = {one.name for one in plan.runs}, {one.name for one in plan.expired}
    ended = {one.name for one in plan.ending}
    entries = [replace(one, expires_at=now) if one.key in ended else one for one in facts.entries]
    return replace(
        facts,
        runs=[run for run in facts.runs if run.id not in gone],
        entries=[entry for entry in entries if entry.key not in expired],
        artifacts={id: one for id, one in facts.artifacts.items() if id not in plan.artifacts},
    )


def is_protected(run: RunFact, facts: Facts, policy: Policy) -> bool:
    finished = [other for other in facts.runs if other.pipeline == run.pipeline and other.finished]
    held = {facts.artifacts[id].run for one in facts.holders for id in one.needs if id in facts.artifacts}
    held |= {other.previous for other in facts.runs if not other.finished}
    newest = max(finished, key=lambda other: (other.created_at, other.id)).id if finished else ""
    young = run.at > NOW - policy.grace
    return not run.finished or run.held or bool(run.keep) or run.id == newest or run.id in held or young


@given(all_facts(), POLICIES)
def test_nothing_that_is_protected_goes(facts: Facts, policy: Policy) -> None:
    plan = decide(facts, policy, NOW)
    by_id = {run.id: run for run in facts.runs}
    assert not [one for one in plan.runs if is_protected(by_id[one.name], facts, policy)]
    left = carried_out(facts, plan, NOW)
    needed = {id for run in left.runs for id in run.needs}
    needed |= {id for entry in left.entries for id in entry.needs}
    needed |= {id for holder in left.holders for id in holder.needs}
    needed |= {id for one in left.entries if one.created_at > NOW - policy.grace for id in one.former}
    needed |= {one.id for one in facts.artifacts.values() if one.run in {run.id for run in left.runs}}
    assert not needed & set(plan.artifacts)
    for entry in facts.entries:
        in_force = entry.expires_at is None or entry.expires_at > NOW
        assert not (in_force and entry.key in {one.name for one in plan.expired})
        if in_force and policy.cache_older_than is None:
            assert entry.key not in {one.name for one in plan.ending}


@given(all_facts(), POLICIES)
def test_all_that_a_policy_asks_for_goes(facts: Facts, policy: Policy) -> None:
    plan = decide(facts, policy, NOW)
    gone = {one.name for one in plan.runs}
    stays = [run for run in facts.runs if run.id not in gone and not is_protected(run, facts, policy)]
    if policy.older_than is not None:
        assert [run for run in stays if run.at < NOW - policy.older_than] == []
    for run in stays:
        newer = [
            other
            for other in facts.runs
            if other.pipeline == run.pipeline
            and other.finished
            and (other.created_at, other.id) > (run.created_at, run.id)
        ]
        assert policy.keep is None or len(newer) < policy.keep
    if policy.older_than is None and policy.keep is None and policy.max_bytes is None:
        assert not gone


@given(all_facts(), POLICIES)
def test_room_is_made_and_no_run_goes_in_vain(facts: Facts, policy: Policy) -> None:
    if policy.max_bytes is None:
        return
    plan = decide(facts, policy, NOW)
    assert all(one.why for one in plan.runs)
    left = carried_out(facts, plan, NOW)
    again = decide(left, replace(policy, max_bytes=None, older_than=None, keep=None), NOW)
    free = [run for run in left.runs if not is_protected(run, facts, policy)]
    if again.total > policy.max_bytes:
        # Whoever still may go would make no room.
        for run in free:
            without = replace(left, runs=[other for other in left.runs if other is not run])
            lonely = Policy(grace=policy.grace)
            total = decide(without, lonely, NOW).total
            made = [one for one in left.artifacts.values() if one.run == run.id]
            assert total == again.total or made or len(free) > 1


@given(all_facts(), POLICIES)
def test_a_second_time_nothing_is_left_to_do(facts: Facts, policy: Policy) -> None:
    left = carried_out(facts, decide(facts, policy, NOW), NOW)
    again = decide(left, policy, NOW)
    # What has just ended goes at once only where nothing is spared.
    if policy.grace:
        assert (again.runs, again.expired, again.ending) == ((), (), ())
        assert again.artifacts == ()


def run(name: str, days: int, **more: object) -> RunFact:
    return RunFact(name, "p", NOW - days * DAY, NOW - days * DAY, **more)  # type: ignore[arg-type]


def test_reasons_and_room_are_told() -> None:
    artifacts = {
        "x": ArtifactFact("x", "old", NOW - 9 * DAY, frozenset({"dx", "shared"})),
        "y": ArtifactFact("y", "new", NOW - DAY, frozenset({"dy", "shared"})),
    }
    facts = Facts([run("old", 9), run("new", 1)], artifacts=artifacts, sizes={"dx": 10, "dy": 5, "shared": 100})
    plan = decide(facts, Policy(older_than=3 * DAY), NOW)
    assert [(one.name, one.why, one.frees) for one in plan.runs] == [("old", "it is older than it may be", 10)]
    assert (plan.artifacts, plan.frees, plan.total) == (("x",), 10, 115)
    asked = decide(replace(facts, runs=[run("old", 9, keep="published"), run("new", 1)]), Policy(max_bytes=1), NOW)
    assert asked.runs == ()
    assert [(one.name, one.why, one.size) for one in asked.stays] == [
        ("old", "it is kept: published", 110),
        ("new", "it is the newest finished run of its pipeline", 105),
    ]


def test_a_kept_result_outlives_its_run_and_what_it_replaced_is_spared_for_a_while() -> None:
    artifacts = {name: ArtifactFact(name, "old", NOW - 9 * DAY, frozenset({f"d{name}"})) for name in "xyz"}
    entry = EntryFact("k", "p.task", NOW - timedelta(minutes=5), None, frozenset("x"), frozenset("y"))
    facts = Facts([run("old", 9), run("new", 1)], [entry], artifacts=artifacts)
    assert decide(facts, Policy(keep=1), NOW).artifacts == ("z",)
    assert decide(facts, Policy(keep=1), NOW + timedelta(hours=1)).artifacts == ("y", "z")


def test_only_as_many_runs_go_as_make_room() -> None:
    artifacts = {f"a{n}": ArtifactFact(f"a{n}", f"r{n}", NOW - 9 * DAY, frozenset({f"d{n}"})) for n in range(4)}
    sizes = {"d0": 0, "d1": 10, "d2": 10, "d3": 10}
    facts = Facts([run(f"r{n}", 8 - n) for n in range(4)], artifacts=artifacts, sizes=sizes)
    plan = decide(facts, Policy(max_bytes=20), NOW)
    assert [(one.name, one.frees) for one in plan.runs] == [("r1", 10)]


@pytest.mark.parametrize(("value", "kept"), [("yes", True), ("published", True)])
def test_a_tag_keeps(value: str, kept: bool) -> None:
    facts = Facts([run("old", 9, keep=value), run("new", 1)])
    assert (decide(facts, Policy(keep=1), NOW).runs == ()) is kept
