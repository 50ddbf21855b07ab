"""Codecs of files and folders that a task wrote and returns as a `pathlib.Path`: kept byte for byte."""

from __future__ import annotations

import mimetypes
import os
from pathlib import Path

from tidemill.storage.artifacts.codecs.codec import Metadata, Unsuitable, type_name
from tidemill.storage.artifacts.errors import NotStorable
from tidemill.storage.artifacts.files import copy_file

_REMEDY = "write it before returning its path"


class FileCodec:
    """A path to a file. The loaded path is read-only and bears the name in the metadata."""

    name = "file"
    safe = True
    suffix = ""

    def dump(self, value: object, target: Path) -> Metadata:
        path = _path(value)
        if path.is_dir():
            raise Unsuitable(f"{path} is a folder")
        if not path.is_file():
            what = "is not a regular file" if path.exists() else "does not exist"
            raise NotStorable(f"the returned path {path} {what}", remedy=_REMEDY)
        _link_or_copy(os.path.realpath(path), target)
        facts: dict[str, object] = {"type": "file", "name": path.name, "bytes": target.stat().st_size}
        media_type, encoding = mimetypes.guess_type(path.name)
        if media_type and not encoding:
            facts["media_type"] = media_type
        return facts

    def load(self, source: Path) -> object:
        return source


class FolderCodec:
    """A path to a folder, with everything in it; what cannot be kept is refused by the store."""

    name = "folder"
    safe = True
    suffix = ""

    def dump(self, value: object, target: Path) -> Metadata:
        path = _path(value)
        if not path.is_dir():
            what = "is not a folder" if path.exists() else "does not exist"
            raise NotStorable(f"the returned path {path} {what}", remedy=_REMEDY)
        # A link is enough: the store follows it, reads the folder once and copies nothing twice.
        target.symlink_to(path.resolve(), target_is_directory=True)
        return {"type": "folder", "name": path.name}

    def load(self, source: Path) -> object:
        return source


def _path(value: object) -> Path:
    if not isinstance(value, Path):
        raise Unsuitable(f"{type_name(type(value))} is not a pathlib.Path")
    return value


def _link_or_copy(source: str, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        copy_file(source, target)
