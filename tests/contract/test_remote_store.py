"""What only a store in a bucket promises: its cache, its errors, and how often it asks the service."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.s3 import CREDENTIALS, SECRETS, Line, Service
from tidemill.core.errors import InputError
from tidemill.plugins import load
from tidemill.storage.artifacts.cache import Cache
from tidemill.storage.artifacts.content import Content
from tidemill.storage.artifacts.digests import digest_of
from tidemill.storage.artifacts.errors import (
    ArtifactDamaged,
    ArtifactError,
    ArtifactMissing,
    StoreRefused,
    StoreUnreachable,
    StoreUnwritable,
)
from tidemill.storage.artifacts.remote import RemoteStore
from tidemill.storage.artifacts.remote_address import StoreAddress
from tidemill.worker.store import UnknownStore, open_store

MB = 1 << 20


@pytest.fixture
def line(s3_service: Service, tmp_path: Path) -> Iterator[Line]:
    line = Line(s3_service.url, tmp_path / "cut")
    yield line
    line.close()


@pytest.fixture
def bucket(s3_service: Service, s3_credentials: None) -> str:
    return s3_service.new_bucket()


@pytest.fixture
def machine(bucket: str, line: Line, tmp_path: Path) -> Callable[[str], RemoteStore]:
    """The same bucket as seen from machines with caches of their own, over the line."""

    def see(name: str, bucket: str = bucket) -> RemoteStore:
        address = StoreAddress("s3", bucket, "team/a b", line.url, tmp_path / name)
        store = open_store(address.text)
        assert isinstance(store, RemoteStore)
        return store

    return see


def key(digest: str, folder: str = "objects") -> str:
    digits = digest.removeprefix("blake2b:")
    return f"team/a b/{folder}/{digits[:2]}/{digits[2:]}"


def asked(line: Line, act: Callable[[], object]) -> list[str]:
    """The verbs of the requests that an act makes."""
    del line.asked[:]
    act()
    return [one.partition(" ")[0] for one in line.asked]


def tree(root: Path, files: int = 12) -> Path:
    (root / "deep").mkdir(parents=True)
    for number in range(files):
        (root / "deep" / f"{number}.txt").write_text(f"number {number}")
    return root


# --- between machines -------------------------------------------------------------------------------------------------


def test_what_one_machine_puts_another_reads(
    machine: Callable[[str], RemoteStore], s3_service: Service, bucket: str, tmp_path: Path
) -> None:
    here, there = machine("here"), machine("there")
    content, folder = here.put_bytes(b"rows"), here.put_tree(tree(tmp_path / "made"))
    assert key(content.digest) in s3_service.keys(bucket)
    assert s3_service.get(bucket, key(content.digest)) == b"rows"
    path = there.path_of(content)
    assert path is not None
    assert path.is_relative_to(tmp_path / "there")
    assert path.read_bytes() == b"rows"
    root = there.path_of(folder)
    assert root is not None
    assert sorted(p.read_text() for p in root.rglob("*.txt")) == sorted(f"number {n}" for n in range(12))
    assert set(there.digests()) == set(here.digests())
    assert len(set(there.digests())) == 14


def test_what_was_fetched_is_not_fetched_again_and_survives_the_network(
    machine: Callable[[str], RemoteStore], line: Line
) -> None:
    content = machine("here").put_bytes(b"rows")
    there = machine("there")
    assert asked(line, lambda: there.path_of(content)) == ["HEAD", "GET"]
    assert asked(line, lambda: there.path_of(content)) == []
    line.cut.touch()
    assert machine("there").read_bytes(content) == b"rows"


def test_a_bad_cache_is_thrown_away(machine: Callable[[str], RemoteStore], tmp_path: Path) -> None:
    store, folder = machine("here"), tree(tmp_path / "made")
    content, made = store.put_bytes(b"rows"), store.put_tree(folder)
    for file in (tmp_path / "here" / "objects").rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            file.write_bytes(b"ruin")
    assert store.read_bytes(content) == b"rows"
    path = store.path_of(made)
    assert path is not None
    assert (path / "deep" / "3.txt").read_text() == "number 3"
    store.verify(made)


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "words"), [(b"Rows", "now hash to"), (b"row", "3 bytes instead of 4"), (b"", "0 by")])
def test_damage_is_found_by_who_fetches_and_mended_by_who_puts_again(
    machine: Callable[[str], RemoteStore], s3_service: Service, bucket: str, data: bytes, words: str, tmp_path: Path
) -> None:
    here, there = machine("here"), machine("there")
    content = here.put_bytes(b"rows")
    s3_service.put(bucket, key(content.digest), data)
    for ask in (there.path_of, there.read_bytes, there.verify, there.confirm, here.verify, here.confirm):
        with pytest.raises(ArtifactDamaged, match=words):
            ask(content)
    with pytest.raises(ArtifactDamaged, match=words):
        there.materialize(content, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    here.put_bytes(b"rows")
    assert there.read_bytes(content) == b"rows"
    there.confirm(content)


def test_damage_in_a_folder_names_the_file(
    machine: Callable[[str], RemoteStore], s3_service: Service, bucket: str, tmp_path: Path
) -> None:
    here, there = machine("here"), machine("there")
    made = here.put_tree(tree(tmp_path / "made"))
    s3_service.put(bucket, key(digest_of(b"number 3")), b"number x")
    with pytest.raises(ArtifactDamaged, match=r"deep/3\.txt"):
        there.path_of(made)
    with pytest.raises(ArtifactDamaged, match=r"deep/3\.txt"):
        here.confirm(made)
    s3_service.delete(bucket, key(digest_of(b"number 3")))
    assert not here.exists(made)
    with pytest.raises(ArtifactMissing, match=r"deep/3\.txt"):
        there.path_of(made)
    with pytest.raises(ArtifactMissing, match=r"deep/3\.txt"):
        here.confirm(made)
    s3_service.put(bucket, key(made.digest), b"no listing")
    with pytest.raises(ArtifactDamaged):
        here.verify(made)
    with pytest.raises(ArtifactDamaged):
        machine("elsewhere").listing(made)


# --- how often the service is asked -----------------------------------------------------------------------------------


def test_what_did_not_change_is_confirmed_without_being_read(
    machine: Callable[[str], RemoteStore], line: Line, tmp_path: Path
) -> None:
    here, there = machine("here"), machine("there")
    made = here.put_tree(tree(tmp_path / "made"))
    assert set(asked(line, lambda: here.confirm(made))) == {"HEAD"}
    assert "GET" in asked(line, lambda: there.confirm(made)), "there nobody has seen it whole"
    assert set(asked(line, lambda: there.confirm(made))) == {"HEAD"}


def test_large_content_that_is_there_is_not_sent_again_but_counts_as_put(
    machine: Callable[[str], RemoteStore], line: Line, s3_service: Service, bucket: str
) -> None:
    store, data = machine("here"), b"large" * (MB // 4)
    content = store.put_bytes(data)
    first = store.touched_at(content.digest)
    assert first is not None
    sent = asked(line, lambda: store.put_bytes(data))
    assert sent == ["HEAD", "PUT", "HEAD"]
    assert s3_service.get(bucket, key(content.digest, "wanted")) == b""
    again = store.touched_at(content.digest)
    assert again is not None
    assert again >= first
    assert list(store.digests()) == [content.digest]
    assert not store.delete(content.digest, untouched_since=first - 1)
    assert store.exists(content)
    assert store.delete(content.digest, untouched_since=again + 1)
    assert s3_service.keys(bucket) == []


def test_a_large_file_goes_in_parts_and_comes_back(
    machine: Callable[[str], RemoteStore], line: Line, s3_service: Service, bucket: str, tmp_path: Path
) -> None:
    data = os.urandom(MB) * 36
    (tmp_path / "large").write_bytes(data)
    content = machine("here").put_file(tmp_path / "large", move=True)
    assert any("partNumber=3" in one for one in line.asked)
    assert not (tmp_path / "large").exists()
    assert machine("there").read_bytes(content) == data


def test_an_upload_in_parts_that_fails_leaves_nothing_and_takes_nothing_away(
    machine: Callable[[str], RemoteStore], line: Line, s3_service: Service, bucket: str, tmp_path: Path
) -> None:
    (tmp_path / "large").write_bytes(b"0123456789abcdef" * (36 * MB // 16))
    line.refused = ("partNumber=2",)
    store = machine("here")
    with pytest.raises(StoreRefused, match="may not be written to"):
        store.put_file(tmp_path / "large", move=True)
    assert (tmp_path / "large").stat().st_size == 36 * MB
    assert s3_service.unfinished(bucket) == 0
    assert s3_service.keys(bucket) == []


# --- errors -----------------------------------------------------------------------------------------------------------


def assert_told(error: ArtifactError, place: str) -> None:
    assert error.place == place
    assert error.remedy
    told = [str(error), "".join(traceback.format_exception(error)), repr(vars(error))]
    assert not [secret for secret in (*SECRETS, "Signature") for text in told if secret in text]


def test_a_bucket_that_is_not_there(machine: Callable[..., RemoteStore]) -> None:
    store = machine("here", "no-such-bucket")
    somewhere = Content(digest_of(b"x"), 1)
    for ask in (
        lambda: store.put_bytes(b"x"),
        lambda: store.exists(Content(digest_of(b"y"), 1)),
        lambda: store.verify(somewhere),
        lambda: store.delete(somewhere.digest),
        lambda: machine("there", "no-such-bucket").path_of(somewhere),
        lambda: list(store.digests()),
    ):
        with pytest.raises(StoreRefused, match="there is no such bucket") as caught:
            ask()
        assert_told(caught.value, "s3://no-such-bucket/team/a b")


def test_no_right_to_it(machine: Callable[[str], RemoteStore], line: Line, bucket: str) -> None:
    store = machine("here")
    content = store.put_bytes(b"x")
    line.refused = ("PUT ", "GET ", "HEAD ")
    for ask, words in (
        (lambda: store.put_bytes(b"y"), "written to"),
        (lambda: store.exists(content), "read"),
        (lambda: list(store.digests()), "listed"),
    ):
        with pytest.raises(StoreRefused, match=f"may not be {words} with these credentials") as caught:
            ask()
        assert_told(caught.value, f"s3://{bucket}/team/a b")


def test_no_credentials(
    machine: Callable[[str], RemoteStore], bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(StoreRefused, match="no credentials for this store") as caught:
        machine("here").put_bytes(b"x")
    assert_told(caught.value, f"s3://{bucket}/team/a b")
    assert "task_environment" in caught.value.remedy


def test_the_network_is_away(machine: Callable[[str], RemoteStore], line: Line, bucket: str, tmp_path: Path) -> None:
    store = machine("here")
    content = store.put_bytes(b"x")
    line.cut.touch()
    for ask in (lambda: store.put_bytes(b"y"), lambda: machine("there").path_of(content)):
        with pytest.raises(StoreUnreachable) as caught:
            ask()
        assert isinstance(caught.value, StoreUnwritable), "the attempt is tried again"
        assert_told(caught.value, f"s3://{bucket}/team/a b")
    line.cut.unlink()
    store.put_bytes(b"y")
    store.verify(content)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("s3://", "names no bucket"),
        ("s3://AKIA:hidden@bucket/x", "holds no credentials"),
        ("s3://bucket/x?sig=hidden", "holds no credentials"),
        ("s3://bucket/a/../b", "plain form"),
        ("s3://bucket/x#endpoint=ftp%3A%2F%2Fhost", "endpoint"),
        ("s3://bucket/x#endpoint=http%3A%2F%2Fme%3Ahidden%40host", "endpoint"),
    ],
)
def test_an_address_that_is_none(address: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        open_store(address)
    assert "hidden" not in str(caught.value)


def test_an_address_comes_back_from_its_text(tmp_path: Path) -> None:
    for address in (
        StoreAddress("s3", "bucket"),
        StoreAddress("s3", "bucket", "a b/c#d", "https://minio:9000", tmp_path / "a&b", 5),
    ):
        assert StoreAddress.parse(address.text) == address


def test_a_store_of_an_unknown_kind_names_those_that_are_known() -> None:
    with pytest.raises(UnknownStore, match="'ftp'") as caught:
        open_store("ftp://host/x")
    assert "s3" in caught.value.remedy


# --- processes --------------------------------------------------------------------------------------------------------

FORKING = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from tidemill.worker.store import open_store
store = open_store(sys.argv[1])
content = store.put_bytes(b"before the fork")
if os.fork() == 0:
    store.verify(content)
    os._exit(store.put_bytes(b"after the fork").size)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_a_store_can_be_used_on_after_a_fork(
    machine: Callable[[str], RemoteStore], bucket: str, line: Line, tmp_path: Path
) -> None:
    address = StoreAddress("s3", bucket, "team/a b", line.url, tmp_path / "forked")
    done = subprocess.run([sys.executable, "-c", FORKING, address.text], timeout=60)
    assert done.returncode == len(b"after the fork")
    assert set(machine("here").digests()) == {digest_of(b"before the fork"), digest_of(b"after the fork")}


DYING = """
import os, signal, sys
from tidemill.core import crash
from tidemill.worker.store import open_store
crash.arm(sys.argv[2], lambda: os.kill(os.getpid(), signal.SIGKILL))
open_store(sys.argv[1]).put_bytes(b"on the way")
"""


@pytest.mark.parametrize(("point", "arrived"), [("artifact.before-upload", False), ("artifact.after-upload", True)])
def test_a_writer_that_dies_on_the_way(
    point: str, arrived: bool, machine: Callable[[str], RemoteStore], bucket: str, line: Line, tmp_path: Path
) -> None:
    address = StoreAddress("s3", bucket, "team/a b", line.url, tmp_path / "here")
    done = subprocess.run([sys.executable, "-c", DYING, address.text, point], timeout=60)
    assert done.returncode == -signal.SIGKILL
    store = machine("here")
    assert list(store.digests()) == [digest_of(b"on the way")] * arrived
    content = store.put_bytes(b"on the way")
    store.verify(content)
    assert machine("there").read_bytes(content) == b"on the way"


def test_what_is_imported_before_a_fork_starts_no_thread() -> None:
    program = "import _thread, sys; from tidemill.plugins import load; load('stores', 's3'); sys.exit(_thread._count())"
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0


# --- the cache --------------------------------------------------------------------------------------------------------


def test_the_cache_keeps_what_was_used_last(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 3_500)
    made = [cache.store.put_bytes(bytes([n]) * 1000) for n in range(5)]
    for age, content in zip((50, 10, 40, 30, 20), made, strict=True):
        path = cache.store.path_of(content)
        assert path is not None
        os.utime(path, ns=(path.stat().st_atime_ns - age * 3_600 * 10**9, path.stat().st_mtime_ns))
    assert cache.holds(made[0]), "now it has been used"
    assert cache.trim() == 2
    assert [cache.store.exists(content) for content in made] == [True, True, False, False, True]
    assert cache.trim() == 0
    crowded = Cache(tmp_path, 1)
    assert crowded.trim() == 2, "what was used a moment ago stays"
    assert crowded.holds(made[0])
    assert Cache(tmp_path, 0).trim() == 0


def test_the_cache_is_trimmed_now_and_then(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 1)
    content = cache.store.put_bytes(b"rows")
    path = cache.store.path_of(content)
    assert path is not None
    os.utime(path, ns=(0, path.stat().st_mtime_ns))
    (tmp_path / "trimmed").touch()
    cache.trim_if_due()
    assert cache.store.exists(content)
    os.utime(tmp_path / "trimmed", (0, 0))
    cache.trim_if_due()
    assert not cache.store.exists(content)


@pytest.mark.parametrize("error", [RuntimeError("https://host/x?X-Amz-Signature=abc"), pickle.PicklingError("no")])
def test_whatever_a_library_raises_becomes_an_error_of_ours(error: Exception, tmp_path: Path) -> None:
    from tidemill.storage.artifacts.remote_opening import remote_store

    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise error

    store = remote_store(StoreAddress("memory", "bucket", "", "", tmp_path), Broken)
    with pytest.raises(StoreUnreachable) as caught:
        store.put_bytes(b"x")
    assert_told(caught.value, "memory://bucket")


def test_the_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme, library, extra in (("s3", "s3fs", "s3"), ("gs", "gcsfs", "gcs"), ("az", "adlfs", "azure")):
        monkeypatch.setitem(sys.modules, library, None)
        for module in ("remote_s3", "remote_gcs", "remote_azure"):
            monkeypatch.delitem(sys.modules, f"tidemill.storage.artifacts.{module}", raising=False)
        with pytest.raises(InputError, match=library) as caught:
            load("stores", scheme)
        assert caught.value.remedy == f"pip install 'tidemill[{extra}]'"
