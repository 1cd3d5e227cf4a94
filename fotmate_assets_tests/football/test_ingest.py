"""A season with one thing wrong: the verdict, the ledger, the kept bytes, and the rest of the season all the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fotmate_assets.core.documents import HttpSource
from fotmate_assets.core.http import HttpClient
from fotmate_assets.core.ledger import Failure
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.embedded.upstream import Fault as HttpFault
from fotmate_assets.embedded.upstream import Upstream
from fotmate_assets.football.ingest import fetch_catalogue, fetch_season
from fotmate_assets.football.sources.fbref.provider import FBref
from fotmate_assets.football.sources.provider import UnknownMatchError
from fotmate_assets.football.sources.statsbomb.documents import Statsbombpy
from fotmate_assets.football.sources.statsbomb.provider import StatsBomb
from fotmate_assets_tests.football.league import KEY, MATCHES, League, partial_matches, row_versions

BROKEN = "9001002"
EVENTS, LINEUPS = f"events/{BROKEN}.json", f"lineups/{BROKEN}.json"
RAW, LOAD, CATALOGUE = "football/statsbomb_raw", "football/matches", "football/season_catalogue"


def owed(league: League) -> list[Failure]:
    return league.ledger.failures()


def quarantined(league: League) -> list[tuple[object, ...]]:
    return league.database.execute("select source, document, field, sha256, size_bytes from quarantine order by 1, 2")


@dataclass(frozen=True)
class Fault:
    """One way to break the events of a match, and what is said of it."""

    name: str
    field: str | None
    reason: str
    change: Callable[[list[dict[str, Any]]], Any] | None = None
    """In place, or a new document; without it the file is cut in half."""

    def apply(self, league: League) -> bytes:
        if self.change is not None:
            return league.rewrite(EVENTS, self.change)
        path = league.folder / EVENTS
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return path.read_bytes()


FAULTS = (
    Fault("truncated", None, "not whole JSON"),
    Fault(
        "unknown_event_type",
        "[5].type.name",
        "unknown event type 'Teleport'",
        lambda events: events[5]["type"].update(name="Teleport"),
    ),
    Fault("duplicate_event_id", "[5].id", "twice", lambda events: events[5].update(id=events[4]["id"])),
    Fault(
        "text_for_a_number", "[5].minute", "Expected `int`, got `str`", lambda events: events[5].update(minute="three")
    ),
    Fault("missing_field", "[5].period", "period", lambda events: events[5].pop("period") and None),
    Fault("strange_team", "[5].team", "does not play here", lambda events: events[5]["team"].update(id=1)),
    Fault("no_events", None, "the list of its events is empty", lambda events: []),
)
ANY_FAULT = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)


@ANY_FAULT
def test_a_broken_match_is_owed_and_quarantined_and_the_others_are_loaded(league: League, fault: Fault) -> None:
    content = fault.apply(league)
    assert league.fetch().failures == []
    outcome = league.load()
    assert [match.match_id for match in outcome.loaded] == ["2025-2026_1_001", "2025-2026_2_001", "2025-2026_2_002"]
    assert league.scalar("select count(*) from matches where provider_match_id = :id", id=BROKEN) == 0
    assert partial_matches(league.database.engine) == []

    (error,) = outcome.failures
    assert (error.verdict, error.source, error.document) == (Verdict.MALFORMED, "statsbomb", EVENTS)
    assert fault.reason in error.reason
    assert str(error).startswith(f"statsbomb {EVENTS}")

    (failure,) = owed(league)
    assert (failure.source, failure.job, failure.partition_key) == ("statsbomb", LOAD, KEY)
    assert (failure.document, failure.verdict, failure.reason) == (EVENTS, Verdict.MALFORMED, error.reason)
    assert (failure.field or "").startswith(fault.field or "")
    assert (failure.field is None) == (fault.field is None)
    assert (failure.status, failure.attempts, failure.next_retry_at) == ("pending", 1, None)
    assert failure.raw_sha256 is not None
    assert league.zone.get(failure.raw_sha256) == content

    assert quarantined(league) == [("statsbomb", EVENTS, failure.field, failure.raw_sha256, len(content))]
    attempt = league.database.execute("select verdict, message from ingestion_jobs where job = :job", job=LOAD)
    assert attempt == [("malformed", f"3 matches loaded, 0 unchanged, 1 failed: {error}")]


@ANY_FAULT
def test_mending_the_document_resolves_what_was_owed_and_loads_the_match(
    league: League, season_folder: Path, fault: Fault
) -> None:
    fault.apply(league)
    league.refresh()
    (league.folder / EVENTS).write_bytes((season_folder / EVENTS).read_bytes())
    outcome = league.refresh()
    assert [match.match_id for match in outcome.loaded] == ["2025-2026_1_002"]
    assert outcome.unchanged == 3
    assert owed(league) == []
    assert league.database.execute("select status, attempts, resolved_at is not null from ingestion_failures") == [
        ("resolved", 1, True)
    ]
    assert len(quarantined(league)) == 1, "what was refused stays on record"
    assert partial_matches(league.database.engine) == []


def test_trying_again_what_is_still_broken_counts_attempts_and_adds_no_row(league: League) -> None:
    FAULTS[1].apply(league)
    league.refresh()
    before = row_versions(league.database.engine)
    for attempts in range(2, 7):
        league.ledger.begin_retry(failure.failure_id for failure in owed(league))
        outcome = league.refresh()
        assert (len(outcome.loaded), outcome.unchanged, len(outcome.failures)) == (0, 3, 1)
        (failure,) = owed(league)
        assert failure.attempts == attempts
        assert failure.status == ("pending" if attempts < 6 else "exhausted")
    assert len(quarantined(league)) == 1
    assert row_versions(league.database.engine) == before
    assert league.scalar("select count(*) from ingestion_jobs where job = :job", job=LOAD) == 6


def test_a_revision_that_is_broken_leaves_the_match_at_the_last_good_one(league: League) -> None:
    league.refresh()
    before = row_versions(league.database.engine)
    FAULTS[0].apply(league)
    outcome = league.refresh()
    assert len(outcome.failures) == 1
    assert row_versions(league.database.engine) == before


def test_a_missing_events_file_is_owed_and_the_others_are_loaded(league: League, season_folder: Path) -> None:
    (league.folder / EVENTS).unlink()
    (error,) = league.fetch().failures
    assert (error.verdict, error.document) == (Verdict.EMPTY_UNEXPECTED, EVENTS)
    outcome = league.load()
    assert len(outcome.loaded) == 3
    assert outcome.failures == []
    assert outcome.waiting == ["Città Finta v Dvořín Modelový, 2025-08-11 (match 9001002)"]
    (failure,) = owed(league)
    assert (failure.job, failure.document, failure.verdict) == (RAW, EVENTS, Verdict.EMPTY_UNEXPECTED)
    assert failure.reason.startswith("no such file: ")
    assert failure.reason.endswith(EVENTS)
    assert failure.next_retry_at is not None, "it may be there later"
    assert quarantined(league) == [], "there is nothing to keep"

    (league.folder / EVENTS).write_bytes((season_folder / EVENTS).read_bytes())
    assert len(league.refresh().loaded) == 1
    assert owed(league) == []


def test_missing_lineups_are_not_yet_there_and_the_match_is_loaded_from_its_events(
    league: League, season_folder: Path
) -> None:
    (league.folder / LINEUPS).unlink()
    report = league.fetch()
    assert report.failures == []
    assert [(one.verdict, one.document) for one in report.absent] == [(Verdict.NOT_YET, LINEUPS)]
    assert len(league.load().loaded) == 4
    assert owed(league) == []
    ours = "from matches join lineups using (match_id) where provider_match_id = :id"
    assert league.scalar(f"select count(*) filter (where is_starter) {ours}", id=BROKEN) == 22
    few = league.scalar(f"select count(*) {ours}", id=BROKEN)
    assert 22 < few < 36, "who sat on the bench is unknown"
    warnings = league.scalar("select warnings from matches where provider_match_id = :id", id=BROKEN)
    assert warnings == ["no lineups document: the squads are those that the events name"]
    assert partial_matches(league.database.engine) == []

    (league.folder / LINEUPS).write_bytes((season_folder / LINEUPS).read_bytes())
    assert len(league.refresh().loaded) == 1, "the lineups make another revision"
    assert league.scalar(f"select count(*) {ours}", id=BROKEN) == 36


def test_lineups_that_were_owed_are_settled_once_they_are_announced_for_later(league: League) -> None:
    """A folder where the file cannot be read, and then is not there: the one is owed, the other in order."""
    path = league.folder / LINEUPS
    path.unlink()
    path.mkdir()
    assert [failure.document for failure in league.fetch().failures] == [LINEUPS]
    assert [failure.verdict for failure in owed(league)] == [Verdict.TRANSPORT]
    path.rmdir()
    assert league.fetch().failures == []
    assert owed(league) == []


def test_broken_lineups_are_owed_by_name(league: League) -> None:
    content = league.rewrite(LINEUPS, lambda sides: sides[0]["lineup"][0].update(jersey_number="ten"))
    outcome = league.refresh()
    (error,) = outcome.failures
    assert (error.document, error.field) == (LINEUPS, "[0].lineup[0].jersey_number")
    (failure,) = owed(league)
    assert failure.raw_sha256 is not None
    assert league.zone.get(failure.raw_sha256) == content
    assert len(outcome.loaded) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda events: events[5].update(index=events[4]["index"]), "duplicate key value violates unique constraint"),
        (lambda events: events[5].update(minute=70_000), "match_events: row 6, column minute: 70000 is no smallint"),
        (lambda events: events[5].update(play_pattern={"id": 1, "name": "a\0b"}), "invalid byte sequence"),
    ],
    ids=["same_index_twice", "minute_70000", "nul_in_a_text"],
)
def test_what_the_database_refuses_is_the_matches_fault_and_does_not_stop_the_season(
    league: League, change: Callable[[Any], None], said: str
) -> None:
    league.rewrite(EVENTS, change)
    outcome = league.refresh()
    assert len(outcome.loaded) == 3
    (error,) = outcome.failures
    assert error.verdict is Verdict.MALFORMED
    assert said in error.reason
    (failure,) = owed(league)
    assert BROKEN in failure.document
    assert partial_matches(league.database.engine) == []


def test_bytes_that_the_raw_zone_lost_do_not_stop_the_season(league: League) -> None:
    league.fetch()
    manifest = league.zone.manifest("statsbomb", KEY)
    current = manifest.current(EVENTS)
    assert current is not None
    league.zone.store.delete(f"blobs/{current.sha256[:2]}/{current.sha256}.zst")
    outcome = league.load()
    assert len(outcome.loaded) == 3
    (error,) = outcome.failures
    assert (error.document, error.verdict) == (EVENTS, Verdict.MALFORMED)
    assert error.reason.startswith("the raw zone lost it: ")
    assert current.sha256 in error.reason


def test_events_of_a_match_that_no_season_lists_are_told(league: League) -> None:
    stray = league.folder / "events" / "77.json"
    stray.write_bytes(b"[]")
    (error,) = league.catalogue().failures
    assert (error.verdict, error.document, error.field) == (Verdict.MALFORMED, "events/77.json", "match_id")
    assert error.reason == "match 77 is not listed by any season"
    (failure,) = owed(league)
    assert (failure.job, failure.partition_key, failure.field) == (CATALOGUE, "", "match_id")
    assert failure.raw_sha256 is not None
    assert league.zone.get(failure.raw_sha256) == b"[]"
    assert len(league.refresh().loaded) == 4, "the season itself is whole"

    league.rewrite(MATCHES, lambda rows: [*rows, {**rows[0], "match_id": 77, "match_status": "scheduled"}])
    assert league.catalogue().failures == []
    assert league.scalar("select status from ingestion_failures") in ("resolved", "pending")


def test_a_malformed_match_list_is_owed_and_leaves_the_season_as_it_was(league: League, season_folder: Path) -> None:
    league.refresh()
    before = row_versions(league.database.engine)
    content = b'[{"match_id": 1,'
    (league.folder / MATCHES).write_bytes(content)
    report = league.fetch()
    assert [(error.document, error.verdict) for error in report.failures] == [(MATCHES, Verdict.MALFORMED)]
    outcome = league.load()
    assert [error.document for error in outcome.failures] == [MATCHES]
    assert outcome.vanished == [], "what the list says is unknown, so nothing is known to be gone"
    assert sorted((failure.job, failure.document) for failure in owed(league)) == [(LOAD, MATCHES), (RAW, MATCHES)]
    (kept,) = quarantined(league)
    assert league.zone.get(str(kept[3])) == content
    assert row_versions(league.database.engine) == before

    (league.folder / MATCHES).write_bytes((season_folder / MATCHES).read_bytes())
    assert league.refresh().unchanged == 4
    assert owed(league) == []


def test_a_match_that_its_season_lists_twice_is_told(league: League) -> None:
    league.rewrite(MATCHES, lambda rows: [*rows, rows[0]])
    (error,) = league.fetch().failures
    assert (error.document, error.field) == (MATCHES, "[4].match_id")
    assert "match 9001001 twice" in error.reason


def test_one_match_with_a_broken_date_does_not_stop_the_others(league: League) -> None:
    league.rewrite(MATCHES, lambda rows: rows[1].update(match_date="the other day"))
    outcome = league.refresh()
    (error,) = outcome.failures
    assert error.document == MATCHES
    assert error.field == f"match {BROKEN} match_date"
    assert len(outcome.loaded) == 3


def test_a_match_that_vanished_is_reported_and_kept(league: League) -> None:
    league.refresh()
    before = row_versions(league.database.engine)
    league.rewrite(MATCHES, lambda rows: rows[:1] + rows[2:])
    outcome = league.refresh()
    assert outcome.vanished == [BROKEN]
    assert outcome.failures == []
    assert row_versions(league.database.engine) == before


def test_nothing_vanished_from_a_season_that_was_only_half_fetched(league: League) -> None:
    league.refresh()
    (league.folder / EVENTS).unlink()
    assert league.refresh().vanished == []


def test_a_match_to_come_is_a_fixture_and_becomes_the_match_it_was(league: League) -> None:
    league.rewrite(MATCHES, lambda rows: rows[3].update(match_status="scheduled", home_score=None, away_score=None))
    (league.folder / "events/9001004.json").rename(league.folder / "later.json")
    outcome = league.refresh()
    assert (len(outcome.loaded), outcome.failures, outcome.waiting) == (4, [], [])
    assert league.database.execute(
        "select match_id, event_count, home_score from matches where status = 'scheduled'"
    ) == [("2025-2026_2_002", 0, None)]
    league.rewrite(MATCHES, lambda rows: rows[3].update(match_status="available", home_score=0, away_score=2))
    (league.folder / "later.json").rename(league.folder / "events/9001004.json")
    (loaded,) = league.refresh().loaded
    assert loaded.match_id == "2025-2026_2_002"
    assert partial_matches(league.database.engine) == []


def test_a_single_match_is_fetched_and_loaded_alone(league: League) -> None:
    report = league.fetch(BROKEN)
    assert sorted(report.changed) == sorted([MATCHES, EVENTS, LINEUPS])
    outcome = league.load(BROKEN)
    assert [match.events for match in outcome.loaded] == [len(league.document(EVENTS))]
    assert outcome.vanished == []
    assert league.database.execute("select provider_match_id from matches") == [(BROKEN,)]


def test_a_single_match_that_the_season_does_not_list_is_told(league: League) -> None:
    league.refresh()
    with pytest.raises(UnknownMatchError, match=f"lists no match 123 in {MATCHES}"):
        league.fetch("123")
    assert owed(league) == [], "the caller's mistake is nobody's debt"


def test_match_ids_do_not_depend_on_which_documents_came_first(league: League) -> None:
    whole = (league.folder / "events/9001001.json").read_bytes()
    (league.folder / "events/9001001.json").unlink()
    (league.folder / EVENTS).write_bytes(b"[]")
    league.refresh()
    (league.folder / "events/9001001.json").write_bytes(whole)
    league.refresh()
    query = "select provider_id, internal_id from id_mappings where entity_type = 'match' order by 1"
    assert league.database.execute(query) == [
        ("9001001", "2025-2026_1_001"),
        ("9001002", "2025-2026_1_002"),
        ("9001003", "2025-2026_2_001"),
        ("9001004", "2025-2026_2_002"),
    ]


def test_a_good_season_leaves_one_attempt_of_each_job_and_owes_nothing(league: League) -> None:
    league.refresh()
    rows = league.database.execute(
        "select source, job, partition_key, verdict, rows, message from ingestion_jobs order by job_id"
    )
    stored = sum(
        league.scalar(f"select count(*) from {table}")
        for table in ("matches", "lineups", "match_events", "match_player_stats")
    )
    assert rows == [
        ("statsbomb", CATALOGUE, "", "ok", 1, "1 seasons"),
        ("statsbomb", RAW, KEY, "ok", 9, "9 documents changed, 0 did not"),
        ("statsbomb", LOAD, KEY, "ok", stored, "4 matches loaded, 0 unchanged"),
    ]
    assert owed(league) == []
    assert quarantined(league) == []


def test_a_catalogue_that_cannot_be_read_is_owed_and_offers_nothing(league: League) -> None:
    (league.folder / "competitions.json").write_bytes(b"<html>")
    seasons, report = fetch_catalogue(league.provider, league.zone, league.ledger)
    assert seasons == []
    (error,) = report.failures
    assert (error.document, error.verdict) == ("competitions.json", Verdict.MALFORMED)
    (failure,) = owed(league)
    assert failure.raw_sha256 is not None
    assert league.zone.get(failure.raw_sha256) == b"<html>"


def test_a_provider_that_refuses_the_whole_season_is_owed(league: League) -> None:
    """FBref over HTTP: its robots rule says no before anything is asked."""
    fbref = FBref(HttpSource("fbref", "http://127.0.0.1:9", HttpClient("fbref")))
    report = fetch_season(fbref, KEY, {"folder": KEY}, league.zone, league.ledger)
    assert [failure.verdict for failure in report.failures] == [Verdict.BLOCKED]
    assert [(failure.source, failure.document) for failure in owed(league)] == [("fbref", "pages")]
    assert league.database.execute("select verdict from ingestion_jobs where source = 'fbref'") == [("blocked",)]


def test_a_parser_that_trips_over_one_match_does_not_stop_the_season(league: League) -> None:
    """A bug that one odd document wakes: told as its failure, with the error's own words."""
    league.fetch()

    class Tripping(type(league.provider)):  # type: ignore[misc]
        def plan(self, *arguments: Any) -> Any:
            plan = super().plan(*arguments)
            first, *others = plan.matches

            def trip() -> None:
                raise KeyError("no such position")

            plan.matches = [type(first)(**{**vars(first), "build": trip}), *others]
            return plan

    league.provider = Tripping(league.provider.documents)  # type: ignore[attr-defined]
    outcome = league.load()
    assert len(outcome.loaded) == 3
    (error,) = outcome.failures
    assert isinstance(error, SourceError)
    assert error.reason.endswith("KeyError: 'no such position'")


def test_the_ledger_keeps_what_is_json_and_not_a_rendering_of_it(league: League) -> None:
    """Bytes as they came: a byte order mark and a bad encoding are part of the evidence."""
    content = b"\xef\xbb\xbf" + json.dumps([{"id": "Ä"}], ensure_ascii=False).encode("latin-1")
    (league.folder / EVENTS).write_bytes(content)
    league.refresh()
    (failure,) = owed(league)
    assert failure.raw_sha256 is not None
    assert league.zone.get(failure.raw_sha256) == content


def test_what_was_owed_on_a_match_that_left_the_season_is_owed_no_more(league: League) -> None:
    FAULTS[0].apply(league)
    league.fetch()
    league.load()
    assert [failure.document for failure in owed(league)] == [EVENTS]
    league.rewrite(MATCHES, lambda rows: [row for row in rows if row["match_id"] != int(BROKEN)])
    league.fetch()
    league.load()
    assert owed(league) == []


def test_a_broken_answer_is_fetched_again_although_the_match_was_not_updated(league: League) -> None:
    with Upstream(league.folder) as upstream:
        client = HttpClient("statsbomb", per_second=1000, first_wait_s=0.01)
        league.provider = StatsBomb(Statsbombpy(client, root=upstream.url))
        upstream.fail(f"*/{EVENTS}", HttpFault.cut_json(0.5))
        league.fetch()
        assert [failure.document for failure in league.load().failures] == [EVENTS]

        league.fetch()
        assert [match.match_id for match in league.load().loaded] == ["2025-2026_1_002"]
        assert owed(league) == []

        asked = len(upstream.requests)
        league.fetch()
        assert len(upstream.requests) == asked + 1, "only the list of matches"
