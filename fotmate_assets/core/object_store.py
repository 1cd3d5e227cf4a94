"""Objects under a URL: an S3 bucket or a local folder behind one small interface.

A writer never leaves half an object: S3 shows an object once its upload is complete, and local files
are written beside their name, synced, and renamed.
"""

from __future__ import annotations

import io
import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, cached_property
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol
from urllib.parse import quote, unquote, urlsplit

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client

_NOT_A_FILE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class ObjectMissingError(FileNotFoundError):
    """The object that was asked for is not there; the message is its URL."""


@dataclass(frozen=True)
class StoredObject:
    """An object as a listing shows it."""

    key: str
    version: str
    """Another one when other bytes are written: S3's ETag, a file's size and time."""
    size_bytes: int


class ObjectStore(Protocol):
    """Objects by key, below one URL.

    Keys are plain relative paths with `/`: ValueError for one with `..`, an empty part, a backslash or a NUL.
    """

    @property
    def url(self) -> str:
        """Where the store is."""

    def put(self, key: str, content: bytes) -> None:
        """Write an object whole, replacing any of that key."""

    def put_file(self, key: str, path: Path) -> None:
        """Upload a local file as an object, replacing any of that key."""

    def get(self, key: str) -> bytes:
        """The object's bytes. Raises ObjectMissingError naming its URL."""

    def get_file(self, key: str, path: Path) -> None:
        """Download an object into a local file, which appears when it is whole. Raises ObjectMissingError."""

    def exists(self, key: str) -> bool:
        """True when the object is there."""

    def delete(self, key: str) -> None:
        """Remove an object; no error where there is none."""

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Every key that starts with `prefix`, sorted."""

    def listing(self, prefix: str = "") -> Iterator[StoredObject]:
        """Every object whose key starts with `prefix`, in order of keys."""

    def url_of(self, key: str) -> str:
        """The full URL of an object."""

    @property
    def polars_options(self) -> dict[str, str]:
        """`storage_options` with which polars reads the URLs of this store."""


ATTEMPTS = 5


def open_store(url: str, endpoint_url: str | None = None, attempts: int = ATTEMPTS) -> ObjectStore:
    """The store at `s3://bucket/prefix` or `file:///folder`. Raises ValueError for another scheme.

    `attempts`: tries of one request to S3, with backoff.
    """
    parts = urlsplit(url)
    if parts.scheme == "s3" and parts.netloc:
        return S3Store(url.rstrip("/"), endpoint_url, attempts)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/") and parts.path.strip("/"):
        return LocalStore(url.rstrip("/"))
    raise ValueError(f"{url!r} is neither s3://bucket/prefix nor file:///folder")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to; it takes its name when the block has ended well and its bytes are on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f".part-{uuid.uuid4().hex}"
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def checked_key(key: str) -> str:
    """Return `key`, or raise ValueError when it could leave the store or is not a plain path."""
    if "\\" in key or "\0" in key or any(part in ("", ".", "..") for part in key.split("/")):
        raise ValueError(f"{key!r} is not a plain relative object key")
    return key


@dataclass(frozen=True)
class LocalStore:
    """Objects as files of a folder."""

    url: str

    @property
    def _root(self) -> Path:
        return Path(unquote(urlsplit(self.url).path))

    @property
    def polars_options(self) -> dict[str, str]:
        """None needed."""
        return {}

    def put(self, key: str, content: bytes) -> None:
        """See ObjectStore."""
        self._write(key, io.BytesIO(content))

    def put_file(self, key: str, path: Path) -> None:
        """See ObjectStore."""
        with path.open("rb") as content:
            self._write(key, content)

    def _write(self, key: str, content: BinaryIO) -> None:
        with written_whole(self._root / checked_key(key)) as part, part.open("xb") as file:
            shutil.copyfileobj(content, file)

    def get(self, key: str) -> bytes:
        """See ObjectStore."""
        try:
            return (self._root / checked_key(key)).read_bytes()
        except _NOT_A_FILE:
            raise ObjectMissingError(self.url_of(key)) from None

    def get_file(self, key: str, path: Path) -> None:
        """See ObjectStore."""
        with written_whole(path) as part:
            try:
                shutil.copyfile(self._root / checked_key(key), part)
            except _NOT_A_FILE:
                raise ObjectMissingError(self.url_of(key)) from None

    def exists(self, key: str) -> bool:
        """See ObjectStore."""
        return (self._root / checked_key(key)).is_file()

    def delete(self, key: str) -> None:
        """See ObjectStore."""
        with suppress(*_NOT_A_FILE):
            (self._root / checked_key(key)).unlink()

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See ObjectStore."""
        found = (
            path.relative_to(self._root).as_posix()
            for path in self._root.rglob("*")
            if path.is_file() and not path.name.startswith(".part-")
        )
        yield from sorted(key for key in found if key.startswith(prefix))

    def listing(self, prefix: str = "") -> Iterator[StoredObject]:
        """See ObjectStore."""
        for key in self.keys(prefix):
            with suppress(*_NOT_A_FILE):  # deleted meanwhile
                found = (self._root / key).stat()
                yield StoredObject(key, f"{found.st_size}-{found.st_mtime_ns}", found.st_size)

    def url_of(self, key: str) -> str:
        """See ObjectStore."""
        return f"{self.url}/{quote(checked_key(key), safe='/=')}"


@dataclass(frozen=True)
class S3Store:
    """Objects of an S3 bucket below a prefix. Keys and region come from the AWS_* environment."""

    url: str
    endpoint_url: str | None = None
    attempts: int = ATTEMPTS

    @property
    def bucket(self) -> str:
        """Name of the bucket."""
        return urlsplit(self.url).netloc

    @cached_property
    def client(self) -> S3Client:
        """A boto3 client: several tries with backoff, bounded waits. Safe for threads."""
        from botocore.config import Config

        config = Config(
            retries={"mode": "standard", "max_attempts": self.attempts},
            connect_timeout=5,
            read_timeout=30,
            max_pool_connections=16,
            s3={"addressing_style": "path"} if self.endpoint_url else {},
        )
        with _making_a_client:
            return _session().client("s3", endpoint_url=self.endpoint_url, config=config)

    @property
    def polars_options(self) -> dict[str, str]:
        """Endpoint, keys and region, from where boto3 has them. Raises NoCredentialsError where it has none."""
        from botocore.exceptions import NoCredentialsError

        found = _session().get_credentials()
        if found is None:
            raise NoCredentialsError
        credentials = found.get_frozen_credentials()
        options = {
            "aws_access_key_id": str(credentials.access_key),
            "aws_secret_access_key": str(credentials.secret_key),
            "aws_region": self.client.meta.region_name,
        }
        if credentials.token:
            options["aws_session_token"] = credentials.token
        if self.endpoint_url:
            options["aws_endpoint_url"] = self.endpoint_url
            options["aws_allow_http"] = str(self.endpoint_url.startswith("http://")).lower()
        return options

    def ensure_bucket(self) -> bool:
        """Create the bucket where it is missing; True when it was made."""
        from botocore.exceptions import ClientError

        try:
            self.client.head_bucket(Bucket=self.bucket)
            return False
        except ClientError as error:
            if _status(error) != 404:
                raise
        region = self.client.meta.region_name
        elsewhere: Any = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            self.client.create_bucket(Bucket=self.bucket, **elsewhere)
        except self.client.exceptions.BucketAlreadyOwnedByYou:
            return False  # somebody was faster
        return True

    def put(self, key: str, content: bytes) -> None:
        """See ObjectStore."""
        self.client.put_object(Bucket=self.bucket, Key=self._key(key), Body=content)

    def put_file(self, key: str, path: Path) -> None:
        """See ObjectStore."""
        with path.open("rb") as file:
            self.client.upload_fileobj(file, self.bucket, self._key(key))

    def get(self, key: str) -> bytes:
        """See ObjectStore."""
        from botocore.exceptions import ClientError

        try:
            return self.client.get_object(Bucket=self.bucket, Key=self._key(key))["Body"].read()
        except ClientError as error:
            if _status(error) == 404:
                raise ObjectMissingError(self.url_of(key)) from None
            raise

    def get_file(self, key: str, path: Path) -> None:
        """See ObjectStore."""
        from botocore.exceptions import ClientError

        with written_whole(path) as part, part.open("wb") as file:
            try:
                self.client.download_fileobj(self.bucket, self._key(key), file)
            except ClientError as error:
                if _status(error) == 404:
                    raise ObjectMissingError(self.url_of(key)) from None
                raise

    def exists(self, key: str) -> bool:
        """See ObjectStore."""
        from botocore.exceptions import ClientError

        try:
            self.client.head_object(Bucket=self.bucket, Key=self._key(key))
        except ClientError as error:
            if _status(error) == 404:
                return False
            raise
        return True

    def delete(self, key: str) -> None:
        """See ObjectStore."""
        self.client.delete_object(Bucket=self.bucket, Key=self._key(key))

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See ObjectStore."""
        yield from (found.key for found in self.listing(prefix))

    def listing(self, prefix: str = "") -> Iterator[StoredObject]:
        """See ObjectStore."""
        base = self._base
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=base + prefix)
        found = (
            StoredObject(item["Key"].removeprefix(base), item["ETag"].strip('"'), item["Size"])
            for page in pages
            for item in page.get("Contents", ())
        )
        yield from sorted(found, key=attrgetter("key"))

    def url_of(self, key: str) -> str:
        """See ObjectStore."""
        return f"{self.url}/{checked_key(key)}"

    @property
    def _base(self) -> str:
        """What every key of this store starts with: empty, or the URL's path and a slash."""
        path = urlsplit(self.url).path.strip("/")
        return f"{path}/" if path else ""

    def _key(self, key: str) -> str:
        return self._base + checked_key(key)


_making_a_client = threading.Lock()
"""boto3's clients may be shared by threads, its sessions may not."""


def _session() -> Session:
    """The session of the present AWS_* environment."""
    return _session_of(tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_"))))


@cache
def _session_of(environment: tuple[tuple[str, str], ...]) -> Session:
    """One session per environment: each would read AWS's description of S3 anew, a quarter of a second."""
    from boto3.session import Session

    return Session(region_name=dict(environment).get("AWS_REGION") or None)  # boto3 reads AWS_DEFAULT_REGION only


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)


def is_storage_trouble(error: BaseException) -> bool:
    """True when the bucket could not be reached or failed on its side: the same call may succeed later."""
    from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, IncompleteReadError
    from s3transfer.exceptions import RetriesExceededError

    if isinstance(error, ClientError):
        return _status(error) >= 500
    return isinstance(error, ConnectionError | HTTPClientError | IncompleteReadError | RetriesExceededError)
