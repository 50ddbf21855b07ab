"""The version of something outside, as its keeper tells it: looked at, and never fetched, owned or assumed unchanged.

What a user of it would see changed has another version; what cannot be told apart has none.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import fsspec
import httpx

from tidemill.storage.artifacts.digests import digest_of_stream
from tidemill.storage.artifacts.errors import NotObserved

PATIENCE_S = 10.0
SMALL_BYTES = 64 << 20
"""A local file of up to so many bytes counts by its content, a larger one by its size, its times and its place."""

_TOLD = ("VersionId", "version_id", "generation", "ETag", "etag", "e_tag", "md5", "content_md5")


def observed_version(uri: str) -> str:
    """The version of a file, an HTTP resource or an object of a bucket. Raises NotObserved."""
    try:
        scheme = urlsplit(uri).scheme.lower()
    except ValueError:
        raise NotObserved(f"{shown(uri)} cannot be looked at: it is no URI") from None
    if scheme in ("", "file"):
        return _of_file(uri, Path(unquote(urlsplit(uri).path)) if scheme else Path(uri))
    if scheme in ("http", "https"):
        return _of_resource(uri)
    return _of_object(uri)


def _of_file(uri: str, path: Path) -> str:
    try:
        found = os.stat(path)
        if path.is_dir():
            raise NotObserved(f"{shown(uri)} is a folder, which has no version", remedy="give it as a Path parameter")
        if found.st_size > SMALL_BYTES:
            return f"{found.st_size} bytes of {found.st_mtime_ns} at {found.st_dev}:{found.st_ino}"
        with path.open("rb") as source:
            return digest_of_stream(source)[0]
    except OSError as problem:
        raise NotObserved(f"{shown(uri)} cannot be looked at: {problem.strerror}") from None


def _of_resource(uri: str) -> str:
    try:
        answer = httpx.head(uri, timeout=PATIENCE_S, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL) as problem:
        raise NotObserved(f"{shown(uri)} cannot be looked at: {type(problem).__name__}") from None
    if answer.status_code != httpx.codes.OK:
        raise NotObserved(f"{shown(uri)} cannot be looked at: its server answered {answer.status_code}")
    tag = answer.headers.get("etag", "")
    if tag and not tag.startswith("W/"):
        return f"etag {tag}"
    dated, size = answer.headers.get("last-modified", ""), answer.headers.get("content-length", "")
    if dated and size:
        return f"{size} bytes of {dated}"
    raise NotObserved(f"{shown(uri)} has no version: its server tells neither an ETag nor a date and a size")


def _of_object(uri: str) -> str:
    try:
        found: Mapping[str, Any] = fsspec.open(uri).fs.info(uri)
    except ImportError as problem:
        missing = str(problem)[:100]
        raise NotObserved(f"{shown(uri)} cannot be looked at: {missing}", remedy=_extra(uri)) from None
    except Exception as problem:
        # What the clients of clouds raise is theirs, and may quote keys.
        raise NotObserved(f"{shown(uri)} cannot be looked at: {type(problem).__name__}") from None
    for name in _TOLD:
        if found.get(name):
            return f"{name.lower()} {found[name]}"
    raise NotObserved(f"{shown(uri)} has no version: its keeper tells none")


def _extra(uri: str) -> str:
    extras = {"s3": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure", "abfss": "azure"}
    extra = extras.get(urlsplit(uri).scheme.lower())
    return f"`pip install 'tidemill[{extra}]'`" if extra else ""


def shown(uri: str) -> str:
    """The URI without user, password and query, which may be secrets."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(uri)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    return "a URI that cannot be read"
