"""Metrica's event types and subtypes read as StatsBomb's. The table is in the package docstring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fotmate_assets.football.sources.metrica.rows import Row

RESTARTS = {
    "KICK OFF": "Kick Off",
    "CORNER KICK": "Corner",
    "FREE KICK": "Free Kick",
    "THROW IN": "Throw-in",
    "PENALTY": "Penalty",
    "GOAL KICK": "Goal Kick",
}
PASS_SUBTYPES = ("INTERCEPTION", "CROSS", "DEEP BALL", "THROUGH BALL", "GOAL KICK")
"""Subtypes that name a pass even where the file does not tell where the ball went."""

KNOWN_SUBTYPES = frozenset(
    {
        *RESTARTS,
        *PASS_SUBTYPES,
        "HEAD",
        "CLEARANCE",
        "OFFSIDE",
        "VOLUNTARY",
        "FORCED",
        "END HALF",
        "HAND BALL",
        "REFEREE HIT",
        "THEFT",
        "BLOCKED",
        "SAVED",
        "WOODWORK",
        "ON TARGET",
        "OFF TARGET",
        "GOAL",
        "OUT",
        "DIRECT",
        "INDIRECT",
        "RETAKEN",
        "YELLOW",
        "RED",
        "GROUND",
        "AERIAL",
        "TACKLE",
        "DRIBBLE",
        "FAULT",
        "ADVANTAGE",
        "WON",
        "LOST",
    }
)
"""The SUBTYPE list that the JSON file carries in `metadata`; the CSV files use the same words."""


class Meaning(NamedTuple):
    """The interpreted columns of one event."""

    event_type: str
    subtype: str | None = None
    outcome: str | None = None
    card: str | None = None


def interpret(rows: Sequence[Row]) -> list[Meaning]:
    """What each row means; a row's neighbours can decide. Raises KeyError for an unknown type.

    The KeyError's two arguments are the offending row and its type.
    """
    cautioned: set[str | None] = set()
    meanings = []
    for at, row in enumerate(rows):
        match row.type:
            case "PASS":
                meaning = Meaning("Pass", _restart(rows, at), "Pass Offside" if row.is_("OFFSIDE") else None)
            case "BALL LOST":
                meaning = _ball_lost(rows, at)
            case "BALL OUT":
                meaning = _ball_out(rows, at)
            case "RECOVERY":
                meaning = _recovery(row)
            case "CHALLENGE":
                meaning = _challenge(rows, at)
            case "FAULT RECEIVED":
                meaning = Meaning("Foul Won")
            case "SHOT":
                meaning = Meaning("Shot", _restart(rows, at) or "Open Play", _shot_outcome(row))
            case "CARRY":
                meaning = Meaning("Carry")
            case "SET PIECE":
                meaning = Meaning("Set Piece", _first(row, RESTARTS))
            case "CARD":
                meaning = Meaning("Bad Behaviour", card=_card(row, row.player in cautioned))
                cautioned.add(row.player)
            case _:
                raise KeyError(row, row.type)
        meanings.append(meaning)
    return meanings


def _first(row: Row, names: dict[str, str]) -> str | None:
    return next((name for word, name in names.items() if row.is_(word)), None)


def _restart(rows: Sequence[Row], at: int) -> str | None:
    """The restart that this kick takes: a set piece of the same player directly before it, or a goal kick."""
    before = rows[at - 1] if at else None
    if before and before.type == "SET PIECE" and before.player == rows[at].player:
        return _first(before, RESTARTS)
    return RESTARTS["GOAL KICK"] if rows[at].is_("GOAL KICK") else None


def _winning_touch(rows: Sequence[Row], at: int) -> Row | None:
    """The player's recovery in the very frame of this row, directly before it: one touch noted twice."""
    row, before = rows[at], rows[at - 1] if at else None
    is_one_touch = (
        before is not None
        and before.type == "RECOVERY"
        and before.player == row.player
        and before.start_frame == row.start_frame
    )
    return before if is_one_touch else None


def _ball_lost(rows: Sequence[Row], at: int) -> Meaning:
    row, touch = rows[at], _winning_touch(rows, at)
    if row.is_("THEFT"):
        return Meaning("Dispossessed")
    if row.is_("OFFSIDE"):
        return Meaning("Offside")
    if row.is_("HAND BALL"):
        return Meaning("Foul Committed", "Handball")
    if row.is_("CLEARANCE"):
        return Meaning("Clearance")
    is_deflection = touch is not None and (touch.is_("SAVED") or touch.is_("BLOCKED"))
    is_played = row.end_x is not None or any(row.is_(word) for word in PASS_SUBTYPES)
    if is_deflection or not is_played:
        return Meaning("Ball Lost")
    is_stopped = row.is_("FORCED") or row.is_("END HALF")
    return Meaning("Pass", _restart(rows, at), "Unknown" if is_stopped else "Incomplete")


def _ball_out(rows: Sequence[Row], at: int) -> Meaning:
    row = rows[at]
    if row.is_("CLEARANCE"):
        return Meaning("Clearance", outcome="Out")
    if row.is_("GOAL") or _winning_touch(rows, at):
        return Meaning("Ball Out")
    return Meaning("Pass", _restart(rows, at), "Out")


def _recovery(row: Row) -> Meaning:
    if row.is_("SAVED"):
        return Meaning("Goal Keeper", "Shot Saved")
    if row.is_("BLOCKED"):
        return Meaning("Block")
    return Meaning("Ball Recovery", _first(row, {"INTERCEPTION": "Interception", "THEFT": "Theft"}))


def _challenge(rows: Sequence[Row], at: int) -> Meaning:
    row = rows[at]
    outcome = _first(row, {"WON": "Won", "LOST": "Lost"})
    if row.is_("FAULT", "LOST"):
        return Meaning("Foul Committed")
    if row.is_("FAULT", "WON") and not _is_noted_again(rows, at):
        return Meaning("Foul Won")
    if row.is_("TACKLE"):
        return Meaning("Duel", "Tackle" if _is_tackler(rows, at) else "Tackled", outcome)
    if row.is_("AERIAL"):
        return Meaning("Duel", f"Aerial {outcome}" if outcome else "Aerial", outcome)
    return Meaning("Duel", _first(row, {"GROUND": "Ground", "DRIBBLE": "Dribble"}), outcome)


def _is_noted_again(rows: Sequence[Row], at: int) -> bool:
    """True when a FAULT RECEIVED of the same player follows before play is restarted."""
    for row in rows[at + 1 :]:
        if row.type == "SET PIECE":
            return False
        if row.type == "FAULT RECEIVED" and row.player == rows[at].player:
            return True
    return False


def _is_tackler(rows: Sequence[Row], at: int) -> bool:
    """Both players of a tackle are noted; the tackler is told by the same frame's next note of theirs.

    Who wins a tackle and then recovers or puts out the ball had not had it; who loses one and does not
    lose the ball with it had not had it either.
    """
    row = rows[at]
    if row.is_("FAULT"):
        return False
    same_touch = {
        other.type
        for other in rows[at + 1 : at + 6]
        if other.player == row.player and other.start_frame == row.start_frame
    }
    return bool(same_touch & {"RECOVERY", "BALL OUT"}) if row.is_("WON") else "BALL LOST" not in same_touch


def _shot_outcome(row: Row) -> str | None:
    if row.is_("WOODWORK", "SAVED"):
        return "Saved to Post"
    return _first(
        row,
        {
            "GOAL": "Goal",
            "SAVED": "Saved",
            "BLOCKED": "Blocked",
            "WOODWORK": "Post",
            "OFF TARGET": "Off T",
            "ON TARGET": "Saved",
            "OUT": "Off T",
        },
    )


def _card(row: Row, cautioned: bool) -> str | None:
    if row.is_("YELLOW"):
        return "Second Yellow" if cautioned or row.is_("RED") else "Yellow Card"
    return "Red Card" if row.is_("RED") else None
