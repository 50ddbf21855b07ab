"""An environment for each peer below `.tidemill/peers`, made from its pinned requirements with the uv of ours."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements"
FOLDER = Path(".tidemill") / "peers"
_UV = str(Path(sys.executable).with_name("uv"))


class NotInstalled(Exception):
    """An environment could not be made; the text is the last thing that uv said."""


def python_of(name: str) -> Path:
    """The interpreter of the peer's environment, which is made or renewed if need be. Raises NotInstalled."""
    pins = REQUIREMENTS / f"{name}.txt"
    folder = (FOLDER / name).absolute()
    python = folder / "bin" / "python"
    stamp = folder / "installed"
    digest = hashlib.blake2b(pins.read_bytes(), digest_size=16).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return python
    _uv("venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder))
    _uv("pip", "sync", "--quiet", "--compile-bytecode", "--python", str(python), str(pins))
    stamp.write_text(digest, encoding="utf-8")
    return python


def version_of(name: str, package: str) -> str:
    """The pinned version of a package."""
    for line in (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{package}=="):
            return line.removeprefix(f"{package}==").split()[0]
    raise LookupError(f"{package} is not pinned for {name}")


def environment_of(folder: Path, python: Path) -> dict[str, str]:
    """What a peer's programs see: a home of their own in `folder`, nothing sent anywhere, their own commands first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TIDEMILL_"))}
    return {
        **kept,
        "HOME": str(folder),
        "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "DO_NOT_TRACK": "1",
    }


def _uv(*arguments: str) -> None:
    done = subprocess.run([_UV, *arguments], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise NotInstalled(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "uv failed")
