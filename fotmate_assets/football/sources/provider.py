"""What the football wing asks of a provider: its seasons, its documents, and the matches they make."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from fotmate_assets.core.model import SourceError
from fotmate_assets.core.raw_zone import Manifest, RawZone
from fotmate_assets.core.sync import SyncReport
from fotmate_assets.football.model import Match, MatchAggregate, Season

PROVIDERS = ("statsbomb", "metrica", "fbref", "openfootball")
"""Every provider, the one that knows most of a match first: its account wins."""


@dataclass(frozen=True)
class ProviderSeason:
    """A season that a provider offers, with the provider's own ids of it."""

    season: Season
    ids: dict[str, Any]


@dataclass(frozen=True)
class PlannedMatch:
    """A match that the raw zone holds the documents of."""

    provider_match_id: str
    label: str
    """For people: `Arsenal v Everton, 2003-08-16`."""
    documents: tuple[str, ...]
    revision: str
    """Hash of everything the match is built from; see `revision_of`."""
    build: Callable[[], MatchAggregate]
    """Read and parse the documents. Raises SourceError."""


class UnknownMatchError(LookupError):
    """The one match that was asked for is not one of the season: the caller's mistake, not the source's."""


@dataclass
class SeasonPlan:
    """The matches of a season as the raw zone knows them."""

    fixtures: list[Match] = field(default_factory=list)
    """Every match that the season lists, in order of play, whether its documents are there or not."""
    matches: list[PlannedMatch] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    """Labels of listed matches whose documents were never fetched; the raw asset's ledger rows say why."""
    failures: list[SourceError] = field(default_factory=list)
    """Documents that list matches and cannot be used."""


class Provider(Protocol):
    """One provider of football data."""

    @property
    def name(self) -> str:
        """`statsbomb`; also the source in the ledger and the raw zone."""

    def catalogue(self, zone: RawZone, manifest: Manifest) -> tuple[list[ProviderSeason], SyncReport]:
        """Every season on offer. Fetches the provider's list of seasons into the raw zone."""

    def sync(self, ids: dict[str, Any], zone: RawZone, manifest: Manifest, match_id: str | None = None) -> SyncReport:
        """Bring the raw documents of a season (or of one match of it) up to date. `ids` are those of the catalogue.

        Raises UnknownMatchError for a match that the season does not list.
        """

    def plan(self, season_key: str, ids: dict[str, Any], zone: RawZone, manifest: Manifest) -> SeasonPlan:
        """The season's matches from the raw zone alone, without asking the provider."""


def revision_of(parser_version: str, parts: Iterable[str | bytes]) -> str:
    """The hash that decides whether a match is rewritten: the parser's version and all that it reads."""
    digest = hashlib.sha256(parser_version.encode())
    for part in parts:
        encoded = part.encode() if isinstance(part, str) else part
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


def planned_from(aggregate: MatchAggregate, document: str, revision: str) -> PlannedMatch:
    """The plan of a match whose document holds many and is parsed already."""
    match = aggregate.match
    return PlannedMatch(
        provider_match_id=match.provider_match_id,
        label=f"{match.home.name} v {match.away.name}, {match.match_date}",
        documents=(document,),
        revision=revision,
        build=lambda: aggregate,
    )
