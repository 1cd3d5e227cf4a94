"""The unit of work: a match commits whole or not at all, and nothing else is touched."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DataError, DBAPIError

from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.embedded.sample.statsbomb import competition_row, write_season
from fotmate_assets.football.load import LoadedMatch, load_match, open_partition
from fotmate_assets.football.model import MatchAggregate
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.football.league import (
    KEY,
    TABLES,
    League,
    digest,
    openfootball,
    partial_matches,
    row_versions,
    simulated_matches,
)

REVISION = "0" * 64
OF_A_MATCH = ("matches", "lineups", "match_events", "match_player_stats")


@pytest.fixture
def aggregate(league: League) -> MatchAggregate:
    """The first match of the season, parsed; its season is ready to take it."""
    league.fetch()
    open_partition(league.database.engine, KEY)
    return league.plan()[0].build()


def put(league: League, aggregate: MatchAggregate, revision: str = REVISION) -> LoadedMatch | None:
    return load_match(league.database.engine, aggregate, revision, "events/9001001.json")


def counts(database: Database) -> dict[str, object]:
    return {table: database.execute(f"select count(*) from {table}")[0][0] for table in TABLES}


def _bad_team(whole: MatchAggregate) -> MatchAggregate:
    return replace(whole, match=replace(whole.match, away=whole.match.away._replace(name="a\0b")))


def _bad_player(whole: MatchAggregate) -> MatchAggregate:
    *others, last = whole.players
    return replace(whole, players=(*others, last._replace(name="a\0b")))


def _bad_match(whole: MatchAggregate) -> MatchAggregate:
    return replace(whole, match=replace(whole.match, home_score=-1))


def _bad_event(whole: MatchAggregate) -> MatchAggregate:
    *others, last = whole.events
    return replace(whole, events=(*others, last._replace(index=1)))


def _bad_lineup(whole: MatchAggregate) -> MatchAggregate:
    return replace(whole, lineups=(*whole.lineups, whole.lineups[0]))


def _bad_stats(whole: MatchAggregate) -> MatchAggregate:
    *others, last = whole.stats
    return replace(whole, stats=(*others, replace(last, passes=40_000)))


def _crash_in_the_last_row(whole: MatchAggregate) -> MatchAggregate:
    *others, last = whole.stats
    return replace(whole, stats=(*others, replace(last, player="nobody")))


STAGES = (_bad_team, _bad_player, _bad_match, _bad_event, _bad_lineup, _bad_stats, _crash_in_the_last_row)
REFUSED = (DBAPIError, KeyError)


@pytest.mark.parametrize("broken", STAGES, ids=lambda stage: stage.__name__.strip("_"))
def test_a_match_that_breaks_at_any_stage_leaves_nothing_behind(
    league: League, aggregate: MatchAggregate, broken: Callable[[MatchAggregate], MatchAggregate]
) -> None:
    before = counts(league.database)
    with pytest.raises(REFUSED):
        put(league, broken(aggregate))
    assert counts(league.database) == before == {**dict.fromkeys(TABLES, 0), "competitions": 1, "seasons": 1}
    loaded = put(league, aggregate)
    assert loaded is not None
    assert loaded.match_id == "2025-2026_1_001", "the failed attempt used up a number"
    assert partial_matches(league.database.engine) == []


@pytest.mark.parametrize("broken", STAGES[2:], ids=lambda stage: stage.__name__.strip("_"))
def test_a_rewrite_that_breaks_leaves_the_old_revision_as_it_was(
    league: League, aggregate: MatchAggregate, broken: Callable[[MatchAggregate], MatchAggregate]
) -> None:
    put(league, aggregate)
    before = row_versions(league.database.engine)
    with pytest.raises(REFUSED):
        put(league, broken(aggregate), "1" * 64)
    assert row_versions(league.database.engine) == before


def test_every_part_of_a_match_is_stored(league: League, aggregate: MatchAggregate) -> None:
    loaded = put(league, aggregate)
    assert loaded == LoadedMatch("2025-2026_1_001", len(aggregate.events), len(aggregate.lineups), len(aggregate.stats))
    stored = counts(league.database)
    assert stored["match_events"] == len(aggregate.events) > 0
    assert stored["lineups"] == len(aggregate.lineups) == stored["players"] == 36
    assert stored["match_player_stats"] == len(aggregate.stats)
    assert stored["id_mappings"] == 36 + 2 + 1
    assert partial_matches(league.database.engine) == []


def test_an_unchanged_revision_is_skipped_without_touching_a_row(league: League, aggregate: MatchAggregate) -> None:
    put(league, aggregate)
    before = row_versions(league.database.engine)
    with transactions(league.database.engine) as written:
        assert put(league, aggregate) is None
    assert row_versions(league.database.engine) == before
    assert written == [None], "the transaction wrote something: it was given an id"


def test_an_unchanged_season_is_skipped_without_touching_a_row(league: League) -> None:
    assert len(league.refresh().loaded) == 4
    before = row_versions(league.database.engine)
    again = league.refresh()
    assert (len(again.loaded), again.unchanged, again.failures) == (0, 4, [])
    assert row_versions(league.database.engine) == before


@contextmanager
def transactions(engine: Engine) -> Iterator[list[object]]:
    """The id of each transaction that commits meanwhile; None for one that wrote nothing."""
    written: list[object] = []

    def note(connection: Connection) -> None:
        written.append(connection.scalar(text("select pg_current_xact_id_if_assigned()::text")))

    event.listen(engine, "commit", note)
    yield written
    event.remove(engine, "commit", note)


def test_a_changed_match_is_rewritten_and_no_other(league: League) -> None:
    league.refresh()
    before = rows_by_match(league.database)
    league.rewrite("events/9001002.json", lambda events: events[0].update(duration=7.5))
    outcome = league.refresh()
    assert [match.match_id for match in outcome.loaded] == ["2025-2026_1_002"]
    assert outcome.unchanged == 3
    after = rows_by_match(league.database)
    assert {match for match in before if before[match] != after[match]} == {"2025-2026_1_002"}
    assert before["2025-2026_1_002"].isdisjoint(after["2025-2026_1_002"])
    assert (
        league.scalar("select duration_s from match_events where match_id = '2025-2026_1_002' and event_index = 1")
        == 7.5
    )
    assert partial_matches(league.database.engine) == []


def test_a_score_that_the_season_list_corrects_rewrites_the_match(league: League) -> None:
    league.refresh()
    league.rewrite("matches/9001/901.json", lambda rows: rows[2].update(referee={"id": 1, "name": "New Réferee"}))
    outcome = league.refresh()
    assert [match.match_id for match in outcome.loaded] == ["2025-2026_2_001"]
    assert league.scalar("select referee from matches where match_id = '2025-2026_2_001'") == "New Réferee"


def rows_by_match(database: Database) -> dict[object, set[tuple[object, ...]]]:
    """Place and writer of every row, by match."""
    found: dict[object, set[tuple[object, ...]]] = {}
    for table in OF_A_MATCH:
        for match_id, *place in database.execute(
            f"select match_id, tableoid::text, ctid::text, xmin::text from {table}"
        ):
            found.setdefault(match_id, set()).add(tuple(place))
    return found


def test_a_recollected_match_leaves_no_event_of_the_old_collection(league: League) -> None:
    """StatsBomb re-collects matches under new event ids; here with fewer events too."""
    league.refresh()
    old = {row[0] for row in league.database.execute("select provider_event_id from match_events")}

    def recollect(events: list[dict[str, object]]) -> list[dict[str, object]]:
        kept = [e for e in events if e["type"]["name"] != "Pressure"]  # type: ignore[index]
        assert len(kept) < len(events)
        return [{**e, "id": f"new-{i}", "index": i} for i, e in enumerate(kept, start=1)]

    content = league.rewrite("events/9001001.json", recollect)
    league.refresh()
    ids = {
        row[0]
        for row in league.database.execute(
            "select provider_event_id from match_events where match_id = '2025-2026_1_001'"
        )
    }
    assert len(ids) == content.count(b'"id":"new-')
    assert ids.isdisjoint(old)
    assert league.scalar("select event_count from matches where match_id = '2025-2026_1_001'") == len(ids)
    assert partial_matches(league.database.engine) == []


def test_a_fixture_becomes_the_match_that_a_better_provider_tells(league: League) -> None:
    fixtures = openfootball(league, simulated_matches())
    assert len(fixtures.refresh().loaded) == 4
    before = league.database.execute("select match_id, home_team_id, away_team_id from matches order by 1")
    assert len(league.refresh().loaded) == 4
    assert league.database.execute("select match_id, home_team_id, away_team_id from matches order by 1") == before
    assert league.scalar("select count(*) from matches where provider = 'statsbomb' and event_count > 0") == 4
    assert league.scalar("select count(*) from teams") == 4
    assert partial_matches(league.database.engine) == []
    methods = league.database.execute(
        "select provider, method, count(*) from id_mappings where entity_type <> 'player' group by 1, 2 order by 1, 2"
    )
    assert methods == [
        ("openfootball", "exact_id", 8),
        ("statsbomb", "fixture", 4),
        ("statsbomb", "name", 4),
    ]


def test_a_worse_provider_never_overwrites_a_match(league: League) -> None:
    league.refresh()
    touchable = {table: rows for table, rows in row_versions(league.database.engine).items() if table in OF_A_MATCH}
    results = openfootball(league, simulated_matches(), played=True)
    assert results.refresh().loaded == []
    after = row_versions(league.database.engine)
    assert {table: after[table] for table in OF_A_MATCH} == touchable
    assert (
        league.scalar("select count(*) from id_mappings where provider = 'openfootball' and entity_type = 'match'") == 4
    )
    with transactions(league.database.engine) as written:
        assert results.load().loaded == []
    assert row_versions(league.database.engine) == after
    assert len([each for each in written if each is not None]) == 1, "only the ledger's row of the attempt"


def test_a_worse_provider_fills_in_what_the_better_one_lacks(league: League) -> None:
    league.refresh()
    results = openfootball(league, simulated_matches(6), played=True)
    outcome = results.refresh()
    assert [match.match_id for match in outcome.loaded] == ["2025-2026_3_001", "2025-2026_3_002"]
    assert league.database.execute("select provider, count(*) from matches group by provider order by provider") == [
        ("openfootball", 2),
        ("statsbomb", 4),
    ]


def test_json_columns_hold_json_and_not_text_of_it(league: League) -> None:
    league.refresh()
    for table, column, kind in (
        ("match_events", "details", "object"),
        ("match_events", "related_events", "array"),
        ("lineups", "spells", "array"),
        ("lineups", "cards", "array"),
        ("match_player_stats", "advanced_stats", "object"),
        ("matches", "warnings", "array"),
        ("seasons", "provider_ids", "object"),
    ):
        kinds = league.database.execute(
            f"select distinct jsonb_typeof({column}) from {table} where {column} is not null"
        )
        assert kinds == [(kind,)], f"{table}.{column}"
    shot = league.database.execute(
        "select xg, details ->> 'statsbomb_xg' from match_events where event_type = 'Shot' limit 1"
    )[0]
    assert float(str(shot[1])) == pytest.approx(shot[0])


def test_seasons_lie_in_partitions_of_their_own(league: League, tmp_path: Path, zone: RawZone) -> None:
    league.refresh()
    folder = tmp_path / "other"
    other_row = competition_row(9001, 902, "Premier League", "2026/2027")
    write_season(folder, other_row, simulated_matches(2, first_match=9_005_001))
    other = League(folder, zone, league.database, key="premier-league_2026-2027")
    before = digest(league.database.engine)
    first_rows = rows_by_match(league.database)
    assert [match.match_id for match in other.refresh().loaded] == ["2026-2027_1_001", "2026-2027_1_002"]
    assert league.database.execute(
        "select distinct tableoid::regclass::text, season_key from match_events order by 1"
    ) == [
        ("match_events_premier_league__2025_2026", KEY),
        ("match_events_premier_league__2026_2027", "premier-league_2026-2027"),
    ]
    assert {k: v for k, v in rows_by_match(league.database).items() if k in first_rows} == first_rows
    assert digest(league.database.engine)["players"] == before["players"], "the same players, known already"


def test_a_match_that_moves_to_another_season_leaves_no_event_in_the_old_one(
    league: League, aggregate: MatchAggregate
) -> None:
    put(league, aggregate)
    new = "premier-league_2026-2027"
    league.database.execute(
        "insert into seasons select :new, competition_id, '2026/2027', provider_ids from seasons", new=new
    )
    open_partition(league.database.engine, new)
    put(league, replace(aggregate, match=replace(aggregate.match, season_key=new)), "1" * 64)
    assert league.database.execute("select distinct season_key from match_events") == [(new,)]
    assert partial_matches(league.database.engine) == []


def test_the_writer_cannot_open_a_partition_of_an_unknown_season(league: League) -> None:
    with pytest.raises(DBAPIError, match="unknown season premier-league_1888-1889"):
        open_partition(league.database.engine, "premier-league_1888-1889")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("minute", 2**15),
        ("second", -(2**15) - 1),
        ("timestamp_ms", 2**31),
        ("possession", 2**31),
        ("event_index", 2**31),
    ],
)
def test_an_integer_too_large_for_its_column_is_refused_by_name_and_not_wrapped(
    league: League, aggregate: MatchAggregate, field: str, value: int
) -> None:
    """Binary COPY sends the low bytes of what it is given."""
    *others, last = aggregate.events
    doctored: dict[str, Any] = {"index" if field == "event_index" else field: value}
    with pytest.raises(
        DataError, match=f"match_events: row {len(others) + 1}, column {field}: {value} is no (small)?int"
    ):
        put(league, replace(aggregate, events=(*others, last._replace(**doctored))))
    assert league.scalar("select count(*) from matches") == 0


def test_a_shirt_number_too_large_for_its_column_is_refused(league: League, aggregate: MatchAggregate) -> None:
    *others, last = aggregate.lineups
    with pytest.raises(DataError, match="lineups: row 36, column shirt_number: 65546 is no smallint"):
        put(league, replace(aggregate, lineups=(*others, last._replace(shirt_number=65_546))))
