"""The files that make a stored model one that MLflow loads: MLmodel, its environment, and the model's own bytes.

Nothing is loaded here, so no code of a model runs: what MLflow cannot read as it is gets a few bytes before and after.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import yaml

from tidemill.core.records import Artifact
from tidemill.storage.artifacts.codecs.trusted import TRUSTED

DATA = "data"
_WORD = re.compile(r"[\w.+!\-]{1,200}", re.ASCII)
_SKOPS = "model.skops"
_PICKLE = "model.pkl"
_REQUIRED = {"sklearn": ("scikit-learn", "skops"), "joblib": ("scikit-learn", "joblib"), "pickle": ("cloudpickle",)}


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """`texts` are files by name; the content goes to `data`, between `before` and `after`.

    `loads`: whether MLflow's scikit-learn and pyfunc loaders can read it.
    """

    texts: Mapping[str, bytes]
    data: str
    before: bytes = b""
    after: bytes = b""
    loads: bool = True


def model_files(artifact: Artifact, run_id: str, path: str, created: int, tags: Mapping[str, str]) -> ModelFiles:
    """Of a model kept as `artifact`, below `path` of the run `run_id`; `created` in milliseconds since the epoch."""
    flavors: dict[str, Any] = {
        "tidemill": {"codec": artifact.codec, "digest": artifact.digest, "type": _word(artifact.metadata.get("type"))}
    }
    before = after = b""
    trusted: list[str] | None = None
    match artifact.codec:
        case "sklearn":
            data, how, trusted = _SKOPS, "skops", list(TRUSTED)
        case "joblib":
            data, how = _PICKLE, "pickle"
            before, after = joblib_in_pickle(artifact.size)
        case "pickle":
            data, how = _PICKLE, "cloudpickle"
        case _:
            data, how = DATA, ""
    requirements = _requirements(artifact)
    if how:
        flavors |= {
            "python_function": {
                "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
                "loader_module": "mlflow.sklearn",
                "model_path": data,
                "predict_fn": "predict",
                "python_version": _python(artifact),
            },
            "sklearn": {
                "code": None,
                "pickled_model": data,
                "serialization_format": how,
                "sklearn_version": _libraries(artifact).get("scikit-learn", ""),
                "skops_trusted_types": trusted,
            },
        }
    description = {
        "artifact_path": path,
        "flavors": flavors,
        "metadata": dict(tags),
        "model_size_bytes": artifact.size,
        "run_id": run_id,
        "utc_time_created": f"{datetime.fromtimestamp(created / 1000, UTC):%Y-%m-%d %H:%M:%S.%f}",
    }
    texts = {"MLmodel": _yaml(description)}
    if how:
        python = _python(artifact)
        conda = ["pip", {"pip": requirements}]
        texts |= {
            "requirements.txt": "\n".join([*requirements, ""]).encode(),
            "python_env.yaml": _yaml({"python": python, "dependencies": ["-r requirements.txt"]}),
            "conda.yaml": _yaml(
                {"name": "mlflow-env", "channels": ["conda-forge"], "dependencies": [f"python={python}", *conda]}
            ),
        }
    return ModelFiles(texts, data, before, after, bool(how))


def joblib_in_pickle(size: int) -> tuple[bytes, bytes]:
    """What to put before and after `size` bytes of a joblib file so that `pickle.load` gives what `joblib.load` does.

    The pickle says: joblib.load(io.BytesIO(those bytes)). So the bytes stay as they are, and nobody loads them here.
    """
    before = b"\x80\x05" + b"cjoblib\nload\n" + b"cio\nBytesIO\n" + b"\x8e" + size.to_bytes(8, "little")
    return before, b"\x85R\x85R."


def _requirements(artifact: Artifact) -> list[str]:
    known = _libraries(artifact)
    return [f"{name}=={known[name]}" if name in known else name for name in _REQUIRED.get(artifact.codec, ())]


def _libraries(artifact: Artifact) -> dict[str, str]:
    found = artifact.metadata.get("library")
    pairs = found.items() if isinstance(found, Mapping) else ()
    return {str(name): text for name, version in pairs if (text := _word(version))}


def _python(artifact: Artifact) -> str:
    return _libraries(artifact).get("python") or platform.python_version()


def _word(found: object) -> str:
    """A version or a name in the metadata, which comes from a task, if it looks like one."""
    return found if isinstance(found, str) and _WORD.fullmatch(found) else ""


def _yaml(document: Mapping[str, Any]) -> bytes:
    return yaml.safe_dump(dict(document), sort_keys=True, allow_unicode=True).encode()
