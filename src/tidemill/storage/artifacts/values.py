"""Python values to stored content and back: picks the codec, writes to scratch, hands the bytes to the store.

Knows nothing of runs or records; what it returns is all that a record needs.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tidemill.core.values import Json
from tidemill.storage.artifacts.checkout import may_link
from tidemill.storage.artifacts.codecs.codec import Codec, Metadata, Unsuitable, type_name
from tidemill.storage.artifacts.codecs.registry import candidates, codec
from tidemill.storage.artifacts.content import Content
from tidemill.storage.artifacts.errors import ArtifactUnreadable, CodecUnsafe, NotStorable
from tidemill.storage.artifacts.files import copy_file, random_name, remove
from tidemill.storage.artifacts.store import ArtifactStore

# Where the name that one installs is not that of the module.
_MODULES = {"scikit-learn": "sklearn"}


@dataclass(frozen=True, slots=True)
class Saved:
    """A stored value. `codec` must be given back to load it; if it is `safe`, that runs no code from the bytes."""

    content: Content
    codec: str
    safe: bool
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class Loaded:
    """A value again, and what its user should know, one sentence each (it was made by another version of a library)."""

    value: object
    notes: tuple[str, ...] = ()


def save(value: object, store: ArtifactStore, scratch: Path, *, name: str | None = None) -> Saved:
    """Keep `value`, by the codec `name` or the first suitable one for its type.

    `scratch` is an existing folder, best in the file system of the store. Raises NotStorable.
    """
    declined: list[str] = []
    for candidate in (name,) if name is not None else candidates(value):
        chosen = codec(candidate)
        target = scratch / f"{random_name()}{chosen.suffix}"
        try:
            facts = dict(chosen.dump(value, target))
            content = store.put_tree(target) if target.is_dir() else store.put_file(target, move=True)
        except Unsuitable as reason:
            declined.append(f"{candidate}: {reason}")
            continue
        finally:
            remove(target)
        if declined:
            facts["declined"] = declined
        return Saved(content, chosen.name, chosen.safe, facts)
    raise NotStorable(
        f"a {type_name(type(value))} cannot be stored ({'; '.join(declined)})",
        remedy="choose another codec, or return data of another type",
    )


def load(
    store: ArtifactStore,
    content: Content,
    name: str,
    scratch: Path,
    *,
    facts: Metadata | None = None,
    unsafe: bool = False,
) -> Loaded:
    """The value kept by the codec `name`; `facts` is the metadata that `save` returned.

    `scratch` is an existing folder that must outlive the value: a path or a mapped file may lie in it.
    With `unsafe` code in the bytes may run. Raises CodecUnsafe, ArtifactUnreadable, and what the store raises.
    """
    chosen = codec(name)
    if not chosen.safe and not unsafe:
        raise CodecUnsafe(
            f"loading this artifact would run code from it (codec {name!r})",
            remedy="load it in a task, or save it as a type that has a safe codec",
        )
    source = _place(store, content, chosen, scratch, facts or {})
    notes = tuple(_version_notes(facts or {}))
    try:
        return Loaded(chosen.load(source), notes)
    except Exception as error:
        # Bytes that rotted on the medium have kept their size and their times, and are hashed only now.
        store.verify(content)
        hint = " ".join(notes)
        raise ArtifactUnreadable(
            f"{content.digest} cannot be read by the codec {name!r}: {type(error).__name__}: {error}", remedy=hint
        ) from error


def _place(store: ArtifactStore, content: Content, chosen: Codec, scratch: Path, facts: Metadata) -> Path:
    """A local path of the content; a file that a task wrote has its own name again: many readers go by the suffix."""
    kept = store.path_of(content)
    wanted = facts.get("name") if chosen.name == "file" else None
    if kept is not None and not wanted:
        return kept
    folder = scratch / random_name()
    folder.mkdir()
    target = folder / (_safe_name(str(wanted)) if wanted else f"content{chosen.suffix}")
    if kept is None:
        store.materialize(content, target)
        if content.kind == "file":
            os.chmod(target, 0o444)
        return target
    if may_link():
        with contextlib.suppress(OSError):
            os.link(kept, target)
            return target
    copy_file(kept, target)
    os.chmod(target, 0o444)
    return target


def _safe_name(name: str) -> str:
    plain = re.sub(r"[/\\\0]", "_", name)[-200:]
    return "content" if plain in ("", ".", "..") else plain


def _version_notes(facts: Metadata) -> list[str]:
    recorded = facts.get("library")
    notes = []
    for library, then in recorded.items() if isinstance(recorded, Mapping) else ():
        now = _version(str(library))
        if now != then:
            notes.append(f"It was saved with {library} {then}; here is {now or 'none'}.")
    return notes


def _version(library: str) -> Json:
    if library == "python":
        return sys.version.split()[0]
    if there := getattr(sys.modules.get(_MODULES.get(library, library)), "__version__", None):
        return str(there)
    # Only of what nobody has imported; it brings half of the standard library into the process.
    installed = importlib.import_module("importlib.metadata")
    try:
        return str(installed.version(library))
    except installed.PackageNotFoundError:
        return None
