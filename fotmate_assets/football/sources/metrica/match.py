"""One Metrica game from its documents: directions, clocks, events, squads."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.football.model import (
    Competition,
    Coordinates,
    Event,
    Match,
    MatchAggregate,
    Player,
    Season,
    Team,
    match_clock,
    scoreline,
    season_key,
)
from fotmate_assets.football.sources.metrica.epts import Metadata, read_metadata
from fotmate_assets.football.sources.metrica.rows import CSV_TEAMS, PROVIDER, Row, read_csv, read_json
from fotmate_assets.football.sources.metrica.squads import lineups_of
from fotmate_assets.football.sources.metrica.vocabulary import KNOWN_SUBTYPES, Meaning, interpret

COMPETITION = Competition(slug="metrica-sample-data", name="Metrica Sample Data")
SEASON = Season(key=season_key(COMPETITION.slug, "2019"), competition=COMPETITION, name="2019")
"""The only session date told is game 3's, in 2019; Metrica groups its games in no season."""

EVENTS_CSV, EVENTS_JSON, METADATA = "RawEventsData.csv", "events.json", "metadata.xml"
DOCUMENT = re.compile(rf"(?:.*/)?(?P<game>[^/]+)/(?P=game)_(?P<kind>{EVENTS_CSV}|{EVENTS_JSON}|{METADATA})")

HALVES = {1: 2, 2: 1, 3: 4, 4: 3}
"""The other half of each period: ends change between the two."""
AGREEMENT = 0.75
"""Share of shots and goal kicks that must point the same way before a direction counts as told."""


def games(names: Iterable[str]) -> dict[str, list[str]]:
    """Group document names by provider match id (`Sample_Game_1`); tracking and other files are left out."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        if matched := DOCUMENT.fullmatch(name):
            found[matched["game"]].append(name)
    return dict(found)


def parse_match(documents: Mapping[str, RawDocument], season_key: str) -> MatchAggregate:
    """One game from its event CSV, or from its events JSON and metadata XML; keys are document names.

    Raises SourceError: malformed, naming document and field, or empty_unexpected when half of a
    JSON and XML pair is missing. ValueError when `documents` hold no game or several.
    """
    found = games(documents)
    if len(found) != 1:
        raise ValueError(f"expected the documents of one game, got {sorted(documents)}")
    game, names = next(iter(found.items()))
    kinds = {name.rpartition(f"{game}_")[2]: documents[name] for name in names}
    metadata: Metadata | None
    if EVENTS_CSV in kinds:
        document = kinds[EVENTS_CSV]
        rows = read_csv(document, game)
        home, away = (Team(f"{game}:{side}", side) for side in CSV_TEAMS)
        squad = _players_seen(document, rows, game)
        metadata = None
    else:
        document, metadata, rows = _read_pair(kinds, game, names[0])
        home, away = metadata.home, metadata.away
        squad = {member.player: member.team for member in metadata.squad}
    return _assemble(
        document,
        game=game,
        season_key=season_key,
        rows=rows,
        home=home,
        away=away,
        squad=squad,
        metadata=metadata,
    )


def _read_pair(kinds: Mapping[str, RawDocument], game: str, present: str) -> tuple[RawDocument, Metadata, list[Row]]:
    for kind in (EVENTS_JSON, METADATA):
        if kind not in kinds:
            missing = f"{present.rpartition('/')[0]}/{game}_{kind}"
            raise SourceError(Verdict.EMPTY_UNEXPECTED, PROVIDER, missing, f"{present} came without it")
    document, metadata = kinds[EVENTS_JSON], read_metadata(kinds[METADATA])
    rows = read_json(document)
    _check_references(document, rows, {member.player.provider_id: member.team for member in metadata.squad})
    return document, metadata, rows


def _players_seen(document: RawDocument, rows: Sequence[Row], game: str) -> dict[Player, str]:
    team_of: dict[str, str] = {}
    for row in rows:
        for column, player in (("From", row.player), ("To", row.recipient)):
            if player and team_of.setdefault(player, row.team) != row.team:
                reason = f"{player} plays for {team_of[player]} and for {row.team}"
                raise document.malformed(reason, f"row {row.number} {column}")
    return {Player(player, player.removeprefix(f"{game}:")): team for player, team in team_of.items()}


def _check_references(document: RawDocument, rows: Sequence[Row], team_of: Mapping[str, str]) -> None:
    teams = set(team_of.values())
    for row in rows:
        where = f"data[{row.number - 1}]"
        if row.team not in teams:
            raise document.malformed(f"{row.team!r} is not a team of the metadata", f"{where}.team.id")
        for key, player in (("from", row.player), ("to", row.recipient)):
            if player and team_of.get(player) != row.team:
                reason = f"{player!r} is not a player of {row.team} in the metadata"
                raise document.malformed(reason, f"{where}.{key}.id")


def _assemble(
    document: RawDocument,
    *,
    game: str,
    season_key: str,
    rows: Sequence[Row],
    home: Team,
    away: Team,
    squad: Mapping[Player, str],
    metadata: Metadata | None,
) -> MatchAggregate:
    try:
        meanings = interpret(rows)
    except KeyError as error:
        row, name = error.args
        where = f"data[{row.number - 1}].type.name" if metadata else f"row {row.number} Type"
        raise document.malformed(f"unknown event type {name!r}", where) from None
    starts = {period: min(row.start_s for row in rows if row.period == period) for period in {r.period for r in rows}}
    directions = _home_attacks_right(document, rows, home, metadata)
    events = _events(rows, meanings, starts=starts, home_attacks_right=directions, home=home, away=away)
    counted = scoreline(events, home.provider_id, away.provider_id)
    stated = metadata.score if metadata else None
    if stated and stated != (counted.home, counted.away):
        reason = f"the events tell {counted.home}-{counted.away}, the metadata {stated[0]}-{stated[1]}"
        raise document.malformed(reason, "score")
    match = Match(
        provider=PROVIDER,
        provider_match_id=game,
        season_key=season_key,
        match_date=metadata.match_date if metadata else None,
        kick_off=None,
        matchday=None,
        home=home,
        away=away,
        status="played",
        home_score=counted.home,
        away_score=counted.away,
        score_from_events=stated is None,
    )
    return MatchAggregate(
        match=match,
        players=tuple(squad),
        lineups=lineups_of(squad, events, metadata, rows, starts),
        events=tuple(events),
        warnings=tuple(_warnings(rows, events)),
    )


def _home_attacks_right(
    document: RawDocument, rows: Sequence[Row], home: Team, metadata: Metadata | None
) -> dict[int, bool]:
    """Per period, whether the home side plays toward x = 1.

    Stated for the first half by the metadata. Elsewhere told by where shots and goal kicks are taken,
    both sides' together; a half without any plays the other way than its counterpart.
    Raises SourceError where nothing tells, or where shots and goal kicks contradict the metadata, each
    other, or the change of ends.
    """

    def fail(reason: str, period: int) -> SourceError:
        return document.malformed(reason, f"period {period} Start X")

    votes: dict[int, list[bool]] = defaultdict(list)
    for row in rows:
        if row.x is not None and (row.type == "SHOT" or row.is_("GOAL KICK")):
            attacks_right = (row.x > 0.5) == (row.type == "SHOT")
            votes[row.period].append(attacks_right == (row.team == home.provider_id))
    told = {}
    if metadata:
        first = metadata.attacks_right_first_half[home.provider_id]
        told = {1: first, 2: not first}
    for period, ballots in votes.items():
        share = sum(ballots) / len(ballots)
        if max(share, 1 - share) < AGREEMENT:
            if period not in told:
                raise fail("shots and goal kicks point both ways", period)
        elif told.setdefault(period, share > 0.5) != (share > 0.5):
            raise fail("shots and goal kicks contradict the stated direction of attack", period)
    for period in {row.period for row in rows}:
        other = HALVES[period]
        if period not in told and other in told:
            told[period] = not told[other]
        if period not in told:
            raise fail("no shot or goal kick tells which way the teams attack", period)
        if told[period] == told.get(other):
            raise fail("the teams did not change ends", period)
    return told


def _events(
    rows: Sequence[Row],
    meanings: Sequence[Meaning],
    *,
    starts: Mapping[int, float],
    home_attacks_right: Mapping[int, bool],
    home: Team,
    away: Team,
) -> list[Event]:
    led_to = _led_to_shots(rows, meanings)
    events: list[Event] = []
    for at, (row, meaning) in enumerate(zip(rows, meanings, strict=True)):
        attacks_right = home_attacks_right[row.period] == (row.team == home.provider_id)
        timestamp_ms = round((row.start_s - starts[row.period]) * 1000)
        minute, second = match_clock(row.period, timestamp_ms)
        start = _metres(row.x, row.y, attacks_right)
        end = _metres(row.end_x, row.end_y, attacks_right)
        event = Event(
            team=row.team,
            player=row.player,
            recipient=row.recipient,
            possession_team=None,
            index=len(events) + 1,
            provider_event_id=str(row.number),
            period=row.period,
            timestamp_ms=timestamp_ms,
            minute=minute,
            second=second,
            event_type=meaning.event_type,
            subtype=meaning.subtype,
            outcome=meaning.outcome,
            body_part="Head" if row.is_("HEAD") else None,
            position=None,
            play_pattern=None,
            possession=None,
            x_m=start.x_m if start else None,
            y_m=start.y_m if start else None,
            end_x_m=end.x_m if end else None,
            end_y_m=end.y_m if end else None,
            provider_x=row.x,
            provider_y=row.y,
            provider_end_x=row.end_x,
            provider_end_y=row.end_y,
            out_of_bounds=any(
                value is not None and not 0 <= value <= 1 for value in (row.x, row.y, row.end_x, row.end_y)
            ),
            duration_s=round(row.end_s - row.start_s, 3) if row.end_frame >= row.start_frame else None,
            under_pressure=False,
            assist=led_to.get(at),
            card=meaning.card,
            xg=None,
            related_events=None,
            details=_details(row),
        )
        if row.type == "BALL OUT" and row.is_("GOAL") and end and end.x_m < 0:
            events += _own_goal(event, away if row.team == home.provider_id else home)
        else:
            events.append(event)
    return events


def _metres(x: float | None, y: float | None, attacks_right: bool) -> Coordinates | None:
    if x is None or y is None:
        return None
    return Coordinates.from_metrica(x, y, attacks_right=attacks_right)


def _details(row: Row) -> bytes:
    return msgspec.json.encode(
        {
            "type": row.type,
            "subtypes": row.subtypes,
            "start_frame": row.start_frame,
            "end_frame": row.end_frame,
            "start_s": row.start_s,
            "end_s": row.end_s,
            **row.extra,
        }
    )


def _led_to_shots(rows: Sequence[Row], meanings: Sequence[Meaning]) -> dict[int, str]:
    """Passes whose receiver shot next: position in `rows` to `goal` or `shot`.

    Between the two only carries and challenges may be noted.
    """
    found = {}
    for at, row in enumerate(rows):
        if row.type != "SHOT":
            continue
        before = next((i for i in range(at - 1, -1, -1) if rows[i].type not in ("CARRY", "CHALLENGE")), None)
        if before is None or rows[before].period != row.period:
            continue
        if rows[before].type == "PASS" and rows[before].recipient == row.player:
            found[before] = "goal" if meanings[at].outcome == "Goal" else "shot"
    return found


def _own_goal(event: Event, benefiting: Team) -> tuple[Event, Event]:
    """Both sides' events of an own goal, as StatsBomb notes it; the second is not in Metrica's file."""
    twin_id = f"{event.provider_event_id}-own-goal-for"
    against = event._replace(
        event_type="Own Goal Against", subtype=None, outcome=None, related_events=msgspec.json.encode([twin_id])
    )
    return against, event._replace(
        team=benefiting.provider_id,
        player=None,
        index=event.index + 1,
        provider_event_id=twin_id,
        event_type="Own Goal For",
        subtype=None,
        outcome=None,
        body_part=None,
        x_m=None if event.x_m is None else -event.x_m,
        y_m=None if event.y_m is None else -event.y_m,
        end_x_m=None if event.end_x_m is None else -event.end_x_m,
        end_y_m=None if event.end_y_m is None else -event.end_y_m,
        related_events=msgspec.json.encode([event.provider_event_id]),
    )


def _warnings(rows: Sequence[Row], events: Sequence[Event]) -> Iterable[str]:
    for period in sorted({row.period for row in rows}):
        first = next(row for row in rows if row.period == period)
        if not first.is_("KICK OFF"):
            yield f"period {period} does not begin with a kick-off; its clock starts with its first event"
    own_goals = {event.provider_event_id for event in events if event.event_type == "Own Goal Against"}
    for row in rows:
        if str(row.number) in own_goals:
            yield f"event {row.number}: {row.type} with GOAL read as an own goal of {row.team}"
        elif row.is_("GOAL") and row.type != "SHOT":
            yield f"event {row.number}: GOAL on a {row.type} not counted"
    unknown = sorted({subtype for row in rows for subtype in row.subtypes} - KNOWN_SUBTYPES)
    if unknown:
        yield f"unknown subtypes kept in details: {', '.join(unknown)}"
