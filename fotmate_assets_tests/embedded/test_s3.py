"""The S3 launcher, against the real server."""

import http.client
import json
import os
import signal
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from fotmate_assets.embedded.process import LOOPBACK, wait_until
from fotmate_assets.embedded.s3 import S3, TRACKING_BUCKET

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ACCESS_KEY, SECRET_KEY = "ACCESS0KEY", "the-secret-key"


@pytest.fixture(scope="module")
def only_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    folder = tmp_path_factory.mktemp("s3")
    server = S3(folder / "s3", folder / "s3.log", 0, ACCESS_KEY, SECRET_KEY)
    yield server
    server.stop()


@pytest.fixture
def server(only_server: S3) -> S3:
    """The one server of these tests, running, whatever the test before did to it."""
    only_server.start()
    return only_server


def client(server: S3, access_key: str = ACCESS_KEY, secret_key: str = SECRET_KEY) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=f"http://{LOOPBACK}:{server.port}",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 1}),
    )


def put(server: S3, count: int, prefix: str) -> None:
    s3 = client(server)
    for n in range(count):
        s3.put_object(Bucket=TRACKING_BUCKET, Key=f"{prefix}/{n}", Body=f"{prefix} {n}".encode() * 1000)


def assert_kept(server: S3, count: int, prefix: str) -> None:
    s3 = client(server)
    for n in range(count):
        body = s3.get_object(Bucket=TRACKING_BUCKET, Key=f"{prefix}/{n}")["Body"].read()
        assert body == f"{prefix} {n}".encode() * 1000


def test_the_tracking_bucket_takes_an_object_as_soon_as_start_returns(server: S3) -> None:
    put(server, 1, "first")
    assert_kept(server, 1, "first")


def test_kill_9_loses_no_object_and_start_returns_when_all_can_be_read(server: S3) -> None:
    put(server, 50, "k")
    old = server.port
    for _ in range(3):
        pid = server.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: server.pid() is None, 10)
        assert server.start()
        assert server.port == old
        assert_kept(server, 50, "k")


def test_a_taken_port_moves_the_server_and_keeps_its_objects(server: S3) -> None:
    put(server, 5, "before")
    assert server.stop()
    assert not server.stop()
    old = server.port
    with socket.create_server((LOOPBACK, old + 4)):  # one of the ten, not the S3 port itself
        assert server.start()
    assert server.port != old
    put(server, 5, "after")
    assert_kept(server, 5, "before")
    assert_kept(server, 5, "after")


def test_a_second_start_attaches(server: S3) -> None:
    other = S3(server.data, server.data.with_name("s3.log"), 0, ACCESS_KEY, SECRET_KEY)
    assert not other.start()
    assert (other.pid(), other.port) == (server.pid(), server.port)


@pytest.mark.parametrize(("access_key", "secret_key"), [(ACCESS_KEY, "wrong"), ("WRONG", SECRET_KEY)])
def test_a_wrong_key_is_refused(server: S3, access_key: str, secret_key: str) -> None:
    stranger = client(server, access_key, secret_key)
    for call in (
        stranger.list_buckets,
        lambda: stranger.put_object(Bucket=TRACKING_BUCKET, Key="x", Body=b"x"),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_unsigned_request_is_refused(server: S3, method: str) -> None:
    connection = http.client.HTTPConnection(LOOPBACK, server.port, timeout=10)
    connection.request(method, f"/{TRACKING_BUCKET}/x", body=b"x" if method == "PUT" else None)
    assert connection.getresponse().status == 403
    connection.close()


def test_it_listens_on_loopback_only(server: S3) -> None:
    connections = psutil.Process(server.pid()).net_connections("inet")
    listening = [c.laddr for c in connections if c.status == psutil.CONN_LISTEN]
    assert len(listening) >= 9  # the admin comes last, after start has returned
    assert {address.ip for address in listening} == {LOOPBACK}


def test_it_calls_nobody_outside_this_machine(server: S3) -> None:
    remote = [c.raddr.ip for c in psutil.Process(server.pid()).net_connections("inet") if c.raddr]
    assert set(remote) <= {LOOPBACK}
    assert "-master.telemetry=false" in psutil.Process(server.pid()).cmdline()


def test_every_put_is_synced_to_disk(server: S3) -> None:
    connection = http.client.HTTPConnection(LOOPBACK, server.port + 6, timeout=10)
    connection.request("GET", "/etc/seaweedfs/filer.conf")
    locations = json.loads(connection.getresponse().read())["locations"]
    connection.close()
    assert [(place["locationPrefix"], place["fsync"]) for place in locations] == [("/buckets/", True)]


def test_the_key_is_on_no_command_line_and_in_no_log(server: S3) -> None:
    assert SECRET_KEY not in " ".join(psutil.Process(server.pid()).cmdline())
    assert SECRET_KEY not in server.data.with_name("s3.log").read_text()


def test_multipart_ranges_and_conditional_puts_work(server: S3) -> None:
    s3 = client(server)
    upload = s3.create_multipart_upload(Bucket=TRACKING_BUCKET, Key="big")["UploadId"]
    parts = [b"a" * 5 * 2**20, b"b" * 10]
    etags = [
        s3.upload_part(Bucket=TRACKING_BUCKET, Key="big", UploadId=upload, PartNumber=n, Body=part)["ETag"]
        for n, part in enumerate(parts, 1)
    ]
    s3.complete_multipart_upload(
        Bucket=TRACKING_BUCKET,
        Key="big",
        UploadId=upload,
        MultipartUpload={"Parts": [{"ETag": etag, "PartNumber": n} for n, etag in enumerate(etags, 1)]},
    )
    tail = s3.get_object(Bucket=TRACKING_BUCKET, Key="big", Range="bytes=-12")["Body"].read()
    assert tail == b"aa" + b"b" * 10
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=TRACKING_BUCKET, Key="big", Body=b"x", IfNoneMatch="*")
