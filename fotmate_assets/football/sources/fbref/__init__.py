"""FBref: match reports, schedules and player tables out of saved or fetched HTML pages.

Pure: bytes in, domain model out. Since 2026-01-20 FBref publishes no Opta data any more: match pages carry
the summary and goalkeeper tables only; older pages carry passing, defence, possession and the rest as well,
and both are read. FBref answers robots with a Cloudflare challenge; such a page is `Verdict.BLOCKED`, and
nothing here tries to get past it. Page structure: research/football.md section 4.
"""

from fotmate_assets.football.sources.fbref.match import parse_match
from fotmate_assets.football.sources.fbref.page import SOURCE
from fotmate_assets.football.sources.fbref.players import PlayerSeasonRow, parse_player_table
from fotmate_assets.football.sources.fbref.schedule import parse_schedule

__all__ = [
    "SOURCE",
    "PlayerSeasonRow",
    "parse_match",
    "parse_player_table",
    "parse_schedule",
]
