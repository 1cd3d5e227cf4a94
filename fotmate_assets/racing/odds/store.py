"""Writing and reading rows of odds."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert as pg_insert

from fotmate_assets.racing.odds.model import OddsRow, paying
from fotmate_assets.racing.odds.tables import odds_snapshots


def insert_rows(connection: Connection, rows: Sequence[OddsRow]) -> int:
    """Store rows; those that are there already stay as they are. How many are new. Part of the transaction."""
    if not rows:
        return 0
    statement = pg_insert(odds_snapshots).on_conflict_do_nothing()
    return connection.execute(statement, [_values(row) for row in rows]).rowcount


def _values(row: OddsRow) -> dict[str, object]:
    prices = [price for price in row.odds if price > 0]
    starters = len(row.field)
    return {
        **{name: getattr(row, name) for name in OddsRow.__dataclass_fields__},
        "odds": list(row.odds),
        "field": list(row.field),
        "raw_sha256": bytes.fromhex(row.raw_sha256) if row.raw_sha256 else None,
        "priced": len(prices),
        "pays": paying(row.pool, starters),
        "mean_odds": sum(prices) / len(prices) if prices else None,
        "overround": sum(1 / price for price in prices),
    }
