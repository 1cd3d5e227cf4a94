"""The match summary (`#events_wrap`): goals, cards and substitutions, by the minute."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from selectolax.lexbor import LexborNode

from fotmate_assets.football.model import PERIOD_START_MINUTE, SHOOTOUT_PERIOD, Event, Match
from fotmate_assets.football.sources.fbref.page import Page, clean_text, linked_id

WHERE = "#events_wrap"
CARDS = {"yellow_card": "Yellow Card", "yellow_red_card": "Second Yellow", "red_card": "Red Card"}
SHOTS = {
    "goal": (None, "Goal"),
    "penalty_goal": ("Penalty", "Goal"),
    "penalty_miss": ("Penalty", None),
    "penalty_shootout_goal": ("Penalty", "Goal"),
    "penalty_shootout_miss": ("Penalty", None),
}
"""Subtype and outcome by event icon; the icon does not say whether a missed penalty was saved."""

SHOWN_MINUTE = re.compile(r"(\d+)(?:\+(\d+))?\s*[’']")
RUNNING_SCORE = re.compile(r"(\d+)\s*:\s*(\d+)")


class _Line(NamedTuple):
    """One line of the match summary as shown."""

    team: str
    icon: str
    minute: str | None
    """`37` or `90+4`; None in the shoot-out, where FBref shows none."""
    period: int
    clock_minute: int
    score: tuple[int, int] | None
    """The running score after the event."""
    name: str
    player: str | None
    """None where the name is no link: a carded manager."""
    note: str | None
    """`Assist: ...` or `for ...`."""
    note_player: str | None


class _Fields(NamedTuple):
    """What a line says in the event vocabulary, besides when."""

    team: str
    event_type: str
    player: str | None
    recipient: str | None = None
    subtype: str | None = None
    outcome: str | None = None
    card: str | None = None


def parse_events(page: Page, match: Match) -> Iterator[Event]:
    """The events of a match report in page order, indexed from 1; the clock is exact to the minute.

    A shown 37’ is minute 36, as the match clock then reads 36:00 to 36:59. Raises SourceError (malformed) naming
    the line for an unknown kind of event, a missing minute, or an own goal that moves no score.
    """
    index = 0
    before = (0, 0)
    for number, node in enumerate(page.one(WHERE).css("div.event"), start=1):
        where = f"{WHERE} div.event[{number}]"
        line = _read(page, match, node, where)
        for fields in _translate(page, match, line, before, where):
            index += 1
            yield _event(match, index, line, fields)
        before = line.score or before


def _read(page: Page, match: Match, node: LexborNode, where: str) -> _Line:
    sides = {"a": match.home.provider_id, "b": match.away.provider_id}
    classes = (node.attributes.get("class") or "").split()
    team = next((sides[name] for name in classes if name in sides), None)
    if team is None:
        raise page.malformed(f"{classes} is neither side a nor side b", where)
    icon_classes = (page.one("div.event_icon", node).attributes.get("class") or "").split()
    icon = next((name for name in icon_classes if name != "event_icon"), "")
    text = clean_text(node)
    shown, score = SHOWN_MINUTE.search(text), RUNNING_SCORE.search(text)
    if icon.startswith("penalty_shootout"):
        shown, period, minute = None, SHOOTOUT_PERIOD, PERIOD_START_MINUTE[SHOOTOUT_PERIOD]
    elif shown:
        period, minute = shown_clock(int(shown[1]), int(shown[2] or 0))
    else:
        raise page.malformed(f"no minute in {text!r}", where)
    note = node.css_first("div.event_icon ~ div small")
    main = page.one("div.event_icon ~ div > div", node)
    return _Line(
        team=team,
        icon=icon,
        minute=shown[0].rstrip("’' ") if shown else None,
        period=period,
        clock_minute=minute,
        score=(int(score[1]), int(score[2])) if score else None,
        name=clean_text(main),
        player=linked_id(main, "players"),
        note=clean_text(note) if note else None,
        note_player=linked_id(note, "players") if note else None,
    )


def shown_clock(minute: int, added: int) -> tuple[int, int]:
    """Period and match-clock minute of a shown minute: 45+2 is (1, 46), 46 is (2, 45), 90+4 is (2, 93)."""
    period = next((period for period, last in ((1, 45), (2, 90), (3, 105)) if minute <= last), 4)
    return period, max(minute + added - 1, PERIOD_START_MINUTE[period])


def _translate(page: Page, match: Match, line: _Line, before: tuple[int, int], where: str) -> list[_Fields]:
    if line.icon in SHOTS:
        subtype, outcome = SHOTS[line.icon]
        return [_Fields(line.team, "Shot", line.player, subtype=subtype, outcome=outcome)]
    if line.icon == "own_goal":
        home, away = match.home.provider_id, match.away.provider_id
        after = line.score or before
        step = (after[0] - before[0], after[1] - before[1])
        if step not in ((1, 0), (0, 1)):
            raise page.malformed(f"an own goal takes the running score from {before} to {after}", where)
        gained, conceded = (home, away) if step == (1, 0) else (away, home)
        return [_Fields(conceded, "Own Goal Against", line.player), _Fields(gained, "Own Goal For", None)]
    if line.icon in CARDS:
        return [_Fields(line.team, "Bad Behaviour", line.player, card=CARDS[line.icon])]
    if line.icon == "substitute_in":
        return [_Fields(line.team, "Substitution", line.note_player, recipient=line.player)]
    raise page.malformed(f"unknown kind of event {line.icon!r}", where)


def _event(match: Match, index: int, line: _Line, fields: _Fields) -> Event:
    details = {
        "minute": line.minute,
        "score": f"{line.score[0]}:{line.score[1]}" if line.score else None,
        "name": None if line.player else line.name,
        "assist": line.note_player if line.icon in SHOTS else None,
        "note": None if line.note_player else line.note,
    }
    return Event(
        team=fields.team,
        player=fields.player,
        recipient=fields.recipient,
        possession_team=None,
        index=index,
        provider_event_id=f"{match.provider_match_id}-{index}",
        period=line.period,
        timestamp_ms=(line.clock_minute - PERIOD_START_MINUTE[line.period]) * 60_000,
        minute=line.clock_minute,
        second=0,
        event_type=fields.event_type,
        subtype=fields.subtype,
        outcome=fields.outcome,
        body_part=None,
        position=None,
        play_pattern=None,
        possession=None,
        x_m=None,
        y_m=None,
        end_x_m=None,
        end_y_m=None,
        provider_x=None,
        provider_y=None,
        provider_end_x=None,
        provider_end_y=None,
        out_of_bounds=False,
        duration_s=None,
        under_pressure=False,
        assist=None,
        card=fields.card,
        xg=None,
        related_events=None,
        details=json.dumps({key: value for key, value in details.items() if value}, ensure_ascii=False).encode(),
    )
