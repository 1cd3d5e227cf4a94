"""The oddities of the real data are where `TRAPS` says, and nowhere else."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

from fotmate_assets.embedded.sample.statsbomb import (
    DUPLICATE_SHIRT_TEAM,
    RESPELT_PLAYER,
    TRAPS,
    WITH_FRAMES,
)
from fotmate_assets_tests.embedded.sample_statsbomb.samples import (
    Folder,
    goals,
    name,
)


def test_the_cup_has_extra_time_and_a_shoot_out_kept_out_of_the_score(data: Folder) -> None:
    rows = data.read("matches", 9002, "902.json")
    assert [row["competition_stage"]["name"] for row in rows] == ["Semi-finals", "Semi-finals", "Final"]
    last_period = [max(event["period"] for event in data.events[row["match_id"]]) for row in rows]
    assert last_period == [4, 2, 5]
    extra, _, final = (data.events[row["match_id"]] for row in rows)
    regulation = goals(extra, (1, 2))
    sides = [rows[0]["home_team"]["home_team_id"], rows[0]["away_team"]["away_team_id"]]
    assert regulation[sides[0]] == regulation[sides[1]]
    assert rows[0]["home_score"] != rows[0]["away_score"]
    assert rows[2]["home_score"] == rows[2]["away_score"]
    kicks = goals(final, (5,))
    assert len({kicks[side] for side in {event["team"]["id"] for event in final}}) == 2, "somebody won the shoot-out"
    shootout = [event for event in final if event["period"] == 5 and name(event) == "Shot"]
    assert all(before["team"] != after["team"] for before, after in pairwise(shootout))
    winners = {
        row["home_team"]["home_team_id"] if row["home_score"] > row["away_score"] else row["away_team"]["away_team_id"]
        for row in rows[:2]
    }
    assert winners == {rows[2]["home_team"]["home_team_id"], rows[2]["away_team"]["away_team_id"]}


def absent(data: Folder, *path: str) -> set[int]:
    found = set()
    for match_id, row in data.matches.items():
        inner: Any = row
        for key in path[:-1]:
            inner = inner[key]
        if path[-1] not in inner:
            found.add(match_id)
    return found


def test_optional_keys_are_absent_exactly_where_the_traps_are(data: Folder) -> None:
    assert absent(data, "referee") == set(TRAPS["no_referee"])
    assert absent(data, "stadium") == set(TRAPS["no_stadium"])
    assert absent(data, "home_team", "managers") == set(TRAPS["no_managers"])
    assert absent(data, "metadata", "xy_fidelity_version") == set(TRAPS["no_xy_fidelity_version"])
    assert absent(data, "match_status_360") == set(TRAPS["no_360_keys"])
    plain = {match_id for match_id, row in data.matches.items() if "." not in row["last_updated"]}
    assert plain == set(TRAPS["updated_without_fraction"])


def test_frames_are_announced_once_without_a_file(data: Folder) -> None:
    announced = {i for i, row in data.matches.items() if row.get("match_status_360") == "available"}
    assert announced - set(WITH_FRAMES) == set(TRAPS["frames_announced_but_absent"])
    for match_id in WITH_FRAMES:
        by_id = {event["id"]: event for event in data.events[match_id]}
        frames = data.read("three-sixty", f"{match_id}.json")
        assert 0.5 * len(by_id) < len(frames) < len(by_id), "some events have no frame"
        for frame in frames:
            (actor,) = [person for person in frame["freeze_frame"] if person["actor"]]
            assert actor["location"] == by_id[frame["event_uuid"]]["location"]
            assert len(frame["visible_area"]) % 2 == 0
            assert frame["visible_area"][:2] == frame["visible_area"][-2:]


def test_coordinates_leave_the_pitch_only_where_the_trap_is(data: Folder) -> None:
    outside = defaultdict(set)
    for match_id, event in data.every_event():
        points = [event.get("location"), event.get("pass", {}).get("end_location")]
        points += [event.get("carry", {}).get("end_location"), event.get("shot", {}).get("end_location")]
        for point in filter(None, points):
            assert point[0] >= 0.1 and point[1] >= 0.1
            if point[0] > 120 or point[1] > 80:
                outside[match_id].add(point[0] if point[0] > 120 else point[1])
    assert outside == {TRAPS["outside_the_pitch"][0]: {120.9, 80.7}}


def test_squads_have_the_oddities_of_real_ones(data: Folder) -> None:
    names: dict[int, set[str]] = defaultdict(set)
    nicknames, benched, doubled = set(), 0, set()
    for sides in data.lineups.values():
        for side in sides:
            shirts = Counter(player["jersey_number"] for player in side["lineup"])
            doubled |= {side["team_id"]} if max(shirts.values()) == 2 else set()
            for player in side["lineup"]:
                names[player["player_id"]].add(player["player_name"])
                nicknames.add(player["player_nickname"] is None)
                benched += not player["positions"]
    assert doubled == {DUPLICATE_SHIRT_TEAM}
    assert nicknames == {True, False}
    assert benched > 33
    assert {player for player, spellings in names.items() if len(spellings) == 2} == {RESPELT_PLAYER}
    assert any(not text.isascii() for spellings in names.values() for text in spellings)


def test_a_first_half_overlaps_the_second_on_the_match_clock(data: Folder) -> None:
    for match_id in TRAPS["long_first_half"]:
        assert max(event["minute"] for event in data.events[match_id] if event["period"] == 1) >= 48
        assert min(event["minute"] for event in data.events[match_id] if event["period"] == 2) == 45
