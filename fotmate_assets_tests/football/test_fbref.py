"""FBref pages into the domain model: synthetic pages doctored one thing at a time, and the real ones."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.embedded.sample import fbref as sample
from fotmate_assets.football.model import Card, MatchAggregate
from fotmate_assets.football.sources.fbref import (
    parse_match,
    parse_player_table,
    parse_schedule,
)
from fotmate_assets.football.sources.fbref.events import shown_clock
from fotmate_assets.football.sources.fbref.squads import birth_date

SEASON = "sample-league_2025-2026"
REPORT = sample.sample_report(0)
HOME, AWAY = REPORT.home, REPORT.away


def document(content: bytes, name: str = "page.html") -> RawDocument:
    return RawDocument("fbref", name, content, "file:///page.html", datetime(2026, 1, 1, tzinfo=UTC))


def parsed(report: sample.Report = REPORT, *, opta: bool = False, commented: bool = False) -> MatchAggregate:
    return parse_match(document(sample.match_report(report, opta=opta, commented=commented)), SEASON)


def doctored(old: str, new: str, *, opta: bool = False) -> RawDocument:
    """The sample report with one piece of its HTML replaced, everywhere."""
    page = sample.match_report(REPORT, opta=opta).decode()
    assert old in page
    return document(page.replace(old, new).encode())


def refused(page: RawDocument, parse: Callable[[RawDocument], object] | None = None) -> SourceError:
    with pytest.raises(SourceError) as caught:
        parse(page) if parse else parse_match(page, SEASON)
    assert caught.value.content == page.content
    return caught.value


def test_a_match_report_tells_the_match() -> None:
    match = parsed().match
    assert (match.provider, match.provider_match_id, match.season_key) == ("fbref", REPORT.id, SEASON)
    assert (match.home.provider_id, match.home.name) == (HOME.id, "Ashford Rovers")
    assert (match.away.provider_id, match.away.name) == (AWAY.id, "Bexley Town")
    assert (match.home_score, match.away_score, match.status) == (2, 2, "played")
    assert (match.home_shootout, match.away_shootout) == (None, None)
    assert match.match_date == date(2025, 8, 16)
    assert match.kick_off == datetime(2025, 8, 16, 14, 0, tzinfo=UTC)
    assert (match.matchday, match.stage) == (1, None)
    assert (match.venue, match.referee) == ("Ashford Rovers Park", "Nora Whistler")


def test_a_cup_round_is_a_stage_and_not_a_matchday() -> None:
    match = parsed(replace(REPORT, round_name="Quarter-finals")).match
    assert (match.matchday, match.stage) == (None, "Quarter-finals")


@pytest.mark.parametrize(
    ("name", "gender"),
    [
        ("Fenwick United", None),
        ("Tottenham Wanderers", None),
        ("Corby and Kettering", None),
        ("Évreux Athletic", None),
        ("Dunmore Women", "female"),
    ],
)
def test_a_team_has_its_full_name_with_its_accents(name: str, gender: str | None) -> None:
    report = sample.sample_report(1, name, "Ashford Rovers")
    page = sample.match_report(report).decode()
    page = page.replace(">Tottenham Wanderers<", ">Tottenham<").replace(
        ">Corby and Kettering<", ">Corby &amp; Kettering<"
    )
    team = parse_match(document(page.encode()), SEASON).match.home
    assert (team.provider_id, team.name, team.gender) == (report.home.id, name, gender)
    assert parse_schedule(document(sample.schedule([report], [])), SEASON)[0].match.home == team
    assert parse_player_table(document(sample.player_table([report])))[0].team_name == name


@given(cut=st.integers(1, 20_000))
def test_a_page_cut_short_is_refused(cut: int) -> None:
    page = sample.match_report(REPORT)
    assert refused(document(page[:-cut])).verdict is Verdict.MALFORMED


def test_a_report_of_a_match_to_come_has_no_score_and_needs_no_tables() -> None:
    page = sample.match_report(REPORT).decode().replace('<div class="score">2</div>', '<div class="score"></div>')
    page = page.partition('<div class="lineup"')[0] + "</body></html>"
    aggregate = parse_match(document(page.encode()), SEASON)
    assert (aggregate.match.status, aggregate.match.home_score, aggregate.events) == ("scheduled", None, ())


def test_lineups_tell_starters_bench_numbers_and_positions() -> None:
    lineups = [row for row in parsed().lineups if row.team == HOME.id]
    assert [row.is_starter for row in lineups] == [True] * 11 + [False] * 5
    assert [row.shirt_number for row in lineups] == list(range(1, 17))
    assert [row.position for row in lineups[:3]] == ["GK", "RB", "CB"]
    assert lineups[11].position == "CM"
    assert lineups[12].position is None


def test_a_booking_is_in_the_events_and_in_the_lineup() -> None:
    aggregate = parsed()
    booked = next(row for row in aggregate.lineups if row.cards)
    assert (booked.player, booked.cards) == (AWAY.squad[3].id, (Card("Yellow Card", 2, 87 * 60),))


def test_without_a_lineup_box_the_table_tells_who_started() -> None:
    page = sample.match_report(REPORT).decode()
    before, _, rest = page.partition('<div class="lineup" id="a">')
    page = before + '<div id="events_wrap">' + rest.partition('<div id="events_wrap">')[2]
    aggregate = parse_match(document(page.encode()), SEASON)
    home = {row.player: row.is_starter for row in aggregate.lineups if row.team == HOME.id}
    assert home == {man.id: man.is_starter for man in HOME.squad if man.minutes is not None}
    assert any("no lineup" in warning for warning in aggregate.warnings)


def test_players_lose_the_substitutes_indent_and_keep_their_accents() -> None:
    players = {player.provider_id: player for player in parsed().players}
    assert {player: told.name for player, told in players.items()} == {
        man.id: man.name for man in (*HOME.squad, *AWAY.squad)
    }
    assert players[HOME.squad[11].id].country == "England"


def test_age_in_years_and_days_gives_the_date_of_birth() -> None:
    players = {player.provider_id: player for player in parsed().players}
    for man in (*HOME.squad, *AWAY.squad):
        assert players[man.id].birth_date == (man.birth_date if man.minutes is not None else None)


@given(born=st.dates(date(1940, 1, 1), date(2010, 12, 31)), days=st.integers(0, 60 * 365))
def test_a_date_of_birth_is_recovered_from_an_age_or_left_unknown(born: date, days: int) -> None:
    assume((born.month, born.day) != (2, 29))
    on = date.fromordinal(born.toordinal() + days)
    birthday = born.replace(year=on.year if (on.month, on.day) >= (born.month, born.day) else on.year - 1)
    age = f"{birthday.year - born.year}-{(on - birthday).days:03d}"
    assert birth_date(age, on) in ({born, None} if (born.month, born.day) in ((2, 28), (3, 1)) else {born})


def test_an_age_without_days_or_around_29_february_gives_no_date_of_birth() -> None:
    assert birth_date("23", date(2025, 8, 15)) is None
    assert birth_date("", date(2025, 8, 15)) is None
    assert birth_date("21-010", date(2025, 3, 11)) is None
    assert birth_date("20-010", date(2024, 3, 10)) == date(2004, 2, 29)
    assert birth_date("20-010", date(2025, 3, 11)) == date(2005, 3, 1)


def test_events_are_gapless_and_carry_the_clock_but_no_coordinates() -> None:
    events = parsed().events
    assert [event.index for event in events] == list(range(1, 10))
    assert len({event.provider_event_id for event in events}) == len(events)
    penalty = next(event for event in events if event.subtype == "Penalty")
    assert (penalty.period, penalty.minute, penalty.timestamp_ms) == (1, 46, 46 * 60_000)
    last = events[-1]
    assert (last.period, last.timestamp_ms) == (2, (last.minute - 45) * 60_000)
    assert {event.x_m for event in events} == {None}


@pytest.mark.parametrize(
    ("minute", "added", "clock"),
    [
        *[(1, 0, (1, 0)), (45, 0, (1, 44)), (45, 2, (1, 46)), (46, 0, (2, 45)), (90, 4, (2, 93)), (91, 0, (3, 90))],
        *[(105, 1, (3, 105)), (106, 0, (4, 105)), (120, 3, (4, 122)), (0, 0, (1, 0))],
    ],
)
def test_a_shown_minute_is_the_one_under_way(minute: int, added: int, clock: tuple[int, int]) -> None:
    assert shown_clock(minute, added) == clock


def test_a_goal_is_a_shot_with_its_assist_in_the_details() -> None:
    goal = parsed().events[0]
    assert (goal.event_type, goal.outcome, goal.team, goal.player) == ("Shot", "Goal", HOME.id, HOME.squad[9].id)
    assert json.loads(goal.details or b"")["assist"] == HOME.squad[7].id


@pytest.mark.parametrize("column", ["a", "b"])
def test_an_own_goal_is_credited_to_the_side_whose_score_rises(column: str) -> None:
    lines = tuple(replace(line, side=column) if line.icon == "own_goal" else line for line in REPORT.lines)
    events = parsed(replace(REPORT, lines=lines)).events
    against = next(event for event in events if event.event_type == "Own Goal Against")
    scored = next(event for event in events if event.event_type == "Own Goal For")
    assert (against.team, against.player) == (HOME.id, HOME.squad[2].id)
    assert (scored.team, scored.player, scored.index) == (AWAY.id, None, against.index + 1)


def test_a_substitution_names_who_leaves_and_who_comes() -> None:
    substitution = next(event for event in parsed().events if event.event_type == "Substitution")
    assert (substitution.player, substitution.recipient) == (HOME.squad[9].id, HOME.squad[11].id)


def test_a_booked_manager_has_no_id_but_keeps_his_name() -> None:
    booked = next(event for event in parsed().events if event.card and event.player is None)
    assert (booked.team, booked.event_type) == (AWAY.id, "Bad Behaviour")
    assert json.loads(booked.details or b"")["name"] == "Otto Mänäger"


@pytest.mark.parametrize(
    ("icon", "card"), [("yellow_card", "Yellow Card"), ("yellow_red_card", "Second Yellow"), ("red_card", "Red Card")]
)
def test_each_card_icon_is_its_card(icon: str, card: str) -> None:
    lines = tuple(replace(line, icon=icon) if line.icon == "yellow_card" else line for line in REPORT.lines)
    assert {event.card for event in parsed(replace(REPORT, lines=lines)).events} == {None, card}


def test_a_shoot_out_stays_apart_from_the_score() -> None:
    kicks = [
        sample.Line("a", "", "penalty_shootout_goal", (HOME.squad[0].id, "One"), "1:0"),
        sample.Line("b", "", "penalty_shootout_miss", (AWAY.squad[0].id, "Two"), "1:0"),
    ]
    aggregate = parsed(replace(REPORT, lines=(*REPORT.lines, *kicks), shootout=(1, 0)))
    assert (aggregate.match.home_score, aggregate.match.home_shootout, aggregate.match.away_shootout) == (2, 1, 0)
    assert [(event.period, event.outcome) for event in aggregate.events[-2:]] == [(5, "Goal"), (5, None)]


def test_stats_of_a_page_with_opta_tables_are_merged_by_player() -> None:
    aggregate = parsed(opta=True)
    scorer = next(row for row in aggregate.stats if row.player == HOME.squad[9].id)
    assert (scorer.goals, scorer.shots, scorer.shots_on_target, scorer.passes, scorer.passes_completed) == (
        1,
        3,
        2,
        30,
        25,
    )
    assert scorer.xg == 1.0
    assert next(row for row in aggregate.stats if row.player == HOME.squad[7].id).key_passes == 2
    assert (scorer.advanced or {}).keys() >= {"pens_made", "touches", "progressive_passes", "cards_yellow_red"}
    keeper = next(row for row in aggregate.stats if row.player == HOME.squad[0].id)
    assert "gk_saves" in (keeper.advanced or {})
    assert "gk_save_pct" not in (keeper.advanced or {})
    assert aggregate.warnings == ()


def test_stats_of_a_page_without_opta_tables_count_0_and_say_so() -> None:
    aggregate = parsed()
    scorer = next(row for row in aggregate.stats if row.player == HOME.squad[9].id)
    assert (scorer.goals, scorer.passes, scorer.xg) == (1, 0, None)
    assert aggregate.warnings == tuple(
        f"the page has no column {stat}: counted 0"
        for stat in ("assisted_shots", "clearances", "passes", "passes_completed", "tackles")
    )


def test_minutes_add_up_and_the_footer_is_no_player() -> None:
    for aggregate in (parsed(), parsed(opta=True)):
        for side in (HOME, AWAY):
            rows = [row for row in aggregate.stats if row.team == side.id]
            assert (len(rows), sum(row.minutes or 0 for row in rows)) == (12, 990)


def test_an_own_goal_is_in_the_stats_whether_the_page_has_the_column_or_not() -> None:
    without = doctored('data-stat="own_goals"', 'data-stat="own_goals_gone"')
    for aggregate in (parsed(), parse_match(without, SEASON)):
        assert {row.player: row.own_goals for row in aggregate.stats if row.own_goals} == {HOME.squad[2].id: 1}


def test_tables_inside_comments_are_read_like_live_ones() -> None:
    for opta in (False, True):
        assert parsed(opta=opta, commented=True) == parsed(opta=opta)


def test_blank_counts_are_0_and_told() -> None:
    aggregate = parse_match(doctored('data-stat="interceptions">0', 'data-stat="interceptions">'), SEASON)
    assert f"stats_{HOME.id}_summary.interceptions: blank cells counted 0" in aggregate.warnings


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (f'id="stats_{HOME.id}_summary"', 'id="renamed"', f"stats_{HOME.id}_summary"),
        ('data-stat="shots"', 'data-stat="sh"', f"stats_{HOME.id}_summary.shots"),
        ('data-stat="goals">1', 'data-stat="goals">one', f"stats_{HOME.id}_summary.goals"),
        ('data-stat="goals">1', 'data-stat="goals">1.5', f"stats_{HOME.id}_summary.goals"),
        ("data-append-csv=", "data-other=", None),
        ('id="events_wrap"', 'id="events"', "#events_wrap"),
        ('class="scorebox"', 'class="box"', "div.scorebox"),
        ('class="score">2', 'class="score">two', "div.scorebox div.score"),
        ('event_icon goal"', 'event_icon var_check"', "#events_wrap div.event[1]"),
        ("55’", "later", "#events_wrap div.event[3]"),
        ("<span>1:2</span>", "<span>1:1</span>", "#events_wrap div.event[3]"),
        ('class="event b"', 'class="event c"', "#events_wrap div.event[2]"),
        (f"/en/matches/{REPORT.id}/", "/en/", "link[rel=canonical]"),
        ('data-venue-date="2025-08-16"', 'data-venue-date="today"', "span.venuetime"),
    ],
)
def test_a_changed_page_is_refused_naming_table_and_column(old: str, new: str, field: str | None) -> None:
    page = doctored(old, new)
    if field is None:  # the player's link still carries the id
        assert parse_match(page, SEASON) == parsed()
        return
    error = refused(page)
    assert (error.verdict, error.field) == (Verdict.MALFORMED, field)


def test_a_score_that_the_events_do_not_tell_is_refused() -> None:
    error = refused(document(sample.match_report(replace(REPORT, score=(3, 2)))))
    assert (error.verdict, error.field) == (Verdict.MALFORMED, "#events_wrap")
    assert "2-2" in error.reason
    assert "3-2" in error.reason


@pytest.mark.parametrize(
    "title", ["Just a moment...", "403 Forbidden", "Access denied | fbref.com", "Rate Limited Request (429 error)"]
)
def test_a_page_that_refuses_robots_is_blocked_for_every_reader(title: str) -> None:
    page = document(sample.challenge().replace(b"Just a moment...", title.encode()))
    for parse in (
        lambda page: parse_match(page, SEASON),
        lambda page: parse_schedule(page, SEASON),
        parse_player_table,
    ):
        error = refused(page, parse)
        assert error.verdict is Verdict.BLOCKED
        assert error.verdict.is_permanent


def test_bytes_that_are_no_text_are_malformed() -> None:
    assert refused(document(b"<html>\xff\xfe</html>")).verdict is Verdict.MALFORMED


def test_a_schedule_tells_played_matches_and_matches_to_come() -> None:
    fixture = sample.sample_report(3, "Dunmore", "Ashford Rovers")
    played, to_come = parse_schedule(document(sample.schedule([REPORT], [fixture])), SEASON)
    match = parsed().match
    assert played.match == replace(match, kick_off=match.kick_off)
    assert (to_come.match.status, to_come.match.home_score, to_come.match.referee) == ("scheduled", None, None)
    assert to_come.match.provider_match_id == f"{fixture.home.id}_{fixture.away.id}_2025-08-19"
    assert to_come.match.kick_off == fixture.kick_off


def test_a_schedule_reads_shoot_outs_and_notes() -> None:
    page = sample.schedule([replace(REPORT, shootout=(4, 3))], [REPORT]).decode()
    page = page.replace(
        '<td data-stat="notes"></td></tr></tbody>', '<td data-stat="notes">Match Postponed</td></tr></tbody>'
    )
    decided, postponed = (aggregate.match for aggregate in parse_schedule(document(page.encode()), SEASON))
    assert (decided.home_score, decided.away_score) == (2, 2)
    assert (decided.home_shootout, decided.away_shootout) == (4, 3)
    assert postponed.status == "postponed"


def test_a_schedule_of_another_season_is_refused() -> None:
    error = refused(
        document(sample.schedule([REPORT], [])), lambda page: parse_schedule(page, "sample-league_2024-2025")
    )
    assert (error.verdict, error.field) == (Verdict.MALFORMED, "sched_2024-2025_*")


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("2–2", "2 to 2", "score"),
        ('data-stat="home_team"', 'data-stat="home"', "home_team"),
        (">2025-08-16<", ">soon<", "date"),
    ],
)
def test_a_changed_schedule_is_refused_naming_the_column(old: str, new: str, column: str) -> None:
    page = sample.schedule([REPORT], []).decode()
    assert old in page
    error = refused(document(page.replace(old, new).encode()), lambda page: parse_schedule(page, SEASON))
    assert (error.verdict, error.field) == (Verdict.MALFORMED, f"sched_2025-2026_9_1.{column}")


def test_a_player_table_inside_a_comment_has_one_row_per_player_and_club() -> None:
    moved = replace(AWAY.squad[1], id=HOME.squad[1].id, name=HOME.squad[1].name)
    report = replace(REPORT, away=replace(AWAY, squad=(AWAY.squad[0], moved, *AWAY.squad[2:])))
    rows = parse_player_table(document(sample.player_table([report, report])))
    assert len(rows) == 24
    assert [row.team for row in rows if row.player == moved.id] == [HOME.id, AWAY.id]
    first = rows[0]
    assert (first.name, first.team_name, first.nation) == (HOME.squad[0].name, "Ashford Rovers", "ENG")
    assert first.birth_year == HOME.squad[0].birth_date.year
    assert first.stats == {"games": 2, "minutes": 180, "goals": 0}


def test_a_player_table_page_without_its_table_is_refused() -> None:
    page = sample.player_table([REPORT]).replace(b'id="stats_standard"', b'id="standard"')
    assert refused(document(page), parse_player_table).field == "stats_*.player"


def test_the_sample_pages_make_a_season_that_can_be_read() -> None:
    pages = sample.sample_pages()
    scheduled = parse_schedule(document(pages["schedule.html"]), SEASON)
    reports = {name for name in pages if name.startswith("matches/")}
    played = [aggregate.match for aggregate in scheduled if aggregate.match.status == "played"]
    assert {f"matches/{match.provider_match_id}.html" for match in played} == reports
    for match in played:
        read = parse_match(document(pages[f"matches/{match.provider_match_id}.html"]), SEASON)
        assert read.match == match
    assert pages == sample.sample_pages()


def real(folder: Path, name: str) -> RawDocument:
    return document((folder / "fbref" / name).read_bytes(), name)


@pytest.mark.real_data
def test_the_real_match_report_reads_as_by_hand(real_data: Path) -> None:
    page = real(real_data, "match_a071faa8_Liverpool-Bournemouth_2025-08-15.html")
    aggregate = parse_match(page, "premier-league_2025-2026")
    match = aggregate.match
    assert (match.provider_match_id, match.home.name, match.away.name) == ("a071faa8", "Liverpool", "Bournemouth")
    assert (match.home_score, match.away_score, match.matchday) == (4, 2, 1)
    assert (match.referee, match.venue) == ("Anthony Taylor", "Anfield, Liverpool")
    assert match.kick_off == datetime(2025, 8, 15, 19, 0, tzinfo=UTC)
    for team, appeared in ((match.home, 16), (match.away, 15)):
        rows = [row for row in aggregate.stats if row.team == team.provider_id]
        assert (len(rows), sum(row.minutes or 0 for row in rows)) == (appeared, 990)
        lineup = [row for row in aggregate.lineups if row.team == team.provider_id]
        assert (sum(bool(row.is_starter) for row in lineup), len(lineup)) == (11, 20)
    kinds = [(event.event_type, event.card) for event in aggregate.events]
    assert (kinds.count(("Shot", None)), kinds.count(("Substitution", None))) == (6, 9)
    assert kinds.count(("Bad Behaviour", "Yellow Card")) == 3
    born = {player.name: player.birth_date for player in aggregate.players}
    assert born["Hugo Ekitike"] == date(2002, 6, 20)
    assert born["Joe Gomez"] == date(1997, 5, 23)
    assert aggregate.warnings == ()


@pytest.mark.real_data
def test_the_real_player_tables_read_as_by_hand(real_data: Path) -> None:
    rows = parse_player_table(real(real_data, "players_premier-league_2024-2025_standard.html"))
    players = [row.player for row in rows]
    assert len(rows) == 574
    assert sum(players.count(player) == 2 for player in set(players)) == 12
    assert len({row.team for row in rows}) == 20
    keepers = parse_player_table(real(real_data, "players_premier-league_2024-2025_keeper.html"))
    assert {"gk_saves", "gk_save_pct"} <= keepers[0].stats.keys()


@pytest.mark.real_data
def test_the_real_date_page_gives_the_two_matches_of_its_league(real_data: Path) -> None:
    matches = [
        aggregate.match
        for aggregate in parse_schedule(real(real_data, "date_page_2025-12-07.html"), "premier-league_2025-2026")
    ]
    assert [(match.home.name, match.away.name, match.matchday) for match in matches] == [
        ("Brighton and Hove Albion", "West Ham United", 15),
        ("Fulham", "Crystal Palace", 15),
    ]
    assert {match.match_date for match in matches} == {date(2025, 12, 7)}
    assert {match.status for match in matches} == {"scheduled"}


@pytest.mark.real_data
def test_the_real_date_page_tells_womens_sides_from_mens(real_data: Path) -> None:
    page = real(real_data, "date_page_2025-12-07.html")
    matches = [aggregate.match for aggregate in parse_schedule(page, "womens-super-league_2025-2026")]
    teams = {team.name: team.gender for match in matches for team in (match.home, match.away)}
    assert len(teams) == 10
    assert {name for name, gender in teams.items() if gender != "female"} == {"London City Lionesses"}
    assert "Manchester United Women" in teams


@pytest.mark.real_data
def test_the_real_challenge_page_is_blocked(real_data: Path) -> None:
    assert refused(real(real_data, "cloudflare_challenge_2026-05.html")).verdict is Verdict.BLOCKED
