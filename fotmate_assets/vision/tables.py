"""The vision tables: the one declaration of each. See `core.tables` for how they are used."""

from __future__ import annotations

from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from fotmate_assets.core.tables import TIMESTAMPTZ, metadata, one_of
from fotmate_assets.vision.model import ObjectType, Side, TrackingStatus

PEOPLE = tuple(kind for kind in ObjectType if kind is not ObjectType.BALL)

tracking_files = Table(
    "tracking_files",
    metadata,
    Column("match_id", Text, primary_key=True, comment="The video partition: one video of one match."),
    Column("status", Text, nullable=False, comment="pending, processing, completed or failed."),
    Column("storage_path", Text, comment="`tracking/{match_id}/trajectories.parquet` in the tracking bucket."),
    Column("source", Text, nullable=False, comment="The video or the provider's tracking file."),
    Column("version", Text, comment="Of what had arrived when the last run began: another one when any part is."),
    Column("source_sha256", Text, comment="Hash of that source."),
    Column("fingerprint", Text, comment="Of everything that the file was made from and by."),
    Column("is_simulated", Boolean, comment="True: no real match is shown; null: nobody told, or not read yet."),
    Column("rows", BigInteger, comment="Rows in the file."),
    Column("sha256", Text, comment="Hash of the file."),
    Column("quality", JSONB, nullable=False, server_default=text("'{}'::jsonb"), comment="Quality figures by name."),
    Column("error", Text, comment="Why it failed."),
    Column("updated_at", TIMESTAMPTZ, nullable=False, server_default=func.now(), comment="Last change."),
    CheckConstraint(one_of("status", tuple(TrackingStatus)), name="status"),
    CheckConstraint("status <> 'completed' or (storage_path is not null and sha256 is not null)", name="completed"),
    comment="Trajectory files in the bucket.",
)

player_metrics = Table(
    "player_metrics",
    metadata,
    Column("match_id", Text, primary_key=True, comment="Match."),
    Column(
        "track_id",
        Integer,
        primary_key=True,
        autoincrement=False,
        comment="Track in the match's trajectories; of a known player's tracks the lowest.",
    ),
    Column("object_type", Text, nullable=False, comment="player, goalkeeper, referee, or other: of unknown part."),
    Column("team", Text, comment="home, away; left, right where the kits are not known; null: none, or not known."),
    Column("player_id", Text, comment="Who it is; null where nobody told."),
    Column("tracks", SmallInteger, nullable=False, comment="Tracks that were added up."),
    Column(
        "minutes_observed", REAL, nullable=False, comment="Minutes with positions, gaps of a second at most included."
    ),
    Column("distance_m", REAL, nullable=False, comment="Metres covered in that time; none across longer gaps."),
    Column("mean_speed_m_s", REAL, nullable=False, comment="Metres per second in that time."),
    Column("top_speed_m_s", REAL, comment="Metres per second, held for 0.4 s; null where observed for less."),
    Column("sprints", SmallInteger, nullable=False, comment="Times at 7 m/s (25.2 km/h) or more for a second."),
    Column("sprint_distance_m", REAL, nullable=False, comment="Metres covered in sprints."),
    Column(
        "high_speed_runs", SmallInteger, nullable=False, comment="Times at 5.5 m/s (19.8 km/h) or more for a second."
    ),
    Column("high_speed_distance_m", REAL, nullable=False, comment="Metres covered in those, sprints included."),
    Column("detected_share", REAL, nullable=False, comment="Share of positions that were detected, 0 to 1."),
    Column(
        "is_plausible",
        Boolean,
        nullable=False,
        comment="False: faster than 12 m/s, or further than 250 m a minute over a minute or longer.",
    ),
    Column("is_simulated", Boolean, comment="True: no real match; null: nobody told."),
    Column("computed_at", TIMESTAMPTZ, nullable=False, server_default=func.now(), comment="Our clock."),
    CheckConstraint(one_of("object_type", PEOPLE), name="object_type"),
    CheckConstraint(one_of("team", tuple(Side)), name="team"),
    CheckConstraint("tracks >= 1", name="tracks"),
    CheckConstraint("minutes_observed > 0 and distance_m >= 0", name="observed"),
    CheckConstraint("detected_share between 0 and 1", name="detected_share"),
    Index(None, "player_id"),
    comment="What a match's trajectories amount to per person: per player where it is known, else per track.",
)
