"""A race day followed tick by tick, as the schedules do, with a clock that the test moves."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.embedded.portal.race import Event, EventKind, SimRace
from fotmate_assets.racing.automation import (
    AHEAD,
    BEHIND,
    LATE_RESULTS,
    PUBLISHED_WITHIN,
    TICK,
    entries_due,
    results_due,
)
from fotmate_assets.racing.load import advance_statuses
from fotmate_assets.racing.model import KST
from fotmate_assets.racing.queries import last_attempts, race_times
from fotmate_assets.racing.sources.source import Family
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.house import Calendar, patient
from fotmate_assets_tests.racing.test_race_days import Racing, owed, stored, truth

FRIDAY = date(2026, 10, 16)
SATURDAY = FRIDAY + timedelta(days=1)
TRACKS = ("jeju", "gwangmyeong", "changwon")
FAMILIES = {"calendar": (Family.RACES,), "entries": (Family.RACES, Family.ENTRIES), "results": tuple(Family)}
MINUTE = timedelta(minutes=1)


@dataclass
class Live:
    """The schedules of some days: what they asked, and what was seen between their ticks."""

    racing: Racing
    asks: Counter[tuple[str, date]] = field(default_factory=Counter)
    """Runs by what was due and the Korean day."""
    requests: Counter[date] = field(default_factory=Counter)
    statuses: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """The statuses that each race had, one after the other."""
    last_ask: dict[str, datetime] = field(default_factory=dict)

    def follow(self, first: datetime, last: datetime) -> None:
        """Every tick from `first` to `last`."""
        now = first
        while now <= last:
            self.tick(now)
            now += TICK

    def tick(self, now: datetime) -> None:
        racing, today = self.racing, now.date()
        racing.now = now
        if now.time() == time(6):
            days = range(-BEHIND.days, AHEAD.days + 1)
            self._run("calendar", *(today + timedelta(days=number) for number in days))
        advance_statuses(racing.database.engine, now)
        self._look()
        first = today - LATE_RESULTS - timedelta(days=2)
        with racing.database.engine.connect() as connection:
            past, coming = race_times(connection, first, today), race_times(connection, today, today + PUBLISHED_WITHIN)
            entries, results = (last_attempts(connection, f"racing/{name}", first) for name in ("entries", "results"))
        ended = results_due(now, past, results)
        for day in entries_due(now, coming, entries):
            if day not in ended:
                self._run("entries", day)
        for day in ended:
            self._run("results", day)
        self._look()

    def _run(self, what: str, *days: date) -> None:
        """Ask; the ledger's clock, which is the database's, is put right."""
        racing, today = self.racing, self.racing.now.date()
        jobs = racing.database.execute("select coalesce(max(job_id), 0) from ingestion_jobs")[0][0]
        requests = len(racing.upstream.requests)
        report = racing.run(*days, families=FAMILIES[what])
        assert report.failures == [], f"at {racing.now}"
        racing.database.execute(
            "update ingestion_jobs set finished_at = :now where job_id > :jobs",
            now=racing.now + 3 * MINUTE,
            jobs=jobs,
        )
        self.asks[what, today] += 1
        self.requests[today] += len(racing.upstream.requests) - requests
        self.last_ask[what] = racing.now

    def _look(self) -> None:
        for race, status in self.racing.database.execute("select race_id, status from races"):
            seen = self.statuses[str(race)]
            if not seen or seen[-1] != status:
                seen.append(str(status))


@pytest.fixture
def live(database: Database, zone: RawZone, tmp_path: Path) -> Iterator[Live]:
    """A portal that knows of one day of horses at Jeju and cycles at Gwangmyeong and Changwon."""
    calendar = Calendar(
        lambda meeting: meeting.race_date != FRIDAY or meeting.track_id not in TRACKS,
        most_races=6,
    )
    start = datetime.combine(FRIDAY - timedelta(days=2), time(6), KST)
    with patient(database, zone, tmp_path, calendar, start) as racing:
        yield Live(racing)


def changes(live: Live, race: SimRace) -> list[tuple[object, ...]]:
    return live.racing.database.execute(
        "select kind, start_no, old_value, new_value from race_changes where race_id = :race order by change_id",
        race=race.race_id,
    )


def korean(moment: datetime) -> str:
    return moment.astimezone(KST).isoformat()


def test_a_race_day_followed_live_is_complete_and_its_changes_are_told(live: Live) -> None:
    racing, simulator = live.racing, live.racing.simulator
    (jeju,) = [meeting for meeting in simulator.calendar.meetings(FRIDAY) if meeting.track_id == "jeju"]
    quiet = [race for race in simulator.calendar.races(jeju) if not race.events]
    moved, scratched, changed, cancelled, rerun = quiet[-5:]
    later = moved.post_time + 25 * MINUTE
    simulator.post_time_moves(moved.race_id, later, at=moved.post_time - 50 * MINUTE)
    gone = scratched.runners[2]
    simulator.runner_is_scratched(scratched.race_id, gone.start_no, at=scratched.post_time - 180 * MINUTE)
    rider, other = changed.runners[0], changed.runners[1].jockey
    assert rider.jockey is not None
    assert other is not None
    new_jockey = Event(changed.post_time - 90 * MINUTE, EventKind.JOCKEY, rider.start_no, jockey=other, reason="부상")
    simulator._add(changed.race_id, new_jockey)
    simulator.race_is_cancelled(cancelled.race_id, at=cancelled.post_time - 40 * MINUTE)
    again = rerun.post_time + 80 * MINUTE
    simulator.race_is_rerun(rerun.race_id, again, at=rerun.post_time + 2 * MINUTE)

    live.follow(racing.now, datetime.combine(FRIDAY + timedelta(days=2), time(6), KST))
    print("asks:", ", ".join(f"{what} of {day} {count}" for (what, day), count in sorted(live.asks.items())))
    print("requests:", ", ".join(f"{day} {count}" for day, count in sorted(live.requests.items())))

    assert stored(racing, FRIDAY) == truth(racing, FRIDAY)
    assert owed(racing) == []

    told = {race.race_id: changes(live, race) for race in (moved, scratched, changed, cancelled, rerun)}
    assert told[moved.race_id] == [("post_time", None, korean(moved.post_time), korean(later))]
    assert told[scratched.race_id] == [("scratch", gone.start_no, gone.identity.name, None)]
    assert told[changed.race_id] == [("jockey", rider.start_no, rider.jockey.name, other.name)]
    assert told[cancelled.race_id] == [("status", None, "upcoming", "cancelled")]
    assert told[rerun.race_id] == [("post_time", None, korean(rerun.post_time), korean(again))]

    usual = ["scheduled", "upcoming", "live", "finished"]
    unusual = {
        moved.race_id: ["scheduled", "upcoming", *usual],
        cancelled.race_id: ["scheduled", "upcoming", "cancelled"],
        rerun.race_id: ["scheduled", "upcoming", "live", *usual],
    }
    for race, seen in live.statuses.items():
        without_card = "changwon" in race
        assert seen == (["finished"] if without_card else unusual.get(race, usual)), race

    # Nothing is asked when nothing is due: never more than once a tick, and not at all once all is complete.
    last_off = max(race.at(racing.now, ()).post_time for race in simulator.calendar.races(jeju))
    assert live.last_ask["entries"] < max(last_off, again) + 180 * MINUTE
    assert live.last_ask["results"] == datetime.combine(SATURDAY, time(12), KST), "once more when all has settled"
    a_day = timedelta(days=1) // TICK
    assert all(count <= a_day for count in live.asks.values())
    assert live.asks["entries", FRIDAY - timedelta(days=2)] <= 18 + 6, "hourly until published"
    assert ("results", FRIDAY - timedelta(days=2)) not in live.asks
    assert ("entries", SATURDAY) not in live.asks
    assert live.asks["results", SATURDAY] <= 9 + 2, "hourly until KSPO publishes at nine"
    assert [live.asks["calendar", FRIDAY + timedelta(days=number)] for number in range(-2, 3)] == [1] * 5
