"""Object stores: a folder and a real S3 server behave the same."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import polars as pl
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from fotmate_assets.core.object_store import (
    LocalStore,
    ObjectMissingError,
    ObjectStore,
    S3Store,
    checked_key,
    is_storage_trouble,
    open_store,
)
from fotmate_assets.embedded.stack import Stack


@pytest.fixture(params=["folder", "folder with a blank", "bucket", "bucket below a prefix"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    if request.param == "bucket":
        bucket: S3Store = request.getfixturevalue("bucket")
        return bucket
    if request.param == "bucket below a prefix":
        bucket = request.getfixturevalue("bucket")
        return open_store(f"{bucket.url}/raw/zone/", bucket.endpoint_url)
    name = "blobs" if request.param == "folder" else "my blobs"
    return open_store((request.getfixturevalue("tmp_path") / name).as_uri())


def test_what_was_put_is_got_and_a_second_put_replaces_it(store: ObjectStore) -> None:
    store.put("a/b.bin", b"\x00first")
    assert store.get("a/b.bin") == b"\x00first"
    store.put("a/b.bin", b"")
    assert store.get("a/b.bin") == b""
    assert list(store.keys()) == ["a/b.bin"]


def test_a_file_is_uploaded_whole(store: ObjectStore, tmp_path: Path) -> None:
    content = os.urandom(9_000_000)  # more than boto3 sends in one part
    (tmp_path / "part").write_bytes(content)
    store.put("old", b"old")
    for key in ("tracking/1/part.parquet", "old"):
        store.put_file(key, tmp_path / "part")
        assert store.get(key) == content


def test_an_object_is_downloaded_whole_or_not_at_all(store: ObjectStore, tmp_path: Path) -> None:
    content = os.urandom(9_000_000)
    store.put("videos/m.mp4", content)
    target = tmp_path / "work" / "m.mp4"
    store.get_file("videos/m.mp4", target)
    assert target.read_bytes() == content
    with pytest.raises(ObjectMissingError, match="gone"):
        store.get_file("videos/gone.mp4", tmp_path / "work" / "gone.mp4")
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["m.mp4"]


def test_a_listing_tells_sizes_and_a_version_that_changes_with_the_bytes(store: ObjectStore) -> None:
    for key, content in (("videos/a.mp4", b"123"), ("videos/b.mp4", b""), ("tracking/c", b"x")):
        store.put(key, content)
    before = {found.key: found for found in store.listing("videos/")}
    assert {key: found.size_bytes for key, found in before.items()} == {"videos/a.mp4": 3, "videos/b.mp4": 0}
    assert list(store.listing("videos/")) == [before["videos/a.mp4"], before["videos/b.mp4"]]
    store.put("videos/a.mp4", b"124")
    after = {found.key: found.version for found in store.listing("videos/")}
    assert after["videos/a.mp4"] != before["videos/a.mp4"].version
    assert after["videos/b.mp4"] == before["videos/b.mp4"].version


def test_a_missing_object_is_named_by_its_url(store: ObjectStore) -> None:
    store.put("a/b/c", b"")
    for key in ("a/missing", "a", "a/b/c/d"):
        assert not store.exists(key)
        with pytest.raises(ObjectMissingError) as caught:
            store.get(key)
        assert str(caught.value) == store.url_of(key) == f"{store.url}/{key}"
        assert isinstance(caught.value, FileNotFoundError)


def test_exists_and_delete(store: ObjectStore) -> None:
    store.put("a/b", b"x")
    assert store.exists("a/b")
    for key in ("a/b", "a/b", "never/there", "a"):
        store.delete(key)
    assert not store.exists("a/b")
    assert list(store.keys()) == []


def test_keys_are_sorted_and_start_with_the_prefix(store: ObjectStore) -> None:
    names = ["Z", "a-b", "a.b", "a/b", "a/c/d", "ab", "events/season_key=x_1/part 1.parquet", "events/é.json"]
    for name in reversed(names):
        store.put(name, b"x")
    assert list(store.keys()) == names
    assert list(store.keys("a")) == ["a-b", "a.b", "a/b", "a/c/d", "ab"]
    assert list(store.keys("a/")) == ["a/b", "a/c/d"]
    assert list(store.keys("nothing")) == []
    assert store.get("events/é.json") == b"x"


def test_an_empty_store_has_no_keys(store: ObjectStore) -> None:
    assert list(store.keys()) == []


def test_a_key_that_is_no_plain_path_is_refused_by_every_operation(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"kept")
    operations: list[Callable[[str], object]] = [
        lambda key: store.put(key, b"escaped"),
        lambda key: store.put_file(key, tmp_path / "x"),
        store.get,
        lambda key: store.get_file(key, tmp_path / "y"),
        store.exists,
        store.delete,
        store.url_of,
        checked_key,
    ]
    for key in ("", "/x", "../x", "a/../x", "a/..", "./x", "a//x", "a/", "a\\x", "..\\x", "a\0x"):
        for operation in operations:
            with pytest.raises(ValueError, match="is not a plain relative object key"):
                operation(key)
    assert (tmp_path / "x").read_bytes() == b"kept"
    assert list(store.keys()) == []


def test_polars_reads_what_the_store_holds(store: ObjectStore, tmp_path: Path) -> None:
    pl.DataFrame({"n": [1, 2, 3]}).write_parquet(tmp_path / "frame")
    store.put_file("lake/k=1/part.parquet", tmp_path / "frame")
    url = store.url_of("lake/k=1/part.parquet")
    assert pl.scan_parquet(url, storage_options=store.polars_options, glob=False).collect()["n"].sum() == 6


def test_many_threads_put_and_get(store: ObjectStore) -> None:
    wrong: list[str] = []

    def work(number: int) -> None:
        for round_ in range(5):
            store.put(f"{number}/{round_}", b"%d" % number)
            store.put("shared/one", b"same" * 1000)
            if store.get(f"{number}/{round_}") != b"%d" % number or store.get("shared/one") != b"same" * 1000:
                wrong.append(f"{number}/{round_}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(list(store.keys())) == 41


# --- where a store is


@pytest.mark.parametrize(
    "url", ["", "/tmp/x", "http://host/x", "s3:///x", "file://host/x", "file:///", "file:x", "gs://b"]
)
def test_a_url_that_is_no_store_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is neither s3://bucket/prefix nor file:///folder"):
        open_store(url)


def test_two_prefixes_of_a_bucket_do_not_see_each_other(bucket: S3Store) -> None:
    one, two, longer = (S3Store(f"{bucket.url}/{name}", bucket.endpoint_url) for name in ("one", "two", "one-more"))
    one.put("k", b"1")
    longer.put("k", b"3")
    assert list(one.keys()) == ["k"]
    assert list(two.keys()) == []
    assert sorted(bucket.keys()) == ["one-more/k", "one/k"]
    assert one.url_of("k") == f"{bucket.url}/one/k"


# --- folders


def test_local_objects_are_readable_by_whom_the_umask_allows(tmp_path: Path) -> None:
    store = LocalStore(tmp_path.as_uri())
    before = os.umask(0o027)
    try:
        store.put("a", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_local_write_that_fails_leaves_the_old_object_and_no_litter(tmp_path: Path) -> None:
    store = LocalStore(tmp_path.as_uri())
    store.put("a", b"old")
    with pytest.raises(TypeError):
        store.put("a", "text")  # type: ignore[arg-type]
    assert store.get("a") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_killed_writer_leaves_the_old_object_whole_and_nothing_to_list(tmp_path: Path) -> None:
    store = LocalStore(tmp_path.as_uri())
    old = b"o" * 20_000_000
    store.put("a", old)
    code = (
        "import sys; from fotmate_assets.core.object_store import LocalStore\n"
        f"store = LocalStore({store.url!r}); new = b'n' * 20_000_000; print('ready', flush=True)\n"
        "while True: store.put('a', new); store.put('a', b'o' * 20_000_000)"
    )
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"ready\n"
    seen = set()
    watched, deadline = time.monotonic() + 0.5, time.monotonic() + 10
    while time.monotonic() < watched or (not list(tmp_path.glob(".part-*")) and time.monotonic() < deadline):
        seen.add(store.get("a")[::1_000_000])
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    assert list(tmp_path.glob(".part-*")), "the writer was to be killed in the middle"
    seen.add(store.get("a")[::1_000_000])
    assert seen <= {b"o" * 20, b"n" * 20}
    assert len(store.get("a")) == 20_000_000
    assert list(store.keys()) == ["a"]


# --- S3


def test_a_bucket_is_created_once(stack: Stack) -> None:
    store = S3Store(f"s3://test-{uuid.uuid4().hex}/prefix", stack.environment()["FOTMATE_S3_ENDPOINT_URL"])
    assert store.ensure_bucket() is True
    assert store.ensure_bucket() is False
    store.put("a", b"x")
    assert store.ensure_bucket() is False
    assert store.get("a") == b"x"


def test_two_starts_at_once_may_both_ensure_the_bucket(stack: Stack) -> None:
    url = f"s3://test-{uuid.uuid4().hex}"
    stores = [S3Store(url, stack.environment()["FOTMATE_S3_ENDPOINT_URL"]) for _ in range(4)]
    for store in stores:
        assert store.client
    barrier, made, errors = threading.Barrier(4), list[bool](), list[Exception]()

    def ensure(store: S3Store) -> None:
        barrier.wait()
        try:
            made.append(store.ensure_bucket())
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=ensure, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert True in made


def test_the_region_comes_from_the_environment(bucket: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_REGION", "ap-northeast-2")
    store = S3Store(f"s3://test-{uuid.uuid4().hex}", bucket.endpoint_url)
    assert store.client.meta.region_name == "ap-northeast-2"
    assert store.polars_options["aws_region"] == "ap-northeast-2"
    assert store.ensure_bucket() is True
    store.put("a", b"x")
    assert store.get("a") == b"x"


def test_refused_keys_are_no_missing_object_and_no_passing_trouble(
    bucket: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    stranger = S3Store(bucket.url, bucket.endpoint_url)
    for operation in (lambda: stranger.get("a"), lambda: stranger.exists("a"), stranger.ensure_bucket):
        with pytest.raises(ClientError) as caught:
            operation()
        assert not is_storage_trouble(caught.value)


def test_a_bucket_that_is_away_is_passing_trouble(bucket: S3Store, tmp_path: Path) -> None:
    away = S3Store(bucket.url, "http://127.0.0.1:9")
    once = Config(retries={"total_max_attempts": 1})
    away.__dict__["client"] = boto3.client("s3", endpoint_url=away.endpoint_url, region_name="us-east-1", config=once)
    (tmp_path / "x").write_bytes(b"x")
    for operation in (lambda: away.get("a"), lambda: away.put_file("a", tmp_path / "x")):
        with pytest.raises(EndpointConnectionError) as caught:
            operation()
        assert is_storage_trouble(caught.value)


def test_an_upload_that_the_server_fails_is_passing_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fotmate_assets.embedded.upstream import Upstream

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    (tmp_path / "x").write_bytes(b"x")
    with Upstream(tmp_path) as refusing:  # answers 405 to PUT and 404 to GET
        store = S3Store("s3://bucket", refusing.url)
        with pytest.raises(ClientError) as caught:
            store.put_file("a", tmp_path / "x")
    assert not is_storage_trouble(caught.value)
    assert is_storage_trouble(ClientError({"ResponseMetadata": {"HTTPStatusCode": 503}}, "PutObject"))  # type: ignore[typeddict-item]


class CutsOff(BaseHTTPRequestHandler):
    """Promises an object and breaks the connection in the middle of it."""

    def do_HEAD(self) -> None:
        self._promise()

    def do_GET(self) -> None:
        self._promise()
        self.wfile.write(b"x" * 10)

    def _promise(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.send_header("ETag", '"e"')
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


def test_a_download_that_always_breaks_off_is_passing_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with ThreadingHTTPServer(("127.0.0.1", 0), CutsOff) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        store = S3Store("s3://bucket", f"http://127.0.0.1:{server.server_port}", 1)
        with pytest.raises(Exception, match=r".") as caught:
            store.get_file("videos/m.mp4", tmp_path / "m.mp4")
        server.shutdown()
    assert is_storage_trouble(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_missing_keys_for_s3_are_said_at_once_and_are_no_passing_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    store = S3Store("s3://bucket", "http://127.0.0.1:9")
    for operation in (lambda: store.get("a"), lambda: store.polars_options):
        with pytest.raises(NoCredentialsError) as caught:
            operation()
        assert not is_storage_trouble(caught.value)
