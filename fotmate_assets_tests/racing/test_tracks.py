"""The tracks of the model, of the seed and of the migration are the same."""

from __future__ import annotations

from fotmate_assets.racing.assets import SEED
from fotmate_assets.racing.model import TRACKS
from fotmate_assets_tests.databases import Database

KNOWN = [(track.track_id, track.sport, track.source, track.code) for track in TRACKS.values()]


def stored(database: Database) -> list[tuple[object, ...]]:
    return database.execute("select track_id, sport, source, provider_code from tracks")


def test_a_migrated_database_has_the_tracks_of_the_model(database: Database) -> None:
    assert sorted(stored(database)) == sorted(KNOWN)
    names = {str(track): name for track, name in database.execute("select track_id, name_ko from tracks")}
    assert all(names[track.track_id] in track.names for track in TRACKS.values())


def test_the_seed_repairs_what_drifted_and_touches_nothing_else(database: Database) -> None:
    seed = SEED.read_text("utf-8")
    database.execute(seed)
    before = database.execute("select xmin::text, track_id from tracks order by 2")
    database.execute(seed)
    assert database.execute("select xmin::text, track_id from tracks order by 2") == before
    database.execute("update tracks set provider_code = '3' where track_id = 'jeju'")
    database.execute("delete from tracks where track_id = 'misari'")
    database.execute(seed)
    assert sorted(stored(database)) == sorted(KNOWN)
