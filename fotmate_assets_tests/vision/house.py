"""The code location with a tracking bucket of its own, for tests of the vision wing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from dagster import DagsterInstance, Definitions, ExecuteInProcessResult, MetadataValue

from fotmate_assets import runtime
from fotmate_assets.core.io_managers import PostgresIOManager
from fotmate_assets.core.ledger import Ledger
from fotmate_assets.core.object_store import ObjectStore, S3Store
from fotmate_assets.core.resources import ObjectStorage, Postgres
from fotmate_assets.definitions import build_defs
from fotmate_assets.embedded.sample.clip import Clip
from fotmate_assets.vision import status
from fotmate_assets.vision.assets import METRICS, TRAJECTORIES
from fotmate_assets.vision.model import Analysis
from fotmate_assets.vision.produce import Desk
from fotmate_assets.vision.resources import VideoAnalysis
from fotmate_assets_tests.databases import Database


@dataclass
class House:
    """A database, a bucket, a folder to work in, and a Dagster instance."""

    instance: DagsterInstance
    database: Database
    store: S3Store
    folder: Path
    overrides: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def definitions(self) -> Definitions:
        postgres = Postgres(url=self.database.writer_url)
        return build_defs(
            **{
                "postgres": postgres,
                "postgres_io": PostgresIOManager(postgres=postgres),
                "tracking": ObjectStorage(url=self.store.url, endpoint_url=self.store.endpoint_url, attempts=3),
                "analysis": VideoAnalysis(folder=str(self.folder)),
                **self.overrides,
            }
        )

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.database.engine)

    def desk(self, store: ObjectStore | None = None, **how: Any) -> Desk:
        """What producing without Dagster needs."""
        return Desk(store or self.store, self.database.engine, self.ledger, self.folder, Analysis(**how))

    def upload(self, match_id: str, clip: Clip) -> None:
        self.store.put_file(f"videos/{match_id}.mp4", clip.video)
        self.store.put_file(f"videos/{match_id}.json", clip.sidecar)

    def run(self, match_id: str, **config: Any) -> ExecuteInProcessResult:
        """Materialize both assets of a match."""
        self.instance.add_dynamic_partitions("video", [match_id])
        return runtime.execute(
            self.definitions,
            self.instance,
            assets=[TRAJECTORIES, METRICS],
            partition_key=match_id,
            run_config={"ops": {"vision__trajectories": {"config": config}}} if config else {},
        )

    def row(self, match_id: str) -> status.TrackingFile | None:
        with self.database.engine.connect() as connection:
            return status.tracking_file(connection, match_id)

    def status(self, match_id: str) -> str:
        row = self.row(match_id)
        return "" if row is None else str(row.status)

    def owed(self) -> list[tuple[object, ...]]:
        """What the ledger says is owed."""
        return self.database.execute(
            "select job, partition_key, document, verdict from ingestion_failures where status <> 'resolved'"
        )


@contextmanager
def open_house(database: Database, store: S3Store, folder: Path, **overrides: Any) -> Iterator[House]:
    """A house whose work lies in `folder`."""
    with DagsterInstance.ephemeral() as instance:
        yield House(instance, database, store, folder, overrides)


def metadata_of(result: ExecuteInProcessResult, name: str) -> dict[str, MetadataValue[Any]]:
    """What a run told of an asset of the wing."""
    (event,) = [
        event
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None and event.asset_key.path == ["vision", name]
    ]
    return dict(event.materialization.metadata)
