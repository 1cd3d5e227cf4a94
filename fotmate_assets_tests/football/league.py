"""A small simulated StatsBomb season on disk, the calls that fetch and load it, and looks at what is stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from fotmate_assets.core.documents import FolderSource
from fotmate_assets.core.ledger import Ledger
from fotmate_assets.core.object_store import LocalStore
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.core.sync import SyncReport
from fotmate_assets.embedded.sample.statsbomb import (
    Incident,
    SampleMatch,
    competition_row,
    sample_team,
    simulate_match,
    write_season,
)
from fotmate_assets.football.ingest import SeasonLoad, fetch_catalogue, fetch_season, load_season
from fotmate_assets.football.load import put_season
from fotmate_assets.football.sources.openfootball.provider import Openfootball
from fotmate_assets.football.sources.provider import PlannedMatch, Provider
from fotmate_assets.football.sources.statsbomb.provider import StatsBomb
from fotmate_assets_tests.databases import Database

KEY = "premier-league_2025-2026"
FIRST_MATCH = 9_001_001
NAMES = ("Ærøhavn Simulerede", "Borgø Sample Rovers", "Città Finta", "Dvořín Modelový")
TEAMS = {9101 + i: sample_team(9101 + i, name) for i, name in enumerate(NAMES)}
COMPETITION = competition_row(name="Premier League")
"""The name alone: it makes match ids without the competition's slug."""
MATCHES = f"matches/{COMPETITION['competition_id']}/{COMPETITION['season_id']}.json"

SCALE = 0.07
INCIDENTS = (
    (Incident.RED_CARD, Incident.PENALTY_SCORED),
    (Incident.OWN_GOAL, Incident.SECOND_YELLOW),
    (Incident.PERMANENT_OFF, Incident.LONG_FIRST_HALF),
    (Incident.OWN_GOAL_NAMED, Incident.INJURY_SUBSTITUTION),
)

TABLES = (
    "competitions",
    "seasons",
    "teams",
    "players",
    "matches",
    "lineups",
    "match_events",
    "match_player_stats",
    "id_mappings",
    "id_review",
)
CLOCKS = ("created_at", "loaded_at", "review_id")


def simulated_matches(count: int = 4, *, first_match: int = FIRST_MATCH, seed: int = 2026) -> list[SampleMatch]:
    """The first `count` matches (12 at most) of a double round robin of four teams, two a match day."""
    days = [((0, 1), (2, 3)), ((1, 2), (3, 0)), ((0, 2), (1, 3))]
    days += [tuple((away, home) for home, away in day) for day in days]  # type: ignore[misc]
    ids = list(TEAMS)
    pairs = [(week, ids[home], ids[away]) for week, day in enumerate(days, start=1) for home, away in day]
    return [
        simulate_match(
            first_match + i,
            TEAMS[home],
            TEAMS[away],
            seed=seed,
            minutes_scale=SCALE,
            incidents=INCIDENTS[i % len(INCIDENTS)],
            match_date=f"2025-{8 + week // 4:02d}-{10 + i:02d}",
            match_week=week,
        )
        for i, (week, home, away) in enumerate(pairs[:count])
    ]


@dataclass
class League:
    """One season: its folder in the open-data layout, the raw zone and the database it goes to."""

    folder: Path
    zone: RawZone
    database: Database
    key: str = KEY
    provider: Provider = None  # type: ignore[assignment]
    """StatsBomb's, of the folder, unless told otherwise."""
    ids: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.provider = self.provider or StatsBomb(FolderSource("statsbomb", self.folder))
        self.catalogue()

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.database.engine)

    def catalogue(self) -> SyncReport:
        """Look for seasons and register them; `ids` become those of this one."""
        seasons, report = fetch_catalogue(self.provider, self.zone, self.ledger)
        for each in seasons:
            put_season(self.database.engine, each.season, self.provider.name, each.ids)
        self.ids = next((each.ids for each in seasons if each.season.key == self.key), {})
        return report

    def fetch(self, match_id: str | None = None) -> SyncReport:
        return fetch_season(self.provider, self.key, self.ids, self.zone, self.ledger, match_id=match_id)

    def load(self, match_id: str | None = None) -> SeasonLoad:
        engine, zone = self.database.engine, self.zone
        return load_season(self.provider, self.key, self.ids, zone, engine, self.ledger, match_id=match_id)

    def refresh(self) -> SeasonLoad:
        """Fetch, then load."""
        self.fetch()
        return self.load()

    def plan(self) -> list[PlannedMatch]:
        """The matches of the raw zone."""
        manifest = self.zone.manifest(self.provider.name, self.key)
        return self.provider.plan(self.key, self.ids, self.zone, manifest).matches

    def document(self, name: str) -> Any:
        """A document of the folder, parsed."""
        return json.loads((self.folder / name).read_bytes())

    def rewrite(self, name: str, change: Callable[[Any], Any]) -> bytes:
        """Replace a document by what `change` returns for it (None: it was changed in place); the new bytes."""
        document = self.document(name)
        changed = change(document)
        content = json.dumps(
            document if changed is None else changed, ensure_ascii=False, separators=(",", ":")
        ).encode()
        (self.folder / name).write_bytes(content)
        return content

    def scalar(self, statement: str, **parameters: object) -> Any:
        """The first value of the first row."""
        return self.database.execute(statement, **parameters)[0][0]


def make_league(folder: Path, zone: RawZone, database: Database, matches: Sequence[SampleMatch]) -> League:
    """Write `matches` as the season and register it."""
    write_season(folder, COMPETITION, matches)
    return League(folder, zone, database)


def local_zone(folder: Path) -> RawZone:
    """A raw zone in a folder."""
    return RawZone(LocalStore(folder.as_uri()))


def row_versions(engine: Engine) -> dict[str, set[tuple[str, str]]]:
    """Where every row of the football tables lies and which transaction wrote it: any rewrite changes one."""
    with engine.connect() as connection:
        return {
            table: {
                (str(row[0]), str(row[1]))
                for row in connection.execute(text(f"select tableoid::text || ctid::text, xmin::text from {table}"))
            }
            for table in TABLES
        }


def digest(engine: Engine) -> dict[str, str]:
    """A hash per table of all that is stored, clocks and running numbers apart."""
    with engine.connect() as connection:
        return {table: _digest(connection, table) for table in TABLES}


def _digest(connection: Connection, table: str) -> str:
    drop = " - ".join(["to_jsonb(t)", *(f"'{name}'" for name in CLOCKS)])
    statement = "select count(*) || ' ' || md5(coalesce(string_agg(row, ' ' order by row), '')) from ("
    return str(connection.scalar(text(f"{statement}select ({drop})::text as row from {table} t) as rows")))


def partial_matches(engine: Engine) -> list[tuple[object, ...]]:
    """Stored matches that are not whole: events, goals, eleven starters a side or statistics missing."""
    with engine.connect() as connection:
        rows = connection.execute(
            text("""
            select m.match_id, m.event_count, e.events, e.goals, m.home_score + m.away_score,
                   l.starters, l.squad, s.stats
            from matches m
            cross join lateral (
                select count(*) as events,
                       count(*) filter (where period < 5 and (event_type = 'Own Goal For'
                                        or (event_type = 'Shot' and outcome = 'Goal'))) as goals
                from match_events where season_key = m.season_key and match_id = m.match_id
            ) as e
            cross join lateral (
                select count(*) filter (where is_starter) as starters, count(*) as squad
                from lineups where match_id = m.match_id
            ) as l
            cross join lateral (select count(*) as stats from match_player_stats where match_id = m.match_id) as s
            where m.event_count = 0 or e.events <> m.event_count or e.goals <> m.home_score + m.away_score
               or l.starters <> 22 or s.stats <> l.squad
            union all
            select 'orphan ' || match_id, count(*), 0, 0, 0, 0, 0, 0
            from match_events where match_id not in (select match_id from matches) group by match_id
            """)
        )
        return [tuple(row) for row in rows]


def openfootball(league: League, matches: Sequence[SampleMatch], *, played: bool = False) -> League:
    """The same season as openfootball tells it, into the same database: fixtures, or results where `played`."""
    folder = league.folder.parent / "openfootball"
    rows = [
        {
            "round": f"Matchday {match.match['match_week']}",
            "date": match.match["match_date"],
            "time": "15:00",
            "team1": match.match["home_team"]["home_team_name"],
            "team2": match.match["away_team"]["away_team_name"],
            "score": {"ft": [match.match["home_score"], match.match["away_score"]]} if played else {},
        }
        for match in matches
    ]
    target = folder / "2025-26" / "en.1.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({"name": "English Premier League 2025/26", "matches": rows}, ensure_ascii=False))
    return League(folder, league.zone, league.database, provider=Openfootball(FolderSource("openfootball", folder)))
