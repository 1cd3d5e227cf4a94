"""The portal's daily quota, counted in Postgres for all processes together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

from sqlalchemy import Connection, Engine, and_, func, select
from sqlalchemy.dialects.postgresql import insert

from fotmate_assets.core.model import SourceError, Verdict
from fotmate_assets.core.postgres import in_transaction
from fotmate_assets.racing.model import KST
from fotmate_assets.racing.sources.portal import seconds_to_midnight
from fotmate_assets.racing.tables import portal_quota

STOPS_AT_PERCENT = 95
"""Of the daily limit; the rest is for who asks by hand."""


class PostgresQuota:
    """A `Quota` that every process shares. Safe for threads.

    `daily_limit`: requests that the portal grants each service on one Korean day. Each call is one transaction of its
    own and raises what the database raises.
    """

    def __init__(
        self, engine: Engine, source: str, daily_limit: int, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._engine = engine
        self._source = source
        self._budget = max(1, daily_limit * STOPS_AT_PERCENT // 100)
        self._now = now

    def take(self, service: str) -> None:
        """Count one request to `service`. Raises SourceError (quota, `retry_after_s` until midnight in Korea) where
        the day's budget is used up or the portal has refused the service today.
        """
        now = self._now()
        day = now.astimezone(KST).date()
        reason = in_transaction(self._engine, lambda connection: self._take(connection, service, day))
        if reason:
            raise SourceError(Verdict.QUOTA, self._source, service, reason, retry_after_s=seconds_to_midnight(now))

    def _take(self, connection: Connection, service: str, day: date) -> str:
        """Empty when the request was counted, else why not."""
        table = portal_quota.c
        counted = connection.scalar(
            insert(portal_quota)
            .values(source=self._source, service=service, day=day, requests=1)
            .on_conflict_do_update(
                index_elements=[table.source, table.service, table.day],
                set_={"requests": table.requests + 1},
                where=and_(table.requests < self._budget, table.refused_at.is_(None)),
            )
            .returning(table.requests)
        )
        if counted is not None:
            return ""
        refused_at = connection.scalar(
            select(table.refused_at).where(table.source == self._source, table.service == service, table.day == day)
        )
        if refused_at is not None:
            return f"the portal refused {service} at {refused_at.astimezone(KST):%H:%M} KST; not asked before midnight"
        return f"the budget of {self._budget} requests to {service} on {day} is used up"

    def refused(self, service: str) -> None:
        """Note that the portal says that the day's requests to `service` are used up."""
        now, table = self._now(), portal_quota.c
        statement = (
            insert(portal_quota)
            .values(source=self._source, service=service, day=now.astimezone(KST).date(), requests=0, refused_at=now)
            .on_conflict_do_update(
                index_elements=[table.source, table.service, table.day],
                set_={"refused_at": func.coalesce(table.refused_at, now)},
            )
        )
        in_transaction(self._engine, lambda connection: connection.execute(statement))
