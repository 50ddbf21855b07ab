"""Copying and removing local files, and names for new ones, without loading what the standard library has for it.

Every process of a task is a copy of one that has imported this: `shutil` alone brings four shared libraries.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_CHUNK = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def random_name() -> str:
    """Sixteen hexadecimal digits that nobody can guess."""
    return os.urandom(8).hex()


def copy_file(source: str | Path, target: Path) -> None:
    """Copy the bytes, not the rights, of a file to a new one. Raises FileExistsError."""
    with open(source, "rb", buffering=0) as reader, open(target, "xb", buffering=0) as writer:
        while chunk := reader.read(_CHUNK):
            left = memoryview(chunk)
            while left:
                left = left[writer.write(left) :]


def remove(path: Path) -> None:
    """Remove a file or a folder, also one whose folders are read-only; nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        _remove_folder(path)
    else:
        path.unlink(missing_ok=True)


def _remove_folder(folder: Path) -> None:
    """As much of it as can be removed, however deep. Goes by descriptors: no link put there meanwhile leads outside."""
    with suppress(OSError):
        root = _opened(folder)
        try:
            below = _emptied(root, None)
            while below:
                name = below.pop()
                with suppress(OSError):
                    place = _opened(name, root)
                    try:
                        below += _emptied(place, root)
                    finally:
                        os.close(place)
                    os.rmdir(name, dir_fd=root)
        finally:
            os.close(root)
    with suppress(OSError):
        os.rmdir(folder)


def _emptied(place: int, root: int | None) -> list[str]:
    """Remove the files of an open folder and move its folders up to `root`; the names that these have now."""
    with os.scandir(place) as found:
        entries = list(found)
    folders = []
    for entry in entries:
        with suppress(OSError):
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.name, dir_fd=place)
                continue
            name = entry.name
            if root is not None:
                name = random_name()
                # Only what may be written to can be moved.
                os.close(_opened(entry.name, place))
                os.rename(entry.name, name, src_dir_fd=place, dst_dir_fd=root)
            folders.append(name)
    return folders


def _opened(folder: str | Path, place: int | None = None) -> int:
    """A descriptor of a folder, which may be written to from now on."""
    descriptor = os.open(folder, _FOLDER, dir_fd=place)
    try:
        os.fchmod(descriptor, 0o755)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
