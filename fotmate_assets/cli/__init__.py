"""`fotmate`: the platform from a shell. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fotmate_assets.runtime import CommandError

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
ingest_app = typer.Typer(help="Materialize one partition as a Dagster run.", no_args_is_help=True)
failures_app = typer.Typer(help="What is owed: list it, try it again.", no_args_is_help=True)
app.add_typer(ingest_app, name="ingest")
app.add_typer(failures_app, name="failures")

# Without markup: what providers and the database say in square brackets is text, `[malformed]` as well as `[/x]`.
out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
err = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def _connect() -> None:
    from fotmate_assets import runtime
    from fotmate_assets.core.observability import configure_logging

    connected = runtime.connect()
    configure_logging(connected.settings.log_level, connected.settings.log_format)
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
        _print_status()


@app.command()
def down() -> None:
    """Stop every embedded server of FOTMATE_HOME. Data stays."""
    from fotmate_assets.embedded import stack
    from fotmate_assets.settings import Settings

    stopped = stack.down(Settings().home)
    out.print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")


@app.command()
def status() -> None:
    """Show the embedded servers: state, pid, address, data folder."""
    _print_status()


def _print_status() -> None:
    from fotmate_assets.embedded import stack
    from fotmate_assets.settings import Settings

    table = Table("server", "state", "pid", "address", "data")
    for service in stack.status(Settings().home):
        pid = "" if service.pid is None else str(service.pid)
        table.add_row(service.name, str(service.state), pid, service.address, str(service.data))
    out.print(table)


@app.command()
def env() -> None:
    """Print the exports that connect psql, boto3 and polars: `eval "$(fotmate env)"`. They hold secrets."""
    from fotmate_assets.embedded import stack
    from fotmate_assets.settings import Settings

    for name, value in stack.up(Settings().home).environment().items():
        print(f"export {name}={shlex.quote(value)}")


@app.command()
def sql(statement: Annotated[str, typer.Argument(help="One query.")]) -> None:
    """Run one query as the read-only role; the result is CSV."""
    import psycopg
    from psycopg import sql as composed
    from sqlalchemy import make_url

    from fotmate_assets.settings import Settings

    _connect()
    reader = Settings().database_reader_url
    if reader is None:
        raise CommandError("set FOTMATE_DATABASE_READER_URL")
    url = make_url(reader.get_secret_value()).set(drivername="postgresql").render_as_string(hide_password=False)
    query = composed.SQL("COPY ({}) TO STDOUT (FORMAT CSV, HEADER)").format(composed.SQL(statement.strip().rstrip(";")))
    try:
        with psycopg.connect(url) as connection, connection.cursor() as cursor, cursor.copy(query) as copy:
            for chunk in copy:
                sys.stdout.buffer.write(chunk)
    except psycopg.Error as error:
        raise CommandError(error.diag.message_primary or str(error)) from None
    sys.stdout.flush()


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


@failures_app.command("retry")
def failures_retry(failure_id: Annotated[int, typer.Argument(help="The id that `failures list` shows.")]) -> None:
    """Try it again now: from the kept bytes where these are the problem, from the source otherwise."""
    from fotmate_assets.cli.failures import retry

    _connect()
    raise typer.Exit(retry(failure_id))


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


def main() -> None:
    """The entry point: our own errors become one clear line and exit status 1."""
    from pydantic import ValidationError

    from fotmate_assets.core.model import SourceError
    from fotmate_assets.embedded.process import EmbeddedServerError
    from fotmate_assets.settings import Settings, refusals

    try:
        app()
    except ValidationError as error:
        if error.title != Settings.__name__:
            raise
        err.print("\n".join(refusals(error)), style="red")
        sys.exit(1)
    except (CommandError, EmbeddedServerError, SourceError) as error:
        err.print(str(error), style="red")
        sys.exit(1)
