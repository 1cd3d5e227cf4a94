"""`fotmate sql`: one statement, CSV out."""

from __future__ import annotations

import csv
import sys

import psycopg
from psycopg.pq import ExecStatus
from sqlalchemy import make_url

from fotmate_assets.runtime import CommandError


def run_statement(url: str, statement: str) -> None:
    """Run one statement (the extended protocol takes no more) and write its rows to stdout as Postgres prints them.

    Raises CommandError with the server's own words.
    """
    target = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(target) as connection:
        result = connection.pgconn.exec_params(statement.encode(), None)
        if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            raise CommandError(result.error_message.decode(errors="replace").strip())
        columns = range(result.nfields)
        writer = csv.writer(sys.stdout, lineterminator="\n")
        if columns:
            writer.writerow([(result.fname(column) or b"").decode() for column in columns])
        for row in range(result.ntuples):
            values = (result.get_value(row, column) for column in columns)
            writer.writerow(["" if value is None else value.decode() for value in values])
