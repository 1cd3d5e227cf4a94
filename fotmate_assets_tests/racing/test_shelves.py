"""The shelves of the raw zone: what is kept of the portals' answers, and read back by inquiry."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.racing.model import Meeting
from fotmate_assets.racing.shelves import Shelves
from fotmate_assets.racing.sources import portal
from fotmate_assets.racing.sources.kra.services import ENTRY_SHEET, SCHEDULE
from fotmate_assets.racing.sources.kra.source import KRA
from fotmate_assets.racing.sources.source import Inquiry, Listing
from fotmate_assets_tests.databases import Database

SATURDAY, SUNDAY = Meeting(date(2025, 3, 8), "seoul"), Meeting(date(2025, 3, 9), "seoul")
MONTH = ENTRY_SHEET.of_month("seoul", SATURDAY.race_date)
DAY = ENTRY_SHEET.of_day(SATURDAY)
NOON = datetime(2025, 3, 8, 3, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
MUCH_LATER = LATER + timedelta(hours=1)

NewShelves = Callable[[], Shelves]


@pytest.fixture
def shelves(emptied: Database, zone: RawZone) -> NewShelves:
    """Makes shelves that remember nothing: all on the same zone."""
    return lambda: Shelves(zone, emptied.engine)


def row(number: int, day: str = "20250308", **more: Any) -> dict[str, Any]:
    return {"meet": "서울", "rcDate": day, "rcNo": 1, "chulNo": number, "hrName": "모의", **more}


def answer(inquiry: Inquiry, *rows: dict[str, Any], at: datetime = NOON, pages: int = 1) -> Listing:
    """An answer in pages of equal size."""
    size = -(-len(rows) // pages)
    documents = []
    for page in range(pages):
        items: Any = {"item": list(rows[page * size : (page + 1) * size])} if rows else ""
        body = {"items": items, "numOfRows": size, "pageNo": page + 1, "totalCount": len(rows)}
        content = json.dumps({"response": {"header": {"resultCode": "00"}, "body": body}}).encode()
        documents.append(RawDocument("kra", f"{inquiry.document}/{page + 1}", content, "http://x", at))
    return portal.read(inquiry, documents)


def keep(shelves: Shelves, *listings: Listing) -> None:
    for listing in listings:
        shelves.put(listing)
    shelves.save("kra")


def numbers(answer: object) -> list[int]:
    assert isinstance(answer, Listing), answer
    return [json.loads(bytes(each))["chulNo"] for each in answer.rows]


def complete(shelves: Shelves, meeting: Meeting = SATURDAY, **fresh: Listing) -> list[int] | None:
    """Start numbers of the entry sheet that a meeting is built from."""
    found = shelves.complete(KRA(), meeting, fresh, LATER).listings
    return numbers(found["API26_2"]) if "API26_2" in found else None


def test_what_was_kept_is_found_by_its_inquiry(shelves: NewShelves, zone: RawZone) -> None:
    keep(shelves(), answer(DAY, row(1), row(2)))
    assert numbers(shelves().find("kra", DAY)) == [1, 2]
    assert list(zone.manifest("kra", "2025-03-08").names()) == ["API26_2/seoul/2025-03-08/1"]
    assert shelves().find("kra", MONTH) is None
    assert shelves().find("kspo", DAY) is None


def test_nothing_is_on_a_shelf_before_it_is_saved(shelves: NewShelves) -> None:
    one = shelves()
    one.put(answer(DAY, row(1)))
    assert shelves().find("kra", DAY) is None
    one.save("kra")
    assert numbers(shelves().find("kra", DAY)) == [1]


def test_an_answer_without_rows_does_not_take_the_place_of_one_with_rows(shelves: NewShelves) -> None:
    keep(shelves(), answer(DAY, row(1)))
    keep(shelves(), answer(DAY, at=LATER))
    assert numbers(shelves().find("kra", DAY)) == [1]
    keep(shelves(), answer(DAY, row(2), at=MUCH_LATER))
    assert numbers(shelves().find("kra", DAY)) == [2]


def test_an_answer_without_rows_is_kept_where_there_is_no_other(shelves: NewShelves) -> None:
    """That nothing happened is told, too."""
    keep(shelves(), answer(DAY))
    assert numbers(shelves().find("kra", DAY)) == []


def test_pages_of_an_older_longer_answer_are_left_out(shelves: NewShelves) -> None:
    keep(shelves(), answer(DAY, row(1), row(2), row(3), pages=3))
    assert numbers(shelves().find("kra", DAY)) == [1, 2, 3]
    keep(shelves(), answer(DAY, row(4), row(5), at=LATER, pages=2))
    assert numbers(shelves().find("kra", DAY)) == [4, 5]
    keep(shelves(), answer(DAY, row(1), row(2), row(3), at=MUCH_LATER, pages=3))
    assert numbers(shelves().find("kra", DAY)) == [1, 2, 3]


def test_bytes_of_an_older_answer_may_be_gone(shelves: NewShelves, zone: RawZone) -> None:
    keep(shelves(), answer(DAY, row(1), row(2), row(3), pages=3))
    keep(shelves(), answer(DAY, row(4), row(5), at=LATER, pages=2))
    blob_of(zone, "API26_2/seoul/2025-03-08/3").unlink()
    assert numbers(shelves().find("kra", DAY)) == [4, 5]


def test_the_newer_of_the_day_and_the_month_tells(shelves: NewShelves) -> None:
    keep(shelves(), answer(DAY, row(1)), answer(MONTH, row(2), at=LATER))
    assert complete(shelves()) == [2]
    keep(shelves(), answer(DAY, row(3), at=MUCH_LATER))
    assert complete(shelves()) == [3]
    assert complete(shelves(), SUNDAY) == [2]


def test_one_without_rows_tells_only_where_no_other_has_any(shelves: NewShelves) -> None:
    keep(shelves(), answer(MONTH))
    assert complete(shelves()) == []
    keep(shelves(), answer(DAY, row(1), at=NOON - timedelta(days=1)))
    assert complete(shelves()) == [1]
    keep(shelves(), answer(MONTH, row(2), at=NOON - timedelta(days=2)), answer(DAY, at=LATER))
    assert complete(shelves()) == [1]


def test_a_fresh_answer_comes_first_unless_it_is_empty(shelves: NewShelves) -> None:
    keep(shelves(), answer(DAY, row(1), at=MUCH_LATER))
    assert complete(shelves(), API26_2=answer(DAY, row(2))) == [2]
    assert complete(shelves(), API26_2=answer(DAY)) == [1]


def test_a_meeting_of_which_nothing_is_kept_has_no_listing(shelves: NewShelves) -> None:
    kept = shelves().complete(KRA(), SATURDAY, {}, LATER)
    assert (kept.listings, kept.lost) == ({}, {})


@pytest.mark.parametrize("harm", ["gone", "cut"])
def test_bytes_that_are_lost_are_named_and_can_be_asked_for_again(
    shelves: NewShelves, zone: RawZone, harm: str
) -> None:
    keep(shelves(), answer(DAY, row(1)))
    blob = blob_of(zone, "API26_2/seoul/2025-03-08/1")
    if harm == "gone":
        blob.unlink()
    else:
        blob.write_bytes(blob.read_bytes()[:-5])
    found = shelves().find("kra", DAY)
    assert isinstance(found, SourceError)
    assert (found.verdict, found.document) == (Verdict.TRANSPORT, "API26_2/seoul/2025-03-08")
    assert "the raw zone lost it" in found.reason
    kept = shelves().complete(KRA(), SATURDAY, {}, LATER)
    assert {inquiry: str(error) for inquiry, error in kept.lost.items()} == {DAY: str(found)}
    # Nothing is lost where another document tells the same, and a new answer takes the place of the lost one.
    assert shelves().complete(KRA(), SATURDAY, {"API26_2": answer(DAY, row(1))}, LATER).lost == {}
    keep(shelves(), answer(MONTH, row(2)))
    assert shelves().complete(KRA(), SATURDAY, {}, LATER).lost == {}
    keep(shelves(), answer(DAY, at=LATER))
    assert numbers(shelves().find("kra", DAY)) == []


def test_kept_pages_that_do_not_add_up_are_lost(shelves: NewShelves, zone: RawZone) -> None:
    whole = answer(DAY, row(1), row(2), pages=2)
    keep(shelves(), whole)
    manifest = zone.manifest("kra", "2025-03-08")
    del manifest.documents["API26_2/seoul/2025-03-08/2"]
    zone.save(manifest)
    found = shelves().find("kra", DAY)
    assert isinstance(found, SourceError)
    assert "page 2 is missing" in found.reason


def blob_of(zone: RawZone, name: str) -> Path:
    revision = zone.manifest("kra", "2025-03-08").current(name)
    assert revision is not None
    root = zone.store.url.removeprefix("file://")
    return Path(root) / f"blobs/{revision.sha256[:2]}/{revision.sha256}.zst"


def test_many_that_save_at_once_lose_nothing_of_each_other(shelves: NewShelves, zone: RawZone) -> None:
    """As many runs, each with shelves of its own; all on the month's shelf."""
    of_track = {
        (service.slot, track): replace(service.of_month(track, SATURDAY.race_date))
        for service in (SCHEDULE, ENTRY_SHEET)
        for track in ("seoul", "jeju", "busan")
    }
    ready = threading.Barrier(len(of_track))

    def run(inquiry: Inquiry) -> None:
        one = shelves()
        one.put(answer(inquiry, row(1)))
        ready.wait()
        one.save("kra")

    threads = [threading.Thread(target=run, args=(inquiry,)) for inquiry in of_track.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = list(zone.manifest("kra", "2025-03").names())
    assert found == sorted(f"{inquiry.document}/1" for inquiry in of_track.values())


def test_a_run_reads_what_another_has_saved_meanwhile_before_it_saves(shelves: NewShelves) -> None:
    slow = shelves()
    assert slow.find("kra", MONTH) is None
    keep(shelves(), answer(DAY, row(1)))
    slow.put(answer(replace(DAY, document="API26_2/seoul/other"), row(2)))
    slow.save("kra")
    assert numbers(shelves().find("kra", DAY)) == [1]
