"""What happens in simulated matches is football, and squads and events tell the same."""

from __future__ import annotations

from collections import Counter

from fotmate_assets.embedded.sample.statsbomb import (
    TRAPS,
)
from fotmate_assets_tests.embedded.sample_statsbomb.samples import (
    DISMISSALS,
    EVERY_TYPE,
    Folder,
    clock,
    name,
    replay,
)


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
