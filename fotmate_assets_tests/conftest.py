"""Fixtures every test may use: the real servers, a migrated database of one's own, buckets, real files."""

import os
import random
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from sqlalchemy import create_engine, text

from fotmate_assets.core import migrations
from fotmate_assets.core.ledger import Ledger
from fotmate_assets.core.object_store import LocalStore, S3Store
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.embedded import stack as stacks
from fotmate_assets.embedded.stack import Stack
from fotmate_assets_tests.databases import Database, fresh_database, superuser_url

ROOT = Path(__file__).parent.parent
TEMPLATE = "fotmate_template"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real provider files; the test is skipped where it is absent."""
    folder = (ROOT / os.environ.get("FOTMATE_REAL_DATA", "../shared/data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real provider files at {folder} (set FOTMATE_REAL_DATA)")
    return folder


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A real Postgres and a real S3 server, up for the session; tests that kill servers bring their own."""
    home = tmp_path_factory.mktemp("stack") / ".fotmate"
    running = stacks.up(home)
    environment = {name: value for name, value in running.environment().items() if name.startswith("AWS_")}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield running
    stacks.down(home)


@pytest.fixture(scope="session")
def _template(stack: Stack) -> str:
    owner = create_engine(stack.environment()["FOTMATE_DATABASE_OWNER_URL"])
    migrations.upgrade(owner)
    owner.dispose()
    admin = create_engine(superuser_url(stack), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {TEMPLATE} template fotmate owner fotmate_owner"))
    admin.dispose()
    return TEMPLATE


@pytest.fixture
def database(stack: Stack, _template: str) -> Iterator[Database]:
    """A fresh, migrated database with the production roles; dropped after the test."""
    with fresh_database(stack, _template) as made:
        yield made


@pytest.fixture
def ledger(database: Database) -> Ledger:
    """The ledger of the test's database."""
    return Ledger(database.engine)


@pytest.fixture
def bucket(stack: Stack) -> Iterator[S3Store]:
    """A fresh bucket on the real S3 server; deleted after the test, for the server has room for some hundred only."""
    endpoint = stack.environment()["FOTMATE_S3_ENDPOINT_URL"]
    store = S3Store(f"s3://test-{uuid.uuid4().hex}", endpoint)
    store.ensure_bucket()
    yield store
    made = boto3.resource("s3", endpoint_url=endpoint).Bucket(store.bucket)
    made.objects.all().delete()
    made.delete()


@pytest.fixture
def rng() -> random.Random:
    """A generator whose seed a failing test shows."""
    seed = int(os.environ.get("FOTMATE_CRASH_SEED", random.SystemRandom().randrange(10**6)))
    print(f"FOTMATE_CRASH_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def zone(tmp_path: Path) -> RawZone:
    """A raw zone in a local folder, where the test is not about S3."""
    return RawZone(LocalStore((tmp_path / "raw").as_uri()))
