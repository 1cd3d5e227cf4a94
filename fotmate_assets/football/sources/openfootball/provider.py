"""openfootball as a provider of the football wing: fixtures and scores, with match days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fotmate_assets.core.documents import DocumentSource, FolderSource
from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.raw_zone import Manifest, RawZone
from fotmate_assets.core.sync import SyncReport, Wanted, sync
from fotmate_assets.football.sources.openfootball.parse import LEAGUES, PROVIDER, parse_season, season_of
from fotmate_assets.football.sources.provider import ProviderSeason, SeasonPlan, planned_from, revision_of

PARSER_VERSION = "1"


@dataclass(frozen=True)
class Openfootball:
    """Season files, through `documents`: all of a folder, or this and the last season's of a server."""

    documents: DocumentSource
    name: str = PROVIDER

    def catalogue(self, zone: RawZone, manifest: Manifest) -> tuple[list[ProviderSeason], SyncReport]:
        """See Provider. A server is asked for the known leagues; those it lacks are no failure."""
        if isinstance(self.documents, FolderSource):
            names = [name for code in LEAGUES for name in self.documents.names(f"*/{code}.json")]
        else:
            names = [f"{folder}/{code}.json" for folder in _recent(datetime.now(UTC).year) for code in LEAGUES]
        report = sync(self.documents, [Wanted(name, absence=Verdict.EMPTY_EXPECTED) for name in names], zone, manifest)
        offered = [name for name in names if manifest.current(name) is not None]
        return [ProviderSeason(season_of(name), {"document": name}) for name in offered], report

    def sync(self, ids: dict[str, Any], zone: RawZone, manifest: Manifest, match_id: str | None = None) -> SyncReport:
        """See Provider. One document holds the whole season."""
        return sync(self.documents, [Wanted(ids["document"])], zone, manifest)

    def plan(self, season_key: str, ids: dict[str, Any], zone: RawZone, manifest: Manifest) -> SeasonPlan:
        """See Provider."""
        plan = SeasonPlan()
        document = zone.document(manifest, ids["document"])
        if document is None:
            return plan
        try:
            fixtures = parse_season(document, season_key)
        except SourceError as error:
            plan.failures.append(error)
            return plan
        for aggregate in sorted(fixtures, key=lambda each: (each.match.matchday or 0, str(each.match.kick_off))):
            plan.fixtures.append(aggregate.match)
            revision = revision_of(PARSER_VERSION, [repr(aggregate.match)])
            plan.matches.append(planned_from(aggregate, document.name, revision))
        return plan


def _recent(year: int) -> list[str]:
    """Folders of the seasons that may still change: `2025-26`, `2026-27` and, within one year, `2026`."""
    return [f"{start}-{(start + 1) % 100:02d}" for start in (year - 1, year)] + [str(year)]
