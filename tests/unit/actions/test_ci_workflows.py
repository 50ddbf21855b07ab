"""Workflows as they are read: what is wrong, all at once and with its line; matrices, files of steps, masks."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from tidemill.actions.ci.asked import branch_fits
from tidemill.actions.ci.finding import hash_files, matching, root_of
from tidemill.actions.ci.lined_yaml import parse_yaml
from tidemill.actions.ci.masks import Masks
from tidemill.actions.ci.matrix import combinations
from tidemill.actions.ci.places import is_untrusted
from tidemill.actions.ci.reading_workflows import workflow_from
from tidemill.actions.ci.shells import command_line
from tidemill.actions.ci.step_files import Malformed, command_in, pairs_in
from tidemill.actions.ci.workflow import Workflow
from tidemill.core.errors import InputError
from tidemill.core.problems import ProblemsFound


def workflow(source: str) -> Workflow:
    return workflow_from(parse_yaml(textwrap.dedent(source), "wf.yml"), "wf.yml")


def problems(source: str) -> list[str]:
    with pytest.raises(ProblemsFound) as found:
        workflow(source)
    return [f"{one.place} {one.message}" for one in found.value.problems]


JOB = """
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - run: echo hello
"""


@pytest.mark.parametrize(
    ("said", "events"),
    [
        ("on: push", {"push"}),
        ("on: [push, pull_request]", {"push", "pull_request"}),
        ("on:\n  push:\n    branches: [main]\n  schedule:\n    - cron: '0 2 * * *'\n  workflow_dispatch:",
         {"push", "schedule", "workflow_dispatch"}),
        ("'on': push", {"push"}),
    ],
)  # fmt: skip
def test_on_is_a_key_and_no_truth(said: str, events: set[str]) -> None:
    assert set(workflow(said + JOB).events) == events


def test_scalars_are_those_of_yaml_1_2() -> None:
    source = "{a: yes, b: off, c: true, d: 012, e: 0o17, f: 1e3, g: ~, h: '1', i: 3.10, j: .nan, k: 1_000, l: 12:30:45}"
    found = parse_yaml(source, "x").plain
    assert (found["a"], found["b"], found["c"], found["d"]) == ("yes", "off", True, 12)
    assert (found["e"], found["f"], found["g"], found["h"], found["i"]) == (15, 1000.0, None, "1", 3.1)
    assert found["j"] != found["j"]
    assert (found["k"], found["l"]) == ("1_000", "12:30:45")


@pytest.mark.parametrize(
    "source",
    [
        "a: 1\na: 2",
        "<<: {a: 1}",
        "a: [1",
        "a: !thing x",
        "a: !!python/object/apply:os.system [x]",
        "[" * 200 + "]" * 200,
        (
            "a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
            "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n"
            "e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]"
        ),
        "&a [*a]",
        "",
    ],
)
def test_hostile_yaml_is_refused_with_its_place(source: str) -> None:
    with pytest.raises(InputError) as found:
        parse_yaml(source, "wf.yml")
    assert found.value.place.startswith("wf.yml")


def test_everything_wrong_is_told_at_once_with_its_line() -> None:
    found = problems(
        """\
        on: pusch
        job: {}
        env:
          A: ${{ secrets.X }}
        jobs:
          one:
            runs-on: ubuntu-latest
            needs: [two, three]
            if: secrets.TOKEN != ''
            steps:
              - run: echo
                uses: actions/checkout@v7
              - name: nothing
              - run: echo ${{ github.ref
              - run: echo ${{ unknwon.x }}
              - run: echo ${{ success() }}
              - run: echo
                id: same
              - run: echo
                id: same
              - run: echo
                timeout-minutes: soon
          two:
            needs: one
            runs-on: ubuntu-latest
            steps: []
        """
    )
    told = "\n".join(found)
    for place, words in [
        ("wf.yml:1", "no event 'pusch'"),
        ("wf.yml:2", "no key 'job'"),
        ("wf.yml:9", "'secrets' cannot be used in jobs.<id>.if"),
        ("wf.yml:11", "both 'run' and 'uses'"),
        ("wf.yml:13", "neither 'run' nor 'uses'"),
        ("wf.yml:14", "not closed"),
        ("wf.yml:15", "no context 'unknwon'"),
        ("wf.yml:16", "only in conditions"),
        ("wf.yml:19", "'same' is there twice"),
        ("wf.yml:22", "number of minutes"),
        ("wf.yml:6", "needs 'three', which is not there"),
        ("wf.yml:6", "need each other: one -> two -> one"),
    ]:
        assert any(line.startswith(f"{place} ") and words in line for line in found), f"{place} {words}\n{told}"


def test_what_is_not_done_here_is_said_with_its_line() -> None:
    found = workflow(
        """\
        on: pull_request
        jobs:
          call:
            uses: ./.github/workflows/other.yml
          test:
            runs-on: ubuntu-latest
            container: python:3.12
            services: {db: {image: postgres}}
            steps:
              - uses: actions/upload-artifact@v3
                with: {path: x}
              - run: echo "${{ github.head_ref }}" ${{ github.event.pull_request.title }} ${{ github.sha }}
              - run: echo ${{ toJSON(github.event) }}
              - run: echo "$REF"
                env: {REF: "${{ github.head_ref }}"}
                if: ${{ github.actor }} == 'me'
        """
    )
    told = [f"{one.place} {one.text}" for one in found.remarks]
    for place, words in [
        ("wf.yml:3", "other.yml, which is not run here"),
        ("wf.yml:7", "asks for container"),
        ("wf.yml:8", "asks for services"),
        ("wf.yml:10", "upload-artifact@v3 is an old version"),
        ("wf.yml:12", "github.head_ref becomes part of this script"),
        ("wf.yml:12", "github.event.pull_request.title becomes part"),
        ("wf.yml:13", "github.event becomes part"),
        ("wf.yml:16", "always holds"),
    ]:
        assert any(line.startswith(place) and words in line for line in told), told
    assert len(told) == 8


@pytest.mark.parametrize(
    ("path", "bad"),
    [
        ("github.head_ref", True),
        ("github.event.commits.*.message", True),
        ("github.event", True),
        ("inputs.name", True),
        ("github.sha", False),
        ("github.event.pull_request.number", False),
        ("steps.x.outputs.y", False),
    ],
)
def test_what_strangers_write(path: str, bad: bool) -> None:
    assert is_untrusted(tuple(path.split("."))) is bad


def test_a_matrix_with_include_and_exclude() -> None:
    matrix: dict[str, Any] = {
        "fruit": ["apple", "pear"],
        "animal": ["cat", "dog"],
        "exclude": [{"fruit": "pear", "animal": "dog"}],
        "include": [
            {"color": "green"},
            {"color": "pink", "animal": "cat"},
            {"fruit": "apple", "shape": "circle"},
            {"fruit": "banana"},
        ],
    }
    assert combinations(matrix, "wf.yml:1") == (
        {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
        {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "banana"},
    )
    assert combinations(None, "") == ({},)
    assert combinations({"include": [{"a": 1}]}, "") == ({"a": 1},)
    for wrong in ({"a": 1}, {"a": []}, {"a": list(range(300))}, ["x"], {"a": [1], "include": ["x"]}):
        with pytest.raises(InputError):
            combinations(wrong, "wf.yml:1")


def test_the_files_of_a_step() -> None:
    source = "a=1\nb=x=y<<z\nc<<END\nline 1\n\nd=2\nEND\r\n\ne=\n"
    assert pairs_in(source) == [("a", "1"), ("b", "x=y<<z"), ("c", "line 1\n\nd=2"), ("e", "")]
    for wrong in ("novalue", "a<<END\nb", "=1", "a<<", "<<END\nx\nEND"):
        with pytest.raises(Malformed):
            pairs_in(wrong)


def test_commands_among_what_is_printed() -> None:
    found = command_in("::error file=a%2Cb.py,line=3::first%0Asecond%25")
    assert found is not None
    assert (found.name, found.properties, found.text) == ("error", {"file": "a,b.py", "line": "3"}, "first\nsecond%")
    assert command_in("::add-mask::secret") is not None
    assert command_in("text ::error::x") is None
    assert command_in("a::b::c") is None


def test_a_secret_is_masked_in_all_its_forms() -> None:
    masks = Masks(['pass"word\nsecond line', "abc", ""])
    shown = masks.hide(
        'abc pass"word\nsecond line / second line / pass\\"word\\nsecond line / pass%22word%0Asecond%20line'
    )
    for part in ("word", "second", "abc"):
        assert part not in shown
    assert Masks(["token-12345"]).hide("x dG9rZW4tMTIzNDU= y") == "x *** y"
    assert Masks().hide("nothing") == "nothing"


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("", ["bash", "-e", "s.sh"]),
        ("bash", ["bash", "--noprofile", "--norc", "-eo", "pipefail", "s.sh"]),
        ("sh", ["sh", "-e", "s.sh"]),
        ("python", ["python", "s.sh"]),
        ("perl -w {0}", ["perl", "-w", "s.sh"]),
    ],
)
def test_shells(shell: str, line: list[str]) -> None:
    assert command_line(shell, "s.sh", "wf.yml:1") == line


@pytest.mark.parametrize("shell", ["pwsh", "cmd", "fish", "bash 'open {0}"])
def test_other_shells_are_named(shell: str) -> None:
    with pytest.raises(InputError) as found:
        command_line(shell, "s.sh", "wf.yml:4")
    assert found.value.place == "wf.yml:4"


def test_files_by_patterns(tmp_path: Path) -> None:
    for name in ("out/a.txt", "out/b.log", "out/deep/c.txt", "out/.hidden/d.txt", "top.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    names = lambda *patterns, hidden=True: [  # noqa: E731
        path.relative_to(tmp_path).as_posix() for path in matching(tmp_path, patterns, hidden)
    ]
    assert names("out", hidden=False) == ["out/a.txt", "out/b.log", "out/deep/c.txt"]
    assert names("**/*.txt", "!out/deep/**", hidden=False) == ["out/a.txt", "top.txt"]
    assert names("absent") == []
    assert root_of(tmp_path, ["out/*.txt", "out/deep"]) == tmp_path / "out"
    assert root_of(tmp_path, ["out/a.txt"]) == tmp_path / "out"
    first = hash_files(tmp_path, ("**/*.txt",))
    assert len(first) == 64
    assert hash_files(tmp_path, ("*.absent", "../*.absent")) == ""
    (tmp_path / "top.txt").write_text("changed")
    assert hash_files(tmp_path, ("**/*.txt",)) != first


@pytest.mark.parametrize(
    ("name", "patterns", "fits"),
    [
        ("main", ["main"], True),
        ("release/1", ["release/*"], True),
        ("release/1/2", ["release/*"], False),
        ("release/1/2", ["release/**"], True),
        ("dev", ["**", "!dev"], False),
        ("dev", ["!dev", "**"], True),
    ],
)
def test_branches_by_patterns(name: str, patterns: list[str], fits: bool) -> None:
    assert branch_fits(name, patterns) is fits
