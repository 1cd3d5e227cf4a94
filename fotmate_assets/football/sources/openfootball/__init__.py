"""openfootball's football.json: public-domain (CC0) fixtures and scores, one file per league and season.

Source: https://github.com/openfootball/football.json. `2025-26/en.1.json` holds
`{"name": ..., "matches": [{"round", "date", "time", "team1", "team2", "score", "status"}]}`: `date` as
YYYY-MM-DD and `time` as HH:MM in the league's own time zone, `score` an object of two-integer lists
(`ht` half-time, `ft` after 90 minutes, `et` after extra time, `p` shoot-out), empty or absent before the
match. There are no ids: a team is the slug of its name, a match its file and its two teams, since a
fixture keeps these when it moves to another date. Half-time scores and scorers are not kept.
"""

from fotmate_assets.football.sources.openfootball.parse import LEAGUES, PROVIDER, parse_season, season_of

__all__ = ["LEAGUES", "PROVIDER", "parse_season", "season_of"]
