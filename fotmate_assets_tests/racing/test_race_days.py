"""Race days end to end: the simulated portal over HTTP, real Postgres, the raw zone, the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from fotmate_assets.core.http import HttpClient
from fotmate_assets.core.ledger import Ledger
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.embedded.portal.calendar import RaceCalendar
from fotmate_assets.embedded.portal.faults import fault_mix
from fotmate_assets.embedded.portal.server import KRA_ROOT, KSPO_ROOT, SERVICE_KEY, PortalSimulator
from fotmate_assets.embedded.upstream import Upstream
from fotmate_assets.racing.ingest import RaceDays, run_race_days
from fotmate_assets.racing.model import KST, Sport, race_id
from fotmate_assets.racing.quota import PostgresQuota
from fotmate_assets.racing.sources.kra.source import KRA
from fotmate_assets.racing.sources.kspo.source import KSPO
from fotmate_assets.racing.sources.portal import KRA as KRA_STYLE
from fotmate_assets.racing.sources.portal import KSPO as KSPO_STYLE
from fotmate_assets.racing.sources.portal import Portal
from fotmate_assets.racing.sources.source import Family
from fotmate_assets_tests.databases import Database

LONG_AFTER = datetime(2026, 11, 20, 12, tzinfo=KST)


@dataclass
class Racing:
    """Everything a race day needs, with a clock of its own."""

    database: Database
    zone: RawZone
    upstream: Upstream
    simulator: PortalSimulator
    now: datetime = LONG_AFTER
    attempts: int = 5
    clients: list[HttpClient] = field(default_factory=list)

    def clock(self) -> datetime:
        return self.now

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.database.engine)

    def run(self, *days: date, families: tuple[Family, ...] = tuple(Family), fetch: bool = True) -> RaceDays:
        report = RaceDays()
        for source, root, style in ((KRA(), KRA_ROOT, KRA_STYLE), (KSPO(), KSPO_ROOT, KSPO_STYLE)):
            client = HttpClient(source.name, timeout_s=0.5, per_second=1000, attempts=self.attempts, first_wait_s=0.01)
            self.clients.append(client)
            quota = PostgresQuota(self.database.engine, source.name, 1_000_000, self.clock)
            portal = Portal(client, self.upstream.url + root, style, SERVICE_KEY, quota, self.clock)
            report.add(
                run_race_days(
                    source,
                    portal if fetch else None,
                    days,
                    families,
                    self.zone,
                    self.database.engine,
                    self.ledger,
                    self.clock,
                )
            )
        return report


@pytest.fixture
def racing(database: Database, zone: RawZone, tmp_path: Path) -> Iterator[Racing]:
    """A simulated portal, its clock at noon of 2026-11-20."""
    made: Racing | None = None

    def clock() -> datetime:
        return made.now if made is not None else LONG_AFTER

    simulator = PortalSimulator(RaceCalendar(7), clock)
    root = tmp_path / "upstream"
    root.mkdir()
    with Upstream(root, routes=simulator.routes) as upstream:
        made = Racing(database, zone, upstream, simulator)
        yield made
        for client in made.clients:
            client.close()


def stored(racing: Racing, day: date) -> dict[str, Race]:
    """What is in the tables of a race date, by race."""
    rows = racing.database.execute("select race_id, status, post_time from races where race_date = :day", day=day)
    found = {str(race): Race(status, at) for race, status, at in rows}
    for table, columns in (
        ("entries", "start_no, runner_name, jockey_name, is_scratched"),
        ("results", "runner_name, finish_status, finish_position"),
        ("payoffs", "pool, combination, round(odds::numeric, 1)::float"),
    ):
        query = f"select race_id, {columns} from {table} where race_date = :day"
        for race, *row in racing.database.execute(query, day=day):
            getattr(found[str(race)], table).add(tuple(row))
    return found


@dataclass
class Race:
    """One race, as stored or as it truly was, without what a source does not tell."""

    status: object
    post_time: object
    entries: set[tuple[object, ...]] = field(default_factory=set)
    results: set[tuple[object, ...]] = field(default_factory=set)
    payoffs: set[tuple[object, ...]] = field(default_factory=set)


def truth(racing: Racing, day: date) -> dict[str, Race]:
    """What a race date truly was, as far as its portal tells."""
    found = {}
    for card in racing.simulator.truth(day):
        has_card = card.meeting.track_id not in ("changwon", "busan_cycle")
        for each in card.races:
            name = race_id(card.meeting.track_id, day, each.race.race_no)
            found[name] = Race(
                "cancelled" if each.race.is_cancelled else "finished",
                each.race.post_time if has_card else None,
                {(e.start_no, e.runner_name, e.jockey_name, e.is_scratched) for e in each.entries or () if has_card},
                {(r.runner_name, r.finish_status.value, r.finish_position) for r in each.results or ()},
                {(p.pool.value, p.combination, p.odds) for p in each.payoffs or ()},
            )
            if card.meeting.track.sport is not Sport.HORSE:  # KSPO's cards do not say who was scratched
                found[name].entries = {(number, runner, None, False) for number, runner, *_ in found[name].entries}
    return found


def owed(racing: Racing) -> list[tuple[object, ...]]:
    """What the ledger says is owed: partition, document, verdict, reason."""
    return racing.database.execute(
        "select partition_key, document, verdict, reason from ingestion_failures "
        "where status <> 'resolved' order by partition_key, document"
    )


def test_a_race_day_is_stored_as_it_was(racing: Racing) -> None:
    for day in (date(2026, 11, 5), date(2026, 11, 8)):
        report = racing.run(day)
        assert report.failures == []
        assert stored(racing, day) == truth(racing, day)


def test_a_second_run_changes_no_row_and_a_run_from_kept_bytes_asks_nobody(racing: Racing) -> None:
    day = date(2026, 11, 8)
    first = racing.run(day)
    rows = racing.database.execute(
        "select xmin::text, race_id from races union all select xmin::text, race_id from results"
    )
    again = racing.run(day)
    asked = len(racing.upstream.requests)
    kept = racing.run(day, fetch=False)
    assert first.rows > 900
    assert (again.rows, again.unchanged) == (0, len(first.loaded))
    assert (kept.rows, kept.unchanged) == (0, len(first.loaded))
    assert len(racing.upstream.requests) == asked
    assert sorted(rows) == sorted(
        racing.database.execute(
            "select xmin::text, race_id from races union all select xmin::text, race_id from results"
        )
    )


def test_lost_rows_come_back_from_the_kept_bytes(racing: Racing) -> None:
    day = date(2026, 11, 5)
    racing.run(day)
    before = stored(racing, day)
    racing.database.execute("delete from races")
    racing.database.execute("update meetings set revision_sha256 = ''")
    asked = len(racing.upstream.requests)
    racing.run(day, fetch=False)
    assert stored(racing, day) == before
    assert len(racing.upstream.requests) == asked


FORTNIGHT = [date(2026, 10, 26) + timedelta(days=number) for number in range(14)]
"""Two weeks of all three sports, each day of the week among them."""


def is_right(racing: Racing, day: date) -> dict[str, bool]:
    """Every race that truly was, and whether it is stored as it was."""
    there, was = stored(racing, day), truth(racing, day)
    assert there.keys() <= was.keys()
    return {name: there.get(name) == race for name, race in was.items()}


def accounted_for(racing: Racing, day: date, name: str) -> bool:
    """True when the ledger owes something that the race needs: itself, its meeting's document, or the calendar."""
    sport, track, *_ = name.split("-")
    about = {track, name} | ({"all"} if sport == "cycle" else set())
    return any(
        partition == day.isoformat() and str(document).split("/")[1] in about
        for partition, document, _, _ in owed(racing)
    )


def recover(racing: Racing) -> None:
    """Run again every partition that something is owed on, as the recovery sensor does, ten rounds at most."""
    for _ in range(10):
        racing.database.execute(
            "update ingestion_failures set next_retry_at = now() where status in ('pending', 'exhausted')"
        )
        days = sorted({date.fromisoformat(str(partition)) for partition, *_ in owed(racing)})
        if not days:
            return
        racing.run(*days)


def test_a_fortnight_with_a_fifth_of_all_answers_at_fault_loses_no_race(racing: Racing) -> None:
    racing.attempts = 2
    faults = fault_mix(empty=True)
    racing.upstream.fault_rate(0.2, seed=11, faults=faults)
    for day in FORTNIGHT:
        racing.run(day)
    assert {name for _, name in racing.upstream.injected} == {fault.name for fault in faults}
    wrong = {day: [name for name, right in is_right(racing, day).items() if not right] for day in FORTNIGHT}
    lost = [name for day, names in wrong.items() for name in names if not accounted_for(racing, day, name)]
    assert lost == []
    assert len(owed(racing)) > 0

    racing.upstream.fault_rate(0.0, seed=11, faults=())
    recover(racing)
    assert owed(racing) == []
    assert {name for day in FORTNIGHT for name, right in is_right(racing, day).items() if not right} == set()


def test_an_empty_database_is_filled_from_the_kept_bytes_alone(racing: Racing) -> None:
    days = (date(2026, 11, 5), date(2026, 11, 8))
    racing.run(*days)
    before = [stored(racing, day) for day in days]
    racing.database.execute("delete from races")
    racing.database.execute("delete from meetings")
    asked = len(racing.upstream.requests)
    racing.run(*days, fetch=False)
    assert [stored(racing, day) for day in days] == before
    assert len(racing.upstream.requests) == asked
    assert owed(racing) == []
