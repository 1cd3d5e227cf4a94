"""openfootball season files become fixtures."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.embedded.sample.openfootball import SampleFixture, write_season
from fotmate_assets.football.model import Match, MatchAggregate, slug
from fotmate_assets.football.sources import openfootball


def document(content: bytes, name: str = "2025-26/en.1.json") -> RawDocument:
    return RawDocument("openfootball", name, content, f"file:///{name}", datetime(2026, 3, 5, tzinfo=UTC))


def season_file(*matches: dict[str, Any], name: str = "2025-26/en.1.json") -> RawDocument:
    return document(json.dumps({"name": "League", "matches": matches}).encode(), name)


def fixture(**changes: Any) -> dict[str, Any]:
    return {
        "round": "Matchday 12",
        "date": "2025-11-22",
        "time": "17:30",
        "team1": "Newcastle United FC",
        "team2": "Brighton & Hove Albion FC",
        "score": {"ht": [0, 0], "ft": [2, 1]},
    } | changes


def parse(*matches: dict[str, Any], name: str = "2025-26/en.1.json") -> list[MatchAggregate]:
    return openfootball.parse_season(season_file(*matches, name=name), openfootball.season_of(name).key)


def only(*matches: dict[str, Any], name: str = "2025-26/en.1.json") -> Match:
    (aggregate,) = parse(*matches, name=name)
    return aggregate.match


def error_of(source: RawDocument) -> SourceError:
    with pytest.raises(SourceError) as raised:
        openfootball.parse_season(source, "premier-league_2025-2026")
    assert raised.value.verdict is Verdict.MALFORMED
    assert raised.value.document == source.name
    assert raised.value.content == source.content
    return raised.value


def test_a_played_match_has_score_matchday_and_teams() -> None:
    match = only(fixture())
    assert (match.home_score, match.away_score, match.status) == (2, 1, "played")
    assert match.matchday == 12
    assert match.home.name == "Newcastle United FC"
    assert match.away.provider_id == "brighton-hove-albion-fc"
    assert match.season_key == "premier-league_2025-2026"


def test_a_match_without_score_is_scheduled() -> None:
    absent = fixture()
    del absent["score"]
    for match in (only(fixture(score={})), only(absent)):
        assert (match.status, match.home_score, match.away_score) == ("scheduled", None, None)


def test_a_goalless_draw_is_played() -> None:
    match = only(fixture(score={"ft": [0, 0]}))
    assert (match.status, match.home_score, match.away_score) == ("played", 0, 0)


def test_kick_off_is_in_the_leagues_own_zone_summer_and_winter() -> None:
    winter, summer = only(fixture()).kick_off, only(fixture(date="2025-08-16")).kick_off
    assert winter == datetime(2025, 11, 22, 17, 30, tzinfo=UTC)
    assert summer == datetime(2025, 8, 16, 16, 30, tzinfo=UTC)
    spanish = only(fixture(), name="2025-26/es.1.json").kick_off
    assert spanish == datetime(2025, 11, 22, 16, 30, tzinfo=UTC)


def test_a_match_without_time_keeps_its_date() -> None:
    postponed = fixture(status="postponed", score={})
    del postponed["time"]
    match = only(postponed)
    assert (match.match_date, match.kick_off, match.status) == (date(2025, 11, 22), None, "postponed")


def test_match_id_stays_when_the_date_moves() -> None:
    first, moved = only(fixture()), only(fixture(date="2026-02-03", round="Matchday 30"))
    assert first.provider_match_id == moved.provider_match_id
    assert first.provider_match_id == "2025-26/en.1/newcastle-united-fc/brighton-hove-albion-fc"


def test_score_after_extra_time_counts_and_the_shoot_out_stays_apart() -> None:
    match = only(fixture(round="Final", score={"ft": [1, 1], "et": [2, 2], "p": [4, 3]}))
    assert (match.home_score, match.away_score) == (2, 2)
    assert (match.home_shootout, match.away_shootout) == (4, 3)
    assert (match.matchday, match.stage) == (None, "Final")


def test_an_unknown_status_is_told_and_does_not_stop_the_season() -> None:
    (aggregate,) = parse(fixture(status="moved to the moon"))
    assert aggregate.match.status == "played"
    assert aggregate.warnings == ("matches[0].status: unknown status 'moved to the moon', taken as played",)


def test_an_awarded_match_without_result_is_not_played() -> None:
    assert only(fixture(status="awarded", score={})).status == "scheduled"
    assert only(fixture(status="awarded", score={"ft": [3, 0]})).status == "played"


def test_a_fixture_told_twice_is_refused_even_on_another_date() -> None:
    error = error_of(season_file(fixture(), fixture(date="2026-01-01")))
    assert error.field == "matches[1]"
    assert "told twice" in error.reason


def test_the_return_match_is_another_fixture() -> None:
    there, back = fixture(), fixture(team1="Brighton & Hove Albion FC", team2="Newcastle United FC")
    assert len(parse(there, back)) == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"score": {"ft": [1]}}, "matches[1].score.ft"),
        ({"score": {"ft": [1, 2, 3]}}, "matches[1].score.ft"),
        ({"score": {"ft": ["1", "0"]}}, "matches[1].score.ft"),
        ({"score": {"ft": [1.5, 0]}}, "matches[1].score.ft"),
        ({"score": {"ft": [True, False]}}, "matches[1].score.ft"),
        ({"score": {"ft": [-1, 0]}}, "matches[1].score.ft"),
        ({"score": {"ft": [1, 1], "p": "4-3"}}, "matches[1].score.p"),
        ({"score": {"p": [4, 3]}}, "matches[1].score"),
        ({"score": [1, 0]}, "matches[1].score"),
        ({"date": "22/11/2025"}, "matches[1].date"),
        ({"date": "2025-02-30"}, "matches[1].date"),
        ({"date": None}, "matches[1].date"),
        ({"time": "25:00"}, "matches[1].time"),
        ({"team1": ""}, "matches[1].team1"),
        ({"team2": "Newcastle United FC", "team1": "Newcastle United FC"}, "matches[1].team2"),
    ],
)
def test_a_broken_match_is_named_by_index_and_field(changes: dict[str, Any], field: str) -> None:
    broken = fixture(team1="Liverpool FC") | changes
    assert error_of(season_file(fixture(), broken)).field == field


def test_a_missing_team_is_named() -> None:
    nameless = fixture()
    del nameless["team2"]
    error = error_of(season_file(nameless))
    assert error.field == "matches[0]"
    assert "team2" in error.reason


def test_two_spellings_with_one_slug_are_refused() -> None:
    error = error_of(season_file(fixture(), fixture(team1="Arsenal FC", team2="Brighton Hove Albion FC")))
    assert error.field == "matches[1].team2"


@pytest.mark.parametrize("content", [b"", b'{"name": "x", "matches": [{"round"', b'{"name": "x"}', b"[]", b"\xff"])
def test_a_truncated_or_foreign_file_is_refused(content: bytes) -> None:
    assert error_of(document(content)).field == "matches"


def test_season_keys_meet_statsbombs_competition_names() -> None:
    keys = {code: openfootball.season_of(f"2015-16/{code}.json").key for code in openfootball.LEAGUES}
    assert keys == {
        "en.1": "premier-league_2015-2016",
        "en.2": "championship_2015-2016",
        "de.1": "1-bundesliga_2015-2016",
        "es.1": "la-liga_2015-2016",
        "fr.1": "ligue-1_2015-2016",
        "it.1": "serie-a_2015-2016",
        "sim.1": "simulated-league_2015-2016",
    }


def test_a_season_across_the_century_has_the_right_name() -> None:
    assert openfootball.season_of("1999-00/en.1.json").name == "1999/2000"


@pytest.mark.parametrize("name", ["2025-26/xx.9.json", "2025-27/en.1.json", "en.1.json", "2025-26/en.1.clubs.json"])
def test_a_file_name_that_names_no_known_season_is_refused(name: str) -> None:
    with pytest.raises(SourceError, match="document name") as raised:
        openfootball.season_of(name)
    assert raised.value.document == name


def test_the_sample_season_is_read_back_as_written(tmp_path: Path) -> None:
    teams = ["Simulated Alpha", "Simulated Bravo", "Simulated Gamma"]
    pairs = [(home, away) for home in teams for away in teams if home != away]
    fixtures = [
        SampleFixture(n // 2 + 1, date(2025, 8, 16) + timedelta(weeks=n), home, away, (n, 1) if n < 4 else None)
        for n, (home, away) in enumerate(pairs)
    ]
    write_season(tmp_path, "Simulated League 2025/26", fixtures)
    content = (tmp_path / "2025-26/sim.1.json").read_bytes()
    season = openfootball.season_of("2025-26/sim.1.json")
    read = openfootball.parse_season(document(content, "2025-26/sim.1.json"), season.key)
    assert season.key == "simulated-league_2025-2026"
    assert [
        SampleFixture(
            m.matchday or 0,
            m.match_date or date.min,
            m.home.name,
            m.away.name,
            (m.home_score, m.away_score) if m.home_score is not None and m.away_score is not None else None,
        )
        for m in (aggregate.match for aggregate in read)
    ] == fixtures
    assert [a.match.status for a in read] == ["played"] * 4 + ["scheduled"] * 2


def test_the_sample_season_must_say_that_it_is_simulated(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="simulated"):
        write_season(tmp_path, "Premier League 2025/26", [])


@pytest.fixture(scope="module")
def premier_league(real_data: Path) -> dict[str, list[MatchAggregate]]:
    seasons = {}
    for season in ("2024-25", "2025-26"):
        name = f"{season}/en.1.json"
        content = (real_data / f"openfootball/openfootball_{season}_en.1.json").read_bytes()
        seasons[season] = openfootball.parse_season(document(content, name), openfootball.season_of(name).key)
    return seasons


@pytest.mark.real_data
def test_real_seasons_have_every_fixture_and_result(premier_league: dict[str, list[MatchAggregate]]) -> None:
    statuses = {season: Counter(a.match.status for a in matches) for season, matches in premier_league.items()}
    assert statuses == {
        "2024-25": {"played": 380},
        "2025-26": {"played": 291, "scheduled": 88, "postponed": 1},
    }
    for matches in premier_league.values():
        assert Counter(a.match.matchday for a in matches) == dict.fromkeys(range(1, 39), 10)
        assert not any(a.warnings for a in matches)


@pytest.mark.real_data
def test_real_opening_match_and_postponement(premier_league: dict[str, list[MatchAggregate]]) -> None:
    opening = premier_league["2025-26"][0].match
    assert opening.provider_match_id == "2025-26/en.1/liverpool-fc/afc-bournemouth"
    assert (opening.home_score, opening.away_score, opening.matchday) == (4, 2, 1)
    assert opening.kick_off == datetime(2025, 8, 15, 19, 0, tzinfo=UTC)
    (postponed,) = (a.match for a in premier_league["2025-26"] if a.match.status == "postponed")
    assert (postponed.home.name, postponed.away.name) == ("Manchester City FC", "Crystal Palace FC")
    assert (postponed.match_date, postponed.kick_off) == (date(2026, 3, 21), None)


@pytest.mark.real_data
def test_league_slugs_are_those_of_statsbombs_competitions(real_data: Path) -> None:
    competitions = json.loads((real_data / "statsbomb/competitions.json").read_text())
    theirs = {slug(c["competition_name"]) for c in competitions}
    ours = {league.competition.slug for code, league in openfootball.LEAGUES.items() if code[-1] == "1"}
    assert ours - theirs == {"simulated-league"}
