"""What analysts ask of runners, jockeys and the entries of a race: typed reads, parametrised, each with an index.

A start is a runner that left the start of a race that was not called off and counts: finished, disqualified or pulled
up. Rates are those of the field: 승률 (won), 복승률 (in the first two), 연승률 (in the first three). Where a date is
given, only races before it count, so that what is read for a race knows nothing of its day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from fotmate_assets.racing.model import KST, FinishStatus, Sport

WINDOWS = (365, 90, 30)
"""Days before, that a runner's starts are counted over beside all of them."""
YEAR = 365
FIGURES = 6
"""Starts that the form figures show."""

STARTED = "t.finish_status in ('finished', 'disqualified', 'pulled_up')"
COUNTS = """
    count(*) as starts, count(*) filter (where t.finish_position = 1) as wins,
    count(*) filter (where t.finish_position = 2) as seconds, count(*) filter (where t.finish_position = 3) as thirds
"""
COUNTS_OF_PAIR = """
    count(*) filter (where t.trainer_id = entered.trainer),
    count(*) filter (where t.trainer_id = entered.trainer and t.finish_position = 1),
    count(*) filter (where t.trainer_id = entered.trainer and t.finish_position = 2),
    count(*) filter (where t.trainer_id = entered.trainer and t.finish_position = 3)
"""
ENDS = {FinishStatus.DISQUALIFIED: "D", FinishStatus.PULLED_UP: "P"}


@dataclass(frozen=True)
class Record:
    """Starts, and how they ended."""

    starts: int
    wins: int
    seconds: int
    thirds: int

    @property
    def win_rate(self) -> float | None:
        """승률: wins by starts, 0 to 1; None without a start."""
        return self._by_starts(self.wins)

    @property
    def top2_rate(self) -> float | None:
        """복승률: ended in the first two, 0 to 1."""
        return self._by_starts(self.wins + self.seconds)

    @property
    def top3_rate(self) -> float | None:
        """연승률: ended in the first three, 0 to 1."""
        return self._by_starts(self.wins + self.seconds + self.thirds)

    def _by_starts(self, count: int) -> float | None:
        return count / self.starts if self.starts else None


# Runners -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WinRate:
    """How often a horse or racer wins."""

    runner_id: str
    """Registration: hrNo or racer number."""
    runner_name: str
    """As in its last start."""
    overall: Record
    """Every start that is stored."""
    windows: Mapping[int, Record]
    """By days before."""
    last_race_date: date
    last_finish_position: int | None
    """1-based; None where it did not finish."""


_OF_RUNNER = text(f"""
    select t.race_date, t.finish_position, t.runner_name
    from results t join races r using (race_id)
    where t.runner_id = :runner and t.race_date < :before and r.sport = :sport and r.status <> 'cancelled' and {STARTED}
    order by t.race_date desc, t.race_id desc
""")  # noqa: S608 - a literal above


def win_rate(
    connection: Connection,
    horse_id: str,
    *,
    before: date | None = None,
    windows: Sequence[int] = WINDOWS,
    sport: Sport = Sport.HORSE,
) -> WinRate | None:
    """How often a horse, or a racer of another `sport`, has won; None where no start of it is known.

    `horse_id`: hrNo with its leading zeros, or the racer's number. `before`: a day; only starts before it count, and
    the windows end at it. None: up to today.
    """
    until = before or datetime.now(KST).date() + timedelta(days=1)
    starts = connection.execute(_OF_RUNNER, {"runner": horse_id, "before": until, "sport": sport.value}).all()
    if not starts:
        return None
    last = starts[0]
    return WinRate(
        horse_id,
        last.runner_name,
        _record(starts),
        {days: _record([row for row in starts if row.race_date >= until - timedelta(days=days)]) for days in windows},
        last.race_date,
        last.finish_position,
    )


def _record(rows: Sequence[Row[Any]]) -> Record:
    positions = [row.finish_position for row in rows]
    return Record(len(rows), *(positions.count(place) for place in (1, 2, 3)))


# Jockeys -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rides:
    """A record, and what a bet of 1 on each ride to win would have come to."""

    record: Record
    bets: int
    """Rides whose final odds are known."""
    returned: float
    """What they paid: of a winner its payoff, which a dead heat lowers, else its final odds."""

    @property
    def roi(self) -> float | None:
        """Profit by stakes: -1 lost everything, 0 broke even; None without a bet."""
        return self.returned / self.bets - 1 if self.bets else None


@dataclass(frozen=True)
class JockeyStats:
    """How a jockey did."""

    jockey_id: str
    jockey_name: str
    """As last ridden under."""
    overall: Rides
    by_track: Mapping[str, Rides]
    """By track id."""
    by_distance: Mapping[int | None, Rides]
    """By metres; None where the distance is not known."""


_OF_JOCKEY = text(f"""
    select grouping(r.track_id) as all_tracks, grouping(r.distance_m) as all_distances, r.track_id, r.distance_m,
           {COUNTS}, count(t.win_odds) as bets,
           coalesce(sum(coalesce(p.odds, t.win_odds)) filter (where t.finish_position = 1), 0) as returned,
           (array_agg(t.jockey_name order by t.race_date desc, t.race_id desc))[1] as name
    from results t join races r using (race_id)
    left join payoffs p on p.race_id = t.race_id and p.pool = 'WIN' and p.combination = t.start_no::text
        and t.finish_position = 1 and t.win_odds is not null
    where t.jockey_id = :jockey and t.race_date >= :since and t.race_date < :before and r.status <> 'cancelled'
    and {STARTED}
    group by grouping sets ((), (r.track_id), (r.distance_m))
    order by r.track_id, r.distance_m
""")  # noqa: S608 - literals above


def jockey_stats(
    connection: Connection, jockey_id: str, *, since: date | None = None, before: date | None = None
) -> JockeyStats | None:
    """A jockey's rides (`jkNo`) from `since` on and before `before`; None where there is none.

    Only horses have jockeys: a racer's own record is `win_rate`.
    """
    asked = {"jockey": jockey_id, "since": since or date.min, "before": before or date.max}
    rows = connection.execute(_OF_JOCKEY, asked).all()
    overall = next(row for row in rows if row.all_tracks and row.all_distances)
    if not overall.starts:
        return None
    return JockeyStats(
        jockey_id,
        overall.name,
        _rides(overall),
        {row.track_id: _rides(row) for row in rows if not row.all_tracks},
        {row.distance_m: _rides(row) for row in rows if not row.all_distances},
    )


def _rides(row: Row[Any]) -> Rides:
    return Rides(Record(row.starts, row.wins, row.seconds, row.thirds), row.bets, float(row.returned))


# Entries -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EntryStats:
    """What is known of a runner on the morning of its race."""

    start_no: int
    runner_id: str | None
    runner_name: str
    jockey_name: str | None
    trainer_name: str | None
    is_scratched: bool
    figures: str
    """Its last six starts, the oldest first: 1 to 9 the position, 0 the tenth or worse, P pulled up, D disqualified."""
    days_since_last_start: int | None
    """None where it never started."""
    runner: Record
    """Of the year before, as all that follow."""
    jockey: Record
    trainer: Record
    runner_with_jockey: Record
    jockey_with_trainer: Record


_ENTERED = text("""
    select e.start_no, e.runner_id, e.runner_name, e.jockey_id, e.jockey_name, e.trainer_id, e.trainer_name,
           e.is_scratched, r.sport, r.race_date
    from entries e join races r using (race_id) where e.race_id = :race order by e.start_no
""")
_STARTS = """
    select {who} as who, t.race_date, t.finish_position, t.finish_status, t.jockey_id
    from results t join races r using (race_id)
    where {which} and t.race_date < :day and r.sport = :sport and r.status <> 'cancelled' and {started}
    order by t.race_date, t.race_id
"""
_BY_NUMBER = text(_STARTS.format(who="t.runner_id", which="t.runner_id = any(:runners)", started=STARTED))
_BY_NAME = text(
    _STARTS.format(
        who="t.runner_name", which="t.runner_name = any(:runners) and t.race_date >= :since", started=STARTED
    )
)
_OF_PEOPLE = text(f"""
    with cancelled (id) as materialized (
        select race_id from races where status = 'cancelled' and race_date >= :since and race_date < :day
    )
    select ridden.*, trained.*
    from unnest(cast(:jockeys as text[]), cast(:trainers as text[])) with ordinality as entered (jockey, trainer, place)
    cross join lateral (
        select {COUNTS}, {COUNTS_OF_PAIR} from results t
        where t.jockey_id = entered.jockey and t.race_date >= :since and t.race_date < :day and {STARTED}
        and t.race_id not in (select id from cancelled)
    ) as ridden
    cross join lateral (
        select {COUNTS} from results t
        where t.trainer_id = entered.trainer and t.race_date >= :since and t.race_date < :day and {STARTED}
        and t.race_id not in (select id from cancelled)
    ) as trained
    order by entered.place
""")  # noqa: S608 - literals above


def entry_stats(connection: Connection, race_id: str) -> list[EntryStats]:
    """The runners of a race by start number, with what was known of them before its race date; none where the race is
    not known or has no entries.

    A runner without a registration on the card (KSPO cycles) is known by its name, over the year before only.
    """
    entered = connection.execute(_ENTERED, {"race": race_id}).all()
    if not entered:
        return []
    day = entered[0].race_date
    since = day - timedelta(days=YEAR)
    about = {"day": day, "since": since, "sport": entered[0].sport}
    starts: dict[str, list[Row[Any]]] = {}
    numbers = [entry.runner_id for entry in entered if entry.runner_id is not None]
    names = [entry.runner_name for entry in entered if entry.runner_id is None]
    for query, runners in ((_BY_NUMBER, numbers), (_BY_NAME, names)):
        if runners:
            for row in connection.execute(query, {**about, "runners": runners}):
                starts.setdefault(row.who, []).append(row)
    people = {
        "jockeys": [entry.jockey_id for entry in entered],
        "trainers": [entry.trainer_id for entry in entered],
    }
    of_people = connection.execute(_OF_PEOPLE, {**about, **people}).all()
    return [
        _entry(entry, starts.get(entry.runner_id or entry.runner_name, []), counts, since)
        for entry, counts in zip(entered, of_people, strict=True)
    ]


def _entry(entry: Row[Any], starts: Sequence[Row[Any]], of_people: Row[Any], since: date) -> EntryStats:
    lately = [row for row in starts if row.race_date >= since]
    with_jockey = [row for row in lately if row.jockey_id is not None and row.jockey_id == entry.jockey_id]
    jockey, pair, trainer = (Record(*of_people[first : first + 4]) for first in (0, 4, 8))
    return EntryStats(
        entry.start_no,
        entry.runner_id,
        entry.runner_name,
        entry.jockey_name,
        entry.trainer_name,
        entry.is_scratched,
        "".join(_figure(row) for row in starts[-FIGURES:]),
        (entry.race_date - starts[-1].race_date).days if starts else None,
        _record(lately),
        jockey,
        trainer,
        _record(with_jockey),
        pair,
    )


def _figure(start: Row[Any]) -> str:
    if start.finish_position is None:
        return ENDS[FinishStatus(start.finish_status)]
    return str(start.finish_position) if start.finish_position < 10 else "0"
