"""Log files: what goes in comes out, numbered, capped, and followed while it grows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidemill.storage.logs.files import BadLogName, LogWriter, Record, follow, log_path, read

MOMENT = datetime(2026, 1, 2, 5, 4, 5, 600, tzinfo=timezone(timedelta(hours=2)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return log_path(tmp_path, "run", "attempt")


def texts(path: Path) -> list[str]:
    return [record.text for record in read(path)]


def test_a_record_tells_number_time_stream_and_text(path: Path) -> None:
    with LogWriter(path, now=lambda: MOMENT) as log:
        log.write("o", b"first\nsec")
        log.write("e", b"oops\n")
        log.write("o", b"ond\n")
    assert list(read(path)) == [
        Record(1, "2026-01-02T03:04:05.000600Z", "o", "first"),
        Record(2, "2026-01-02T03:04:05.000600Z", "e", "oops"),
        Record(3, "2026-01-02T03:04:05.000600Z", "o", "second"),
    ]
    assert path.read_bytes().splitlines()[1] == b"2\t2026-01-02T03:04:05.000600Z\te\toops"
    assert [record.n for record in read(path, 2)] == [2, 3]


def test_there_is_no_log_before_the_first_output(path: Path) -> None:
    assert list(read(path)) == []
    assert not path.exists()


@pytest.mark.parametrize(
    "text", ["", "\t", "a\tb", "\\", "\\n", "\r50%\r100%", "\\\\\r", "\x0b\x0c\x1c\x85\u2028", "日本"]
)
def test_every_text_comes_back(path: Path, text: str) -> None:
    with LogWriter(path) as log:
        log.write("o", text.encode() + b"\n")
    assert texts(path) == [text]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"))), st.integers(1, 9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_lines_come_back_however_they_were_cut(tmp_path: Path, lines: list[str], size: int) -> None:
    path = tmp_path / "any.log"
    path.unlink(missing_ok=True)
    data = "".join(line + "\n" for line in lines).encode()
    with LogWriter(path) as log:
        for start in range(0, len(data), size):
            log.write("o", data[start : start + size])
    assert texts(path) == lines
    assert [record.n for record in read(path)] == list(range(1, len(lines) + 1))


def test_bytes_that_are_no_text_are_kept_readable(path: Path) -> None:
    with LogWriter(path) as log:
        log.write("o", b"\xff\xfe\x00ok\n")
    assert texts(path) == ["\ufffd\ufffd\x00ok"]


def test_a_line_without_end_is_recorded_at_the_end_or_when_asked(path: Path) -> None:
    log = LogWriter(path)
    log.write("o", b"(Pdb) ")
    assert texts(path) == []
    log.flush()
    assert texts(path) == ["(Pdb) "]
    log.write("e", b"half")
    log.close()
    log.close()
    assert texts(path) == ["(Pdb) ", "half"]


def test_an_overlong_line_becomes_several_and_no_character_is_cut(path: Path) -> None:
    text = "äö€😀x" * 40
    with LogWriter(path, max_line=10) as log:
        for start in range(0, len(text.encode()), 7):
            log.write("o", text.encode()[start : start + 7])
        log.write("o", b"\nshort\n" + b"y" * 25 + b"\n")
    pieces = texts(path)
    assert "".join(pieces[:-4]) == text
    assert pieces[-4:] == ["short", "y" * 10, "y" * 10, "y" * 5]
    assert all(len(piece.encode()) <= 10 for piece in pieces)


def test_a_full_log_says_how_much_was_dropped(path: Path) -> None:
    with LogWriter(path, max_bytes=200) as log:
        for n in range(100):
            log.write("o", f"line {n}\n".encode())
        log.write("o", b"tail")
    *kept, last = read(path)
    assert [record.text for record in kept] == [f"line {n}" for n in range(len(kept))]
    assert 1 < len(kept) < 10
    dropped = sum(len(f"line {n}") for n in range(len(kept), 100)) + len("tail")
    assert last.text.startswith(f"[tidemill] {dropped} bytes in {101 - len(kept)} lines were dropped")
    assert (last.n, last.stream) == (kept[-1].n + 1, "e")
    assert sum(len(line) for line in path.read_bytes().splitlines(keepends=True)[:-1]) <= 200


def test_nothing_shown_comes_after_something_dropped(path: Path) -> None:
    with LogWriter(path, max_bytes=100) as log:
        log.write("o", b"a\n" + b"b" * 90 + b"\nc\n")
    assert [text[:10] for text in texts(path)] == ["a", "[tidemill]"]


def test_a_writer_goes_on_where_a_killed_one_stopped(path: Path) -> None:
    with LogWriter(path, now=lambda: MOMENT) as log:
        log.write("o", b"one\ntwo\n")
    for torn, found in ((b"3\t2026-01-02T03:04:05.000000Z\to\tthr", ["thr"]), (b"4\t20", [])):
        before = texts(path)
        with path.open("ab") as file:
            file.write(torn)
        with LogWriter(path, now=lambda: MOMENT) as log:
            log.write("o", b"next\n")
        assert texts(path) == [*before, *found, "next"]
    numbers = [record.n for record in read(path)]
    assert numbers == sorted(set(numbers)) == list(range(1, 6))


def test_following_gives_each_record_once_and_none_is_missed_at_the_end(path: Path) -> None:
    log: list[LogWriter] = []

    def start() -> None:
        log.append(LogWriter(path))

    def torn() -> None:
        log[0].write("o", b"b")
        with path.open("ab") as file:
            file.write(b"2\t2026-01-02T03:04:05.000000Z\to\tto")

    def rest() -> None:
        with path.open("ab") as file:
            file.write(b"rn\n")

    done = False

    def end() -> None:
        nonlocal done
        log[0].close()
        done = True

    steps: Iterator[Callable[[], None]] = iter([start, lambda: log[0].write("o", b"a\n"), torn, rest, end])
    seen = list(follow(path, lambda: done, lambda: next(steps)()))
    assert [record.text for record in seen] == ["a", "torn", "b"]


def test_what_is_written_while_stop_is_asked_is_seen(path: Path) -> None:
    log = LogWriter(path)

    def stop() -> bool:
        log.write("o", b"last\n")
        log.close()
        return True

    assert [record.text for record in follow(path, stop, lambda: None)] == ["last"]


@pytest.mark.parametrize("part", ["..", ".", "a/b", "../../etc/passwd", "a\0b", "a\\b", ".hidden", "ün ï", "r:1"])
def test_no_id_leads_outside(tmp_path: Path, part: str) -> None:
    root = tmp_path / "logs"
    for path in (log_path(root, part, "x"), log_path(root, "x", part)):
        assert path.resolve().relative_to(root).parts == path.relative_to(root).parts
        assert len(path.relative_to(root).parts) == 2
        with LogWriter(path) as log:
            log.write("o", b"x\n")
        assert texts(path) == ["x"]
    assert log_path(root, part, "x") != log_path(root, "other", "x")


@pytest.mark.parametrize("part", ["", "x" * 300])
def test_what_cannot_be_a_name_is_refused(tmp_path: Path, part: str) -> None:
    with pytest.raises(BadLogName):
        log_path(tmp_path, part, "x")


def test_times_are_utc(path: Path) -> None:
    with LogWriter(path) as log:
        log.write("o", b"x\n")
    (record,) = read(path)
    assert abs(datetime.fromisoformat(record.time) - datetime.now(UTC)) < timedelta(days=1)
