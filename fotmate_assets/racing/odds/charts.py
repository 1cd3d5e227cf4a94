"""The charts of a race date from what is stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection, text

from fotmate_assets.racing.cadence import SlotStatus, plan
from fotmate_assets.racing.model import Pool
from fotmate_assets.racing.odds.model import OddsRace, OddsRow
from fotmate_assets.racing.odds.moves import sudden_moves
from fotmate_assets.racing.odds.pictures import CapturedSlots, RaceSlots, WinOdds
from fotmate_assets.racing.odds.readers import OddsReader
from fotmate_assets.racing.odds.store import FINAL

_SLOTS = text("""
    select race_id, slot_at, status, source, true as is_live, is_simulated from odds_slots
    where race_date = :day order by slot_at, race_id
""")
_REPLAYED = text("""
    select distinct race_id, observed_at, source, is_live, is_simulated from odds_snapshots
    where race_date = :day and source <> :final
""")


def win_odds_of(connection: Connection, reader: OddsReader, races: Sequence[OddsRace]) -> list[WinOdds]:
    """What a chart of each race shows; races without odds over time are left out.

    A race that several sources tell of is shown as the source of its last snapshot tells it.
    """
    tracks = _tracks(connection)
    ids = {"race_ids": [race.race_id for race in races]}
    names: dict[str, dict[int, str]] = defaultdict(dict)
    for row in connection.execute(
        text("select race_id, start_no, runner_name from entries where race_id = any(:race_ids)"), ids
    ):
        names[row.race_id][row.start_no] = row.runner_name
    found = []
    for race in races:
        rows = reader.history(race.race_id, Pool.WIN)
        rows = [row for row in rows if _standing(row) == _standing(rows[-1])]
        if not rows:
            continue
        last = rows[-1]
        found.append(
            WinOdds(
                tracks.get(race.track_id, race.track_id),
                race.race_no,
                race.post_time,
                names[race.race_id],
                [row.observed_at for row in rows],
                {number: [float(row.odds[index]) for row in rows] for index, number in enumerate(last.field)},
                last.source,
                last.is_live,
                last.is_simulated,
                sudden_moves(rows),
            )
        )
    return found


def captured_slots_of(connection: Connection, day: date, races: Sequence[OddsRace]) -> CapturedSlots | None:
    """What a chart of a race date's slots shows: the collector's account, else which planned instants a replay has.

    None where there are odds of neither kind.
    """
    rows = connection.execute(_SLOTS, {"day": day}).all()
    slots: dict[str, dict[datetime, SlotStatus]] = defaultdict(dict)
    for row in rows:
        slots[row.race_id][row.slot_at] = SlotStatus(row.status)
    if not rows:
        rows = connection.execute(_REPLAYED, {"day": day, "final": FINAL}).all()
        replayed = {(row.race_id, row.observed_at) for row in rows}
        for race in races:
            for slot in plan(race.post_time) if rows else ():
                has_it = (race.race_id, slot.at) in replayed
                slots[race.race_id][slot.at] = SlotStatus.CAPTURED if has_it else SlotStatus.MISSED
    tracks = _tracks(connection)
    of_races = [
        RaceSlots(f"{tracks.get(race.track_id, race.track_id)} {race.race_no}", race.post_time, slots[race.race_id])
        for race in races
        if race.race_id in slots
    ]
    if not of_races:
        return None
    return CapturedSlots(
        day,
        of_races,
        ", ".join(sorted({row.source for row in rows})),
        is_live=any(row.is_live for row in rows),
        is_simulated=any(row.is_simulated for row in rows),
    )


def _tracks(connection: Connection) -> dict[str, str]:
    return dict(connection.execute(text("select track_id, name from tracks")).tuples().all())


def _standing(row: OddsRow) -> tuple[object, ...]:
    """What rows must agree in to be one series."""
    return row.source, row.is_live, row.is_simulated, row.field
