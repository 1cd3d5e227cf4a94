"""StatsBomb as a provider: what it offers, what it fetches, and which matches it would rewrite."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fotmate_assets.core.http import HttpClient
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.raw_zone import Manifest, RawZone
from fotmate_assets.core.sync import SyncReport
from fotmate_assets.embedded.sample.statsbomb import competition_row, sample_team, simulate_match, write_season
from fotmate_assets.embedded.upstream import Fault, Upstream
from fotmate_assets.football.sources.provider import PlannedMatch, SeasonPlan, UnknownMatchError
from fotmate_assets.football.sources.statsbomb import provider as provider_module
from fotmate_assets.football.sources.statsbomb.documents import statsbomb_documents
from fotmate_assets.football.sources.statsbomb.provider import StatsBomb

KEY = "simulated-league_2025-2026"
IDS = {"competition_id": 9001, "season_id": 901}
LIST = "matches/9001/901.json"
FIRST, FRAMED, FIXTURE = 1, 2, 3


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A season of three: one match, one with 360 frames, and one that is still to be played."""
    folder = tmp_path_factory.mktemp("open-data")
    home, away = sample_team(11, "Home"), sample_team(22, "Away")
    matches = [
        simulate_match(FIRST, home, away, minutes_scale=0.07, match_date="2025-08-16"),
        simulate_match(FRAMED, away, home, minutes_scale=0.07, match_date="2025-08-23", with_frames=True),
        simulate_match(FIXTURE, home, away, minutes_scale=0.07, match_date="2026-05-30"),
    ]
    matches[2].match.update(match_status="scheduled", home_score=None, away_score=None)
    write_season(folder, competition_row(), matches)
    for name in ("events", "lineups"):
        (folder / name / f"{FIXTURE}.json").unlink()
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy of the season that the test may spoil."""
    return Path(shutil.copytree(written, tmp_path / "open-data"))


@pytest.fixture
def client() -> Iterator[HttpClient]:
    opened = HttpClient("statsbomb", timeout_s=2, per_second=1000, attempts=2, first_wait_s=0.01)
    yield opened
    opened.close()


class Season:
    """A provider, its raw zone and the manifest of the season."""

    def __init__(self, source: str, zone: RawZone, client: HttpClient) -> None:
        self.provider = StatsBomb(statsbomb_documents(source, client))
        self.zone = zone
        self.manifest = Manifest("statsbomb", KEY)

    def sync(self, match_id: str | None = None) -> SyncReport:
        return self.provider.sync(IDS, self.zone, self.manifest, match_id)

    def plan(self) -> SeasonPlan:
        return self.provider.plan(KEY, IDS, self.zone, self.manifest)

    def planned(self, match_id: int) -> PlannedMatch:
        return next(match for match in self.plan().matches if match.provider_match_id == str(match_id))

    def revisions(self) -> dict[str, str]:
        return {match.provider_match_id: match.revision for match in self.plan().matches}


@pytest.fixture
def season(folder: Path, zone: RawZone, client: HttpClient) -> Season:
    return Season(str(folder), zone, client)


@pytest.fixture
def mirror(folder: Path) -> Iterator[Upstream]:
    with Upstream(folder) as running:
        yield running


@pytest.fixture
def remote(mirror: Upstream, zone: RawZone, client: HttpClient) -> Season:
    return Season(mirror.url, zone, client)


def edit(path: Path, change: Callable[[Any], Any]) -> None:
    """Rewrite a JSON file."""
    content = json.loads(path.read_bytes())
    path.write_text(json.dumps(change(content) or content))


def in_row(match_id: int, **changes: Any) -> Callable[[Any], None]:
    """Change the row of a match in a matches file."""
    return lambda rows: next(row for row in rows if row["match_id"] == match_id).update(changes)


def names(errors: list[SourceError]) -> list[str]:
    return [error.document for error in errors]


# --- catalogue --------------------------------------------------------------------------------------------------


def test_the_catalogue_offers_every_season_with_statsbombs_ids(season: Season, zone: RawZone) -> None:
    manifest = Manifest("statsbomb", "")
    (offered,), report = season.provider.catalogue(zone, manifest)
    assert (offered.season.key, offered.ids) == (KEY, IDS)
    assert (report.changed, report.failures) == (["competitions.json"], [])
    assert season.provider.catalogue(zone, manifest)[1].unchanged == ["competitions.json"]


def test_events_of_a_match_that_no_season_lists_are_reported_with_their_bytes(
    season: Season, folder: Path, zone: RawZone
) -> None:
    (folder / "events" / "777.json").write_bytes(b'[{"id":"stray"}]')
    seasons, report = season.provider.catalogue(zone, Manifest("statsbomb", ""))
    assert len(seasons) == 1, "the seasons are offered all the same"
    (stray,) = report.failures
    assert (stray.verdict, stray.document, stray.field) == (Verdict.MALFORMED, "events/777.json", "match_id")
    assert "match 777 is not listed by any season" in str(stray)
    assert stray.content == b'[{"id":"stray"}]'


def test_a_broken_list_of_matches_makes_no_stray_of_its_matches(season: Season, folder: Path, zone: RawZone) -> None:
    (folder / LIST).write_bytes(b"[{")
    seasons, report = season.provider.catalogue(zone, Manifest("statsbomb", ""))
    assert (len(seasons), report.failures) == (1, [])


def test_a_catalogue_that_is_not_there_is_owed_and_offers_nothing(season: Season, folder: Path, zone: RawZone) -> None:
    (folder / "competitions.json").unlink()
    seasons, report = season.provider.catalogue(zone, Manifest("statsbomb", ""))
    assert seasons == []
    assert [(error.document, error.verdict) for error in report.failures] == [
        ("competitions.json", Verdict.EMPTY_UNEXPECTED)
    ]


# --- sync -------------------------------------------------------------------------------------------------------


def test_a_sync_takes_events_and_lineups_and_frames_where_available(season: Season) -> None:
    report = season.sync()
    assert sorted(report.changed) == [
        "events/1.json",
        "events/2.json",
        "lineups/1.json",
        "lineups/2.json",
        LIST,
        "three-sixty/2.json",
    ]
    assert (report.absent, report.failures) == ([], [])
    assert len(season.sync().unchanged) == 6
    assert season.sync().changed == []


def test_missing_events_are_owed_and_missing_lineups_and_frames_are_not(season: Season, folder: Path) -> None:
    edit(folder / LIST, in_row(FIRST, match_status_360="available"))
    for name in ("events/2.json", "lineups/1.json", "three-sixty/2.json"):
        (folder / name).unlink()
    report = season.sync()
    assert [(error.document, error.verdict) for error in report.failures] == [
        ("events/2.json", Verdict.EMPTY_UNEXPECTED)
    ]
    assert {error.document: error.verdict for error in report.absent} == dict.fromkeys(
        ("lineups/1.json", "three-sixty/1.json", "three-sixty/2.json"), Verdict.NOT_YET
    )
    assert sorted(report.changed) == ["events/1.json", "lineups/2.json", LIST]


@pytest.mark.parametrize("status", [None, "scheduled", "processing"])
def test_frames_are_asked_for_only_when_they_are_available(
    status: str | None, remote: Season, mirror: Upstream, folder: Path
) -> None:
    edit(folder / LIST, in_row(FRAMED, match_status_360=status))
    remote.sync()
    assert not [request for request in mirror.requests if "three-sixty" in request.path]


def test_one_match_can_be_synced_alone(season: Season) -> None:
    assert sorted(season.sync(str(FIRST)).changed) == ["events/1.json", "lineups/1.json", LIST]


def test_a_match_that_its_season_does_not_list_is_the_callers_mistake(season: Season) -> None:
    with pytest.raises(UnknownMatchError, match=f"lists no match 4711 in {LIST}"):
        season.sync("4711")


def test_every_listed_match_is_a_fixture_in_order_of_play_also_without_its_documents(
    season: Season, folder: Path
) -> None:
    season.sync()
    listed = [match.provider_match_id for match in season.plan().fixtures]
    assert listed == [planned.provider_match_id for planned in season.plan().matches]
    next(folder.glob("events/*.json")).unlink()
    assert [match.provider_match_id for match in season.plan().fixtures] == listed


def test_a_list_of_matches_that_is_not_there_is_owed(season: Season, folder: Path) -> None:
    (folder / LIST).unlink()
    report = season.sync()
    assert [(error.document, error.verdict) for error in report.failures] == [(LIST, Verdict.EMPTY_UNEXPECTED)]
    assert season.plan() == SeasonPlan()


def test_an_unchanged_last_updated_skips_fetching(remote: Season, mirror: Upstream, folder: Path) -> None:
    assert len(remote.sync().changed) == 6
    mirror.requests.clear()
    report = remote.sync()
    assert (len(report.unchanged), report.changed) == (6, [])
    assert {request.path for request in mirror.requests} == {f"/{LIST}"}
    edit(folder / LIST, in_row(FIRST, last_updated="2026-10-10T10:10:10.5"))
    edit(folder / "events/1.json", lambda events: events[:-1])
    mirror.requests.clear()
    report = remote.sync()
    assert sorted(report.changed) == ["events/1.json", LIST]
    assert "lineups/1.json" in report.unchanged
    assert sorted(request.path for request in mirror.requests) == [
        "/events/1.json",
        "/lineups/1.json",
        f"/{LIST}",
    ]


def test_frames_go_by_their_own_last_updated(remote: Season, mirror: Upstream, folder: Path) -> None:
    remote.sync()
    edit(folder / LIST, in_row(FRAMED, last_updated_360="2026-10-10T10:10:10.5"))
    mirror.requests.clear()
    remote.sync()
    assert sorted(request.path for request in mirror.requests) == [f"/{LIST}", "/three-sixty/2.json"]


def test_a_folder_is_looked_at_even_where_last_updated_is_the_same(season: Season, folder: Path) -> None:
    season.sync()
    edit(folder / "events/1.json", lambda events: events[:-1])
    assert season.sync().changed == ["events/1.json"]


def test_lineups_that_come_later_are_fetched_though_last_updated_is_the_same(remote: Season, folder: Path) -> None:
    late = folder / "lineups/1.json"
    content = late.read_bytes()
    late.unlink()
    assert names(remote.sync().absent) == ["lineups/1.json"]
    late.write_bytes(content)
    assert remote.sync().changed == ["lineups/1.json"]


def test_one_documents_trouble_does_not_stop_the_others(remote: Season, mirror: Upstream) -> None:
    mirror.fail("/events/1.json", Fault.status(500), times=9)
    report = remote.sync()
    assert [(error.document, error.verdict) for error in report.failures] == [("events/1.json", Verdict.TRANSPORT)]
    assert len(report.changed) == 5


# --- plan -------------------------------------------------------------------------------------------------------


def test_a_plan_has_the_matches_in_order_of_date_with_their_documents(season: Season) -> None:
    season.sync()
    plan = season.plan()
    assert [(match.provider_match_id, match.documents) for match in plan.matches] == [
        ("1", (LIST, "events/1.json", "lineups/1.json")),
        ("2", (LIST, "events/2.json", "lineups/2.json")),
        ("3", (LIST,)),
    ]
    assert plan.matches[0].label == "Home v Away, 2025-08-16"
    assert (plan.waiting, plan.failures) == ([], [])


def test_a_planned_match_is_built_from_the_raw_zone_alone(season: Season, folder: Path) -> None:
    season.sync()
    raw = json.loads((folder / "events/1.json").read_bytes())
    shutil.rmtree(folder)
    aggregate = season.planned(FIRST).build()
    assert [event.provider_event_id for event in aggregate.events] == [event["id"] for event in raw]
    assert (aggregate.match.season_key, aggregate.match.status) == (KEY, "played")
    assert len(aggregate.lineups) == 36


def test_a_scheduled_match_is_a_fixture_without_events(season: Season) -> None:
    season.sync()
    aggregate = season.planned(FIXTURE).build()
    assert (aggregate.match.status, aggregate.match.home_score) == ("scheduled", None)
    assert (aggregate.events, aggregate.lineups, aggregate.stats) == ((), (), ())


def test_a_match_whose_events_never_came_is_waiting(season: Season, folder: Path) -> None:
    (folder / "events/1.json").unlink()
    season.sync()
    plan = season.plan()
    assert plan.waiting == ["Home v Away, 2025-08-16 (match 1)"]
    assert [match.provider_match_id for match in plan.matches] == ["2", "3"]


def test_a_match_without_lineups_is_built_with_a_warning(season: Season, folder: Path) -> None:
    (folder / "lineups/1.json").unlink()
    season.sync()
    planned = season.planned(FIRST)
    assert planned.documents == (LIST, "events/1.json")
    aggregate = planned.build()
    assert aggregate.warnings == ("no lineups document: the squads are those that the events name",)
    assert sum(member.is_starter is True for member in aggregate.lineups) == 22


def test_a_vanished_match_is_no_longer_planned_and_its_documents_stay(season: Season, folder: Path) -> None:
    season.sync()
    edit(folder / LIST, lambda rows: [row for row in rows if row["match_id"] != FIRST])
    season.sync()
    plan = season.plan()
    assert [match.provider_match_id for match in plan.matches] == ["2", "3"]
    assert (plan.waiting, plan.failures) == ([], [])
    kept = season.zone.document(season.manifest, "events/1.json")
    assert kept is not None
    assert kept.content == (folder / "events/1.json").read_bytes()


def test_a_broken_list_of_matches_is_a_failure_of_sync_and_plan(season: Season, folder: Path) -> None:
    season.sync()
    edit(folder / LIST, in_row(FRAMED, home_team=None))
    for failures in (season.sync().failures, season.plan().failures):
        (error,) = failures
        assert (error.verdict, error.document, error.field) == (Verdict.MALFORMED, LIST, "[1].home_team")
        assert error.content == (folder / LIST).read_bytes()
    assert season.plan().matches == []


def test_broken_events_break_their_own_match_only(season: Season, folder: Path) -> None:
    (folder / "events/1.json").write_bytes(b'[{"id":"cut')
    season.sync()
    with pytest.raises(SourceError, match=r"events/1\.json.*not whole JSON") as caught:
        season.planned(FIRST).build()
    assert caught.value.content == b'[{"id":"cut'
    assert season.planned(FRAMED).build().events


# --- the revision -----------------------------------------------------------------------------------------------

CHANGES: list[tuple[str, Callable[[Any], Any]]] = [
    (LIST, in_row(FIRST, match_week=2)),
    (LIST, in_row(FIRST, last_updated="2026-01-01T00:00:00")),
    ("events/1.json", lambda events: events[:-1]),
    ("lineups/1.json", lambda lineups: lineups[::-1]),
]


@pytest.mark.parametrize(("name", "change"), CHANGES, ids=["week", "last_updated", "events", "lineups"])
def test_a_change_of_its_entry_events_or_lineups_gives_a_match_another_revision(
    name: str, change: Callable[[Any], Any], season: Season, folder: Path
) -> None:
    season.sync()
    before = season.revisions()
    edit(folder / name, change)
    season.sync()
    after = season.revisions()
    assert after["1"] != before["1"]
    if name != LIST:
        assert {key: after[key] for key in "23"} == {key: before[key] for key in "23"}


def test_a_change_of_one_entry_leaves_the_revisions_of_the_others(season: Season, folder: Path) -> None:
    season.sync()
    before = season.revisions()
    content = (folder / LIST).read_bytes()
    (folder / LIST).write_bytes(b"[ " + content[1:].replace(b'"match_week":1', b'"match_week":5', 1))
    season.sync()
    after = season.revisions()
    assert after["1"] != before["1"]
    assert (after["2"], after["3"]) == (before["2"], before["3"])


def test_lineups_that_come_later_give_another_revision(season: Season, folder: Path) -> None:
    late = folder / "lineups/1.json"
    content = late.read_bytes()
    late.unlink()
    season.sync()
    before = season.revisions()["1"]
    late.write_bytes(content)
    season.sync()
    assert season.revisions()["1"] != before


def test_the_same_bytes_written_again_and_frames_leave_every_revision(season: Season, folder: Path) -> None:
    season.sync()
    before = season.revisions()
    for path in folder.rglob("*.json"):
        path.write_bytes(path.read_bytes())
    edit(folder / "three-sixty/2.json", lambda frames: frames[:-1])
    assert season.sync().changed == ["three-sixty/2.json"]
    assert season.revisions() == before


def test_another_version_of_the_parser_gives_every_match_another_revision(
    season: Season, monkeypatch: pytest.MonkeyPatch
) -> None:
    season.sync()
    before = season.revisions()
    monkeypatch.setattr(provider_module, "PARSER_VERSION", "another")
    after = season.revisions()
    assert all(after[key] != before[key] for key in before)


def test_a_fixture_that_is_played_gets_another_revision_and_its_events(season: Season, folder: Path) -> None:
    season.sync()
    before = season.revisions()["3"]
    for name in ("events", "lineups"):
        shutil.copy(folder / name / "1.json", folder / name / "3.json")
    edit(folder / LIST, in_row(FIXTURE, match_status="available", home_score=0, away_score=0))
    season.sync()
    assert season.revisions()["3"] != before
    assert season.planned(FIXTURE).build().events
