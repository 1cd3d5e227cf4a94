"""Vision"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "player_metrics",
        sa.Column("match_id", sa.Text(), nullable=False, comment="Match."),
        sa.Column(
            "track_id",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Track in the match's trajectories; of a known player's tracks the lowest.",
        ),
        sa.Column(
            "object_type", sa.Text(), nullable=False, comment="player, goalkeeper, referee, or other: of unknown part."
        ),
        sa.Column(
            "team",
            sa.Text(),
            nullable=True,
            comment="home, away; left, right where the kits are not known; null: none, or not known.",
        ),
        sa.Column("player_id", sa.Text(), nullable=True, comment="Who it is; null where nobody told."),
        sa.Column("tracks", sa.SmallInteger(), nullable=False, comment="Tracks that were added up."),
        sa.Column(
            "minutes_observed",
            sa.REAL(),
            nullable=False,
            comment="Minutes with positions, gaps of a second at most included.",
        ),
        sa.Column(
            "distance_m", sa.REAL(), nullable=False, comment="Metres covered in that time; none across longer gaps."
        ),
        sa.Column("mean_speed_m_s", sa.REAL(), nullable=False, comment="Metres per second in that time."),
        sa.Column(
            "top_speed_m_s",
            sa.REAL(),
            nullable=True,
            comment="Metres per second, held for 0.4 s; null where observed for less.",
        ),
        sa.Column(
            "sprints", sa.SmallInteger(), nullable=False, comment="Times at 7 m/s (25.2 km/h) or more for a second."
        ),
        sa.Column("sprint_distance_m", sa.REAL(), nullable=False, comment="Metres covered in sprints."),
        sa.Column(
            "high_speed_runs",
            sa.SmallInteger(),
            nullable=False,
            comment="Times at 5.5 m/s (19.8 km/h) or more for a second.",
        ),
        sa.Column(
            "high_speed_distance_m", sa.REAL(), nullable=False, comment="Metres covered in those, sprints included."
        ),
        sa.Column(
            "detected_share", sa.REAL(), nullable=False, comment="Share of positions that were detected, 0 to 1."
        ),
        sa.Column(
            "is_plausible",
            sa.Boolean(),
            nullable=False,
            comment="False: faster than 12 m/s, or further than 250 m a minute over a minute or longer.",
        ),
        sa.Column("is_simulated", sa.Boolean(), nullable=True, comment="True: no real match; null: nobody told."),
        sa.Column(
            "computed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Our clock.",
        ),
        sa.CheckConstraint(
            "object_type in ('player', 'goalkeeper', 'referee', 'other')", name=op.f("ck_player_metrics_object_type")
        ),
        sa.CheckConstraint("team in ('home', 'away', 'left', 'right')", name=op.f("ck_player_metrics_team")),
        sa.CheckConstraint("detected_share between 0 and 1", name=op.f("ck_player_metrics_detected_share")),
        sa.CheckConstraint("minutes_observed > 0 and distance_m >= 0", name=op.f("ck_player_metrics_observed")),
        sa.CheckConstraint("tracks >= 1", name=op.f("ck_player_metrics_tracks")),
        sa.PrimaryKeyConstraint("match_id", "track_id", name=op.f("pk_player_metrics")),
        comment="What a match's trajectories amount to per person: per player where it is known, else per track.",
    )
    op.create_index(op.f("ix_player_metrics_player_id"), "player_metrics", ["player_id"], unique=False)
    op.add_column(
        "tracking_files",
        sa.Column(
            "version",
            sa.Text(),
            nullable=True,
            comment="Of what had arrived when the last run began: another one when any part is.",
        ),
    )
    op.add_column(
        "tracking_files",
        sa.Column("fingerprint", sa.Text(), nullable=True, comment="Of everything that the file was made from and by."),
    )
    op.add_column(
        "tracking_files",
        sa.Column(
            "is_simulated",
            sa.Boolean(),
            nullable=True,
            comment="True: no real match is shown; null: nobody told, or not read yet.",
        ),
    )


def downgrade() -> None:
    op.drop_column("tracking_files", "is_simulated")
    op.drop_column("tracking_files", "fingerprint")
    op.drop_column("tracking_files", "version")
    op.drop_index(op.f("ix_player_metrics_player_id"), table_name="player_metrics")
    op.drop_table("player_metrics")
