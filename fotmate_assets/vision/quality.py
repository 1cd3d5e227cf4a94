"""How good a file of trajectories is: figures that are counted in the file itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fotmate_assets.vision.model import ObjectType
from fotmate_assets.vision.trajectories import FileMetadata, Source, read_metadata, read_trajectories

if TYPE_CHECKING:
    import polars as pl

FASTEST_M_S = 12.0
"""Nobody has run faster: 12.4 m/s is the peak of the fastest sprint ever timed."""
SPEED_OVER_MS = 400
"""A speed is taken over so long: over a single frame it is mostly the noise of two positions."""
FEWEST_PEOPLE, MOST_PEOPLE = 18, 26
"""In view of a camera that sees the pitch: 22 players and the officials, some hidden, some sent off."""
BESIDE_THE_PITCH_M = 1.0
"""A player on the line, and the position's error."""


@dataclass(frozen=True)
class Quality:
    """What is counted in a file. Shares are 0 to 1."""

    rows: int
    tracks: int
    """People and ball."""
    frames: int
    """Frames with any row."""
    frames_expected: int
    """Frames that the periods' length and the frame rate ask for."""
    repeated: int
    """Rows whose frame and track another row has."""
    people_per_frame: float | None
    """Median."""
    people_in_band: float | None
    """Share of the frames with 18 to 26 people."""
    on_pitch: float | None
    """Share of the people's rows that are on the pitch; officials along the lines count as on it."""
    fastest_m_s: float | None
    """Highest speed of a person over 0.4 s."""
    too_fast: int
    """People's tracks faster than 12 m/s."""
    interpolated: float
    """Share of rows that are interpolated."""
    position_error_m: float | None
    """Median; None where the source tells none."""
    reprojection_error_px: float | None
    """Of the calibration; None without one."""

    @property
    def figures(self) -> dict[str, Any]:
        """All by name."""
        return asdict(self)


def quality_of(source: Source) -> Quality:
    """Count in a file of trajectories."""
    return counted(read_trajectories(source), read_metadata(source))


def counted(rows: pl.DataFrame, meta: FileMetadata) -> Quality:
    """Count in the rows of a file."""
    import polars as pl

    people = rows.filter(pl.col("object_type") != str(ObjectType.BALL))
    per_frame = people.group_by("frame").len()["len"]
    half = meta.pitch.length_m / 2 + BESIDE_THE_PITCH_M, meta.pitch.width_m / 2 + BESIDE_THE_PITCH_M
    beside = pl.col("object_type") == str(ObjectType.REFEREE)  # assistants run outside of the lines
    on_pitch = (pl.col("x_m").abs() <= half[0]) & (pl.col("y_m").abs() <= half[1])
    speeds = fastest(people)
    calibration = meta.calibration or {}
    return Quality(
        rows=rows.height,
        tracks=rows["track_id"].n_unique(),
        frames=rows["frame"].n_unique(),
        frames_expected=sum(
            len(range(period.first_frame, last + 1, meta.stride))
            for period in meta.periods
            if (last := meta.frames - 1 if period.last_frame is None else period.last_frame) is not None
        ),
        repeated=rows.height - rows.select("frame", "track_id").n_unique(),
        people_per_frame=_number(per_frame.median()),
        people_in_band=_number(per_frame.is_between(FEWEST_PEOPLE, MOST_PEOPLE).mean()),
        on_pitch=_number(people.select((on_pitch | beside).mean()).item()),
        fastest_m_s=_number(speeds["speed_m_s"].max()),
        too_fast=speeds.filter(pl.col("speed_m_s") > FASTEST_M_S).height,
        interpolated=_number((~rows["is_detected"]).mean()) or 0.0,
        position_error_m=_number(people["position_error_m"].median()),
        reprojection_error_px=_number(calibration.get("reprojection_error_px")),
    )


def fastest(people: pl.DataFrame) -> pl.DataFrame:
    """The highest speed of each track and when: `track_id`, `frame`, `speed_m_s`.

    Between two rows of a track at least 0.4 s apart, and not more than twice that: a gap tells no speed.
    """
    import polars as pl

    far = people.lazy().sort("track_id", "frame").select("period", "track_id", "frame", "timestamp_ms", "x_m", "y_m")
    earlier = far.select(
        "period", "track_id", at=pl.col("timestamp_ms"), then_x="x_m", then_y="y_m", until="timestamp_ms"
    )
    return (
        far.with_columns(at=pl.col("timestamp_ms") - SPEED_OVER_MS)
        .sort("at")
        .join_asof(
            earlier.sort("at"),
            on="at",
            by=["period", "track_id"],
            strategy="backward",
            tolerance=SPEED_OVER_MS,
            check_sortedness=False,  # both are sorted; with `by` polars cannot see it, and warns
        )
        .filter(pl.col("until").is_not_null())
        .with_columns(
            speed_m_s=((pl.col("x_m") - pl.col("then_x")) ** 2 + (pl.col("y_m") - pl.col("then_y")) ** 2).sqrt()
            / (pl.col("timestamp_ms") - pl.col("until"))
            * 1000
        )
        .sort("speed_m_s", descending=True)
        .group_by("track_id", maintain_order=True)
        .first()
        .select("track_id", "frame", "speed_m_s")
        .collect()
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
