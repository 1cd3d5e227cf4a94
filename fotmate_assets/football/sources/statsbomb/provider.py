"""StatsBomb as a provider of the football wing."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from fotmate_assets.core.documents import DocumentSource, FolderSource
from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.core.raw_zone import Manifest, RawZone
from fotmate_assets.core.sync import SyncReport, Wanted, sync
from fotmate_assets.football.model import MatchAggregate
from fotmate_assets.football.sources.provider import (
    PlannedMatch,
    ProviderSeason,
    SeasonPlan,
    UnknownMatchError,
    revision_of,
)
from fotmate_assets.football.sources.statsbomb.parse import (
    PARSER_VERSION,
    ListedMatch,
    fixture,
    parse_competitions,
    parse_match,
    parse_match_list,
)
from fotmate_assets.football.sources.statsbomb.schema import SOURCE, MatchEntry

COMPETITIONS = "competitions.json"


@dataclass(frozen=True)
class StatsBomb:
    """StatsBomb's open data or licensed API, through `documents`."""

    documents: DocumentSource
    name: str = SOURCE

    def catalogue(self, zone: RawZone, manifest: Manifest) -> tuple[list[ProviderSeason], SyncReport]:
        """See Provider. Documents of a folder that no season lists are reported as failures."""
        report = sync(self.documents, [Wanted(COMPETITIONS)], zone, manifest)
        document = zone.document(manifest, COMPETITIONS)
        if document is None:
            return [], report
        seasons = parse_competitions(document)
        report.failures += self._unlisted()
        return [
            ProviderSeason(each.season, {"competition_id": each.competition_id, "season_id": each.season_id})
            for each in seasons
        ], report

    def _unlisted(self) -> list[SourceError]:
        """Events of a folder whose match no season of the folder lists."""
        folder = self.documents
        if not isinstance(folder, FolderSource):
            return []
        listed: set[str] = set()
        for name in folder.names("matches/*/*.json"):
            document = folder.fetch(name)
            try:
                listed |= {str(match_id) for match_id in parse_match_list(document)} if document else set()
            except SourceError:
                return []  # its own season reports it; what it lists is unknown
        unlisted = []
        for name in folder.names("events/*.json"):
            match_id = name.removeprefix("events/").removesuffix(".json")
            if match_id not in listed:
                document = folder.fetch(name)
                reason = f"match {match_id} is not listed by any season"
                content = document.content if document else None
                unlisted.append(SourceError(Verdict.MALFORMED, SOURCE, name, reason, field="match_id", content=content))
        return unlisted

    def sync(self, ids: dict[str, Any], zone: RawZone, manifest: Manifest, match_id: str | None = None) -> SyncReport:
        """See Provider. Events of an available match are owed; lineups and 360 frames are taken where published."""
        matches = _matches_document(ids)
        report = sync(self.documents, [Wanted(matches)], zone, manifest)
        document = zone.document(manifest, matches)
        if document is None or report.stopped:
            return report
        try:
            listed = parse_match_list(document)
        except SourceError as error:
            report.failures.append(error)
            return report
        if match_id is not None and match_id not in map(str, listed):
            raise UnknownMatchError(f"{SOURCE} lists no match {match_id} in {matches}")
        chosen = [one.entry for key, one in listed.items() if match_id in (None, str(key))]
        wanted = [want for entry in chosen for want in self._wanted(entry)]
        report.add(sync(self.documents, wanted, zone, manifest))
        return report

    def _wanted(self, entry: MatchEntry) -> list[Wanted]:
        if entry.match_status != "available":
            return []
        # A folder can change without `last_updated` changing, and asking it is cheap.
        by_token = not isinstance(self.documents, FolderSource)
        token = entry.last_updated if by_token else None
        wanted = [
            Wanted(f"events/{entry.match_id}.json", token),
            Wanted(f"lineups/{entry.match_id}.json", token, absence=Verdict.NOT_YET),
        ]
        if entry.match_status_360 == "available":
            token_360 = entry.last_updated_360 if by_token else None
            wanted.append(Wanted(f"three-sixty/{entry.match_id}.json", token_360, absence=Verdict.NOT_YET))
        return wanted

    def plan(self, season_key: str, ids: dict[str, Any], zone: RawZone, manifest: Manifest) -> SeasonPlan:
        """See Provider."""
        plan = SeasonPlan()
        document = zone.document(manifest, _matches_document(ids))
        if document is None:
            return plan
        try:
            listed = parse_match_list(document)
        except SourceError as error:
            plan.failures.append(error)
            return plan
        for match_id, match in sorted(listed.items(), key=lambda item: (item[1].entry.match_date, item[0])):
            events, lineups = f"events/{match_id}.json", f"lineups/{match_id}.json"
            entry = match.entry
            label = f"{entry.home_team.home_team_name} v {entry.away_team.away_team_name}, {entry.match_date}"
            with suppress(SourceError):  # raised again, and told, when the match is built
                plan.fixtures.append(fixture(match, season_key))
            available = entry.match_status == "available"
            if available and manifest.current(events) is None:
                plan.waiting.append(f"{label} (match {match_id})")
                continue
            names = tuple(name for name in (events, lineups) if available and manifest.current(name))
            hashes = [revision.sha256 for name in names if (revision := manifest.current(name))]
            plan.matches.append(
                PlannedMatch(
                    provider_match_id=str(match_id),
                    label=label,
                    documents=(document.name, *names),
                    revision=revision_of(PARSER_VERSION, [match.slice, *hashes]),
                    build=partial(_build, match, season_key, zone, manifest, names),
                )
            )
        return plan


def _matches_document(ids: dict[str, Any]) -> str:
    return f"matches/{ids['competition_id']}/{ids['season_id']}.json"


def _build(
    match: ListedMatch, season_key: str, zone: RawZone, manifest: Manifest, names: tuple[str, ...]
) -> MatchAggregate:
    documents: dict[str, RawDocument | None] = {name.partition("/")[0]: zone.document(manifest, name) for name in names}
    return parse_match(match, season_key, documents.get("events"), documents.get("lineups"))
