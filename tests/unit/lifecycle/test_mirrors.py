"""How runs and models are said to MLflow, and what a mirror finds to do: all of it without a server."""

from __future__ import annotations

import io
import math
import pickle
from pathlib import Path

import joblib
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tidemill.core.errors import InputError
from tidemill.core.records import Artifact
from tidemill.lifecycle.mirrors.address import parse_address
from tidemill.lifecycle.mirrors.decide import alias_changes, run_changes
from tidemill.lifecycle.mirrors.facts import OurModel, OurRun
from tidemill.lifecycle.mirrors.model_files import joblib_in_pickle, model_files
from tidemill.lifecycle.mirrors.naming import (
    NAME_LENGTH,
    Measured,
    file_path,
    metric_names,
    model_name,
    number_out,
    params_of,
    same_number,
    user_tags,
)
from tidemill.lifecycle.mirrors.server import _REQUEST, _batches

PASSWORD = "p@ss/w:rd"


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_metric_has_its_short_name_where_it_is_alone() -> None:
    found = metric_names(
        [
            Measured("evaluate", (), "accuracy", 1.0),
            Measured("folds/fit", (2,), "loss", 2.0),
            Measured("folds/fit", (3, 1), "loss", 3.0),
            Measured("evaluate", (), "recall@p90", 4.0),
        ]
    )
    assert found == {"accuracy": 1.0, "folds/fit.2/loss": 2.0, "folds/fit.3.1/loss": 3.0, "recall_p90": 4.0}


def test_names_that_would_become_the_same_are_told_apart() -> None:
    found = metric_names([Measured("a", (), "x@1", 1.0), Measured("a", (), "x#1", 2.0), Measured("a", (), "x_1", 3.0)])
    assert sorted(found.values()) == [1.0, 2.0, 3.0]
    assert all(name.startswith("x_1_") for name in found)


@given(st.dictionaries(st.text(max_size=300), st.one_of(st.text(max_size=50), st.integers(), st.none()), max_size=8))
def test_every_parameter_gets_a_name_that_mlflow_takes(params: dict[str, object]) -> None:
    """By the rules of MLflow's own check of names, and none is lost."""
    found = params_of(params)
    assert len(found) == len(params)
    for name in found:
        assert 0 < len(name) <= NAME_LENGTH
        assert not set(name) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.- /")
        assert not name.startswith(("/", ".."))
        assert all(part.strip(". ") for part in name.split("/"))


def test_values_are_texts_and_end_where_mlflow_ends_them() -> None:
    found = params_of({"depth": 5, "rate": 0.5, "on": True, "none": None, "list": [1, 2], "text": "é" * 7000})
    text = found.pop("text")
    assert found == {"depth": "5", "rate": "0.5", "on": "true", "none": "null", "list": "[1,2]"}
    assert (len(text), text[-1]) == (6000, "…")


def test_notes_of_users_take_no_name_that_means_something() -> None:
    assert user_tags({"owner": "ann", "mlflow.runName": "x", "tidemill.run": "y"}) == {
        "owner": "ann",
        "tidemill.tag.mlflow.runName": "x",
        "tidemill.tag.tidemill.run": "y",
    }


def test_teams_are_told_apart() -> None:
    assert (model_name("default", "churn"), model_name("sales", "churn")) == ("churn", "sales.churn")
    assert model_name("default", "a/b:c") == "a_b_c"
    assert model_name("default", "..") not in ("", ".", "..")


@pytest.mark.parametrize("hostile", ["../../etc", "/etc/x", "..", "a\0b", "a\\b", "", "x" * 500])
def test_a_path_leads_nowhere_else(hostile: str) -> None:
    path = file_path("models", hostile, "1")
    assert path.startswith("models/")
    assert path.endswith("/1")
    assert not {"..", ".", ""} & set(path.split("/"))


def test_numbers_that_json_does_not_have() -> None:
    assert [number_out(value) for value in (0.5, math.nan, math.inf, -math.inf)] == [
        0.5,
        "NaN",
        "Infinity",
        "-Infinity",
    ]
    assert same_number(math.inf, 1.7976931348623157e308)
    assert same_number(math.nan, math.nan)
    assert not same_number(0.5, 0.25)


@given(st.lists(st.integers(0, 6000), max_size=300))
def test_a_request_is_never_too_large(lengths: list[int]) -> None:
    items = [{"key": "k", "value": "é" * length} for length in lengths]
    batches = list(_batches(items, 100))
    assert [one for batch in batches for one in batch] == items
    assert all(0 < len(batch) <= 100 for batch in batches)
    assert all(sum(len(str(one["value"])) * 6 for one in batch) <= _REQUEST + 36_100 for batch in batches)


# --- what is to be done -----------------------------------------------------------------------------------------------


def _run(**more: object) -> OurRun:
    return OurRun("r1", "churn", "FINISHED", 1000, "m", 2000, **more)  # type: ignore[arg-type]


def test_only_what_is_missing_is_sent() -> None:
    ours = _run(params={"a": "1", "b": "2"}, metrics={"x": 0.5, "y": math.nan}, tags={"t": "1", "u": "2"})
    found = run_changes(ours, {"a": "1"}, {"x": 0.5}, {"t": "1", "theirs": "3"}, "RUNNING", None)
    assert (found.params, found.tags, found.end, found.notes) == ({"b": "2"}, {"u": "2"}, True, ())
    assert list(found.metrics) == ["y"]
    same = run_changes(ours, ours.params, ours.metrics, ours.tags, "FINISHED", 2000)
    assert (same.params, same.metrics, same.tags, same.end) == ({}, {}, {}, False)


def test_a_parameter_that_differs_is_told_and_left() -> None:
    found = run_changes(_run(params={"a": "2"}), {"a": "1"}, {}, {}, "FINISHED", 2000)
    assert found.params == {}
    assert "keeps a as it was" in found.notes[0]


def test_aliases_are_ours_where_we_have_said_something() -> None:
    model = OurModel("churn", "churn", aliases={"champion": 2, "challenger": 0, "gone": 0, "unknown": 9})
    found = {"champion": "7", "challenger": "7", "gone": "3", "theirs": "7"}
    changes = alias_changes(model, {1: "7", 2: "8"}, found)
    assert (changes.put, changes.remove) == ({"champion": "8"}, ("challenger",))
    assert alias_changes(model, {1: "7", 2: "8"}, {"champion": "8"}).put == {}


# --- files of models --------------------------------------------------------------------------------------------------


def test_a_joblib_file_is_read_by_pickle_without_being_changed(tmp_path: Path) -> None:
    value = {"weights": np.arange(1000.0).reshape(10, 100), "names": ["a", "b"]}
    joblib.dump(value, tmp_path / "m.joblib")
    content = (tmp_path / "m.joblib").read_bytes()
    before, after = joblib_in_pickle(len(content))
    whole = before + content + after
    assert content in whole
    found = pickle.load(io.BytesIO(whole))
    assert found["names"] == value["names"]
    np.testing.assert_array_equal(found["weights"], value["weights"])


@pytest.mark.parametrize(
    ("codec", "data", "how"),
    [("sklearn", "model.skops", "skops"), ("joblib", "model.pkl", "pickle"), ("pickle", "model.pkl", "cloudpickle")],
)
def test_the_description_of_a_model(codec: str, data: str, how: str) -> None:
    library = {"scikit-learn": "1.9.1", "python": "3.12.1", **dict.fromkeys(("joblib", "skops"), "1.0\n- rogue")}
    artifact = Artifact("a1", "Model", {"library": library, "type": "x.Y"}, codec, "blake2b:1", 3, "file")
    files = model_files(artifact, "r1", "models/churn/1", 0, {"tidemill.version": "1"})
    description = yaml.safe_load(files.texts["MLmodel"])
    assert description["flavors"]["sklearn"]["serialization_format"] == how
    assert description["flavors"]["sklearn"]["pickled_model"] == data == files.data
    assert description["flavors"]["python_function"]["loader_module"] == "mlflow.sklearn"
    assert description["utc_time_created"] == "1970-01-01 00:00:00.000000"
    assert b"rogue" not in b"".join(files.texts.values())
    if codec != "pickle":
        assert b"scikit-learn==1.9.1\n" in files.texts["requirements.txt"]


def test_what_no_loader_reads_is_described_all_the_same() -> None:
    files = model_files(Artifact("a1", "Model", {}, "folder", "blake2b:1", 3, "tree"), "r1", "models/x/1", 0, {})
    assert (files.loads, list(files.texts)) == (False, ["MLmodel"])
    assert list(yaml.safe_load(files.texts["MLmodel"])["flavors"]) == ["tidemill"]


# --- addresses --------------------------------------------------------------------------------------------------------


def test_credentials_go_into_headers_and_nowhere_else() -> None:
    address = parse_address("https://ann:p%40ss%2Fw%3Ard@mlflow.example.com/prefix/", {"MLFLOW_TRACKING_TOKEN": "no"})
    assert (address.url, address.headers["Authorization"][:6]) == ("https://mlflow.example.com/prefix", "Basic ")
    assert PASSWORD not in repr(address)
    assert address.headers["Authorization"] not in repr(address)
    told = address.redacted(f"{PASSWORD} p%40ss%2Fw%3Ard {address.headers['Authorization']}")
    assert told == "*** *** Basic ***"


def test_the_environment_of_mlflows_own_tools() -> None:
    both = {"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "x", "MLFLOW_TRACKING_TOKEN": "t"}
    assert parse_address("http://h", both).headers["Authorization"].startswith("Basic ")
    assert parse_address("http://h", {"MLFLOW_TRACKING_TOKEN": "t"}).headers == {"Authorization": "Bearer t"}
    assert parse_address("http://h", {}).headers == {}
    assert parse_address("http://h", {"MLFLOW_TRACKING_INSECURE_TLS": "true"}).verify is False
    with pytest.raises(InputError, match="is no token"):
        parse_address("http://h", {"MLFLOW_TRACKING_TOKEN": "a\nb"})


@pytest.mark.parametrize("uri", ["databricks", "file:///x", "http://", "ann:secretword@h", "http://ann:secretword@h:x"])
def test_what_is_no_address_is_not_repeated(uri: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_address(uri, {})
    assert "secretword" not in f"{caught.value} {caught.value.remedy}"
    assert "mlflow_uri" in caught.value.message
