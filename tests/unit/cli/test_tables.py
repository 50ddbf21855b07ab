"""What `runs`, `show` and `show --task` print in 80 columns, letter by letter."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rules.sources import ROOT
from tests.unit.cli.recorded import record_home
from tidemill.cli import looks
from tidemill.cli.main import Globals, main
from tidemill.cli.output import Out

RUNS = """\
RUN           STATE        PIPELINE  STARTED                TOOK  CAUSE
abc123def456  ✗ failed     churn     2026-03-01 08:30:00  1m 15s
    train failed: 1 of its instances failed
bbb           ✓ succeeded  nightly   2026-03-01 08:28:30    0.2s
"""

SHOW = """\
churn  run abc123def456  ✗ failed  in 1m 15s
  scheduled for 2026-03-01 08:00:00 UTC
  data interval 2026-02-28 08:00:00 UTC to 2026-03-01 08:00:00 UTC
  started at    2026-03-01 08:30:00 UTC
  parameters    path = "data/churn.csv", threshold = 0.85
  tags          why=monthly
  run by        ann on processes, seed 7
  cause         train failed: 1 of its instances failed

TASK                  STATE              TRIES  TOOK   CPU  MEMORY  CAUSE
load                  ✓ succeeded            1  2.5s  1.2s  120 MB
train[0]              ✓ succeeded            1  3.0s  1.5s  120 MB
train[1]              ✗ failed               2  7.0s  3.5s  120 MB
    ValueError: the matrix is singular and cannot be inverted
train[2]              ✓ succeeded            1  3.0s  1.5s  120 MB
a_task_with_a_name_…  ✗ upstream failed
    something before it failed
when_1                ✗ upstream failed
    something before it failed

✗ train[1]  ValueError: the matrix is singular and cannot be inverted
  why, with its traceback: tidemill show abc123def456 --task 'train[1]'

1 artifact
  TYPE   MADE BY   FORMAT    SIZE  CONTENT
  Model  train[0]  skops   4.0 MB  blake2b:0123
"""

WIDE = f"""
load            ✓ succeeded            1     2.5s     1.2s  120 MB
{looks.TIMES}1000 train     ✗ failed            1001  16m 46s  25m 02s  120 MB
    999 succeeded, 1 failed
  train[1]      ✗ failed               2     7.0s     3.5s  120 MB
    ValueError: the matrix is singular and cannot be inverted
"""

TASK = """\
train[1]  run abc123def456  ✗ failed  7.0s
  defined at    recorded.py:LINE
  cause         ValueError: the matrix is singular and cannot be inverted  (user code)
    Traceback (most recent call last):
      File "churn.py", line 20, in train
    ValueError: the matrix

inputs
  x from each x

TRY  STATE     STARTED              TOOK   CPU  MEMORY  CAUSE
  1  ✗ failed  2026-03-01 08:30:03  3.0s  1.5s  120 MB  ValueError: the matrix
                                                        is singular and cannot
                                                        be inverted
  2  ✗ failed  2026-03-01 08:30:03  4.0s  2.0s  120 MB  ValueError: the matrix
                                                        is singular and cannot
                                                        be inverted
"""


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def printed(capsys: pytest.CaptureFixture[str], home: Path, *arguments: str) -> str:
    assert main(["--home", str(home), *arguments]) == 0
    text = capsys.readouterr().out
    assert not any(line.endswith(" ") for line in text.splitlines())
    return text


def test_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record_home(tmp_path).close()
    assert printed(capsys, tmp_path, "runs") == RUNS


def test_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record_home(tmp_path).close()
    text = printed(capsys, tmp_path, "show", "abc")
    assert text == SHOW
    assert max(map(len, text.splitlines())) <= 80


def test_a_wide_map_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record_home(tmp_path, instances=1000).close()
    text = printed(capsys, tmp_path, "show", "abc")
    assert WIDE in text
    assert len(text.splitlines()) < 30
    assert len(printed(capsys, tmp_path, "show", "abc", "--all").splitlines()) > 1000


def test_one_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record_home(tmp_path).close()
    text = printed(capsys, tmp_path, "show", "abc", "--task", "train[1]")
    assert re.sub(r"\S*recorded\.py:\d+", "recorded.py:LINE", text) == TASK


WRAPPED = """\
NAME   SIZE  WHERE
short  1 kB  here
long   1 kB  words that go on and on until the line is full and more of them
             follow in the next
whole  1 kB
    blake2b:0f1f505852fcbaaf11053a54f8d29b2216c50006ebf3d82bfcf000c61849107f
"""

NARROW = """\
RUN           DIGITS     LAST
4d03ce7ab074  111111111  short
20d7629a5244  111111111
    a long story that is
    told below
"""


def test_the_last_cell_goes_on_below(capsys: pytest.CaptureFixture[str]) -> None:
    long = "words that go on and on until the line is full and more of them follow in the next"
    digest = "blake2b:0f1f505852fcbaaf11053a54f8d29b2216c50006ebf3d82bfcf000c61849107f"
    rows = [("short", "here"), ("long", long), ("whole", digest)]
    Out(Globals()).table(("NAME", ">SIZE", "WHERE"), [(name, "1 kB", where) for name, where in rows])
    assert capsys.readouterr().out == WRAPPED


def test_the_id_of_a_run_is_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "28")
    rows = [("4d03ce7ab074", "1" * 9, "short"), ("20d7629a5244", "1" * 9, "a long story that is told below")]
    Out(Globals()).table(("RUN", "DIGITS", "LAST"), rows)
    assert capsys.readouterr().out == NARROW
    Out(Globals()).table(("TEXT", ">MANY"), [("x", " ".join(["many words"] * 100)), ("y", "no")])
    Out(Globals()).table(("TEXT", "MANY"), [("x", " ".join(["many words"] * 100)), ("y", "no")])
    cut = capsys.readouterr().out.splitlines()
    assert len(cut) == 3 + 3 + 8, "numbers are not wrapped, and a long story is cut in the end"
    assert [line[-1] for line in cut if "…" in line] == ["…", "…"]


def test_every_key_of_a_document_is_in_the_reference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record_home(tmp_path).close()
    reference = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    for arguments in (["runs"], ["show", "abc"], ["show", "abc", "--task", "train[1]"], ["doctor"]):
        main(["--home", str(tmp_path), *arguments, "--json"])
        document = json.loads(capsys.readouterr().out)
        assert [key for key in keys(document) if f"`{key}`" not in reference] == []


def keys(document: Any) -> Iterator[str]:
    """Keys that are ours: what users named is not looked into."""
    match document:
        case dict():
            for key, value in document.items():
                yield key
                if key not in ("params", "tags", "outputs", "metadata", "payload", "counts"):
                    yield from keys(value)
        case list():
            for item in document:
                yield from keys(item)
