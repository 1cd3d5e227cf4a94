"""`make demo`: real servers; a simulated season, race day and video through every asset; checks; the Dagster UI.

    python -m fotmate_assets.embedded.demo [--no-serve]

Everything it starts, it stops on Ctrl-C. Data stays in FOTMATE_HOME, so that the next start takes seconds.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

import msgspec
from dagster import AssetKey
from rich.console import Console
from rich.table import Table

from fotmate_assets import runtime
from fotmate_assets.cli.ingest import progress
from fotmate_assets.embedded import stack
from fotmate_assets.embedded.portal.server import KRA_ROOT, KSPO_ROOT, SERVICE_KEY
from fotmate_assets.embedded.process import LOOPBACK, EmbeddedServerError, ports_are_free, usable_port
from fotmate_assets.embedded.sample import openfootball, statsbomb
from fotmate_assets.embedded.sample.openfootball import SampleFixture
from fotmate_assets.embedded.upstream import PORTAL_SEED
from fotmate_assets.racing.model import CALLED_OFF, midnight_after
from fotmate_assets.racing.odds.model import OddsRace
from fotmate_assets.racing.resources import SIMULATED
from fotmate_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance, Definitions, EventLogEntry

SEASONS = ("simulated-league_2025-2026", "simulated-cup_2025")
"""What is materialized: a league of thirty matches, and a cup with extra time and a shoot-out."""

RACING_DAYS_BACK = 10
"""How far back a race day of horses and cycles, and one of boats, is looked for: each is raced every week."""

CLIP = "simulated_clip"
"""The match that the sample video is of."""

UI_PORT = 3000
SAMPLE_VERSION = "1"

out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, width=None if sys.stdout.isatty() else 140)

Listener = Callable[["EventLogEntry"], None]


@dataclass(frozen=True)
class Row:
    """One line of the summary."""

    asset: str
    partition: str
    rows: int
    seconds: float
    checks: str


def write_samples(folder: Path) -> None:
    """Write the simulated provider files once; a change of SAMPLE_VERSION writes them anew."""
    stamp = folder / "version"
    if stamp.exists() and stamp.read_text("utf-8") == SAMPLE_VERSION:
        return
    shutil.rmtree(folder, ignore_errors=True)
    statsbomb.write_open_data(folder / "statsbomb", traps=False)
    openfootball.write_season(folder / "openfootball", "Simulated League 2025/26", _fixtures(folder / "statsbomb"))
    stamp.write_text(SAMPLE_VERSION, "utf-8")


def _fixtures(statsbomb_folder: Path) -> Iterator[SampleFixture]:
    """The simulated league's matches as openfootball would list them."""
    document = statsbomb_folder / f"matches/{statsbomb.LEAGUE['competition_id']}/{statsbomb.LEAGUE['season_id']}.json"
    for match in msgspec.json.decode(document.read_bytes()):
        yield SampleFixture(
            matchday=match["match_week"],
            date=date.fromisoformat(match["match_date"]),
            home=match["home_team"]["home_team_name"],
            away=match["away_team"]["away_team_name"],
            score=(match["home_score"], match["away_score"]),
        )


@contextmanager
def background(name: str, command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours, its output in `log`; it and its children are stopped at the end."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        out.print(f"stopped {name}")


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 90) -> None:
    """Wait until `url` answers. Raises EmbeddedServerError when its process ends or the time is over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise EmbeddedServerError(f"it ended with status {process.returncode}; see {log}")
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - a loopback address of ours
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise EmbeddedServerError(f"{url} does not answer after {seconds:.0f} s; see {log}")


def race_days(today: date) -> list[date]:
    """The last simulated race days before `today`: one of boats, one of horses and cycles."""
    from fotmate_assets.embedded.portal.calendar import RaceCalendar
    from fotmate_assets.racing.model import Sport

    calendar = RaceCalendar(PORTAL_SEED)
    wanted = [{Sport.BOAT}, {Sport.HORSE, Sport.CYCLE}]
    found = []
    for back in range(2, RACING_DAYS_BACK):  # results of cycles and boats are out the next day
        day = today - timedelta(days=back)
        raced = {meeting.track.sport for meeting in calendar.meetings(day)}
        for sports in [each for each in wanted if each <= raced]:
            wanted.remove(sports)
            found.append(day)
    return sorted(set(found))


def _has_horses(day: date) -> bool:
    from fotmate_assets.embedded.portal.calendar import RaceCalendar
    from fotmate_assets.racing.model import Sport

    return any(meeting.track.sport is Sport.HORSE for meeting in RaceCalendar(PORTAL_SEED).meetings(day))


def record_odds(folder: Path, day: date) -> None:
    """Write what a simulated market would have shown of a race date as a recording, once: one that knew as much as the
    simulated portal's, whose final odds follow.
    """
    from fotmate_assets.embedded.portal.betting import shares
    from fotmate_assets.embedded.portal.calendar import RaceCalendar
    from fotmate_assets.racing.odds.races import odds_races
    from fotmate_assets.racing.resources import MARKET_SEED
    from fotmate_assets.racing.sources.odds.simulated import SimulatedMarket, record

    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{day}.jsonl.zst"
    if not file.exists():
        with runtime.database() as engine, engine.connect() as connection:
            races = [race for race in odds_races(connection, day) if race.status not in CALLED_OFF]
        calendar, over = RaceCalendar(PORTAL_SEED), midnight_after(day)

        def informed(race: OddsRace) -> dict[int, float]:
            meeting = calendar.meeting(race.track_id, day)
            return shares(calendar.races(meeting)[race.race_no - 1].at(over)) if meeting is not None else {}

        record(SimulatedMarket(MARKET_SEED, informed), races, file)


def film(folder: Path) -> None:
    """Draw the sample video once, and drop it where videos arrive: the sensor would find it there, too."""
    from fotmate_assets.core.object_store import open_store
    from fotmate_assets.vision.arrivals import FOLDER

    video, sidecar = folder / "clip.mp4", folder / "clip.json"
    if not sidecar.exists():
        from fotmate_assets.embedded.sample.clip import write_clip

        write_clip(folder, seconds=8, size=(1280, 720))
    settings = Settings()
    store = open_store(settings.tracking_url, settings.s3_endpoint_url)
    for file in (video, sidecar):
        store.put_file(f"{FOLDER}{CLIP}{file.suffix}", file)


def materialize(definitions: Definitions, dagster: DagsterInstance, recordings: Path) -> tuple[list[Row], bool]:
    """Run the catalogue, every sample season, the race days, the odds of the horses' one and the sample video, with
    their checks; the summary, and whether all went well.
    """
    from fotmate_assets.football.assets import ASSETS, CATALOGUE
    from fotmate_assets.racing.assets import ASSETS as RACING
    from fotmate_assets.racing.model import KST
    from fotmate_assets.racing.odds.assets import ASSETS as ODDS
    from fotmate_assets.vision.assets import ASSETS as VISION
    from fotmate_assets.vision.partitions import video

    dagster.add_dynamic_partitions(str(video.name), [CLIP])
    seasons = [key for asset in ASSETS for key in asset.keys if key != CATALOGUE]
    tracks, *of_days = [asset.keys for asset in RACING]
    days = [key for keys in of_days for key in keys]
    today = datetime.now(KST).date()
    raced = race_days(today)
    followed = next(day for day in raced if _has_horses(day))
    work: list[tuple[str, str | None, Sequence[AssetKey]]] = [
        ("season catalogue", None, [CATALOGUE]),
        *((season, season, seasons) for season in SEASONS),
        ("race tracks", None, list(tracks)),
        *((f"race day {day}", day.isoformat(), days) for day in raced),
        (f"odds of {followed}", followed.isoformat(), [asset.key for asset in ODDS]),
        ("video", CLIP, [asset.key for asset in VISION]),
        ("ingestion status", None, [AssetKey(["ops", "ingestion_status"])]),
    ]
    rows: list[Row] = []
    fine = True
    for title, partition, assets in work:
        times: dict[str, float] = {}
        config: dict[str, Any] = {}
        if assets[0] == ODDS[0].key:
            record_odds(recordings, followed)
            config = {"ops": {"racing__odds_snapshots": {"config": {"source": "replay"}}}}
        with progress(title) as show:

            def on_event(event: EventLogEntry, times: dict[str, float] = times, show: Listener = show) -> None:
                step = event.dagster_event
                if event.step_key and step is not None and (step.is_step_start or step.is_step_success):
                    times[event.step_key] = event.timestamp - times.get(event.step_key, 0.0)
                show(event)

            result = runtime.execute(
                definitions,
                dagster,
                assets=assets,
                partition_key=partition,
                run_config=config,
                on_event=on_event,
            )
        evaluations = result.get_asset_check_evaluations()
        fine &= result.success and not any(not e.passed and e.severity.value == "ERROR" for e in evaluations)
        for event in result.get_asset_materialization_events():
            metadata = event.materialization.metadata
            count = metadata.get("dagster/partition_row_count") or metadata.get("dagster/row_count")
            if count is None or event.asset_key is None:
                continue
            outcomes = [
                "pass" if each.passed else f"{each.severity.value} {each.check_name}"
                for each in evaluations
                if each.asset_key == event.asset_key
            ]
            rows.append(
                Row(
                    asset=event.asset_key.to_user_string(),
                    partition=partition or "",
                    rows=int(str(count.value)),
                    seconds=times.get(event.step_key or "", 0.0),
                    checks=_told(outcomes),
                )
            )
    return rows, fine


def _told(outcomes: list[str]) -> str:
    """`3 passed`, and every check that did not by name."""
    passed = outcomes.count("pass")
    return ", ".join([f"{passed} passed"] * bool(passed) + [each for each in outcomes if each != "pass"])


def summary(rows: list[Row]) -> Table:
    """The summary as a table; the seconds of assets that one step makes are that step's."""
    table = Table("asset", "partition", "rows", "seconds", "checks")
    table.columns[2].justify = table.columns[3].justify = "right"
    for row in rows:
        table.add_row(row.asset, row.partition, f"{row.rows:,}", f"{row.seconds:.1f}", row.checks)
    return table


def free_ui_port() -> int:
    """Port 3000, or the next one that is free."""
    return next(port for port in range(UI_PORT, UI_PORT + 1000) if ports_are_free([port]))


def main() -> int:
    """Run the demo; the exit status is 1 when an asset or a check of severity ERROR failed."""
    serve = "--no-serve" not in sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell starts background jobs with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    home = Settings().home
    with ExitStack() as cleanup:
        running = stack.up(home)
        if running.started:
            cleanup.callback(_stop_servers, home)
            out.print(f"started {', '.join(running.started)}")
        logs = home / "logs"
        upstream_port, code_port = usable_port(0), usable_port(0)
        write_samples(home / "sample")
        upstream = [sys.executable, "-m", "fotmate_assets.embedded.upstream"]
        upstream += ["--root", str(home / "sample"), "--port", str(upstream_port), "--portal"]
        cleanup.enter_context(background("the sample upstream", upstream, logs / "upstream.log"))
        for provider in ("statsbomb", "openfootball"):
            os.environ[f"FOTMATE_{provider.upper()}_SOURCE"] = f"http://{LOOPBACK}:{upstream_port}/{provider}"
        for publisher, root in (("KRA", KRA_ROOT), ("KSPO", KSPO_ROOT)):
            os.environ[f"FOTMATE_{publisher}_URL"] = f"http://{LOOPBACK}:{upstream_port}{root}"
        os.environ["FOTMATE_PORTAL_SERVICE_KEY"] = SERVICE_KEY
        os.environ["FOTMATE_HTTP_REQUESTS_PER_S"] = "500"
        recordings = home / "sample" / "odds"
        os.environ["FOTMATE_ODDS_RECORDINGS"] = str(recordings)
        os.environ["FOTMATE_ODDS_SOURCE"] = SIMULATED
        os.environ["FOTMATE_CODE_SERVER_HOST"] = LOOPBACK
        os.environ["FOTMATE_CODE_SERVER_PORT"] = str(code_port)
        for notice in runtime.connect().notices:
            out.print(notice)
        dagster = runtime.instance()  # makes Dagster's tables, which the servers would race for
        ui = f"http://{LOOPBACK}:{free_ui_port()}"
        if serve:
            processes = _serve(cleanup, logs, code_port, ui)

        from fotmate_assets.definitions import build_defs

        film(home / "sample" / "clip")
        rows, fine = materialize(build_defs(), dagster, recordings)
        out.print(summary(rows))
        if fine:
            out.print("All of it is simulated: no row describes a real match or race.")
        else:
            out.print("something failed", style="red")
        if not serve:
            return 0 if fine else 1
        _wait_for_all(processes, ui, logs)
        if not ui.endswith(f":{UI_PORT}"):
            out.print(f"port {UI_PORT} is taken")
        out.print("\n".join(_pages(ui, rows)))
        out.print(f"Dagster UI: {ui}\nCtrl-C stops everything", style="bold")
        try:
            signal.pause()
        except KeyboardInterrupt:
            for number in (signal.SIGINT, signal.SIGTERM):  # a second Ctrl-C does not leave a server behind
                signal.signal(number, signal.SIG_IGN)
            out.print("stopping")
        return 0 if fine else 1


def _pages(ui: str, rows: Sequence[Row]) -> list[str]:
    """Where there is most to look at."""
    shown = {"racing/odds_candles": "Simulated odds, charted", "vision/trajectories": "Simulated video, with heat map"}
    return [
        f"{shown[row.asset]}: {ui}/assets/{row.asset}?view=partitions&partition={row.partition}"
        for row in rows
        if row.asset in shown
    ]


def _stop_servers(home: Path) -> None:
    out.print(f"stopped {', '.join(stack.down(home))}")


def _serve(cleanup: ExitStack, logs: Path, code_port: int, ui: str) -> dict[str, subprocess.Popen[bytes]]:
    """Start code server, daemon and webserver; they come up while the assets are materialized."""
    python = [sys.executable, "-m"]
    workspace = ["-w", str(runtime.PROJECT / "workspace.yaml")]
    host, port = ui.removeprefix("http://").split(":")
    module = ["-m", "fotmate_assets.definitions"]
    commands = {
        "code-server": [*python, "dagster", "code-server", "start", "-h", host, "-p", str(code_port), *module],
        "daemon": [*python, "dagster._daemon", "run", *workspace],
        "webserver": [*python, "dagster_webserver", "-h", host, "-p", port, *workspace],
    }
    return {
        name: cleanup.enter_context(background(f"the {name}", command, logs / f"{name}.log"))
        for name, command in commands.items()
    }


def _wait_for_all(processes: dict[str, subprocess.Popen[bytes]], ui: str, logs: Path) -> None:
    wait_for(f"{ui}/server_info", processes["webserver"], logs / "webserver.log")
    for name, process in processes.items():
        if process.poll() is not None:
            raise EmbeddedServerError(f"the {name} ended with status {process.returncode}; see {logs / name}.log")


if __name__ == "__main__":
    sys.exit(main())
