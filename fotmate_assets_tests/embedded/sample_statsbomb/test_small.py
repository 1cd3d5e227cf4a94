"""Small simulated matches and seasons."""

from __future__ import annotations

from pathlib import Path

import pytest

from fotmate_assets.embedded.sample.statsbomb import (
    LEAGUE,
    Incident,
    SampleMatch,
    competition_row,
    sample_team,
    simulate_match,
    write_season,
)
from fotmate_assets_tests.embedded.sample_statsbomb.samples import (
    Folder,
    goals,
    replay,
)


def small_season() -> list[SampleMatch]:
    sides = [sample_team(i, f"Team {i}") for i in (1, 2, 3)]
    pairs = ((0, 1), (1, 2), (2, 0))
    return [simulate_match(i, sides[a], sides[b], minutes_scale=0.07) for i, (a, b) in enumerate(pairs, start=1)]


def test_a_small_season_is_a_season(tmp_path: Path) -> None:
    matches = small_season()
    write_season(tmp_path, LEAGUE, matches)
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
