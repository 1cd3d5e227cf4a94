"""Alerts: what people are told of the ledger, in Slack or, without a webhook, in the log.

What to tell is decided by a pure function of the ledger's rows, of what was told before, and of a clock. What a wing
notices by itself it notes. Each alert is a row before it is sent, so that nothing is told twice or lost, whichever
process dies.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.error import URLError

import structlog
from sqlalchemy import Connection, Engine, func, insert, or_, select, update

from fotmate_assets.core.ledger import Failure, failures_where
from fotmate_assets.core.model import Verdict
from fotmate_assets.core.postgres import in_transaction, lock_for_transaction
from fotmate_assets.core.status import IngestionStatus
from fotmate_assets.core.tables import alerts, ingestion_failures

log = structlog.get_logger(__name__)

QUIET = timedelta(hours=1)
"""After a message of one kind and key, the next one waits so long, and then tells all that came meanwhile."""
REMEMBERED = timedelta(days=30)
"""How far back it is known what was told."""
FIRST_LOOK = timedelta(days=1)
"""How far back the first look goes."""
NAMED = 3
"""Documents that a message names; it counts the others."""
REFUSALS = (Verdict.AUTH, Verdict.BLOCKED, Verdict.QUOTA)
"""Verdicts of a source that will not serve us, whatever the document."""
COLOURS = {
    "failure": "warning",
    "refused": "danger",
    "exhausted": "danger",
    "recovered": "good",
    "summary": "#2196F3",
    "notice": "#2196F3",
}
TITLES = {
    "failure": "{source} {job}: {count} failed",
    "refused": "{source} refuses us: {verdict}",
    "exhausted": "{source} {job}: {count} given up after {attempts} attempts",
    "recovered": "{source} {job}: {count} recovered",
}

FIRST_RESEND = timedelta(seconds=30)
MOST_TRIES = 12
"""Each wait is twice the one before: the last try is some 17 hours after the first."""
MOST_AT_ONCE = 10
"""Messages that one call sends: Slack takes about one a second."""
TIMEOUT_S = 5
LONGEST_TEXT = 2000
"""Characters of one text that are sent."""
SLACK_CODE = re.compile(r"[a-z_]{1,50}")
"""What Slack answers: `no_service`. Any other body may quote the webhook's path, which is a secret."""


@dataclass(frozen=True)
class Message:
    """What an alert says."""

    title: str
    text: str
    fields: dict[str, str] = field(default_factory=dict)
    trace_id: str | None = None
    """The newest run that it is about."""


@dataclass(frozen=True)
class Alert:
    """Something to tell."""

    kind: str
    key: str
    """What it is about."""
    message: Message
    covers_until: datetime
    """The newest event that it tells of."""


@dataclass(frozen=True)
class Told:
    """Something that was told."""

    kind: str
    key: str
    sent_at: datetime
    covers_until: datetime


def alerts_due(failures: Iterable[Failure], told: Iterable[Told], now: datetime) -> list[Alert]:
    """What to tell: one message per kind, key and hour, of all that happened since the last one.

    `failures` are those that failed or were resolved lately, `told` what was told of them. Of what was never told,
    nobody is told that it recovered.
    """
    history: dict[tuple[str, str], list[Told]] = {}
    for one in sorted(told, key=lambda one: one.sent_at):
        history.setdefault((one.kind, one.key), []).append(one)
    events: dict[tuple[str, str], list[tuple[datetime, Failure]]] = {}
    for failure in failures:
        kind = _kind(failure)
        happened = failure.last_failed_at
        if failure.resolved_at is not None:
            if not _was_told(failure, failure.resolved_at, history):
                continue
            happened = failure.resolved_at
        before = history.get((kind, _key(kind, failure)))
        if before and (happened <= before[-1].covers_until or now - before[-1].sent_at < QUIET):
            continue
        events.setdefault((kind, _key(kind, failure)), []).append((happened, failure))
    return [_alert(kind, key, happened) for (kind, key), happened in events.items()]


def _kind(failure: Failure) -> str:
    if failure.status == "resolved":
        return "recovered"
    if failure.status == "exhausted":
        return "exhausted"
    return "refused" if failure.verdict in REFUSALS else "failure"


def _key(kind: str, failure: Failure) -> str:
    parts = {
        "recovered": (failure.source, failure.job),
        "refused": (failure.source, failure.verdict.value),
    }
    return " ".join(parts.get(kind, (failure.source, failure.job, failure.verdict.value)))


def _was_told(failure: Failure, resolved_at: datetime, history: dict[tuple[str, str], list[Told]]) -> bool:
    """True when it was told that something of this verdict failed, after this did and before it was resolved."""
    return any(
        one.covers_until >= failure.first_failed_at and one.sent_at <= resolved_at
        for kind in ("failure", "refused", "exhausted")
        for one in history.get((kind, _key(kind, failure)), ())
    )


def _alert(kind: str, key: str, events: Sequence[tuple[datetime, Failure]]) -> Alert:
    newest_at, newest = max(events, key=lambda event: event[0])
    failures = [failure for _, failure in events]
    lines = [f"{_place(failure)}: {failure.reason[:300]}" for failure in failures[:NAMED]]
    if kind == "recovered":
        lines = [_place(failure) for failure in failures[:NAMED]]
    if len(failures) > NAMED:
        lines.append(f"and {len(failures) - NAMED} more")
    title = TITLES[kind].format(
        source=newest.source, job=newest.job, verdict=newest.verdict, count=len(failures), attempts=newest.attempts
    )
    fields = {"verdict": newest.verdict.value, "failures": _numbers(failures)}
    if kind in ("failure", "refused"):
        fields["next try"] = _next_try(failures)
    return Alert(kind, key, Message(title, "\n".join(lines), fields, newest.run_id), newest_at)


def _place(failure: Failure) -> str:
    of = f" of {failure.partition_key}" if failure.partition_key else ""
    return f"{failure.document}{of}"


def _numbers(failures: Sequence[Failure]) -> str:
    told = ", ".join(str(failure.failure_id) for failure in failures[:NAMED])
    return f"{told} …" if len(failures) > NAMED else told


def _next_try(failures: Sequence[Failure]) -> str:
    times = [failure.next_retry_at for failure in failures if failure.next_retry_at is not None]
    return f"{min(times):%Y-%m-%d %H:%M} UTC" if times else "not by itself: fotmate failures retry"


def summary(status: IngestionStatus, now: datetime) -> Alert:
    """A day's counts per source; one per day."""
    lines, all_attempts, all_failed = [], 0, 0
    sources = sorted({each.source for each in status.jobs} | {each.source for each in status.owed})
    for source in sources:
        verdicts = [item for each in status.jobs if each.source == source for item in each.verdicts.items()]
        attempts = sum(count for _, count in verdicts)
        failed = sum(count for verdict, count in verdicts if Verdict(verdict).is_failure)
        owed = [each for each in status.owed if each.source == source]
        lines.append(
            f"{source}: {attempts} attempts, {_share(attempts - failed, attempts)} good, "
            f"{sum(each.pending + each.retrying for each in owed)} owed, "
            f"{sum(each.exhausted for each in owed)} exhausted"
        )
        all_attempts += attempts
        all_failed += failed
    fields = {
        "attempts": str(all_attempts),
        "success rate": _share(all_attempts - all_failed, all_attempts),
        "owed": str(sum(each.pending + each.retrying for each in status.owed)),
        "exhausted": str(sum(each.exhausted for each in status.owed)),
    }
    text = "\n".join(lines) or "nothing was attempted"
    return Alert("summary", str(status.date), Message(f"Ingestion on {status.date}", text, fields), now)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def note_failures(engine: Engine, since: datetime | None) -> datetime:
    """Write down what is to be told of the ledger; return its clock, which is `since` of the next look.

    A look goes further back than `since`, so that what waited for an hour's end is found.
    """

    def work(connection: Connection) -> datetime:
        now = _locked(connection)
        horizon = (since or now - FIRST_LOOK) - 2 * QUIET
        table = ingestion_failures.c
        lately = or_(table.last_failed_at > horizon, table.resolved_at > horizon)
        columns = [alerts.c[name] for name in Told.__dataclass_fields__]
        remembered = select(*columns).where(alerts.c.sent_at > now - REMEMBERED)
        told = [Told(*row) for row in connection.execute(remembered).tuples()]
        for alert in alerts_due(failures_where(connection, lately), told, now):
            _write(connection, alert)
        return now

    return in_transaction(engine, work)


def note_summary(engine: Engine, alert: Alert) -> bool:
    """Write down a day's summary to be told; False when that day's is there already."""

    def work(connection: Connection) -> bool:
        _locked(connection)
        same = (alerts.c.kind == alert.kind) & (alerts.c.key == alert.key)
        if connection.scalar(select(alerts.c.alert_id).where(same).limit(1)) is not None:
            return False
        _write(connection, alert)
        return True

    return in_transaction(engine, work)


def note(connection: Connection, alert: Alert, quiet: timedelta = QUIET) -> bool:
    """Write down something to be told; False when something of its kind and key was told less than `quiet` ago.

    Part of the transaction: what it tells of and the message are written together or not at all. Others who have
    something to tell wait for its end.
    """
    now = _locked(connection)
    latest = select(func.max(alerts.c.sent_at)).where(alerts.c.kind == alert.kind, alerts.c.key == alert.key)
    told_at: datetime | None = connection.execute(latest).scalar_one()
    if told_at is not None and now - told_at < quiet:
        return False
    _write(connection, alert)
    return True


def _locked(connection: Connection) -> datetime:
    """Be the only one who decides what to tell; return the database's clock, read after the wait."""
    lock_for_transaction(connection, "alerts")
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now


def _write(connection: Connection, alert: Alert) -> None:
    values = {"kind": alert.kind, "key": alert.key, "covers_until": alert.covers_until}
    connection.execute(insert(alerts).values(**values, message=asdict(alert.message), sent_at=func.clock_timestamp()))


def deliver(engine: Engine, webhook_url: str | None) -> int:
    """Send what is written down and due, ten messages at most; return how many arrived.

    Without a webhook each is logged instead, once. At the first that does not arrive it stops: this and the others
    are tried again by a later call, each twelve times over 17 hours. Never raises for Slack.
    """
    arrived = 0
    for _ in range(MOST_AT_ONCE):
        alert = in_transaction(engine, _claimed)
        if alert is None:
            break
        message = Message(**alert["message"])
        about = {"kind": alert["kind"], "key": alert["key"], "title": message.title, "trace_id": message.trace_id}
        problem = None
        if webhook_url is None:
            log.warning("alert", text=message.text, fields=message.fields, **about)
        else:
            problem = _post(webhook_url, slack_attachment(alert["kind"], message, alert["sent_at"]))
        _mark(engine, alert["alert_id"], problem)
        if problem is not None:
            event = "alert_given_up" if alert["tries"] >= MOST_TRIES else "alert_not_delivered"
            log.error(event, reason=problem, tries=alert["tries"], **about)
            break
        arrived += 1
    return arrived


def _claimed(connection: Connection) -> dict[str, Any] | None:
    """One alert that is due, with this try counted: whoever dies while sending it has had a try."""
    waited = FIRST_RESEND * (func.power(2, alerts.c.tries) - 1)
    due = (
        select(alerts.c.alert_id)
        .where(~alerts.c.delivered, alerts.c.tries < MOST_TRIES, alerts.c.sent_at + waited <= func.clock_timestamp())
        .order_by(alerts.c.tries, alerts.c.alert_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(alerts)
        .where(alerts.c.alert_id == due.scalar_subquery())
        .values(tries=alerts.c.tries + 1)
        .returning(*(alerts.c[name] for name in ("alert_id", "kind", "key", "message", "sent_at", "tries")))
    )
    row = connection.execute(statement).mappings().one_or_none()
    return dict(row) if row is not None else None


def _mark(engine: Engine, alert_id: int, problem: str | None) -> None:
    statement = update(alerts).where(alerts.c.alert_id == alert_id)
    statement = statement.values(delivered=problem is None, last_error=problem)
    in_transaction(engine, lambda connection: connection.execute(statement))


def slack_attachment(kind: str, message: Message, sent_at: datetime) -> dict[str, Any]:
    """A message in Slack's layout. What documents are called is text, never a mention of everybody."""
    fields = message.fields | ({"run": message.trace_id} if message.trace_id else {})
    return {
        "color": COLOURS[kind],
        "fallback": _escaped(message.title),
        "title": _escaped(message.title),
        "text": _escaped(message.text),
        "fields": [{"title": name, "value": _escaped(value), "short": True} for name, value in fields.items()],
        "footer": "fotmate_assets",
        "ts": int(sent_at.timestamp()),
    }


def _escaped(text: str) -> str:
    return text[:LONGEST_TEXT].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _post(webhook_url: str, attachment: dict[str, Any]) -> str | None:
    """Send one message; why it did not arrive, without the URL, which whoever knows it may post to."""
    from slack_sdk.webhook import WebhookClient

    silent = logging.Logger("slack", logging.CRITICAL + 1)  # the client's own log lines hold the URL
    try:
        client = WebhookClient(webhook_url, timeout=TIMEOUT_S, logger=silent, retry_handlers=[])
        answer = client.send(attachments=[attachment])
    except Exception as error:
        cause = error.reason if isinstance(error, URLError) else error
        return type(cause).__name__
    if answer.status_code == 200:
        return None
    code = f" {answer.body}" if SLACK_CODE.fullmatch(answer.body) else ""
    return f"HTTP {answer.status_code}{code}"
