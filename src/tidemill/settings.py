"""Every setting, one frozen dataclass, read from `tidemill.toml` and the environment; the environment wins.

Knows names, defaults and places; opens nothing but the settings file.
"""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tidemill.core.errors import InputError, did_you_mean
from tidemill.core.ports import STORE_KIND

HOME_NAME = ".tidemill"
FILE_NAME = "tidemill.toml"
_FOLDER = "file://"

# Fixed by the executor, so that the order of sets is the same in every attempt.
_NOT_FOR_TASKS = frozenset({"PYTHONHASHSEED"})


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is `TIDEMILL_<NAME>` in the environment and `name` in tidemill.toml.

    home: folder of everything that is written (default: `.tidemill` in the project).
    database_url: `sqlite:///PATH` or `postgresql://USER@HOST/NAME` (default: tidemill.db in the home).
    artifacts_url: where artifacts are kept: `s3://BUCKET/PREFIX`, `gs://...`, `az://...`, `file:///FOLDER` (default: in
        the home).
    artifacts_endpoint: URL of a service that speaks the protocol of that bucket (default: the cloud's own).
    artifacts_cache_gigabytes: how much of a bucket the home may hold, so as not to fetch it again; 0 = any amount.
    executor: where tasks run: `processes` or `inline`.
    slots: how many tasks run at once; 0 = one for each processor.
    max_processes: how many processes a task may have at once if its resources do not say; 0 = any number.
    sweep_seconds: how late the loss of a wake-up is noticed at most.
    grace_seconds: how long a stopped task may clean up before it is killed.
    lease_seconds: how long an engine of another machine may give no sign of life before its runs are taken from it.
    database_patience_seconds: how long an engine waits for a database that is away before it gives up; 0 = for ever.
    team: whose runs these are.
    task_environment: which environment variables tasks see besides those that every program needs: names and patterns,
        separated by commas (default `*`: yours, as in a shell). Tidemill's own are never among them.
    gc_older_than: `gc` removes runs that ended longer ago than this, such as `30d` (default: none).
    gc_keep: `gc` removes all but so many of the newest finished runs of each pipeline; 0 = any number stays.
    gc_max_size: `gc` removes the oldest runs while artifacts take up more than this, such as `50GB` (default: any).
    gc_cache_older_than: `gc` lets results that were kept for reuse longer ago than this go (default: none).
    gc_grace: what was in use more recently than this is spared by `gc`.
    mlflow_uri: address of an MLflow tracking server to which runs and models are mirrored (default: none).
    """

    home: Path
    database_url: str = ""
    artifacts_url: str = ""
    artifacts_endpoint: str = ""
    artifacts_cache_gigabytes: float = 20.0
    executor: str = "processes"
    slots: int = 0
    max_processes: int = 1000
    sweep_seconds: float = 3.0
    grace_seconds: float = 5.0
    lease_seconds: float = 15.0
    database_patience_seconds: float = 0.0
    team: str = "default"
    task_environment: str = "*"
    gc_older_than: str = ""
    gc_keep: int = 0
    gc_max_size: str = ""
    gc_cache_older_than: str = ""
    gc_grace: str = "1h"
    mlflow_uri: str = ""

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.home / 'tidemill.db'}"

    def for_tasks(self, environment: Mapping[str, str]) -> dict[str, str]:
        """What of an environment tasks may see."""
        patterns = [pattern.strip() for pattern in self.task_environment.split(",") if pattern.strip()]
        scheme = self.artifacts_url.partition("://")[0]
        hint = {STORE_KIND: scheme} if scheme not in ("", "file") else {}
        return hint | {
            name: value
            for name, value in environment.items()
            if name not in _NOT_FOR_TASKS
            and not name.startswith("TIDEMILL_")
            and any(fnmatchcase(name, pattern) for pattern in patterns)
        }

    @property
    def artifacts(self) -> Path:
        """The folder of a store that is one."""
        if self.artifacts_url.startswith(_FOLDER):
            return Path(self.artifacts_url.removeprefix(_FOLDER))
        return self.home / "artifacts"

    @property
    def artifact_cache(self) -> Path:
        """What was fetched from a store elsewhere."""
        return self.home / "artifact-cache"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def scratch(self) -> Path:
        return self.home / "scratch"

    @property
    def engines(self) -> Path:
        return self.home / "engines"


def load_settings(start: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings for the project around `start` (default: the current folder). Raises InputError naming the place."""
    environment = os.environ if environment is None else environment
    project = find_project(start or Path.cwd())
    given: dict[str, Any] = {}
    file = project / FILE_NAME
    if file.is_file():
        given.update(_from_file(file))
    for field in fields(Settings):
        name = f"TIDEMILL_{field.name.upper()}"
        if environment.get(name):
            given[field.name] = _typed(field.name, environment[name], name)
    home = Path(given.pop("home", HOME_NAME)).expanduser()
    return Settings(home=home if home.is_absolute() else project / home, **given)


def find_project(start: Path) -> Path:
    """The nearest folder at or above `start` with a tidemill.toml or a home; `start` itself if there is none."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file() or (folder / HOME_NAME).is_dir():
            return folder
    return start


def _from_file(file: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {error}", place=str(file), remedy="it is a TOML file") from None
    known = {field.name for field in fields(Settings)}
    given: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            raise InputError(f"there is no setting {name!r}", place=str(file), remedy=did_you_mean(name, known))
        given[name] = _typed(name, value, str(file))
    return given


_KINDS = {
    "artifacts_cache_gigabytes": float,
    "slots": int,
    "gc_keep": int,
    "max_processes": int,
    "sweep_seconds": float,
    "grace_seconds": float,
    "lease_seconds": float,
    "database_patience_seconds": float,
}
# A shorter lease would be lost by an engine that only waits for its processor.
_LEAST = {"lease_seconds": 1.0}
_ARTICLE = {int: "a whole number from {}", float: "a number from {}", str: "a text"}


def _typed(name: str, value: Any, place: str) -> Any:
    kind, least = _KINDS.get(name, str), _LEAST.get(name, 0)
    try:
        if isinstance(value, bool):
            raise ValueError
        number = kind(value)
        if isinstance(number, int | float) and not least <= number < math.inf:
            raise ValueError
    except (ValueError, TypeError, OverflowError):
        wanted = _ARTICLE[kind].format(f"{least:g}")
        raise InputError(
            f"setting {name!r} must be {wanted}, not {value!r}", place=place, remedy="see `tidemill doctor`"
        ) from None
    return number
