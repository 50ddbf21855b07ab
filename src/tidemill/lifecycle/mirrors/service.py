"""MLflow's documented REST interface over HTTP: one request, its answer as JSON, and what to do when none comes.

Knows no runs or models. Answers come from outside: they are bounded and checked; nothing is sent to another host.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from tidemill.core.errors import InputError
from tidemill.lifecycle.mirrors.address import Address
from tidemill.lifecycle.mirrors.errors import MISSING, MirrorAway, MirrorForeign, MirrorRefused, ServerSaid

Json = dict[str, Any]
T = TypeVar("T")

API = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts/"

_LARGEST = 64 << 20
"""Bytes of an answer; one that is larger is not read to its end."""

_TOLD = 300
_LONGEST_PAUSE = 30.0
_TOO_LARGE = 413
_BUSY = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: to connect, between two signs of life of a request, and to wait before each further try."""

    connect: float = 5.0
    silence: float = 60.0
    pauses: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0)


class Troubled(Exception):
    """A request may or may not have been done; `pause` is how long the server asks to wait."""

    def __init__(self, why: str, pause: float = 0.0) -> None:
        super().__init__(why)
        self.why = why
        self.pause = pause


class Service:
    """A tracking server. Use as a context manager; `wait` is told how many seconds to let pass."""

    def __init__(self, address: Address, wait: Callable[[float], None], patience: Patience | None = None) -> None:
        self.address = address
        self._wait = wait
        self._patience = patience or Patience()
        times = httpx.Timeout(self._patience.silence, connect=self._patience.connect)
        self._http = httpx.Client(headers=dict(address.headers), verify=_roots(address), timeout=times)

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, request: str, **query: str | int) -> Json:
        """A request that changes nothing. Raises MirrorAway, MirrorRefused, MirrorForeign, ServerSaid."""
        return self._patiently(lambda: self._ask("GET", request, params=query))

    def post(self, path: str, body: Mapping[str, Any], verb: str = "POST") -> Json:
        """A request that may be made twice: the second time changes nothing."""
        return self._patiently(lambda: self._ask(verb, path, body=body))

    def make(self, path: str, body: Mapping[str, Any], look: Callable[[], T | None], made: Callable[[Json], T]) -> T:
        """A request that must not be done twice: after trouble it is made again only if `look` finds nothing."""
        tried = False

        def once() -> T:
            nonlocal tried
            if tried and (there := look()) is not None:
                return there
            tried = True
            return made(self._ask("POST", path, body=body))

        return self._patiently(once)

    def put_file(self, path: str, size: int, read: Callable[[], Iterator[bytes]]) -> None:
        """Keep a file of so many bytes below the server's artifacts; `read` begins anew at each try."""
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        self._patiently(lambda: self._send("PUT", FILES + path, content=read(), headers=headers))

    def _patiently(self, act: Callable[[], T]) -> T:
        pauses = iter(self._patience.pauses)
        while True:
            try:
                return act()
            except Troubled as trouble:
                pause = next(pauses, None)
                if pause is None:
                    raise self._away(trouble) from None
                self._wait(min(max(pause, trouble.pause), _LONGEST_PAUSE))

    def _ask(self, verb: str, path: str, body: Any = None, params: Mapping[str, str | int] | None = None) -> Json:
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        data = self._send(verb, API + path, content=content, headers=headers, params=params)
        answer = _json(data) if data else {}
        if not isinstance(answer, dict):
            raise self._foreign("its answer is no JSON object")
        return answer

    def _send(self, verb: str, path: str, **more: Any) -> bytes:
        try:
            with self._http.stream(verb, self.address.url + path, **more) as response:
                data = self._body(response)
        except (httpx.TransportError, OSError) as error:
            raise Troubled(_in_words(error)) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            raise self._foreign("the request could not be sent there") from None
        match response.status_code:
            case 200 | 201 | 204:
                return data
            case 401 | 403:
                raise MirrorRefused(
                    f"the tracking server refuses what was sent: HTTP {response.status_code}",
                    place=self.address.shown,
                    remedy="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
                )
            case code if code in _BUSY and not _is_final(data):
                raise Troubled(f"HTTP {code}", _pause(response))
            case code if 300 <= code < 400:
                raise self._foreign(f"it sends elsewhere (HTTP {code}), and credentials are not sent on")
        raise self._said(response.status_code, data)

    def _body(self, response: httpx.Response) -> bytes:
        parts, size = [], 0
        for part in response.iter_bytes():
            size += len(part)
            if size > _LARGEST:
                raise self._foreign(f"its answer is larger than {_LARGEST >> 20} MB")
            parts.append(part)
        return b"".join(parts)

    def _said(self, code: int, data: bytes) -> ServerSaid | MirrorForeign:
        if code == _TOO_LARGE:
            return ServerSaid("what is before the tracking server takes no file of this size", "TOO_LARGE")
        answer = _json(data)
        if not isinstance(answer, dict) or "error_code" not in answer:
            return self._foreign(f"HTTP {code}, and not as MLflow answers")
        reason = str(answer["error_code"])
        text = self.address.redacted(" ".join(str(answer.get("message", "")).split()))[:_TOLD]
        return ServerSaid(f"the tracking server says {reason}: {text}", reason, place=self.address.shown)

    def _away(self, trouble: Troubled) -> MirrorAway:
        return MirrorAway(
            f"the tracking server is away: {self.address.redacted(trouble.why)}",
            place=self.address.shown,
            remedy="nothing is lost: `tidemill mlflow sync` mirrors what is missing once it is back",
        )

    def _foreign(self, why: str) -> MirrorForeign:
        return MirrorForeign(
            f"this is no tracking server of MLflow, or too old a one: {why}",
            place=self.address.shown,
            remedy="let mlflow_uri (or TIDEMILL_MLFLOW_URI) name the address under which MLflow shows its pages",
        )


def _roots(address: Address) -> Any:
    if isinstance(address.verify, bool):
        return address.verify
    try:
        return ssl.create_default_context(cafile=address.verify)
    except OSError:
        raise InputError(
            "the certificates cannot be read",
            place=f"MLFLOW_TRACKING_SERVER_CERT_PATH={address.verify}",
            remedy="let it name a file of certificates in PEM form, or unset it",
        ) from None


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _in_words(error: Exception) -> str:
    match error:
        case httpx.ConnectTimeout():
            return "it could not be reached in time"
        case httpx.TimeoutException():
            return "it did not answer in time"
        case httpx.ConnectError():
            return f"it cannot be reached ({' '.join(str(error).split())[:100]})"
    return f"the connection broke ({type(error).__name__})"


def _pause(response: httpx.Response) -> float:
    try:
        return max(0.0, float(response.headers.get("Retry-After", "0")))
    except ValueError:
        return 0.0


def _is_final(data: bytes) -> bool:
    """Whether an answer with a code of trouble says that trying again will not help."""
    answer = _json(data)
    return isinstance(answer, dict) and answer.get("error_code") in (
        MISSING,
        "INVALID_PARAMETER_VALUE",
    )
