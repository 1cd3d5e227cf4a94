"""Racing and alerts"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


TRACKS = """
insert into tracks (track_id, sport, name, name_ko, source, provider_code) values
    ('seoul',       'horse', 'Seoul',          '서울',     'kra',  '1'),
    ('jeju',        'horse', 'Jeju',           '제주',     'kra',  '2'),
    ('busan',       'horse', 'Busan-Gyeongnam', '부산경남', 'kra',  '3'),
    ('gwangmyeong', 'cycle', 'Gwangmyeong',    '광명',     'kspo', '광명'),
    ('changwon',    'cycle', 'Changwon',       '창원',     'kspo', '창원'),
    ('busan_cycle', 'cycle', 'Busan',          '부산',     'kspo', '부산'),
    ('misari',      'boat',  'Misari',         '미사리',   'kspo', '미사리')
"""
"""As `sql/seeds/tracks.sql` had them; the asset racing/tracks brings them up to date."""


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Running number."),
        sa.Column("kind", sa.Text(), nullable=False, comment="failure, refused, exhausted, recovered or summary."),
        sa.Column(
            "key",
            sa.Text(),
            nullable=False,
            comment="What it is about: source, job and verdict; the date of a summary.",
        ),
        sa.Column(
            "message",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="What it says: title, text, fields, and the run as trace_id.",
        ),
        sa.Column(
            "covers_until",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="The newest event of the ledger that it tells of.",
        ),
        sa.Column(
            "sent_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was first to be sent.",
        ),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False, comment="Times it was sent."),
        sa.Column(
            "delivered",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="True once Slack, or the log, has it.",
        ),
        sa.Column("last_error", sa.Text(), nullable=True, comment="Why the last try failed."),
        sa.CheckConstraint(
            "kind in ('failure', 'refused', 'exhausted', 'recovered', 'summary')", name=op.f("ck_alerts_kind")
        ),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_alerts")),
        comment="One row per alert: what was told to whom, so that nothing is told twice or lost.",
    )
    op.create_index(op.f("ix_alerts_kind_key_sent_at"), "alerts", ["kind", "key", "sent_at"], unique=False)
    op.create_index(
        "ix_alerts_undelivered", "alerts", ["sent_at"], unique=False, postgresql_where=sa.text("not delivered")
    )
    op.create_table(
        "form",
        sa.Column(
            "race_date", sa.Date(), nullable=False, comment="Partition: as of that morning, its own races apart."
        ),
        sa.Column("sport", sa.Text(), nullable=False, comment="horse, cycle or boat."),
        sa.Column("kind", sa.Text(), nullable=False, comment="runner or jockey."),
        sa.Column(
            "subject_id", sa.Text(), nullable=False, comment="Registration, or the name where the source gives none."
        ),
        sa.Column("name", sa.Text(), nullable=False, comment="Horse, racer or jockey."),
        sa.Column("starts", sa.Integer(), nullable=False, comment="Races started in the 365 days before."),
        sa.Column("wins", sa.Integer(), nullable=False, comment="Races won."),
        sa.Column("seconds", sa.Integer(), nullable=False, comment="Races ended second."),
        sa.Column("thirds", sa.Integer(), nullable=False, comment="Races ended third."),
        sa.Column("win_rate", sa.REAL(), nullable=True, comment="Wins by starts, 0 to 1; null without a start."),
        sa.Column(
            "top3_rate", sa.REAL(), nullable=True, comment="First three by starts, 0 to 1; null without a start."
        ),
        sa.Column("last_race_date", sa.Date(), nullable=True, comment="Last start before."),
        sa.Column(
            "last_finish_position",
            sa.SmallInteger(),
            nullable=True,
            comment="Position then; null where it did not finish.",
        ),
        sa.PrimaryKeyConstraint("race_date", "sport", "kind", "subject_id", name=op.f("pk_form")),
        comment="Form of the runners and jockeys entered on a day, over the 365 days before it.",
    )
    op.create_table(
        "portal_quota",
        sa.Column("source", sa.Text(), nullable=False, comment="kra or kspo."),
        sa.Column("service", sa.Text(), nullable=False, comment="The portal counts each by itself: API214_1."),
        sa.Column("day", sa.Date(), nullable=False, comment="Korean day."),
        sa.Column("requests", sa.Integer(), nullable=False, comment="Requests sent, retries included."),
        sa.Column(
            "refused_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the portal itself said that the day's quota is used up.",
        ),
        sa.PrimaryKeyConstraint("source", "service", "day", name=op.f("pk_portal_quota")),
        comment="Requests per service of the public data portal and day.",
    )
    op.create_table(
        "tracks",
        sa.Column("track_id", sa.Text(), nullable=False, comment="seoul, busan, jeju, gwangmyeong, misari ..."),
        sa.Column("sport", sa.Text(), nullable=False, comment="horse, cycle or boat."),
        sa.Column("name", sa.Text(), nullable=False, comment="Name."),
        sa.Column("name_ko", sa.Text(), nullable=False, comment="Korean name."),
        sa.Column("source", sa.Text(), nullable=False, comment="kra or kspo."),
        sa.Column(
            "provider_code", sa.Text(), nullable=False, comment="KRA's `meet`; the name that KSPO's requests take."
        ),
        sa.CheckConstraint("sport in ('horse', 'cycle', 'boat')", name=op.f("ck_tracks_sport")),
        sa.PrimaryKeyConstraint("track_id", name=op.f("pk_tracks")),
        comment="Race tracks, from `sql/seeds/tracks.sql`.",
    )
    op.create_table(
        "meetings",
        sa.Column("track_id", sa.Text(), nullable=False, comment="Track."),
        sa.Column("race_date", sa.Date(), nullable=False, comment="Partition: the source's race date, Korean."),
        sa.Column("year", sa.SmallInteger(), nullable=True, comment="KSPO's year of the round (`stnd_yr`)."),
        sa.Column(
            "round",
            sa.SmallInteger(),
            nullable=True,
            comment="KSPO's round of the year (`week_tcnt`); null for horses.",
        ),
        sa.Column(
            "day", sa.SmallInteger(), nullable=True, comment="KSPO's day of the round (`day_tcnt`); null for horses."
        ),
        sa.Column(
            "entries_declared", sa.Integer(), nullable=True, comment="Rows in the entry documents; null without one."
        ),
        sa.Column(
            "results_declared", sa.Integer(), nullable=True, comment="Rows in the result documents; null without one."
        ),
        sa.Column(
            "warnings",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Oddities of the source that were kept or set aside, as texts.",
        ),
        sa.Column(
            "revision_sha256", sa.Text(), nullable=False, comment="Hash of what was written: the same again is skipped."
        ),
        sa.Column(
            "loaded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When this revision came in.",
        ),
        sa.ForeignKeyConstraint(["track_id"], ["tracks.track_id"], name=op.f("fk_meetings_track_id")),
        sa.PrimaryKeyConstraint("track_id", "race_date", name=op.f("pk_meetings")),
        comment="A day's racing at one track; maps KSPO's rounds to dates.",
    )
    op.create_index(op.f("ix_meetings_race_date"), "meetings", ["race_date"], unique=False)
    op.create_index(op.f("ix_meetings_track_id_year_round"), "meetings", ["track_id", "year", "round"], unique=False)
    op.create_table(
        "races",
        sa.Column("race_id", sa.Text(), nullable=False, comment="`horse-seoul-20250531-01`."),
        sa.Column("race_date", sa.Date(), nullable=False, comment="Partition: the source's race date, Korean."),
        sa.Column("track_id", sa.Text(), nullable=False, comment="Track."),
        sa.Column("sport", sa.Text(), nullable=False, comment="horse, cycle or boat."),
        sa.Column("race_no", sa.SmallInteger(), nullable=False, comment="Number of the race that day, 1-based."),
        sa.Column("name", sa.Text(), nullable=True, comment="Name of the race."),
        sa.Column("distance_m", sa.Integer(), nullable=True, comment="Metres."),
        sa.Column("grade", sa.Text(), nullable=True, comment="Class of the race, as published."),
        sa.Column("conditions", sa.Text(), nullable=True, comment="Who may run: age, sex, weights."),
        sa.Column("purse_krw", sa.BigInteger(), nullable=True, comment="Prize money of the placed together, won."),
        sa.Column("field_size", sa.SmallInteger(), nullable=True, comment="Runners as announced."),
        sa.Column(
            "scheduled_post_time", sa.DateTime(timezone=True), nullable=True, comment="The off as first planned."
        ),
        sa.Column(
            "post_time",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="The off as it stands, or as it was; race_changes has the history.",
        ),
        sa.Column(
            "status", sa.Text(), nullable=False, comment="scheduled, upcoming (an hour before), live, finished, ..."
        ),
        sa.Column("weather", sa.Text(), nullable=True, comment="On the day."),
        sa.Column("track_condition", sa.Text(), nullable=True, comment="On the day."),
        sa.Column("track_moisture_pct", sa.REAL(), nullable=True, comment="Water in the track, per cent."),
        sa.Column(
            "details",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="What the source says beyond these columns, verbatim.",
        ),
        sa.Column(
            "extra",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="Fields that the source never had before; the check `schema_drift` reports them.",
        ),
        sa.CheckConstraint("sport in ('horse', 'cycle', 'boat')", name=op.f("ck_races_sport")),
        sa.CheckConstraint(
            "status in ('scheduled', 'upcoming', 'live', 'finished', 'cancelled', 'postponed')",
            name=op.f("ck_races_status"),
        ),
        sa.CheckConstraint("race_no > 0", name=op.f("ck_races_race_no")),
        sa.ForeignKeyConstraint(["track_id"], ["tracks.track_id"], name=op.f("fk_races_track_id")),
        sa.PrimaryKeyConstraint("race_id", name=op.f("pk_races")),
        sa.UniqueConstraint("track_id", "race_date", "race_no", name=op.f("uq_races_track_id_race_date_race_no")),
        comment="Races.",
    )
    op.create_index(op.f("ix_races_post_time"), "races", ["post_time"], unique=False)
    op.create_index(op.f("ix_races_race_date"), "races", ["race_date"], unique=False)
    op.create_table(
        "entries",
        sa.Column("race_id", sa.Text(), nullable=False, comment="Race."),
        sa.Column(
            "start_no", sa.SmallInteger(), nullable=False, comment="Start number: chulNo, back number or lane. 1-based."
        ),
        sa.Column("race_date", sa.Date(), nullable=False, comment="Partition."),
        sa.Column("runner_name", sa.Text(), nullable=False, comment="Horse or racer."),
        sa.Column(
            "runner_id",
            sa.Text(),
            nullable=True,
            comment="Registration: hrNo or racer number. Null where the card has none.",
        ),
        sa.Column("sex", sa.Text(), nullable=True, comment="As published."),
        sa.Column("age", sa.SmallInteger(), nullable=True, comment="Years."),
        sa.Column("jockey_id", sa.Text(), nullable=True, comment="jkNo."),
        sa.Column(
            "jockey_name",
            sa.Text(),
            nullable=True,
            comment="The jockey as it stands; race_changes has who was replaced.",
        ),
        sa.Column("trainer_id", sa.Text(), nullable=True, comment="trNo."),
        sa.Column("trainer_name", sa.Text(), nullable=True, comment="Trainer."),
        sa.Column("owner_id", sa.Text(), nullable=True, comment="owNo."),
        sa.Column("owner_name", sa.Text(), nullable=True, comment="Owner."),
        sa.Column("burden_kg", sa.REAL(), nullable=True, comment="Weight a horse carries, kg."),
        sa.Column(
            "body_weight_kg", sa.REAL(), nullable=True, comment="Of the horse on the day, or of the boat racer, kg."
        ),
        sa.Column("body_weight_change_kg", sa.REAL(), nullable=True, comment="Against the last start, kg."),
        sa.Column("rating", sa.SmallInteger(), nullable=True, comment="KRA's rating."),
        sa.Column("grade", sa.Text(), nullable=True, comment="Class of the racer: `A1`, `선발`."),
        sa.Column("gear_ratio", sa.REAL(), nullable=True, comment="Of a cycle."),
        sa.Column("motor_no", sa.Text(), nullable=True, comment="Of a boat."),
        sa.Column("boat_no", sa.Text(), nullable=True, comment="Of a boat."),
        sa.Column("is_scratched", sa.Boolean(), nullable=False, comment="Withdrawn before the start."),
        sa.Column("scratch_reason", sa.Text(), nullable=True, comment="Why."),
        sa.Column(
            "details",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="What the source says beyond these columns, verbatim.",
        ),
        sa.Column(
            "extra",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Fields that the source never had before; the check `schema_drift` reports them.",
        ),
        sa.CheckConstraint("start_no > 0", name=op.f("ck_entries_start_no")),
        sa.ForeignKeyConstraint(["race_id"], ["races.race_id"], name=op.f("fk_entries_race_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("race_id", "start_no", name=op.f("pk_entries")),
        comment="Declared runners.",
    )
    op.create_index(op.f("ix_entries_jockey_id"), "entries", ["jockey_id"], unique=False)
    op.create_index(op.f("ix_entries_race_date"), "entries", ["race_date"], unique=False)
    op.create_index(op.f("ix_entries_runner_id"), "entries", ["runner_id"], unique=False)
    op.create_table(
        "payoffs",
        sa.Column("race_id", sa.Text(), nullable=False, comment="Race."),
        sa.Column(
            "pool", sa.Text(), nullable=False, comment="WIN, PLC, QNL, EXA, QPL, TLA, TRI; POOL6-8: unsettled (cycles)."
        ),
        sa.Column(
            "combination",
            sa.Text(),
            nullable=False,
            comment="Start numbers: `7`, `2-7`; ascending unless order counts.",
        ),
        sa.Column("race_date", sa.Date(), nullable=False, comment="Partition."),
        sa.Column(
            "odds",
            sa.REAL(),
            nullable=True,
            comment="Paid per unit of stake; null where the source shows its cap of 9999.9.",
        ),
        sa.Column("is_capped", sa.Boolean(), nullable=False, comment="The source shows its cap: not a price."),
        sa.Column("pool_label", sa.Text(), nullable=False, comment="The source's own name of the pool."),
        sa.Column(
            "confirmed_odds",
            sa.REAL(),
            nullable=True,
            comment="The same from the source's second service; null where that is silent.",
        ),
        sa.Column(
            "pool_sales_krw",
            sa.BigInteger(),
            nullable=True,
            comment="Sales of the whole pool, won; null where unknown: not zero.",
        ),
        sa.Column("service", sa.Text(), nullable=False, comment="The service that declared it."),
        sa.CheckConstraint(
            "pool in ('WIN', 'PLC', 'QNL', 'EXA', 'QPL', 'TLA', 'TRI', 'POOL6', 'POOL7', 'POOL8')",
            name=op.f("ck_payoffs_pool"),
        ),
        sa.CheckConstraint("not is_capped or odds is null", name=op.f("ck_payoffs_is_capped")),
        sa.CheckConstraint("odds > 0 and odds < 9999.9", name=op.f("ck_payoffs_odds")),
        sa.ForeignKeyConstraint(["race_id"], ["races.race_id"], name=op.f("fk_payoffs_race_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("race_id", "pool", "combination", name=op.f("pk_payoffs")),
        comment="Combinations that paid, with their final odds.",
    )
    op.create_index(op.f("ix_payoffs_race_date"), "payoffs", ["race_date"], unique=False)
    op.create_table(
        "race_changes",
        sa.Column("change_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Running number."),
        sa.Column("race_id", sa.Text(), nullable=False, comment="Race."),
        sa.Column("race_date", sa.Date(), nullable=False, comment="Partition."),
        sa.Column("kind", sa.Text(), nullable=False, comment="post_time, scratch, jockey or status."),
        sa.Column(
            "start_no", sa.SmallInteger(), nullable=True, comment="Runner; null where it concerns the whole race."
        ),
        sa.Column("old_value", sa.Text(), nullable=True, comment="Before."),
        sa.Column("new_value", sa.Text(), nullable=True, comment="After."),
        sa.Column("reason", sa.Text(), nullable=True, comment="As the source says."),
        sa.Column(
            "announced_at", sa.DateTime(timezone=True), nullable=True, comment="The source's clock, where it tells."
        ),
        sa.Column(
            "observed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When we saw it.",
        ),
        sa.CheckConstraint("kind in ('post_time', 'scratch', 'jockey', 'status')", name=op.f("ck_race_changes_kind")),
        sa.ForeignKeyConstraint(
            ["race_id"], ["races.race_id"], name=op.f("fk_race_changes_race_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_race_changes")),
        comment="History of post times, scratches, jockeys and statuses.",
    )
    op.create_index(op.f("ix_race_changes_race_date"), "race_changes", ["race_date"], unique=False)
    op.create_index(
        op.f("ix_race_changes_race_id_observed_at"), "race_changes", ["race_id", "observed_at"], unique=False
    )
    op.create_table(
        "results",
        sa.Column("race_id", sa.Text(), nullable=False, comment="Race."),
        sa.Column("line", sa.SmallInteger(), nullable=False, comment="Place in the source's order, 1-based."),
        sa.Column(
            "start_no", sa.SmallInteger(), nullable=True, comment="Start number; null where no document tells it."
        ),
        sa.Column("race_date", sa.Date(), nullable=False, comment="Partition."),
        sa.Column("runner_name", sa.Text(), nullable=False, comment="Horse or racer."),
        sa.Column(
            "finish_status", sa.Text(), nullable=False, comment="finished, disqualified, pulled_up, excluded ..."
        ),
        sa.Column(
            "finish_position",
            sa.SmallInteger(),
            nullable=True,
            comment="1-based; equal in a dead heat; null for who did not finish.",
        ),
        sa.Column(
            "status_code",
            sa.Text(),
            nullable=True,
            comment="What the source says in place of a position: 91 to 99, 낙마, 실격 ...",
        ),
        sa.Column("runner_id", sa.Text(), nullable=True, comment="Registration: hrNo or racer number."),
        sa.Column("jockey_id", sa.Text(), nullable=True, comment="jkNo."),
        sa.Column("jockey_name", sa.Text(), nullable=True, comment="Who rode."),
        sa.Column("trainer_id", sa.Text(), nullable=True, comment="trNo."),
        sa.Column("time_s", sa.REAL(), nullable=True, comment="Seconds; null where not published (cycles, boats)."),
        sa.Column("margin", sa.Text(), nullable=True, comment="Behind the runner in front, as published."),
        sa.Column(
            "margin_lengths",
            sa.REAL(),
            nullable=True,
            comment="The same in lengths; null where the words have no measure.",
        ),
        sa.Column(
            "sectionals",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Sectional times (s) and positions, by the source's names.",
        ),
        sa.Column("win_odds", sa.REAL(), nullable=True, comment="Final win odds, not live ones."),
        sa.Column("place_odds", sa.REAL(), nullable=True, comment="Final place odds, not live ones."),
        sa.Column("burden_kg", sa.REAL(), nullable=True, comment="Weight carried, kg."),
        sa.Column("body_weight_kg", sa.REAL(), nullable=True, comment="On the day, kg."),
        sa.Column("body_weight_change_kg", sa.REAL(), nullable=True, comment="Against the last start, kg."),
        sa.Column(
            "details",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="What the source says beyond these columns, verbatim.",
        ),
        sa.Column(
            "extra",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Fields that the source never had before; the check `schema_drift` reports them.",
        ),
        sa.CheckConstraint(
            "(finish_status = 'finished') = (finish_position is not null)", name=op.f("ck_results_finish_position")
        ),
        sa.CheckConstraint(
            "finish_status in ('finished', 'disqualified', 'pulled_up', 'excluded', 'scratched', 'void', 'cancelled')",
            name=op.f("ck_results_finish_status"),
        ),
        sa.CheckConstraint("time_s > 0", name=op.f("ck_results_time_s")),
        sa.ForeignKeyConstraint(["race_id"], ["races.race_id"], name=op.f("fk_results_race_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("race_id", "line", name=op.f("pk_results")),
        sa.UniqueConstraint("race_id", "start_no", name=op.f("uq_results_race_id_start_no")),
        comment="How each runner ended its race.",
    )
    op.create_index(op.f("ix_results_jockey_id_race_date"), "results", ["jockey_id", "race_date"], unique=False)
    op.create_index(op.f("ix_results_race_date"), "results", ["race_date"], unique=False)
    op.create_index(op.f("ix_results_runner_id_race_date"), "results", ["runner_id", "race_date"], unique=False)
    op.alter_column(
        "ingestion_failures",
        "last_failed_at",
        existing_type=postgresql.TIMESTAMP(timezone=True),
        comment="Last failure that counted as an attempt.",
        existing_comment="Last failure.",
        existing_nullable=False,
        existing_server_default=sa.text("now()"),
    )
    op.create_index(
        op.f("ix_ingestion_failures_last_failed_at"), "ingestion_failures", ["last_failed_at"], unique=False
    )
    op.create_index(op.f("ix_ingestion_failures_resolved_at"), "ingestion_failures", ["resolved_at"], unique=False)
    op.drop_index("ix_ingestion_failures_due", table_name="ingestion_failures")
    op.create_index(
        "ix_ingestion_failures_due",
        "ingestion_failures",
        ["next_retry_at"],
        postgresql_where=sa.text("next_retry_at is not null"),
    )
    op.execute(TRACKS)


def downgrade() -> None:
    op.drop_index("ix_ingestion_failures_due", table_name="ingestion_failures")
    op.create_index(
        "ix_ingestion_failures_due",
        "ingestion_failures",
        ["next_retry_at"],
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.drop_index(op.f("ix_ingestion_failures_resolved_at"), table_name="ingestion_failures")
    op.drop_index(op.f("ix_ingestion_failures_last_failed_at"), table_name="ingestion_failures")
    op.alter_column(
        "ingestion_failures",
        "last_failed_at",
        existing_type=postgresql.TIMESTAMP(timezone=True),
        comment="Last failure.",
        existing_comment="Last failure that counted as an attempt.",
        existing_nullable=False,
        existing_server_default=sa.text("now()"),
    )
    op.drop_index(op.f("ix_results_runner_id_race_date"), table_name="results")
    op.drop_index(op.f("ix_results_race_date"), table_name="results")
    op.drop_index(op.f("ix_results_jockey_id_race_date"), table_name="results")
    op.drop_table("results")
    op.drop_index(op.f("ix_race_changes_race_id_observed_at"), table_name="race_changes")
    op.drop_index(op.f("ix_race_changes_race_date"), table_name="race_changes")
    op.drop_table("race_changes")
    op.drop_index(op.f("ix_payoffs_race_date"), table_name="payoffs")
    op.drop_table("payoffs")
    op.drop_index(op.f("ix_entries_runner_id"), table_name="entries")
    op.drop_index(op.f("ix_entries_race_date"), table_name="entries")
    op.drop_index(op.f("ix_entries_jockey_id"), table_name="entries")
    op.drop_table("entries")
    op.drop_index(op.f("ix_races_race_date"), table_name="races")
    op.drop_index(op.f("ix_races_post_time"), table_name="races")
    op.drop_table("races")
    op.drop_index(op.f("ix_meetings_track_id_year_round"), table_name="meetings")
    op.drop_index(op.f("ix_meetings_race_date"), table_name="meetings")
    op.drop_table("meetings")
    op.drop_table("tracks")
    op.drop_table("portal_quota")
    op.drop_table("form")
    op.drop_index("ix_alerts_undelivered", table_name="alerts", postgresql_where=sa.text("not delivered"))
    op.drop_index(op.f("ix_alerts_kind_key_sent_at"), table_name="alerts")
    op.drop_table("alerts")
