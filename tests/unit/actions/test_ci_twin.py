"""The twin of GitHub's runner: what passes from step to step and job to job, what runs after a failure, what is hid."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from tidemill.actions.ci import scripts
from tidemill.actions.ci.masks import Masks
from tidemill.actions.ci.results import JobResult, Printed, Result, StepResult, Told, Way, WorkflowResult
from tidemill.actions.ci.running import Wishes, run_here
from tidemill.core.errors import InputError, NotFound

PATH = "/usr/local/bin:/usr/bin:/bin"


class Twin:
    """A folder with one workflow, and what was told when it was run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[Told] = []

    def run(self, source: str, environment: Mapping[str, str] | None = None, **wishes: Any) -> WorkflowResult:
        (self.folder / "wf.yml").write_text(textwrap.dedent(source), encoding="utf-8")
        self.told = []
        wished = Wishes(workflow=str(self.folder / "wf.yml"), **wishes)
        _, result = run_here(wished, self.folder, {"PATH": PATH, **(environment or {})}, self._ask, self.told.append)
        return result

    def _ask(self, name: str) -> str:
        raise InputError(f"asked for {name}")

    @property
    def lines(self) -> list[str]:
        return [one.text for one in self.told if isinstance(one, Printed)]

    @property
    def printed(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture
def twin(tmp_path: Path) -> Twin:
    return Twin(tmp_path)


def until_gone(pid: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for _ in range(6000):
            if process.status() == psutil.STATUS_ZOMBIE:
                return
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(timeout=0.01)
        raise AssertionError(f"{pid} is still there")


def results(found: WorkflowResult) -> dict[str, str]:
    return {job.title: job.result.value for job in found.jobs}


def steps(job: JobResult) -> list[tuple[str, str]]:
    return [(step.title, step.conclusion.value) for step in job.steps]


def test_what_passes_from_step_to_step_and_job_to_job(twin: Twin) -> None:
    found = twin.run(
        """\
        on: push
        env: {LEVEL: workflow, OUTER: "${{ github.event_name }}"}
        defaults: {run: {shell: bash}}
        jobs:
          second:
            needs: first
            runs-on: ubuntu-latest
            steps:
              - run: echo "got [$GIVEN] [${{ needs.first.outputs.lines }}] ${{ needs.first.result }}"
                env: {GIVEN: "${{ needs.first.outputs.one }}"}
          first:
            runs-on: ubuntu-latest
            env: {LEVEL: job}
            outputs:
              one: ${{ steps.make.outputs.one }}
              lines: ${{ join(fromJSON(steps.make.outputs.list), '+') }}
            steps:
              - id: make
                env: {LEVEL: step}
                run: |
                  echo "one=1 & \\"more\\"" >> "$GITHUB_OUTPUT"
                  echo 'list<<E' >> $GITHUB_OUTPUT; echo '["a",' >> $GITHUB_OUTPUT; echo '"b"]' >> $GITHUB_OUTPUT
                  echo E >> $GITHUB_OUTPUT
                  echo "FROM_BEFORE=kept" >> "$GITHUB_ENV"
                  mkdir -p tools; printf '#!/bin/sh\\necho tool ran\\n' > tools/mytool; chmod +x tools/mytool
                  echo "$PWD/tools" >> "$GITHUB_PATH"
                  echo "# Heading" >> "$GITHUB_STEP_SUMMARY"
                  echo "level $LEVEL $OUTER"
              - run: |
                  echo "level $LEVEL $FROM_BEFORE ${{ env.FROM_BEFORE }} ${{ steps.make.outcome }}"
                  mytool
        """
    )
    assert results(found) == {"first": "success", "second": "success"}
    assert twin.lines == [
        "level step push", "level job kept kept success", "tool ran", 'got [1 & "more"] [a+b] success',
    ]  # fmt: skip
    assert found.summary == "# Heading\n"
    assert dict(found.jobs[0].outputs) == {"one": '1 & "more"', "lines": "a+b"}


def test_what_runs_after_a_failure(twin: Twin) -> None:
    found = twin.run(
        """\
        on: push
        jobs:
          a:
            runs-on: ubuntu-latest
            steps:
              - {name: forgiven, id: forgiven, run: exit 3, continue-on-error: true}
              - name: sees it
                run: test ${{ steps.forgiven.outcome }}-${{ steps.forgiven.conclusion }} = failure-success
              - {name: pipe, shell: bash, run: "false | true"}
              - {name: after, run: echo never}
              - {name: on failure, if: failure(), run: "echo job is ${{ job.status }}"}
              - {name: always, if: "${{ always() }}", run: echo always}
              - {name: only if, if: "github.event_name == 'push'", run: echo never}
          b: {needs: a, runs-on: ubuntu-latest, steps: [{run: echo never}]}
          c: {needs: b, if: failure(), runs-on: ubuntu-latest, steps: [{run: "echo a was ${{ needs.b.result }}"}]}
          d: {needs: [a], if: "!cancelled()", runs-on: ubuntu-latest, steps: [{run: echo d}]}
        """
    )
    assert results(found) == {"a": "failure", "b": "skipped", "c": "success", "d": "success"}
    assert found.failed
    assert steps(found.jobs[0]) == [
        ("forgiven", "success"), ("sees it", "success"), ("pipe", "failure"), ("after", "skipped"),
        ("on failure", "success"), ("always", "success"), ("only if", "skipped"),
    ]  # fmt: skip
    assert twin.lines == ["job is failure", "always", "a was skipped", "d"]
    assert found.jobs[0].steps[0].outcome is Result.FAILURE


def test_without_a_shell_a_pipe_may_fail_as_on_github(twin: Twin) -> None:
    found = twin.run("on: push\njobs: {a: {runs-on: x, steps: [{run: 'false | true'}, {run: 'false'}]}}")
    assert [step.conclusion.value for step in found.jobs[0].steps] == ["success", "failure"]


def test_a_matrix_is_run_in_its_combinations_until_one_fails(twin: Twin) -> None:
    source = """\
        on: push
        jobs:
          list:
            runs-on: ubuntu-latest
            outputs: {n: "${{ steps.s.outputs.n }}"}
            steps: [{id: s, run: 'echo n=[1,2,3] >> "$GITHUB_OUTPUT"'}]
          test:
            needs: list
            runs-on: ubuntu-latest
            strategy: {fail-fast: FAST, matrix: {n: "${{ fromJSON(needs.list.outputs.n) }}", os: [linux]}}
            steps: [{run: "echo n is ${{ matrix.n }} of ${{ strategy.job-total }}; test ${{ matrix.n }} != 2"}]
        """
    found = twin.run(source.replace("FAST", "true"))
    assert results(found) == {
        "list": "success", "test (1, linux)": "success", "test (2, linux)": "failure", "test (3, linux)": "cancelled",
    }  # fmt: skip
    assert twin.lines == ["n is 1 of 3", "n is 2 of 3"]
    assert results(twin.run(source.replace("FAST", "false")))["test (3, linux)"] == "success"


def test_secrets_reach_who_names_them_and_nobody_s_eyes(twin: Twin) -> None:
    environment = {"TOKEN": "s3cr3t-värde", "OTHER": "open", "GITHUB_STRAY": "x"}
    found = twin.run(
        """\
        on: push
        jobs:
          a:
            runs-on: ubuntu-latest
            outputs: {leak: "${{ steps.s.outputs.x }}", fine: "${{ steps.s.outputs.y }}"}
            steps:
              - id: s
                env: {GIVEN: "${{ secrets.TOKEN }}"}
                run: |
                  test "$GIVEN" = "s3cr3t-värde"
                  echo "given $GIVEN"; echo "$GIVEN" | base64; echo "::warning::$GIVEN"
                  echo "x=$GIVEN" >> "$GITHUB_OUTPUT"; echo "y=fine" >> "$GITHUB_OUTPUT"
                  echo "$GIVEN" >> "$GITHUB_STEP_SUMMARY"
                  echo "::add-mask::later"; echo "sooner or later"
              - run: echo "[$TOKEN] [$OTHER] [$GITHUB_STRAY] [${{ secrets.ABSENT }}]"
              - run: echo '${{ toJSON(secrets) }}'
              - run: cat "$0"; exit ${{ secrets.TOKEN }}
        """,
        environment,
    )
    everything = "\n".join([twin.printed, found.summary, repr(twin.told), repr(found)])
    assert "s3cr3t" not in everything
    assert "czNjcjN0" not in everything
    assert "given ***" in twin.lines
    assert "sooner or ***" in twin.lines
    assert "[] [open] [] []" in twin.lines
    assert dict(found.jobs[0].outputs) == {"fine": "fine"}
    assert any("holds a secret" in one.text for one in found.remarks)
    assert any("ABSENT is empty" in one.text for one in found.remarks)


def test_commands_of_steps(twin: Twin) -> None:
    twin.run(
        """\
        on: push
        jobs:
          a:
            runs-on: ubuntu-latest
            steps:
              - run: |
                  echo "::error file=app.py,line=3::wrong%0Athere"
                  echo "::group::Details"; echo inside; echo "::endgroup::"
                  echo "::stop-commands::tok"; echo "::error::text only"; echo "::tok::"; echo "::notice::again"
        """
    )
    told = [(one.kind, one.text) for one in twin.told if isinstance(one, Printed)]
    assert told == [
        ("error", "app.py:3: wrong\nthere"), ("group", "Details"), ("", "inside"), ("", "::error::text only"),
        ("notice", "again"),
    ]  # fmt: skip


def test_commands_go_on_after_the_word_that_the_step_chose(twin: Twin) -> None:
    twin.run(
        """\
        on: push
        jobs:
          a:
            runs-on: ubuntu-latest
            steps:
              - run: |
                  echo "::stop-commands::7F3a-91"; echo "::7f3A-91::"; echo "::7F3a-91::"
                  echo "::add-mask::hidden-word"; echo "said hidden-word"
        """
    )
    assert twin.lines == ["::7f3A-91::", "said ***"]


def test_what_is_wrong_with_an_output_is_told_without_the_secret_in_it(twin: Twin) -> None:
    source = """\
        on: push
        jobs:
          a:
            runs-on: ubuntu-latest
            outputs: {x: "${{ format(secrets.TOKEN, 1) }}"}
            steps: [{run: "true"}]
        """
    with pytest.raises(InputError) as raised:
        twin.run(source, {"TOKEN": "{hidden-word"})
    assert "hidden-word" not in raised.value.in_one_line
    assert "a brace that stands alone in '***'" in raised.value.message


def test_artifacts_go_from_job_to_job(twin: Twin) -> None:
    found = twin.run(
        """\
        on: push
        jobs:
          make:
            runs-on: ubuntu-latest
            steps:
              - uses: actions/checkout@v7
              - run: mkdir -p out/deep; echo a > out/a.txt; echo b > out/deep/b.txt; echo c > out/c.log
              - uses: actions/upload-artifact@v7
                with: {name: all, path: "out/**/*.txt"}
              - uses: actions/upload-artifact@v7
                with: {name: none, path: absent, if-no-files-found: ignore}
              - uses: actions/upload-artifact@v7
                continue-on-error: true
                with: {name: all, path: out}
              - run: rm -r out
          take:
            needs: make
            runs-on: ubuntu-latest
            steps:
              - uses: actions/download-artifact@v8
                with: {name: all, path: got}
              - run: find got -type f | sort
              - uses: someone/else@v1
              - uses: actions/download-artifact@v8
                with: {name: gone}
        """
    )
    assert twin.lines[:3] == [
        "there is an artifact 'all' already; names are unique in a workflow",
        "got/a.txt",
        "got/deep/b.txt",
    ]
    assert results(found) == {"make": "success", "take": "failure"}
    assert [step.way for step in found.jobs[1].steps] == [Way.STOOD_IN, Way.RUN, Way.NOT_HERE, Way.STOOD_IN]
    assert "there is no artifact 'gone'; there is all" in found.jobs[1].steps[3].note
    assert any("someone/else@v1 is not run here" in one.text and one.place == "wf.yml:23" for one in found.remarks)


def test_a_command_that_is_pretended_only_says_what_it_would_do(twin: Twin) -> None:
    source = """\
        on: push
        jobs:
          a:
            runs-on: ubuntu-latest
            steps:
              - {shell: bash, run: "head -c 1000000 /dev/zero | rm-everything -rf '/a b'; touch ran"}
        """
    assert twin.run(source, pretended=("rm-everything",)).failed is False
    assert twin.lines == ["would run: rm-everything -rf /a b"]
    assert (twin.folder / "ran").exists()
    with pytest.raises(InputError):
        twin.run(source, pretended=("../x",))


def test_a_dry_run_runs_nothing_and_guesses_nothing(twin: Twin) -> None:
    found = twin.run(
        """\
        on: push
        jobs:
          a:
            runs-on: ubuntu-latest
            outputs: {v: "${{ steps.s.outputs.v }}"}
            steps:
              - {id: s, run: "touch ran; echo ${{ secrets.TOKEN }} ${{ github.event_name }}"}
              - {name: maybe, if: steps.s.outputs.v == '1', run: echo}
              - {name: shown, run: "echo ${{ steps.s.outputs.v }} ${{ env.X }}"}
              - {name: broken, if: failure(), run: echo}
          b: {needs: a, if: needs.a.outputs.v == '1', runs-on: x, steps: [{run: echo}]}
          c: {needs: a, runs-on: x, steps: [{run: "echo ${{ needs.a.outputs.v }}"}]}
          d: {needs: a, if: github.ref == 'refs/heads/none', runs-on: x, steps: [{run: echo}]}
        """,
        {"TOKEN": "s3cr3t-value"},
        dry=True,
    )
    assert not (twin.folder / "ran").exists()
    assert results(found) == {"a": "success", "b": "undecided", "c": "success", "d": "skipped"}
    assert [step.outcome.value for step in found.jobs[0].steps] == ["success", "undecided", "success", "skipped"]
    assert "touch ran; echo *** push" in twin.lines
    assert "echo ${{ steps.s.outputs.v }} " in twin.lines
    assert "echo ${{ needs.a.outputs.v }}" in twin.lines


def test_a_step_whose_time_is_over_is_ended_with_all_that_it_began(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "GRACE", 0.1)
    found = twin.run(
        """\
        on: push
        jobs:
          a:
            runs-on: ubuntu-latest
            steps:
              - {timeout-minutes: 0.02, run: "trap '' TERM; sleep 600 & echo $! > pid; wait"}
              - {if: always(), run: echo after}
        """
    )
    assert next((step.outcome.value, step.note) for step in found.jobs[0].steps) == ("failure", "its time was over")
    assert twin.lines == ["after"]
    pid = (twin.folder / "pid").read_text() if (twin.folder / "pid").exists() else ""
    if pid.strip():
        until_gone(int(pid))


def test_what_a_step_leaves_behind_does_not_hold_up_the_next(twin: Twin) -> None:
    found = twin.run("on: push\njobs: {a: {runs-on: x, steps: [{run: 'sleep 600 & echo $! > pid; echo started'}]}}")
    assert not found.failed
    assert twin.lines == ["started"]


def test_a_file_of_a_step_that_cannot_be_read_fails_it(twin: Twin) -> None:
    found = twin.run("on: push\njobs: {a: {runs-on: x, steps: [{run: 'echo nothing >> $GITHUB_OUTPUT'}]}}")
    assert found.failed
    assert "neither name=value nor name<<MARK" in found.jobs[0].steps[0].note


def test_inputs_events_and_refs(twin: Twin) -> None:
    source = """\
        on:
          push: {branches: [main, 'release/**']}
          workflow_dispatch:
            inputs:
              rows: {type: number, default: 5}
              really: {type: boolean, required: true}
              mode: {type: choice, options: [fast, slow]}
        jobs:
          a:
            runs-on: ubuntu-latest
            steps:
              - run: echo "${{ github.ref_name }} ${{ inputs.rows }} ${{ inputs.really == true }} ${{ inputs.mode }}"
        """
    by_hand = {"event": "workflow_dispatch", "ref": "dev"}
    twin.run(source, inputs=("really=true", "mode=slow"), **by_hand)
    assert twin.lines == ["dev 5 true slow"]
    for wrong in (
        ("really=true", "mode=other"),
        ("really=perhaps",),
        (),
        ("really=true", "rows=many"),
        ("relly=true",),
    ):
        with pytest.raises(InputError):
            twin.run(source, inputs=wrong, **by_hand)
    found = twin.run(source, ref="dev")
    assert any("would not start this" in one.text for one in found.remarks)
    assert not any("would not start" in one.text for one in twin.run(source, ref="release/1/2").remarks)
    with pytest.raises(NotFound, match="at 'pusch'"):
        twin.run(source, event="pusch")


def test_only_some_jobs(twin: Twin) -> None:
    source = "on: push\njobs:\n" + "".join(
        f"  {name}: {{runs-on: x, {needs}steps: [{{run: echo {name}}}]}}\n"
        for name, needs in (("a", ""), ("b", "needs: a, "), ("c", ""))
    )
    assert results(twin.run(source, jobs=("b",))) == {"a": "success", "b": "success"}
    with pytest.raises(NotFound, match="no job 'd'"):
        twin.run(source, jobs=("d",))


def test_an_error_in_an_expression_fails_its_step_with_the_place(twin: Twin) -> None:
    found = twin.run("on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: echo ${{ fromJSON('{') }}")
    (step,) = found.jobs[0].steps
    assert isinstance(step, StepResult)
    assert (step.outcome, step.place) == (Result.FAILURE, "wf.yml:6")
    assert "fromJSON" in step.note


def test_working_directories(twin: Twin) -> None:
    (twin.folder / "sub" / "deep").mkdir(parents=True)
    found = twin.run(
        """\
        on: push
        defaults: {run: {working-directory: sub}}
        jobs:
          a:
            runs-on: ubuntu-latest
            steps:
              - run: basename "$PWD"
              - {working-directory: sub/deep, run: basename "$PWD", shell: sh}
              - {working-directory: absent, run: echo never}
        """
    )
    assert twin.lines[:2] == ["sub", "deep"]
    assert "no folder 'absent'" in found.jobs[0].steps[2].note


def test_a_line_without_end_is_cut_where_no_secret_is() -> None:
    secrets = ("S3CRET-abcdefghij", "ijSECOND")
    masks = Masks(secrets)
    text = "x" * 40 + "S3CRET-abcdefghijSECOND" + "y" * 40
    for there in range(len(text) + 1):
        cut = masks.safe_cut(text[:there])
        assert there - 4 * len(secrets[0]) < cut <= there or cut == 0
        assert masks.hide(text[:cut]) + masks.hide(text[cut:]) == masks.hide(text)
