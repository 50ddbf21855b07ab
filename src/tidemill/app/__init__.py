"""The composition root: the only place that joins layers with adapters.

Everything a user verb needs hangs on an `App`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Protocol
from urllib.parse import urlsplit

from tidemill import plugins
from tidemill.app.effects import ACTIONS
from tidemill.core.clock import Clock
from tidemill.core.errors import InputError, did_you_mean
from tidemill.core.ports import Executor, Wakeup
from tidemill.core.records import Artifact, Reply, Request
from tidemill.engine.doorbell import Doorbell
from tidemill.engine.loop import Engine, Tempo, Troubled, Watcher
from tidemill.engine.machine_clock import MachineClock
from tidemill.engine.ownership import Owner
from tidemill.engine.renewing import Renewal
from tidemill.executors.early import Early
from tidemill.settings import Settings
from tidemill.storage.artifacts.errors import ArtifactError
from tidemill.storage.artifacts.local import LocalStore
from tidemill.storage.artifacts.remote import RemoteStore
from tidemill.storage.artifacts.remote_address import StoreAddress, check_endpoint
from tidemill.storage.artifacts.store import ArtifactStore, Content
from tidemill.storage.metadata.database import Database


class App:
    """An open home. Use as a context manager; cheap to open, and nothing runs until an engine is asked for."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        settings.home.mkdir(parents=True, exist_ok=True)
        _keep_out_of_git(settings.home)
        self.settings = settings
        self.clock = clock or MachineClock()
        self.database = Database.open(settings.database, settings.lease_seconds)
        self.store = store_address(settings)
        self.doorbell = self._wakeup()

    @cached_property
    def artifacts(self) -> HomeStore:
        """Opened when it is asked for. Raises PluginUnusable."""
        if self.store == str(self.settings.artifacts):
            return LocalStore(self.settings.artifacts)
        opened: HomeStore = plugins.load("stores", urlsplit(self.store).scheme)(StoreAddress.parse(self.store))
        return opened

    def __enter__(self) -> App:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.doorbell.close()
        self.database.close()

    def owner(self) -> Owner:
        """A new identity for an engine of this process."""
        return Owner(self.settings.engines)

    def executor(self, name: str = "", debug: bool = False, slots: int = 0, early: Early | None = None) -> Executor:
        """The executor of that name, or the one of the settings; `slots` in place of theirs. Raises NotFound.

        `early` is a template for those that have any.
        """
        name = name or self.settings.executor
        make = plugins.load("executors", name)
        scratch = self.settings.scratch
        scratch.mkdir(parents=True, exist_ok=True)
        if name == "inline":
            executor: Executor = make(self.settings.logs, answer=self._answer, debug=debug, scratch_root=scratch)
        else:
            more: dict[str, Early] = {"early": early} if early is not None else {}
            environment = self.settings.for_tasks(os.environ)
            at_once = slots or self.settings.slots or None
            most = self.settings.max_processes
            executor = make(
                self.settings.logs,
                slots=at_once,
                environment=environment,
                scratch_root=scratch,
                max_processes=most,
                **more,
            )
        return executor

    def engine(
        self,
        executor: Executor,
        owner: Owner,
        watch: Watcher | None = None,
        leap: Callable[[datetime], None] | None = None,
        troubled: Troubled | None = None,
        rung: Callable[[], None] | None = None,
    ) -> Engine:
        """An engine on this home's database and store, cleared of what killed ones left; close it when done.

        Raises StoreRefused for a store elsewhere that is not for us: tasks would find that out one after the other.
        `rung` is called, from any thread, whenever somebody else rings.
        """
        owner.bury_the_dead()
        self.artifacts.bury_the_dead()
        if isinstance(self.artifacts, RemoteStore):
            self.artifacts.demand_access()
        self._engine = Engine(
            self.database,
            executor,
            self.clock,
            owner,
            store=self.store,
            verify=self.verify,
            actions=ACTIONS,
            wakeup=Shared(self._wakeup(owner.id), rung),
            watch=watch,
            tempo=Tempo(
                self.settings.sweep_seconds,
                self.settings.grace_seconds,
                patience=self.settings.database_patience_seconds,
            ),
            leap=leap,
            renewal=Renewal(self.database, owner.id, self.settings.lease_seconds),
            troubled=troubled,
        )
        return self._engine

    def verify(self, artifact: Artifact) -> str:
        """What is wrong with an artifact's content, or "" if it is whole or lies outside."""
        if not artifact.digest:
            return ""
        store = self.artifacts
        try:
            if isinstance(store, RemoteStore):
                store.confirm(content_of(artifact))
            else:
                store.verify(content_of(artifact))
        except ArtifactError as problem:
            return problem.in_one_line
        return ""

    def _wakeup(self, name: str = "") -> Wakeup:
        """Through the database where it carries hints, to whoever uses it; else between the processes of this home."""
        return self.database.wakeup() or Doorbell(self.settings.engines, name)

    def _answer(self, request: Request) -> Reply:
        return self._engine.answer(request)


class HomeStore(ArtifactStore, Protocol):
    """An artifact store that keeps something on this machine, if only for a time."""

    def bury_the_dead(self) -> int:
        """Remove what killed processes of this machine left here. Returns how much."""
        ...


class Shared:
    """A wake-up that `also` somebody else hears."""

    def __init__(self, wakeup: Wakeup, also: Callable[[], None] | None) -> None:
        self._wakeup = wakeup
        self._also = also

    def ring(self) -> None:
        self._wakeup.ring()

    def listen(self, wake: Callable[[], None]) -> None:
        def both() -> None:
            wake()
            if self._also is not None:
                self._also()

        self._wakeup.listen(both)

    def close(self) -> None:
        self._wakeup.close()


def store_address(settings: Settings) -> str:
    """What a ticket says of where artifacts are kept. Raises InputError for an address that is none."""
    url = settings.artifacts_url
    scheme, found, rest = url.partition("://")
    if not url or scheme == "file":
        return str(settings.artifacts)
    known = plugins.names("stores")
    if not found or not rest or scheme not in known:
        raise InputError(
            f"artifacts_url must be the address of a bucket, not {scheme + found + rest.rpartition('@')[2]!r}",
            place="settings",
            remedy=did_you_mean(scheme, (*known, "file")) or "such as s3://bucket/team",
        )
    check_endpoint(settings.artifacts_endpoint)
    address = replace(
        StoreAddress.parse(url.partition("#")[0]),
        endpoint=settings.artifacts_endpoint,
        cache=settings.artifact_cache,
        cache_bytes=int(settings.artifacts_cache_gigabytes * 1e9),
    )
    return address.text


def content_of(artifact: Artifact) -> Content:
    """The address of an artifact's owned content."""
    return Content(artifact.digest, artifact.size, "tree" if artifact.kind == "tree" else "file")


def _keep_out_of_git(home: Path) -> None:
    ignore = home / ".gitignore"
    if not ignore.exists():
        ignore.write_text("# Written by Tidemill: runs, artifacts and logs are not source.\n*\n", encoding="utf-8")
