"""Secrets never show, however the stream is cut."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidemill.storage.logs.mask import Masker


def whole(secrets: list[bytes], text: bytes) -> bytes:
    """The plain meaning of masking: mark the bytes of every occurrence, then write each run of them as one mask."""
    marked = [False] * len(text)
    for secret in secrets:
        if len(secret) >= 4:
            for start in range(len(text) - len(secret) + 1):
                if text[start : start + len(secret)] == secret:
                    marked[start : start + len(secret)] = [True] * len(secret)
    shown = b""
    for place, hidden in enumerate(marked):
        if not hidden:
            shown += text[place : place + 1]
        elif place == 0 or not marked[place - 1]:
            shown += b"***"
    return shown


def in_chunks(secrets: list[bytes], chunks: list[bytes]) -> bytes:
    masker = Masker(secrets)
    return b"".join(masker.feed(chunk) for chunk in chunks) + masker.flush()


few_letters = st.lists(st.sampled_from([b"a", b"b"]), max_size=7).map(b"".join)


@given(st.lists(few_letters, max_size=4), st.lists(few_letters, max_size=12))
@example([b"abab", b"ababab"], [b"aba", b"ba", b"b"])
@example([b"abaa", b"aabb"], [b"abaa", b"bb"])
@example([b"aaaa"], [b"aaa", b"aa", b"aaa"])
def test_any_chunking_gives_what_the_whole_gives(secrets: list[bytes], chunks: list[bytes]) -> None:
    assert in_chunks(secrets, chunks) == whole(secrets, b"".join(chunks))


@given(st.binary(min_size=4, max_size=20), st.binary(max_size=30), st.binary(max_size=30), st.integers(1, 5))
def test_no_chunk_ever_shows_a_secret(secret: bytes, before: bytes, after: bytes, size: int) -> None:
    text = before + secret + after
    masker = Masker([secret])
    shown = b""
    for start in range(0, len(text), size):
        shown += masker.feed(text[start : start + size])
        assert len(shown) <= max(start + size, len(before) + 3)
    assert shown + masker.flush() == whole([secret], text)


def test_what_cannot_become_a_secret_is_shown_at_once() -> None:
    masker = Masker(["hunter22", "hunter"])
    assert masker.feed(b"password: hun") == b"password: "
    assert masker.feed(b"t the fox") == b"hunt the fox"
    assert masker.feed(b"hunter") == b""
    assert masker.feed(b"2") == b""
    assert masker.feed(b"!") == b"***2!"
    assert masker.feed(b"hunter22") == b"***"
    assert masker.feed(b"hunt") == b""
    assert masker.flush() == b"hunt"


def test_the_longest_secret_is_masked_whole() -> None:
    assert in_chunks([b"pass", b"password"], [b"my password!"]) == b"my ***!"


def test_overlapping_secrets_show_no_part_of_either() -> None:
    assert in_chunks([b"abcd", b"cdef"], [b"<abc", b"def>"]) == b"<***>"


def test_secrets_of_other_alphabets_and_lines() -> None:
    key = "-----BEGIN-----\näöüß\n-----END-----"
    text = f"key: {key}\n".encode()
    for size in range(1, len(text)):
        chunks = [text[start : start + size] for start in range(0, len(text), size)]
        assert in_chunks([key.encode()], chunks) == b"key: ***\n"
    assert Masker([key]).feed(text) == b"key: ***\n"


@pytest.mark.parametrize("secrets", [[], ["", "abc"], ["äöü"]])
def test_short_secrets_are_ignored(secrets: list[str]) -> None:
    masker = Masker(secrets)
    assert masker.feed("abc äöü".encode()) == "abc äöü".encode()
    assert masker.flush() == b""


def test_a_new_stream_may_begin_after_a_flush() -> None:
    masker = Masker(["secret"])
    assert masker.feed(b"secret") == b"***"
    assert masker.flush() == b""
    assert masker.feed(b"secret") == b"***"
