"""A file becomes a graph, in this process and in a child of its own; what is wrong with it is told with its place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.authoring.graphs import PIPELINES
from tidemill.authoring.compile import compile_file, split_target
from tidemill.core.bindings import Absent, Collect, Const, FirstOf, FunctionRef, Item, Metadata, Output, Param
from tidemill.core.check import check
from tidemill.core.errors import InputError, NotFound
from tidemill.core.expressions import Binary, Op, Read, Unary
from tidemill.core.graph import Call, Each, Outcome, Over, Sub, walk_nodes
from tidemill.core.graph_json import pipeline_digest, pipeline_from_json, pipeline_from_text, pipeline_text
from tidemill.core.problems import ProblemsFound


@pytest.fixture(autouse=True)
def _no_module_is_kept() -> Iterator[None]:
    before, path = set(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith((str(PIPELINES), "/tmp")):
            del sys.modules[name]
    sys.path[:] = path


def test_the_pipeline_of_the_design() -> None:
    graph = compile_file(PIPELINES / "churn.py")
    nodes = dict(walk_nodes(graph.root))
    assert list(nodes) == ["load", "split", "train", "evaluate", "pick_best", "when_1", "when_1/register"]
    assert nodes["evaluate"].each == Each((Over("model", Output("train"), follow=True),))
    assert nodes["pick_best"].inputs == {"models": Collect("train"), "scores": Collect("evaluate")}
    assert nodes["when_1"].when == Binary(Op.GE, Read(Output("pick_best", "accuracy")), Read(Param("threshold")))
    assert nodes["when_1/register"].inputs == {"model": Output("pick_best", "model"), "name": Const("churn")}
    body = nodes["load"].body
    assert isinstance(body, Call)
    assert body.function == FunctionRef("churn", "load", str(PIPELINES / "churn.py"))
    assert graph.schedule == "0 2 * * *"
    assert set(graph.functions) == {
        f"churn:{name}" for name in ("load", "split", "train", "evaluate", "pick_best", "register")
    }
    assert all(text.startswith("blake2b:") for text in graph.functions.values())


def test_a_map_in_a_branch_in_a_pipeline_in_a_map() -> None:
    graph = compile_file(PIPELINES / "folds.py")
    nodes = dict(walk_nodes(graph.root))
    assert graph.name == "cross_validate"
    assert nodes["fold_run"].each == Each((Over("fold", Output("plan")),))
    assert nodes["fold_run"].inputs == {"rows": Param("data"), "deep": Param("deep"), "fold": Item("fold")}
    inside = nodes["fold_run"].body
    assert isinstance(inside, Sub)
    assert inside.scope.outputs == {
        "result": FirstOf((Output("fold_run/when_1/best_of"), Output("fold_run/otherwise_1/baseline")), Absent.SKIP)
    }
    deep = Binary(
        Op.AND,
        Read(Param("deep", "fold_run")),
        Binary(Op.GT, Read(Metadata(Output("fold_run/cut"), ("length",))), Read(Const(1))),
    )
    assert nodes["fold_run/when_1"].when == deep
    assert isinstance(nodes["fold_run/otherwise_1"].when, Unary)
    assert nodes["fold_run/when_1/train"].each == Each((Over("depth", Const([5, 10])),), parallelism=2)
    assert nodes["fold_run/when_1/evaluate"].each == Each(
        (Over("model", Output("fold_run/when_1/train"), follow=True),)
    )
    assert nodes["report"].inputs == {"models": Collect("fold_run")}


@pytest.mark.parametrize("name", ["churn", "folds", "nightly"])
def test_examples_are_sound_and_survive_storage(name: str) -> None:
    graph = compile_file(PIPELINES / f"{name}.py")
    assert check(graph) == []
    assert pipeline_from_text(pipeline_text(graph)) == graph
    assert pipeline_digest(compile_file(PIPELINES / f"{name}.py")) == pipeline_digest(graph)


def test_the_options_of_the_pipeline() -> None:
    graph = compile_file(PIPELINES / "nightly.py", "nightly")
    assert (graph.timeout, graph.parallelism, graph.root.outcome) == (3600, 4, Outcome.LEAVES)


def test_a_pipeline_is_found_by_either_name() -> None:
    assert compile_file(PIPELINES / "two.py", "evening").name == "evening-run"
    assert compile_file(PIPELINES / "two.py", "evening-run").name == "evening-run"
    assert compile_file(PIPELINES / "folds.py", "fold_run").name == "fold_run"


@pytest.mark.parametrize(
    ("file", "name", "error", "message", "remedy"),
    [
        ("two.py", "", InputError, "two.py has several pipelines: morning, evening", "two.py:morning"),
        ("two.py", "mornin", NotFound, "two.py has no pipeline 'mornin'", "did you mean 'morning'?"),
        ("tow.py", "", NotFound, "there is no file", "did you mean 'two.py'?"),
        ("../graphs.py", "", NotFound, "graphs.py has no pipeline", "@pipeline"),
        (".", "", NotFound, "there is no file", ""),
    ],
)
def test_a_pipeline_that_is_not_there(file: str, name: str, error: type[InputError], message: str, remedy: str) -> None:
    with pytest.raises(error) as caught:
        compile_file(PIPELINES / file, name)
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_an_import_that_fails_shows_the_users_own_lines() -> None:
    with pytest.raises(ProblemsFound) as caught:
        compile_file(PIPELINES / "broken_import.py")
    (problem,) = caught.value.problems
    assert problem.code == "import-failed"
    assert problem.place.endswith("broken_import.py:7")
    assert problem.message == "importing broken_import.py raised RuntimeError: no such table"
    assert "in prepare" in problem.detail
    assert "importlib" not in problem.detail
    assert "broken_import" not in sys.modules


@pytest.mark.parametrize(
    ("text", "line", "message", "remedy"),
    [
        ("import nowhere_to_be_found\n", 1, "ModuleNotFoundError", "install what brings 'nowhere_to_be_found'"),
        ("x = 1\ndef f(:\n", 2, "SyntaxError", ""),
        ("import sys\n\nsys.exit(3)\n", 3, "SystemExit: 3", "__main__"),
        ("from tidemill import task\n\n@task(retires=3)\ndef f(): ...\n", 3, "no option 'retires'", "did you mean"),
        ("from tidemill import tsak\n", 1, "ImportError", ""),
    ],
)
def test_files_that_cannot_be_imported(tmp_path: Path, text: str, line: int, message: str, remedy: str) -> None:
    file = tmp_path / "mine_to_break.py"
    file.write_text(text)
    answer = _child(str(file))
    (problem,) = answer["problems"]
    assert problem["place"].endswith(f"mine_to_break.py:{line}")
    assert message in problem["message"]
    assert remedy in problem.get("remedy", "")


def test_a_file_may_not_hide_another_module(tmp_path: Path) -> None:
    file = tmp_path / "random.py"
    file.write_text("")
    with pytest.raises(InputError, match="taken by") as caught:
        compile_file(file)
    assert "rename random.py" in caught.value.remedy


def test_a_child_process_gives_the_same_graph_and_keeps_output_apart() -> None:
    target = PIPELINES / "folds.py"
    ran = _run(f"{target}:cross_validate")
    assert ran.returncode == 0
    assert ran.stdout.count("\n") == 1
    assert "what a user prints" in ran.stderr
    assert pipeline_from_json(json.loads(ran.stdout)["ok"]) == compile_file(target)


def test_a_child_process_keeps_native_output_apart(tmp_path: Path) -> None:
    file = tmp_path / "noisy_steps.py"
    file.write_text(
        "import os, subprocess, sys\nfrom tidemill import pipeline, task\n"
        "os.write(1, b'raw\\n')\nsubprocess.run([sys.executable, '-c', 'print(\"child\")'], check=True)\n"
        "@task\ndef f(): ...\n@pipeline\ndef noisy():\n    print('tracing')\n    f()\n"
    )
    ran = _run(str(file))
    assert set(json.loads(ran.stdout)) == {"ok"}
    assert {"raw", "child", "tracing"} <= set(ran.stderr.split())


def test_a_child_process_tells_all_problems() -> None:
    ran = _run(str(PIPELINES / "wrong.py"))
    assert ran.returncode == 2
    problems = json.loads(ran.stdout)["problems"]
    assert [(problem["code"], problem["place"].rpartition(":")[2]) for problem in problems] == [
        ("unknown-argument", "18"),
        ("wrong-type", "19"),
        ("not-plain", "20"),
        ("too-many-arguments", "21"),
        ("unknown-argument", "22"),
        ("not-mappable", "23"),
        ("not-plain", "24"),
    ]
    assert all(problem["remedy"] for problem in problems)


def test_modules_beside_the_file_are_found(tmp_path: Path) -> None:
    (tmp_path / "beside_steps.py").write_text("from tidemill import task\n@task\ndef f(n: int) -> int:\n    return n\n")
    package = tmp_path / "beside_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "more.py").write_text("from tidemill import task\n@task\ndef g(n: int) -> int:\n    return n\n")
    (tmp_path / "beside_main.py").write_text(
        "from tidemill import pipeline\nfrom beside_steps import f\nfrom beside_package.more import g\n"
        "@pipeline\ndef main():\n    g(f(1))\n"
    )
    graph = pipeline_from_json(_child(str(tmp_path / "beside_main.py"))["ok"])
    bodies = [node.body for node in graph.root.nodes]
    assert [body.function for body in bodies if isinstance(body, Call)] == [
        FunctionRef("beside_steps", "f", str(tmp_path / "beside_steps.py")),
        FunctionRef("beside_package.more", "g", str(package / "more.py")),
    ]


def test_a_target_is_a_file_and_perhaps_a_pipeline() -> None:
    assert split_target("a/b.py:main") == ("a/b.py", "main")
    assert split_target("a/b.py") == ("a/b.py", "")
    assert split_target("C:/b.py") == ("C:/b.py", "")
    assert split_target("b.py:evening-run") == ("b.py", "evening-run")


def test_importing_tidemill_loads_next_to_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); import tidemill; new = set(sys.modules) - before;"
        "assert not any(name.startswith('tidemill.') for name in new), sorted(new);"
        "import tidemill.authoring; heavy = {'asyncio', 'sqlalchemy', 'click', 'rich', 'fastapi', 'numpy', 'pandas'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules);"
        "written = [name for name in tidemill.__all__ if name != 'current'];"
        "assert all(getattr(tidemill, name) is getattr(tidemill.authoring, name) for name in written);"
        "assert set(written) == set(tidemill.authoring.__all__)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def _run(target: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tidemill.authoring.compile", target],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def _child(target: str) -> dict[str, Any]:
    ran = _run(target)
    assert ran.stdout, ran.stderr
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer
