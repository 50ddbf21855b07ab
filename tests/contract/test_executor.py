"""What every executor promises: the same suite on each of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.contract.executor_owner import ENTRIES, Owner, open_inline, open_processes
from tidemill.core.bindings import Apply, Const, DictOf, FunctionRef, ListOf, Template
from tidemill.core.causes import CauseKind
from tidemill.core.graph import Hook, HookEvent, OutputSpec, RetryRule, Returns
from tidemill.core.ports import Adoption
from tidemill.core.records import Artifact, PollFunction, Report, RunCommand, Steer
from tidemill.core.states import AttemptState
from tidemill.core.types import Type
from tidemill.core.values import ArtifactRef
from tidemill.storage.logs.files import log_path, read

STEPS = str(ENTRIES / "steps.py")
Owners = dict[str, Owner]


@pytest.fixture(scope="module")
def owners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owners]:
    opened = {
        "inline": open_inline(tmp_path_factory.mktemp("inline")),
        "processes": open_processes(tmp_path_factory.mktemp("processes")),
    }
    yield opened
    for owner in opened.values():
        owner.executor.close()


@pytest.fixture(params=["inline", "processes"])
def owner(owners: Owners, request: pytest.FixtureRequest) -> Owner:
    return owners[request.param]


def failed(end: Any) -> Any:
    assert isinstance(end, Report), end
    assert end.state is AttemptState.FAILED
    assert end.cause is not None
    return end


def log_of(owner: Owner, attempt: str) -> list[tuple[str, str]]:
    path = log_path(Path(owner.store).parent / "logs", "run-1", attempt)
    return [(record.stream, record.text) for record in read(path)]


# --- calling ----------------------------------------------------------------------------------------------------------


def test_a_result_comes_back_with_its_cost(owner: Owner) -> None:
    attempt = owner.start("double", inputs={"x": 21})
    report = owner.end(attempt)
    assert isinstance(report, Report)
    assert report.outputs == {"result": 42}
    assert report.usage.wall_s > 0


def test_a_task_object_is_unwrapped(owner: Owner) -> None:
    assert owner.result("wrapped", inputs={"x": 1}) == 2


def test_inputs_are_converted_by_annotation(owner: Owner) -> None:
    assert owner.result("typed", inputs={"day": "2026-01-02", "path": "a/b"}) == "date PosixPath"
    assert owner.result("takes_settings", inputs={"settings": {"depth": 2}}) == 3


def test_an_unfit_input_is_named(owner: Owner) -> None:
    report = failed(owner.run("typed", inputs={"day": "someday", "path": "a"}))
    assert report.cause.kind is CauseKind.DATA
    assert "input 'day'" in report.cause.message


@pytest.mark.parametrize(("inputs", "words"), [({}, "misses input 'x'"), ({"x": 1, "y": 2}, "takes no input 'y'")])
def test_missing_and_unknown_inputs_are_named(owner: Owner, inputs: dict[str, Any], words: str) -> None:
    report = failed(owner.run("double", inputs=inputs))
    assert report.cause.kind is CauseKind.DATA
    assert words in report.cause.message


def test_composed_inputs(owner: Owner) -> None:
    apply = Apply(FunctionRef("steps", "double", STEPS), {"x": Const(4)})
    whole = DictOf({"a": ListOf((Const(1), apply)), "b": Template((Const("n="), Const(2), Const(None)))})
    assert owner.result("double", inputs={"x": ListOf((whole,))}) == [{"a": [1, 8], "b": "n=2null"}] * 2


def test_async_functions_are_awaited(owner: Owner) -> None:
    assert owner.result("later", inputs={"x": 1}) == 2


def test_a_function_that_is_gone_is_named_with_its_neighbours(owner: Owner) -> None:
    report = failed(owner.run("doubel"))
    assert "doubel" in report.cause.message
    assert "did you mean 'double'" in report.cause.message


# --- outputs ----------------------------------------------------------------------------------------------------------


def specs(*keys: str) -> dict[str, OutputSpec]:
    return {key: OutputSpec() for key in keys}


def test_fields_and_items_become_outputs(owner: Owner) -> None:
    fields = owner.run("fields", returns=Returns.FIELDS, outputs=specs("left", "right"))
    assert isinstance(fields, Report)
    assert fields.outputs == {"left": 1, "right": "two"}
    items = owner.run("items", returns=Returns.ITEMS, outputs=specs("0", "1"))
    assert isinstance(items, Report)
    assert items.outputs == {"0": 1, "1": [2, 3]}


@pytest.mark.parametrize(
    ("name", "returns", "keys", "words"),
    [
        ("wrong_fields", Returns.FIELDS, ("left", "right"), "output 'left' is declared but was not returned"),
        ("short_items", Returns.ITEMS, ("0", "1"), "a tuple of 2 items was declared, 1 were returned"),
        ("nothing", Returns.FIELDS, ("left",), "NoneType"),
    ],
)
def test_outputs_that_are_missing_fail(
    owner: Owner, name: str, returns: Returns, keys: tuple[str, ...], words: str
) -> None:
    report = failed(owner.run(name, returns=returns, outputs=specs(*keys)))
    assert report.cause.kind is CauseKind.DATA
    assert words in report.cause.message


def test_large_values_become_artifacts_and_come_back(owner: Owner) -> None:
    attempt = owner.start("big_list", inputs={"size": 50_000})
    report = owner.end(attempt)
    assert isinstance(report, Report)
    (artifact,) = report.artifacts
    assert artifact.id == f"{attempt}.1"
    assert artifact.codec == "json"
    assert artifact.digest.startswith("blake2b:")
    reference = report.outputs["result"]
    assert reference == ArtifactRef(artifact.id)
    records = {artifact.id: artifact}
    assert owner.result("length", inputs={"value": reference}, artifacts=records) == 50_000
    assert owner.result("double", inputs={"x": reference.item(7)}, artifacts=records) == 14


def test_a_huge_value_does_not_go_through_the_channel(owner: Owner) -> None:
    report = owner.run("big_text", inputs={"size": 70 << 20})
    assert isinstance(report, Report)
    assert report.state is AttemptState.SUCCEEDED, report.cause
    assert report.artifacts[0].size >= 70 << 20


def test_frames_and_files_are_kept_by_type(owner: Owner) -> None:
    frame = owner.run("make_frame", outputs={"result": OutputSpec(Type("Dataset"))})
    assert isinstance(frame, Report)
    (artifact,) = frame.artifacts
    assert artifact.type == "Dataset"
    assert artifact.metadata["rows"] == 3
    inputs = {"frame": frame.outputs["result"]}
    assert owner.result("rows_of", inputs=inputs, artifacts={artifact.id: artifact}) == 3
    file = owner.run("write_file")
    assert isinstance(file, Report)
    (artifact,) = file.artifacts
    inputs = {"path": file.outputs["result"]}
    assert owner.result("read_file", inputs=inputs, artifacts={artifact.id: artifact}) == ["model.txt", "weights"]


def test_metrics_stay_in_the_row(owner: Owner) -> None:
    outputs = {"result": OutputSpec(Type("Metrics"))}
    report = owner.run("scores", outputs=outputs)
    assert isinstance(report, Report)
    assert report.outputs["result"] == {"accuracy": 0.5, "rows": 3}
    assert [(made.type, made.digest) for made in report.artifacts] == [("Metrics", "")]
    assert "a mapping of names to numbers" in failed(owner.run("bad_scores", outputs=outputs)).cause.message


def test_a_codec_that_is_named_is_used(owner: Owner) -> None:
    report = owner.run("double", inputs={"x": 1}, outputs={"result": OutputSpec(codec="pickle")})
    assert isinstance(report, Report)
    assert [(made.codec, made.safe) for made in report.artifacts] == [("pickle", False)]
    wrong = failed(owner.run("double", inputs={"x": 1}, outputs={"result": OutputSpec(codec="pickel")}))
    assert "did you mean 'pickle'" in wrong.cause.message


@pytest.mark.parametrize(("name", "kind"), [("generator", "generator"), ("lock", "lock")])
def test_what_cannot_be_stored_fails_with_output_and_type(owner: Owner, name: str, kind: str) -> None:
    report = failed(owner.run(name))
    assert report.cause.kind is CauseKind.DATA
    assert "output 'result'" in report.cause.message
    assert kind in report.cause.message


def test_a_damaged_input_is_a_data_fault(owner: Owner) -> None:
    artifact = Artifact("a.1", "Dataset", codec="json", digest="blake2b:" + "0" * 64, size=10, kind="file")
    report = failed(owner.run("double", inputs={"x": ArtifactRef("a.1")}, artifacts={"a.1": artifact}))
    assert report.cause.kind is CauseKind.DATA
    assert "input 'x'" in report.cause.message


def test_a_record_may_be_taken_instead_of_its_content(owner: Owner) -> None:
    artifact = Artifact("a.1", "Model", codec="json", digest="blake2b:" + "0" * 64, size=10, kind="file")
    assert owner.result("record_of", inputs={"model": ArtifactRef("a.1")}, artifacts={"a.1": artifact}) == [
        "a.1",
        "Model",
    ]


# --- ends -------------------------------------------------------------------------------------------------------------


def test_a_failure_names_classes_and_begins_in_the_users_file(owner: Owner) -> None:
    report = failed(owner.run("fail"))
    assert report.cause.kind is CauseKind.USER_CODE
    assert report.cause.message == "Trouble: no rows in it"
    assert report.cause.classes[:2] == ("steps.Trouble", "ValueError")
    frames = [line for line in report.cause.traceback.splitlines() if line.startswith("  File")]
    assert len(frames) == 2
    assert all("steps.py" in frame for frame in frames)


@pytest.mark.parametrize(
    ("rules", "index"),
    [
        ((("KeyError",), ("ValueError",)), 1),
        ((("steps.Trouble",),), 0),
        ((("Trouble",),), 0),
        ((("builtins.Exception",),), 0),
        ((("OSError",),), None),
    ],
)
def test_the_first_rule_that_matches_is_reported(
    owner: Owner, rules: tuple[tuple[str, ...], ...], index: int | None
) -> None:
    report = failed(owner.run("fail", retry_rules=tuple(RetryRule(names) for names in rules)))
    assert report.rule == index


def test_skip_and_refuse(owner: Owner) -> None:
    skipped = owner.run("skip")
    assert isinstance(skipped, Report)
    assert skipped.state is AttemptState.SKIPPED
    assert skipped.cause is not None
    assert (skipped.cause.kind, skipped.cause.message) == (CauseKind.CONDITION, "nothing new")
    refused = failed(owner.run("refuse"))
    assert (refused.cause.kind, refused.cause.message) == (CauseKind.REFUSED, "never again")


def test_suspension_and_resumption(owner: Owner) -> None:
    report = owner.run("suspend")
    assert isinstance(report, Report)
    assert report.state is AttemptState.SUSPENDED
    assert report.wake is not None
    assert (report.wake.after_s, report.wake.resume) == (30.0, {"page": 2})
    assert owner.result("resumed", resume={"page": 2}) == {"page": 2}


def test_polling(owner: Owner) -> None:
    def polled(name: str, **inputs: Any) -> Any:
        return owner.run(name, work=PollFunction(FunctionRef("steps", name, STEPS), 5.0), inputs=inputs)

    assert polled("poll", ready=True).state is AttemptState.SUCCEEDED
    waiting = polled("poll", ready=False)
    assert (waiting.state, waiting.wake.after_s) == (AttemptState.SUSPENDED, 5.0)
    assert polled("poll_result").outputs == {"result": {"found": 1}}


@pytest.mark.parametrize(("code", "status"), [(3, 3), (0, 0), ("bad", 1)])
def test_sys_exit_is_a_failure_with_its_code(owner: Owner, code: Any, status: int) -> None:
    report = failed(owner.run("leave", inputs={"code": code}))
    assert report.cause.kind is CauseKind.USER_CODE
    assert report.cause.exit_code == status
    assert repr(code) in report.cause.message


def test_a_container_is_refused(owner: Owner) -> None:
    report = failed(owner.run("x", work=RunCommand("alpine", ("true",), {}, {})))
    assert report.cause.kind is CauseKind.REFUSED
    assert "containers" in report.cause.message


def test_an_entry_that_cannot_be_imported_says_why(owner: Owner) -> None:
    report = failed(owner.run("any", entry="broken"))
    assert report.cause.message == "RuntimeError: broken at import"
    assert "broken.py" in report.cause.traceback


def test_secrets_are_masked_in_causes_and_logs(owner: Owner) -> None:
    attempt = owner.start("fail_with", inputs={"text": "hunter22"}, secrets=("hunter22",))
    report = failed(owner.end(attempt))
    assert report.cause.message == "RuntimeError: the password is ***"
    assert "hunter22" not in report.cause.traceback
    attempt = owner.start("speak", inputs={"text": "hunter22"}, secrets=("hunter22",))
    owner.end(attempt)
    assert {text for _, text in log_of(owner, attempt)} == {"out: ***", "err: ***", "INFO logged: ***"}


# --- the context ------------------------------------------------------------------------------------------------------


def test_pushes_acts_reads_and_steering(owner: Owner) -> None:
    attempt = owner.start("talk")
    report = failed(owner.end(attempt))
    assert owner.pushed(attempt, "early") == {"rows": 3}
    assert report.cause.classes[0].endswith("RequestRefused")
    assert "nobody may" in report.cause.message


def test_the_task_knows_its_run(owner: Owner) -> None:
    found = owner.result("describe", indexes=(2, 1))
    again = owner.result("describe", indexes=(2, 1))
    other = owner.result("describe", indexes=(2, 2))
    assert found["run"] == "run-1"
    assert found["pipeline"] == "churn"
    assert found["indexes"] == [2, 1]
    assert found["started"] == datetime(2026, 1, 2, tzinfo=UTC)
    assert found["params"] == {"p": 1}
    assert found["scratch"]
    assert (found["seed"], found["random"]) == (again["seed"], again["random"])
    assert found["random"] != other["random"]


def test_the_scratch_folder_goes_away(owner: Owner) -> None:
    owner.result("describe")
    scratch = Path(owner.store).parent / "scratch"
    assert list(scratch.iterdir()) == []


def test_steering_travels_in_the_report(owner: Owner) -> None:
    report = owner.run("steered")
    assert isinstance(report, Report)
    assert report.steer == Steer(("b",), ("c",), True)


def test_acts_are_numbered_and_answered(owner: Owner) -> None:
    assert owner.result("ask_twice") == [["act", "a", 1], ["act", "b", 2], ["read", "load", 1], ["variable", "v", 2]]


def test_hooks_are_called_and_their_failure_is_a_note(owner: Owner) -> None:
    def hook(event: HookEvent, name: str) -> Hook:
        return Hook(event, FunctionRef("steps", name, STEPS))

    hooks = (hook(HookEvent.FAILURE, "hooked"), hook(HookEvent.RETRY, "speak"), hook(HookEvent.FAILURE, "bad_hook"))
    attempt = owner.start("fail", hooks=hooks)
    report = failed(owner.end(attempt))
    assert [note for note in report.notes if "hook trouble" in note]
    assert ("o", "hook for Trouble") in log_of(owner, attempt)


# --- logs -------------------------------------------------------------------------------------------------------------


def test_the_log_is_complete_when_the_attempt_ends(owner: Owner) -> None:
    for n in range(5):
        attempt = owner.start("speak", inputs={"text": str(n)})
        owner.end(attempt)
        assert sorted(log_of(owner, attempt)) == [
            ("e", f"INFO logged: {n}"),
            ("e", f"err: {n}"),
            ("o", f"out: {n}"),
        ]


def test_unknown_attempts_are_no_matter(owner: Owner) -> None:
    from tidemill.core.causes import Cause

    owner.executor.stop("nobody", Cause(CauseKind.CANCELLED, "by a test"))
    assert owner.executor.adopt("nobody") is Adoption.GONE
    assert owner.result("double", inputs={"x": 1}) == 2


def test_closing_twice_is_fine(tmp_path: Path) -> None:
    for opened in (open_inline(tmp_path / "a"), open_processes(tmp_path / "b")):
        opened.executor.close()
        opened.executor.close()
