"""Odds"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


COMBINATIONS = """
create function odds_combinations(pool text, field smallint[]) returns text[]
language sql immutable strict parallel safe
return (
    with runner as (select number, place from unnest(field) with ordinality as r (number, place))
    select case
        when pool in ('WIN', 'PLC') then (select array_agg(a.number::text order by a.place) from runner a)
        when pool in ('QNL', 'QPL') then (
            select array_agg(a.number || '-' || b.number order by a.place, b.place)
            from runner a join runner b on a.place < b.place)
        when pool = 'EXA' then (
            select array_agg(a.number || '-' || b.number order by a.place, b.place)
            from runner a join runner b on a.place <> b.place)
        when pool = 'TLA' then (
            select array_agg(a.number || '-' || b.number || '-' || c.number order by a.place, b.place, c.place)
            from runner a join runner b on a.place < b.place join runner c on b.place < c.place)
        when pool = 'TRI' then (
            select array_agg(a.number || '-' || b.number || '-' || c.number order by a.place, b.place, c.place)
            from runner a join runner b on a.place <> b.place join runner c on c.place not in (a.place, b.place))
        when pool = 'EXT' then (
            select array_agg(a.number || '-' || b.number || '-' || c.number order by a.place, b.place, c.place)
            from runner a
            join runner b on a.place <> b.place
            join runner c on b.place < c.place and c.place <> a.place)
    end
)
"""
"""The combinations of a pool for a field, in the order of the arrays: `racing.odds.model.combinations`."""

PRICES = """
create view odds_prices as
select s.race_id, s.pool, s.observed_at, s.race_date, p.combination, p.place as combination_index,
       case when p.price > 0 then p.price end as odds,
       case p.price when -1 then 'unsold' when -2 then 'capped' when -3 then 'scratched' when -4 then 'not told'
            else 'price' end as state,
       case when p.price > 0 then s.pays / (p.price * s.overround) end as implied_probability,
       'proportional' as implied_method,
       s.sales_krw, s.source, s.is_live, s.is_simulated, s.source_ts, s.ingested_at
from odds_snapshots s
cross join lateral unnest(s.odds, odds_combinations(s.pool, s.field)) with ordinality as p (price, combination, place)
"""
"""One row per price. Filter by race: the rows are made when they are read."""

POOLS = ["WIN", "PLC", "QNL", "EXA", "QPL", "TLA", "TRI", "EXT", "POOL6", "POOL7", "POOL8"]


def _payoff_pools(*, with_ext: bool) -> None:
    """Let payoffs know the pool EXT, or not."""
    known = ", ".join(f"'{pool}'" for pool in POOLS if with_ext or pool != "EXT")
    op.drop_constraint("ck_payoffs_pool", "payoffs")
    op.create_check_constraint("pool", "payoffs", f"pool in ({known})")


def _alert_kinds(*, with_notice: bool) -> None:
    """Let alerts know the kind notice, or not."""
    known = ["failure", "refused", "exhausted", "recovered", "summary", *(["notice"] if with_notice else [])]
    if not with_notice:
        op.execute("delete from alerts where kind = 'notice'")
    op.drop_constraint("ck_alerts_kind", "alerts")
    op.create_check_constraint("kind", "alerts", f"kind in ({', '.join(map(repr, known))})")


def upgrade() -> None:
    op.create_table(
        "odds_candles",
        sa.Column("race_id", sa.Text(), nullable=False, comment="Race."),
        sa.Column("pool", sa.Text(), nullable=False, comment="Pool."),
        sa.Column("minutes", sa.SmallInteger(), nullable=False, comment="Length: 1 or 5 minutes."),
        sa.Column(
            "start_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Begin, a whole minute; the end is not included.",
        ),
        sa.Column("race_date", sa.Date(), nullable=False, comment="Partition."),
        sa.Column("snapshots", sa.SmallInteger(), nullable=False, comment="Snapshots in it."),
        sa.Column(
            "source",
            sa.Text(),
            nullable=False,
            comment="Which source told: simulated, replay, portal_final, or a feed's own name.",
        ),
        sa.Column(
            "is_live",
            sa.Boolean(),
            nullable=False,
            comment="True: the market's odds at that instant. Final and replayed odds are not.",
        ),
        sa.Column("is_simulated", sa.Boolean(), nullable=False, comment="True: no such market exists."),
        sa.Column(
            "made_from_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="ingested_at of the newest snapshot in it.",
        ),
        sa.Column(
            "field",
            postgresql.ARRAY(sa.SmallInteger()),
            nullable=False,
            comment="Start numbers of every declared runner, ascending: what the combinations are made of.",
        ),
        sa.Column(
            "open",
            postgresql.ARRAY(sa.REAL()),
            nullable=False,
            comment="First price per combination; the sentinel of the last snapshot where there was none.",
        ),
        sa.Column(
            "high",
            postgresql.ARRAY(sa.REAL()),
            nullable=False,
            comment="Highest price per combination; the sentinel of the last snapshot where there was none.",
        ),
        sa.Column(
            "low",
            postgresql.ARRAY(sa.REAL()),
            nullable=False,
            comment="Lowest price per combination; the sentinel of the last snapshot where there was none.",
        ),
        sa.Column(
            "close",
            postgresql.ARRAY(sa.REAL()),
            nullable=False,
            comment="Last price per combination; the sentinel of the last snapshot where there was none.",
        ),
        sa.Column(
            "close_rank",
            postgresql.ARRAY(sa.SmallInteger()),
            nullable=False,
            comment="Place of each last price, the lowest is 1, equal ones share a place; 0 without a price.",
        ),
        sa.CheckConstraint(
            "pool in ('WIN', 'PLC', 'QNL', 'QPL', 'EXA', 'TLA', 'TRI', 'EXT')", name=op.f("ck_odds_candles_pool")
        ),
        sa.CheckConstraint("minutes in (1, 5)", name=op.f("ck_odds_candles_minutes")),
        sa.PrimaryKeyConstraint("race_id", "pool", "minutes", "start_at", name=op.f("pk_odds_candles")),
        comment="Open, high, low and close of every combination per minute and per 5 minutes.",
    )
    op.create_index(op.f("ix_odds_candles_race_date"), "odds_candles", ["race_date"], unique=False)
    op.create_table(
        "odds_moves",
        sa.Column("race_id", sa.Text(), nullable=False, comment="Race."),
        sa.Column("start_no", sa.SmallInteger(), nullable=False, comment="Runner."),
        sa.Column("race_date", sa.Date(), nullable=False, comment="Partition."),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False, comment="Snapshot that shows it first."),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False, comment="Snapshot that it rose from."),
        sa.Column("from_share", sa.REAL(), nullable=False, comment="Share of the win pool then, 0 to 1."),
        sa.Column("to_share", sa.REAL(), nullable=False, comment="Share of the win pool when it was seen, 0 to 1."),
        sa.Column("seconds_to_off", sa.Integer(), nullable=False, comment="From that snapshot to post time."),
        sa.Column(
            "source",
            sa.Text(),
            nullable=False,
            comment="Which source told: simulated, replay, portal_final, or a feed's own name.",
        ),
        sa.Column("is_simulated", sa.Boolean(), nullable=False, comment="True: no such market exists."),
        sa.PrimaryKeyConstraint("race_id", "start_no", name=op.f("pk_odds_moves")),
        comment="Sudden moves: share of the win pool up 5 points within 2 minutes, once per race and runner.",
    )
    op.create_index(op.f("ix_odds_moves_race_date"), "odds_moves", ["race_date"], unique=False)
    op.create_table(
        "odds_retired",
        sa.Column(
            "race_date",
            sa.Date(),
            nullable=False,
            comment="Race date whose snapshots are in the lake, no longer here.",
        ),
        sa.Column("rows", sa.Integer(), nullable=False, comment="Rows of odds_snapshots that were deleted, in all."),
        sa.Column(
            "content_sha256",
            sa.Text(),
            nullable=False,
            comment="Content of the lake's object that vouched for them.",
        ),
        sa.Column(
            "retired_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Our clock, the last time.",
        ),
        sa.PrimaryKeyConstraint("race_date", name=op.f("pk_odds_retired")),
        comment="Race dates that are read from the lake. Written in the transaction that deletes their snapshots.",
    )
    op.create_table(
        "odds_slots",
        sa.Column("race_id", sa.Text(), nullable=False, comment="Race."),
        sa.Column("slot_at", sa.DateTime(timezone=True), nullable=False, comment="The planned instant."),
        sa.Column("race_date", sa.Date(), nullable=False, comment="Partition."),
        sa.Column("phase", sa.Text(), nullable=False, comment="5min, 1min, 30s or off."),
        sa.Column("status", sa.Text(), nullable=False, comment="planned, captured or missed."),
        sa.Column("verdict", sa.Text(), nullable=True, comment="ok, or why it was missed; null while planned."),
        sa.Column("reason", sa.Text(), nullable=True, comment="In words."),
        sa.Column(
            "tries", sa.SmallInteger(), server_default="0", nullable=False, comment="Times the source was asked."
        ),
        sa.Column(
            "asked_at", sa.DateTime(timezone=True), nullable=True, comment="When the source was first asked for it."
        ),
        sa.Column(
            "source",
            sa.Text(),
            nullable=False,
            comment="Which source told: simulated, replay, portal_final, or a feed's own name.",
        ),
        sa.Column("is_simulated", sa.Boolean(), nullable=False, comment="True: no such market exists."),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Last change of the row.",
        ),
        sa.CheckConstraint("(status = 'planned') = (verdict is null)", name=op.f("ck_odds_slots_decided")),
        sa.CheckConstraint("phase in ('5min', '1min', '30s', 'off')", name=op.f("ck_odds_slots_phase")),
        sa.CheckConstraint("status in ('planned', 'captured', 'missed')", name=op.f("ck_odds_slots_status")),
        sa.CheckConstraint(
            "verdict in ('ok', 'empty_expected', 'not_yet', 'empty_unexpected', 'quota', 'auth', 'blocked', 'malformed', 'transport', 'late', 'unattended')",
            name=op.f("ck_odds_slots_verdict"),
        ),
        sa.PrimaryKeyConstraint("race_id", "slot_at", name=op.f("pk_odds_slots")),
        comment="What was planned to be captured, and what became of it.",
    )
    op.create_index(op.f("ix_odds_slots_race_date"), "odds_slots", ["race_date"], unique=False)
    op.create_index(op.f("ix_odds_slots_slot_at"), "odds_slots", ["slot_at"], unique=False)
    op.create_table(
        "odds_snapshots",
        sa.Column("race_id", sa.Text(), nullable=False, comment="Race."),
        sa.Column("pool", sa.Text(), nullable=False, comment="WIN, PLC, QNL, QPL, EXA, TLA, TRI or EXT."),
        sa.Column(
            "observed_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="The planned instant; of final odds, when they were fetched.",
        ),
        sa.Column(
            "source_ts",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="The source's clock; null where it tells none.",
        ),
        sa.Column(
            "ingested_at", sa.DateTime(timezone=True), nullable=False, comment="Our clock when the answer was there."
        ),
        sa.Column(
            "sales_krw", sa.BigInteger(), nullable=True, comment="Sales of the pool, won; null where unknown: not zero."
        ),
        sa.Column("race_date", sa.Date(), nullable=False, comment="Partition."),
        sa.Column("priced", sa.SmallInteger(), nullable=False, comment="Combinations with a price."),
        sa.Column(
            "pays", sa.SmallInteger(), nullable=False, comment="Combinations that will pay: what all chances sum to."
        ),
        sa.Column("mean_odds", sa.REAL(), nullable=True, comment="Mean of the prices; null without one."),
        sa.Column("overround", sa.REAL(), nullable=False, comment="Sum of 1/price."),
        sa.Column(
            "is_live",
            sa.Boolean(),
            nullable=False,
            comment="True: the market's odds at that instant. Final and replayed odds are not.",
        ),
        sa.Column("is_simulated", sa.Boolean(), nullable=False, comment="True: no such market exists."),
        sa.Column(
            "source",
            sa.Text(),
            nullable=False,
            comment="Which source told: simulated, replay, portal_final, or a feed's own name.",
        ),
        sa.Column(
            "field",
            postgresql.ARRAY(sa.SmallInteger()),
            nullable=False,
            comment="Start numbers of every declared runner, ascending: what the combinations are made of.",
        ),
        sa.Column(
            "raw_sha256", sa.LargeBinary(), nullable=True, comment="Hash of the document: its address in the raw zone."
        ),
        sa.Column(
            "odds",
            postgresql.ARRAY(sa.REAL()),
            nullable=False,
            comment="Per combination in canonical order: the price; -1 unsold, -2 capped, -3 scratched, -4 not told.",
        ),
        sa.CheckConstraint("not (is_live and source = 'portal_final')", name=op.f("ck_odds_snapshots_is_live")),
        sa.CheckConstraint(
            "pool in ('WIN', 'PLC', 'QNL', 'QPL', 'EXA', 'TLA', 'TRI', 'EXT')", name=op.f("ck_odds_snapshots_pool")
        ),
        sa.PrimaryKeyConstraint("race_id", "pool", "observed_at", name=op.f("pk_odds_snapshots")),
        comment="Odds as a time series: one row per race, pool and instant. View odds_prices: a row per price.",
    )
    # Prices hardly compress: trying costs a fifth of a batch and a tenth of a read, and saves 0.25 bytes a price.
    op.execute("alter table odds_snapshots alter column odds set storage external")
    op.create_index(
        op.f("ix_odds_snapshots_race_date_pool_race_id"),
        "odds_snapshots",
        ["race_date", "pool", "race_id"],
        unique=False,
    )
    op.alter_column(
        "alerts",
        "kind",
        existing_type=sa.TEXT(),
        comment="failure, refused, exhausted, recovered, summary or notice.",
        existing_comment="failure, refused, exhausted, recovered or summary.",
        existing_nullable=False,
    )
    op.alter_column(
        "alerts",
        "key",
        existing_type=sa.TEXT(),
        comment="What it is about: source, job, verdict; a date; a race.",
        existing_comment="What it is about: source, job and verdict; the date of a summary.",
        existing_nullable=False,
    )
    op.create_index(op.f("ix_results_trainer_id_race_date"), "results", ["trainer_id", "race_date"], unique=False)
    op.create_index(op.f("ix_results_runner_name_race_date"), "results", ["runner_name", "race_date"], unique=False)
    _payoff_pools(with_ext=True)
    _alert_kinds(with_notice=True)
    op.execute(COMBINATIONS)
    op.execute("revoke execute on function odds_combinations(text, smallint[]) from public")
    for role in ("fotmate_writer", "fotmate_reader"):
        op.execute(
            f"do $$ begin if exists (select from pg_roles where rolname = '{role}') then "
            f"grant execute on function odds_combinations(text, smallint[]) to {role}; end if; end $$"
        )
    op.execute(PRICES)


def downgrade() -> None:
    op.execute("drop view odds_prices")
    op.execute("drop function odds_combinations(text, smallint[])")
    op.drop_index(op.f("ix_results_runner_name_race_date"), table_name="results")
    op.drop_index(op.f("ix_results_trainer_id_race_date"), table_name="results")
    _payoff_pools(with_ext=False)
    _alert_kinds(with_notice=False)
    op.alter_column(
        "alerts",
        "key",
        existing_type=sa.TEXT(),
        comment="What it is about: source, job and verdict; the date of a summary.",
        existing_comment="What it is about: source, job, verdict; a date; a race.",
        existing_nullable=False,
    )
    op.alter_column(
        "alerts",
        "kind",
        existing_type=sa.TEXT(),
        comment="failure, refused, exhausted, recovered or summary.",
        existing_comment="failure, refused, exhausted, recovered, summary or notice.",
        existing_nullable=False,
    )
    op.drop_index(op.f("ix_odds_snapshots_race_date_pool_race_id"), table_name="odds_snapshots")
    op.drop_table("odds_snapshots")
    op.drop_index(op.f("ix_odds_slots_slot_at"), table_name="odds_slots")
    op.drop_index(op.f("ix_odds_slots_race_date"), table_name="odds_slots")
    op.drop_table("odds_slots")
    op.drop_table("odds_retired")
    op.drop_index(op.f("ix_odds_moves_race_date"), table_name="odds_moves")
    op.drop_table("odds_moves")
    op.drop_index(op.f("ix_odds_candles_race_date"), table_name="odds_candles")
    op.drop_table("odds_candles")
