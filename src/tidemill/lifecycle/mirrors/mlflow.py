"""MLflow's own library, for artifact stores that the tracking server does not stand in front of: buckets, folders.

The only place that imports mlflow; loaded by name, with the extra `mlflow`, where a server wants it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from tidemill.lifecycle.mirrors.errors import MirrorConflict


class LibraryFiles:
    """The files of one run, in a store that MLflow's library knows how to reach, with credentials that it finds."""

    def __init__(self, artifact_uri: str) -> None:
        self._repository: Any = get_artifact_repository(artifact_uri)

    def put(self, file: Path, path: str) -> None:
        """Keep a local file as `path` below the run. Raises MirrorConflict, without the words of the store."""
        folder, _, name = path.rpartition("/")
        if file.name != name:
            raise ValueError("the library names files by their own names")
        try:
            self._repository.log_artifact(os.fspath(file), folder or None)
        except Exception as error:
            # Whatever the store's own library raises may hold what it was given to sign in.
            raise MirrorConflict(
                f"the store of MLflow's artifacts did not take a file: {type(error).__name__}",
                remedy="give this machine its credentials, or let `mlflow server --serve-artifacts` stand in front",
            ) from None
