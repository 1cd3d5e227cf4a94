"""`fotmate vision`: calibrate a camera, and bring a match's files into the tracking bucket."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

from fotmate_assets.cli import err, out
from fotmate_assets.core.model import RawDocument
from fotmate_assets.core.object_store import open_store
from fotmate_assets.runtime import CommandError
from fotmate_assets.settings import Settings
from fotmate_assets.vision.arrivals import FOLDER, arrivals, ending_of
from fotmate_assets.vision.calibrating import draw, grid, template
from fotmate_assets.vision.calibration import read_calibration
from fotmate_assets.vision.decoding import open_video
from fotmate_assets.vision.model import checked_match_id
from fotmate_assets.vision.segments import UnfitError, check_view


def calibrate(video: Path, sidecar: Path | None, frame: int, picture: Path | None) -> int:
    """Draw a video's calibration for a look; where there is none yet, write a draft of it. The exit status.

    Raises SourceError for a video or a sidecar that cannot be used, CommandError for a frame that is not there.
    """
    sidecar = sidecar or video.with_suffix(".json")
    with open_video(video) as opened:
        if not 0 <= frame < opened.frames:
            raise CommandError(f"{video} has frames 0 to {opened.frames - 1}, not {frame}")
        _number, image = next(opened.images([frame]))
        width, height = opened.width, opened.height
    if not sidecar.exists():
        picture = picture or video.with_suffix(".grid.png")
        picture.write_bytes(grid(image))
        sidecar.write_bytes(template())
        out.print(f"wrote {picture}: read the pixels of four landmarks or more off it")
        out.print(f"wrote {sidecar}, a draft: fill them in, delete the others, and run this again")
        return 0
    document = RawDocument("sidecar", str(sidecar), sidecar.read_bytes(), str(sidecar), datetime.now(UTC))
    told, calibration = read_calibration(document)
    try:
        check_view(told, calibration, told.region or (0, 0, width, height), width, height)
    except UnfitError as error:
        raise document.malformed(str(error)) from None
    picture = picture or video.with_suffix(".calibration.png")
    picture.write_bytes(draw(image, calibration, told, frame))
    out.print(f"wrote {picture}: do its lines lie on the pitch's?")
    error_px = calibration.reprojection_error_px
    told_error = "cannot be told from four landmarks" if error_px is None else f"{error_px:.2f} px"
    out.print(f"reprojection error {told_error}")
    return 0


def upload(match_id: str, files: Sequence[Path]) -> int:
    """Copy a match's files into `videos/` of the tracking bucket, under its id. The exit status.

    Raises CommandError for what is no match id, for a file that is no part of a video or of a provider's tracking, and
    for two files that would be one object.
    """
    try:
        checked_match_id(match_id)
        endings = {file: ending_of(file.name) for file in files}
    except ValueError as error:
        raise CommandError(str(error)) from None
    for file, other in combinations(files, 2):
        if endings[file] == endings[other]:
            raise CommandError(f"{file} and {other} are both .{endings[file]} of {match_id}: which is to be taken?")
    settings = Settings()
    store = open_store(settings.tracking_url, settings.s3_endpoint_url)
    for file, ending in endings.items():
        key = f"{FOLDER}{match_id}.{ending}"
        store.put_file(key, file)
        out.print(f"{file} -> {store.url_of(key)}")
    found = arrivals(store.listing(f"{FOLDER}{match_id}."))
    for stray in found.strays:
        err.print(stray)
    arrival = found.matches.get(match_id)
    for missing in arrival.missing if arrival is not None else []:
        err.print(f"it waits for {missing}")
    return 0
