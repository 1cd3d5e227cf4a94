"""Retention of odds: what the lake provably holds leaves Postgres after a while.

Only `odds_snapshots` shrinks: it has an array per race, pool and instant. `odds_slots`, `odds_candles` and `odds_moves`
stay for good: the account of what was captured, and what charts and averages of old days are read from, are a few
kilobytes a race, and candles cannot be made again while their snapshots are not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from sqlalchemy import Connection, Engine, bindparam, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from fotmate_assets.core.object_store import ObjectMissingError, ObjectStore
from fotmate_assets.core.postgres import in_transaction, lock_for_transaction
from fotmate_assets.racing.model import KST
from fotmate_assets.racing.odds.frames import (
    content_sha256,
    digests,
    frame_of,
    kinds_in_postgres,
    postgres_groups,
    table_of,
    without_replays,
)
from fotmate_assets.racing.odds.lake import LakeError, days_in, lock_of, read_object
from fotmate_assets.racing.odds.tables import odds_retired, odds_snapshots


@dataclass(frozen=True)
class RetentionReport:
    """What a retirement did."""

    retired: dict[date, int]
    """Rows that left Postgres, by race date; 0 for a date of which only the lake still had anything."""
    kept: dict[date, str]
    """Race dates that are old enough and stay, and why."""
    dropped_chunks: int
    """Chunks of the hypertable that were empty; 0 on a plain table."""

    def __str__(self) -> str:
        parts = [f"{sum(self.retired.values())} rows of {len(self.retired)} race dates left Postgres"]
        if self.dropped_chunks:
            parts.append(f"{self.dropped_chunks} empty chunks dropped")
        parts += [f"{day} stays: {reason}" for day, reason in sorted(self.kept.items())]
        return "; ".join(parts)


def retire(engine: Engine, store: ObjectStore, before: date) -> RetentionReport:
    """Delete the snapshots of race dates before `before` from Postgres, a transaction each.

    A date goes when its object says of itself what its bytes hold, and these are exactly the rows that Postgres has in
    the deleting transaction. Of a date that went before, rows that came since go when the object has all of them; until
    then they are read together with it (`tiers.LakeOdds`). All other dates stay, and are reported. A row that is
    written while this runs is not deleted.

    A date of which Postgres has nothing, though the lake does, is entered as retired, so that it is read: the database
    may be younger than the lake.
    """
    retired, kept = {}, {}
    for day in _candidates(engine, store, before):
        try:
            retired[day] = _retire_day(engine, store, day)
        except ObjectMissingError:
            kept[day] = "the lake does not hold it"
        except (LakeError, _DifferError) as error:
            kept[day] = str(error)
    return RetentionReport(retired, kept, _drop_empty_chunks(engine, before))


class _DifferError(Exception):
    """The lake holds something else than Postgres."""


def _candidates(engine: Engine, store: ObjectStore, before: date) -> list[date]:
    day = odds_snapshots.c.race_date
    with engine.connect() as connection:
        there = set(connection.scalars(select(day).where(day < before).distinct()))
        entered = set(connection.scalars(select(odds_retired.c.race_date)))
    unknown = {each for each in days_in(store) if each < before} - entered
    return sorted(there | unknown)


def _retire_day(engine: Engine, store: ObjectStore, day: date) -> int:
    def work(connection: Connection) -> int:
        # One state of the table for the proof and the deletion. What another transaction adds stays; where one deletes
        # or changes a row of the day, this one fails and is tried again.
        connection.execute(text("set transaction isolation level repeatable read"))
        lock_for_transaction(connection, lock_of(day))
        held = read_object(store, day)
        in_lake, told = digests(held.table), held.day.content
        if (told.content_sha256, told.rows, told.race_date) != (content_sha256(in_lake), len(in_lake), day):
            raise _DifferError(f"{held.day.url} does not hold what it says")
        live, replayed = kinds_in_postgres(connection, [day])
        beside_live = replayed & (live | held.live_races)
        groups, seen, rows = [], 0, set[bytes]()
        for name, group in postgres_groups(connection, day):
            groups.append(name)
            seen += len(group)
            counts = table_of(without_replays(frame_of(group), beside_live)) if beside_live else group
            rows.update(digests(counts))
        entered = connection.scalar(select(odds_retired.c.rows).where(odds_retired.c.race_date == day))
        only_here, only_there = rows.difference(in_lake), set(in_lake) - rows
        if only_here or (only_there and rows and entered is None):
            raise _DifferError(
                f"{len(only_here)} of its {len(rows)} rows are not in {held.day.url}, "
                f"which has {len(only_there)} that it has not"
            )
        # Race by race: what a columnstore is segmented by, so that no other race is unpacked.
        of_race = delete(odds_snapshots).where(
            odds_snapshots.c.race_id == bindparam("race"), odds_snapshots.c.race_date == day
        )
        deleted = sum(connection.execute(of_race, {"race": name}).rowcount for name in groups)
        if deleted != seen:
            raise RuntimeError(f"race date {day}: {seen} rows were seen, {deleted} deleted")
        values = {"race_date": day, "rows": (entered or 0) + deleted, "content_sha256": told.content_sha256}
        statement = insert(odds_retired).values(values)
        new = {"rows": statement.excluded.rows, "content_sha256": statement.excluded.content_sha256}
        connection.execute(
            statement.on_conflict_do_update(index_elements=["race_date"], set_={**new, "retired_at": func.now()})
        )
        return deleted

    return in_transaction(engine, work)


def _drop_empty_chunks(engine: Engine, before: date) -> int:
    """Where `odds_snapshots` is a hypertable: drop chunks without rows that end before race date `before`."""
    with engine.begin() as connection:
        function = connection.scalar(text("select to_regprocedure('odds_drop_empty_chunks(timestamptz)')::oid"))
        if function is None:
            return 0
        midnight = datetime.combine(before, time(), KST)
        dropped = connection.scalar(text("select odds_drop_empty_chunks(:before)"), {"before": midnight})
        return int(dropped or 0)
