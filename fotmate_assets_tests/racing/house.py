"""A code location of a test's own over the simulated portal, and looks at what it stores."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetKey,
    DagsterInstance,
    Definitions,
    ExecuteInProcessResult,
)

from fotmate_assets import runtime
from fotmate_assets.core.ledger import Ledger
from fotmate_assets.core.raw_zone import RawZone
from fotmate_assets.core.resources import ObjectStorage, Postgres
from fotmate_assets.definitions import build_defs
from fotmate_assets.embedded.portal.calendar import RaceCalendar
from fotmate_assets.embedded.portal.race import SimRace
from fotmate_assets.embedded.portal.server import KRA_ROOT, KSPO_ROOT, SERVICE_KEY, PortalSimulator
from fotmate_assets.embedded.upstream import Fault, Request, Response, Route, Upstream
from fotmate_assets.racing.ingest import RaceDays, run_race_days
from fotmate_assets.racing.model import Meeting
from fotmate_assets.racing.resources import RacePortals
from fotmate_assets.racing.sources.portal import Portal
from fotmate_assets.racing.sources.source import Family, RaceSource
from fotmate_assets_tests.databases import Database
from fotmate_assets_tests.racing.test_race_days import Racing

SEED = 7
DAY = date(2025, 3, 8)
"""A Saturday of horses at Jeju and cycles at Gwangmyeong and Changwon."""
DAY_TABLES = ("races", "entries", "results", "payoffs")
ALL = (*DAY_TABLES, "form")
TABLES = ("meetings", *DAY_TABLES, "race_changes")
CLOCKS = ("loaded_at", "change_id", "noticed_at", "seen_at", "created_at", "recorded_at", "observed_at")


class Calendar(RaceCalendar):
    """The simulated calendar without some meetings, and with the first races only of each that is left."""

    def __init__(self, without: Callable[[Meeting], bool], most_races: int = 99) -> None:
        self.without, self.most_races = without, most_races
        super().__init__(SEED)

    def _meetings(self, day: date) -> tuple[Meeting, ...]:
        return tuple(meeting for meeting in super()._meetings(day) if not self.without(meeting))

    def _races(self, meeting: Meeting) -> tuple[SimRace, ...]:
        return super()._races(meeting)[: self.most_races]


@dataclass
class House:
    """The code location: its own database, raw zone, portal and Dagster instance. The clock is the machine's."""

    instance: DagsterInstance
    database: Database
    raw_url: str
    upstream: Upstream
    simulator: PortalSimulator
    overrides: dict[str, Any]

    @cached_property
    def definitions(self) -> Definitions:
        return build_defs(**self.overrides)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.database.engine)

    @property
    def zone(self) -> RawZone:
        return ObjectStorage(url=self.raw_url).raw_zone

    def portals(self, **changed: Any) -> None:
        """Ask otherwise from now on."""
        given: RacePortals = self.overrides["portals"]
        self.replace("portals", RacePortals(**{**given.model_dump(), **changed}))

    def replace(self, name: str, resource: Any) -> None:
        """Another resource from now on."""
        self.overrides[name] = resource
        self.__dict__.pop("definitions", None)

    def portal_is_down(self, is_down: bool = True) -> None:
        """Every answer is HTTP 503, or none any more."""
        self.upstream.fault_rate(float(is_down), seed=1, faults=[Fault.status(503)] if is_down else [])

    def run(
        self, *days: date, only: Sequence[str] = ALL, fetch: bool = True, is_range: bool = False
    ) -> ExecuteInProcessResult:
        """Materialize assets of no date, of a race date, or (`is_range`) from the first to the last as one run."""
        config = {} if fetch else {"ops": {"racing_tables": {"config": {"fetch": False}}}}
        keys = [day.isoformat() for day in days]
        where: dict[str, Any] = {"partition_key": keys[0]} if keys else {}
        if is_range:
            where = {"partition_range": (keys[0], keys[-1])}
        return runtime.execute(
            self.definitions,
            self.instance,
            assets=[AssetKey(["racing", name]) for name in only],
            run_config=config,
            **where,
        )

    def job(self, name: str, day: str, **tags: str) -> ExecuteInProcessResult:
        """Run a job for a race date, as a schedule or sensor asks for it."""
        job = self.definitions.resolve_job_def(name)
        return job.execute_in_process(instance=self.instance, partition_key=day, tags=tags, raise_on_error=False)

    @contextmanager
    def requests(self) -> Iterator[list[Request]]:
        """The requests that arrive meanwhile."""
        before = len(self.upstream.requests)
        found: list[Request] = []
        yield found
        found += self.upstream.requests[before:]

    def rows(self, statement: str, **parameters: object) -> list[tuple[object, ...]]:
        return self.database.execute(statement, **parameters)

    def owed(self, columns: str = "job, document, verdict") -> list[tuple[object, ...]]:
        """What the ledger says is owed."""
        return self.rows(f"select {columns} from ingestion_failures where status <> 'resolved' order by failure_id")

    def is_never_retried_by_the_daemon(self, result: ExecuteInProcessResult) -> bool:
        run = self.instance.get_run_by_id(result.run_id)
        return run is not None and run.tags.get("dagster/retry_on_asset_or_op_failure") == "false"


@contextmanager
def open_house(
    database: Database, folder: Path, calendar: RaceCalendar | None = None, raw_url: str | None = None
) -> Iterator[House]:
    """A house of which everything lies in `folder`, which exists, but for the database and perhaps the raw zone."""
    simulator = PortalSimulator(calendar or RaceCalendar(SEED), lambda: datetime.now(UTC))
    served = folder / "served"
    served.mkdir()
    url = raw_url or (folder / "raw").as_uri()
    with Upstream(served, routes=simulator.routes) as upstream:
        overrides = {
            "postgres": Postgres(url=database.writer_url),
            "raw": ObjectStorage(url=url),
            "portals": RacePortals(
                kra_url=upstream.url + KRA_ROOT,
                kspo_url=upstream.url + KSPO_ROOT,
                service_key=SERVICE_KEY,
                timeout_s=2.0,
                requests_per_s=5000.0,
                attempts=2,
                first_wait_s=0.01,
            ),
        }
        with DagsterInstance.ephemeral() as instance:
            yield House(instance, database, url, upstream, simulator, overrides)


@dataclass
class Patient(Racing):
    """Race days without Dagster, by the test's clock; a slow machine is no fault of the portal."""

    sources: list[tuple[RaceSource, Portal]] = field(default_factory=list)

    def run(self, *days: date, families: tuple[Family, ...] = tuple(Family), fetch: bool = True) -> RaceDays:
        report = RaceDays()
        engine = self.database.engine
        for source, portal in self.sources:
            asked = portal if fetch else None
            report.add(run_race_days(source, asked, days, families, self.zone, engine, self.ledger, self.clock))
        return report


@contextmanager
def patient(
    database: Database, zone: RawZone, folder: Path, calendar: RaceCalendar, now: datetime
) -> Iterator[Patient]:
    """Race days of `calendar`; the clock stands at `now` until it is moved."""
    made: list[Patient] = []
    simulator = PortalSimulator(calendar, lambda: made[0].now if made else now)
    served = folder / "served"
    served.mkdir()
    with Upstream(served, routes=simulator.routes) as upstream:
        racing = Patient(database, zone, upstream, simulator, now)
        made.append(racing)
        portals = RacePortals(
            kra_url=upstream.url + KRA_ROOT,
            kspo_url=upstream.url + KSPO_ROOT,
            service_key=SERVICE_KEY,
            requests_per_s=5000.0,
            attempts=2,
            first_wait_s=0.01,
        )
        with portals.open(database.engine) as racing.sources:
            for _, portal in racing.sources:
                portal._now = racing.clock
            yield racing


# What a run says ------------------------------------------------------------------------------------------------------


def metadata_of(result: ExecuteInProcessResult, name: str) -> dict[str, Any]:
    """The values of an asset's metadata; of one partition where there are several."""
    found = [
        event.materialization
        for event in result.get_asset_materialization_events()
        if event.materialization.asset_key == AssetKey(["racing", name])
    ]
    return {key: getattr(value, "records", value.value) for key, value in found[0].metadata.items()}


def materialized(result: ExecuteInProcessResult) -> set[tuple[str, str | None]]:
    """Assets and partitions that the run says it made."""
    return {
        (event.materialization.asset_key.path[-1], event.materialization.partition)
        for event in result.get_asset_materialization_events()
    }


def checks_of(result: ExecuteInProcessResult) -> dict[str, list[AssetCheckEvaluation]]:
    """The evaluations of each check, of a range one for each partition."""
    found: dict[str, list[AssetCheckEvaluation]] = defaultdict(list)
    for each in result.get_asset_check_evaluations():
        found[each.check_name].append(each)
    return dict(found)


def failed_checks(result: ExecuteInProcessResult, severity: AssetCheckSeverity | None = None) -> dict[str, str]:
    """Checks that did not pass, with what they say; of one severity, or of any."""
    found = {
        name: "; ".join(str(one.description) for one in each if not one.passed)
        for name, each in checks_of(result).items()
        if severity in (None, each[0].severity)
    }
    return {name: told for name, told in found.items() if told}


def errors_of(result: ExecuteInProcessResult) -> dict[str, str]:
    """The same of severity ERROR."""
    return failed_checks(result, AssetCheckSeverity.ERROR)


def services(requests: Sequence[Request]) -> Counter[str]:
    """How often each service was asked: `API214_1`."""
    return Counter(request.resource.split("/")[2] for request in requests)


# What is stored -------------------------------------------------------------------------------------------------------


def digest(database: Database) -> dict[tuple[str, str], str]:
    """A hash of everything stored of each meeting, by track and date, clocks and running numbers apart."""
    drop = " - ".join(["to_jsonb(t)", *(f"'{name}'" for name in CLOCKS)])
    of_race = "join races r using (race_id)"
    parts = " union all ".join(
        f"select {'r' if table not in ('meetings', 'races') else 't'}.track_id, t.race_date, "
        f"'{table} ' || ({drop})::text as line from {table} t {'' if table in ('meetings', 'races') else of_race}"
        for table in TABLES
    )
    rows = database.execute(
        f"select track_id, race_date::text, md5(string_agg(line, ' ' order by line)) from ({parts}) p group by 1, 2"
    )
    return {(str(track), str(day)): str(md5) for track, day, md5 in rows}


def row_versions(database: Database) -> set[tuple[object, ...]]:
    """Which transaction wrote every row: any rewrite changes one."""
    return {
        (table, *row)
        for table in TABLES
        for row in database.execute(f"select tableoid::text || ctid::text, xmin::text from {table}")
    }


def counts(database: Database, day: date) -> dict[str, int]:
    """Rows of a race date by table."""
    return {
        table: int(str(database.execute(f"select count(*) from {table} where race_date = :day", day=day)[0][0]))
        for table in ALL
    }


# What goes wrong ------------------------------------------------------------------------------------------------------


def with_rows(change: Callable[[dict[str, Any]], None]) -> Fault:
    """A fault that lets `change` alter each row of an answer in place."""

    def altered(_request: Request, whole: Response, _ask: Route) -> Response:
        answer = json.loads(whole.body)
        items = answer["response"]["body"]["items"]
        rows = items["item"] if items else []
        for row in rows if isinstance(rows, list) else [rows]:
            change(row)
        return replace(whole, body=json.dumps(answer, ensure_ascii=False).encode())

    return Fault.altered("rows", altered)


def of_race(race_no: int, **values: object) -> Fault:
    """A fault that puts `values` into every row of one of KRA's races."""

    def change(row: dict[str, Any]) -> None:
        if row.get("rcNo") == race_no:
            row.update(values)

    return with_rows(change)
