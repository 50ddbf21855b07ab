"""A real MLflow tracking server for tests, looked at by plain HTTP past everything of ours; and a line that loses."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

LONG = 120.0
"""Seconds after which a server that does not come up fails its tests."""

_PLAIN = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV")
_QUIET = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


def plain_environment(home: Path) -> dict[str, str]:
    """What a process of MLflow's gets: nothing of the user's, no proxy, no credentials."""
    return {**{name: os.environ[name] for name in _PLAIN if name in os.environ}, "HOME": str(home), **_QUIET}


@dataclass(frozen=True)
class Tracking:
    """A tracking server at `url`; what it says of its runs and models, as plain JSON."""

    url: str

    def ask(self, path: str, verb: str = "GET", **more: Any) -> Any:
        with httpx.Client(trust_env=False, timeout=60) as client:
            return client.request(verb, f"{self.url}/api/2.0/mlflow/{path}", **more).raise_for_status().json()

    def runs(self, experiment: str) -> list[dict[str, Any]]:
        """All runs of an experiment that are not deleted; none if there is no such experiment."""
        with suppress(httpx.HTTPStatusError):
            found = self.ask("experiments/get-by-name", params={"experiment_name": experiment})["experiment"]
            body = {"experiment_ids": [found["experiment_id"]], "max_results": 1000}
            return list(self.ask("runs/search", "POST", json=body).get("runs", []))
        return []

    def files(self, run_id: str, path: str = "") -> dict[str, int]:
        """Every file of a run and its size."""
        found: dict[str, int] = {}
        for one in self.ask("artifacts/list", params={"run_id": run_id, "path": path}).get("files", []):
            if one["is_dir"]:
                found |= self.files(run_id, one["path"])
            else:
                found[one["path"]] = int(one["file_size"])
        return found

    def model(self, name: str) -> dict[str, Any]:
        return dict(self.ask("registered-models/get", params={"name": name})["registered_model"])

    def versions(self, name: str) -> list[dict[str, Any]]:
        found = self.ask("model-versions/search", params={"filter": f"name='{name}'"}).get("model_versions", [])
        return sorted(found, key=lambda one: int(one["version"]))


def pairs(found: Any) -> dict[str, Any]:
    """A list of keys and values, as MLflow says them, as a dict."""
    return {one["key"]: one["value"] for one in found or []}


@contextmanager
def tracking_server(folder: Path) -> Iterator[Tracking]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    log = folder / "server.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
                *("--workers", "1", "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
                *("--artifacts-destination", str(folder / "files")),
            ],
            cwd=folder,
            env=plain_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_up(process, f"http://127.0.0.1:{port}", log)
        yield Tracking(f"http://127.0.0.1:{port}")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + LONG
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < end:
            assert process.poll() is None, log.read_text()
            with suppress(httpx.TransportError):
                if client.get(f"{url}/health").status_code == 200:
                    return
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
    raise AssertionError(log.read_text())


@dataclass
class Line:
    """A line to a server. `loses`: paths whose next answer is lost after the request was done; `says`: paths that are
    answered with this status, headers and body instead, each in turn.
    """

    url: str
    loses: list[str] = field(default_factory=list)
    says: list[tuple[str, int, dict[str, str], bytes]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def line_to(target: str) -> Iterator[Line]:
    line = Line("")

    class Handler(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            line.asked.append((f"{self.command} {self.path}", dict(self.headers)))
            told = next((one for one in line.says if one[0] in self.path), None)
            if told is not None:
                line.says.remove(told)
                self._answer(*told[1:])
                return
            with httpx.Client(trust_env=False, timeout=60) as client:
                there = client.request(
                    self.command, target + self.path, content=body, headers={"Content-Type": "application/json"}
                )
            lost = next((one for one in line.loses if one in self.path), None)
            if lost is not None:
                line.loses.remove(lost)
                self.close_connection = True
                return
            self._answer(there.status_code, {}, there.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        line.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield line
        finally:
            server.shutdown()
            thread.join()
