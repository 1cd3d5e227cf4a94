"""Metrica's sample games as a provider of the football wing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from fotmate_assets.core.documents import DocumentSource
from fotmate_assets.core.model import Verdict
from fotmate_assets.core.raw_zone import Manifest, RawZone
from fotmate_assets.core.sync import SyncReport, Wanted, sync
from fotmate_assets.football.model import MatchAggregate
from fotmate_assets.football.sources.metrica import PROVIDER, SEASON, games, parse_match
from fotmate_assets.football.sources.provider import (
    PlannedMatch,
    ProviderSeason,
    SeasonPlan,
    UnknownMatchError,
    revision_of,
)
from fotmate_assets.football.stats import player_match_stats

PARSER_VERSION = "1"

DOCUMENTS = (
    "Sample_Game_1/Sample_Game_1_RawEventsData.csv",
    "Sample_Game_2/Sample_Game_2_RawEventsData.csv",
    "Sample_Game_3/Sample_Game_3_events.json",
    "Sample_Game_3/Sample_Game_3_metadata.xml",
)
"""The event data of the three published games."""


@dataclass(frozen=True)
class Metrica:
    """The three sample games, through `documents`. A game that is not there is no failure."""

    documents: DocumentSource
    name: str = PROVIDER

    def catalogue(self, zone: RawZone, manifest: Manifest) -> tuple[list[ProviderSeason], SyncReport]:
        """See Provider. The sample games make one season; nothing is fetched to know it."""
        return [ProviderSeason(SEASON, {"games": "Sample_Game_1-3"})], SyncReport()

    def sync(self, ids: dict[str, Any], zone: RawZone, manifest: Manifest, match_id: str | None = None) -> SyncReport:
        """See Provider."""
        chosen = [name for name in DOCUMENTS if match_id is None or name.startswith(f"{match_id}/")]
        if not chosen:
            raise UnknownMatchError(f"{PROVIDER} has no game {match_id}; there are {', '.join(games(DOCUMENTS))}")
        wanted = [Wanted(name, absence=Verdict.EMPTY_EXPECTED) for name in chosen]
        return sync(self.documents, wanted, zone, manifest)

    def plan(self, season_key: str, ids: dict[str, Any], zone: RawZone, manifest: Manifest) -> SeasonPlan:
        """See Provider."""
        plan = SeasonPlan()
        for match_id, names in games(manifest.names()).items():
            hashes = [revision.sha256 for name in names if (revision := manifest.current(name))]
            plan.matches.append(
                PlannedMatch(
                    provider_match_id=match_id,
                    label=match_id.replace("_", " "),
                    documents=tuple(names),
                    revision=revision_of(PARSER_VERSION, hashes),
                    build=partial(_build, tuple(names), season_key, zone, manifest),
                )
            )
        return plan


def _build(names: tuple[str, ...], season_key: str, zone: RawZone, manifest: Manifest) -> MatchAggregate:
    documents = {name: document for name in names if (document := zone.document(manifest, name))}
    aggregate = parse_match(documents, season_key)
    return replace(aggregate, stats=player_match_stats(aggregate.events, aggregate.lineups))
