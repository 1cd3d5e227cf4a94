"""What has arrived in the bucket: once per version, whole, and nothing silently left out."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fotmate_assets.core.object_store import StoredObject
from fotmate_assets.vision.arrivals import Arrivals, Kind, Seen, arrivals, ending_of, tick


def stored(*names: str, version: str = "v1", size: int = 5) -> list[StoredObject]:
    return [StoredObject(f"videos/{name}", version, size) for name in names]


def ticked(*listings: Sequence[StoredObject]) -> list[list[str]]:
    """The matches that are due in each tick of a sensor that sees these listings, one after the other."""
    seen: dict[str, Seen] = {}
    due = []
    for listing in listings:
        result = tick(arrivals(listing), seen, {})
        seen = dict(result.seen)
        due.append([arrival.match_id for arrival in result.due])
    return due


def test_a_video_with_its_calibration_is_one_arrival() -> None:
    found = arrivals(stored("2025-2026_1_001.mp4", "2025-2026_1_001.json", "cup_1.MKV", "cup_1.json"))
    assert list(found.matches) == ["2025-2026_1_001", "cup_1"]
    assert found.matches["cup_1"].kind is Kind.VIDEO
    assert found.matches["cup_1"].parts["video"].key == "videos/cup_1.MKV"
    assert not found.strays


def test_provider_tracking_arrives_as_a_pair() -> None:
    found = arrivals(stored("g1.home.csv", "g1.away.csv", "g3.txt", "g3.xml"))
    assert {match: arrival.kind for match, arrival in found.matches.items()} == {
        "g1": Kind.METRICA_CSV,
        "g3": Kind.METRICA_EPTS,
    }
    assert not any(arrival.missing for arrival in found.matches.values())


def test_a_missing_half_is_named() -> None:
    for name, missing in (
        ("m.mp4", "videos/m.json"),
        ("m.json", "videos/m.mp4"),
        ("m.home.csv", "videos/m.away.csv"),
        ("m.txt", "videos/m.xml"),
    ):
        assert arrivals(stored(name)).matches["m"].missing == [missing]
    assert arrivals([*stored("m.mp4", size=0), *stored("m.json")]).matches["m"].missing == ["videos/m.mp4"]


def test_what_cannot_be_used_is_told_and_does_not_stop_the_rest() -> None:
    found = arrivals(
        stored("a.mp4", "a.json", "b.mp4.part", "c c.mp4", "d.mp4", "d.mov", "e.mp4", "e.txt", "sub/f.mp4", ".mp4")
    )
    assert list(found.matches) == ["a"]
    told = "\n".join(found.strays)
    for name in ("videos/b.mp4.part", "videos/c c.mp4", "d: both", "e: both", "videos/sub/f.mp4", "videos/.mp4"):
        assert name in told
    assert len(found.strays) == 6


def test_a_match_with_two_videos_is_not_taken_and_both_are_named() -> None:
    for names in (("m.mkv", "m.mp4"), ("m.mp4", "m.mkv"), ("m.mp4", "m.MP4")):
        found = arrivals(stored(*names, "m.json", "n.mp4", "n.json"))
        assert list(found.matches) == ["n"]
        (stray,) = found.strays
        first, second = sorted(names)
        assert stray == f"m: both videos/{first} and videos/{second} are there: which is to be taken?"
        assert tick(found, {}, {}).waiting[0] == stray


def test_a_file_of_any_name_is_known_by_its_ending() -> None:
    assert ending_of("final.MP4") == "mp4"
    assert ending_of("Sample_Game_1_RawTrackingData_Home_Team.csv") == "home.csv"
    assert ending_of("m.away.csv") == "away.csv"
    for name in ("RawEventsData.csv", "notes.docx", "mp4"):
        with pytest.raises(ValueError, match=name):
            ending_of(name)


def test_an_arrival_is_due_once_when_it_has_not_changed_for_a_tick() -> None:
    whole = stored("m.mp4", "m.json")
    assert ticked(whole, whole, whole, whole) == [[], ["m"], [], []]


def test_a_growing_file_is_left_alone_until_it_stands_still() -> None:
    growing = [stored("m.mp4", "m.json", version=f"v{size}", size=size) for size in (1, 2, 3)]
    assert ticked(*growing, growing[-1]) == [[], [], [], ["m"]]


def test_half_of_an_upload_waits_for_the_other_half() -> None:
    video, whole = stored("m.mp4"), stored("m.mp4", "m.json")
    assert ticked(video, video, video, whole, whole) == [[], [], [], [], ["m"]]
    assert tick(arrivals(video), {}, {}).waiting == ("m: waits for videos/m.json",)


def test_another_version_of_any_part_is_due_again() -> None:
    first = stored("m.mp4", "m.json")
    for changed in range(2):
        second = [replace(each, version="v2") if part == changed else each for part, each in enumerate(first)]
        assert ticked(first, first, second, second, second) == [[], ["m"], [], ["m"], []]


def test_a_match_that_went_and_came_back_unchanged_is_not_due_again() -> None:
    whole, other = stored("m.mp4", "m.json"), stored("m.mp4", "m.json", version="v2")
    assert ticked(whole, whole, [], whole, whole, other, other) == [[], ["m"], [], [], [], [], ["m"]]


def test_nothing_there_is_nothing_due() -> None:
    assert tick(Arrivals({}), {}, {}).due == ()


def test_what_a_run_has_begun_on_is_not_asked_for_again_even_when_the_cursor_is_lost() -> None:
    found = arrivals(stored("m.mp4", "m.json"))
    begun = {"m": found.matches["m"].version}
    first = tick(found, {}, begun)
    assert not first.due
    assert not tick(found, first.seen, {}).due
    other = arrivals(stored("m.mp4", "m.json", version="v2"))
    assert not (second := tick(other, first.seen, begun)).due
    assert [arrival.match_id for arrival in tick(other, second.seen, begun).due] == ["m"]
