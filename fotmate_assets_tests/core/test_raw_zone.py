"""The raw zone: bytes as fetched, addressed by their hash, with every revision."""

import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import zstandard

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.core.object_store import LocalStore, ObjectMissingError, S3Store
from fotmate_assets.core.raw_zone import Manifest, RawCorruptedError, RawZone

AT = datetime(2026, 11, 20, 4, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture(params=["folder", "bucket"])
def any_zone(request: pytest.FixtureRequest) -> RawZone:
    if request.param == "bucket":
        bucket: S3Store = request.getfixturevalue("bucket")
        return RawZone(bucket)
    zone: RawZone = request.getfixturevalue("zone")
    return zone


def fetched(content: bytes, name: str = "events/1.json", revision: str | None = None, minutes: int = 0) -> RawDocument:
    return RawDocument("statsbomb", name, content, "https://host/x", AT + timedelta(minutes=minutes), revision)


@pytest.mark.parametrize("content", [b"", b"x", b'{"id": 1}' * 1000, os.urandom(300_000)], ids=len)
def test_bytes_come_back_as_they_were(any_zone: RawZone, content: bytes) -> None:
    sha256 = any_zone.put(content)
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert any_zone.get(sha256) == content
    assert list(any_zone.store.keys()) == [f"blobs/{sha256[:2]}/{sha256}.zst"]


def test_the_same_bytes_are_stored_once_and_not_written_again(zone: RawZone) -> None:
    sha256 = zone.put(b"same")
    key = f"blobs/{sha256[:2]}/{sha256}.zst"
    assert isinstance(zone.store, LocalStore)
    file = zone.store._root / key
    before = file.stat().st_mtime_ns, file.stat().st_ino
    assert zone.put(b"same") == sha256
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == before
    assert len(list(zone.store.keys())) == 1


def test_json_is_stored_compressed_and_readable_by_any_zstd(zone: RawZone) -> None:
    content = b'{"type": {"id": 30, "name": "Pass"}, "location": [60.0, 40.0]}' * 2000
    sha256 = zone.put(content)
    stored = zone.store.get(f"blobs/{sha256[:2]}/{sha256}.zst")
    assert len(stored) < len(content) / 20
    assert zstandard.ZstdDecompressor().decompress(stored) == content


@pytest.mark.parametrize("damage", ["flipped", "cut", "other document", "empty", "no zstd"])
def test_damaged_bytes_are_never_handed_out(zone: RawZone, damage: str) -> None:
    sha256 = zone.put(b"some document" * 50)
    key = f"blobs/{sha256[:2]}/{sha256}.zst"
    whole = zone.store.get(key)
    other = zstandard.ZstdCompressor().compress(b"another document")
    flipped = bytes([*whole[:-6], whole[-6] ^ 1, *whole[-5:]])
    damaged = {"flipped": flipped, "cut": whole[:-7], "other document": other, "empty": b"", "no zstd": b"{}"}[damage]
    zone.store.put(key, damaged)
    with pytest.raises(RawCorruptedError) as caught:
        zone.get(sha256)
    assert zone.store.url_of(key) in str(caught.value)


@pytest.mark.parametrize("damage", [b"", b"?", None], ids=["empty", "no zstd", "gone"])
def test_storing_the_bytes_again_mends_what_was_damaged(any_zone: RawZone, damage: bytes | None) -> None:
    sha256 = any_zone.put(b"some document")
    key = f"blobs/{sha256[:2]}/{sha256}.zst"
    any_zone.store.delete(key) if damage is None else any_zone.store.put(key, damage)
    assert any_zone.put(b"some document") == sha256
    assert any_zone.get(sha256) == b"some document"


def test_bytes_never_stored_are_missing_by_url(any_zone: RawZone) -> None:
    with pytest.raises(ObjectMissingError, match=f"{any_zone.store.url}/blobs/ab/"):
        any_zone.get("ab" * 32)


# --- manifests


def test_a_manifest_comes_back_as_it_was_saved(any_zone: RawZone) -> None:
    manifest = any_zone.manifest("statsbomb", "premier-league_2003-2004")
    assert manifest == Manifest("statsbomb", "premier-league_2003-2004")
    manifest.record(fetched(b"one", revision='"etag"'), token="2026-11-20T04:30:15.123")
    manifest.record(fetched(b"two", "lineups/ä.json"))
    any_zone.save(manifest)
    assert any_zone.manifest("statsbomb", "premier-league_2003-2004") == manifest
    assert any_zone.manifest("metrica", "premier-league_2003-2004").documents == {}
    kept = manifest.current("events/1.json")
    assert kept is not None
    assert (kept.sha256, kept.size_bytes, kept.url) == (hashlib.sha256(b"one").hexdigest(), 3, "https://host/x")
    assert (kept.fetched_at, kept.revision, kept.token) == (AT, '"etag"', "2026-11-20T04:30:15.123")


def test_every_revision_is_kept_newest_last_and_a_return_to_old_bytes_is_one(zone: RawZone) -> None:
    manifest = Manifest("statsbomb", "s")
    assert [manifest.record(fetched(content, minutes=at)) for at, content in enumerate([b"1", b"2", b"2", b"1"])] == [
        True,
        True,
        False,
        True,
    ]
    zone.save(manifest)
    revisions = zone.manifest("statsbomb", "s").documents["events/1.json"]
    assert [revision.sha256 for revision in revisions] == [hashlib.sha256(c).hexdigest() for c in (b"1", b"2", b"1")]
    assert [revision.fetched_at for revision in revisions] == [AT + timedelta(minutes=at) for at in (0, 2, 3)]


def test_the_same_bytes_under_a_new_revision_update_its_tokens(zone: RawZone) -> None:
    manifest = Manifest("statsbomb", "s")
    manifest.record(fetched(b"1", revision="a"), token="old")
    assert manifest.record(fetched(b"1", revision="b"), token="new") is False
    current = manifest.current("events/1.json")
    assert current is not None
    assert (current.revision, current.token) == ("b", "new")


def test_two_manifests_do_not_share_their_documents() -> None:
    one, two = Manifest("a", "x"), Manifest("a", "y")
    one.record(fetched(b"1"))
    assert two.documents == {}


def test_names_are_sorted_and_narrowed_by_prefix() -> None:
    manifest = Manifest("a", "x")
    for name in ("lineups/2.json", "events/2.json", "events/10.json"):
        manifest.record(fetched(b"1", name))
    assert list(manifest.names()) == ["events/10.json", "events/2.json", "lineups/2.json"]
    assert list(manifest.names("events/")) == ["events/10.json", "events/2.json"]


def test_a_source_without_partitions_has_a_manifest_too(zone: RawZone) -> None:
    manifest = Manifest("statsbomb", "")
    manifest.record(fetched(b"1"))
    zone.save(manifest)
    assert zone.manifest("statsbomb", "") == manifest
    assert zone.manifest("statsbomb", "other").documents == {}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"source": 1}'])
def test_a_damaged_manifest_is_named_and_not_taken_for_an_empty_one(zone: RawZone, content: bytes) -> None:
    zone.store.put("manifests/statsbomb/s.json", content)
    with pytest.raises(RawCorruptedError, match=r"manifests/statsbomb/s\.json"):
        zone.manifest("statsbomb", "s")


# --- documents


def test_a_document_is_read_again_without_its_source(zone: RawZone) -> None:
    manifest = Manifest("statsbomb", "s")
    for content, etag in ((b"old", "a"), (b"new", "b")):
        zone.put(content)
        manifest.record(fetched(content, revision=etag))
    zone.save(manifest)
    again = zone.document(zone.manifest("statsbomb", "s"), "events/1.json")
    assert again == fetched(b"new", revision="b")
    assert again is not None
    assert again.sha256 == hashlib.sha256(b"new").hexdigest()
    assert zone.get(hashlib.sha256(b"old").hexdigest()) == b"old"


def test_a_document_never_fetched_is_none(zone: RawZone) -> None:
    assert zone.document(Manifest("statsbomb", "s"), "events/1.json") is None


@pytest.mark.parametrize("damage", ["gone", "damaged"])
def test_a_lost_document_is_a_failure_of_that_document_alone(zone: RawZone, tmp_path: Path, damage: str) -> None:
    manifest = Manifest("statsbomb", "s")
    manifest.record(fetched(b"1"))
    sha256 = zone.put(b"1")
    key = f"blobs/{sha256[:2]}/{sha256}.zst"
    zone.store.delete(key) if damage == "gone" else zone.store.put(key, b"?")
    with pytest.raises(SourceError) as caught:
        zone.document(manifest, "events/1.json")
    error = caught.value
    assert (error.verdict, error.source, error.document) == (Verdict.MALFORMED, "statsbomb", "events/1.json")
    assert zone.store.url_of(key) in str(error)
