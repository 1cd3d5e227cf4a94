"""The season that is loaded: a StatsBomb open-data folder, its raw zone, and the rows that come of it."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from _common import Database
from sqlalchemy import make_url

from fotmate_assets.core.documents import FolderSource
from fotmate_assets.core.ledger import Ledger
from fotmate_assets.core.model import RawDocument
from fotmate_assets.core.object_store import LocalStore
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.football.ingest import SeasonLoad, fetch_season, load_season
from fotmate_assets.football.load import open_partition, put_season
from fotmate_assets.football.model import Season
from fotmate_assets.football.sources.statsbomb.parse import ListedMatch, parse_competitions, parse_match_list
from fotmate_assets.football.sources.statsbomb.provider import StatsBomb

SHARED_TABLES = ("teams", "players", "id_mappings")
MATCH_TABLES = ("matches", "lineups", "match_events", "match_player_stats")
Row = tuple[Any, ...]


@dataclass(frozen=True)
class SourceSeason:
    """One season of a StatsBomb open-data folder."""

    folder: Path
    key: str

    @cached_property
    def documents(self) -> FolderSource:
        """The folder as the provider reads it."""
        return FolderSource("statsbomb", self.folder)

    @cached_property
    def _listed(self) -> tuple[Season, dict[str, Any]]:
        for each in parse_competitions(self.document("competitions.json")):
            if each.season.key == self.key:
                return each.season, {"competition_id": each.competition_id, "season_id": each.season_id}
        raise SystemExit(f"{self.folder} has no season {self.key}")

    @property
    def ids(self) -> dict[str, Any]:
        """StatsBomb's ids of the season."""
        return self._listed[1]

    @property
    def matches_document(self) -> str:
        """Name of the document that lists the matches."""
        return f"matches/{self.ids['competition_id']}/{self.ids['season_id']}.json"

    @cached_property
    def matches(self) -> list[ListedMatch]:
        """The matches of the season."""
        return list(parse_match_list(self.document(self.matches_document)).values())

    def document(self, name: str) -> RawDocument:
        """A document of the folder."""
        document = self.documents.fetch(name)
        assert document is not None, "only a known revision can be unchanged"
        return document

    def register(self, database: Database) -> None:
        """Make the season known to the database, as the catalogue does before any load."""
        put_season(database.engine, self._listed[0], "statsbomb", self.ids)

    def fetch(self, database: Database, zone: RawZone) -> float:
        """Bring the raw zone up to date; seconds."""
        started = time.perf_counter()
        report = fetch_season(StatsBomb(self.documents), self.key, self.ids, zone, Ledger(database.engine))
        assert not report.failures, report.failures
        return time.perf_counter() - started

    def load(self, database: Database, zone: RawZone) -> tuple[float, SeasonLoad]:
        """Load the season from the raw zone with our loader; seconds, and what became of every match."""
        started = time.perf_counter()
        outcome = load_season(
            StatsBomb(self.documents), self.key, self.ids, zone, database.engine, Ledger(database.engine)
        )
        took = time.perf_counter() - started
        assert not outcome.failures, outcome.failures
        return took, outcome

    def repeated(self, times: int, folder: Path) -> SourceSeason:
        """The same season with every match `times` times, under other ids, as a folder of links."""
        listed = []
        for index, match in enumerate(self.matches):
            for copy in range(times):
                entry = msgspec.json.decode(match.slice)
                entry["match_id"] = copy * len(self.matches) + index + 1
                listed.append(entry)
                for kind in ("events", "lineups"):
                    original = self.folder / kind / f"{match.entry.match_id}.json"
                    if original.exists():
                        link = folder / kind / f"{entry['match_id']}.json"
                        link.parent.mkdir(parents=True, exist_ok=True)
                        link.symlink_to(original.resolve())
        for name, content in (
            ("competitions.json", self.document("competitions.json").content),
            (self.matches_document, msgspec.json.encode(listed)),
        ):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return SourceSeason(folder, self.key)


def local_zone(folder: Path) -> RawZone:
    """A raw zone in a local folder."""
    return RawZone(LocalStore(folder.resolve().as_uri()))


@dataclass(frozen=True)
class TableRows:
    """Rows of one table as the database gives them: jsonb as bytes of JSON."""

    name: str
    columns: tuple[str, ...]
    oids: tuple[int, ...]
    rows: list[Row]

    def of(self, rows: list[Row]) -> TableRows:
        """The same table with other rows."""
        return TableRows(self.name, self.columns, self.oids, rows)

    @cached_property
    def json_columns(self) -> frozenset[str]:
        """Names of the jsonb columns."""
        jsonb = psycopg.adapters.types["jsonb"].oid
        return frozenset(name for name, oid in zip(self.columns, self.oids, strict=True) if oid == jsonb)

    def as_dicts(self) -> list[dict[str, Any]]:
        """The rows as dicts, their JSON decoded."""
        return [
            {
                name: msgspec.json.decode(value) if name in self.json_columns and value is not None else value
                for name, value in zip(self.columns, row, strict=True)
            }
            for row in self.rows
        ]


@dataclass(frozen=True)
class SeasonRows:
    """The final rows of a season, in the order of the foreign keys."""

    shared: list[TableRows]
    matches: list[list[TableRows]]
    """Per match, its row, lineups, events and statistics."""

    @property
    def tables(self) -> list[TableRows]:
        """All rows, table by table."""
        return self.shared + [
            one.of([row for match in self.matches for row in match[place].rows])
            for place, one in enumerate(self.matches[0])
        ]

    @property
    def count(self) -> int:
        """Number of rows."""
        return sum(len(table.rows) for table in self.tables)

    @property
    def events(self) -> int:
        """Number of events."""
        return sum(len(match[MATCH_TABLES.index("match_events")].rows) for match in self.matches)

    def first(self, matches: int) -> SeasonRows:
        """The season with its first matches only."""
        return SeasonRows(self.shared, self.matches[:matches])


class _JsonBytes(psycopg.adapt.Loader):
    """Loads jsonb as the bytes of its text."""

    def load(self, data: Any) -> bytes:
        """See Loader."""
        return bytes(data)


def plain_url(url: str) -> str:
    """A SQLAlchemy URL as libpq takes it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def stored_rows(database: Database) -> SeasonRows:
    """What our loader wrote into `database`."""
    with psycopg.connect(plain_url(database.writer_url)) as connection:
        connection.adapters.register_loader("jsonb", _JsonBytes)

        def read(name: str) -> TableRows:
            cursor = connection.execute(f"select * from {name}".encode())
            columns = cursor.description or []
            names, oids = (column.name for column in columns), (column.type_code for column in columns)
            return TableRows(name, tuple(names), tuple(oids), cursor.fetchall())

        shared = [read(name) for name in SHARED_TABLES]
        by_match: list[dict[str, list[Row]]] = []
        tables = [read(name) for name in MATCH_TABLES]
    for table in tables:
        key = table.columns.index("match_id")
        grouped: dict[str, list[Row]] = defaultdict(list)
        for row in table.rows:
            grouped[row[key]].append(row)
        by_match.append(grouped)
    return SeasonRows(
        shared,
        [
            [table.of(rows.get(match, [])) for table, rows in zip(tables, by_match, strict=True)]
            for match in by_match[0]
        ],
    )


def prepare(season: SourceSeason, database: Database) -> None:
    """What every writer finds: the season is known and its partition is open."""
    season.register(database)
    open_partition(database.engine, season.key)
