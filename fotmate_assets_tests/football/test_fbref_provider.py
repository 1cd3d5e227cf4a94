"""FBref as a provider: folders of saved pages."""

from pathlib import Path

import pytest

from fotmate_assets.core.documents import FolderSource
from fotmate_assets.core.model import Verdict
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.embedded.sample import fbref as sample
from fotmate_assets.football.sources.fbref.provider import FBref

KEY = "sample-league_2025-2026"
REPORT = sample.sample_report(0)


@pytest.fixture
def provider(tmp_path: Path) -> FBref:
    """One played match, in a match report and in the schedule, and one to come."""
    folder = tmp_path / "pages" / KEY
    folder.mkdir(parents=True)
    (folder / "match_1.html").write_bytes(sample.match_report(REPORT))
    (folder / "schedule.html").write_bytes(sample.schedule([REPORT], [sample.sample_report(3, "Dunmore")]))
    return FBref(FolderSource("fbref", tmp_path / "pages"))


def test_a_folder_named_by_a_season_key_is_a_season(provider: FBref, zone: RawZone) -> None:
    (season,), report = provider.catalogue(zone, zone.manifest("fbref", ""))
    assert (season.season.key, season.season.competition.slug, season.season.name) == (
        KEY,
        "sample-league",
        "2025/2026",
    )
    assert not report.failures


@pytest.mark.parametrize("name", ["Premier League 2025", "premier-league"])
def test_pages_of_a_folder_that_names_no_season_are_reported_and_the_others_offered(
    provider: FBref, zone: RawZone, tmp_path: Path, name: str
) -> None:
    stray = tmp_path / "pages" / name
    stray.mkdir()
    (stray / "match_2.html").write_bytes(sample.match_report(REPORT))
    seasons, report = provider.catalogue(zone, zone.manifest("fbref", ""))
    (failure,) = report.failures
    assert [each.season.key for each in seasons] == [KEY]
    assert (failure.verdict, failure.source, failure.document) == (Verdict.MALFORMED, "fbref", name)
    assert f"{name!r} is not a season key" in failure.reason


def test_a_match_report_wins_over_the_schedules_line_of_its_match(provider: FBref, zone: RawZone) -> None:
    manifest = zone.manifest("fbref", KEY)
    report = provider.sync({"folder": KEY}, zone, manifest)
    assert sorted(report.changed) == [f"{KEY}/match_1.html", f"{KEY}/schedule.html"]
    plan = provider.plan(KEY, {"folder": KEY}, zone, manifest)
    assert not plan.failures
    (played,) = [planned for planned in plan.matches if planned.provider_match_id == REPORT.id]
    assert played.documents == (f"{KEY}/match_1.html",)
    assert played.build().events
