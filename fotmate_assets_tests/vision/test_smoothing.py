from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import supervision as sv

from fotmate_assets.embedded.sample.clip.camera import main_stand
from fotmate_assets.embedded.sample.clip.motion import generated
from fotmate_assets.vision.kalman import ACCELERATION, START_M_S, filtered, smoothed
from fotmate_assets.vision.model import Pitch
from fotmate_assets.vision.observations import Observations
from fotmate_assets.vision.smoothing import gated, people, smooth
from fotmate_assets.vision.tracking import track
from fotmate_assets.vision.tracks import Tracks
from fotmate_assets_tests.vision.scoring import score

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Doubles

FPS = 25.0


def detected(
    xy_m: Doubles, frames: list[int] | range | None = None, *, number: int = 1, error_m: float = 0.3, period: int = 1
) -> Tracks:
    """One track at 25 frames per second."""
    at = np.arange(len(xy_m)) if frames is None else np.array(list(frames))
    count = len(at)
    return Tracks(
        track=np.full(count, number, np.int32),
        frame=at.astype(np.int32),
        time_ms=at * 1000 / FPS,
        period=np.full(count, period, np.int32),
        x_m=np.asarray(xy_m, np.float64)[:, 0],
        y_m=np.asarray(xy_m, np.float64)[:, 1],
        error_m=np.full(count, error_m),
        confidence=np.full(count, 0.8, np.float32),
        is_detected=np.ones(count, bool),
        detection=np.arange(count, dtype=np.int32),
    )


def together(*parts: Tracks) -> Tracks:
    return Tracks(**{name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns})


def clock(frames: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(frames, dtype=np.int32), np.arange(frames) * 1000 / FPS


def run(frames: int, speed: float = 5.0, y: float = 0.0) -> np.ndarray:
    return np.stack([np.arange(frames) / FPS * speed, np.full(frames, y)], axis=1)


def seen_of(tracks: Tracks, frames: int, shirts: Doubles | None = None) -> Observations:
    order = np.argsort(tracks.frame, kind="stable")
    colour = np.full((len(order), 3), np.nan) if shirts is None else shirts[order]
    looked_at, times_ms = clock(frames)
    return Observations(
        frames=looked_at,
        times_ms=times_ms,
        frame=tracks.frame[order],
        boxes=np.zeros((len(order), 4), np.float32),
        confidence=np.full(len(order), 0.8, np.float32),
        is_ball=np.zeros(len(order), bool),
        colour=colour.astype(np.float32),
    )


def people_of(tracks: Tracks, frames: int, shirts: Doubles | None = None) -> Tracks:
    order = np.argsort(tracks.frame, kind="stable")
    xy_m = np.stack([tracks.x_m, tracks.y_m], axis=1)[order]
    return people(
        seen_of(tracks, frames, shirts), tracks.track[order], xy_m, tracks.error_m[order], tracks.period[order], Pitch()
    )


class TestGate:
    def test_a_jump_and_back_is_left_out(self) -> None:
        path = run(50)
        path[20:23] += [0, 8]
        kept = gated(detected(path))
        assert kept.frame.tolist() == [frame for frame in range(50) if frame not in {20, 21, 22}]
        assert set(kept.track) == {1}

    def test_who_stays_elsewhere_is_another_person(self) -> None:
        path = run(50)
        path[20:] += [0, 8]
        kept = gated(detected(path))
        assert kept.track.tolist() == [1] * 20 + [2] * 30

    def test_a_bad_beginning_is_left_out(self) -> None:
        path = run(50)
        path[:3] += [0, 8]
        kept = gated(detected(path))
        assert kept.frame.tolist() == list(range(3, 50))

    def test_a_sprint_is_kept(self) -> None:
        assert len(gated(detected(run(50, speed=11.0), error_m=0.01)).frame) == 50

    def test_the_reach_grows_with_the_errors_of_both_positions(self) -> None:
        path = run(50)
        path[20] += [0, 2]
        assert 20 not in gated(detected(path, error_m=0.1)).frame
        assert 20 in gated(detected(path, error_m=0.6)).frame

    def test_the_reach_grows_with_the_time_between(self) -> None:
        path = run(50)
        path[20:] += [0, 8]
        frames = [*range(20), *range(50, 80)]
        assert set(gated(detected(path, frames)).track) == {1}

    def test_tracks_are_judged_each_by_itself(self) -> None:
        kept = gated(together(detected(run(30), number=4), detected(run(30, y=20.0), number=9)))
        assert kept.track.tolist() == [1] * 30 + [2] * 30


class TestSmoothing:
    def test_a_gap_up_to_a_second_is_filled_and_flagged(self) -> None:
        path = run(80)
        shown = [frame for frame in range(80) if not 30 < frame < 55]
        found = smooth(detected(path[shown], shown), *clock(80))
        assert found.frame.tolist() == list(range(80))
        filled = np.isin(found.frame, range(31, 55))
        assert found.is_detected.tolist() == (~filled).tolist()
        assert np.isnan(found.confidence[filled]).all()
        assert not np.isnan(found.confidence[~filled]).any()
        assert found.detection[~filled].tolist() == list(range(len(shown)))
        assert set(found.detection[filled]) == {-1}
        assert np.abs(found.x_m - path[:, 0]).max() < 0.1
        assert found.error_m[43] > found.error_m[20]

    def test_a_longer_gap_stays_empty(self) -> None:
        shown = [frame for frame in range(80) if not 30 < frame < 56]
        found = smooth(detected(run(80)[shown], shown), *clock(80))
        assert found.frame.tolist() == shown
        assert found.is_detected.all()

    def test_nothing_is_added_before_the_first_detection_or_after_the_last(self) -> None:
        found = smooth(detected(run(20), range(30, 50)), *clock(100))
        assert found.frame.tolist() == list(range(30, 50))

    def test_only_frames_that_were_looked_at_are_filled(self) -> None:
        frames = np.arange(0, 80, 4, dtype=np.int32)
        shown = [0, 4, 8, 20, 24]
        found = smooth(detected(run(80)[shown], shown), frames, frames * 1000 / FPS)
        assert found.frame.tolist() == [0, 4, 8, 12, 16, 20, 24]

    def test_speeds_are_those_of_people_not_of_boxes(self) -> None:
        noise = np.random.default_rng(3).normal(0, 0.15, (500, 2))
        found = smooth(detected(run(500, 4.0) + noise, error_m=0.21), *clock(500))
        raw = np.hypot(*np.diff(run(500, 4.0) + noise, axis=0).T) * FPS
        speed = np.hypot(np.diff(found.x_m), np.diff(found.y_m)) * FPS
        assert np.median(raw) > 5
        assert speed[25:-25].max() < 6
        assert np.abs(speed[25:-25].mean() - 4.0) < 0.1

    def test_positions_get_better_and_their_errors_smaller_but_never_nothing(self) -> None:
        noise = np.random.default_rng(4).normal(0, 0.3 / np.sqrt(2), (5000, 2))
        found = smooth(detected(run(5000, 0.01) + noise), *clock(5000))
        off = np.hypot(found.x_m - run(5000, 0.01)[:, 0], found.y_m)
        assert np.sqrt((off**2).mean()) < 0.15
        assert (found.error_m < 0.3).all()
        assert (found.error_m > 0.1).all()

    def test_a_turn_is_not_cut_short(self) -> None:
        there = np.minimum(np.arange(100), 99 - np.arange(100)) / FPS * 5.0
        found = smooth(detected(np.stack([there, 0 * there], axis=1), error_m=0.2), *clock(100))
        assert np.abs(found.x_m - there).max() < 0.5

    def test_frames_of_uneven_times_are_smoothed_by_their_times(self) -> None:
        times_ms = np.cumsum(np.random.default_rng(5).choice([10.0, 80.0], 200))
        track = detected(np.stack([times_ms / 1000 * 5, 0 * times_ms], axis=1))
        found = smooth(Tracks(**{**track.columns, "time_ms": times_ms}), np.arange(200, dtype=np.int32), times_ms)
        speed = np.diff(found.x_m) / np.diff(times_ms) * 1000
        assert np.abs(speed[40:-40] - 5).max() < 0.2

    def test_the_filter_agrees_with_least_squares_over_all_rows(self) -> None:
        rng = np.random.default_rng(6)
        seconds = np.cumsum(rng.choice([0.04, 0.12], 20))
        x, noise = rng.normal(0, 1, 20), rng.uniform(0.1, 0.4, 20)
        noise[7:11] = np.inf
        rows, values = [np.eye(1, 40, 1)[0] / START_M_S], [0.0]
        for index in np.flatnonzero(np.isfinite(noise)).tolist():
            rows.append(np.eye(1, 40, 2 * index)[0] / noise[index])
            values.append(x[index] / noise[index])
        for index, dt in enumerate(np.diff(seconds)):
            step = np.zeros((2, 40))
            step[:, 2 * index : 2 * index + 4] = [[-1, -dt, 1, 0], [0, -1, 0, 1]]
            shaken = ACCELERATION * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
            rows.extend(np.linalg.cholesky(np.linalg.inv(shaken)).T @ step)
            values += [0.0, 0.0]
        normal = np.array(rows).T @ np.array(rows)
        expected = np.linalg.solve(normal, np.array(rows).T @ np.array(values))
        states = filtered(seconds.tolist(), x.tolist(), (2 * x).tolist(), (noise**2).tolist())
        found = np.array(smoothed(seconds.tolist(), states))
        np.testing.assert_allclose(found[:, 0], expected[::2], atol=1e-9)
        np.testing.assert_allclose(found[:, 1], 2 * expected[::2], atol=1e-9)
        np.testing.assert_allclose(found[:, 2], expected[1::2], atol=1e-8)
        np.testing.assert_allclose(found[:, [4, 6]].ravel(), np.diag(np.linalg.inv(normal)), rtol=1e-6)


class TestPeople:
    def test_people_are_numbered_in_order_of_first_appearance(self) -> None:
        late, early = detected(run(40), range(20, 60), number=1), detected(run(60, y=20.0), number=2)
        found = people_of(together(late, early), 60)
        assert found.frame[found.track == 1][0] == 0
        assert found.frame[found.track == 2][0] == 20
        assert set(found.track) == {1, 2}
        keys = list(zip(found.track.tolist(), found.frame.tolist(), strict=True))
        assert keys == sorted(set(keys))

    def test_a_track_never_spans_two_periods(self) -> None:
        track = detected(run(60, speed=1.0))
        halves = Tracks(**{**track.columns, "period": np.repeat(np.array([1, 2], np.int32), 30)})
        found = people_of(halves, 60)
        assert found.track.tolist() == [1] * 30 + [2] * 30
        assert found.period.tolist() == [1] * 30 + [2] * 30

    def test_who_was_hidden_keeps_their_number(self) -> None:
        path = run(120)
        before, after = detected(path[:50], range(50), number=1), detected(path[90:], range(90, 120), number=2)
        found = people_of(together(before, after), 120)
        assert found.track.tolist() == [1] * 80
        assert found.is_detected.all(), "1.6 s are too long to be filled"

    def test_two_whom_the_tracker_took_for_each_other_are_told_apart_by_their_shirts(self) -> None:
        one, other = run(100, y=0.0), run(100, y=1.0)
        swapped = [np.concatenate([a[:50], b[50:]]) for a, b in ((one, other), (other, one))]
        red, white = np.tile([40.0, 58.0, 32.0], (50, 1)), np.tile([90.0, -9.0, 10.0], (50, 1))
        tracks = together(*(detected(path, number=number) for number, path in enumerate(swapped, 1)))
        found = people_of(tracks, 100, np.concatenate([red, white, white, red]))
        assert set(found.track) == {1, 2}
        for number, y in ((1, 0.0), (2, 1.0)):
            assert np.abs(found.y_m[found.track == number] - y).max() < 0.1
            assert (found.track == number).sum() == 100

    def test_frames_outside_of_play_and_detections_without_a_track_give_no_rows(self) -> None:
        track = detected(run(60, speed=1.0))
        outside = Tracks(**{**track.columns, "period": np.where(track.frame < 20, 0, 1).astype(np.int32)})
        assert people_of(outside, 60).frame.tolist() == list(range(20, 60))
        nobody = Tracks(**{**track.columns, "track": np.full(60, -1, np.int32)})
        assert people_of(nobody, 60).frame.tolist() == []

    def test_a_detection_above_the_horizon_gives_no_row_of_its_own(self) -> None:
        track = detected(run(60))
        x_m = track.x_m.copy()
        x_m[30] = np.nan
        found = people_of(Tracks(**{**track.columns, "x_m": x_m}), 60)
        assert found.frame.tolist() == list(range(60))
        assert np.flatnonzero(~found.is_detected).tolist() == [30]
        assert np.isfinite(found.x_m).all()

    def test_what_flickers_or_is_never_near_the_pitch_is_nobody(self) -> None:
        flicker, player = detected(run(9), number=1), detected(run(60, y=20.0), number=2)
        spectator, assistant = detected(run(60, y=45.0), number=3), detected(run(60, y=35.0), number=4)
        found = people_of(together(flicker, player, spectator, assistant), 60)
        assert {round(found.y_m[found.track == number].mean()) for number in set(found.track)} == {20, 35}

    def test_a_ball_that_was_taken_for_a_person_is_nobody(self) -> None:
        assert len(people_of(detected(run(40, speed=15.0)), 60).track) == 0
        assert len(people_of(detected(run(40, speed=10.0)), 60).track) == 40

    def test_each_row_tells_the_detection_it_is_of(self) -> None:
        tracks = together(detected(run(60), number=1), detected(run(60, y=20.0), number=2))
        found, seen = people_of(tracks, 60), seen_of(tracks, 60)
        assert len(set(found.detection)) == 120
        assert seen.frame[found.detection].tolist() == found.frame.tolist()

    def test_the_same_input_gives_the_same_output(self) -> None:
        rng = np.random.default_rng(8)
        tracks = together(*(detected(run(80, y=5.0 * n) + rng.normal(0, 0.2, (80, 2)), number=n) for n in range(1, 6)))
        one, other = people_of(tracks, 80), people_of(tracks, 80)
        for name, values in one.columns.items():
            np.testing.assert_array_equal(values, other.columns[name])

    @pytest.mark.parametrize("frames", [0, 10])
    def test_nobody_seen_gives_no_rows(self, frames: int) -> None:
        found = people_of(detected(np.zeros((0, 2))), frames)
        assert all(len(values) == 0 for values in found.columns.values())

    def test_people_of_a_whole_scene_are_told_apart_and_placed_better_than_their_boxes(self) -> None:
        """Generated play, seen through a camera: boxes that tremble, are missed, and hide each other."""
        play, camera = generated(8, FPS, 11), main_stand()
        rng = np.random.default_rng(12)
        frames, count = play.people_m.shape[:2]
        shirt = np.array([{"home": (90, 0, 0), "away": (40, 60, 30)}.get(team, (10, 0, 0)) for team in play.team])
        frame, who, boxes, tremble = [], [], [], np.zeros((count, 4))
        for number, places in enumerate(play.people_m):
            foot, head = camera.project(places), camera.project(places, 1.8)
            width = 0.4 * (foot[:, 1] - head[:, 1])
            tremble = 0.6 * tremble + rng.normal(0, 0.6, (count, 4))
            now = np.column_stack([foot[:, 0] - width / 2, head[:, 1], foot[:, 0] + width / 2, foot[:, 1]]) + tremble
            near = np.argsort(-foot[:, 1])
            covered = np.triu(sv.box_iou_batch(now[near], now[near]) > 0.4, 1).any(axis=0)
            shown = near[~covered & (rng.random(count) > 0.03)]
            frame += [number] * len(shown)
            who += shown.tolist()
            boxes += now[shown].tolist()
        box, person = np.array(boxes, np.float32), np.array(who)
        seen = Observations(
            *clock(frames),
            frame=np.array(frame, np.int32),
            boxes=box,
            confidence=np.full(len(box), 0.8, np.float32),
            is_ball=np.zeros(len(box), bool),
            colour=(shirt[person] + rng.normal(0, 8, (len(box), 3))).astype(np.float32),
        )
        foot_px = np.column_stack([(box[:, 0] + box[:, 2]) / 2, box[:, 3], np.ones(len(box))])
        ground = foot_px @ np.linalg.inv(camera.homography).T
        xy_m = ground[:, :2] / ground[:, 2:]
        ids = track(seen, FPS)
        found = people(seen, ids, xy_m, np.full(len(box), 0.3), np.ones(len(box), np.int32), Pitch())

        truth = (np.repeat(np.arange(frames), count), np.tile(play.person, frames), play.people_m.reshape(-1, 2))
        raw = score(*truth, seen.frame[ids > 0], ids[ids > 0], xy_m[ids > 0])
        smoothed_people = score(*truth, found.frame, found.track, np.column_stack([found.x_m, found.y_m]))
        assert smoothed_people.hota > max(raw.hota, 0.93)
        assert smoothed_people.recall > max(raw.recall, 0.98)
        assert smoothed_people.median_error_m < 0.75 * raw.median_error_m
        assert len(set(found.track)) <= 27
