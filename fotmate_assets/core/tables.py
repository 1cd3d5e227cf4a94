"""The tables every wing shares: the ledger of what was tried, what is owed and what was refused.

The one declaration of each table. Alembic, COPY, the IO managers, the column schemas shown in Dagster
and the data dictionary all read these; every column says what it is in `comment`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from fotmate_assets.core.model import Verdict

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

TIMESTAMPTZ = DateTime(timezone=True)


def one_of(column: str, values: type[Verdict] | tuple[str, ...]) -> str:
    """The SQL of a check that `column` holds one of `values`."""
    return f"{column} in ({', '.join(repr(str(value)) for value in values)})"


FAILURE_STATUSES = ("pending", "retrying", "resolved", "exhausted")
ALERT_KINDS = ("failure", "refused", "exhausted", "recovered", "summary", "notice")

ingestion_jobs = Table(
    "ingestion_jobs",
    metadata,
    Column("job_id", BigInteger, Identity(always=True), primary_key=True, comment="Running number."),
    Column("source", Text, nullable=False, comment="Provider: statsbomb, metrica, openfootball, fbref ..."),
    Column("job", Text, nullable=False, comment="What was attempted: the asset, `football/statsbomb_raw`."),
    Column("partition_key", Text, nullable=False, comment="Partition of the asset; empty where it has none."),
    Column("verdict", Text, nullable=False, comment="How it ended; see the verdicts in the architecture page."),
    Column("rows", BigInteger, nullable=False, server_default="0", comment="Rows written (documents for raw assets)."),
    Column("duration_s", Float, nullable=False, comment="Wall-clock seconds."),
    Column("message", Text, nullable=False, server_default="", comment="What happened, for a reader."),
    Column("run_id", Text, comment="Dagster run."),
    Column("trace_id", Text, comment="Ties log lines to this row; the run id where there is one."),
    Column("finished_at", TIMESTAMPTZ, nullable=False, server_default=func.now(), comment="When it ended."),
    CheckConstraint(one_of("verdict", Verdict), name="verdict"),
    Index(None, "source", "job", "partition_key", "finished_at"),
    Index(None, "finished_at"),
    comment="One row per attempt to fetch or load something.",
)

ingestion_failures = Table(
    "ingestion_failures",
    metadata,
    Column("failure_id", BigInteger, Identity(always=True), primary_key=True, comment="The ID of `fotmate failures`."),
    Column("source", Text, nullable=False, comment="Provider."),
    Column("job", Text, nullable=False, comment="The asset that owes it."),
    Column("partition_key", Text, nullable=False, comment="Partition of the asset; empty where it has none."),
    Column("document", Text, nullable=False, comment="The document or match that failed."),
    Column("verdict", Text, nullable=False, comment="Verdict of the last attempt."),
    Column("field", Text, comment="The field at fault, where one is."),
    Column("reason", Text, nullable=False, comment="What is wrong, for a reader."),
    Column("status", Text, nullable=False, comment="pending, retrying, resolved or exhausted."),
    Column("attempts", Integer, nullable=False, server_default="1", comment="Attempts so far."),
    Column("max_attempts", Integer, nullable=False, comment="Attempts after which it is exhausted."),
    Column("next_retry_at", TIMESTAMPTZ, comment="When the next attempt is due; null: not by itself."),
    Column("raw_sha256", Text, comment="The kept bytes, in the raw zone."),
    Column("run_id", Text, comment="Dagster run of the last attempt."),
    Column("first_failed_at", TIMESTAMPTZ, nullable=False, server_default=func.now(), comment="First failure."),
    Column(
        "last_failed_at",
        TIMESTAMPTZ,
        nullable=False,
        server_default=func.now(),
        comment="Last failure that counted as an attempt.",
    ),
    Column("resolved_at", TIMESTAMPTZ, comment="When a later attempt succeeded."),
    CheckConstraint(one_of("verdict", Verdict), name="verdict"),
    CheckConstraint(one_of("status", FAILURE_STATUSES), name="status"),
    CheckConstraint("(status = 'resolved') = (resolved_at is not null)", name="resolved_at"),
    Index(
        "uq_ingestion_failures_owed",
        "source",
        "job",
        "partition_key",
        "document",
        unique=True,
        postgresql_where=text("status <> 'resolved'"),
    ),
    Index(None, "last_failed_at"),
    Index(None, "resolved_at"),
    Index("ix_ingestion_failures_due", "next_retry_at", postgresql_where=text("next_retry_at is not null")),
    comment="One row per thing owed: what failed, why, and when it is tried again.",
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("quarantine_id", BigInteger, Identity(always=True), primary_key=True, comment="Running number."),
    Column("source", Text, nullable=False, comment="Provider."),
    Column("document", Text, nullable=False, comment="Name of the document inside its source."),
    Column("partition_key", Text, nullable=False, comment="Partition it was meant for; empty where unknown."),
    Column("sha256", Text, nullable=False, comment="Hash of the bytes; they are kept in the raw zone."),
    Column("size_bytes", BigInteger, nullable=False, comment="Length of the document."),
    Column("field", Text, comment="The field at fault, where one is."),
    Column("reason", Text, nullable=False, comment="Why it was refused."),
    Column("quarantined_at", TIMESTAMPTZ, nullable=False, server_default=func.now(), comment="When."),
    Index(None, "source", "document", "sha256", unique=True),
    comment="Documents that were refused. Nothing is thrown away: the bytes stay in the raw zone.",
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", BigInteger, Identity(always=True), primary_key=True, comment="Running number."),
    Column("kind", Text, nullable=False, comment="failure, refused, exhausted, recovered, summary or notice."),
    Column("key", Text, nullable=False, comment="What it is about: source, job, verdict; a date; a race."),
    Column("message", JSONB, nullable=False, comment="What it says: title, text, fields, and the run as trace_id."),
    Column("covers_until", TIMESTAMPTZ, nullable=False, comment="The newest event of the ledger that it tells of."),
    Column("sent_at", TIMESTAMPTZ, nullable=False, server_default=func.now(), comment="When it was first to be sent."),
    Column("tries", Integer, nullable=False, server_default="0", comment="Times it was sent."),
    Column(
        "delivered", Boolean, nullable=False, server_default=false(), comment="True once Slack, or the log, has it."
    ),
    Column("last_error", Text, comment="Why the last try failed."),
    CheckConstraint(one_of("kind", ALERT_KINDS), name="kind"),
    Index(None, "kind", "key", "sent_at"),
    Index("ix_alerts_undelivered", "sent_at", postgresql_where=text("not delivered")),
    comment="One row per alert: what was told to whom, so that nothing is told twice or lost.",
)
