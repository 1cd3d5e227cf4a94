"""Fetching documents from folders and servers, and keeping a partition's raw documents up to date."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fotmate_assets.core.documents import DocumentSource, FolderSource, HttpSource
from fotmate_assets.core.http import HttpClient
from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.core.object_store import LocalStore
from fotmate_assets.core.raw_zone import Manifest, RawZone
from fotmate_assets.core.sync import SAVE_EVERY, SyncReport, Wanted, sync
from fotmate_assets.embedded.upstream import Fault, Upstream


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "provider"
    (folder / "events").mkdir(parents=True)
    for number in range(1, 6):
        (folder / f"events/{number}.json").write_text(f'{{"match": {number}}}')
    return folder


@pytest.fixture
def upstream(root: Path) -> Iterator[Upstream]:
    with Upstream(root) as running:
        yield running


@pytest.fixture
def mirror(upstream: Upstream) -> Iterator[HttpSource]:
    client = HttpClient("statsbomb", timeout_s=2.0, per_second=10_000.0, attempts=2, first_wait_s=0.01)
    yield HttpSource("statsbomb", f"{upstream.url}/", client)
    client.close()


def names(count: int = 5) -> list[str]:
    return [f"events/{number}.json" for number in range(1, count + 1)]


def paths(upstream: Upstream) -> list[str]:
    return sorted(request.path for request in upstream.requests)


# --- folders


def test_a_folder_gives_a_file_with_its_revision(root: Path) -> None:
    source = FolderSource("statsbomb", root)
    document = source.fetch("events/1.json")
    assert document is not None
    assert (document.source, document.name, document.content) == ("statsbomb", "events/1.json", b'{"match": 1}')
    assert document.url == (root / "events/1.json").as_uri()
    assert abs(document.fetched_at - datetime.now(UTC)) < timedelta(seconds=10)
    assert source.fetch("events/1.json", document.revision) is None


def test_a_file_changed_in_size_or_time_alone_is_fetched_again(root: Path) -> None:
    source, file = FolderSource("statsbomb", root), root / "events/1.json"
    before = source.fetch("events/1.json")
    assert before is not None
    stat = file.stat()
    file.write_text('{"match": 9}')
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert source.fetch("events/1.json", before.revision) is not None
    file.write_text('{"match": 99}')
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert source.fetch("events/1.json", before.revision) is not None


@pytest.mark.parametrize("name", ["events/9.json", "none/1.json", "events/1.json/deeper"])
def test_a_file_that_is_not_there_is_empty_unexpected(root: Path, name: str) -> None:
    with pytest.raises(SourceError) as caught:
        FolderSource("statsbomb", root).fetch(name)
    assert (caught.value.verdict, caught.value.document) == (Verdict.EMPTY_UNEXPECTED, name)
    assert str(root / name) in str(caught.value)


def test_a_file_that_cannot_be_read_is_a_transport_failure(root: Path) -> None:
    with pytest.raises(SourceError) as caught:
        FolderSource("statsbomb", root).fetch("events")
    assert caught.value.verdict is Verdict.TRANSPORT


def test_a_folder_may_be_given_relative(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root.parent)
    document = FolderSource("statsbomb", Path(root.name)).fetch("events/1.json")
    assert document is not None
    assert document.url == (root / "events/1.json").as_uri()


def test_no_name_leads_out_of_a_folder(root: Path) -> None:
    (root.parent / "secret").write_text("x")
    with pytest.raises(ValueError, match="is not a plain relative object key"):
        FolderSource("statsbomb", root).fetch("../secret")


def test_names_of_a_folder_are_sorted_and_relative(root: Path) -> None:
    assert list(FolderSource("statsbomb", root).names("events/*.json")) == names()


# --- servers


def test_a_mirror_gives_a_document_with_its_etag(mirror: HttpSource, upstream: Upstream) -> None:
    document = mirror.fetch("events/1.json")
    assert document is not None
    assert document.content == b'{"match": 1}'
    assert document.url == f"{upstream.url}/events/1.json"
    assert document.revision
    assert mirror.fetch("events/1.json", document.revision) is None
    assert upstream.requests[1].headers["if-none-match"] == document.revision


def test_a_name_with_signs_of_a_url_is_asked_for_as_it_is(mirror: HttpSource, root: Path) -> None:
    for name in ("a b.json", "a#b.json", "a?b.json", "a%20b.json", "ä.json"):
        (root / name).write_text(name)
        document = mirror.fetch(name)
        assert document is not None
        assert document.content == name.encode()


def test_the_url_of_a_document_shows_no_secret(upstream: Upstream) -> None:
    client = HttpClient("kra", per_second=10_000.0)
    source = HttpSource("kra", f"http://user:s3cr3t@127.0.0.1:{upstream.port}", client)
    document = source.fetch("events/1.json")
    client.close()
    assert document is not None
    assert document.url == f"{upstream.url}/events/1.json"


# --- sync


def test_the_first_sync_fetches_everything_into_the_raw_zone(mirror: HttpSource, zone: RawZone) -> None:
    report = sync(mirror, map(Wanted, names()), zone, zone.manifest("statsbomb", "s"))
    assert (sorted(report.changed), report.unchanged, report.failures) == (names(), [], [])
    saved = zone.manifest("statsbomb", "s")
    for number, name in enumerate(names(), 1):
        document = zone.document(saved, name)
        assert document is not None
        assert document.content == f'{{"match": {number}}}'.encode()


def test_what_is_unchanged_is_asked_for_by_etag_and_not_sent(
    mirror: HttpSource, upstream: Upstream, zone: RawZone, root: Path
) -> None:
    sync(mirror, map(Wanted, names()), zone, zone.manifest("statsbomb", "s"))
    (root / "events/3.json").write_text("changed")
    upstream.requests.clear()
    report = sync(mirror, map(Wanted, names()), zone, zone.manifest("statsbomb", "s"))
    assert (report.changed, len(report.unchanged)) == (["events/3.json"], 4)
    assert all("if-none-match" in request.headers for request in upstream.requests)
    assert len(zone.manifest("statsbomb", "s").documents["events/3.json"]) == 2


def test_an_unchanged_token_saves_the_request(mirror: HttpSource, upstream: Upstream, zone: RawZone) -> None:
    sync(mirror, [Wanted(name, "v1") for name in names()], zone, zone.manifest("statsbomb", "s"))
    upstream.requests.clear()
    wanted = [Wanted(name, "v2" if name == "events/2.json" else "v1") for name in names()]
    report = sync(mirror, wanted, zone, zone.manifest("statsbomb", "s"))
    assert paths(upstream) == ["/events/2.json"]
    assert (report.changed, sorted(report.unchanged)) == ([], names())


def test_a_token_that_moved_over_unchanged_bytes_is_remembered(
    mirror: HttpSource, upstream: Upstream, zone: RawZone
) -> None:
    sync(mirror, [Wanted("events/1.json", "v1")], zone, zone.manifest("statsbomb", "s"))
    sync(mirror, [Wanted("events/1.json", "v2")], zone, zone.manifest("statsbomb", "s"))
    upstream.requests.clear()
    sync(mirror, [Wanted("events/1.json", "v2")], zone, zone.manifest("statsbomb", "s"))
    assert upstream.requests == []


def test_a_sync_without_news_writes_nothing(mirror: HttpSource, zone: RawZone) -> None:
    sync(mirror, map(Wanted, names()), zone, zone.manifest("statsbomb", "s"))
    before = _files(zone)
    sync(mirror, map(Wanted, names()), zone, zone.manifest("statsbomb", "s"))
    assert _files(zone) == before


def _files(zone: RawZone) -> dict[str, int]:
    assert isinstance(zone.store, LocalStore)
    found = zone.store.keys()
    return {key: (zone.store._root / key).stat().st_ino for key in found}


def test_a_server_without_etags_is_compared_by_bytes(zone: RawZone) -> None:
    source = Scripted({"a": b"1"})
    assert sync(source, [Wanted("a")], zone, zone.manifest("scripted", "s")).changed == ["a"]
    assert sync(source, [Wanted("a")], zone, zone.manifest("scripted", "s")).unchanged == ["a"]
    assert len(zone.manifest("scripted", "s").documents["a"]) == 1


@pytest.mark.parametrize("absence", [Verdict.NOT_YET, Verdict.EMPTY_EXPECTED])
def test_a_document_the_calendar_does_not_expect_is_absent_and_no_failure(
    mirror: HttpSource, zone: RawZone, absence: Verdict
) -> None:
    wanted = [Wanted("events/1.json"), Wanted("events/9.json", absence=absence)]
    report = sync(mirror, wanted, zone, zone.manifest("statsbomb", "s"))
    assert (report.changed, report.failures) == (["events/1.json"], [])
    (absent,) = report.absent
    assert (absent.verdict, absent.document) == (absence, "events/9.json")
    assert f"[{absence}]" in str(absent)
    assert "empty_unexpected" not in str(absent)


def test_one_document_that_fails_does_not_stop_the_others_and_they_are_saved(
    mirror: HttpSource, upstream: Upstream, zone: RawZone
) -> None:
    upstream.fail("*/3.json", Fault.status(500), times=2)
    wanted = [*map(Wanted, names()), Wanted("events/9.json")]
    report = sync(mirror, wanted, zone, zone.manifest("statsbomb", "s"), workers=1)
    assert report.changed == [name for name in names() if name != "events/3.json"]
    assert [(failure.document, failure.verdict) for failure in report.failures] == [
        ("events/3.json", Verdict.TRANSPORT),
        ("events/9.json", Verdict.EMPTY_UNEXPECTED),
    ]
    assert report.stopped is None
    assert list(zone.manifest("statsbomb", "s").names()) == report.changed


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        (Fault.status(429, retry_after_s=3600), Verdict.QUOTA),
        (Fault.status(401), Verdict.AUTH),
        (Fault.status(403), Verdict.BLOCKED),
    ],
    ids=["quota", "auth", "blocked"],
)
def test_a_refusal_ends_the_asking_and_what_was_had_is_kept(
    mirror: HttpSource, upstream: Upstream, zone: RawZone, fault: Fault, verdict: Verdict
) -> None:
    upstream.fail("*/2.json", fault)
    manifest = zone.manifest("statsbomb", "s")
    manifest.record(RawDocument("statsbomb", "events/5.json", b"known", "", datetime.now(UTC)), token="v1")
    wanted = [*map(Wanted, names(4)), Wanted("events/5.json", token="v1")]
    report = sync(mirror, wanted, zone, manifest, workers=1)
    assert paths(upstream) == ["/events/1.json", "/events/2.json"]
    assert (report.changed, report.unchanged) == (["events/1.json"], ["events/5.json"])
    assert [(failure.document, failure.verdict) for failure in report.failures] == [
        (name, verdict) for name in names(4)[1:]
    ]
    assert report.stopped is report.failures[0]
    assert "not asked for after" in str(report.failures[1])
    assert {failure.retry_after_s for failure in report.failures} == {3600.0 if verdict is Verdict.QUOTA else None}
    assert "events/1.json" in zone.manifest("statsbomb", "s").documents


def test_a_refusal_stops_all_workers(zone: RawZone) -> None:
    source = Scripted({str(number): b"x" for number in range(200)}, refuse_after=10, delay_s=0.002)
    report = sync(source, map(Wanted, source.contents), zone, Manifest("scripted", "s"), workers=8)
    assert source.asked <= 10 + 8
    assert len(report.changed) + len(report.failures) == 200


def test_trouble_that_is_no_failure_of_a_document_ends_the_sync_and_keeps_what_was_had(zone: RawZone) -> None:
    source = Scripted({str(number): b"%d" % number for number in range(1000)}, break_at="20")
    with pytest.raises(KeyError):
        sync(source, map(Wanted, source.contents), zone, Manifest("scripted", "s"), workers=2)
    assert source.asked < 1000, "the rest is not asked for"
    assert len(zone.manifest("scripted", "s").documents) >= 19


def test_a_killed_sync_does_not_start_over(zone: RawZone) -> None:
    reached = threading.Event()
    count = SAVE_EVERY + 10
    source = Scripted({str(number): b"%d" % number for number in range(count)}, hang_at=str(count - 1), reached=reached)
    manifest = Manifest("scripted", "s")
    running = threading.Thread(target=sync, args=(source, map(Wanted, source.contents), zone, manifest))
    running.start()
    assert reached.wait(10)
    assert len(zone.manifest("scripted", "s").documents) >= SAVE_EVERY
    source.go.set()
    running.join()
    assert len(zone.manifest("scripted", "s").documents) == count


def test_many_documents_over_many_workers_are_all_kept_once(zone: RawZone) -> None:
    contents = {f"events/{number}.json": b"%d" % (number % 400) for number in range(600)}
    source = Scripted(contents)
    report = sync(source, map(Wanted, contents), zone, Manifest("scripted", "s"), workers=16)
    assert (sorted(report.changed), report.failures) == (sorted(contents), [])
    saved = zone.manifest("scripted", "s")
    assert {name: len(saved.documents[name]) for name in saved.names()} == dict.fromkeys(sorted(contents), 1)
    for name in ("events/7.json", "events/407.json"):
        document = zone.document(saved, name)
        assert document is not None
        assert document.content == b"7"
    assert len(list(zone.store.keys("blobs/"))) == 400


def test_the_report_of_a_further_sync_is_added() -> None:
    error = SourceError(Verdict.AUTH, "s", "d", "no")
    report = SyncReport(["a"], ["b"], [error], [])
    report.add(SyncReport(["c"], ["d"], [], [error]))
    assert report == SyncReport(["a", "c"], ["b", "d"], [error], [error])
    assert report.stopped is error


@dataclass
class Scripted:
    """A source in memory, for what a server cannot be made to do on cue."""

    contents: dict[str, bytes]
    refuse_after: int | None = None
    break_at: str | None = None
    hang_at: str | None = None
    delay_s: float = 0.0
    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    source: str = "scripted"
    asked: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fetch(self, name: str, known: str | None = None) -> RawDocument | None:
        with self._lock:
            self.asked += 1
            asked = self.asked
        time.sleep(self.delay_s)
        if self.refuse_after is not None and asked > self.refuse_after:
            raise SourceError(Verdict.QUOTA, self.source, name, "enough")
        if name == self.break_at:
            raise KeyError(name)
        if name == self.hang_at:
            deadline = time.monotonic() + 10
            while self.asked < len(self.contents) and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.2)
            self.reached.set()
            self.go.wait(10)
        return RawDocument(self.source, name, self.contents[name], "memory:", datetime.now(UTC))


_: Callable[..., DocumentSource] = Scripted
