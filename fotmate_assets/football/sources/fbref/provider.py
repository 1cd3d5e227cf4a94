"""FBref as a provider of the football wing: saved pages only, since FBref refuses robots.

Layout of the folder: `<season key>/match_*.html` for match reports, `<season key>/schedule*.html` for
schedules.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from fotmate_assets.core.documents import DocumentSource, FolderSource
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.raw_zone import Manifest, RawZone
from fotmate_assets.core.sync import SyncReport, Wanted, sync
from fotmate_assets.football.model import Competition, Season, validated_season_key
from fotmate_assets.football.sources.fbref import SOURCE, parse_match, parse_schedule
from fotmate_assets.football.sources.provider import PlannedMatch, ProviderSeason, SeasonPlan, planned_from, revision_of

PARSER_VERSION = "1"


@dataclass(frozen=True)
class FBref:
    """Saved FBref pages of a folder."""

    documents: DocumentSource
    name: str = SOURCE

    def _folder(self) -> FolderSource:
        if not isinstance(self.documents, FolderSource):
            reason = "FBref refuses robots: FOTMATE_FBREF_SOURCE must be a folder of saved pages"
            raise SourceError(Verdict.BLOCKED, SOURCE, "pages", reason)
        return self.documents

    def catalogue(self, zone: RawZone, manifest: Manifest) -> tuple[list[ProviderSeason], SyncReport]:
        """See Provider. A subfolder named by a season key is a season; pages of any other are reported as failures."""
        seasons: list[ProviderSeason] = []
        report = SyncReport()
        for folder in sorted({name.partition("/")[0] for name in self._folder().names("*/*.html")}):
            try:
                seasons.append(ProviderSeason(_season(validated_season_key(folder)), {"folder": folder}))
            except ValueError as error:
                report.failures.append(SourceError(Verdict.MALFORMED, SOURCE, folder, str(error), field="folder"))
        return seasons, report

    def sync(self, ids: dict[str, Any], zone: RawZone, manifest: Manifest, match_id: str | None = None) -> SyncReport:
        """See Provider."""
        folder = self._folder()
        pages = [name for kind in ("match_", "schedule") for name in folder.names(f"{ids['folder']}/{kind}*.html")]
        return sync(folder, map(Wanted, pages), zone, manifest)

    def plan(self, season_key: str, ids: dict[str, Any], zone: RawZone, manifest: Manifest) -> SeasonPlan:
        """See Provider. A match report wins over the schedule's line of the same match."""
        plan = SeasonPlan()
        planned: dict[str, PlannedMatch] = {}
        for name in manifest.names(f"{ids['folder']}/"):
            document = zone.document(manifest, name)
            if document is None:
                continue
            is_report = name.rpartition("/")[2].startswith("match_")
            try:
                found = [parse_match(document, season_key)] if is_report else parse_schedule(document, season_key)
            except SourceError as error:
                plan.failures.append(error)
                continue
            for aggregate in found:
                match = aggregate.match
                if not is_report and (match.provider_match_id in planned or match.status == "scheduled"):
                    continue  # FBref gives a match its id when it is played
                revision = revision_of(PARSER_VERSION, [document.sha256 if is_report else repr(match)])
                if match.provider_match_id not in planned:
                    plan.fixtures.append(match)
                planned[match.provider_match_id] = planned_from(aggregate, name, revision)
        plan.matches = list(planned.values())
        plan.fixtures.sort(key=lambda match: (match.match_date or date.max, match.provider_match_id))
        return plan


def _season(key: str) -> Season:
    slug, name = key.rsplit("_", 1)
    return Season(key, Competition(slug, slug.replace("-", " ").title()), name.replace("-", "/"))
