"""Real StatsBomb files against values that were read from them by hand."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fotmate_assets.core.documents import FolderSource
from fotmate_assets.core.model import RawDocument
from fotmate_assets.football.model import Event, MatchAggregate, PlayerMatchStats, scoreline
from fotmate_assets.football.sources.statsbomb.parse import (
    CatalogueSeason,
    parse_competitions,
    parse_frames,
    parse_match,
    parse_match_list,
)
from fotmate_assets.football.stats import minutes_played, period_lengths_ms

pytestmark = pytest.mark.real_data

PREMIER_LEAGUE, WORLD_CUP = "premier-league_2003-2004", "womens-world-cup_2019"
ARSENAL = "1"
HENRY, CAMPBELL, LI, PIRES, LAUREN = "15516", "15637", "40287", "19312", "40222"


class OpenData:
    """The folder of real files."""

    def __init__(self, folder: Path) -> None:
        self.documents = FolderSource("statsbomb", folder)

    def document(self, name: str) -> RawDocument:
        document = self.documents.fetch(name)
        assert document is not None
        return document

    def optional(self, name: str) -> RawDocument | None:
        return self.document(name) if (self.documents.root / name).exists() else None

    def catalogue(self) -> dict[str, CatalogueSeason]:
        return {found.season.key: found for found in parse_competitions(self.document("competitions.json"))}

    def season(self, key: str) -> dict[str, MatchAggregate]:
        listed = parse_match_list(self.document(self.catalogue()[key].matches_document))
        return {
            str(match_id): parse_match(
                one, key, self.document(f"events/{match_id}.json"), self.optional(f"lineups/{match_id}.json")
            )
            for match_id, one in listed.items()
        }


@pytest.fixture(scope="module")
def data(real_data: Path) -> OpenData:
    folder = real_data / "statsbomb"
    if not folder.is_dir():
        pytest.skip(f"no real StatsBomb files at {folder}")
    return OpenData(folder)


@pytest.fixture(scope="module")
def league(data: OpenData) -> dict[str, MatchAggregate]:
    return data.season(PREMIER_LEAGUE)


@pytest.fixture(scope="module")
def cup(data: OpenData) -> dict[str, MatchAggregate]:
    return data.season(WORLD_CUP)


def stats_of(match: MatchAggregate, player: str) -> PlayerMatchStats:
    return next(line for line in match.stats if line.player == player)


def clock(event: Event) -> str:
    return f"{event.minute}:{event.second:02d}"


def goals(match: MatchAggregate) -> list[tuple[str | None, str]]:
    return [
        (event.player, clock(event))
        for event in match.events
        if event.period < 5 and event.event_type == "Shot" and event.outcome == "Goal"
    ]


def scores(matches: dict[str, MatchAggregate]) -> list[tuple[str, tuple[int | None, int | None], tuple[int, int]]]:
    """Match id, the score as stated and the score as the events tell it."""
    told = []
    for match_id, aggregate in matches.items():
        match = aggregate.match
        counted = scoreline(aggregate.events, match.home.provider_id, match.away.provider_id)
        told.append((match_id, (match.home_score, match.away_score), (counted.home, counted.away)))
    return told


def test_the_catalogue_has_seventy_one_seasons_with_keys_of_their_own(data: OpenData) -> None:
    catalogue = data.catalogue()
    assert len(catalogue) == 71
    assert {PREMIER_LEAGUE, WORLD_CUP, "la-liga_2020-2021", "1-bundesliga_2015-2016"} <= catalogue.keys()
    assert (catalogue[WORLD_CUP].competition_id, catalogue[WORLD_CUP].season_id) == (72, 30)


def test_the_season_has_every_event_and_every_score(league: dict[str, MatchAggregate]) -> None:
    assert len(league) == 38
    assert sum(len(match.events) for match in league.values()) == 129_401
    assert [one for one in scores(league) if one[1] != one[2]] == []
    assert all(match.match.status == "played" for match in league.values())
    assert all([e.index for e in match.events] == [*range(1, len(match.events) + 1)] for match in league.values())


def test_the_season_in_numbers(league: dict[str, MatchAggregate]) -> None:
    lines = [line for match in league.values() for line in match.stats]
    assert sum(line.shots for line in lines) == 929
    assert sum(line.goals for line in lines) == 94
    assert sum(line.own_goals for line in lines) == 5
    assert sum(line.yellow_cards for line in lines) == 125
    assert sum(line.red_cards for line in lines) == 6
    assert sum(event.event_type == "Substitution" for match in league.values() for event in match.events) == 178
    scorers: Counter[str] = Counter()
    for line in lines:
        scorers[line.player] += line.goals
    assert scorers.most_common(2) == [(HENRY, 30), (PIRES, 14)]


def test_arsenal_were_not_beaten(league: dict[str, MatchAggregate]) -> None:
    results: Counter[str] = Counter()
    for aggregate in league.values():
        match = aggregate.match
        ahead = (match.home_score or 0) - (match.away_score or 0)
        ahead *= 1 if match.home.provider_id == ARSENAL else -1
        results["won" if ahead > 0 else "drawn" if ahead == 0 else "lost"] += 1
    assert results == {"won": 26, "drawn": 12}


def test_arsenal_beat_liverpool_4_2_with_three_goals_by_henry(league: dict[str, MatchAggregate]) -> None:
    match = league["3749448"]
    about = match.match
    assert (about.home.name, about.home_score, about.away_score, about.away.name) == ("Arsenal", 4, 2, "Liverpool")
    assert (about.venue, about.referee, about.matchday) == ("Highbury Stadium", None, 31)
    assert about.kick_off is not None
    assert about.kick_off.astimezone(UTC) == datetime(2004, 4, 9, 12, 30, tzinfo=UTC), "13:30 in British summer"
    assert about.updated_at == datetime(2020, 7, 29, 5, tzinfo=UTC)
    assert goals(match) == [
        ("34389", "4:52"),
        (HENRY, "30:05"),
        ("15665", "41:23"),
        (PIRES, "48:35"),
        (HENRY, "49:43"),
        (HENRY, "76:54"),
    ]
    henry = stats_of(match, HENRY)
    assert (henry.goals, henry.shots, henry.shots_on_target) == (3, 9, 4)
    assert (henry.passes, henry.passes_completed) == (27, 19)
    assert henry.xg == pytest.approx(1.440858796)
    assert henry.minutes == pytest.approx((47 * 60 + 0.618 + 47 * 60 + 20.188) / 60)
    assists = {line.player: line.assists for line in match.stats if line.assists}
    assert assists == {"19109": 2, PIRES: 1, "15754": 1, "40221": 1}
    assert stats_of(match, PIRES).minutes == pytest.approx((47 * 60 + 0.618 + 26 * 60 + 42.832) / 60)


def test_campbells_minutes_end_with_his_red_card(league: dict[str, MatchAggregate]) -> None:
    match = league["3749493"]
    (card,) = [event for event in match.events if event.player == CAMPBELL and event.card]
    assert (card.card, clock(card), card.event_type) == ("Red Card", "24:23", "Foul Committed")
    campbell = stats_of(match, CAMPBELL)
    assert campbell.minutes == pytest.approx((24 * 60 + 23.715) / 60)
    assert campbell.red_cards == 1
    spells = next(member.spells for member in match.lineups if member.player == CAMPBELL)
    assert spells[-1].to_clock_s is None, "StatsBomb's own spells let him play on"


def test_a_substitute_sent_off_played_in_between(league: dict[str, MatchAggregate]) -> None:
    li = stats_of(league["3749493"], LI)
    assert li.minutes == pytest.approx((41 * 60 + 46.635 - (22 * 60 + 7.646)) / 60)
    assert (li.yellow_cards, li.red_cards) == (1, 1)


def test_minutes_add_up_in_every_match_less_the_dismissals(league: dict[str, MatchAggregate]) -> None:
    short = {}
    for match_id, match in league.items():
        whole = sum(period_lengths_ms(match.events).values()) / 60_000
        missing = 22 * whole - sum(line.minutes or 0 for line in match.stats)
        if missing > 1e-6:
            short[match_id] = missing
    # Campbell and Li, Vieira, Cole, Anelka, Guðjohnsen
    assert short.keys() == {"3749493", "3749552", "3749590", "3749233", "3749276"}
    lengths = 47 * 60 + 2.686, 48 * 60 + 58.967
    gone = sum(lengths) - (24 * 60 + 23.715) + lengths[1] - (41 * 60 + 46.635)
    assert short["3749493"] == pytest.approx(gone / 60)


def test_own_goals_are_their_scorers_and_nobody_elses_goals(league: dict[str, MatchAggregate]) -> None:
    own_goals = {
        (match_id, event.player, clock(event))
        for match_id, match in league.items()
        for event in match.events
        if event.event_type == "Own Goal Against"
    }
    assert {(match_id, at) for match_id, _, at in own_goals} == {
        ("3749454", "9:42"),
        ("3749253", "30:41"),
        ("3749522", "12:47"),
        ("3749153", "46:21"),
        ("3749233", "36:26"),
    }
    assert ("3749454", LAUREN, "9:42") in own_goals
    for match_id, player, _ in own_goals:
        line = stats_of(league[match_id], player or "")
        assert (line.own_goals, line.goals) == (1, 0)
        against, benefit = (
            next(event for event in league[match_id].events if event.event_type == kind)
            for kind in ("Own Goal Against", "Own Goal For")
        )
        assert (against.x_m, against.y_m) == pytest.approx((-(benefit.x_m or 0), -(benefit.y_m or 0)))


def test_eleven_start_on_each_side_and_every_name_resolves(league: dict[str, MatchAggregate]) -> None:
    for match in league.values():
        starters = Counter(member.team for member in match.lineups if member.is_starter)
        assert set(starters.values()) == {11}
        known = {player.provider_id for player in match.players}
        assert {event.player for event in match.events} | {event.recipient for event in match.events} <= {None, *known}


def test_a_clock_that_runs_back_is_reported(league: dict[str, MatchAggregate]) -> None:
    warned = {match_id for match_id, match in league.items() if match.warnings}
    assert len(warned) == 12
    assert league["3749552"].warnings == ("1 events carry an earlier clock than the event before them",)


def test_norway_and_australia_drew_and_norway_won_on_penalties(cup: dict[str, MatchAggregate]) -> None:
    match = cup["68357"]
    about = match.match
    assert (about.home.name, about.away.name) == ("Norway Women's", "Australia Women's")
    assert (about.home_score, about.away_score) == (1, 1)
    assert (about.home_shootout, about.away_shootout) == (4, 1)
    assert [at for _, at in goals(match)] == ["30:50", "82:50"]
    assert sum(line.goals for line in match.stats) == 2
    kennedy = stats_of(match, "5078")
    assert kennedy.red_cards == 1
    assert kennedy.minutes == pytest.approx((49 * 60 + 4.426 + 49 * 60 + 59.353 + 13 * 60 + 27.366) / 60)
    assert "3 events carry an earlier clock than the event before them" in match.warnings


@pytest.mark.parametrize(
    ("match_id", "home", "away", "score", "last_goal"),
    [
        ("69137", "France Women's", "Brazil Women's", (2, 1), (4, "105:55")),
        ("69284", "Netherlands Women's", "Sweden Women's", (1, 0), (3, "98:55")),
    ],
)
def test_extra_time_decided_two_matches(
    match_id: str,
    home: str,
    away: str,
    score: tuple[int, int],
    last_goal: tuple[int, str],
    cup: dict[str, MatchAggregate],
) -> None:
    match = cup[match_id]
    about = match.match
    assert (about.home.name, about.away.name, about.home_score, about.away_score) == (home, away, *score)
    assert (about.home_shootout, about.away_shootout) == (None, None)
    scored = [event for event in match.events if event.event_type == "Shot" and event.outcome == "Goal"]
    assert (scored[-1].period, clock(scored[-1])) == last_goal
    played = minutes_played(match.events, match.lineups)
    assert played is not None
    assert max(played.values()) == pytest.approx(sum(period_lengths_ms(match.events).values()) / 60_000)
    assert max(played.values()) > 120


def test_the_world_cup_comes_without_lineups_and_says_so(cup: dict[str, MatchAggregate]) -> None:
    assert len(cup) == 3
    assert [one for one in scores(cup) if one[1] != one[2]] == []
    for match in cup.values():
        assert match.warnings[0] == "no lineups document: the squads are those that the events name"
        assert Counter(member.is_starter for member in match.lineups)[True] == 22


def test_a_permanent_player_off_ended_asllanis_semi_final(cup: dict[str, MatchAggregate]) -> None:
    before = sum(period_lengths_ms(cup["69284"].events)[period] for period in (1, 2, 3))
    asllani = stats_of(cup["69284"], "10220")
    assert asllani.minutes == pytest.approx((before + (21 * 60 + 21) * 1000 + 235) / 60_000)


def test_coordinates_beyond_the_pitch_are_kept_and_flagged(cup: dict[str, MatchAggregate]) -> None:
    def outside(match: MatchAggregate) -> int:
        return sum(
            event.out_of_bounds
            and event.provider_x is not None
            and event.provider_y is not None
            and not (0 <= event.provider_x <= 120 and 0 <= event.provider_y <= 80)
            for event in match.events
        )

    assert {match_id: outside(match) for match_id, match in cup.items()} == {"68357": 0, "69137": 1, "69284": 3}


def test_the_frames_of_the_euro_belong_to_events(data: OpenData) -> None:
    frames = parse_frames(data.document("three-sixty/3788741.json"))
    assert len(frames) == 3_470
    assert sum(len(frame.freeze_frame) for frame in frames) == 47_060
    content = data.document("events/3788741.json").content
    assert all(frame.event_uuid.encode() in content for frame in frames[::100])
    first = frames[0]
    assert (first.event_uuid, len(first.freeze_frame)) == ("bbc398f7-c784-4958-a504-37b583caf97a", 10)
    (actor,) = [person for person in first.freeze_frame if person.actor]
    assert actor.location == (60.068825, 39.671055)
