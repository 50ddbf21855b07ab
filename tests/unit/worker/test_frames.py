"""Frames and messages: whatever the chunks, what was sent arrives; whatever else comes is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.core.causes import Cause, CauseKind
from tidemill.core.records import Artifact, Began, Gone, Pushed, Reply, Report, Request, Steer, Usage, Verb, Wake
from tidemill.core.states import AttemptState
from tidemill.core.values import ArtifactRef
from tidemill.worker import frames
from tidemill.worker.frames import HEADER, BadFrame, Frames, pack
from tidemill.worker.messages import FROM_OWNER, FROM_WORKER, decode, encode


@given(st.lists(st.binary(max_size=40), max_size=6), st.lists(st.integers(1, 50), max_size=20))
def test_any_chunking_gives_the_same_bodies(bodies: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(pack, bodies))
    reader, found = Frames(), []
    for cut in cuts:
        found += reader.feed(stream[:cut])
        stream = stream[cut:]
    found += reader.feed(stream)
    assert found == bodies
    assert not reader.unfinished


def test_a_length_above_the_limit_is_refused_before_the_body_comes() -> None:
    reader = Frames(limit=10)
    assert reader.feed(pack(b"x" * 10)) == [b"x" * 10]
    with pytest.raises(BadFrame, match="11 bytes was announced"):
        reader.feed(HEADER.pack(11))


def test_too_large_a_body_is_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_FRAME", 3)
    with pytest.raises(BadFrame, match="larger than the 3 bytes"):
        pack(b"four")


REPORT = Report(
    "a",
    AttemptState.FAILED,
    {"result": ArtifactRef("a.1", (0, "x"))},
    (Artifact("a.1", "Model", {"rows": 3}),),
    Cause(CauseKind.USER_CODE, "no", classes=("ValueError",), exit_code=3),
    2,
    Steer(("b",), (), True),
    Wake(after_s=1.5, resume={"n": float("inf")}),
    Usage(1.0, 2.0, 3),
    ("note",),
)


@pytest.mark.parametrize(
    "record",
    [
        Began("a", 7),
        Pushed("a", "key", [1, 2.0, None], (Artifact("a.1", "x"),)),
        Request("a", 1, Verb.ACT, "register", {"model": ArtifactRef("a.1")}),
        REPORT,
    ],
)
def test_a_message_comes_back_as_it_was(record: object) -> None:
    assert decode(encode(record), FROM_WORKER) == record


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'["Began"]',
        b'["Began", []]',
        b'["Began", {}]',
        b'["Began", {"attempt": 1}]',
        b'["Began", {"attempt": "a", "extra": 1}]',
        b'["Report", {"attempt": "a", "state": "happy"}]',
        b'["Nothing", {"attempt": "a"}]',
        b"[" * 100_000,
        b'["Began", {"attempt": "a", "pid": ' + b"9" * 5000 + b"}]",
        encode(Gone("a", Cause(CauseKind.DATA, ""))),
        encode(Reply(1)),
    ],
    ids=range(15),
)
def test_what_is_no_message_of_a_worker_is_refused(body: bytes) -> None:
    with pytest.raises(BadFrame, match="not a message"):
        decode(body, FROM_WORKER)


def test_a_reply_is_for_workers_only() -> None:
    assert decode(encode(Reply(1, 2)), FROM_OWNER) == Reply(1, 2)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    with contextlib.suppress(BadFrame):
        decode(body, FROM_WORKER)
