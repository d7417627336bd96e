"""What every store of files does, whichever kind its URL means: a directory, a bucket behind S3, memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.store import MemoryStore, S3Store

from bothsides_stack.ports import free_port
from common.errors import FileStoreUnavailable
from common.files.directory import DirectoryStore
from common.files.objects import ObjectStore
from common.files.opening import open_store
from common.files.store import FileMissing, FileStore
from support.files import mode_of, stored, taken_away
from support.s3 import S3, s3_server

pytestmark = pytest.mark.xdist_group("s3")  # one server for all of them
PATH = "space/queue/ab/abcd-1"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server() as server:
        yield server


def bucket(s3: S3, name: str = "payloads", *, port: int | None = None) -> ObjectStore:
    return ObjectStore(
        S3Store(
            name,
            prefix="jobs",
            endpoint=f"http://127.0.0.1:{port or s3.port}",
            region="us-east-1",
            access_key_id="test",
            secret_access_key="test",
            client_options={"allow_http": True, "timeout": "5s"},
            retry_config={"max_retries": 3},
        )
    )


@pytest.fixture(params=["directory", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, s3: S3) -> FileStore:
    if request.param == "directory":
        return DirectoryStore(tmp_path)
    if request.param == "memory":
        return ObjectStore(MemoryStore())
    name = f"b{os.urandom(4).hex()}"
    assert s3.make_bucket(name)
    return bucket(s3, name)


def test_a_file_comes_back_as_it_was_written(store: FileStore) -> None:
    store.write(PATH, b"one")
    assert store.has(PATH)
    assert store.read(PATH, 3) == b"one"
    store.write(PATH, bytes(range(256)) * 10_000)
    assert store.read(PATH, 2_560_000) == bytes(range(256)) * 10_000


def test_a_file_that_is_not_there_is_told_from_a_store_that_is_not(store: FileStore) -> None:
    store.write("space/queue/cd/cdef-1", b"another")
    assert not store.has(PATH)
    with pytest.raises(FileMissing):
        store.read(PATH, 10)


def test_no_more_is_read_than_was_asked_for(store: FileStore) -> None:
    store.write(PATH, b"too long")
    with pytest.raises(ValueError, match="too large"):
        store.read(PATH, 7)


def test_files_are_removed_and_twice_is_once(store: FileStore) -> None:
    store.write(PATH, b"one")
    for _ in range(2):
        store.remove([PATH, "space/queue/cd/cdef-1"])
    assert not store.has(PATH)


def test_all_files_of_a_queue_are_listed_and_no_others(store: FileStore) -> None:
    many = 520 if isinstance(store, DirectoryStore) else 30
    wanted = {f"space/queue/{number % 7:02}/{number:04}-1" for number in range(many)}
    for path in sorted(wanted):
        store.write(path, b"x")
    store.write("space/queue2/00/0000-1", b"x")
    pages = list(store.paths("space/queue"))
    assert len(pages) == (2 if many > 500 else 1)
    assert {path for page in pages for path in page} == wanted
    assert list(store.paths("space/none")) in ([], [[]])


def test_writers_of_one_file_leave_it_whole(store: FileStore) -> None:
    contents = [bytes([number]) * 100_000 for number in range(4)]
    writers = [threading.Thread(target=store.write, args=(PATH, content)) for content in contents]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert store.read(PATH, 100_000) in contents


def test_a_directory_that_was_lost_is_no_missing_file(tmp_path: Path) -> None:
    root = tmp_path / "mounted"
    root.mkdir()
    store = DirectoryStore(root)
    store.write(PATH, b"one")
    with taken_away(root):
        for call in (
            lambda: store.read(PATH, 10),
            lambda: store.write(PATH, b"two"),
            lambda: store.remove([PATH]),
        ):
            with pytest.raises(FileStoreUnavailable) as told:
                call()
            assert str(root) not in str(told.value) + told.value.why
        root.mkdir()  # the mount point without what was mounted
        with pytest.raises(FileStoreUnavailable):
            store.read(PATH, 10)
        root.rmdir()
    assert store.read(PATH, 10) == b"one"


def test_what_was_not_finished_is_removed_once_it_is_old(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    store.write(PATH, b"one")
    [whole] = stored(tmp_path)
    assert mode_of(whole) == 0o600
    for name, age_s in ((".new.tmp", 0), (".old.tmp", 7_200)):
        unfinished = whole.with_name(name)
        unfinished.write_bytes(b"half")
        os.utime(unfinished, (unfinished.stat().st_mtime - age_s,) * 2)
    assert list(store.paths("space/queue")) == [[PATH]]
    assert [path.name for path in stored(tmp_path)] == [".new.tmp", whole.name]


def test_a_server_that_is_away_or_without_the_bucket_is_no_missing_file(s3: S3) -> None:
    for store in (bucket(s3, port=free_port()), bucket(s3, "nowhere")):
        with pytest.raises(FileStoreUnavailable):
            store.read(PATH, 10)
        with pytest.raises(FileStoreUnavailable):
            store.write(PATH, b"one")


@pytest.mark.parametrize(
    "url", ["", "jobs", "/srv/jobs", "file://host/srv", "file:///", "file:jobs", "gopher://x/y"]
)
def test_what_is_no_url_of_a_store_is_refused_without_being_told(url: str) -> None:
    with pytest.raises(ValueError, match=r"^be a URL such as"):
        open_store(url, 1_000)


@pytest.mark.parametrize("url", ["file:///srv/jobs", "s3://bucket/prefix", "gs://b", "https://h/p"])
def test_urls_of_many_kinds_are_known(url: str) -> None:
    assert open_store(url, 1_000)
