"""The address of a remote store: what a ticket carries, so that a worker elsewhere finds the same bytes.

Its fragment tells a process of this machine where to keep what was fetched. Credentials are never part of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit, urlunsplit

from tidemill.core.errors import InputError

_MEANT = "keep them where the cloud's own tools look: the environment, a profile, the role of the machine"


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """`scheme`://`bucket`/`prefix`, and how to get there from this machine.

    `cache`: the folder of what was fetched; `cache_bytes`: how large it may become, 0 = any size. `endpoint`: the URL
    of a service that speaks the same protocol, "" for the cloud's own.
    """

    scheme: str
    bucket: str
    prefix: str = ""
    endpoint: str = ""
    cache: Path | None = None
    cache_bytes: int = 0

    @property
    def uri(self) -> str:
        """What a user calls it."""
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    @property
    def text(self) -> str:
        """All of it, for a ticket; `parse` reads it."""
        more = {"endpoint": self.endpoint, "cache": str(self.cache or ""), "cache_bytes": str(self.cache_bytes or "")}
        fragment = urlencode({name: value for name, value in more.items() if value})
        return urlunsplit((self.scheme, self.bucket, quote(f"/{self.prefix}") if self.prefix else "", "", fragment))

    @classmethod
    def parse(cls, text: str) -> StoreAddress:
        """Raises InputError for an address without a bucket, or with credentials in it."""
        parts = urlsplit(text)
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        more = {name: values[-1] for name, values in parse_qs(parts.fragment).items()}
        endpoint = more.get("endpoint", "")
        if parts.query or "@" in parts.netloc:
            raise InputError("the address of a store holds no credentials and no query", place=shown, remedy=_MEANT)
        if not parts.netloc:
            raise InputError("the address of the store names no bucket", place=shown, remedy="such as s3://bucket/team")
        check_endpoint(endpoint)
        path = [unquote(part) for part in parts.path.split("/") if part]
        if any(part in (".", "..") or "\0" in part for part in path):
            raise InputError("the address of the store is not in its plain form", place=shown)
        cache, size = more.get("cache", ""), more.get("cache_bytes", "")
        return cls(
            parts.scheme,
            parts.netloc,
            "/".join(path),
            endpoint,
            Path(cache) if cache else None,
            int(size) if size.isdecimal() else 0,
        )


def check_endpoint(endpoint: str) -> None:
    """Raises InputError unless it is "" or the plain URL of a service."""
    parts = urlsplit(endpoint)
    if endpoint and (parts.scheme not in ("http", "https") or not parts.netloc):
        raise InputError("the endpoint is not the URL of a service", remedy="such as https://minio.example.com:9000")
    if "@" in parts.netloc or parts.query or parts.fragment:
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        raise InputError("the endpoint holds no credentials and no query", place=shown, remedy=_MEANT)
