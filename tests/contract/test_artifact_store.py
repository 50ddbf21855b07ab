"""One suite for every artifact store, and what only a store of local files promises."""

from __future__ import annotations

import json
import mmap
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tidemill.core import crash
from tidemill.plugins import load
from tidemill.storage.artifacts.content import Content
from tidemill.storage.artifacts.digests import digest_of
from tidemill.storage.artifacts.errors import (
    ArtifactDamaged,
    ArtifactError,
    ArtifactMissing,
    NotStorable,
    TargetExists,
    WrongKind,
)
from tidemill.storage.artifacts.listing import Entry, encode
from tidemill.storage.artifacts.local import LocalStore
from tidemill.storage.artifacts.memory import MemoryStore
from tidemill.storage.artifacts.remote_address import StoreAddress
from tidemill.storage.artifacts.remote_opening import UNCACHED, remote_store
from tidemill.storage.artifacts.store import ArtifactStore

OTHER = Content("blake2b:" + "0" * 64, 3)


@pytest.fixture(params=["local", "memory", "s3", "any bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    match request.param:
        case "local":
            return LocalStore(tmp_path / "store")
        case "memory":
            return MemoryStore()
        case "s3":
            request.getfixturevalue("s3_credentials")
            service = request.getfixturevalue("s3_service")
            return load("stores", "s3")(
                StoreAddress("s3", service.new_bucket(), "team", service.url, tmp_path / "cache")
            )
        case _:
            # What no protocol has a part in: a file system of fsspec stands in for those of GCS and Azure.
            files = MemoryFileSystem(global_store=False, **UNCACHED)
            return remote_store(StoreAddress("memory", "bucket", "team", "", tmp_path / "cache"), lambda: files)


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "folder"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "a.txt").write_text("alpha")
    (root / "deep" / "er" / "b").write_bytes(b"\0\1\2")
    (root / "deep" / "ünï códe.txt").write_text("ß")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    return root


def shape(root: Path) -> dict[str, tuple[bytes, bool] | None]:
    found: dict[str, tuple[bytes, bool] | None] = {}
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        if path.is_file():
            found[name] = path.read_bytes(), bool(path.stat().st_mode & stat.S_IXUSR)
        elif not any(path.iterdir()):
            found[name] = None
    return found


def object_path(local: LocalStore, digest: str) -> Path:
    digits = digest.removeprefix("blake2b:")
    return local.root / "objects" / digits[:2] / digits[2:]


def overwrite(local: LocalStore, digest: str, change: Callable[[bytearray], None]) -> None:
    path = object_path(local, digest)
    data = bytearray(path.read_bytes())
    change(data)
    path.chmod(0o644)
    path.write_bytes(data)


def flip(data: bytearray) -> None:
    data[len(data) // 2] ^= 0x10


def cut(data: bytearray) -> None:
    del data[-1:]


# --- every store ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"x", b"hello\n" * 500_000], ids=["empty", "one", "3 MB"])
def test_bytes_come_back_and_equal_bytes_have_one_address(store: ArtifactStore, tmp_path: Path, data: bytes) -> None:
    content = store.put_bytes(data)
    assert content == Content(digest_of(data), len(data), "file")
    path = tmp_path / "same"
    path.write_bytes(data)
    assert store.put_file(path) == content
    assert path.exists()
    assert store.put_file(path, move=True) == content
    assert not path.exists()
    assert list(store.digests()) == [content.digest]
    assert store.read_bytes(content) == data
    with store.open(content) as source:
        assert source.read() == data
    store.verify(content)


def test_a_folder_comes_back_with_everything_in_it(store: ArtifactStore, folder: Path, tmp_path: Path) -> None:
    content = store.put_tree(folder)
    assert content.kind == "tree"
    assert content.size == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    store.verify(content)
    store.materialize(content, tmp_path / "out" / "again")
    assert shape(tmp_path / "out" / "again") == shape(folder)
    assert os.listdir(tmp_path / "out") == ["again"]
    (tmp_path / "out" / "again" / "a.txt").write_text("a copy is the user's own")
    store.verify(content)


def test_the_address_of_a_folder_tells_names_bytes_and_mode(store: ArtifactStore, folder: Path, tmp_path: Path) -> None:
    first = store.put_tree(folder)
    store.materialize(first, tmp_path / "copy")
    assert store.put_tree(tmp_path / "copy") == first
    seen = {first.digest}
    for change in (
        lambda: (folder / "a.txt").write_text("alphA"),
        lambda: (folder / "a.txt").rename(folder / "c.txt"),
        lambda: (folder / "c.txt").chmod(0o755),
        lambda: (folder / "empty").rmdir(),
    ):
        change()
        digest = store.put_tree(folder).digest
        assert digest not in seen
        seen.add(digest)


def test_files_of_a_folder_are_shared_with_the_same_bytes_elsewhere(store: ArtifactStore, folder: Path) -> None:
    alpha = store.put_bytes(b"alpha")
    tree = store.put_tree(folder)
    assert {entry.path: entry.digest for entry in store.listing(tree)}["a.txt"] == alpha.digest
    assert len(set(store.digests())) == 5
    assert store.listing(alpha) == ()


def test_a_file_is_materialized_writable(store: ArtifactStore, tmp_path: Path) -> None:
    content = store.put_bytes(b"data")
    store.materialize(content, tmp_path / "new" / "file.bin")
    assert (tmp_path / "new" / "file.bin").read_bytes() == b"data"
    (tmp_path / "new" / "file.bin").write_bytes(b"mine")
    with pytest.raises(TargetExists, match=r"file\.bin"):
        store.materialize(content, tmp_path / "new" / "file.bin")
    assert store.read_bytes(content) == b"data"


def test_links_inside_a_folder_are_kept_as_what_they_point_to(
    store: ArtifactStore, folder: Path, tmp_path: Path
) -> None:
    (folder / "latest").symlink_to("deep/er")
    (folder / "same.txt").symlink_to(folder / "a.txt")
    store.materialize(store.put_tree(folder), tmp_path / "out")
    assert (tmp_path / "out" / "latest" / "b").read_bytes() == b"\0\1\2"
    assert (tmp_path / "out" / "same.txt").read_text() == "alpha"
    assert not any(path.is_symlink() for path in (tmp_path / "out").rglob("*"))


def test_what_cannot_be_kept_of_a_folder_is_named(store: ArtifactStore, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("outside")
    for target, words in (("../secret", "leaves"), ("nowhere", "nothing"), (".", "holds it"), ("/etc", "leaves")):
        (folder / "deep" / "link").symlink_to(folder / target)
        with pytest.raises(NotStorable, match="deep/link") as caught:
            store.put_tree(folder)
        assert words in str(caught.value)
        (folder / "deep" / "link").unlink()
    os.mkfifo(folder / "deep" / "pipe")
    with pytest.raises(NotStorable, match=r"deep/pipe .* is a pipe"):
        store.put_tree(folder)
    (folder / "deep" / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
        with pytest.raises(NotStorable, match=r"s .* is a socket"):
            store.put_tree(folder)


def test_what_is_no_file_is_refused(store: ArtifactStore, folder: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for move in (False, True):
        with pytest.raises(NotStorable, match="there is no file"):
            store.put_file(tmp_path / "absent", move=move)
        with pytest.raises(NotStorable, match="is not a file"):
            store.put_file(folder, move=move)
        with pytest.raises(NotStorable, match="is not a file"):
            store.put_file(tmp_path / "pipe", move=move)
    with pytest.raises(NotStorable, match="there is no folder"):
        store.put_tree(tmp_path / "absent")
    assert folder.is_dir()
    assert list(store.digests()) == []


def test_missing_content_is_told_as_missing(store: ArtifactStore, folder: Path, tmp_path: Path) -> None:
    for content in (OTHER, Content(OTHER.digest, 3, "tree")):
        assert not store.exists(content)
        assert store.stamp(content) is None
        for ask in (store.verify, store.path_of, lambda content: store.materialize(content, tmp_path / "x")):
            with pytest.raises(ArtifactMissing, match=r"blake2b:000"):
                ask(content)
    with pytest.raises(ArtifactMissing):
        store.read_bytes(OTHER)
    assert not (tmp_path / "x").exists()
    tree = store.put_tree(folder)
    assert store.exists(tree)
    store.delete(digest_of(b"alpha"))
    assert not store.exists(tree)
    with pytest.raises(ArtifactMissing, match=r"a\.txt"):
        store.verify(tree)
    with pytest.raises(ArtifactMissing):
        store.materialize(tree, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_folder_is_not_a_file(store: ArtifactStore, folder: Path) -> None:
    tree = store.put_tree(folder)
    with pytest.raises(WrongKind):
        store.open(tree)
    with pytest.raises(WrongKind):
        store.read_bytes(tree)


def test_delete_forgets_and_putting_again_brings_back(store: ArtifactStore, folder: Path) -> None:
    content = store.put_bytes(b"once")
    assert store.touched_at(content.digest) is not None
    assert store.delete(content.digest)
    assert not store.delete(content.digest)
    assert store.touched_at(content.digest) is None
    assert not store.exists(content)
    assert store.put_bytes(b"once") == content
    assert store.exists(content)


def test_what_was_put_at_a_moment_or_later_is_spared(store: ArtifactStore) -> None:
    content = store.put_bytes(b"wanted")
    touched = store.touched_at(content.digest)
    assert touched is not None
    assert not store.delete(content.digest, untouched_since=touched)
    assert store.exists(content)
    assert store.delete(content.digest, untouched_since=touched + 1)
    assert not store.exists(content)
    assert not store.delete(content.digest, untouched_since=touched + 1)


@pytest.mark.parametrize(
    "digest", ["", "md5:00", "blake2b:" + "g" * 64, "blake2b:../../../etc/passwd", "blake2b:" + "A" * 64]
)
def test_no_digest_from_outside_becomes_a_path(store: ArtifactStore, digest: str) -> None:
    with pytest.raises(ArtifactError):
        Content(digest, 1)
    with pytest.raises(ArtifactError):
        store.delete(digest)
    with pytest.raises(ArtifactError):
        store.touched_at(digest)


HOSTILE = {
    "parent": [["../escaped", "D", 5, 0]],
    "deep parent": [["a/../../escaped", "D", 5, 0]],
    "absolute": [["ABS/escaped", "D", 5, 0]],
    "dot": [["./escaped", "D", 5, 0]],
    "empty part": [["a//escaped", "D", 5, 0]],
    "empty": [["", "D", 5, 0]],
    "NUL": [["a\0b", "D", 5, 0]],
    "empty folder outside": [["../escaped"]],
    "file as folder": [["a", "D", 5, 0], ["a/b", "D", 5, 0]],
    "twice": [["a", "D", 5, 0], ["a", "D", 5, 0]],
    "unsorted": [["b", "D", 5, 0], ["a", "D", 5, 0]],
    "digest as path": [["a", "blake2b:../../../../etc/passwd", 5, 0]],
    "negative size": [["a", "D", 10, 0], ["b", "D", -5, 0]],
    "no list": [{"a": 1}],
    "size as text": [["a", "D", "5", 0]],
    "true size": [["a", "D", True, 0]],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_listing_writes_nothing(store: ArtifactStore, tmp_path: Path, name: str) -> None:
    digest = store.put_bytes(b"owned").digest
    lines = json.dumps(HOSTILE[name]).replace('"D"', f'"{digest}"').replace("ABS", str(tmp_path))
    text = "tidemill-tree 1\n" + "".join(json.dumps(line) + "\n" for line in json.loads(lines))
    listing = store.put_bytes(text.encode())
    for size in (5, 10, 1, 0):
        tree = Content(listing.digest, size, "tree")
        for ask in (
            store.verify,
            store.path_of,
            store.listing,
            lambda tree: store.materialize(tree, tmp_path / "in" / "out"),
        ):
            with pytest.raises(ArtifactDamaged):
                ask(tree)
    assert not list(tmp_path.rglob("*escaped*"))
    assert not (tmp_path / "in").exists() or os.listdir(tmp_path / "in") == []


@pytest.mark.parametrize(
    "data", [b"", b"no listing", b'tidemill-tree 1\n["a"', b"tidemill-tree 1\n" + b"[" * 10**5 + b"\n"]
)
def test_bytes_that_are_no_listing_are_refused(store: ArtifactStore, data: bytes) -> None:
    content = store.put_bytes(data)
    with pytest.raises(ArtifactDamaged):
        store.listing(Content(content.digest, 0, "tree"))


def test_a_listing_has_one_text_whatever_the_order() -> None:
    entries = [Entry("b", "blake2b:" + "1" * 64, 1, True), Entry("a", None)]
    assert encode(entries) == encode(reversed(entries))


# --- local files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "words"), [(flip, "now hash to"), (cut, "3 bytes instead of 4")])
def test_damage_of_a_file_is_found_and_named(
    local: LocalStore, tmp_path: Path, change: Callable[[bytearray], None], words: str
) -> None:
    content = local.put_bytes(b"data")
    before = local.stamp(content)
    overwrite(local, content.digest, change)
    assert local.stamp(content) != before
    for ask in (local.verify, local.read_bytes, lambda content: local.materialize(content, tmp_path / "out" / "x")):
        with pytest.raises(ArtifactDamaged, match=words) as caught:
            ask(content)
        assert content.digest in str(caught.value)
        assert "again" in caught.value.remedy
    assert os.listdir(tmp_path / "out") == []


@pytest.mark.parametrize("change", [flip, cut])
def test_damage_in_a_folder_names_the_file(
    local: LocalStore, folder: Path, change: Callable[[bytearray], None]
) -> None:
    tree = local.put_tree(folder)
    before = local.stamp(tree)
    overwrite(local, digest_of(b"alpha"), change)
    assert local.stamp(tree) != before
    with pytest.raises(ArtifactDamaged, match=r"files are damaged: a\.txt\n"):
        local.verify(tree)
    overwrite(local, tree.digest, change)
    with pytest.raises(ArtifactDamaged, match="listing"):
        local.verify(tree)
    assert not local.exists(tree)


def test_putting_again_heals_damage(local: LocalStore, folder: Path, tmp_path: Path) -> None:
    tree = local.put_tree(folder)
    content = local.put_bytes(b"alpha")
    for change in (flip, cut):
        for again in (
            lambda: local.put_tree(folder),
            lambda: local.put_bytes(b"alpha"),
            lambda: local.put_file(folder / "a.txt"),
        ):
            overwrite(local, content.digest, change)
            again()
            local.verify(tree)
    path = local.path_of(tree)
    assert path is not None
    assert shape(path) == shape(folder)


def test_a_path_can_be_mapped_and_not_written(local: LocalStore) -> None:
    content = local.put_bytes(b"mapped")
    path = local.path_of(content)
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        local.delete(content.digest)
        assert mapped[:] == b"mapped"


def test_no_path_is_given_to_a_short_file(local: LocalStore) -> None:
    content = local.put_bytes(b"data")
    overwrite(local, content.digest, cut)
    with pytest.raises(ArtifactDamaged, match="3 bytes instead of 4"):
        local.path_of(content)


def test_a_stored_folder_has_a_path_which_is_made_anew_when_changed(local: LocalStore, folder: Path) -> None:
    tree = local.put_tree(folder)
    path = local.path_of(tree)
    assert path is not None
    assert shape(path) == shape(folder)
    assert stat.S_IMODE(path.stat().st_mode) == 0o555
    before = local.stamp(tree)
    assert local.path_of(tree) == path
    assert local.stamp(tree) == before

    def add() -> None:
        (path / "new").write_text("x")

    def replace() -> None:
        (path / "a.txt").unlink()
        (path / "a.txt").write_text("other")

    def change_copy() -> None:
        (path / "run.sh").chmod(0o755)
        (path / "run.sh").write_text("evil\n")

    for change in (add, replace, change_copy, (path / "a.txt").unlink):
        path.chmod(0o755)
        change()
        assert shape(path) != shape(folder)
        assert local.path_of(tree) == path
        assert shape(path) == shape(folder)
    local.verify(tree)
    assert local.delete(tree.digest)
    assert not path.exists()


def test_stamps_stay_while_nothing_changes(local: LocalStore, tmp_path: Path) -> None:
    content = local.put_bytes(b"same")
    stamp = local.stamp(content)
    assert stamp is not None
    info = object_path(local, content.digest).stat()
    assert stamp == (info.st_ino, 4, info.st_mtime_ns)
    local.put_bytes(b"same")
    (tmp_path / "same").write_bytes(b"same")
    local.put_file(tmp_path / "same", move=True)
    assert local.stamp(content) == stamp


def test_putting_again_marks_bytes_as_wanted(local: LocalStore) -> None:
    content = local.put_bytes(b"old")
    os.utime(object_path(local, content.digest), (1000, 1000))
    assert local.touched_at(content.digest) == 1000
    local.put_bytes(b"old")
    touched = local.touched_at(content.digest)
    assert touched is not None
    assert touched > 1_000_000


def test_a_moved_file_is_not_copied_unless_others_hold_it(local: LocalStore, tmp_path: Path) -> None:
    for name in ("alone", "shared"):
        (tmp_path / name).write_text(name)
    inodes = {name: (tmp_path / name).stat().st_ino for name in ("alone", "shared")}
    os.link(tmp_path / "shared", tmp_path / "other name")
    kept = {name: local.put_file(tmp_path / name, move=True) for name in inodes}
    assert object_path(local, kept["alone"].digest).stat().st_ino == inodes["alone"]
    assert object_path(local, kept["shared"].digest).stat().st_ino != inodes["shared"]
    (tmp_path / "other name").write_text("changed")
    local.verify(kept["shared"])


def test_foreign_files_in_the_store_are_no_content(local: LocalStore) -> None:
    content = local.put_bytes(b"x")
    (local.root / "objects" / "README").write_text("?")
    (local.root / "objects" / "ab").mkdir(exist_ok=True)
    (local.root / "objects" / "ab" / "short").write_text("?")
    assert list(local.digests()) == [content.digest]


@pytest.fixture
def armed() -> Iterator[None]:
    yield
    crash.disarm()


@pytest.mark.usefixtures("armed")
@pytest.mark.parametrize("move", [False, True])
def test_a_failure_between_write_and_rename_leaves_nothing(local: LocalStore, tmp_path: Path, move: bool) -> None:
    class Broken(Exception):
        pass

    def fail() -> None:
        raise Broken

    crash.arm("artifact.after-write", fail)
    (tmp_path / "file").write_text("precious")
    with pytest.raises(Broken):
        local.put_file(tmp_path / "file", move=move)
    with pytest.raises(Broken):
        local.put_bytes(b"other")
    assert (tmp_path / "file").read_text() == "precious"
    assert os.listdir(local.root / "tmp") == []
    assert list(local.digests()) == []


WRITER = """
import os, signal, sys
from pathlib import Path
from tidemill.core import crash
from tidemill.storage.artifacts.local import LocalStore
root, action, source = sys.argv[1:]
if action.startswith("artifact."):
    crash.arm(action, lambda: os.kill(os.getpid(), signal.SIGKILL))
else:
    print("ready", flush=True)
    sys.stdin.readline()
store = LocalStore(Path(root))
print(store.put_tree(Path(source)).digest if Path(source).is_dir() else store.put_file(Path(source)).digest)
"""


def writer(local: LocalStore, action: str, source: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(local.root), action, str(source)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("action", ["artifact.after-write", "artifact.after-rename"])
def test_a_killed_writer_leaves_a_readable_store(local: LocalStore, tmp_path: Path, action: str) -> None:
    kept = local.put_bytes(b"before")
    (tmp_path / "file").write_bytes(b"during" * 1000)
    with writer(local, action, tmp_path / "file") as process:
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    renamed = action == "artifact.after-rename"
    expected = {kept.digest} | ({digest_of(b"during" * 1000)} if renamed else set())
    assert set(local.digests()) == expected
    for digest in expected:
        local.verify(Content(digest, object_path(local, digest).stat().st_size))
    left = list((local.root / "tmp").iterdir())
    assert len(left) == (0 if renamed else 1)
    assert local.sweep_temporary(3600) == 0
    for path in left:
        os.utime(path, (0, 0))
    assert local.sweep_temporary(3600) == len(left)
    assert list((local.root / "tmp").iterdir()) == []
    assert local.read_bytes(local.put_file(tmp_path / "file")) == b"during" * 1000


def test_two_processes_write_the_same_content_at_once(local: LocalStore, folder: Path) -> None:
    (folder / "large").write_bytes(os.urandom(1 << 20) * 4)
    for n in range(100):
        (folder / f"{n:03}").write_text(f"content {n % 40}")
    processes = [writer(local, "wait", folder) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    printed = [process.communicate()[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    tree = local.put_tree(folder)
    assert printed == [tree.digest] * 2
    local.verify(tree)
    assert list((local.root / "tmp").iterdir()) == []
    path = local.path_of(tree)
    assert path is not None
    assert shape(path) == shape(folder)


def test_a_flipped_byte_is_noticed_before_a_path_is_given_out(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    content = store.put_bytes(b"0123456789")
    path = store.path_of(content)
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(b"0123x56789")
    with pytest.raises(ArtifactDamaged):
        store.path_of(content)
    assert store.put_bytes(b"0123456789") == content, "putting the bytes again heals them"
    assert store.path_of(content) is not None


def test_what_was_touched_and_is_whole_is_hashed_once(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    content = store.put_bytes(b"0123456789")
    path = store.path_of(content)
    assert path is not None
    path.touch()
    touched = path.stat().st_mtime_ns
    assert store.path_of(content) == path
    assert path.stat().st_mtime_ns != touched


@pytest.mark.skipif(os.geteuid() != 0, reason="for anybody else the files of the store are read-only")
def test_root_cannot_change_the_store_through_what_it_was_given(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    source = tmp_path / "folder"
    source.mkdir()
    (source / "a.txt").write_text("as it was")
    content = store.put_tree(source)
    given = store.path_of(content)
    assert given is not None
    (given / "a.txt").write_text("changed")
    again = store.path_of(content)
    assert again is not None
    assert (again / "a.txt").read_text() == "as it was"
    store.verify(content)
