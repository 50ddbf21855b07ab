"""Tasks of the registry: `register` a model, `promote` a version, take the `champion`. Each effect is done once.

The content is verified here, before anybody points to it; it is never loaded.
"""

from __future__ import annotations

import platform
from typing import Any, NamedTuple

from tidemill.authoring import Metrics, Model, task
from tidemill.core.errors import InputError
from tidemill.core.models import CHAMPION
from tidemill.core.records import Artifact
from tidemill.core.signals import Refuse
from tidemill.lifecycle.registry import decide
from tidemill.lifecycle.registry.commit import commit_here
from tidemill.worker.context import RequestRefused, current
from tidemill.worker.inputs import content_of
from tidemill.worker.store import open_store


class Registered(NamedTuple):
    """A version of a model. `is_new`: its content was not registered under the name before.

    `alias` is the one that it was given, or "".
    """

    name: str
    version: int
    digest: str
    is_new: bool
    alias: str


class Promoted(NamedTuple):
    """Who has the alias now, and who had it before (0: none). `moved` is false if it had it already."""

    name: str
    alias: str
    version: int
    before: int
    moved: bool


@task(acts=True)
def register(
    model: Artifact,
    name: str,
    decision: str = "",
    alias: str = "",
    metrics: Metrics | None = None,
    description: str = "",
    expected: int | None = None,
    override: str = "",
) -> Registered:
    """Keep a model under a name as its next version; the same content again is the version that is there.

    With `alias` the version gets it: `champion` only if a gate has passed this very model, compared with what is
    champion now (`decision` names the gate's decision, the newest one counts otherwise), or with the reason to
    `override` that. `expected` is the version that has the alias now, 0 for none.
    """
    try:
        decide.check_name(name)
    except InputError as error:
        raise Refuse(error.in_one_line) from None
    if not isinstance(model, Artifact):
        raise Refuse(
            f"what is to be registered as {name} is a plain value, and no artifact; "
            "annotate what the training task returns as tidemill.Model"
        )
    _verify(model)
    commit = commit_here()
    facts: dict[str, Any] = {"python": platform.python_version(), "platform": platform.platform(terse=True)}
    if commit is not None:
        facts |= {"commit": commit.id, "branch": commit.branch, "changed": commit.changed}
    done = _act(
        "register_model",
        model=model,
        name=name,
        decision=decision,
        alias=alias,
        metrics=dict(metrics or {}),
        description=description,
        expected=expected,
        override=override,
        facts=facts,
    )
    current().logger.info("%s@%s%s", done["name"], done["version"], "" if done["is_new"] else " (it was there)")
    return Registered(done["name"], done["version"], done["digest"], done["is_new"], done["alias"])


@task(acts=True)
def promote(
    name: str,
    version: int | str,
    alias: str = CHAMPION,
    decision: str = "",
    reason: str = "",
    expected: int | None = None,
    override: str = "",
) -> Promoted:
    """Give an alias to a version (a number, another alias, or `latest`). What champion needs is said at `register`."""
    found = _act("model_version", name=name, version=version)
    _verify(found["model"])
    done = _act(
        "move_alias",
        name=name,
        version=found["version"],
        alias=alias,
        decision=decision,
        reason=reason,
        expected=expected,
        override=override,
    )
    return Promoted(name, alias, done["version"], done["before"], done["moved"])


@task(acts=True)
def champion(name: str, alias: str = CHAMPION) -> Model | None:
    """The model that has the alias now, or None."""
    found = _act("model_alias", name=name, alias=alias)
    return found["model"] if found is not None else None


def _act(action: str, **arguments: Any) -> Any:
    """What the registry says no to it says no to the next time, too: no retry, and nobody's code is at fault."""
    try:
        return current().act(action, **arguments)
    except RequestRefused as error:
        said = error.message.partition(" was refused: ")[2] or error.message
        raise Refuse(said.replace("\n  ", "; ")) from None


def _verify(model: Artifact) -> None:
    """Read it all and compare with its digest. Raises ArtifactDamaged, ArtifactMissing."""
    if model.digest:
        open_store(current().ticket.store).verify(content_of(model))
