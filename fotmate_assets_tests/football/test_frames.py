"""360 frames: one row per visible player, in metres, of loaded matches only."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fotmate_assets.core.ledger import Ledger
from fotmate_assets.core.model import RawDocument
from fotmate_assets.core.raw_zone import Manifest, RawZone
from fotmate_assets.football.frames import SCHEMA, frames_revision, season_frames

SEASON = "simulated-league_2025-2026"


def frame(event: str, *players: tuple[float, float]) -> dict[str, Any]:
    seen = [
        {"teammate": n == 0, "actor": n == 0, "keeper": False, "location": list(player)}
        for n, player in enumerate(players)
    ]
    return {"event_uuid": event, "visible_area": [0.0, 0.0, 120.0, 0.0, 120.0, 80.0], "freeze_frame": seen}


def kept(zone: RawZone, **documents: object) -> Manifest:
    """A manifest of 360 documents, by match id."""
    manifest = Manifest("statsbomb", SEASON)
    for name, content in documents.items():
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        document = RawDocument("statsbomb", f"three-sixty/{name[1:]}.json", raw, "file:///x", datetime.now(UTC))
        zone.put(raw)
        manifest.record(document)
    return manifest


def test_every_visible_player_is_a_row_in_metres(zone: RawZone, ledger: Ledger) -> None:
    manifest = kept(zone, m7=[frame("a", (60.0, 40.0), (120.0, 80.0)), frame("b", (0.0, 0.0))])
    found = season_frames(zone, manifest, {"7": "match-7"}, ledger)
    assert found.schema == SCHEMA
    assert found.select("match_id", "provider_event_id", "actor", "x_m", "y_m").rows() == [
        ("match-7", "a", True, 0.0, 0.0),
        ("match-7", "a", False, 52.5, -34.0),
        ("match-7", "b", True, -52.5, 34.0),
    ]


def test_frames_of_a_match_that_is_not_loaded_are_left_out(zone: RawZone, ledger: Ledger) -> None:
    manifest = kept(zone, m7=[frame("a", (1.0, 1.0))], m8=[frame("b", (1.0, 1.0))])
    assert season_frames(zone, manifest, {"8": "match-8"}, ledger)["match_id"].to_list() == ["match-8"]


def test_a_broken_document_is_owed_and_the_others_are_read(zone: RawZone, ledger: Ledger) -> None:
    manifest = kept(zone, m7=b'[{"event_uuid": "a"', m8=[frame("b", (1.0, 1.0))])
    found = season_frames(zone, manifest, {"7": "match-7", "8": "match-8"}, ledger)
    assert found["match_id"].to_list() == ["match-8"]
    owed = ledger.failures()
    assert [(failure.document, failure.verdict) for failure in owed] == [("three-sixty/7.json", "malformed")]
    assert zone.get(str(owed[0].raw_sha256)) == b'[{"event_uuid": "a"'

    mended = kept(zone, m7=[frame("a", (1.0, 1.0))])
    season_frames(zone, mended, {"7": "match-7"}, ledger)
    assert ledger.failures() == []


def test_the_revision_changes_with_the_frames_and_with_nothing_else(zone: RawZone) -> None:
    one = kept(zone, m7=[frame("a", (1.0, 1.0))])
    same = kept(zone, m7=[frame("a", (1.0, 1.0))])
    other = kept(zone, m7=[frame("a", (1.0, 2.0))])
    assert frames_revision(one) == frames_revision(same) != frames_revision(other)


@pytest.mark.real_data
def test_the_real_frames_of_italy_against_turkey_lie_around_the_pitch(
    real_data: Path, zone: RawZone, ledger: Ledger
) -> None:
    content = (real_data / "statsbomb/three-sixty/3788741.json").read_bytes()
    found = season_frames(zone, kept(zone, m3788741=content), {"3788741": "m"}, ledger)
    assert found.height == 47_060
    assert found["provider_event_id"].n_unique() == 3_470
    assert found["x_m"].abs().max() < 56  # type: ignore[operator]
