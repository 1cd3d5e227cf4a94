"""The odds tables: the one declaration of each. See `core.tables` for how they are used.

None has a foreign key to `races`: a race that leaves the calendar does not take its odds along, and the snapshots can
become a TimescaleDB hypertable.
"""

from __future__ import annotations

from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY

from fotmate_assets.core.model import Verdict
from fotmate_assets.core.tables import TIMESTAMPTZ, metadata, one_of
from fotmate_assets.racing.cadence import Phase, SlotStatus, SlotVerdict
from fotmate_assets.racing.odds.model import NUMBERS_IN

POOLS = tuple(NUMBERS_IN)
FIELD = "Start numbers of every declared runner, ascending: what the combinations are made of."
SOURCE = "Which source told: simulated, replay, portal_final, or a feed's own name."
LIVE = "True: the market's odds at that instant. Final and replayed odds are not."
SIMULATED = "True: no such market exists."

odds_snapshots = Table(
    "odds_snapshots",
    metadata,
    Column("race_id", Text, primary_key=True, comment="Race."),
    Column("pool", Text, primary_key=True, comment="WIN, PLC, QNL, QPL, EXA, TLA, TRI or EXT."),
    Column(
        "observed_at",
        TIMESTAMPTZ,
        primary_key=True,
        comment="The planned instant; of final odds, when they were fetched.",
    ),
    Column("source_ts", TIMESTAMPTZ, comment="The source's clock; null where it tells none."),
    Column("ingested_at", TIMESTAMPTZ, nullable=False, comment="Our clock when the answer was there."),
    Column("sales_krw", BigInteger, comment="Sales of the pool, won; null where unknown: not zero."),
    Column("race_date", Date, nullable=False, comment="Partition."),
    Column("priced", SmallInteger, nullable=False, comment="Combinations with a price."),
    Column("pays", SmallInteger, nullable=False, comment="Combinations that will pay: what all chances sum to."),
    Column("mean_odds", REAL, comment="Mean of the prices; null without one."),
    Column("overround", REAL, nullable=False, comment="Sum of 1/price."),
    Column("is_live", Boolean, nullable=False, comment=LIVE),
    Column("is_simulated", Boolean, nullable=False, comment=SIMULATED),
    Column("source", Text, nullable=False, comment=SOURCE),
    Column("field", ARRAY(SmallInteger), nullable=False, comment=FIELD),
    Column("raw_sha256", LargeBinary, comment="Hash of the document: its address in the raw zone."),
    Column(
        "odds",
        ARRAY(REAL),
        nullable=False,
        comment="Per combination in canonical order: the price; -1 unsold, -2 capped, -3 scratched, -4 not told.",
    ),
    CheckConstraint(one_of("pool", POOLS), name="pool"),
    CheckConstraint("not (is_live and source = 'portal_final')", name="is_live"),
    Index(None, "race_date", "pool", "race_id"),
    comment="Odds as a time series: one row per race, pool and instant. View odds_prices: a row per price.",
)

odds_slots = Table(
    "odds_slots",
    metadata,
    Column("race_id", Text, primary_key=True, comment="Race."),
    Column("slot_at", TIMESTAMPTZ, primary_key=True, comment="The planned instant."),
    Column("race_date", Date, nullable=False, comment="Partition."),
    Column("phase", Text, nullable=False, comment="5min, 1min, 30s or off."),
    Column("status", Text, nullable=False, comment="planned, captured or missed."),
    Column("verdict", Text, comment="ok, or why it was missed; null while planned."),
    Column("reason", Text, comment="In words."),
    Column("tries", SmallInteger, nullable=False, server_default="0", comment="Times the source was asked."),
    Column("asked_at", TIMESTAMPTZ, comment="When the source was first asked for it."),
    Column("source", Text, nullable=False, comment=SOURCE),
    Column("is_simulated", Boolean, nullable=False, comment=SIMULATED),
    Column("changed_at", TIMESTAMPTZ, nullable=False, server_default=func.now(), comment="Last change of the row."),
    CheckConstraint(one_of("phase", tuple(Phase)), name="phase"),
    CheckConstraint(one_of("status", tuple(SlotStatus)), name="status"),
    CheckConstraint(one_of("verdict", (*Verdict, *SlotVerdict)), name="verdict"),
    CheckConstraint("(status = 'planned') = (verdict is null)", name="decided"),
    Index(None, "race_date"),
    Index(None, "slot_at"),
    comment="What was planned to be captured, and what became of it.",
)

odds_candles = Table(
    "odds_candles",
    metadata,
    Column("race_id", Text, primary_key=True, comment="Race."),
    Column("pool", Text, primary_key=True, comment="Pool."),
    Column("minutes", SmallInteger, primary_key=True, comment="Length: 1 or 5 minutes."),
    Column("start_at", TIMESTAMPTZ, primary_key=True, comment="Begin, a whole minute; the end is not included."),
    Column("race_date", Date, nullable=False, comment="Partition."),
    Column("snapshots", SmallInteger, nullable=False, comment="Snapshots in it."),
    Column("source", Text, nullable=False, comment=SOURCE),
    Column("is_live", Boolean, nullable=False, comment=LIVE),
    Column("is_simulated", Boolean, nullable=False, comment=SIMULATED),
    Column("made_from_at", TIMESTAMPTZ, nullable=False, comment="ingested_at of the newest snapshot in it."),
    Column("field", ARRAY(SmallInteger), nullable=False, comment=FIELD),
    *(
        Column(name, ARRAY(REAL), nullable=False, comment=f"{what} price per combination; the sentinel of the last "
               "snapshot where there was none.")
        for name, what in (("open", "First"), ("high", "Highest"), ("low", "Lowest"), ("close", "Last"))
    ),
    Column(
        "close_rank",
        ARRAY(SmallInteger),
        nullable=False,
        comment="Place of each last price, the lowest is 1, equal ones share a place; 0 without a price.",
    ),
    CheckConstraint(one_of("pool", POOLS), name="pool"),
    CheckConstraint("minutes in (1, 5)", name="minutes"),
    Index(None, "race_date"),
    comment="Open, high, low and close of every combination per minute and per 5 minutes.",
)  # fmt: skip

odds_moves = Table(
    "odds_moves",
    metadata,
    Column("race_id", Text, primary_key=True, comment="Race."),
    Column("start_no", SmallInteger, primary_key=True, comment="Runner."),
    Column("race_date", Date, nullable=False, comment="Partition."),
    Column("observed_at", TIMESTAMPTZ, nullable=False, comment="Snapshot that shows it first."),
    Column("from_at", TIMESTAMPTZ, nullable=False, comment="Snapshot that it rose from."),
    Column("from_share", REAL, nullable=False, comment="Share of the win pool then, 0 to 1."),
    Column("to_share", REAL, nullable=False, comment="Share of the win pool when it was seen, 0 to 1."),
    Column("seconds_to_off", Integer, nullable=False, comment="From that snapshot to post time."),
    Column("source", Text, nullable=False, comment=SOURCE),
    Column("is_simulated", Boolean, nullable=False, comment=SIMULATED),
    Index(None, "race_date"),
    comment="Sudden moves: share of the win pool up 5 points within 2 minutes, once per race and runner.",
)

odds_retired = Table(
    "odds_retired",
    metadata,
    Column("race_date", Date, primary_key=True, comment="Race date whose snapshots are in the lake, no longer here."),
    Column("rows", Integer, nullable=False, comment="Rows of odds_snapshots that were deleted, in all."),
    Column("content_sha256", Text, nullable=False, comment="Content of the lake's object that vouched for them."),
    Column("retired_at", TIMESTAMPTZ, nullable=False, server_default=func.now(), comment="Our clock, the last time."),
    comment="Race dates that are read from the lake. Written in the transaction that deletes their snapshots.",
)
