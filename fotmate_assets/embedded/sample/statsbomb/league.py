"""The sample world: a league season and a cup, with every trap of the real data in a known place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

from fotmate_assets.embedded.sample.statsbomb.files import competition_row, write_season
from fotmate_assets.embedded.sample.statsbomb.match import SampleMatch, simulate_match
from fotmate_assets.embedded.sample.statsbomb.squads import SampleTeam, generator, sample_team
from fotmate_assets.embedded.sample.statsbomb.vocabulary import HALF_START, PASS, PRESSURE, Incident, Json, Term

LEAGUE = competition_row()
CUP = competition_row(9002, 902, "Simulated Cup", "2025", updated="2025-12-20T08:30:00.000000")
FIRST_LEAGUE_MATCH, FIRST_CUP_MATCH = 9_001_001, 9_002_001
_TEAMS = (
    "Ærøhavn Simulerede",
    "Borgø Sample Rovers",
    "Città Finta",
    "Dvořín Modelový",
    "Estádio Fictício",
    "Fjällby Låtsas",
)
_FORMATIONS = (442, 4231, 433, 352, 442, 433)

INCIDENTS: dict[int, tuple[Incident, ...]] = {
    9_001_001: (Incident.LONG_FIRST_HALF, Incident.PENALTY_SCORED, Incident.SHIELD),
    9_001_002: (Incident.RED_CARD, Incident.FIFTY_FIFTY),
    9_001_003: (Incident.SECOND_YELLOW, Incident.OFFSIDE),
    9_001_004: (Incident.OWN_GOAL, Incident.CAMERA),
    9_001_005: (Incident.OWN_GOAL_NAMED, Incident.ERROR),
    9_001_006: (Incident.INJURY, Incident.HALF_TIME_SUBSTITUTION),
    9_001_007: (Incident.PERMANENT_OFF, Incident.BAD_BEHAVIOUR),
    9_001_008: (Incident.INJURY_SUBSTITUTION, Incident.PENALTY_SAVED),
    9_001_019: (Incident.RED_CARD, Incident.PENALTY_SCORED, Incident.ERROR, Incident.SHIELD),
    9_001_024: (Incident.INJURY, Incident.BAD_BEHAVIOUR, Incident.OFFSIDE, Incident.FIFTY_FIFTY),
    9_002_001: (Incident.INJURY_SUBSTITUTION, Incident.OFFSIDE),
    9_002_003: (Incident.LONG_FIRST_HALF, Incident.FIFTY_FIFTY),
}
"""What each match is told to contain, besides what chance brings."""

WITH_FRAMES = (9_001_001, 9_002_003)
"""Matches with a 360 file."""

TRAPS: dict[str, tuple[int, ...]] = {
    "clock_runs_back": (9_001_009,),
    "outside_the_pitch": (9_001_010,),
    "frames_announced_but_absent": (9_001_011,),
    "no_referee": (9_001_012, 9_001_013),
    "no_stadium": (9_001_014,),
    "no_managers": (9_001_015,),
    "no_xy_fidelity_version": (9_001_016,),
    "updated_without_fraction": (9_001_017, 9_001_018),
    "second_spelling": tuple(range(9_001_016, 9_001_031)),
    "long_first_half": (9_001_001, 9_002_003),
    "own_goal_without_player": (9_001_004,),
    "own_goal_for_with_player": (9_001_005,),
    "sent_off_but_spell_open": (9_001_002, 9_001_003, 9_001_019),
    "no_360_keys": (9_001_020,),
}
"""Match ids per trap of the real data.

`clock_runs_back`: a timestamp earlier than that of the index before. `outside_the_pitch`: a location at y = 80.7
and an end_location at x = 120.9. `second_spelling`: from here on player 910102 is spelt differently.
`sent_off_but_spell_open`: as in the real files a player sent off keeps an open spell to the final whistle.
`no_360_keys`: match_status_360 and last_updated_360 are missing, as in older seasons.
In every match: nicknames that are null, benches with empty positions, halves that overlap on the match clock.
In every match of `DUPLICATE_SHIRT_TEAM`: two players with one shirt number.
"""
RESPELT_PLAYER = 910_102
DUPLICATE_SHIRT_TEAM = 9102


def teams(seed: int) -> list[SampleTeam]:
    """The six teams, 9101 to 9106."""
    found = [
        sample_team(9101 + i, name, seed=seed, formation=formation)
        for i, (name, formation) in enumerate(zip(_TEAMS, _FORMATIONS, strict=True))
    ]
    doubled = found[1]
    *others, last = doubled.players
    found[1] = replace(doubled, players=(*others, replace(last, shirt_number=others[-1].shirt_number)))
    return found


def league_matches(seed: int = 2026, *, traps: bool = True) -> Iterator[SampleMatch]:
    """The 30 matches of the double round robin, in order of match week; without `traps`, as clean as data gets."""
    sides = teams(seed)
    match_id = FIRST_LEAGUE_MATCH
    for week, pairs in enumerate(_round_robin(len(sides)), start=1):
        day = date(2025, 8, 9) + timedelta(weeks=week)
        for order, (home, away) in enumerate(pairs):
            names = [_respelt(sides[i]) if match_id in TRAPS["second_spelling"] else sides[i] for i in (home, away)]
            match = simulate_match(
                match_id,
                *names,
                seed=seed,
                incidents=INCIDENTS.get(match_id, ()),
                with_frames=match_id in WITH_FRAMES,
                match_date=str(day + timedelta(days=order % 2)),
                kick_off_time=("15:00:00.000", "17:30:00.000", "20:45:00.000")[order],
                match_week=week,
            )
            if traps:
                _doctor(match)
            yield match
            match_id += 1


def cup_matches(seed: int = 2026) -> list[SampleMatch]:
    """Two semi-finals, the first decided in extra time, and a final decided by a shoot-out."""
    one, two, three, four, *_ = teams(seed)
    semi, final = Term(15, "Semi-finals"), Term(26, "Final")
    drawn = generator(seed, "cup").sample((one, two, three, four), 4)
    matches = []
    winners = []
    for i, (home, away) in enumerate((drawn[:2], drawn[2:])):
        match = simulate_match(
            FIRST_CUP_MATCH + i,
            home,
            away,
            seed=seed,
            extra_time=i == 0,
            decisive=True,
            incidents=INCIDENTS.get(FIRST_CUP_MATCH + i, ()),
            match_date=f"2025-12-1{i}",
            kick_off_time="20:00:00.000",
            stage=semi,
        )
        matches.append(match)
        winners.append(home if match.match["home_score"] > match.match["away_score"] else away)
    last = FIRST_CUP_MATCH + 2
    matches.append(
        simulate_match(
            last,
            *winners,
            seed=seed,
            shootout=True,
            incidents=INCIDENTS[last],
            with_frames=True,
            match_date="2025-12-19",
            kick_off_time="19:00:00.000",
            match_week=2,
            stage=final,
        )
    )
    return matches


def write_open_data(folder: Path, *, seed: int = 2026, traps: bool = True) -> None:
    """Write the sample world as an open-data folder: competition 9001 (30 matches) and 9002 (3 matches).

    Equal seeds give equal bytes. Where the traps are: `TRAPS`; what each match contains: `INCIDENTS`.
    """
    write_season(folder, LEAGUE, list(league_matches(seed, traps=traps)))
    write_season(folder, CUP, cup_matches(seed))


def _round_robin(size: int) -> Iterator[list[tuple[int, int]]]:
    ring = list(range(1, size))
    rounds = []
    for turn in range(size - 1):
        order = [0, *ring[turn:], *ring[:turn]]
        pairs = list(zip(order[: size // 2], reversed(order[size // 2 :]), strict=True))
        rounds.append(pairs if turn % 2 else [(away, home) for home, away in pairs])
    yield from rounds
    yield from ([(away, home) for home, away in pairs] for pairs in rounds)


def _respelt(team: SampleTeam) -> SampleTeam:
    players = tuple(
        replace(player, name=player.name.replace(" ", "-")) if player.id == RESPELT_PLAYER else player
        for player in team.players
    )
    return replace(team, players=players)


def _doctor(match: SampleMatch) -> None:
    row, traps = match.match, {name for name, ids in TRAPS.items() if match.id in ids}
    if "clock_runs_back" in traps:
        _turn_clock_back(match.events)
    if "outside_the_pitch" in traps:
        _leave_pitch(match.events)
    if "frames_announced_but_absent" in traps:
        row["match_status_360"] = "available"
    if "no_referee" in traps:
        del row["referee"]
    if "no_stadium" in traps:
        del row["stadium"]
    if "no_managers" in traps:
        del row["home_team"]["managers"]
    if "no_xy_fidelity_version" in traps:
        del row["metadata"]["xy_fidelity_version"]
    if "updated_without_fraction" in traps:
        row["last_updated"] = row["last_updated"].partition(":")[0] + ":00"
    if "no_360_keys" in traps:
        del row["match_status_360"], row["last_updated_360"]


def _turn_clock_back(events: list[Json]) -> None:
    starts = {id(event) for event in events if event["type"]["id"] == HALF_START.id}
    for before, event in pairwise(events):
        seconds = float(before["timestamp"][6:]) - 0.5
        if event["type"]["id"] == PRESSURE.id and seconds > 1 and id(before) not in starts:
            event["timestamp"] = f"{before['timestamp'][:6]}{seconds:06.3f}"
            event["minute"], event["second"] = before["minute"], int(seconds)
            return


def _leave_pitch(events: list[Json]) -> None:
    passes = [event for event in events if event["type"]["id"] == PASS.id]
    thrown = next(event for event in passes if event["location"][1] == 80.0)
    thrown["location"][1] = 80.7
    out = next(event for event in passes if event["pass"]["end_location"][0] == 120.0 and event is not thrown)
    out["pass"]["end_location"][0] = 120.9
    for event in (thrown, out):
        (x, y), (end_x, end_y) = event["location"], event["pass"]["end_location"]
        event["pass"]["length"] = round(math.dist((x, y), (end_x, end_y)), 6)
        event["pass"]["angle"] = round(math.atan2(end_y - y, end_x - x), 7)
