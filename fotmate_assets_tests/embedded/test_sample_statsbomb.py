"""The synthetic StatsBomb folder hangs together, recounted here from the files alone."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fotmate_assets.embedded.sample.statsbomb import (
    DUPLICATE_SHIRT_TEAM,
    LEAGUE,
    RESPELT_PLAYER,
    TRAPS,
    WITH_FRAMES,
    Incident,
    SampleMatch,
    competition_row,
    sample_team,
    simulate_match,
    write_open_data,
    write_season,
)

Json = dict[str, Any]
BASE_MINUTE = {1: 0, 2: 45, 3: 90, 4: 105, 5: 120}
DISMISSALS = {"Red Card", "Second Yellow"}
EVERY_TYPE = {
    *("Starting XI", "Half Start", "Half End", "Pass", "Ball Receipt*", "Carry", "Pressure", "Ball Recovery", "Duel"),
    *("Clearance", "Dribble", "Dribbled Past", "Block", "Goal Keeper", "Shot", "Interception", "Foul Committed"),
    *("Foul Won", "Miscontrol", "Dispossessed", "Substitution", "Tactical Shift", "Player Off", "Player On"),
    *("Injury Stoppage", "50/50", "Shield", "Error", "Offside", "Referee Ball-Drop", "Bad Behaviour", "Camera On"),
    *("Camera off", "Own Goal Against", "Own Goal For"),
}


def name(event: Json) -> str:
    return str(event["type"]["name"])


def milliseconds(timestamp: str) -> int:
    hours, minutes, seconds = timestamp.split(":")
    return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000)


def clock(event: Json) -> str:
    return f"{event['minute']:02d}:{event['second']:02d}"


def card(event: Json) -> Json | None:
    for kind in ("foul_committed", "bad_behaviour"):
        if "card" in event.get(kind, {}):
            return {
                "time": clock(event),
                "card_type": event[kind]["card"]["name"],
                "reason": name(event),
                "period": event["period"],
            }
    return None


class Folder:
    """A written folder, read back."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, *parts: object) -> Any:
        return json.loads(self.path.joinpath(*map(str, parts)).read_bytes())

    @cached_property
    def matches(self) -> dict[int, Json]:
        rows = [row for file in sorted(self.path.glob("matches/*/*.json")) for row in json.loads(file.read_bytes())]
        return {row["match_id"]: row for row in rows}

    @cached_property
    def events(self) -> dict[int, list[Json]]:
        return {match_id: self.read("events", f"{match_id}.json") for match_id in self.matches}

    @cached_property
    def lineups(self) -> dict[int, list[Json]]:
        return {match_id: self.read("lineups", f"{match_id}.json") for match_id in self.matches}

    def every_event(self) -> Iterator[tuple[int, Json]]:
        return ((match_id, event) for match_id, events in self.events.items() for event in events)

    def league(self) -> list[int]:
        return [match_id for match_id, row in self.matches.items() if row["competition"]["competition_id"] == 9001]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    folder = tmp_path_factory.mktemp("statsbomb")
    started = time.perf_counter()
    write_open_data(folder)
    print(f"write_open_data: {time.perf_counter() - started:.1f} s")
    return Folder(folder)


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


def goals(events: list[Json], periods: tuple[int, ...] = (1, 2, 3, 4)) -> Counter[int]:
    return Counter(
        event["team"]["id"]
        for event in events
        if event["period"] in periods
        and (name(event) == "Own Goal For" or event.get("shot", {}).get("outcome", {}).get("name") == "Goal")
    )


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


def spell(event: Json, player: Json, position: Json, reason: str) -> Json:
    return {
        "position_id": position["id"],
        "position": position["name"],
        "from": clock(event),
        "to": None,
        "from_period": event["period"],
        "to_period": None,
        "start_reason": reason,
        "end_reason": "Final Whistle",
    }


def replay(events: list[Json]) -> tuple[dict[int, list[Json]], dict[int, list[Json]], list[Json]]:
    """Spells and cards per player as the events tell them, and the events of players who were not on the pitch."""
    spells: dict[int, list[Json]] = defaultdict(list)
    cards: dict[int, list[Json]] = defaultdict(list)
    where: dict[int, Json] = {}
    on_pitch: set[int] = set()
    ghosts = []

    def close(event: Json, player: int, reason: str) -> None:
        spells[player][-1].update({"to": clock(event), "to_period": event["period"], "end_reason": reason})

    def begin(event: Json, player: Json, position: Json, reason: str) -> None:
        where[player["id"]] = position
        spells[player["id"]].append(spell(event, player, position, reason))

    def is_there(event: Json) -> bool:
        return event["player"]["id"] in on_pitch and where[event["player"]["id"]] == event["position"]

    for event in events[:2]:
        for member in event["tactics"]["lineup"]:
            begin(event, member["player"], member["position"], "Starting XI")
            on_pitch.add(member["player"]["id"])
    for event in events:
        player: Json = event.get("player", {})
        if player and name(event) != "Player On" and not is_there(event):
            ghosts.append(event)
        match name(event):
            case "Substitution":
                reason, replacement = event["substitution"]["outcome"]["name"], event["substitution"]["replacement"]
                close(event, player["id"], f"Substitution - Off ({reason})")
                on_pitch.discard(player["id"])
                begin(event, replacement, where.pop(player["id"]), f"Substitution - On ({reason})")
                on_pitch.add(replacement["id"])
            case "Tactical Shift":
                for member in event["tactics"]["lineup"]:
                    if where[member["player"]["id"]] != member["position"]:
                        close(event, member["player"]["id"], "Tactical Shift")
                        begin(event, member["player"], member["position"], "Tactical Shift")
            case "Player Off":
                close(event, player["id"], "Player Off")
                on_pitch.discard(player["id"])
            case "Player On":
                begin(event, player, where[player["id"]], "Player On")
                on_pitch.add(player["id"])
        if shown := card(event):
            cards[player["id"]].append(shown)
            if shown["card_type"] in DISMISSALS:
                on_pitch.discard(player["id"])
    return spells, cards, ghosts


def test_lineups_agree_with_the_events(data: Folder) -> None:
    for match_id, sides in data.lineups.items():
        spells, cards, ghosts = replay(data.events[match_id])
        assert not ghosts, (match_id, ghosts[0])
        row = data.matches[match_id]
        teams = {row["home_team"]["home_team_id"], row["away_team"]["away_team_id"]}
        assert {side["team_id"] for side in sides} == teams
        for side in sides:
            starters = [
                p for p in side["lineup"] if p["positions"] and p["positions"][0]["start_reason"] == "Starting XI"
            ]
            assert len(starters) == 11
            for player in side["lineup"]:
                assert player["positions"] == spells.pop(player["player_id"], []), (match_id, player["player_name"])
                assert player["cards"] == cards.pop(player["player_id"], []), (match_id, player["player_name"])
        assert not spells and not cards, "every player of the events is in the lineups"


def test_both_orders_of_sides_occur_in_lineups(data: Folder) -> None:
    home_first = {
        sides[0]["team_id"] == data.matches[match_id]["home_team"]["home_team_id"]
        for match_id, sides in data.lineups.items()
    }
    assert home_first == {True, False}


def test_a_player_sent_off_keeps_an_open_spell_and_stays_listed(data: Folder) -> None:
    dismissed = Counter[str]()
    listed_later = 0
    for match_id in TRAPS["sent_off_but_spell_open"]:
        players = [player for side in data.lineups[match_id] for player in side["lineup"]]
        for player in players:
            kinds = [shown["card_type"] for shown in player["cards"]]
            if DISMISSALS & set(kinds):
                dismissed[kinds[-1]] += 1
                assert player["positions"][-1]["to"] is None
                listed_later += player["positions"][-1]["start_reason"] == "Tactical Shift"
                assert kinds in (["Red Card"], ["Yellow Card", "Second Yellow"])
    assert set(dismissed) == DISMISSALS
    assert listed_later


def test_assists_and_key_passes_point_at_each_other(data: Folder) -> None:
    linked = 0
    for events in data.events.values():
        by_id = {event["id"]: event for event in events}
        for event in events:
            if key := event.get("shot", {}).get("key_pass_id"):
                given = by_id[key]
                assert given["pass"]["assisted_shot_id"] == event["id"]
                assert given["team"] == event["team"] and given["pass"]["recipient"] == event["player"]
                is_goal = event["shot"]["outcome"]["name"] == "Goal"
                assert ("goal_assist" in given["pass"]) == is_goal == ("shot_assist" not in given["pass"])
                linked += 1
            elif shot := event.get("pass", {}).get("assisted_shot_id"):
                assert by_id[shot]["shot"]["key_pass_id"] == event["id"]
    assert linked > 100


def test_a_completed_pass_is_received_by_its_recipient(data: Folder) -> None:
    for events in data.events.values():
        by_id = {event["id"]: event for event in events}
        squads = {e["team"]["id"]: {m["player"]["id"] for m in e["tactics"]["lineup"]} for e in events[:2]}
        for event in events:
            if name(event) == "Substitution":
                squads[event["team"]["id"]].add(event["substitution"]["replacement"]["id"])
            if name(event) == "Pass" and "outcome" not in event["pass"]:
                recipient = event["pass"]["recipient"]
                assert recipient["id"] in squads[event["team"]["id"]] and recipient != event["player"]
                receipts = [by_id[i] for i in event["related_events"] if name(by_id[i]) == "Ball Receipt*"]
                assert [r["player"] for r in receipts] == [recipient]
                assert "ball_receipt" not in receipts[0] and receipts[0]["location"] == event["pass"]["end_location"]


def test_shots_have_xg_a_goalkeeper_and_both_forms_of_end_location(data: Folder) -> None:
    sizes = Counter[int]()
    kinds = set()
    for events in data.events.values():
        by_id = {event["id"]: event for event in events}
        for event in events:
            if name(event) == "Shot":
                shot = event["shot"]
                assert 0 < shot["statsbomb_xg"] < 1
                sizes[len(shot["end_location"])] += 1
                keepers = [by_id[i] for i in event["related_events"] if name(by_id[i]) == "Goal Keeper"]
                assert len(keepers) == 1 and keepers[0]["team"] != event["team"]
                if shot["type"]["name"] != "Penalty":
                    frame = shot["freeze_frame"]
                    assert sum(not person["teammate"] for person in frame) >= 9
                    assert event["player"] not in [person["player"] for person in frame]
                kinds.add((shot["type"]["name"], shot["outcome"]["name"], event["period"] == 5))
    assert sizes[2] and sizes[3] and set(sizes) == {2, 3}
    assert {("Penalty", "Goal", False), ("Penalty", "Saved", False), ("Penalty", "Goal", True)} <= kinds


def test_a_foul_is_followed_by_a_free_kick_of_the_side_fouled(data: Folder) -> None:
    answered = Counter[bool]()
    for events in data.events.values():
        for i, event in enumerate(events):
            if name(event) == "Foul Committed":
                won = events[i + 1]
                assert name(won) == "Foul Won" and won["team"] != event["team"]
                assert won["related_events"] == [event["id"]]
                after = next((e for e in events[i:] if name(e) in ("Pass", "Shot")), event)
                kind = {**after.get("pass", {}), **after.get("shot", {})}.get("type", {}).get("name")
                is_penalty = event.get("foul_committed", {}).get("penalty", False)
                expected = "Penalty" if is_penalty else "Free Kick"
                answered[kind == expected and after["team"] == won["team"]] += 1
    assert answered[True] > 0.95 * answered.total(), "only the half-time whistle or a planned incident comes between"


def test_every_type_of_event_occurs(data: Folder) -> None:
    types = {(event["type"]["name"], event["type"]["id"]) for _, event in data.every_event()}
    assert {kind for kind, _ in types} == EVERY_TYPE
    assert len(types) == len(EVERY_TYPE), "one id per name"
    offs = [event for _, event in data.every_event() if name(event) == "Player Off"]
    assert {"player_off" in event for event in offs} == {True, False}
    assert any("card" in event.get("bad_behaviour", {}) for _, event in data.every_event())
    reasons = {e["substitution"]["outcome"]["name"] for _, e in data.every_event() if name(e) == "Substitution"}
    assert reasons == {"Tactical", "Injury"}
    assert any(name(e) == "Substitution" and clock(e) == "45:00" and e["period"] == 2 for _, e in data.every_event())


def test_the_football_is_plausible(data: Folder) -> None:
    events = [event for match_id in data.league() for event in data.events[match_id]]
    for match_id in data.league():
        assert 2000 <= len(data.events[match_id]) <= 3200
        assert max(data.matches[match_id]["home_score"], data.matches[match_id]["away_score"]) <= 7
    passes = [event for event in events if name(event) == "Pass"]
    assert 0.75 < sum("outcome" not in event["pass"] for event in passes) / len(passes) < 0.85
    shots = [event for event in events if name(event) == "Shot"]
    assert 9 < len(shots) / 60 < 16
    xg = sum(event["shot"]["statsbomb_xg"] for event in shots)
    scored = sum(event["shot"]["outcome"]["name"] == "Goal" for event in shots)
    assert 0.75 < scored / xg < 1.25
    assert 1.8 < scored / 30 < 4


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


def small_season() -> list[SampleMatch]:
    sides = [sample_team(i, f"Team {i}") for i in (1, 2, 3)]
    pairs = ((0, 1), (1, 2), (2, 0))
    return [simulate_match(i, sides[a], sides[b], minutes_scale=0.07) for i, (a, b) in enumerate(pairs, start=1)]


def test_a_small_season_is_a_season(tmp_path: Path) -> None:
    started = time.perf_counter()
    matches = small_season()
    write_season(tmp_path, LEAGUE, matches)
    print(f"3 tiny matches: {time.perf_counter() - started:.3f} s, {[len(match.events) for match in matches]} events")
    write_season(tmp_path, competition_row(9009, 1, "Simulated Shield"), matches[:1])
    folder = Folder(tmp_path)
    assert [row["competition_id"] for row in folder.read("competitions.json")] == [9001, 9009]
    assert len(folder.read("matches", 9001, "901.json")) == 3
    for match in matches:
        assert 100 <= len(match.events) <= 400
        assert match.events[-1]["minute"] >= 90
        counted = goals(folder.events[match.id])
        row = match.match
        assert counted[row["home_team"]["home_team_id"]] == row["home_score"]


@pytest.mark.parametrize("incident", list(Incident))
def test_every_incident_fits_into_a_tiny_match(incident: Incident) -> None:
    home, away = sample_team(1, "A"), sample_team(2, "B")
    for match_id in range(5):
        match = simulate_match(match_id, home, away, minutes_scale=0.07, incidents=[incident])
        spells, cards, ghosts = replay(match.events)
        assert not ghosts
        for side in match.lineups:
            for player in side["lineup"]:
                assert player["positions"] == spells.get(player["player_id"], [])
                assert player["cards"] == cards.get(player["player_id"], [])


def test_documents_of_a_match_share_no_objects() -> None:
    match = small_season()[0]
    match.events[5]["team"]["name"] = "doctored"
    assert sum(event["team"]["name"] == "doctored" for event in match.events) == 1


NUMBER = {int: "number", float: "number"}
RECORDED_ELSEWHERE = {
    ("Own Goal For", "player"),
    ("Own Goal For", "position"),
}
"""Shapes that football.md section 2.4 measured in files that are not at hand here."""
NOT_AT_HAND = {"Camera On", "Camera off"}


def shape(value: Any, path: str, found: set[tuple[str, str]]) -> None:
    kind = NUMBER.get(type(value), type(value).__name__)
    found.add((path, kind))
    if isinstance(value, dict):
        for key, inner in value.items():
            shape(inner, f"{path}.{key}" if path else key, found)
    elif isinstance(value, list):
        for inner in value:
            shape(inner, f"{path}[]", found)


def terms(value: Any) -> Iterator[tuple[int, str]]:
    if isinstance(value, dict):
        if set(value) == {"id", "name"}:
            yield value["id"], value["name"]
        else:
            for key, inner in value.items():
                if key not in ("team", "player", "possession_team", "recipient", "replacement"):
                    yield from terms(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from terms(inner)


@pytest.fixture(scope="module")
def real(real_data: Path) -> Folder:
    return Folder(real_data / "statsbomb")


@pytest.mark.real_data
def test_every_key_of_every_event_type_exists_in_real_files(data: Folder, real: Folder) -> None:
    ours: dict[str, set[tuple[str, str]]] = defaultdict(set)
    theirs: dict[str, set[tuple[str, str]]] = defaultdict(set)
    our_terms: set[tuple[int, str]] = set()
    real_terms: set[tuple[int, str]] = set()
    for _, event in data.every_event():
        shape(event, "", ours[name(event)])
        if name(event) not in NOT_AT_HAND:
            our_terms.update(terms(event))
    for file in sorted(real.path.glob("events/*.json")):
        for event in json.loads(file.read_bytes()):
            shape(event, "", theirs[name(event)])
            real_terms.update(terms(event))
    assert set(ours) - set(theirs) == NOT_AT_HAND
    for kind in set(ours) - NOT_AT_HAND:
        unknown = {
            entry for entry in ours[kind] - theirs[kind] if (kind, entry[0].split(".")[0]) not in RECORDED_ELSEWHERE
        }
        assert not unknown, (kind, unknown)
    assert our_terms <= real_terms, our_terms - real_terms


@pytest.mark.real_data
@pytest.mark.parametrize("pattern", ["competitions.json", "matches/*/*.json", "lineups/*.json", "three-sixty/*.json"])
def test_every_key_of_the_other_documents_exists_in_real_files(data: Folder, real: Folder, pattern: str) -> None:
    ours: set[tuple[str, str]] = set()
    theirs: set[tuple[str, str]] = set()
    for folder, found in ((data, ours), (real, theirs)):
        for file in sorted(folder.path.glob(pattern))[:60]:
            shape(json.loads(file.read_bytes()), "", found)
    recorded = {("[].referee.country", "dict"), ("[].referee.country.id", "number"), ("[].referee.country.name", "str")}
    assert not ours - theirs - recorded
