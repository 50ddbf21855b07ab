"""Variables: named values of a team that tasks may read while they run."""

from __future__ import annotations

from collections.abc import Mapping

from tidemill.app import App
from tidemill.core.errors import InputError, NotFound, did_you_mean
from tidemill.core.values import Value
from tidemill.storage.metadata import variables


def list_variables(app: App) -> Mapping[str, Value]:
    """All variables of the team, by name."""
    with app.database.read() as connection:
        return variables.listing(connection, app.settings.team)


def set_variable(app: App, name: str, value: Value) -> None:
    """Set a variable. Raises InputError for an empty name."""
    if not name.strip():
        raise InputError("a variable needs a name")
    with app.database.write() as connection:
        variables.put(connection, app.settings.team, name, value, app.clock.now())


def remove_variable(app: App, name: str) -> None:
    """Delete a variable. Raises NotFound with the known names."""
    with app.database.write() as connection:
        if not variables.remove(connection, app.settings.team, name):
            known = variables.listing(connection, app.settings.team)
            raise NotFound(f"there is no variable {name!r}", remedy=did_you_mean(name, known))
