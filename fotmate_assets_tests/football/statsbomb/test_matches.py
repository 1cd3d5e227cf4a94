"""StatsBomb's lists of competitions and matches, and its 360 frames."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from fotmate_assets.embedded.sample.statsbomb import competition_row
from fotmate_assets.football.sources.statsbomb.parse import (
    parse_competitions,
    parse_frames,
    parse_match_list,
)
from fotmate_assets_tests.football.statsbomb.samples import (
    KEY,
    LIST,
    MISSING,
    Json,
    document,
    entry,
    event,
    named,
    parsed,
    refusal,
)


def test_every_field_of_a_match_is_where_it_belongs() -> None:
    match = parsed(None, row=entry(home_score=2, away_score=1, match_week=7)).match
    assert (match.provider, match.provider_match_id, match.season_key) == ("statsbomb", "100", KEY)
    assert (match.home.provider_id, match.home.name, match.home.gender, match.home.country) == (
        "1",
        "Home",
        "male",
        "England",
    )
    assert (match.away.provider_id, match.away.name) == ("2", "Away")
    assert (match.home_score, match.away_score, match.matchday, match.status) == (2, 1, 7, "played")
    assert (match.stage, match.venue, match.referee) == ("Regular Season", "The Ground", "Réf")
    assert match.match_date == date(2003, 8, 16)


def test_the_kick_off_is_local_to_the_stadium() -> None:
    summer = parsed(None).match.kick_off
    assert summer is not None
    assert summer.astimezone(UTC) == datetime(2003, 8, 16, 15, tzinfo=UTC)
    abroad = entry(stadium={"id": 1, "name": "Parc", "country": named("France")}, match_date="2003-12-16")
    winter = parsed(None, row=abroad).match.kick_off
    assert winter is not None
    assert winter.astimezone(UTC) == datetime(2003, 12, 16, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "changes",
    [
        {"kick_off": None},
        {"kick_off": MISSING},
        {"stadium": {"id": 1, "name": "Soldier Field", "country": named("United States of America")}},
    ],
)
def test_a_kick_off_that_is_not_told_or_whose_zone_is_unsure_is_null(changes: Json) -> None:
    match = parsed(None, row=entry(**changes)).match
    assert match.kick_off is None
    assert match.match_date == date(2003, 8, 16)


def test_what_older_seasons_leave_out_may_be_absent() -> None:
    gone = dict.fromkeys(
        ("referee", "stadium", "metadata", "match_status_360", "last_updated", "last_updated_360", "competition_stage"),
        MISSING,
    )
    row = entry(**gone, match_week=MISSING)
    for side in ("home", "away"):
        row[f"{side}_team"] = {key: row[f"{side}_team"][key] for key in (f"{side}_team_id", f"{side}_team_name")}
    match = parsed([event("Half Start", 1)], row=row).match
    assert {match.referee, match.venue, match.stage, match.updated_at, match.matchday, match.home.country} == {None}
    assert match.kick_off is not None, "the competition's country tells the zone"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-07-29T05:00", datetime(2020, 7, 29, 5, tzinfo=UTC)),
        ("2023-02-08T17:23:53.901920", datetime(2023, 2, 8, 17, 23, 53, 901920, tzinfo=UTC)),
        ("2021-06-13T16:17:31.694", datetime(2021, 6, 13, 16, 17, 31, 694000, tzinfo=UTC)),
        ("2021-06-13T16:17:31Z", datetime(2021, 6, 13, 16, 17, 31, tzinfo=UTC)),
        ("2021-06-13T16:17:31+02:00", datetime(2021, 6, 13, 14, 17, 31, tzinfo=UTC)),
    ],
)
def test_last_updated_comes_with_and_without_a_fraction(text: str, expected: datetime) -> None:
    assert parsed(None, row=entry(last_updated=text)).match.updated_at == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("available", "played"),
        ("processing", "played"),
        ("scheduled", "scheduled"),
        ("postponed", "postponed"),
        ("cancelled", "cancelled"),
    ],
)
def test_a_match_without_events_is_a_fixture_of_its_status(status: str, expected: str) -> None:
    aggregate = parsed(None, None, entry(match_status=status, home_score=None, away_score=None))
    assert aggregate.match.status == expected
    assert (aggregate.events, aggregate.lineups, aggregate.stats) == ((), (), ())


def test_a_listed_match_keeps_the_bytes_that_list_it() -> None:
    rows = [entry(), entry(match_id=101, home_score=3)]
    spaced = b"[\n " + b" ,\n".join(json.dumps(row).encode() for row in rows) + b" ]"
    listed = parse_match_list(document(LIST, spaced))
    assert [json.loads(one.slice) for one in listed.values()] == rows


def catalogue(*rows: Json) -> list[str]:
    return [found.season.key for found in parse_competitions(document("competitions.json", list(rows)))]


def competition(number: int, country: str, name: str, season: str, season_id: int = 1, **changes: Any) -> Json:
    return {**competition_row(number, season_id, name, season), "country_name": country, **changes}


def test_a_season_of_the_catalogue_says_where_its_matches_are() -> None:
    (found,) = parse_competitions(
        document(
            "competitions.json",
            [competition(72, "International", "Women's World Cup", "2019", 30, competition_gender="female")],
        )
    )
    assert (found.season.key, found.season.name) == ("womens-world-cup_2019", "2019")
    assert found.matches_document == "matches/72/30.json"
    assert (found.season.competition.slug, found.season.competition.gender) == ("womens-world-cup", "female")


def test_a_competition_name_shared_by_two_countries_gets_the_country_in_front() -> None:
    keys = catalogue(
        competition(2, "England", "Premier League", "2003/2004", 44),
        competition(2, "England", "Premier League", "2015/2016", 27),
        competition(900, "Côte d'Ivoire", "Premier League", "2015/2016", 27),
        competition(11, "Spain", "La Liga", "2015/2016", 27),
    )
    assert keys == [
        "england-premier-league_2003-2004",
        "england-premier-league_2015-2016",
        "cote-divoire-premier-league_2015-2016",
        "la-liga_2015-2016",
    ]


def test_seasons_whose_keys_collide_are_refused_by_name() -> None:
    rows = [
        competition(2, "England", "Premier League", "2003/2004", 44),
        competition(2, "England", "Premier League", "2003-2004", 45),
    ]
    error = refusal(lambda: catalogue(*rows))
    assert (error.document, error.field) == ("competitions.json", "[1].season_name")
    assert "premier-league_2003-2004" in error.reason
    assert error.content is not None


def test_a_season_without_a_plain_letter_is_refused_by_name() -> None:
    error = refusal(lambda: catalogue(competition(9, "China", "超级联赛", "2024")))
    assert (error.document, error.field) == ("competitions.json", "[0].season_name")


def test_the_old_catalogue_lacks_the_newer_keys() -> None:
    row = competition(2, "England", "Premier League", "2003/2004")
    old = {key: row[key] for key in ("competition_id", "season_id", "country_name", "competition_name", "season_name")}
    assert catalogue(old) == ["premier-league_2003-2004"]


def test_frames_are_read_with_and_without_a_visible_area() -> None:
    people = [{"teammate": True, "actor": True, "keeper": False, "location": [60.5, 40.25]}]
    frames = parse_frames(
        document(
            "three-sixty/100.json",
            [
                {"event_uuid": "a", "visible_area": [0.0, 1.5, 2, 3], "freeze_frame": people},
                {"event_uuid": "b", "freeze_frame": []},
            ],
        )
    )
    assert [(frame.event_uuid, len(frame.freeze_frame)) for frame in frames] == [("a", 1), ("b", 0)]
    assert frames[0].freeze_frame[0].location == (60.5, 40.25)


def test_a_frame_that_is_none_is_refused_by_name() -> None:
    error = refusal(lambda: parse_frames(document("three-sixty/100.json", [{"event_uuid": "a", "freeze_frame": [{}]}])))
    assert (error.document, error.field) == ("three-sixty/100.json", "[0].freeze_frame[0].teammate")
