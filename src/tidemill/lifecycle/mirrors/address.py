"""Where a tracking server is and how it is spoken to, from its URI and the environment that MLflow's own tools read.

Credentials leave this module in headers only; `shown` and everything that `redacted` has passed are free of them.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from tidemill.core.errors import InputError

_EXAMPLE = "such as http://localhost:5000; `mlflow server` starts one there"
_SHORTEST = 3
_HIDDEN = "***"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Address:
    """A server. `url` ends without a slash and holds no credentials; `verify` is for TLS: yes, no, a file of roots."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    verify: bool | str = True
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def shown(self) -> str:
        return self.url

    @property
    def is_here(self) -> bool:
        """Whether the server sees the files of this machine."""
        return urlsplit(self.url).hostname in _LOOPBACK

    def redacted(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, _HIDDEN)
        return text


def parse_address(uri: str, environment: Mapping[str, str]) -> Address:
    """The server at `uri`; user and password in it go before MLFLOW_TRACKING_USERNAME, _PASSWORD and _TOKEN.

    Raises InputError, which does not repeat the URI: it may hold a password.
    """
    try:
        parts = urlsplit(uri.strip())
        port = parts.port
    except ValueError:
        raise InputError("mlflow_uri is no address", place="settings", remedy=_EXAMPLE) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(
            "mlflow_uri must be the address of a tracking server, and begin with http:// or https://",
            place="settings",
            remedy=_EXAMPLE,
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    url = f"{parts.scheme}://{host}" + (f":{port}" if port else "") + parts.path.rstrip("/")
    user = unquote(parts.username or "") or environment.get("MLFLOW_TRACKING_USERNAME", "")
    password = unquote(parts.password or "") if parts.username else environment.get("MLFLOW_TRACKING_PASSWORD", "")
    token = environment.get("MLFLOW_TRACKING_TOKEN", "")
    headers: dict[str, str] = {}
    secrets = [password, token, quote(password, safe=""), parts.password or ""]
    if user:
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {basic}"
        secrets.append(basic)
    elif token:
        if not token.isascii() or not token.isprintable():
            raise InputError("MLFLOW_TRACKING_TOKEN is no token: it holds characters that no header takes")
        headers["Authorization"] = f"Bearer {token}"
    known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST}, key=len, reverse=True)
    return Address(url, headers, _verify(environment), tuple(known))


def _verify(environment: Mapping[str, str]) -> bool | str:
    if environment.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("1", "true"):
        return False
    return environment.get("MLFLOW_TRACKING_SERVER_CERT_PATH", "") or True
