"""Every read against a recount of the documents themselves, with an index and with bound parameters."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Select, event, text
from sqlalchemy.dialects import postgresql

from fotmate_assets.football import queries
from fotmate_assets_tests.football.league import KEY, MATCHES, League, openfootball, simulated_matches

UNKNOWN = "premier-league_1888-1889"
INJECTION = "x' or '1'='1"


@pytest.fixture
def reader(loaded: League) -> Iterator[Connection]:
    with loaded.database.engine.connect() as connection:
        yield connection


@pytest.fixture(scope="module")
def listed(loaded: League) -> list[dict[str, Any]]:
    """The season's matches as the provider lists them."""
    return loaded.document(MATCHES)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def events(loaded: League, listed: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    """The provider's events by match."""
    return {match["match_id"]: loaded.document(f"events/{match['match_id']}.json") for match in listed}


def internal(loaded: League, entity: str, provider_id: object) -> str:
    return str(
        loaded.scalar(
            "select internal_id from id_mappings where entity_type = :entity and provider_id = :id",
            entity=entity,
            id=str(provider_id),
        )
    )


def test_matches_of_a_season_come_in_order_of_play(
    loaded: League, reader: Connection, listed: list[dict[str, Any]]
) -> None:
    found = queries.matches_by_season(reader, KEY)
    assert [
        (one.home_team, one.away_team, one.home_score, one.away_score, str(one.match_date), one.matchday)
        for one in found
    ] == [
        (
            match["home_team"]["home_team_name"],
            match["away_team"]["away_team_name"],
            match["home_score"],
            match["away_score"],
            match["match_date"],
            match["match_week"],
        )
        for match in sorted(listed, key=lambda match: match["match_date"])
    ]
    assert {one.match_id for one in found} == {internal(loaded, "match", match["match_id"]) for match in listed}
    assert {(one.season_key, one.provider, one.status) for one in found} == {(KEY, "statsbomb", "played")}


def test_matches_of_one_side_are_those_at_home_and_away(
    loaded: League, reader: Connection, listed: list[dict[str, Any]]
) -> None:
    for number in (9101, 9104):
        side = internal(loaded, "team", number)
        expected = {
            internal(loaded, "match", match["match_id"])
            for match in listed
            if number in (match["home_team"]["home_team_id"], match["away_team"]["away_team_id"])
        }
        assert {one.match_id for one in queries.matches_by_season(reader, KEY, side)} == expected
        over_all = queries.team_matches(reader, side)
        assert {one.match_id for one in over_all} == expected
        assert over_all == sorted(over_all, key=lambda one: str(one.match_date), reverse=True)
        assert all(side in (one.home_team_id, one.away_team_id) for one in over_all)


def test_a_match_comes_with_its_squads_and_all_its_events(
    loaded: League, reader: Connection, listed: list[dict[str, Any]], events: dict[int, list[dict[str, Any]]]
) -> None:
    for match in listed:
        number = match["match_id"]
        detail = queries.match_detail(reader, internal(loaded, "match", number))
        assert detail is not None
        told = events[number]
        assert [(e.event_index, e.period, e.minute, e.second, e.event_type) for e in detail.events] == [
            (e["index"], e["period"], e["minute"], e["second"], e["type"]["name"]) for e in told
        ]
        assert detail.match.event_count == len(told)
        for stored, original in zip(detail.events, told, strict=True):
            if "shot" in original:
                assert stored.xg == pytest.approx(original["shot"]["statsbomb_xg"], rel=1e-6)
                assert stored.details == original["shot"]
            if "location" in original:
                assert stored.x_m == pytest.approx((original["location"][0] - 0.05 - 60) * 105 / 120, abs=1e-4)
        squads = loaded.document(f"lineups/{number}.json")
        names = {
            player["player_nickname"] or player["player_name"]: player["jersey_number"]
            for side in squads
            for player in side["lineup"]
        }
        assert {entry.player: entry.shirt_number for entry in detail.lineups} == names
        assert sum(bool(entry.is_starter) for entry in detail.lineups) == 22
        for side in squads:
            ours = [entry for entry in detail.lineups if entry.team_id == internal(loaded, "team", side["team_id"])]
            assert len(ours) == len(side["lineup"])
            starting = [bool(entry.is_starter) for entry in ours]
            assert starting == sorted(starting, reverse=True), "starters first"


def test_players_totals_are_those_of_the_events(
    loaded: League, reader: Connection, listed: list[dict[str, Any]], events: dict[int, list[dict[str, Any]]]
) -> None:
    goals, assists, shots, passes = Counter[int](), Counter[int](), Counter[int](), Counter[int]()
    completed, key_passes, xg = Counter[int](), Counter[int](), defaultdict[int, float](float)
    for told in events.values():
        for one in told:
            player = one.get("player", {}).get("id")
            if "shot" in one:
                shots[player] += 1
                goals[player] += one["shot"]["outcome"]["name"] == "Goal"
                xg[player] += one["shot"]["statsbomb_xg"]
            if "pass" in one:
                passes[player] += 1
                completed[player] += "outcome" not in one["pass"]
                assists[player] += bool(one["pass"].get("goal_assist"))
                key_passes[player] += bool(one["pass"].get("goal_assist") or one["pass"].get("shot_assist"))
    found = {row.player_id: row for row in queries.player_stats_by_season(reader, KEY)}
    squads: dict[int, set[int]] = defaultdict(set)
    for match in listed:
        for side in loaded.document(f"lineups/{match['match_id']}.json"):
            for player in side["lineup"]:
                squads[player["player_id"]].add(match["match_id"])
    assert len(found) == len(squads)
    for player, appearances in squads.items():
        row = found[internal(loaded, "player", player)]
        assert (row.goals, row.assists, row.shots) == (goals[player], assists[player], shots[player])
        assert (row.passes, row.key_passes) == (passes[player], key_passes[player])
        assert row.xg == pytest.approx(xg[player], abs=1e-5)
        if passes[player]:
            assert row.pass_accuracy == pytest.approx(completed[player] / passes[player], abs=1e-6)
        else:
            assert row.pass_accuracy is None
        assert row.matches <= len(appearances)
        assert len(row.teams) == 1
    assert sum(goals.values()) > 0
    assert sum(passes.values()) > 100


def test_the_best_scorers_come_first_and_the_list_can_be_cut(loaded: League, reader: Connection) -> None:
    every = queries.player_stats_by_season(reader, KEY)
    order = [(-row.goals, -row.assists, row.player) for row in every]
    assert [pair[:2] for pair in order] == [pair[:2] for pair in sorted(order)]
    assert queries.player_stats_by_season(reader, KEY, limit=3) == every[:3]
    one = every[5]
    assert queries.player_stats_by_season(reader, KEY, one.player_id) == [one]


def test_unused_substitutes_are_no_appearances(loaded: League, reader: Connection) -> None:
    rows = queries.player_stats_by_season(reader, KEY)
    unused = [row for row in rows if row.minutes == 0]
    assert unused
    assert {row.matches for row in unused} == {0}


def test_row_counts_are_those_of_the_tables(loaded: League, reader: Connection) -> None:
    counted = {
        table: loaded.scalar(f"select count(*) from {table}")
        for table in ("matches", "lineups", "match_events", "match_player_stats", "id_mappings", "teams", "players")
    }
    assert queries.season_row_counts(reader, KEY) == counted


def test_provider_ids_of_season_and_matches(loaded: League, reader: Connection, listed: list[dict[str, Any]]) -> None:
    assert queries.season_provider_ids(reader, KEY) == {"statsbomb": {"competition_id": 9001, "season_id": 901}}
    assert queries.provider_match_ids(reader, KEY, "statsbomb") == {
        str(match["match_id"]): internal(loaded, "match", match["match_id"]) for match in listed
    }
    assert queries.provider_match_ids(reader, KEY, "fbref") == {}


def test_the_latest_match_with_events_is_found(league: League) -> None:
    league.refresh()
    openfootball(league, simulated_matches(6)).refresh()
    with league.database.engine.connect() as connection:
        assert queries.latest_match(connection, KEY) == "2025-2026_2_002", "later ones have no events"


def test_the_seasons_revision_changes_with_any_match_and_with_nothing_else(league: League) -> None:
    def revision() -> str:
        with league.database.engine.connect() as connection:
            return queries.season_revision(connection, KEY)

    empty = revision()
    league.refresh()
    full = revision()
    assert full != empty
    league.refresh()
    assert revision() == full
    league.rewrite("events/9001002.json", lambda told: told[0].update(duration=3.25))
    league.refresh()
    assert revision() != full


@pytest.mark.parametrize("unknown", [UNKNOWN, INJECTION, "", "%"])
def test_an_unknown_id_finds_nothing(reader: Connection, unknown: str) -> None:
    assert queries.matches_by_season(reader, unknown) == []
    assert queries.matches_by_season(reader, KEY, unknown) == []
    assert queries.team_matches(reader, unknown) == []
    assert queries.match_detail(reader, unknown) is None
    assert queries.player_stats_by_season(reader, unknown) == []
    assert queries.player_stats_by_season(reader, KEY, unknown) == []
    assert queries.season_provider_ids(reader, unknown) == {}
    assert queries.provider_match_ids(reader, unknown, "statsbomb") == {}
    assert queries.latest_match(reader, unknown) is None
    assert set(queries.season_row_counts(reader, unknown).values()) == {0}


QUERIES: list[tuple[str, Callable[[], Select[Any]]]] = [
    ("season", lambda: queries.season_matches_query(INJECTION)),
    ("season_of_a_side", lambda: queries.season_matches_query(INJECTION, INJECTION)),
    ("side", lambda: queries.team_matches_query(INJECTION)),
    ("events", lambda: queries.match_events_query(INJECTION, INJECTION)),
    ("events_of_a_known_season", lambda: queries.match_events_query(KEY, "2025-2026_1_001")),
    ("players", lambda: queries.player_seasons_query(INJECTION)),
    ("player", lambda: queries.player_seasons_query(INJECTION, INJECTION)),
]
EACH = pytest.mark.parametrize("query", [made for _, made in QUERIES], ids=[name for name, _ in QUERIES])


@EACH
def test_parameters_are_bound_and_never_part_of_the_statement(query: Callable[[], Select[Any]]) -> None:
    compiled = query().compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
    assert INJECTION not in compiled.string
    assert KEY not in compiled.string
    assert {INJECTION, KEY} & set(compiled.params.values())


@EACH
def test_a_keyed_read_has_an_index(reader: Connection, query: Callable[[], Select[Any]]) -> None:
    """On a table too small for the planner to prefer it: an index that fits the condition, not the whole of one."""
    reader.execute(text("set local enable_seqscan = off"))
    compiled = query().compile(dialect=reader.dialect)
    plan = reader.exec_driver_sql(f"explain (format json) {compiled.string}", compiled.params).scalar_one()
    for scan in filter(is_keyed, nodes(plan[0]["Plan"])):
        assert scan.get("Index Cond") or scan.get("Recheck Cond"), scan


def is_keyed(scan: dict[str, Any]) -> bool:
    name = str(scan.get("Relation Name", ""))
    return name in ("matches", "match_player_stats") or name.startswith("match_events")


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def test_a_match_is_read_by_its_key(reader: Connection, loaded: League) -> None:
    """What `match_detail` runs, with an index each; seen by the server."""
    seen: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if not statement.startswith(("explain", "set")):
            seen.append((statement, parameters))

    event.listen(loaded.database.engine, "before_cursor_execute", note)
    queries.match_detail(reader, "2025-2026_1_001")
    event.remove(loaded.database.engine, "before_cursor_execute", note)
    assert len(seen) == 3
    reader.execute(text("set local enable_seqscan = off"))
    for statement, parameters in seen:
        plan = reader.exec_driver_sql(f"explain (format json) {statement}", parameters).scalar_one()
        for scan in nodes(plan[0]["Plan"]):
            if is_keyed(scan) or scan.get("Relation Name") == "lineups":
                assert scan.get("Index Cond") or scan.get("Recheck Cond"), scan


def test_a_season_among_many_rows_is_read_by_its_index(league: League) -> None:
    """With enough rows the planner chooses the index by itself."""
    league.refresh()
    league.database.execute(
        "insert into seasons select 'other_' || n, competition_id, name, '{}' from seasons, generate_series(1, 40) n"
    )
    columns = [
        row[0]
        for row in league.database.execute(
            "select column_name from information_schema.columns where table_name = 'matches' order by ordinal_position"
        )
    ]
    values = {
        "match_id": "m.match_id || '_' || n",
        "season_key": "'other_' || (n % 40 + 1)",
        "provider_match_id": "m.provider_match_id || '_' || n",
        "match_date": "m.match_date - n % 4000",
    }
    league.database.execute(
        f"insert into matches select {', '.join(values.get(str(c), f'm.{c}') for c in columns)} "
        "from matches m, generate_series(1, 2500) n"
    )
    with league.database.engine.connect() as connection:
        compiled = queries.season_matches_query(KEY).compile(dialect=connection.dialect)
        plan = connection.exec_driver_sql(f"explain {compiled.string}", compiled.params).scalars().all()
    assert any("ix_matches_season_key_match_date" in line for line in plan), plan
    assert not any("Seq Scan on matches" in line for line in plan), plan
