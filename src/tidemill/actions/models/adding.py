"""Registering an artifact that is there already, by the rules by which a task registers one."""

from __future__ import annotations

from tidemill.actions.artifact_names import find_artifact
from tidemill.actions.runs import actor
from tidemill.app import App
from tidemill.core.errors import StateError
from tidemill.core.models import MoveKind
from tidemill.lifecycle.registry import decide
from tidemill.lifecycle.registry.decide import Wish
from tidemill.lifecycle.registry.entering import Entered, Entry, register
from tidemill.lifecycle.registry.recording import first_card
from tidemill.storage.metadata import artifacts


def register_artifact(
    app: App,
    text: str,
    name: str,
    *,
    alias: str = "",
    description: str = "",
    decision: str = "",
    override: str = "",
    expected: int | None = None,
) -> Entered:
    """Keep an artifact, named as everywhere, as the next version of a model; its content is verified first.

    Raises NotFound, InputError, NotPassed, AliasTaken, and StateError for damage: then nothing was registered.
    """
    decide.check_name(name)
    team = app.settings.team
    id = find_artifact(app, text)
    with app.database.read() as connection:
        found = artifacts.stored(connection, team, [id])[id]
        card = first_card(connection, found, found.by.run, {}, {})
    if damage := app.verify(found.artifact):
        raise StateError(f"{text} cannot be registered: {damage}", remedy="`tidemill gc --verify` says what heals it")
    wish = Wish(
        alias=alias,
        kind=MoveKind.REGISTER,
        actor=actor(),
        at=app.clock.now(),
        expected=expected,
        override=decide.check_text(override, "the reason to override"),
    )
    entry = Entry(name, found.artifact, wish, decision=decision, description=description, card=card)
    with app.database.write() as connection:
        return register(connection, team, entry)
