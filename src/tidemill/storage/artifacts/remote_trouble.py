"""What went wrong between here and an object store, in our words: the one place that reads errors of client libraries.

Knows them by the names of their classes and by codes, so that none of these libraries has to be there.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from tidemill.storage.artifacts.errors import ArtifactError, StoreRefused, StoreUnreachable
from tidemill.storage.artifacts.obstacles import obstacle

_QUERY = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s?'\"<>]*)\?[^\s'\"<>]*", re.IGNORECASE)
_USER = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@'\"]+@", re.IGNORECASE)
_LOCAL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE})
_LONGEST = 300

_NO_CREDENTIALS = frozenset(
    {
        "NoCredentialsError",
        "PartialCredentialsError",
        "CredentialRetrievalError",
        "ProfileNotFound",
        "TokenRetrievalError",
        "SSOTokenLoadError",
        "UnauthorizedSSOTokenError",
        "DefaultCredentialsError",
        "RefreshError",
        "CredentialUnavailableError",
        "ClientAuthenticationError",
    }
)
_NO_BUCKET = frozenset({"NoSuchBucket", "ContainerNotFound", "InvalidBucketName"})
_DENIED_CODES = frozenset(
    {
        "AccessDenied",
        "AllAccessDisabled",
        "AuthenticationFailed",
        "AuthorizationFailure",
        "AuthorizationPermissionMismatch",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)


class Doing(Enum):
    """What was being done when it went wrong."""

    READING = "read"
    WRITING = "written to"
    LISTING = "listed"
    REMOVING = "deleted from"


def is_absent(error: BaseException) -> bool:
    """Whether there is no such object, in a bucket that is there."""
    return isinstance(error, FileNotFoundError) and not _NO_BUCKET & _codes(error)


def trouble(error: Exception, uri: str, doing: Doing, folder: Path) -> ArtifactError:
    """The error in our words. `uri` is the store, `folder` the local one that bytes come from or go to."""
    if isinstance(error, ArtifactError):
        return error
    names = {type(link).__name__ for link in _chain(error)}
    codes = _codes(error)
    if isinstance(error, OSError) and error.errno in _LOCAL:
        full = obstacle(error, folder)
        if full is not None:
            return full
    if names & _NO_CREDENTIALS:
        return StoreRefused(
            f"there are no credentials for this store that work ({_said(error)})",
            place=uri,
            remedy="set them as for the cloud's own tools; if the setting task_environment is a list, name them there",
        )
    if codes & _DENIED_CODES or any(isinstance(link, PermissionError) for link in _chain(error)):
        return StoreRefused(
            f"the store may not be {doing.value} with these credentials ({_said(error)})",
            place=uri,
            remedy="the rights to get, put, delete and list objects below that address are needed",
        )
    if codes & _NO_BUCKET or isinstance(error, FileNotFoundError):
        return StoreRefused(
            f"there is no such bucket ({_said(error)})",
            place=uri,
            remedy="make the bucket, or mend the setting artifacts_url or artifacts_endpoint",
        )
    return StoreUnreachable(
        f"the store cannot be {doing.value} now ({_said(error)})",
        place=uri,
        remedy="check the network and the setting artifacts_endpoint; what failed for this is tried again",
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _codes(error: BaseException) -> set[str]:
    found: set[str] = set()
    for link in _chain(error):
        response = getattr(link, "response", None)
        if isinstance(response, dict):
            found.add(str(response.get("Error", {}).get("Code", "")))
        found.add(str(getattr(link, "error_code", "") or ""))
    return found


def _said(error: BaseException) -> str:
    """What the library said, in one line, without what may be secret: the query and the user of any URL."""
    text = " ".join(str(error).split()) or "no further word"
    text = _USER.sub(r"\1", _QUERY.sub(r"\1", text))
    return f"{type(error).__name__}: {text[:_LONGEST]}"
