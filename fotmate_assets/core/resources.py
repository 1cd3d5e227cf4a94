"""The Dagster resources that carry the core: Postgres and object storage."""

from functools import cached_property

from dagster import ConfigurableResource, InitResourceContext
from sqlalchemy import Engine

from fotmate_assets.core.ledger import Ledger
from fotmate_assets.core.object_store import ATTEMPTS, ObjectStore, open_store
from fotmate_assets.core.postgres import make_engine
from fotmate_assets.core.raw_zone import RawZone


class Postgres(ConfigurableResource["Postgres"]):
    """The database, as the role that writes data."""

    url: str
    """`postgresql+psycopg://user:password@host:port/database`; give it as an EnvVar, so that no page shows it."""
    pool_size: int = 5
    max_retries: int = 5
    """Retries after which something owed is exhausted."""

    @cached_property
    def engine(self) -> Engine:
        """A pooled engine, made once per process."""
        return make_engine(self.url, pool_size=self.pool_size)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger of this database."""
        return Ledger(self.engine, self.max_retries)

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        """Close the pool: a code server makes a resource for every tick of a schedule or sensor."""
        engine: Engine | None = self.__dict__.get("engine")
        if engine is not None:
            engine.dispose()


class ObjectStorage(ConfigurableResource["ObjectStorage"]):
    """One place for objects. Keys and region come from the AWS_* environment."""

    url: str
    """`s3://bucket/prefix` or `file:///folder`."""
    endpoint_url: str | None = None
    """S3 endpoint for anything but AWS."""
    attempts: int = ATTEMPTS
    """Tries of one request to S3, with backoff."""

    @cached_property
    def store(self) -> ObjectStore:
        """The object store at `url`."""
        return open_store(self.url, self.endpoint_url, self.attempts)

    @cached_property
    def raw_zone(self) -> RawZone:
        """The store as a raw zone."""
        return RawZone(self.store)

    def holds(self, url: str) -> bool:
        """True when the object with that full URL is here."""
        return url.startswith(f"{self.store.url}/") and self.store.exists(url.removeprefix(f"{self.store.url}/"))
