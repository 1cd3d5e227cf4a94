"""Recordings of our own documents, replayed. Betfair's are in test_betfair."""

import asyncio
import bz2
import gzip
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import zstandard

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds.model import OddsRace, OddsSnapshot, Sentinel
from fotmate_assets.racing.sources.odds import documents
from fotmate_assets.racing.sources.odds.replay import Replay, write_recording
from fotmate_assets_tests.racing.odds.feeds import OFF, document, odds_of, odds_race, refusal

ONE, TWO = odds_race(4, 1), odds_race(4, 2)
MINUTE = timedelta(minutes=1)


def told(race: OddsRace, minutes: float, price: float = 2.0, **fields: object) -> bytes:
    """The odds of a race so many minutes before its off."""
    at = race.post_time - minutes * MINUTE
    return document(race, {"WIN": {"1": price}}, source_ts=at.isoformat(), **fields)


def replayed(replay: Replay, race: OddsRace, at: datetime) -> OddsSnapshot:
    return asyncio.run(replay.snapshot(race, at))


def price_at(replay: Replay, race: OddsRace, minutes: float) -> float:
    return odds_of(replayed(replay, race, race.post_time - minutes * MINUTE), Pool.WIN)["1"]


def refused(files: list[Path]) -> SourceError:
    return refusal(lambda: Replay(files))


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "day.jsonl"
    write_recording(path, [told(ONE, 10, 2.0), told(TWO, 10, 7.0), told(ONE, 5, 3.0), told(ONE, 0, 4.0)])
    return path


def test_the_newest_document_at_or_before_the_instant_is_told(recording: Path) -> None:
    replay = Replay([recording])
    asked = (10, 9.99, 5.01, 5, 0.5, 0, -60)
    assert [price_at(replay, ONE, minutes) for minutes in asked] == [2, 2, 2, 3, 3, 4, 4]
    assert price_at(replay, TWO, 5) == 7
    assert (replay.name, replay.is_live, replay.is_simulated) == ("replay", False, False)


def test_what_was_recorded_is_told_byte_for_byte_with_its_own_clock(recording: Path) -> None:
    snapshot = replayed(Replay([recording]), ONE, OFF - 4 * MINUTE)
    assert snapshot.content == told(ONE, 5, 3.0)
    assert snapshot.source_ts == OFF - 5 * MINUTE


def test_documents_in_any_order_and_in_several_files_are_one_recording(tmp_path: Path) -> None:
    late, early = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    write_recording(late, [told(ONE, 1, 4.0), told(ONE, 6, 2.0)])
    write_recording(early, [told(ONE, 3, 3.0)])
    replay = Replay([late, early])
    assert [price_at(replay, ONE, minutes) for minutes in (5, 2, 0)] == [2, 3, 4]


def test_of_two_documents_of_one_instant_the_later_counts(tmp_path: Path) -> None:
    write_recording(tmp_path / "r.jsonl", [told(ONE, 5, 2.0), told(ONE, 5, 3.0)])
    assert price_at(Replay([tmp_path / "r.jsonl"]), ONE, 5) == 3.0


def test_before_its_first_document_a_race_is_not_told_yet(recording: Path) -> None:
    error = refusal(lambda: replayed(Replay([recording]), ONE, OFF - 11 * MINUTE))
    assert (error.verdict, error.document) == (Verdict.NOT_YET, ONE.race_id)
    assert "10:25:00" in error.reason


def test_a_race_that_is_not_recorded_is_missing(recording: Path) -> None:
    error = refusal(lambda: replayed(Replay([recording]), odds_race(4, 3), OFF))
    assert error.verdict is Verdict.EMPTY_UNEXPECTED


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_a_recording_may_be_packed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"day.{suffix}"
    assert write_recording(path, [told(ONE, 10, 2.0), told(ONE, 5, 3.0)]) == 2
    assert path.read_bytes().startswith(b'{"race_id"') == (suffix == "jsonl")
    assert [price_at(Replay([path]), ONE, minutes) for minutes in (7, 5)] == [2, 3]


def test_what_is_packed_is_known_by_its_bytes(tmp_path: Path) -> None:
    lines = b"\n".join([told(ONE, 10, 2.0), told(ONE, 5, 3.0)])
    two_frames = b"".join(zstandard.ZstdCompressor().compress(line + b"\n") for line in lines.splitlines())
    for number, packed in enumerate((gzip.compress(lines), bz2.compress(lines), two_frames, lines)):
        path = tmp_path / f"recording{number}"
        path.write_bytes(packed)
        assert [price_at(Replay([path]), ONE, minutes) for minutes in (7, 5)] == [2, 3]


def test_a_recording_of_a_simulated_market_is_simulated(tmp_path: Path) -> None:
    write_recording(tmp_path / "s.jsonl", [told(ONE, 5, simulated=True), told(TWO, 5, simulated=True)])
    replay = Replay([tmp_path / "s.jsonl"])
    assert replay.is_simulated
    assert price_at(replay, ONE, 0) == 2.0


def test_simulated_odds_beside_real_ones_are_refused(tmp_path: Path) -> None:
    write_recording(tmp_path / "mix.jsonl", [told(ONE, 5), told(TWO, 5), told(TWO, 4, simulated=True)])
    error = refused([tmp_path / "mix.jsonl"])
    assert (error.verdict, error.document, error.field) == (Verdict.MALFORMED, "mix.jsonl line 3", "simulated")


def test_a_recorded_document_is_judged_like_any_other(tmp_path: Path) -> None:
    bad = document(ONE, {"WIN": {"9": 2.0}}, source_ts=OFF.isoformat())
    write_recording(tmp_path / "r.jsonl", [told(ONE, 5), bad])
    replay = Replay([tmp_path / "r.jsonl"])
    assert price_at(replay, ONE, 5) == 2.0
    error = refusal(lambda: price_at(replay, ONE, 0))
    assert (error.source, error.document, error.field) == ("replay", "r.jsonl line 2", "pools.WIN.odds.9")


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (b'{"race_id": "horse-seo', "*"),
        (b"odds", "*"),
        (document(ONE, source_ts=None), "source_ts"),
        (document(ONE, source_ts="2026-11-21T10:34:00"), "source_ts"),
        (b'{"source_ts": null}', "race_id"),
    ],
)
def test_a_line_that_is_no_document_is_named(tmp_path: Path, line: bytes, field: str) -> None:
    (tmp_path / "bad.jsonl").write_bytes(told(ONE, 5) + b"\n\n" + line)
    error = refused([tmp_path / "bad.jsonl"])
    assert (error.verdict, error.document, error.field) == (Verdict.MALFORMED, "bad.jsonl line 3", field)
    assert error.content == line


@pytest.mark.parametrize("suffix", ["gz", "zst", "bz2"])
def test_a_packed_recording_that_is_cut_short_is_refused(tmp_path: Path, suffix: str) -> None:
    lines = b"".join(told(ONE, minutes) + b"\n" for minutes in range(60, 0, -1))
    pack = {"gz": gzip.compress, "zst": zstandard.ZstdCompressor().compress, "bz2": bz2.compress}[suffix]
    path = tmp_path / f"cut.jsonl.{suffix}"
    path.write_bytes(pack(lines)[:-2])
    error = refused([path])
    assert (error.verdict, error.document) == (Verdict.MALFORMED, path.name)


def test_blank_lines_are_nothing(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(b"\n" + told(ONE, 10, 2.0) + b"\n \n" + told(ONE, 5, 3.0))
    assert [price_at(Replay([tmp_path / "r.jsonl"]), ONE, minutes) for minutes in (7, 5)] == [2, 3]


def test_a_recording_without_documents_is_empty(tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_bytes(b"\n")
    assert refused([tmp_path / "none.jsonl"]).verdict is Verdict.EMPTY_UNEXPECTED


def test_a_recording_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Replay([tmp_path / "missing.jsonl"])


# Recording ----------------------------------------------------------------------------------------------------------


def test_a_document_on_several_lines_becomes_one(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    write_recording(path, [told(ONE, 5).replace(b", ", b",\r\n  ")])
    assert len(path.read_bytes().splitlines()) == 1
    assert price_at(Replay([path]), ONE, 5) == 2.0


def test_a_recording_that_fails_leaves_the_one_before(recording: Path) -> None:
    before = recording.read_bytes()
    error = refusal(lambda: write_recording(recording, [told(ONE, 5), document(ONE, source_ts=None)]))
    assert (error.document, error.field) == ("document 2", "source_ts")
    assert recording.read_bytes() == before
    assert list(recording.parent.iterdir()) == [recording]


def test_every_race_of_a_day_is_found_in_its_recording(tmp_path: Path) -> None:
    races = [odds_race(8, number) for number in range(1, 35)]
    path = tmp_path / "day.jsonl.zst"
    write_recording(path, (told(race, minutes, 2 + race.race_no) for minutes in range(30, 0, -1) for race in races))
    replay = Replay([path])
    assert [price_at(replay, race, 7.5) for race in races] == [2 + race.race_no for race in races]


def test_snapshots_that_are_written_can_be_replayed(tmp_path: Path) -> None:
    snapshot = documents.parse(told(ONE, 5), ONE, "feed", "doc")
    write_recording(tmp_path / "r.jsonl", [documents.write(snapshot, is_simulated=False)])
    again = replayed(Replay([tmp_path / "r.jsonl"]), ONE, OFF)
    assert again.pools == snapshot.pools
    assert odds_of(again, Pool.WIN)["2"] == Sentinel.UNTOLD


def test_a_closed_replay_has_closed_its_files(recording: Path) -> None:
    replay = Replay([recording])
    asyncio.run(replay.close())
    with pytest.raises(ValueError):
        replayed(replay, ONE, OFF)
