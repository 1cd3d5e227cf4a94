"""One match's trajectories, from what arrived in the bucket to the file in it: the unit of work.

    videos/{match_id}.*  ->  matches/{match_id}/ on disk: parts, segments, the finished file  ->  tracking/{match_id}/

`tracking_files` says how far it is. What is computed stays in the folder until it is stored: a run that died, or that
could not reach the bucket, is continued by the next one.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from fotmate_assets.core.ledger import Job, Ledger
from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.core.object_store import ObjectMissingError, ObjectStore
from fotmate_assets.vision import status
from fotmate_assets.vision.arrivals import FOLDER, Arrival, Kind, arrivals
from fotmate_assets.vision.calibration import read_calibration
from fotmate_assets.vision.detection import Detector, open_detector
from fotmate_assets.vision.model import Analysis, Pitch, checked_match_id, storage_path
from fotmate_assets.vision.owing import SOURCE, TRAJECTORIES, owed
from fotmate_assets.vision.pipeline import analyse
from fotmate_assets.vision.quality import quality_of
from fotmate_assets.vision.queries import player_ids
from fotmate_assets.vision.segments import Progress, UnfitError
from fotmate_assets.vision.sources import metrica
from fotmate_assets.vision.sources.metrica.tracking import SOURCE as METRICA
from fotmate_assets.vision.tracking import tracker_version
from fotmate_assets.vision.trajectories import Encoding, FileMetadata, SourceFile, read_metadata, write_trajectories

VERSION = "1"
"""Changes with what is made of the same video, so that every video is analysed again."""


@dataclass(frozen=True)
class Desk:
    """What producing needs: where things come from, go to and lie meanwhile."""

    store: ObjectStore
    """The tracking bucket."""
    engine: Engine
    ledger: Ledger
    folder: Path
    """On this machine's disk."""
    how: Analysis
    encoding: Encoding = "float32"
    run_id: str | None = None


@dataclass(frozen=True)
class Produced:
    """A match's trajectories, stored."""

    match_id: str
    rows: int
    sha256: str
    size_bytes: int
    quality: Mapping[str, Any]
    outcome: Literal["computed", "uploaded", "unchanged"]
    """uploaded: an earlier run had computed it; unchanged: it was stored already."""
    seconds: float
    """What the analysis took this time, segments of earlier runs taken as they are."""
    file: Path
    """A copy on this machine's disk, until `release`."""
    parts: Mapping[str, Path]
    """What it was made from, until `release`: `video` and `sidecar`, `home` and `away`, `tracking` and `metadata`."""
    arrival: Arrival

    def document(self, part: str) -> RawDocument:
        """A part as a document."""
        return _document(self.arrival, self.parts, part)


def produce(desk: Desk, match_id: str, tell: Progress) -> Produced:
    """Make and store the trajectories of a match.

    Raises SourceError when they cannot be made or stored: `tracking_files` has status `failed` and the ledger a row
    then, and what was computed stays. Anything else that is raised also leaves the status `failed`.
    """
    checked_match_id(match_id)
    source = f"{FOLDER}{match_id}"

    def failed(error: BaseException) -> None:
        with suppress(SQLAlchemyError):  # the database itself may be what is away
            status.failed(desk.engine, match_id, source, str(error))
        if isinstance(error, SourceError) and error.verdict is Verdict.MALFORMED and error.document == source:
            release(desk, match_id)  # it would be fetched again anyway: only another version can mend it

    with owed(desk.ledger, Job(SOURCE, TRAJECTORIES, match_id, desk.run_id), lambda: source, failed) as attempt:
        arrival = _arrival(desk.store, match_id)
        source = arrival.main
        status.processing(desk.engine, match_id, source, arrival.version)
        produced = _produced(desk, arrival, tell)
        attempt.rows = produced.rows
    return produced


def release(desk: Desk, match_id: str) -> None:
    """Delete what lies on this machine's disk of a match: it is stored, or there is no use for it."""
    shutil.rmtree(_place(desk, match_id), ignore_errors=True)


def _place(desk: Desk, match_id: str) -> Path:
    return desk.folder / "matches" / checked_match_id(match_id)


def _arrival(store: ObjectStore, match_id: str) -> Arrival:
    found = arrivals(store.listing(f"{FOLDER}{match_id}."))
    arrival = found.matches.get(match_id)
    if arrival is None:
        why = "; ".join(found.strays) or f"nothing of it is in {store.url}/{FOLDER}"
        raise SourceError(Verdict.EMPTY_UNEXPECTED, SOURCE, f"{FOLDER}{match_id}", why)
    if arrival.missing:
        raise SourceError(Verdict.EMPTY_UNEXPECTED, SOURCE, arrival.missing[0], "is not there, or empty")
    return arrival


def _produced(desk: Desk, arrival: Arrival, tell: Progress) -> Produced:
    match_id, source = arrival.match_id, arrival.main
    place = _place(desk, match_id)
    parts = _fetched(desk.store, arrival, place, tell)
    hashes = {name: _sha256(path) for name, path in sorted(parts.items())}
    detector = _detector(desk.how) if arrival.kind is Kind.VIDEO else None
    told = _told_by_metrica(desk, arrival, parts) if detector is None else None
    fingerprint = _fingerprint(desk, hashes, detector, told)
    file = place / f"{fingerprint[:32]}.parquet"
    key = storage_path(match_id)
    with desk.engine.connect() as connection:
        before = status.tracking_file(connection, match_id)
    outcome: Literal["computed", "uploaded", "unchanged"] = "uploaded"
    started = time.monotonic()
    if before is not None and before.fingerprint == fingerprint and _is_stored(desk.store, key, before.sha256, file):
        outcome = "unchanged"
        tell("nothing has changed: the file stays")
    elif file.exists():
        tell("an earlier run had computed it")
    else:
        outcome = "computed"
        if detector is not None:
            _of_video(desk, arrival, parts, hashes, detector, file, tell)
        if told is not None:
            _of_metrica(desk, arrival, hashes, told, file, tell)
    seconds = time.monotonic() - started
    quality, meta, sha256 = quality_of(file), read_metadata(file), _sha256(file)
    if outcome != "unchanged":
        tell(f"storing {desk.store.url_of(key)}")
        desk.store.put_file(key, file)
    status.completed(
        desk.engine,
        match_id,
        source,
        storage_path=key,
        source_sha256=hashes[next(name for name, part in arrival.parts.items() if part.key == source)],
        fingerprint=fingerprint,
        is_simulated=meta.simulated,
        rows=quality.rows,
        sha256=sha256,
        quality=quality.figures,
    )
    return Produced(
        match_id=match_id,
        rows=quality.rows,
        sha256=sha256,
        size_bytes=file.stat().st_size,
        quality=quality.figures,
        outcome=outcome,
        seconds=seconds,
        file=file,
        parts=parts,
        arrival=arrival,
    )


def _fetched(store: ObjectStore, arrival: Arrival, place: Path, tell: Progress) -> dict[str, Path]:
    """The parts as local files, named as in the bucket; what an earlier run fetched is not fetched again, and earlier
    versions are deleted.
    """
    versions = {name: hashlib.sha256(part.version.encode()).hexdigest()[:16] for name, part in arrival.parts.items()}
    for old in (place / "parts").glob("*"):
        if old.name not in versions.values():
            shutil.rmtree(old)
    paths = {}
    for name, part in arrival.parts.items():
        paths[name] = place / "parts" / versions[name] / part.key.removeprefix(FOLDER)
        if not paths[name].exists():
            tell(f"fetching {store.url_of(part.key)}: {part.size_bytes / 1e6:,.1f} MB")
            try:
                store.get_file(part.key, paths[name])
            except ObjectMissingError:
                raise SourceError(Verdict.EMPTY_UNEXPECTED, SOURCE, part.key, "was deleted meanwhile") from None
    return paths


def _detector(how: Analysis) -> Detector:
    return open_detector(how.detector, weights=how.weights, device=how.device, half=how.half, batch=how.batch)


def _fingerprint(
    desk: Desk, hashes: Mapping[str, str], detector: Detector | None, by_metrica: _ToldByMetrica | None
) -> str:
    """Another one when anything that the file depends on is another."""
    told: dict[str, Any] = {"version": VERSION, "parts": hashes, "encoding": desk.encoding}
    if detector is not None:
        tracker = tracker_version(desk.how.tracker)
        told |= {"detector": detector.version, "tracker": tracker, "stride": desk.how.stride, "half": desk.how.half}
    if by_metrica is not None:
        told |= {"players": by_metrica.players}
    return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()


def _is_stored(store: ObjectStore, key: str, sha256: str | None, file: Path) -> bool:
    """True when the bucket holds the file of that hash; it is at `file` then."""
    copy = file.with_suffix(".stored")
    with suppress(ObjectMissingError):
        store.get_file(key, copy)
        if _sha256(copy) == sha256:
            copy.replace(file)
            return True
        copy.unlink()
    return False


def _of_video(
    desk: Desk,
    arrival: Arrival,
    parts: Mapping[str, Path],
    hashes: Mapping[str, str],
    detector: Detector,
    file: Path,
    tell: Progress,
) -> None:
    """Write the trajectories that are seen in a video."""
    document = _document(arrival, parts, "sidecar")
    sidecar, calibration = read_calibration(document)
    try:
        found = analyse(
            arrival.match_id,
            parts["video"],
            hashes["video"],
            sidecar,
            calibration,
            detector,
            desk.how,
            file.parent / "segments",
            tell,
        )
    except SourceError as error:
        video = arrival.parts["video"].key
        raise SourceError(error.verdict, SOURCE, video, error.reason, field=error.field) from error
    except UnfitError as error:
        raise document.malformed(str(error)) from error
    meta = FileMetadata(
        match_id=arrival.match_id,
        fps=found.fps,
        frames=found.frames,
        stride=desk.how.stride,
        duration_s=found.duration_s,
        nominal_fps=found.nominal_fps,
        periods=found.periods,
        source="video",
        files=_files(arrival, hashes),
        code_version=VERSION,
        pitch=sidecar.pitch,
        orientation=sidecar.orientation,
        calibration=calibration.describe() | {"camera_shift_px": found.camera_shift_px},
        detector=detector.version,
        tracker=tracker_version(desk.how.tracker),
        simulated=sidecar.simulated,
    )
    write_trajectories(file, found.rows, meta, desk.encoding)


@dataclass(frozen=True)
class _ToldByMetrica:
    """What Metrica's files say."""

    tracking: metrica.ProviderTracking
    players: Mapping[str, str]
    """Our players by its names, those that we know."""


def _told_by_metrica(desk: Desk, arrival: Arrival, parts: Mapping[str, Path]) -> _ToldByMetrica:
    with _named_as_in_the_bucket(arrival):
        if arrival.kind is Kind.METRICA_CSV:
            tracking = metrica.read_csv_pair(parts["home"], parts["away"], Pitch())
        else:
            tracking = metrica.read_epts(parts["tracking"], _document(arrival, parts, "metadata"))
    names = [track.provider_id for track in tracking.tracks if track.provider_id is not None]
    with desk.engine.connect() as connection:
        return _ToldByMetrica(tracking, player_ids(connection, METRICA, arrival.match_id, names))


def _of_metrica(
    desk: Desk, arrival: Arrival, hashes: Mapping[str, str], told: _ToldByMetrica, file: Path, tell: Progress
) -> None:
    """Write the trajectories that Metrica tells, with the players that we know by its names."""
    import polars as pl

    tracking, known = told.tracking, told.players
    tell(f"reading {tracking.frames:,} frames of {len(tracking.tracks)} tracks; {len(known)} players are known")
    meta = FileMetadata(
        match_id=arrival.match_id, files=_files(arrival, hashes), code_version=VERSION, **tracking.facts
    )
    blocks = (
        block.with_columns(pl.col("player_id").replace_strict(known, default=None, return_dtype=pl.String))
        for block in tracking.blocks(arrival.match_id)
    )
    with _named_as_in_the_bucket(arrival):
        write_trajectories(file, blocks, meta, desk.encoding)


@contextmanager
def _named_as_in_the_bucket(arrival: Arrival) -> Iterator[None]:
    """What is wrong with a part's copy here is told of the part."""
    try:
        yield
    except SourceError as error:
        key = f"{FOLDER}{error.document.removeprefix(FOLDER)}"
        if key not in {part.key for part in arrival.parts.values()}:
            raise
        raise SourceError(error.verdict, SOURCE, key, error.reason, field=error.field, content=error.content) from error


def _files(arrival: Arrival, hashes: Mapping[str, str]) -> tuple[SourceFile, ...]:
    return tuple(SourceFile(arrival.parts[name].key, sha256) for name, sha256 in hashes.items())


def _document(arrival: Arrival, parts: Mapping[str, Path], name: str) -> RawDocument:
    """The part that says how the others are to be read."""
    part = arrival.parts[name]
    return RawDocument(SOURCE, part.key, parts[name].read_bytes(), part.key, datetime.now(UTC), revision=part.version)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
