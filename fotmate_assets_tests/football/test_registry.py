"""The id registry: the same thing gets the same id, two things never one, whoever asks at the same time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from itertools import permutations
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection

from fotmate_assets.embedded.stack import Stack
from fotmate_assets.football.load import load_match, open_partition, put_season
from fotmate_assets.football.model import Competition, Lineup, Match, MatchAggregate, Player, Season, Team
from fotmate_assets.football.registry import Origin, allocate_match_id, player_ids, team_ids
from fotmate_assets_tests.databases import Database, fresh_database
from fotmate_assets_tests.football.league import KEY, League, digest, openfootball, simulated_matches

PREMIER_LEAGUE = Competition("premier-league", "Premier League", "England", "male")
STATSBOMB, FBREF = Origin("statsbomb", KEY, "lineups/1.json"), Origin("fbref", KEY, "match_1.html")
ARSENAL, EVERTON = Team("1", "Arsenal", "male"), Team("2", "Everton", "male")


@pytest.fixture
def season(database: Database) -> Database:
    """A database that knows the season."""
    put_season(database.engine, Season(KEY, PREMIER_LEAGUE, "2025/2026"), "statsbomb", {"competition_id": 1})
    return database


def match(number: str, home: Team, away: Team, *, provider: str = "statsbomb", **changes: Any) -> Match:
    """A match of the first match day."""
    made = Match(provider, number, KEY, date(2025, 8, 16), None, 1, home, away, "played", 0, 0)
    return replace(made, **changes)


def put(connection: Connection, origin: Origin, squad: dict[str, list[Player]], sides: list[Team]) -> dict[str, str]:
    """Register the sides and their squads, and the lineups that tie the one to the other; ids by provider id."""
    teams = team_ids(connection, origin, sides)
    team_of = {player.provider_id: teams[team] for team, players in squad.items() for player in players}
    return teams | player_ids(connection, origin, [p for players in squad.values() for p in players], team_of.get)


def loaded_squads(database: Database, home: list[Player], away: list[Player]) -> None:
    """A StatsBomb match of Arsenal against Everton with these squads."""
    open_partition(database.engine, KEY)
    squads = [(ARSENAL, home), (EVERTON, away)]
    aggregate = MatchAggregate(
        match("100", ARSENAL, EVERTON),
        players=(*home, *away),
        lineups=tuple(
            Lineup(team.provider_id, player.provider_id, None, True, None) for team, squad in squads for player in squad
        ),
    )
    load_match(database.engine, aggregate, "0" * 64, "lineups/100.json")


def test_asking_again_gives_the_same_ids_and_writes_nothing(season: Database) -> None:
    squad = {"1": [Player("10", "Thierry Henry")], "2": [Player("20", "Wayne Rooney")]}
    with season.engine.begin() as connection:
        first = put(connection, STATSBOMB, squad, [ARSENAL, EVERTON])
    before = digest(season.engine)
    with season.engine.begin() as connection:
        assert put(connection, STATSBOMB, squad, [ARSENAL, EVERTON]) == first
    assert digest(season.engine) == before
    assert sorted(first) == ["1", "10", "2", "20"]
    assert len(set(first.values())) == 4
    assert first["1"].startswith("fotmate_team_")
    assert first["10"].startswith("fotmate_player_")


def test_every_id_says_where_it_comes_from(season: Database) -> None:
    with season.engine.begin() as connection:
        put(connection, STATSBOMB, {"1": [Player("10", "Thierry Henry")]}, [ARSENAL])
        allocate_match_id(connection, match("100", ARSENAL, EVERTON), "x", "y", "events/100.json")
    rows = season.execute(
        "select entity_type, provider_id, provider, method, confidence, provenance, season_key from id_mappings "
        "order by entity_type"
    )
    assert rows == [
        ("match", "100", "statsbomb", "exact_id", 1.0, "events/100.json", KEY),
        ("player", "10", "statsbomb", "exact_id", 1.0, "lineups/1.json", KEY),
        ("team", "1", "statsbomb", "exact_id", 1.0, "lineups/1.json", KEY),
    ]


def test_a_rebuilt_database_gives_the_same_ids(league: League, stack: Stack, _template: str) -> None:
    league.refresh()
    with fresh_database(stack, _template) as database:
        again = League(league.folder, league.zone, database)
        again.refresh()
        assert digest(database.engine) == digest(league.database.engine)


@pytest.mark.parametrize(
    ("key", "matchday", "ids"),
    [
        ("premier-league_2003-2004", 1, ["2003-2004_1_001", "2003-2004_1_002"]),
        ("womens-world-cup_2019", 4, ["womens-world-cup_2019_4_001", "womens-world-cup_2019_4_002"]),
        ("premier-league_2003-2004", None, ["2003-2004_0_001", "2003-2004_0_002"]),
    ],
)
def test_match_ids_count_within_the_match_day(season: Database, key: str, matchday: int | None, ids: list[str]) -> None:
    put_season(season.engine, Season(key, PREMIER_LEAGUE, "x"), "statsbomb", {})
    with season.engine.begin() as connection:
        given = [
            allocate_match_id(connection, match(n, ARSENAL, EVERTON, season_key=key, matchday=matchday), n, n, "d")
            for n in ("7", "5")
        ]
        other_day = match("9", ARSENAL, EVERTON, season_key=key, matchday=11)
        assert allocate_match_id(connection, other_day, "h", "a", "d").endswith("_11_001")
    assert given == ids


def test_the_count_goes_on_after_what_is_there(season: Database) -> None:
    with season.engine.begin() as connection:
        first = [allocate_match_id(connection, match(str(n), ARSENAL, EVERTON), "h", "a", "d") for n in range(3)]
    with season.engine.begin() as connection:
        assert allocate_match_id(connection, match("1", ARSENAL, EVERTON), "h", "a", "d") == first[1]
        assert allocate_match_id(connection, match("3", ARSENAL, EVERTON), "h", "a", "d") == "2025-2026_1_004"
    season.execute(
        "insert into id_mappings values ('match', 'x', 'x', '2025-2026_1_999', 'manual', 1, 'd', :key),"
        "('match', 'x', 'y', '2025-2026_1_1000', 'manual', 1, 'd', :key)",
        key=KEY,
    )
    with season.engine.begin() as connection:
        assert allocate_match_id(connection, match("4", ARSENAL, EVERTON), "h", "a", "d") == "2025-2026_1_1001"


def test_the_same_fixture_of_another_provider_is_the_same_match(season: Database) -> None:
    loaded_squads(season, [], [])
    with season.engine.begin() as connection:
        home, away = team_ids(connection, STATSBOMB, [ARSENAL, EVERTON]).values()

        def given(number: str, **changes: Any) -> str:
            other = match(number, ARSENAL, EVERTON, provider="fbref", **changes)
            return allocate_match_id(connection, other, home, away, "match_1.html")

        assert given("return", match_date=date(2025, 12, 16)) == "2025-2026_1_002", "the pairing repeats in a cup"
        assert given("same", match_date=date(2025, 8, 17)) == "2025-2026_1_001", "the next day by another clock"
        assert given("third", match_date=date(2025, 8, 16)) == "2025-2026_1_003", "fbref has an id for that match"
    row = season.execute("select method, provenance from id_mappings where provider_id = 'same'")
    assert row == [("fixture", "match_1.html")]


def test_the_sides_the_other_way_round_are_another_match(season: Database) -> None:
    loaded_squads(season, [], [])
    with season.engine.begin() as connection:
        home, away = team_ids(connection, STATSBOMB, [ARSENAL, EVERTON]).values()
        reverse = match("r", EVERTON, ARSENAL, provider="fbref")
        assert allocate_match_id(connection, reverse, away, home, "d") == "2025-2026_1_002"


def test_a_second_providers_team_joins_the_first_by_name(season: Database) -> None:
    with season.engine.begin() as connection:
        ours = team_ids(connection, STATSBOMB, [ARSENAL])["1"]
        theirs = team_ids(connection, FBREF, [Team("18bb7c10", "Arsenal FC", None)])["18bb7c10"]
    assert theirs == ours
    rows = season.execute("select method, confidence, provenance from id_mappings where provider = 'fbref'")
    assert rows == [("name", pytest.approx(0.95), "match_1.html")]
    assert season.execute("select name from teams") == [("Arsenal",)]


def test_a_womens_side_is_not_the_mens(season: Database) -> None:
    with season.engine.begin() as connection:
        team_ids(connection, STATSBOMB, [ARSENAL])
        team_ids(connection, FBREF, [Team("w", "Arsenal", "female"), Team("x", "Arsenal Women", None)])
    assert len(season.execute("select from teams")) == 3
    assert season.execute("select count(*) from id_mappings where method <> 'exact_id'") == [(0,)]


def test_a_doubtful_team_is_kept_apart_and_put_up_for_review(season: Database) -> None:
    with season.engine.begin() as connection:
        ours = team_ids(connection, STATSBOMB, [Team("1", "Sheffield Wednesday", "male")])["1"]
        theirs = team_ids(connection, FBREF, [Team("f", "Sheffield", None)])["f"]
    assert theirs != ours
    assert len(season.execute("select from teams")) == 2
    review = season.execute(
        "select entity_type, provider, provider_id, provider_name, internal_id, candidate_id, status from id_review"
    )
    assert review == [("team", "fbref", "f", "Sheffield", theirs, ours, "open")]
    confidence = season.execute("select confidence from id_review")[0][0]
    assert 0 < float(str(confidence)) < 0.95
    with season.engine.begin() as connection:
        assert team_ids(connection, FBREF, [Team("f", "Sheffield", None)])["f"] == theirs
    assert len(season.execute("select from id_review")) == 1, "asked again, reviewed once"


def test_a_second_providers_player_joins_inside_the_team_only(season: Database) -> None:
    loaded_squads(season, [Player("10", "Thierry Henry")], [Player("20", "Gary Naysmith")])
    with season.engine.begin() as connection:
        ours = player_ids(connection, STATSBOMB, [Player("10", "-"), Player("20", "-")], lambda _: None)
        theirs = put(
            connection,
            FBREF,
            {"fa": [Player("h", "Thierry Henry"), Player("n", "Gary Naysmith")]},
            [Team("fa", "Arsenal"), Team("fe", "Everton")],
        )
    assert theirs["h"] == ours["10"]
    assert theirs["n"] != ours["20"], "Gary Naysmith of Arsenal is not the one of Everton"


def test_a_player_is_not_looked_for_in_another_season(season: Database) -> None:
    loaded_squads(season, [Player("10", "Thierry Henry")], [])
    put_season(season.engine, Season("premier-league_2026-2027", PREMIER_LEAGUE, "2026/2027"), "fbref", {})
    next_year = replace(FBREF, season_key="premier-league_2026-2027")
    with season.engine.begin() as connection:
        put(connection, next_year, {"fa": [Player("h", "Thierry Henry")]}, [Team("fa", "Arsenal")])
    assert len(season.execute("select from players where name = 'Thierry Henry'")) == 2


def test_different_dates_of_birth_are_different_players(season: Database) -> None:
    loaded_squads(season, [Player("10", "Danny Ward", birth_date=date(1993, 6, 22))], [])
    with season.engine.begin() as connection:
        put(
            connection,
            FBREF,
            {"fa": [Player("w", "Danny Ward", birth_date=date(1990, 12, 9))]},
            [Team("fa", "Arsenal")],
        )
    assert len(season.execute("select from players")) == 2


def test_two_ids_of_one_provider_are_never_merged(season: Database) -> None:
    """Neither two that arrive together, both like one known player, nor one that comes after the other."""
    loaded_squads(season, [Player("10", "John Smith")], [])
    with season.engine.begin() as connection:
        both = put(
            connection,
            FBREF,
            {"fa": [Player("s1", "John Smith"), Player("s2", "John Smith")]},
            [Team("fa", "Arsenal")],
        )
        late = put(connection, FBREF, {"fa": [Player("s3", "John Smith")]}, [Team("fa", "Arsenal")])
    ours = season.execute("select internal_id from id_mappings where provider_id = '10'")[0][0]
    assert len({both["s1"], both["s2"], ours}) == 3
    assert {row[0] for row in season.execute("select provider_id from id_review")} >= {"s1", "s2"}
    assert late["s3"] not in (both["s1"], both["s2"])
    doubled = season.execute(
        "select provider, internal_id from id_mappings group by entity_type, provider, internal_id having count(*) > 1"
    )
    assert doubled == []


def test_a_season_told_by_two_providers_in_either_order_has_one_set_of_teams(league: League) -> None:
    league.refresh()
    openfootball(league, simulated_matches(), played=True).refresh()
    shared = league.database.execute(
        "select internal_id from id_mappings where entity_type in ('team', 'match') "
        "group by internal_id having count(distinct provider) = 2"
    )
    assert len(shared) == 4 + 4
    assert league.scalar("select count(*) from id_review") == 0


def doubled_ids(database: Database) -> list[tuple[object, ...]]:
    """Match ids given twice, ids that name nothing, and rows whose id the registry does not know."""
    return database.execute("""
        select 'twice', internal_id from id_mappings group by entity_type, provider, internal_id having count(*) > 1
        union all
        select 'match unknown', match_id from matches
        where match_id not in (select internal_id from id_mappings where entity_type = 'match')
        union all
        select 'team unknown', team_id from teams
        where team_id not in (select internal_id from id_mappings where entity_type = 'team')
        union all
        select 'side unknown', team_id from match_events where team_id not in (select team_id from teams)
        union all
        select 'name twice', name from teams group by name having count(*) > 1
        union all
        select 'player unknown', player_id from players
        where player_id not in (select internal_id from id_mappings where entity_type = 'player')
    """)


def test_concurrent_loads_of_one_season_allocate_each_id_once(league: League) -> None:
    """Four threads, each all the matches in another order."""
    league.fetch()
    open_partition(league.database.engine, KEY)
    planned = league.plan()
    aggregates = [(each.build(), each.revision) for each in planned]
    start = Barrier(4)

    def load_all(order: tuple[int, ...]) -> int:
        start.wait()
        made = [load_match(league.database.engine, *aggregates[i], document="d") for i in order]
        return sum(one is not None for one in made)

    orders = list(permutations(range(4)))[::6]
    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(load_all, orders))
    assert sum(written) == 4, "a match was written twice"
    assert doubled_ids(league.database) == []
    ids = [row[0] for row in league.database.execute("select match_id from matches order by 1")]
    assert ids == ["2025-2026_1_001", "2025-2026_1_002", "2025-2026_2_001", "2025-2026_2_002"]


def test_two_seasons_that_introduce_the_same_clubs_at_once_agree_on_them(season: Database) -> None:
    """The season's lock does not cover these: without the registry's both make clubs of their own."""
    other = "premier-league_2026-2027"
    put_season(season.engine, Season(other, PREMIER_LEAGUE, "2026/2027"), "fbref", {})
    clubs = [f"{name} {kind}" for name in ("Ashford", "Bexley", "Corby", "Dunmore") for kind in ("Rovers", "Athletic")]
    for key in (KEY, other):
        open_partition(season.engine, key)
    start = Barrier(2)

    def load(provider: str, key: str, order: int) -> None:
        start.wait()
        for first in range(0, 8, 2):
            sides = [Team(f"{provider}{i}", clubs[i]) for i in (first, first + 1)][::order]
            made = match(f"{first}", *sides, provider=provider, season_key=key)
            load_match(season.engine, MatchAggregate(made), "0" * 64, "d")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(load, ("statsbomb", "fbref"), (KEY, other), (1, -1)))
    assert doubled_ids(season) == []
    assert len(season.execute("select from teams")) == 8
    assert len(season.execute("select from matches")) == 8


def test_concurrent_processes_load_a_season_once(league: League) -> None:
    """Three processes of their own, as three runs of the same partition would be."""
    league.fetch()
    script = """
import json, sys
from pathlib import Path
from fotmate_assets.core.documents import FolderSource
from fotmate_assets.core.ledger import Ledger
from fotmate_assets.core.object_store import open_store
from fotmate_assets.core.postgres import make_engine
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.football.ingest import load_season
from fotmate_assets.football.sources.statsbomb.provider import StatsBomb

url, folder, zone, key, ids = sys.argv[1:]
engine = make_engine(url)
provider = StatsBomb(FolderSource("statsbomb", Path(folder)))
sys.stdin.readline()
outcome = load_season(provider, key, json.loads(ids), RawZone(open_store(zone)), engine, Ledger(engine))
print(json.dumps([len(outcome.loaded), outcome.unchanged, [str(failure) for failure in outcome.failures]]))
"""
    arguments = [league.database.writer_url, str(league.folder), league.zone.store.url, KEY, json.dumps(league.ids)]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        for _ in range(3)
    ]
    outcomes = [json.loads(worker.communicate("go\n", timeout=60)[0]) for worker in workers]
    assert sum(loaded for loaded, _, _ in outcomes) == 4, outcomes
    assert [loaded + unchanged for loaded, unchanged, _ in outcomes] == [4, 4, 4]
    assert [failures for _, _, failures in outcomes] == [[], [], []]
    assert doubled_ids(league.database) == []
