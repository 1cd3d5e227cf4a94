"""`fotmate`: the platform from a shell. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import json
import os
import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fotmate_assets.runtime import CommandError

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
ingest_app = typer.Typer(help="Materialize one partition as a Dagster run.", no_args_is_help=True)
failures_app = typer.Typer(help="What is owed: list it, look at it, try it again.", no_args_is_help=True)
app.add_typer(ingest_app, name="ingest")
odds_app = typer.Typer(help="Live odds.", no_args_is_help=True)
app.add_typer(failures_app, name="failures")
app.add_typer(odds_app, name="odds")
vision_app = typer.Typer(help="Videos and their trajectories.", no_args_is_help=True)
app.add_typer(vision_app, name="vision")

# Without markup: what providers and the database say in square brackets is text, `[malformed]` as well as `[/x]`.
out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
err = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def _connect() -> None:
    from fotmate_assets import runtime
    from fotmate_assets.core.observability import configure_logging

    configure_logging("CRITICAL", "json")  # a command tells its user itself
    connected = runtime.connect()
    for notice in connected.notices:
        err.print(notice)


@app.command()
def up() -> None:
    """Start the embedded servers (with FOTMATE_DATABASE_URL: none), migrate the schema, make the buckets."""
    from fotmate_assets.settings import Settings

    own_servers = Settings().database_url is not None
    _connect()
    if own_servers:
        out.print("FOTMATE_DATABASE_URL is set: nothing to start; schema and buckets are in order")
    else:
        from fotmate_assets.cli.status import print_servers
        from fotmate_assets.embedded import stack

        print_servers(stack.status(Settings().home))


@app.command()
def down() -> None:
    """Stop every embedded server of FOTMATE_HOME. Data stays."""
    from fotmate_assets.embedded import stack
    from fotmate_assets.settings import Settings

    stopped = stack.down(Settings().home)
    out.print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")


@app.command()
def status(
    on: Annotated[
        datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="A day in Seoul; today without it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show the embedded servers, a day's attempts, what is owed and what is late. Starts nothing."""
    from fotmate_assets.cli.status import show

    raise typer.Exit(show(on.date() if on is not None else None, as_json))


@app.command()
def metrics(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for a free one.")] = 9464,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve Prometheus metrics, computed from the ledger at each scrape, until Ctrl-C."""
    from fotmate_assets.cli.metrics import serve
    from fotmate_assets.settings import Settings

    if Settings().database_url is None:
        _connect()
    serve(host, port)


ENVIRONMENT = (
    *("FOTMATE_HOME", "FOTMATE_DATABASE_URL", "FOTMATE_DATABASE_OWNER_URL", "FOTMATE_DATABASE_READER_URL"),
    *("FOTMATE_S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL"),
    *("AWS_ENDPOINT_URL_S3", "AWS_ALLOW_HTTP", "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"),
    *("DAGSTER_HOME", "DAGSTER_PG_HOST", "DAGSTER_PG_PORT", "DAGSTER_PG_USERNAME", "DAGSTER_PG_PASSWORD"),
    "DAGSTER_PG_DB",
)
"""What connects other programs to the same servers and the same Dagster instance."""


@app.command()
def env() -> None:
    """Print the exports that connect psql, boto3, polars and dagster: `eval "$(fotmate env)"`. They hold secrets."""
    from fotmate_assets.settings import Settings

    _connect()
    os.environ["FOTMATE_HOME"] = str(Settings().home.resolve())
    for name in ENVIRONMENT:
        if name in os.environ:
            print(f"export {name}={shlex.quote(os.environ[name])}")


@app.command()
def sql(statement: Annotated[str, typer.Argument(help="One statement.")]) -> None:
    """Run one statement as the read-only role; the result is CSV."""
    from fotmate_assets.cli.sql import run_statement
    from fotmate_assets.settings import Settings

    _connect()
    reader = Settings().database_reader_url
    if reader is None:
        raise CommandError("set FOTMATE_DATABASE_READER_URL")
    run_statement(reader.get_secret_value(), statement)


@ingest_app.command("football")
def ingest_football(
    provider: Annotated[str, typer.Option(help="statsbomb, metrica, fbref or openfootball.")],
    season: Annotated[str, typer.Option(help="Season key, such as premier-league_2003-2004.")],
    match: Annotated[str | None, typer.Option(help="Only the match with this provider id.")] = None,
) -> None:
    """Fetch and load one season (or one match of it); prints the run id first, exits 1 on failure."""
    from fotmate_assets.cli.ingest import ingest_season

    _connect()
    raise typer.Exit(ingest_season(provider, season, match))


@ingest_app.command("racing")
def ingest_racing(
    on: Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="Race date, Korean.")],
    to: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last race date of a range, in one run.")
    ] = None,
    kept: Annotated[bool, typer.Option("--kept", help="Ask nobody: build again from the kept bytes.")] = False,
) -> None:
    """Fetch and load a race date, or a range of them; prints the run id first, exits 1 on failure."""
    from fotmate_assets.cli.ingest import ingest_race_days

    _connect()
    raise typer.Exit(ingest_race_days(on.date(), (to or on).date(), fetch=not kept))


@ingest_app.command("odds")
def ingest_odds(
    on: Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="Race date, Korean.")],
    replay: Annotated[
        str | None, typer.Option(help="Name of a recording in FOTMATE_ODDS_RECORDINGS; final odds without it.")
    ] = None,
    market: Annotated[
        list[str] | None,
        typer.Option(help="Of a Betfair stream: MARKET=RACE, the race that a market is taken for. May be repeated."),
    ] = None,
) -> None:
    """Store a race date's final odds, from the kept bytes, or a recording; then candles and lake."""
    from fotmate_assets.cli.ingest import ingest_race_odds

    _connect()
    raise typer.Exit(ingest_race_odds(on.date(), replay, market or []))


@ingest_app.command("video")
def ingest_video(
    match_id: Annotated[str, typer.Argument(help="What `videos/` of the tracking bucket has files of.")],
    detector: Annotated[
        str | None, typer.Option(help="background, onnx or ultralytics; FOTMATE_VISION_DETECTOR without it.")
    ] = None,
    stride: Annotated[int | None, typer.Option(help="Look at every so many frames one.")] = None,
) -> None:
    """Make the trajectories of a match's video, or of its provider's tracking, and its players' metrics."""
    from fotmate_assets.cli.ingest import ingest_match_video

    _connect()
    raise typer.Exit(ingest_match_video(match_id, {"detector": detector, "stride": stride}))


@vision_app.command("calibrate")
def vision_calibrate(
    video: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A video file.")],
    sidecar: Annotated[Path | None, typer.Option(help="Its calibration; the JSON beside it without this.")] = None,
    frame: Annotated[int, typer.Option(help="Which frame is shown, from 0.")] = 0,
    picture: Annotated[Path | None, typer.Option(help="Where the picture goes; beside the video without this.")] = None,
) -> None:
    """Draw the pitch's lines into a frame, to check a calibration by eye; without one, write a draft of it."""
    from fotmate_assets.cli.vision import calibrate

    raise typer.Exit(calibrate(video, sidecar, frame, picture))


@vision_app.command("upload")
def vision_upload(
    match_id: Annotated[str, typer.Argument(help="Letters, digits, _ and -: 2025-2026_1_001")],
    files: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="A video and its JSON; or a provider's files.")
    ],
) -> None:
    """Copy a match's files into `videos/` of the tracking bucket, where the sensor finds them."""
    from fotmate_assets.cli.vision import upload

    _connect()
    raise typer.Exit(upload(match_id, files))


@app.command()
def check(
    select: Annotated[str | None, typer.Option(help="Assets, in Dagster's selection syntax.")] = None,
    partition: Annotated[str | None, typer.Option(help="One partition; without it, every partition with data.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Also write a JUnit report.")] = None,
) -> None:
    """Run asset checks; exits 1 when one fails with severity ERROR."""
    from fotmate_assets.cli.check import run_checks

    _connect()
    raise typer.Exit(run_checks(select, partition, junit))


@failures_app.command("list")
def failures_list(
    status: Annotated[str | None, typer.Option(help="pending, retrying, resolved or exhausted.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """Show what is owed; with --status also what was."""
    from fotmate_assets.cli.failures import listed

    _connect()
    rows = listed(status)
    if as_json:
        print(json.dumps(rows, default=str, indent=2))
        return
    table = Table("id", "source", "job", "partition", "document", "field", "verdict", "status", "attempts", "reason")
    for row in rows:
        table.add_row(
            *(str(row[name] or "") for name in ("failure_id", "source", "job", "partition_key", "document", "field")),
            *(str(row[name]) for name in ("verdict", "status")),
            f"{row['attempts']}/{row['max_attempts']}",
            str(row["reason"]),
        )
    out.print(table if rows else "nothing is owed")


@failures_app.command("show")
def failures_show(
    failure_id: Annotated[int, typer.Argument(help="The id that `failures list` shows.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show all about one failure: what is wrong, the kept bytes, the last attempts. Exits 2 for an unknown id."""
    from fotmate_assets.cli.failures import shown

    _connect()
    found = shown(failure_id)
    if found is None:
        raise typer.Exit(2)
    if as_json:
        print(json.dumps(found, default=str, indent=2))
        return
    table = Table(show_header=False)
    for name, value in found.items():
        parts = value.items() if isinstance(value, dict) else [("", value)]
        if name != "last_attempts":
            table.add_row(name, "\n".join(f"{key} {one}".strip() for key, one in parts if one is not None))
    out.print(table)
    columns = ("finished_at", "verdict", "rows", "duration_s", "run_id", "message")
    table = Table(*columns, title="the last attempts of its job")
    for attempt in found["last_attempts"]:
        table.add_row(*(str(attempt[name] or "") for name in columns))
    out.print(table)


@failures_app.command("retry")
def failures_retry(
    failure_id: Annotated[int, typer.Argument(help="The id that `failures list` shows.")],
    force: Annotated[bool, typer.Option("--force", help="Also when its retries are used up.")] = False,
) -> None:
    """Try it again now: from the kept bytes where these are the problem, from the source otherwise.

    Exits 0 when it is resolved, 1 still owed, 2 unknown id, 3 resolved already, 4 exhausted, 5 being retried already.
    """
    from fotmate_assets.cli.failures import retry

    _connect()
    raise typer.Exit(retry(failure_id, force))


@odds_app.command("collect")
def odds_collect() -> None:
    """Capture live odds at their planned instants, until Ctrl-C. Safe beside the daemon's sensor."""
    from fotmate_assets.cli.odds import collect

    _connect()
    raise typer.Exit(collect())


@app.command()
def doctor() -> None:
    """Show what is configured, reachable and migrated; exits 1 when something is not."""
    from fotmate_assets.cli.doctor import examine

    findings = examine()
    table = Table("", "what", "result")
    for finding in findings:
        mark = Text("ok", "green") if finding.ok else Text("no", "red")
        table.add_row(mark, finding.what, finding.result)
    out.print(table)
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


SERVERS = ("boto3", "botocore", "dagster", "psycopg", "sqlalchemy")
"""Libraries whose errors are those of servers and of what the user asked of them; told without a traceback."""


def main() -> None:
    """The entry point: a mistake or a server that is away becomes one clear line and exit status 1."""
    from pydantic import ValidationError

    from fotmate_assets.core.model import SourceError
    from fotmate_assets.embedded.process import EmbeddedServerError

    try:
        app()
    except ValidationError as error:
        for each in error.errors():
            variable = "FOTMATE_" + "_".join(str(part) for part in each["loc"]).upper()
            err.print(f"{variable}: {each['msg'].removeprefix('Value error, ')}", style="red")
        sys.exit(1)
    except (CommandError, EmbeddedServerError, SourceError) as error:
        err.print(str(error), style="red")
        sys.exit(1)
    except OSError as error:
        err.print(f"{error.filename or ''}: {error.strerror or error}".removeprefix(": "), style="red")
        sys.exit(1)
    except Exception as error:
        if type(error).__module__.partition(".")[0].partition("_")[0] not in SERVERS:
            raise
        err.print(f"{type(error).__name__}: {str(error).strip()}", style="red")
        sys.exit(1)
