"""Artifacts of real runs as their users ask for them: by name, by content, by where they come from and went."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tidemill.actions.artifact_documents import detail_document, lineage_document, point_text
from tidemill.actions.artifact_names import find_artifact
from tidemill.actions.artifacts import image_bytes, list_artifacts, previews_of_run, show_artifact
from tidemill.actions.compile import compile_pipeline
from tidemill.actions.fetching import get_artifact
from tidemill.actions.lineage import Lineage, Relation, trace_lineage
from tidemill.app import content_of
from tidemill.core.errors import InputError, NotFound, StateError, TidemillError
from tidemill.core.history import RunRecord
from tidemill.core.previews import FolderPreview, ImagePreview, MetricsPreview, NoPreview, TextPreview, ValuePreview
from tidemill.storage.artifacts.errors import ArtifactDamaged, ArtifactMissing, TargetExists
from tidemill.storage.metadata import task_runs
from tidemill.testing import inline_app, outputs
from tidemill.testing.in_process import InlineApp

PIPELINE = r"""
from pathlib import Path
from tidemill import Dataset, Metrics, Model, Report, current, each, import_artifact, pipeline, task

@task(cache=True)
def load(n: int) -> Dataset:
    return [{"id": i} for i in range(n)]

@task
def split(rows: Dataset) -> tuple[Dataset, Dataset]:
    return rows[:2], rows[2:]

class Weights:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code of an artifact ran')",))

@task
def fit(rows: Dataset, depth: int) -> Model:
    return [depth]

@task
def score(model: Model, rows: Dataset) -> Metrics:
    return {"accuracy": 0.5, "rows": len(rows)}

@task
def count(rows: Dataset) -> int:
    return len(rows)

@task
def previews_given(rows: Dataset) -> int:
    given = current().ticket.artifacts.values()
    return sum(1 for record in given if record.preview) if given else -1

@task
def page(rows: Dataset) -> Report:
    return "<html>\x1b[31m"

@task
def pickled(rows: Dataset) -> Model:
    return Weights()

@task
def plot() -> Path:
    path = current().scratch / "../plot.svg"
    path.write_text('<svg width="3" height="4"></svg>')
    return path

@task
def folder() -> Path:
    path = current().scratch / "files"
    (path / "deep").mkdir(parents=True)
    (path / "deep" / "a.txt").write_text("a")
    return path

@pipeline
def churn(n: int = 3, depth: int = 1):
    rows = load(n)
    train, test = split(rows)
    models = each(fit, over={"depth": [depth, 2]}, rows=train)
    each(score, over={"model": models}, rows=test)
    count(rows)
    previews_given(rows)
    page(rows)
    pickled(rows)
    plot()
    folder()
    import_artifact("s3://bucket/x", name="outside")
"""


class Twice:
    """A home in which a pipeline ran twice; the second run reused what the first one loaded."""

    def __init__(self, app: InlineApp, file: Path) -> None:
        self.app = app
        pipeline = compile_pipeline(str(file))
        self.first: RunRecord = app.run(pipeline, {})
        app.leaping.advance(60)
        self.second: RunRecord = app.run(pipeline, {"depth": 5})
        assert self.second.state.value == "succeeded", self.second.cause

    def id(self, task: str, run: str = "latest") -> str:
        return find_artifact(self.app, f"{run}:{task}")


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twice]:
    folder = tmp_path_factory.mktemp("artifacts")
    file = folder / "made_and_used.py"
    file.write_text(PIPELINE)
    with inline_app(folder / "home") as app:
        yield Twice(app, file)


# --- names ------------------------------------------------------------------------------------------------------------


def test_an_artifact_has_many_names(twice: Twice) -> None:
    id = twice.id("fit[1]")
    run = twice.second.id
    rest = id.removeprefix(run)
    for name in (id, f"{run[:6]}{rest}", f"latest{rest}", f"{run[:6]}:fit[1]", "latest:fit[1]:result"):
        assert find_artifact(twice.app, name) == id
    first, second = twice.id("split:0"), twice.id("split:1")
    assert first != second
    assert twice.id("load") == twice.id("load", twice.first.id)
    assert twice.id("score[0]").startswith(run)


@pytest.mark.parametrize(
    ("name", "said", "remedy"),
    [
        ("", "no artifact", "artifact ls"),
        ("zz", "no artifact 'zz'", "artifact ls"),
        ("zz.1", "no artifact 'zz.1'", "artifact ls"),
        ("latest", "is a run", "latest:TASK"),
        ("latest.99", "no artifact", "artifact ls"),
        ("latest:", "names no task", "RUN:TASK"),
        ("latest:fitt", "no task 'fitt'", "did you mean 'fit'"),
        ("latest:fit", "is a map", ":fit[0]"),
        ("latest:split", "names 2 artifacts", ":split:0"),
        ("latest:split:x", "no output 'x'", "known: 0, 1"),
        ("latest:count", "gave plain values", "tidemill show"),
        ("latest:count:result", "is a plain value", "tidemill show"),
    ],
)
def test_what_names_none_or_several_is_refused_with_a_remedy(twice: Twice, name: str, said: str, remedy: str) -> None:
    with pytest.raises(InputError) as error:
        find_artifact(twice.app, name)
    assert said in error.value.message
    assert remedy in error.value.remedy


def test_the_beginning_of_several_ids_is_refused(twice: Twice) -> None:
    with pytest.raises(InputError, match="beginning of several"):
        find_artifact(twice.app, twice.second.id)


# --- listing and looking ----------------------------------------------------------------------------------------------


def test_a_run_has_what_it_made_and_what_it_reused(twice: Twice) -> None:
    found = list_artifacts(twice.app).artifacts
    assert {str(one.task) for one in found if one.reused} == {"load"}
    (reused,) = (one for one in found if one.reused)
    assert (reused.by.run, reused.artifact.type) == (twice.first.id, "Dataset")
    tasks = [str(one.task) for one in found if not one.reused]
    named = ["fit[0]", "fit[1]", "folder", "outside", "page", "pickled", "plot", "score[0]", "score[1]"]
    assert tasks == [*named, "split", "split"]
    models = list_artifacts(twice.app, twice.first.id, kind="model")
    assert [str(one.task) for one in models.artifacts] == ["fit[0]", "fit[1]", "pickled"]
    assert len(list_artifacts(twice.app, task="fit").artifacts) == 2
    assert len(list_artifacts(twice.app, task="fit[1]").artifacts) == 1
    with pytest.raises(NotFound, match="no artifact of type"):
        list_artifacts(twice.app, kind="modell")
    with pytest.raises(NotFound, match="no artifact of a task"):
        list_artifacts(twice.app, task="fitt")


def test_an_artifact_tells_who_made_and_who_used_it(twice: Twice) -> None:
    detail = show_artifact(twice.app, "latest:load")
    assert (detail.found.by.run, detail.pipeline, detail.is_there) == (twice.first.id, "churn", True)
    own = [task.path for task in detail.users if task.run == twice.first.id]
    assert sorted(own) == ["count", "page", "pickled", "previews_given", "split"]
    # Those of its own run come first.
    assert [task.run for task in detail.users] == [twice.first.id] * 5 + [twice.second.id] * 5
    assert [(task.run, task.path) for task in detail.reused_by] == [(twice.second.id, "load")]
    document = detail_document(detail)
    assert document["preview"]["kind"] == "frame"
    assert document["preview"]["columns"][0]["most"] == 2
    assert document["reused_by"] == [{"run": twice.second.id, "task": "load", "generation": 0}]


def test_previews_of_a_whole_run(twice: Twice) -> None:
    found = {f"{one.by.path}{one.by.instance}": one for one in previews_of_run(twice.app, "latest")}
    assert found["plot"].preview == ImagePreview("svg", 3, 4)
    assert found["score0.0"].preview == MetricsPreview({"accuracy": 0.5, "rows": 1})
    assert found["page"].preview == TextPreview("html", "<html>\x1b[31m")
    assert found["fit1.0"].preview == ValuePreview("list", [2], 1)
    assert isinstance(found["folder"].preview, FolderPreview)
    assert found["outside"].preview == NoPreview("the content lies outside")
    # A pickle is known by its record alone: nobody loads it.
    assert isinstance(found["pickled"].preview, NoPreview)
    assert not found["pickled"].artifact.safe
    assert image_bytes(twice.app, found["plot"].artifact) == b'<svg width="3" height="4"></svg>'
    assert image_bytes(twice.app, found["plot"].artifact, most=3) is None
    assert image_bytes(twice.app, found["folder"].artifact) is None
    assert image_bytes(twice.app, found["outside"].artifact) is None


def test_tickets_carry_no_previews(twice: Twice) -> None:
    for run in (twice.first, twice.second):
        assert outputs(twice.app, run, "previews_given") == {"result": 0}


# --- fetching ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("plot", "plot.svg"),
        ("folder", "files"),
        ("page", "page.html"),
        ("fit[1]", "fit-1.json"),
        ("split:1", "split.1.json"),
        ("pickled", "pickled.pkl"),
    ],
)
def test_content_gets_a_name_of_its_own(twice: Twice, here: Path, task: str, name: str) -> None:
    done = get_artifact(twice.app, f"latest:{task}")
    assert str(done.path) == name
    assert os.access(here / name, os.W_OK)
    assert os.listdir(here) == [name]


def test_a_copy_is_put_where_it_is_wanted_and_replaces_only_by_force(twice: Twice, here: Path) -> None:
    (here / "sub").mkdir()
    assert str(get_artifact(twice.app, "latest:page", "sub").path) == os.path.join("sub", "page.html")
    assert str(get_artifact(twice.app, "latest:page", "x.html").path) == "x.html"
    (here / "x.html").write_text("mine")
    with pytest.raises(TargetExists, match="exists already") as error:
        get_artifact(twice.app, "latest:page", "x.html")
    assert "--force" in error.value.remedy
    assert (here / "x.html").read_text() == "mine"
    get_artifact(twice.app, "latest:page", "x.html", force=True)
    assert (here / "x.html").read_text() == "<html>\x1b[31m"
    get_artifact(twice.app, "latest:folder")
    (here / "files" / "mine").write_text("mine")
    get_artifact(twice.app, "latest:folder", force=True)
    assert sorted(path.name for path in (here / "files").rglob("*")) == ["a.txt", "deep"]
    # A folder in place of a file, and a link is replaced, not what it points to.
    (here / "precious").write_text("mine")
    os.symlink(here / "precious", here / "link")
    get_artifact(twice.app, "latest:folder", "link", force=True)
    assert (here / "link" / "deep" / "a.txt").read_text() == "a"
    assert (here / "precious").read_text() == "mine"
    assert {path.name for path in here.iterdir()} == {"sub", "x.html", "files", "precious", "link"}
    with pytest.raises(InputError, match="no folder"):
        get_artifact(twice.app, "latest:page", "no/where")
    with pytest.raises(InputError, match=r"the content is json, and fit\.csv would say that it is csv") as wrong:
        get_artifact(twice.app, "latest:fit[1]", "fit.csv", force=True)
    assert wrong.value.remedy == "name it fit.json"
    assert not (here / "fit.csv").exists()
    # An ending that names no format says nothing wrong.
    get_artifact(twice.app, "latest:fit[1]", "fit.v2")


def test_what_has_no_content_here_says_where_it_is(twice: Twice) -> None:
    with pytest.raises(StateError, match="no content"):
        get_artifact(twice.app, "latest:score[0]")
    with pytest.raises(StateError, match="lies outside") as outside:
        get_artifact(twice.app, "latest:outside")
    assert outside.value.place == "s3://bucket/x"


def test_content_that_is_damaged_or_gone_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "made_and_used.py"
    file.write_text(PIPELINE)
    with inline_app(tmp_path / "home") as app:
        run = app.run(compile_pipeline(str(file)), {})
        content = content_of(show_artifact(app, "latest:page").found.artifact)
        path = app.artifacts.path_of(content)
        assert path is not None
        os.chmod(path, 0o644)
        path.write_text("spoilt")
        target = tmp_path / "page.html"
        for force in (False, True):
            with pytest.raises(ArtifactDamaged, match="cannot be had as it was") as damaged:
                get_artifact(app, "latest:page", str(target), force)
            assert damaged.value.remedy == f"`tidemill rerun {run.id} --from page` makes it again"
            assert target.exists() == force
            target.write_text("mine")
        assert target.read_text() == "mine"
        app.artifacts.delete(content.digest)
        with pytest.raises(ArtifactMissing, match="is gone"):
            get_artifact(app, "latest:page", str(tmp_path / "other"))
        assert show_artifact(app, "latest:page").is_there is False
        with app.database.write() as connection:
            (row,) = (row for row in task_runs.load(connection, run.id) if row.path == "page")
            task_runs.save(connection, run.team, [replace(row, generation=1, outputs={})])
        assert [one.superseded for one in list_artifacts(app, task="page").artifacts] == [True]
        assert {path.name for path in tmp_path.iterdir()} == {"made_and_used.py", "home", "page.html"} | (
            {"__pycache__"} if (tmp_path / "__pycache__").exists() else set()
        )


# --- lineage ----------------------------------------------------------------------------------------------------------


def lines(found: Lineage) -> set[tuple[str, str, str]]:
    return {(point_text(line.source), point_text(line.target), line.relation.value) for line in found.lines}


def test_lineage_crosses_runs_both_ways(twice: Twice) -> None:
    run, old = twice.second.id, twice.first.id
    up = trace_lineage(twice.app, "latest:score[1]", down=False)
    model, train, test, rows = twice.id("fit[1]"), twice.id("split:0"), twice.id("split:1"), twice.id("load")
    assert lines(up) == {
        (f"{run}:score[1]", twice.id("score[1]"), "made"),
        (model, f"{run}:score[1]", "used"),
        (test, f"{run}:score[1]", "used"),
        (f"{run}:fit[1]", model, "made"),
        (train, f"{run}:fit[1]", "used"),
        (f"{run}:split", train, "made"),
        (f"{run}:split", test, "made"),
        (rows, f"{run}:split", "used"),
        (f"{old}:load", rows, "made"),
    }
    assert not up.cut
    down = trace_lineage(twice.app, rows, up=False)
    assert {(rows, f"{run}:load", "reused"), (rows, f"{old}:split", "used"), (rows, f"{run}:split", "used")} < lines(
        down
    )
    assert (f"{run}:score[1]", twice.id("score[1]"), "made") in lines(down)
    assert not any(line.target == rows for line in down.lines)


def test_the_depth_counts_tasks(twice: Twice) -> None:
    up = trace_lineage(twice.app, "latest:score[1]", down=False, depth=1)
    assert {relation for _, _, relation in lines(up)} == {"made", "used"}
    assert len(up.lines) == 3
    assert up.cut == {twice.id("fit[1]"), twice.id("split:1")}
    down = trace_lineage(twice.app, twice.id("split:0"), up=False, depth=1)
    assert {line.target for line in down.lines if line.relation is Relation.MADE} == {
        twice.id("fit[0]"),
        twice.id("fit[1]"),
    }
    with pytest.raises(InputError, match="at least 1"):
        trace_lineage(twice.app, "latest", depth=0)


def test_of_a_run_all_that_is_inside_is_told_and_what_lies_beyond(twice: Twice) -> None:
    whole = trace_lineage(twice.app, twice.second.id[:6])
    assert whole.run == twice.second.id
    rows = twice.id("load")
    assert (rows, f"{twice.second.id}:load", "reused") in lines(whole)
    assert (f"{twice.first.id}:load", rows, "made") in lines(whole)
    # What the first run made of the same rows is none of its business.
    assert f"{twice.first.id}:split" not in {source for source, _, _ in lines(whole)}
    beyond = trace_lineage(twice.app, twice.first.id, up=False)
    assert (rows, f"{twice.second.id}:split", "used") in lines(beyond)
    document = lineage_document(whole)
    assert document["run"] == twice.second.id
    ids = {one["id"] for one in (*document["artifacts"], *document["tasks"])}
    assert {end for line in document["lines"] for end in (line["from"], line["to"])} <= ids
    assert {one["type"] for one in document["artifacts"]} >= {"Dataset", "Model", "Metrics"}


@pytest.mark.parametrize("name", ["zz", "zz.1", "latest:nothing", ":"])
def test_lineage_of_nothing(twice: Twice, name: str) -> None:
    with pytest.raises(TidemillError) as error:
        trace_lineage(twice.app, name)
    assert error.value.remedy
