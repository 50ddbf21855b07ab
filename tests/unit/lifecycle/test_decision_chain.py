"""The chain of decisions: whatever is changed, dropped or swapped is found, named, and told once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.core.decisions import About, Decision, Head, Link, Named, decision_id
from tidemill.lifecycle.decisions import canonical, record
from tidemill.lifecycle.decisions.chain import Verified, Wrong, verify

TEAM = "default"
LENGTH = 7


def decision(number: int, prev: str, verdict: str = "PASS") -> Decision:
    about = About(
        team=TEAM,
        number=number,
        kind="gate",
        model="chûrn",
        verdict=verdict,
        candidate=Named(f"r1.{number}", f"blake2b:{number:064x}"),
        champion=Named(),
        evidence=Named(f"r1.{number}.e", f"blake2b:{number + 100:064x}"),
        run="r1",
        path="gate/decide",
        actor='Ada "the judge"\n',
        made_at=f"2026-03-03T14:00:{number:02}.000000+00:00",
        prev=prev,
    )
    return record.made(
        about,
        rule={"primary": {"metric": "roc_auc", "better_by": 0.002}},
        facts={"rows": 100 + number, "latency": 1.5},
        judgement={"verdict": verdict, "reasons": ["it is better by 0.01"]},
        code={"digest": "sha256:0"},
    )


def link(made: Decision) -> Link:
    about = made.about
    return Link(
        number=about.number,
        id=made.id,
        kind=about.kind,
        model=about.model,
        verdict=about.verdict,
        candidate=about.candidate.artifact,
        candidate_digest=about.candidate.digest,
        champion=about.champion.artifact,
        champion_digest=about.champion.digest,
        evidence=about.evidence.artifact,
        evidence_digest=about.evidence.digest,
        run=about.run,
        path=about.path,
        actor=about.actor,
        made_at=about.made_at,
        prev=about.prev,
        digest=made.digest,
        document=made.document.encode(),
    )


def chain(length: int = LENGTH) -> list[Link]:
    links: list[Link] = []
    for number in range(1, length + 1):
        links.append(link(decision(number, links[-1].digest if links else "")))
    return links


def head_of(links: list[Link]) -> Head:
    return Head(links[-1].number, links[-1].digest) if links else Head()


CHAIN = chain()
HEAD = head_of(CHAIN)


def looked_at(links: list[Link], head: Head = HEAD, expect: str = "") -> Verified:
    return verify(TEAM, links, head, expect)


def named(found: Verified) -> list[int]:
    return [fault.number for fault in found.faults]


def test_a_record_is_canonical_as_a_whole_and_says_what_its_row_says() -> None:
    made = decision(3, CHAIN[1].digest)
    content = record.content(made.document)
    assert canonical.write(content) == made.document
    assert content["about"]["number"] == 3
    assert content["about"]["candidate"] == {"artifact": "r1.3", "digest": f"blake2b:{3:064x}"}
    assert content["rule_digest"] == record.digest_of(canonical.write(content["rule"]))
    assert made.id == "d_" + made.digest.removeprefix("sha256:")[:16]
    assert decision(3, CHAIN[1].digest) == made


def test_a_record_that_is_too_large_is_refused() -> None:
    about = decision(1, "").about
    with pytest.raises(record.DecisionTooLarge) as caught:
        record.made(about, rule={}, facts={"rows": "x" * (5 << 20)}, judgement={}, code={})
    assert "evidence" in caught.value.remedy


def test_a_whole_chain_is_whole() -> None:
    found = looked_at(CHAIN)
    assert found == Verified(LENGTH, LENGTH, CHAIN[-1].id, CHAIN[-1].digest)
    assert found.whole
    assert looked_at([], Head()) == Verified(0, 0, "", "")


COLUMNS = [name for name in Link._fields if name not in ("number", "document")]


@given(st.integers(0, LENGTH - 1), st.data())
def test_any_byte_of_a_document_that_is_changed_is_found(at: int, data: st.DataObject) -> None:
    document = bytearray(CHAIN[at].document)
    place = data.draw(st.integers(0, len(document) - 1))
    document[place] ^= data.draw(st.integers(1, 255))
    found = looked_at([*CHAIN[:at], CHAIN[at]._replace(document=bytes(document)), *CHAIN[at + 1 :]])
    assert [(fault.number, fault.wrong) for fault in found.faults] == [(at + 1, Wrong.CHANGED)]


@given(st.integers(0, LENGTH - 1), st.sampled_from(COLUMNS), st.text(max_size=5))
def test_any_column_that_is_changed_is_found(at: int, column: str, value: str) -> None:
    link = CHAIN[at]
    if getattr(link, column) == value:
        value += "x"
    found = looked_at([*CHAIN[:at], Link(**{**link._asdict(), column: value}), *CHAIN[at + 1 :]])
    assert named(found) == [at + 1]


@given(st.integers(0, LENGTH - 1), st.sampled_from(["PASS", "FAIL"]))
def test_a_record_that_is_made_anew_with_a_digest_of_its_own_is_found(at: int, verdict: str) -> None:
    """The forger changed the verdict, and mended digest and id of the row."""
    forged = link(decision(at + 1, CHAIN[at].prev, "FAIL" if verdict == "PASS" else "NODATA"))
    found = looked_at([*CHAIN[:at], forged, *CHAIN[at + 1 :]])
    assert [(fault.number, fault.wrong) for fault in found.faults] == [(at + 1, Wrong.REPLACED)]
    assert forged.digest in found.faults[0].sentence or at == LENGTH - 1


@given(st.sets(st.integers(0, LENGTH - 1), min_size=1))
def test_records_that_are_missing_are_named(gone: set[int]) -> None:
    found = looked_at([link for n, link in enumerate(CHAIN) if n not in gone])
    first_of_gaps = [n + 1 for n in sorted(gone) if n - 1 not in gone]
    assert named(found) == first_of_gaps
    assert {fault.wrong for fault in found.faults} == {Wrong.MISSING}


@given(st.lists(st.integers(0, LENGTH - 1), min_size=2, max_size=2, unique=True))
def test_records_that_changed_places_are_both_named(two: list[int]) -> None:
    first, second = sorted(two)
    links = list(CHAIN)
    # With their documents alone, and as whole rows under each other's number.
    documents = list(links)
    documents[first] = links[first]._replace(document=links[second].document)
    documents[second] = links[second]._replace(document=links[first].document)
    rows = list(links)
    rows[first], rows[second] = (
        links[second]._replace(number=links[first].number),
        links[first]._replace(number=links[second].number),
    )
    for tampered in (documents, rows):
        found = looked_at(tampered)
        assert named(found) == [first + 1, second + 1]
        assert f"record {second + 1}" in found.faults[0].sentence
        assert f"record {first + 1}" in found.faults[1].sentence


def test_a_record_of_another_team_is_found() -> None:
    assert named(verify("other", CHAIN[:1], head_of(CHAIN[:1]))) == [1]


def test_a_chain_that_was_made_anew_needs_a_digest_that_was_noted_elsewhere() -> None:
    noted = CHAIN[3].digest
    known = looked_at(CHAIN, expect=noted)
    assert (known.whole, known.expected_at) == (True, 4)
    forged = [link(decision(1, "", "FAIL"))]
    for number in range(2, LENGTH + 1):
        forged.append(link(decision(number, forged[-1].digest)))
    assert looked_at(forged, head_of(forged)).whole
    found = looked_at(forged, head_of(forged), noted)
    assert [fault.wrong for fault in found.faults] == [Wrong.EXPECTED]
    assert noted in found.faults[0].sentence
    assert [fault.wrong for fault in looked_at([], Head(), noted).faults] == [Wrong.EXPECTED]


def test_the_noted_end_is_looked_at_too() -> None:
    assert named(looked_at(CHAIN[:-2])) == [LENGTH - 1]
    assert "records 6 to 7 are missing" in looked_at(CHAIN[:-2]).faults[0].sentence
    assert named(looked_at(CHAIN, Head(3, CHAIN[2].digest))) == [LENGTH]
    assert named(looked_at(CHAIN, replace(HEAD, digest="sha256:0"))) == [LENGTH]


def test_many_faults_are_counted_and_the_first_are_told() -> None:
    found = verify(TEAM, [link._replace(actor="somebody") for link in CHAIN], HEAD, most=2)
    assert (named(found), found.more) == ([1, 2], LENGTH - 2)


def test_an_id_is_the_beginning_of_the_digest() -> None:
    assert decision_id("sha256:0123456789abcdef0123") == "d_0123456789abcdef"
