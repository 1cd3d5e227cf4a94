"""What can be wrong with a match's trajectories. Each function looks at the stored file, not at what was said of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from fotmate_assets.core.model import Finding
from fotmate_assets.core.object_store import ObjectMissingError, ObjectStore
from fotmate_assets.vision.model import FASTEST_M_S, TrackingStatus, storage_path
from fotmate_assets.vision.quality import (
    BESIDE_THE_PITCH_M,
    FEWEST_PEOPLE,
    MOST_PEOPLE,
    SPEED_OVER_MS,
    Quality,
    quality_of,
)
from fotmate_assets.vision.status import TrackingFile, tracking_file

_ANY = text("select exists (select from player_metrics where match_id = :match_id)")
_IMPLAUSIBLE = text("""
    select track_id, coalesce(player_id, 'track ' || track_id) as subject, distance_m, minutes_observed, top_speed_m_s
    from player_metrics where match_id = :match_id and not is_plausible order by track_id
""")

FRAMES_WITH_ROWS = 0.95
"""Share of the frames that must have rows of people: at whistles and in replays nobody may be in view. By as much there
may be more, for the intervals of a video's frames need not be even.
"""
IN_BAND = 0.8
"""Share of the frames that must have 18 to 26 people: `most frames`, with some left for crowds at a corner."""
ON_PITCH = 0.9
"""Share of the people's positions that must be on the pitch: coaches and substitutes stand near the touchline."""
SHIFT_PX = 3.0
"""A mast in the wind; what a camera pans is tens of pixels. A pixel is 0.1 to 0.5 m of a main camera's pitch."""
REPROJECTION_PX = 5.0
"""Left out one by one; of landmarks clicked with care on a real main camera's picture it was 1 to 4."""


@dataclass(frozen=True)
class Stored:
    """What there is of a match."""

    row: TrackingFile | None
    sha256: str | None
    """Of the object that lies where the row says; None where there is none."""
    quality: Quality | None
    """Counted in that object; None where there is none, or it cannot be read."""
    unreadable: str = ""
    """Why it cannot be read."""


def stored(connection: Connection, store: ObjectStore, match_id: str) -> Stored:
    """Fetch a match's file and count in it."""
    row = tracking_file(connection, match_id)
    connection.rollback()  # nothing is held open while a file is fetched
    if row is None or row.storage_path is None:
        return Stored(row, None, None)
    try:
        content = store.get(row.storage_path)
    except ObjectMissingError:
        return Stored(row, None, None)
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        return Stored(row, sha256, quality_of(content))
    except ValueError as error:
        return Stored(row, sha256, None, str(error))


def file_is_stored(of: Stored, match_id: str) -> Sequence[Finding]:
    """The file is where `storage_path` says, and its hash and rows are those of its row."""
    if of.row is None:
        return [Finding(match_id, "match_id", "tracking_files has no row of it")]
    if of.row.status is not TrackingStatus.COMPLETED:
        return [Finding(match_id, "status", f"{of.row.status}{f': {of.row.error}' if of.row.error else ''}")]
    found = []
    if of.row.storage_path != storage_path(match_id):
        found.append(Finding(match_id, "storage_path", f"{of.row.storage_path} is not {storage_path(match_id)}"))
    if of.sha256 is None:
        return [*found, Finding(match_id, "storage_path", f"there is no object {of.row.storage_path}")]
    if of.sha256 != of.row.sha256:
        found.append(Finding(match_id, "sha256", f"the object's is {of.sha256}, the row's {of.row.sha256}"))
    if of.quality is None:
        found.append(Finding(match_id, "storage_path", f"cannot be read: {of.unreadable}"))
    elif of.quality.rows != of.row.rows:
        found.append(Finding(match_id, "rows", f"the file has {of.quality.rows}, the row says {of.row.rows}"))
    return found


def rows_unique(of: Stored, match_id: str) -> Sequence[Finding]:
    """Nobody is twice in a frame: (frame, track_id) is unique."""

    def wrong(counted: Quality) -> str:
        return f"{counted.repeated} rows repeat the frame and track of another" if counted.repeated else ""

    return _judged(of, match_id, "track_id", wrong)


def frames_complete(of: Stored, match_id: str) -> Sequence[Finding]:
    """There are rows of people in as many frames as frame rate and duration ask for, give or take 5 %. Officials alone
    are not enough, nor is the ball.
    """

    def wrong(counted: Quality) -> str:
        told = f"{counted.frames} frames have people, of {counted.frames_expected} by rate and duration"
        share = counted.frames / counted.frames_expected if counted.frames_expected else 0.0
        is_complete = FRAMES_WITH_ROWS <= share <= 2 - FRAMES_WITH_ROWS
        return "" if is_complete else f"{told}; the file has {counted.rows} rows"

    return _judged(of, match_id, "frame", wrong)


def people_on_the_pitch(of: Stored, match_id: str) -> Sequence[Finding]:
    """People's positions are on the pitch, 90 % of them at least."""

    def wrong(counted: Quality) -> str:
        share = counted.on_pitch or 0.0
        return "" if share >= ON_PITCH else f"{share:.1%} of the positions are within {BESIDE_THE_PITCH_M:g} m of it"

    return _judged(of, match_id, "x_m, y_m", wrong)


def speeds_human(of: Stored, match_id: str) -> Sequence[Finding]:
    """Nobody is faster than 12 m/s, over 0.4 s."""

    def wrong(counted: Quality) -> str:
        told = (
            f"faster than {FASTEST_M_S:g} m/s over {SPEED_OVER_MS / 1000} s; the fastest {counted.fastest_m_s or 0:.1f}"
        )
        return f"{counted.too_fast} of {counted.tracks} tracks are {told}" if counted.too_fast else ""

    return _judged(of, match_id, "x_m, y_m", wrong)


def people_per_frame(of: Stored, match_id: str) -> Sequence[Finding]:
    """Most frames, 80 % at least, have 18 to 26 people."""

    def wrong(counted: Quality) -> str:
        share, median = counted.people_in_band or 0.0, counted.people_per_frame or 0.0
        told = f"{share:.1%} of the frames have {FEWEST_PEOPLE} to {MOST_PEOPLE} people; "
        told += f"the median of those with any is {median:g}"
        return "" if share >= IN_BAND else told

    return _judged(of, match_id, "track_id", wrong)


def camera_calibrated(of: Stored, match_id: str) -> Sequence[Finding]:
    """Landmarks are reprojected within 5 pixels, each by the others. Providers' tracking has no camera of ours."""

    def wrong(counted: Quality) -> str:
        error = counted.reprojection_error_px
        if counted.is_calibrated and error is None:
            return "four landmarks fit by themselves: the calibration cannot be checked"
        return f"the reprojection error is {error:.1f} px" if error is not None and error > REPROJECTION_PX else ""

    return _judged(of, match_id, "calibration", wrong)


def camera_stands_still(of: Stored, match_id: str) -> Sequence[Finding]:
    """The picture does not move by more than 3 pixels while one calibration holds."""

    def wrong(counted: Quality) -> str:
        shift = counted.camera_shift_px or 0.0
        return f"the picture moves by {shift:.0f} px while one calibration holds" if shift > SHIFT_PX else ""

    return _judged(of, match_id, "calibration", wrong)


def metrics_plausible(connection: Connection, match_id: str) -> Sequence[Finding]:
    """There are metrics, and distances and top speeds are humanly possible."""
    if not connection.execute(_ANY, {"match_id": match_id}).scalar_one():
        return [Finding(match_id, "match_id", "nobody has metrics")]
    return [
        Finding(
            f"{match_id} {row.subject}",
            "distance_m, top_speed_m_s",
            f"{row.distance_m:.0f} m in {row.minutes_observed:.1f} minutes, {row.top_speed_m_s or 0:.1f} m/s at most",
        )
        for row in connection.execute(_IMPLAUSIBLE, {"match_id": match_id})
    ]


def _judged(of: Stored, match_id: str, field: str, wrong: Callable[[Quality], str]) -> Sequence[Finding]:
    """What is wrong with the file, in words; empty where nothing is. That there is no file is wrong in any case."""
    if of.quality is None:
        return [Finding(match_id, "storage_path", "there is no file that can be looked at")]
    message = wrong(of.quality)
    return [Finding(match_id, field, message)] if message else []
