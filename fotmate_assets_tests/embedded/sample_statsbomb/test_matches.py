"""The files of the sample world hang together: ids, clocks, possessions, scores."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

from fotmate_assets.embedded.sample.statsbomb import (
    TRAPS,
    WITH_FRAMES,
    sample_team,
    simulate_match,
)
from fotmate_assets_tests.embedded.sample_statsbomb.samples import (
    BASE_MINUTE,
    Folder,
    goals,
    milliseconds,
    name,
)


def test_the_folder_has_the_open_data_layout(data: Folder) -> None:
    catalogue = {(row["competition_id"], row["season_id"]): row for row in data.read("competitions.json")}
    assert set(catalogue) == {(9001, 901), (9002, 902)}
    assert catalogue[9001, 901]["competition_name"] == "Simulated League"
    assert catalogue[9001, 901]["country_name"] == "Simulated"
    assert catalogue[9002, 902]["competition_name"] == "Simulated Cup"
    league = data.read("matches", 9001, "901.json")
    assert Counter(row["match_week"] for row in league) == dict.fromkeys(range(1, 11), 3)
    pairs = Counter((row["home_team"]["home_team_id"], row["away_team"]["away_team_id"]) for row in league)
    assert len(pairs) == 30 == sum(pairs.values()), "a double round robin of six has every ordered pair once"
    for week in range(1, 11):
        ids = [
            row[f"{side}_team"][f"{side}_team_id"]
            for row in league
            if row["match_week"] == week
            for side in ("home", "away")
        ]
        assert len(set(ids)) == 6
    files = {int(file.stem) for file in data.path.glob("events/*.json")}
    assert files == set(data.matches) == {int(file.stem) for file in data.path.glob("lineups/*.json")}
    assert {int(file.stem) for file in data.path.glob("three-sixty/*.json")} == set(WITH_FRAMES)


def test_the_same_seed_writes_the_same_bytes_in_another_process(data: Folder, tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from fotmate_assets.embedded.sample.statsbomb import write_open_data;"
        "write_open_data(pathlib.Path(sys.argv[1]), seed=2026)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, env=environment)

    def digests(folder: Path) -> dict[str, str]:
        return {
            str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in folder.rglob("*.json")
        }

    assert digests(tmp_path) == digests(data.path)


def test_another_seed_is_another_match() -> None:
    home, away = sample_team(1, "A"), sample_team(2, "B")
    one, same, other = (simulate_match(5, home, away, seed=seed, minutes_scale=0.08) for seed in (1, 1, 2))
    assert one == same
    assert one.events != other.events


def test_indexes_are_gapless_and_ids_unique(data: Folder) -> None:
    for events in data.events.values():
        assert [event["index"] for event in events] == list(range(1, len(events) + 1))
        periods = [event["period"] for event in events]
        assert periods == sorted(periods)
    ids = [event["id"] for _, event in data.every_event()]
    assert len(ids) == len(set(ids))


def test_minute_and_second_follow_from_the_timestamp(data: Folder) -> None:
    for match_id, event in data.every_event():
        seconds = milliseconds(event["timestamp"]) // 1000
        expected = (BASE_MINUTE[event["period"]] + seconds // 60, seconds % 60)
        assert (event["minute"], event["second"]) == expected, (match_id, event["index"])


def test_the_clock_runs_back_only_where_the_trap_is(data: Folder) -> None:
    backward = {
        match_id
        for match_id, events in data.events.items()
        for before, after in pairwise(events)
        if before["period"] == after["period"] and milliseconds(after["timestamp"]) < milliseconds(before["timestamp"])
    }
    assert backward == set(TRAPS["clock_runs_back"])


def test_related_events_never_dangle_and_never_name_themselves(data: Folder) -> None:
    one_way = 0
    for match_id, events in data.events.items():
        by_id = {event["id"]: event for event in events}
        for event in events:
            assert event.get("related_events") != [], "an empty list is left out"
            for other in event.get("related_events", []):
                assert other in by_id and other != event["id"], (match_id, event["index"])
                one_way += event["id"] not in by_id[other].get("related_events", [])
    assert one_way > 0, "real links are not symmetric, so ours are not either"


def test_each_half_starts_and_ends_once_for_each_side(data: Folder) -> None:
    for match_id, events in data.events.items():
        assert [name(event) for event in events[:4]] == ["Starting XI"] * 2 + ["Half Start"] * 2
        assert events[0]["team"]["id"] == data.matches[match_id]["home_team"]["home_team_id"]
        periods = sorted({event["period"] for event in events})
        for period in periods:
            inside = [event for event in events if event["period"] == period]
            for kind in ("Half Start", "Half End"):
                assert len({event["team"]["id"] for event in inside if name(event) == kind}) == 2
                assert sum(name(event) == kind for event in inside) == 2
            assert [name(event) for event in inside[-2:]] == ["Half End"] * 2


def test_possessions_are_numbered_without_gaps_and_keep_their_team(data: Folder) -> None:
    for events in data.events.values():
        owner: dict[int, tuple[int, str]] = {}
        for before, after in pairwise(events):
            assert after["possession"] - before["possession"] in (0, 1)
        for event in events:
            key = (event["possession_team"]["id"], event["play_pattern"]["name"])
            assert owner.setdefault(event["possession"], key) == key


def test_the_score_is_the_goals_of_the_events(data: Folder) -> None:
    for match_id, row in data.matches.items():
        counted = goals(data.events[match_id])
        expected = (row["home_score"], row["away_score"])
        home, away = row["home_team"]["home_team_id"], row["away_team"]["away_team_id"]
        assert (counted[home], counted[away]) == expected, match_id


def test_an_own_goal_is_a_mirrored_pair_with_and_without_a_player(data: Folder) -> None:
    with_player = []
    for events in data.events.values():
        by_id = {event["id"]: event for event in events}
        mine = [event for event in events if name(event) == "Own Goal For"]
        assert len(mine) == sum(name(event) == "Own Goal Against" for event in events)
        for event in mine:
            (other,) = (by_id[other] for other in event["related_events"])
            assert name(other) == "Own Goal Against" and other["team"] != event["team"] and "player" in other
            sums = [round(a + b, 6) for a, b in zip(event["location"], other["location"], strict=True)]
            assert sums == [120.1, 80.1]
            with_player.append("player" in event)
    assert set(with_player) == {True, False}
