"""Whether everything is in order: one finding for each thing looked at, with what to do where it is not.

Never raises for what it finds, and changes nothing: a home that is not there is not made.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tidemill import plugins
from tidemill.app import App, store_address
from tidemill.core.errors import TidemillError
from tidemill.core.states import RunState
from tidemill.settings import FILE_NAME, Settings, find_project, load_settings
from tidemill.storage.metadata import measuring, runs
from tidemill.worker.kernel import cpu_count
from tidemill.worker.store import open_store

LITTLE_SPACE = 1 << 30
NO_SPACE = 100 << 20
"""Bytes."""

_NOWHERE = "blake2b:" + "0" * 64
_NEEDED = ("tidemill", "sqlalchemy", "alembic", "click", "rich", "cloudpickle", "psutil")
_OPTIONAL = {
    "numpy": "ml",
    "pandas": "ml",
    "pyarrow": "ml",
    "scikit-learn": "ml",
    "psycopg": "postgres",
    "s3fs": "s3",
}
_NATIVE = ("numpy", "pandas", "pyarrow", "sklearn", "torch")
_FORKING = """
import importlib.util, sys
for name in {names!r}:
    if importlib.util.find_spec(name):
        __import__(name)
from tidemill.worker.forking import reason_not_to_fork
sys.stdout.write("\\n" + reason_not_to_fork())
"""


class Level(Enum):
    FINE = "fine"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `remedy` is what to do, often a command."""

    name: str
    level: Level
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class SettingSource:
    """One setting, and where it was said: the environment, a file, the command line or nowhere."""

    name: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Examination:
    findings: tuple[Finding, ...]
    settings: tuple[SettingSource, ...]

    @property
    def healthy(self) -> bool:
        return all(finding.level is not Level.PROBLEM for finding in self.findings)


def examine(environment: Mapping[str, str] | None = None, home_from: str = "") -> Examination:
    """Look at everything. `home_from` names who set the home, if not the environment itself."""
    environment = os.environ if environment is None else environment
    found = [*_python(), *_packages()]
    try:
        settings = load_settings(environment=environment)
    except TidemillError as error:
        found.append(_problem("settings", error))
        return Examination(tuple(found), ())
    found += [_home(settings), *_database(settings), *_artifacts(settings), _disk(settings)]
    found += [*_executors(settings), _forking()]
    return Examination(tuple(found), tuple(_sources(settings, environment, home_from)))


def _python() -> Iterator[Finding]:
    yield Finding("python", Level.FINE, f"{platform.python_version()} at {sys.executable}, on {platform.platform()}")


def _packages() -> Iterator[Finding]:
    there = ", ".join(f"{name} {found}" for name in _NEEDED if (found := _version(name)))
    missing = [name for name in _NEEDED if not _version(name)]
    if missing:
        yield Finding("packages", Level.PROBLEM, f"not installed: {', '.join(missing)}", "pip install tidemill")
    else:
        yield Finding("packages", Level.FINE, there)
    optional = ", ".join(f"{name} {found}" for name in _OPTIONAL if (found := _version(name)))
    absent: dict[str, list[str]] = {}
    for name, extra in _OPTIONAL.items():
        if not _version(name):
            absent.setdefault(extra, []).append(name)
    said = "; ".join(f"without {', '.join(names)}" for names in absent.values())
    remedy = "; ".join(f"pip install 'tidemill[{extra}]'" for extra in absent)
    yield Finding("extras", Level.FINE, "; ".join(part for part in (optional, said) if part), remedy)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _home(settings: Settings) -> Finding:
    home = settings.home
    if home.is_dir():
        if os.access(home, os.W_OK | os.X_OK):
            return Finding("home", Level.FINE, str(home))
        remedy = "let --home or TIDEMILL_HOME name a folder that you may write to"
        return Finding("home", Level.PROBLEM, f"{home} cannot be written to", remedy)
    above = _existing(home)
    if home.exists() or not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        remedy = "let --home or TIDEMILL_HOME name a folder that you may write to"
        return Finding("home", Level.PROBLEM, f"{home} cannot be made", remedy)
    return Finding("home", Level.FINE, f"{home}, which the first run makes")


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _database(settings: Settings) -> Iterator[Finding]:
    if not settings.database_url and not (settings.home / "tidemill.db").exists():
        yield Finding("database", Level.FINE, "none yet: the first run makes it in the home")
        return
    try:
        with App(settings) as app:
            with app.database.read() as connection:
                schema, size = measuring.schema_version(connection), measuring.size(connection)
            yield Finding("database", Level.FINE, f"{app.database.url}, schema {schema}, {size / 1e6:.1f} MB")
            yield from _orphans(app)
    except TidemillError as error:
        yield _problem("database", error)
    except OSError as error:
        yield Finding("database", Level.PROBLEM, f"its home cannot be used: {error.strerror}")


def _orphans(app: App) -> Iterator[Finding]:
    """Unfinished runs that nobody carries on."""
    with app.database.read() as connection:
        leases, free = runs.held(connection), runs.claimable(connection)
        known = {run_id: runs.get(connection, run_id) for run_id in free}
        known.update({lease.run: runs.get(connection, lease.run) for lease in leases})
    owner = app.owner() if leases else None
    try:
        dead = [lease.run for lease in leases if owner is not None and owner.is_dead(lease.owner)]
    finally:
        if owner is not None:
            owner.close()
    orphaned = [run_id for run_id in (*free, *dead) if not known[run_id].state.final]
    carried = sum(not known[lease.run].state.final for lease in leases) - len([one for one in dead if one in orphaned])
    if not orphaned:
        yield Finding("runs", Level.FINE, f"{carried} under way, none without an engine")
    for run_id in orphaned:
        run = known[run_id]
        if run.state is RunState.QUEUED and run_id not in dead:
            text = f"run {run_id} of {run.pipeline} waits for an engine"
            yield Finding("runs", Level.WARNING, text, f"tidemill engine, or tidemill resume {run_id}")
            continue
        text = f"run {run_id} of {run.pipeline} is {run.state.value}, and its engine is gone"
        yield Finding("runs", Level.WARNING, text, f"tidemill resume {run_id}, or tidemill cancel {run_id}")


def _artifacts(settings: Settings) -> Iterator[Finding]:
    """Of a store elsewhere: whether it answers, and lets itself be read."""
    if not settings.artifacts_url:
        return
    try:
        open_store(store_address(settings)).touched_at(_NOWHERE)
    except TidemillError as error:
        yield _problem("artifacts", error)
    else:
        yield Finding("artifacts", Level.FINE, settings.artifacts_url)


def _disk(settings: Settings) -> Finding:
    usage = shutil.disk_usage(_existing(settings.home))
    text = f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.1f} GB where the home is"
    level = Level.PROBLEM if usage.free < NO_SPACE else Level.WARNING if usage.free < LITTLE_SPACE else Level.FINE
    return Finding("disk", level, text, "free some space, or move the home" if level is not Level.FINE else "")


def _executors(settings: Settings) -> Iterator[Finding]:
    known = plugins.names("executors")
    for name in known:
        chosen = ", the one of the settings" if name == settings.executor else ""
        try:
            plugins.load("executors", name)
        except TidemillError as error:
            level = Level.PROBLEM if chosen else Level.WARNING
            yield Finding("executor", level, f"{name}{chosen}: {error.message}", error.remedy)
            continue
        slots = 1 if name == "inline" else settings.slots or cpu_count()
        yield Finding("executor", Level.FINE, f"{name}{chosen}, {slots} task{'' if slots == 1 else 's'} at once")
    if settings.executor not in known:
        text, remedy = f"there is no executor {settings.executor!r}", f"known: {', '.join(known)}"
        yield Finding("executor", Level.PROBLEM, text, remedy)


def _forking() -> Finding:
    """Whether what the usual libraries start when they are imported allows to fork; tried in a process of its own."""
    program = [sys.executable, "-P", "-c", _FORKING.format(names=_NATIVE)]
    try:
        done = subprocess.run(program, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("forking", Level.WARNING, f"it could not be tried: {error}", "tasks are spawned where need be")
    reason = done.stdout.decode("utf-8", "replace").rpartition("\n")[2]
    if done.returncode != 0:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return Finding("forking", Level.WARNING, f"a library cannot be imported: {last}", "reinstall that library")
    if reason:
        return Finding("forking", Level.WARNING, f"tasks are spawned, which is slower: {reason}")
    return Finding("forking", Level.FINE, "tasks are forked from a warm process with the installed libraries")


def _sources(settings: Settings, environment: Mapping[str, str], home_from: str) -> Iterator[SettingSource]:
    file = find_project(Path.cwd()) / FILE_NAME
    written = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    for field in fields(Settings):
        name = f"TIDEMILL_{field.name.upper()}"
        value = getattr(settings, field.name)
        source = "default"
        if environment.get(name):
            source = home_from if home_from and field.name == "home" else f"environment, {name}"
        elif field.name in written:
            source = str(file)
        # A URL may hold a password; the finding about the database shows it without.
        shown = "(set)" if field.name in ("database_url", "mlflow_uri") and value else str(value)
        yield SettingSource(field.name, shown, source)


def _problem(name: str, error: TidemillError) -> Finding:
    text = f"{error.place}: {error.message}" if error.place else error.message
    return Finding(name, Level.PROBLEM, text, error.remedy)
