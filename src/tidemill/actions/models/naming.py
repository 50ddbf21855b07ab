"""From a model as people name it to the version that is meant: NAME, NAME@3, NAME@champion, NAME@latest."""

from __future__ import annotations

from tidemill.app import App
from tidemill.core.models import CHAMPION, ModelVersion
from tidemill.lifecycle.registry import decide
from tidemill.lifecycle.registry.entering import find_version, no_model
from tidemill.storage.metadata import models

PREFIX = "model:"
"""Before a model's name wherever an artifact is named: `model:churn@champion`."""


def version_named(app: App, text: str) -> ModelVersion:
    """NAME alone is the champion, or the newest version if there is none. Raises NotFound, InputError."""
    name, wanted = decide.split_name(text.removeprefix(PREFIX))
    team = app.settings.team
    with app.database.read() as connection:
        if not wanted and any(move.alias == CHAMPION for move in models.aliases(connection, team, name)):
            wanted = CHAMPION
        return find_version(connection, team, name, wanted)


def known_model(app: App, name: str) -> None:
    """Raise NotFound, with what may be meant, if nothing is registered under a name."""
    with app.database.read() as connection:
        if models.newest(connection, app.settings.team, decide.check_name(name)) is None:
            raise no_model(connection, app.settings.team, name)
