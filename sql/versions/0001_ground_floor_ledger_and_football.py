"""Ground floor: ledger and football"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


ENSURE_PARTITION = """
create function ensure_season_partition(key text) returns boolean
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
    child text := 'match_events_' || replace(replace(key, '_', '__'), '-', '_');
begin
    if not exists (select from public.seasons where season_key = key) then
        raise exception 'unknown season %', key using errcode = 'foreign_key_violation';
    end if;
    if length(child) > 63 then
        child := left(child, 54) || '_' || left(md5(key), 8);
    end if;
    if to_regclass('public.' || quote_ident(child)) is not null then
        return false;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('season partition', 0));
    execute format(
        'create table if not exists public.%I partition of public.match_events for values in (%L)', child, key
    );
    return true;
end $$
"""
"""Lets the writer, who may not run DDL, open the partition of a known season. True when it was made."""


def upgrade() -> None:
    op.create_table(
        "competitions",
        sa.Column("competition_id", sa.Text(), nullable=False, comment="Slug: `premier-league`."),
        sa.Column("name", sa.Text(), nullable=False, comment="Name as the first provider gives it."),
        sa.Column("country", sa.Text(), nullable=True, comment="Country or region, `International` for world events."),
        sa.Column("gender", sa.Text(), nullable=True, comment="male or female."),
        sa.Column("is_youth", sa.Boolean(), nullable=False, comment="Age-limited."),
        sa.Column("is_international", sa.Boolean(), nullable=False, comment="Between national sides."),
        sa.PrimaryKeyConstraint("competition_id", name=op.f("pk_competitions")),
        comment="Competitions.",
    )
    op.create_table(
        "id_review",
        sa.Column("review_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Running number."),
        sa.Column("entity_type", sa.Text(), nullable=False, comment="team or player."),
        sa.Column("provider", sa.Text(), nullable=False, comment="Provider of the doubtful id."),
        sa.Column("provider_id", sa.Text(), nullable=False, comment="The provider's id."),
        sa.Column("provider_name", sa.Text(), nullable=False, comment="The provider's name for it."),
        sa.Column("internal_id", sa.Text(), nullable=False, comment="The id it was given meanwhile."),
        sa.Column("candidate_id", sa.Text(), nullable=False, comment="The internal id it may be the same as."),
        sa.Column("confidence", sa.REAL(), nullable=False, comment="0 to 1."),
        sa.Column("status", sa.Text(), server_default="open", nullable=False, comment="open, merged or rejected."),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False, comment="When."
        ),
        sa.CheckConstraint("status in ('open', 'merged', 'rejected')", name=op.f("ck_id_review_status")),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_id_review")),
        sa.UniqueConstraint(
            "entity_type",
            "provider",
            "provider_id",
            "candidate_id",
            name=op.f("uq_id_review_entity_type_provider_provider_id_candidate_id"),
        ),
        comment="Pairs that may be the same team or player: too close to ignore, too doubtful to merge.",
    )
    op.create_table(
        "ingestion_failures",
        sa.Column(
            "failure_id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="The ID of `fotmate failures`.",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="Provider."),
        sa.Column("job", sa.Text(), nullable=False, comment="The asset that owes it."),
        sa.Column(
            "partition_key", sa.Text(), nullable=False, comment="Partition of the asset; empty where it has none."
        ),
        sa.Column("document", sa.Text(), nullable=False, comment="The document or match that failed."),
        sa.Column("verdict", sa.Text(), nullable=False, comment="Verdict of the last attempt."),
        sa.Column("field", sa.Text(), nullable=True, comment="The field at fault, where one is."),
        sa.Column("reason", sa.Text(), nullable=False, comment="What is wrong, for a reader."),
        sa.Column("status", sa.Text(), nullable=False, comment="pending, retrying, resolved or exhausted."),
        sa.Column("attempts", sa.Integer(), server_default="1", nullable=False, comment="Attempts so far."),
        sa.Column("max_attempts", sa.Integer(), nullable=False, comment="Attempts after which it is exhausted."),
        sa.Column(
            "next_retry_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the next attempt is due; null: not by itself.",
        ),
        sa.Column("raw_sha256", sa.Text(), nullable=True, comment="The kept bytes, in the raw zone."),
        sa.Column("run_id", sa.Text(), nullable=True, comment="Dagster run of the last attempt."),
        sa.Column(
            "first_failed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="First failure.",
        ),
        sa.Column(
            "last_failed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Last failure.",
        ),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True, comment="When a later attempt succeeded."),
        sa.CheckConstraint(
            "(status = 'resolved') = (resolved_at is not null)", name=op.f("ck_ingestion_failures_resolved_at")
        ),
        sa.CheckConstraint(
            "status in ('pending', 'retrying', 'resolved', 'exhausted')", name=op.f("ck_ingestion_failures_status")
        ),
        sa.CheckConstraint(
            "verdict in ('ok', 'empty_expected', 'not_yet', 'empty_unexpected', 'quota', 'auth', 'blocked', 'malformed', 'transport')",
            name=op.f("ck_ingestion_failures_verdict"),
        ),
        sa.PrimaryKeyConstraint("failure_id", name=op.f("pk_ingestion_failures")),
        comment="One row per thing owed: what failed, why, and when it is tried again.",
    )
    op.create_index(
        "ix_ingestion_failures_due",
        "ingestion_failures",
        ["next_retry_at"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "uq_ingestion_failures_owed",
        "ingestion_failures",
        ["source", "job", "partition_key", "document"],
        unique=True,
        postgresql_where=sa.text("status <> 'resolved'"),
    )
    op.create_table(
        "ingestion_jobs",
        sa.Column("job_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Running number."),
        sa.Column("source", sa.Text(), nullable=False, comment="Provider: statsbomb, metrica, openfootball, fbref ..."),
        sa.Column("job", sa.Text(), nullable=False, comment="What was attempted: the asset, `football/statsbomb_raw`."),
        sa.Column(
            "partition_key", sa.Text(), nullable=False, comment="Partition of the asset; empty where it has none."
        ),
        sa.Column(
            "verdict", sa.Text(), nullable=False, comment="How it ended; see the verdicts in the architecture page."
        ),
        sa.Column(
            "rows",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="Rows written (documents for raw assets).",
        ),
        sa.Column("duration_s", sa.Float(), nullable=False, comment="Wall-clock seconds."),
        sa.Column("message", sa.Text(), server_default="", nullable=False, comment="What happened, for a reader."),
        sa.Column("run_id", sa.Text(), nullable=True, comment="Dagster run."),
        sa.Column(
            "trace_id", sa.Text(), nullable=True, comment="Ties log lines to this row; the run id where there is one."
        ),
        sa.Column(
            "finished_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it ended.",
        ),
        sa.CheckConstraint(
            "verdict in ('ok', 'empty_expected', 'not_yet', 'empty_unexpected', 'quota', 'auth', 'blocked', 'malformed', 'transport')",
            name=op.f("ck_ingestion_jobs_verdict"),
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_ingestion_jobs")),
        comment="One row per attempt to fetch or load something.",
    )
    op.create_index(op.f("ix_ingestion_jobs_finished_at"), "ingestion_jobs", ["finished_at"], unique=False)
    op.create_index(
        op.f("ix_ingestion_jobs_source_job_partition_key_finished_at"),
        "ingestion_jobs",
        ["source", "job", "partition_key", "finished_at"],
        unique=False,
    )
    op.create_table(
        "players",
        sa.Column("player_id", sa.Text(), nullable=False, comment="`fotmate_player_{uuid}`."),
        sa.Column("name", sa.Text(), nullable=False, comment="Full name."),
        sa.Column("known_name", sa.Text(), nullable=True, comment="The name on the shirt or in the press."),
        sa.Column("country", sa.Text(), nullable=True, comment="Nationality."),
        sa.Column("birth_date", sa.Date(), nullable=True, comment="Date of birth, where a provider tells it."),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="First seen.",
        ),
        sa.PrimaryKeyConstraint("player_id", name=op.f("pk_players")),
        comment="Players.",
    )
    op.create_table(
        "quarantine",
        sa.Column(
            "quarantine_id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Running number."
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="Provider."),
        sa.Column("document", sa.Text(), nullable=False, comment="Name of the document inside its source."),
        sa.Column(
            "partition_key", sa.Text(), nullable=False, comment="Partition it was meant for; empty where unknown."
        ),
        sa.Column("sha256", sa.Text(), nullable=False, comment="Hash of the bytes; they are kept in the raw zone."),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False, comment="Length of the document."),
        sa.Column("field", sa.Text(), nullable=True, comment="The field at fault, where one is."),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why it was refused."),
        sa.Column(
            "quarantined_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When.",
        ),
        sa.PrimaryKeyConstraint("quarantine_id", name=op.f("pk_quarantine")),
        comment="Documents that were refused. Nothing is thrown away: the bytes stay in the raw zone.",
    )
    op.create_index(
        op.f("ix_quarantine_source_document_sha256"), "quarantine", ["source", "document", "sha256"], unique=True
    )
    op.create_table(
        "teams",
        sa.Column("team_id", sa.Text(), nullable=False, comment="`fotmate_team_{uuid}`."),
        sa.Column("name", sa.Text(), nullable=False, comment="Name as the first provider gives it."),
        sa.Column("gender", sa.Text(), nullable=True, comment="male or female."),
        sa.Column("country", sa.Text(), nullable=True, comment="Country."),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="First seen.",
        ),
        sa.PrimaryKeyConstraint("team_id", name=op.f("pk_teams")),
        comment="Clubs and national sides.",
    )
    op.create_table(
        "tracking_files",
        sa.Column("match_id", sa.Text(), nullable=False, comment="The video partition: one video of one match."),
        sa.Column("status", sa.Text(), nullable=False, comment="pending, processing, completed or failed."),
        sa.Column(
            "storage_path",
            sa.Text(),
            nullable=True,
            comment="`tracking/{match_id}/trajectories.parquet` in the tracking bucket.",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="The video or the provider's tracking file."),
        sa.Column("source_sha256", sa.Text(), nullable=True, comment="Hash of that source."),
        sa.Column("rows", sa.BigInteger(), nullable=True, comment="Rows in the file."),
        sa.Column("sha256", sa.Text(), nullable=True, comment="Hash of the file."),
        sa.Column(
            "quality",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="Quality figures by name.",
        ),
        sa.Column("error", sa.Text(), nullable=True, comment="Why it failed."),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Last change.",
        ),
        sa.CheckConstraint(
            "status <> 'completed' or (storage_path is not null and sha256 is not null)",
            name=op.f("ck_tracking_files_completed"),
        ),
        sa.CheckConstraint(
            "status in ('pending', 'processing', 'completed', 'failed')", name=op.f("ck_tracking_files_status")
        ),
        sa.PrimaryKeyConstraint("match_id", name=op.f("pk_tracking_files")),
        comment="Trajectory files in the bucket.",
    )
    op.create_table(
        "seasons",
        sa.Column(
            "season_key", sa.Text(), nullable=False, comment="The Dagster partition: `premier-league_2003-2004`."
        ),
        sa.Column("competition_id", sa.Text(), nullable=False, comment="Its competition."),
        sa.Column("name", sa.Text(), nullable=False, comment="`2003/2004`."),
        sa.Column(
            "provider_ids",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Provider to its own ids of this season.",
        ),
        sa.ForeignKeyConstraint(
            ["competition_id"], ["competitions.competition_id"], name=op.f("fk_seasons_competition_id")
        ),
        sa.PrimaryKeyConstraint("season_key", name=op.f("pk_seasons")),
        comment="Seasons of competitions; one row per Dagster partition.",
    )
    op.create_index(op.f("ix_seasons_competition_id"), "seasons", ["competition_id"], unique=False)
    op.create_table(
        "id_mappings",
        sa.Column("entity_type", sa.Text(), nullable=False, comment="team, player or match."),
        sa.Column("provider", sa.Text(), nullable=False, comment="Provider."),
        sa.Column("provider_id", sa.Text(), nullable=False, comment="The provider's id."),
        sa.Column("internal_id", sa.Text(), nullable=False, comment="Ours."),
        sa.Column(
            "method",
            sa.Text(),
            nullable=False,
            comment="exact_id, register, name_birth_date, name, similar_name, fixture, manual.",
        ),
        sa.Column("confidence", sa.REAL(), nullable=False, comment="0 to 1."),
        sa.Column("provenance", sa.Text(), nullable=False, comment="The document that introduced it."),
        sa.Column("season_key", sa.Text(), nullable=True, comment="Partition that introduced it."),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False, comment="When."
        ),
        sa.CheckConstraint("entity_type in ('team', 'player', 'match')", name=op.f("ck_id_mappings_entity_type")),
        sa.CheckConstraint("confidence between 0 and 1", name=op.f("ck_id_mappings_confidence")),
        sa.ForeignKeyConstraint(["season_key"], ["seasons.season_key"], name=op.f("fk_id_mappings_season_key")),
        sa.PrimaryKeyConstraint("entity_type", "provider", "provider_id", name=op.f("pk_id_mappings")),
        comment="Provider ids to internal ids, with provenance. Never merged below a threshold; see id_review.",
    )
    op.create_index(op.f("ix_id_mappings_internal_id"), "id_mappings", ["internal_id"], unique=False)
    op.create_table(
        "matches",
        sa.Column(
            "match_id",
            sa.Text(),
            nullable=False,
            comment="`2003-2004_1_001`; outside the Premier League with its slug.",
        ),
        sa.Column("season_key", sa.Text(), nullable=False, comment="Partition."),
        sa.Column(
            "provider", sa.Text(), nullable=False, comment="Who the row, its lineups, events and stats come from."
        ),
        sa.Column("provider_match_id", sa.Text(), nullable=False, comment="That provider's id."),
        sa.Column(
            "matchday", sa.SmallInteger(), nullable=True, comment="Round as published; not reliable for older seasons."
        ),
        sa.Column("match_date", sa.Date(), nullable=True, comment="Local date."),
        sa.Column(
            "kick_off",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Start, where the provider gives a usable time.",
        ),
        sa.Column("home_team_id", sa.Text(), nullable=False, comment="Home side."),
        sa.Column("away_team_id", sa.Text(), nullable=False, comment="Away side."),
        sa.Column("status", sa.Text(), nullable=False, comment="scheduled, played, postponed or cancelled."),
        sa.Column(
            "home_score", sa.SmallInteger(), nullable=True, comment="Goals after extra time, the shoot-out apart."
        ),
        sa.Column(
            "away_score", sa.SmallInteger(), nullable=True, comment="Goals after extra time, the shoot-out apart."
        ),
        sa.Column(
            "home_shootout",
            sa.SmallInteger(),
            nullable=True,
            comment="Penalties scored in the shoot-out; null without one.",
        ),
        sa.Column(
            "away_shootout",
            sa.SmallInteger(),
            nullable=True,
            comment="Penalties scored in the shoot-out; null without one.",
        ),
        sa.Column(
            "score_from_events", sa.Boolean(), nullable=False, comment="The provider states no score; it was counted."
        ),
        sa.Column("stage", sa.Text(), nullable=True, comment="Regular Season, Semi-finals ..."),
        sa.Column("venue", sa.Text(), nullable=True, comment="Stadium."),
        sa.Column("referee", sa.Text(), nullable=True, comment="Referee."),
        sa.Column("event_count", sa.Integer(), nullable=False, comment="Rows in match_events."),
        sa.Column(
            "warnings",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Oddities of the source that were kept, as texts.",
        ),
        sa.Column(
            "provider_updated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="The provider's own time of last change.",
        ),
        sa.Column(
            "revision_sha256", sa.Text(), nullable=False, comment="Hash of the raw documents the match was built from."
        ),
        sa.Column(
            "loaded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When this revision came in.",
        ),
        sa.CheckConstraint(
            "status in ('scheduled', 'played', 'postponed', 'cancelled')", name=op.f("ck_matches_status")
        ),
        sa.CheckConstraint("(home_shootout is null) = (away_shootout is null)", name=op.f("ck_matches_shootout")),
        sa.CheckConstraint("home_score >= 0 and away_score >= 0", name=op.f("ck_matches_scores")),
        sa.CheckConstraint("home_team_id <> away_team_id", name=op.f("ck_matches_two_sides")),
        sa.ForeignKeyConstraint(["away_team_id"], ["teams.team_id"], name=op.f("fk_matches_away_team_id")),
        sa.ForeignKeyConstraint(["home_team_id"], ["teams.team_id"], name=op.f("fk_matches_home_team_id")),
        sa.ForeignKeyConstraint(["season_key"], ["seasons.season_key"], name=op.f("fk_matches_season_key")),
        sa.PrimaryKeyConstraint("match_id", name=op.f("pk_matches")),
        sa.UniqueConstraint("provider", "provider_match_id", name=op.f("uq_matches_provider_provider_match_id")),
        comment="Matches.",
    )
    op.create_index(op.f("ix_matches_away_team_id_match_date"), "matches", ["away_team_id", "match_date"], unique=False)
    op.create_index(op.f("ix_matches_home_team_id_match_date"), "matches", ["home_team_id", "match_date"], unique=False)
    op.create_index(op.f("ix_matches_season_key_match_date"), "matches", ["season_key", "match_date"], unique=False)
    op.create_table(
        "lineups",
        sa.Column("match_id", sa.Text(), nullable=False, comment="Match."),
        sa.Column("player_id", sa.Text(), nullable=False, comment="Player."),
        sa.Column("season_key", sa.Text(), nullable=False, comment="Partition."),
        sa.Column("team_id", sa.Text(), nullable=False, comment="The side played for."),
        sa.Column(
            "shirt_number",
            sa.SmallInteger(),
            nullable=True,
            comment="Not unique: sources repeat numbers inside a squad.",
        ),
        sa.Column(
            "is_starter",
            sa.Boolean(),
            nullable=True,
            comment="In the starting eleven; null where the provider does not say.",
        ),
        sa.Column(
            "position", sa.Text(), nullable=True, comment="First position played; null for an unused substitute."
        ),
        sa.Column(
            "spells",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Stretches on the pitch: position, periods, clock in seconds, reasons.",
        ),
        sa.Column(
            "cards",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Bookings: card, period, clock in seconds, reason.",
        ),
        sa.ForeignKeyConstraint(
            ["match_id"], ["matches.match_id"], name=op.f("fk_lineups_match_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["player_id"], ["players.player_id"], name=op.f("fk_lineups_player_id")),
        sa.ForeignKeyConstraint(["team_id"], ["teams.team_id"], name=op.f("fk_lineups_team_id")),
        sa.PrimaryKeyConstraint("match_id", "player_id", name=op.f("pk_lineups")),
        comment="Match-day squads.",
    )
    op.create_index(op.f("ix_lineups_player_id"), "lineups", ["player_id"], unique=False)
    op.create_index(op.f("ix_lineups_season_key_team_id"), "lineups", ["season_key", "team_id"], unique=False)
    op.create_table(
        "match_events",
        sa.Column("season_key", sa.Text(), nullable=False, comment="Partition; the table is list-partitioned by it."),
        sa.Column("match_id", sa.Text(), nullable=False, comment="Match."),
        sa.Column("team_id", sa.Text(), nullable=False, comment="Acting side."),
        sa.Column(
            "player_id", sa.Text(), nullable=True, comment="Acting player; null for events of a side or the referee."
        ),
        sa.Column(
            "recipient_id",
            sa.Text(),
            nullable=True,
            comment="Receiver of a pass; the player coming on in a substitution.",
        ),
        sa.Column("possession_team_id", sa.Text(), nullable=True, comment="Side in possession."),
        sa.Column(
            "event_index", sa.Integer(), nullable=False, comment="Provider order, 1-based and gapless. Sort by this."
        ),
        sa.Column(
            "provider_event_id",
            sa.Text(),
            nullable=False,
            comment="Provider's id; changes when a match is re-collected.",
        ),
        sa.Column("period", sa.SmallInteger(), nullable=False, comment="1, 2 halves; 3, 4 extra time; 5 shoot-out."),
        sa.Column("timestamp_ms", sa.Integer(), nullable=False, comment="Milliseconds since the start of the period."),
        sa.Column(
            "minute",
            sa.SmallInteger(),
            nullable=False,
            comment="Match clock; period 1 may pass 45 before 2 restarts there.",
        ),
        sa.Column("second", sa.SmallInteger(), nullable=False, comment="Match clock."),
        sa.Column("event_type", sa.Text(), nullable=False, comment="Pass, Shot, Carry ...: StatsBomb's vocabulary."),
        sa.Column("subtype", sa.Text(), nullable=True, comment="Corner, Free Kick, Penalty, Tackle ..."),
        sa.Column(
            "outcome", sa.Text(), nullable=True, comment="Goal, Saved, Incomplete ...; null on a completed pass."
        ),
        sa.Column("body_part", sa.Text(), nullable=True, comment="Right Foot, Left Foot, Head ..."),
        sa.Column("position", sa.Text(), nullable=True, comment="Position of the acting player at the time."),
        sa.Column(
            "play_pattern", sa.Text(), nullable=True, comment="How the possession began: From Corner, Regular Play ..."
        ),
        sa.Column("possession", sa.Integer(), nullable=True, comment="Number of the possession, 1-based."),
        sa.Column(
            "x_m", sa.REAL(), nullable=True, comment="Metres from the centre spot toward the acting side's attack."
        ),
        sa.Column("y_m", sa.REAL(), nullable=True, comment="Metres from the centre spot to the acting side's left."),
        sa.Column("end_x_m", sa.REAL(), nullable=True, comment="Where the ball or the carry ended, metres."),
        sa.Column("end_y_m", sa.REAL(), nullable=True, comment="Where the ball or the carry ended, metres."),
        sa.Column("provider_x", sa.REAL(), nullable=True, comment="The provider's own coordinate."),
        sa.Column("provider_y", sa.REAL(), nullable=True, comment="The provider's own coordinate."),
        sa.Column("provider_end_x", sa.REAL(), nullable=True, comment="The provider's own coordinate."),
        sa.Column("provider_end_y", sa.REAL(), nullable=True, comment="The provider's own coordinate."),
        sa.Column(
            "out_of_bounds", sa.Boolean(), nullable=False, comment="The provider's coordinate exceeds its own pitch."
        ),
        sa.Column("duration_s", sa.REAL(), nullable=True, comment="Seconds."),
        sa.Column("under_pressure", sa.Boolean(), nullable=False, comment="An opponent pressed the acting player."),
        sa.Column("assist", sa.Text(), nullable=True, comment="`goal` or `shot` on the pass that led to one."),
        sa.Column("card", sa.Text(), nullable=True, comment="Yellow Card, Second Yellow or Red Card shown for this."),
        sa.Column("xg", sa.REAL(), nullable=True, comment="Expected goals of a shot, 0 to 1."),
        sa.Column(
            "related_events",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="Provider ids of linked events; not symmetric.",
        ),
        sa.Column(
            "details",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="What the provider says beyond these columns, verbatim.",
        ),
        sa.Column(
            "counterpress", sa.Boolean(), nullable=False, comment="A pressing action within 5 s of losing the ball."
        ),
        sa.Column("ball_out", sa.Boolean(), nullable=False, comment="The event ended with the ball out of play."),
        sa.ForeignKeyConstraint(
            ["match_id"], ["matches.match_id"], name=op.f("fk_match_events_match_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("season_key", "match_id", "event_index", name=op.f("pk_match_events")),
        comment="Events. Team and player ids carry no foreign key: three of them halve the load speed (118k to 63k rows/s); the check `ids_resolve` looks instead.",
        postgresql_partition_by="LIST (season_key)",
    )
    op.create_index(
        op.f("ix_match_events_player_id_event_type"), "match_events", ["player_id", "event_type"], unique=False
    )
    op.create_table(
        "match_player_stats",
        sa.Column("match_id", sa.Text(), nullable=False, comment="Match."),
        sa.Column("player_id", sa.Text(), nullable=False, comment="Player."),
        sa.Column("season_key", sa.Text(), nullable=False, comment="Partition."),
        sa.Column("team_id", sa.Text(), nullable=False, comment="The side played for."),
        sa.Column(
            "minutes",
            sa.REAL(),
            nullable=True,
            comment="Minutes on the pitch, stoppage and extra time included; null where unknown.",
        ),
        sa.Column("goals", sa.SmallInteger(), nullable=False, comment="Goals, shoot-out and own goals apart."),
        sa.Column("own_goals", sa.SmallInteger(), nullable=False, comment="Own goals."),
        sa.Column("assists", sa.SmallInteger(), nullable=False, comment="Passes that led to a goal."),
        sa.Column("shots", sa.SmallInteger(), nullable=False, comment="Shots, shoot-out apart."),
        sa.Column("shots_on_target", sa.SmallInteger(), nullable=False, comment="Goals and saved shots."),
        sa.Column("passes", sa.SmallInteger(), nullable=False, comment="Passes attempted."),
        sa.Column("passes_completed", sa.SmallInteger(), nullable=False, comment="Passes completed."),
        sa.Column(
            "pass_accuracy", sa.REAL(), nullable=True, comment="Completed share of passes, 0 to 1; null without a pass."
        ),
        sa.Column(
            "key_passes", sa.SmallInteger(), nullable=False, comment="Passes that led to a shot, assists included."
        ),
        sa.Column("tackles", sa.SmallInteger(), nullable=False, comment="Tackles."),
        sa.Column("interceptions", sa.SmallInteger(), nullable=False, comment="Interceptions."),
        sa.Column("clearances", sa.SmallInteger(), nullable=False, comment="Clearances."),
        sa.Column("fouls_committed", sa.SmallInteger(), nullable=False, comment="Fouls committed."),
        sa.Column("fouls_won", sa.SmallInteger(), nullable=False, comment="Fouls suffered."),
        sa.Column("yellow_cards", sa.SmallInteger(), nullable=False, comment="First yellow cards."),
        sa.Column("red_cards", sa.SmallInteger(), nullable=False, comment="Dismissals: red or second yellow."),
        sa.Column("xg", sa.Float(), nullable=True, comment="Sum of expected goals; null where the provider has none."),
        sa.Column(
            "advanced_stats", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="Further counts by name."
        ),
        sa.ForeignKeyConstraint(
            ["match_id"], ["matches.match_id"], name=op.f("fk_match_player_stats_match_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["player_id"], ["players.player_id"], name=op.f("fk_match_player_stats_player_id")),
        sa.ForeignKeyConstraint(["team_id"], ["teams.team_id"], name=op.f("fk_match_player_stats_team_id")),
        sa.PrimaryKeyConstraint("match_id", "player_id", name=op.f("pk_match_player_stats")),
        comment="What each player did in each match.",
    )
    op.create_index(op.f("ix_match_player_stats_player_id"), "match_player_stats", ["player_id"], unique=False)
    op.create_index(
        op.f("ix_match_player_stats_season_key_player_id"),
        "match_player_stats",
        ["season_key", "player_id"],
        unique=False,
    )
    op.execute(ENSURE_PARTITION)
    op.execute("revoke execute on function ensure_season_partition(text) from public")
    op.execute(
        "do $$ begin if exists (select from pg_roles where rolname = 'fotmate_writer') then "
        "grant execute on function ensure_season_partition(text) to fotmate_writer; end if; end $$"
    )


def downgrade() -> None:
    op.execute("drop function ensure_season_partition(text)")
    op.drop_index(op.f("ix_match_player_stats_season_key_player_id"), table_name="match_player_stats")
    op.drop_index(op.f("ix_match_player_stats_player_id"), table_name="match_player_stats")
    op.drop_table("match_player_stats")
    op.drop_index(op.f("ix_match_events_player_id_event_type"), table_name="match_events")
    op.drop_table("match_events")
    op.drop_index(op.f("ix_lineups_season_key_team_id"), table_name="lineups")
    op.drop_index(op.f("ix_lineups_player_id"), table_name="lineups")
    op.drop_table("lineups")
    op.drop_index(op.f("ix_matches_season_key_match_date"), table_name="matches")
    op.drop_index(op.f("ix_matches_home_team_id_match_date"), table_name="matches")
    op.drop_index(op.f("ix_matches_away_team_id_match_date"), table_name="matches")
    op.drop_table("matches")
    op.drop_index(op.f("ix_id_mappings_internal_id"), table_name="id_mappings")
    op.drop_table("id_mappings")
    op.drop_index(op.f("ix_seasons_competition_id"), table_name="seasons")
    op.drop_table("seasons")
    op.drop_table("tracking_files")
    op.drop_table("teams")
    op.drop_index(op.f("ix_quarantine_source_document_sha256"), table_name="quarantine")
    op.drop_table("quarantine")
    op.drop_table("players")
    op.drop_index(op.f("ix_ingestion_jobs_source_job_partition_key_finished_at"), table_name="ingestion_jobs")
    op.drop_index(op.f("ix_ingestion_jobs_finished_at"), table_name="ingestion_jobs")
    op.drop_table("ingestion_jobs")
    op.drop_index(
        "uq_ingestion_failures_owed", table_name="ingestion_failures", postgresql_where=sa.text("status <> 'resolved'")
    )
    op.drop_index(
        "ix_ingestion_failures_due", table_name="ingestion_failures", postgresql_where=sa.text("status = 'pending'")
    )
    op.drop_table("ingestion_failures")
    op.drop_table("id_review")
    op.drop_table("competitions")
