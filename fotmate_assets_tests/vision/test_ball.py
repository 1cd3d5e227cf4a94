"""The ball's track: which detections are the ball, and what is filled between them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fotmate_assets.vision.ball import SLACK_M, ball_track
from fotmate_assets.vision.observations import Observations
from fotmate_assets.vision.tracks import Tracks

FRAMES = 100
STEP_MS = 40.0
Ball = tuple[int, float, float, float]
"""Frame, x_m, y_m, confidence."""


def tracked(
    balls: Sequence[Ball],
    *,
    people: Sequence[Ball] = (),
    periods: Sequence[tuple[int, int, int]] = ((1, 0, FRAMES),),
    frames: Sequence[int] = range(FRAMES),
    error_m: float = 0.2,
) -> Tracks | None:
    """The track of detections; `periods` are number, first frame, first frame after; others are outside of play."""
    rows = sorted([(*ball, True) for ball in balls] + [(*one, False) for one in people], key=lambda row: row[0])
    table = np.array(rows, float).reshape(-1, 5)
    frame = table[:, 0].astype(np.int32)
    period = np.zeros(len(frame), np.int32)
    for number, first, end in periods:
        period[(frame >= first) & (frame < end)] = number
    looked_at = np.array(frames, np.int32)
    seen = Observations(
        frames=looked_at,
        times_ms=looked_at.astype(np.float64) * STEP_MS,
        frame=frame,
        boxes=np.zeros((len(frame), 4), np.float32),
        confidence=table[:, 3].astype(np.float32),
        is_ball=table[:, 4] > 0,
        colour=np.full((len(frame), 3), np.nan, np.float32),
    )
    return ball_track(seen, table[:, 1:3], np.full(len(frame), error_m), period)


def rolling(frames: Sequence[int], speed: float = 10.0, confidence: float = 0.6, x_m: float = -20.0) -> list[Ball]:
    """A ball that rolls to the right."""
    return [(frame, x_m + speed * frame * STEP_MS / 1000, 3.0, confidence) for frame in frames]


def rows(track: Tracks | None) -> dict[str, Any]:
    assert track is not None
    return {name: values.tolist() for name, values in track.columns.items()}


def test_a_ball_seen_in_every_frame_is_one_track() -> None:
    found = rows(tracked(rolling(range(FRAMES))))

    assert found["frame"] == list(range(FRAMES))
    assert found["track"] == [1] * FRAMES
    assert found["detection"] == list(range(FRAMES))
    assert found["time_ms"][:3] == [0.0, 40.0, 80.0]
    assert all(found["is_detected"])
    np.testing.assert_allclose(found["x_m"], -20 + 0.4 * np.arange(FRAMES))


def test_no_ball_is_no_track() -> None:
    assert tracked([]) is None
    assert tracked([], people=rolling(range(50))) is None


def test_a_person_is_never_the_ball() -> None:
    found = rows(tracked(rolling(range(0, FRAMES, 2)), people=rolling(range(1, FRAMES, 2), confidence=0.99)))

    assert [frame for frame, seen in zip(found["frame"], found["is_detected"], strict=True) if seen] == list(
        range(0, FRAMES, 2)
    )


def test_one_detection_alone_is_no_ball() -> None:
    assert tracked([(50, 0.0, 0.0, 0.95)]) is None
    assert tracked([(50, 0.0, 0.0, 0.95), (90, 0.0, 0.0, 0.95)]) is None


def test_a_false_ball_elsewhere_is_rejected_though_it_is_surer() -> None:
    true = rolling(range(FRAMES), confidence=0.4)
    false: list[Ball] = [(30, 40.0, -20.0, 0.99), (31, 40.0, -20.0, 0.99), (60, -45.0, 30.0, 0.99)]

    found = rows(tracked(true + false))

    np.testing.assert_allclose(found["x_m"], -20 + 0.4 * np.arange(FRAMES))
    assert all(found["is_detected"])


def test_of_two_balls_in_a_frame_the_one_on_the_way_is_chosen() -> None:
    true = rolling(range(FRAMES))
    near: list[Ball] = [(frame, x + 1.5, y + 1.5, 0.61) for frame, x, y, _confidence in true[20:80:7]]

    found = rows(tracked(true + near))

    np.testing.assert_allclose(found["y_m"], 3.0)


def seen_at(track: Tracks | None) -> set[float]:
    """The x of what was detected."""
    assert track is not None
    return set(track.x_m[track.is_detected].tolist())


def jumping(to_m: float) -> list[Ball]:
    """A ball that lies still, and is elsewhere 120 ms later, when it is seen last."""
    return [*((frame, 0.0, 0.0, 0.6) for frame in range(10)), (12, to_m, 0.0, 0.6)]


def test_faster_than_forty_metres_a_second_is_no_flight() -> None:
    allowed = 0.12 * 40 + SLACK_M

    assert seen_at(tracked(jumping(allowed - 0.1), error_m=0.0)) == {0.0, allowed - 0.1}
    assert seen_at(tracked(jumping(allowed + 0.1), error_m=0.0)) == {0.0}


def test_what_is_not_known_well_may_be_farther_away() -> None:
    assert seen_at(tracked(jumping(7.0), error_m=0.1)) == {0.0}
    assert seen_at(tracked(jumping(7.0), error_m=1.0)) == {0.0, 7.0}


def test_a_gap_is_filled_in_a_straight_line_and_flagged() -> None:
    found = tracked(rolling([*range(20), *range(40, 60)]))

    assert found is not None
    assert found.frame.tolist() == list(range(60))
    filled = ~found.is_detected
    assert np.flatnonzero(filled).tolist() == list(range(20, 40))
    np.testing.assert_allclose(found.x_m, -20 + 0.4 * np.arange(60))
    assert np.isnan(found.confidence[filled]).all()
    assert not np.isnan(found.confidence[~filled]).any()
    assert (found.detection[filled] == -1).all()


def test_the_error_grows_with_the_time_from_where_it_was_seen() -> None:
    found = tracked(rolling([*range(20), *range(40, 60)]))

    assert found is not None
    np.testing.assert_allclose(found.error_m[:20], 0.2)
    assert (np.diff(found.error_m[19:30]) > 0).all()
    assert (np.diff(found.error_m[30:41]) < 0).all()


def test_a_gap_of_more_than_a_second_is_left_open() -> None:
    a_second = rows(tracked(rolling([*range(20), *range(44, 70)])))
    longer = rows(tracked(rolling([*range(20), *range(45, 70)])))

    assert a_second["frame"] == list(range(70))
    assert longer["frame"] == [*range(20), *range(45, 70)]


def test_after_a_long_gap_the_ball_may_be_anywhere() -> None:
    found = rows(tracked(rolling(range(20)) + rolling(range(60, 90), x_m=30.0)))

    assert found["frame"] == [*range(20), *range(60, 90)]


def test_only_frames_that_were_looked_at_are_filled() -> None:
    found = rows(tracked(rolling([*range(0, 20, 2), *range(30, 60, 2)]), frames=range(0, FRAMES, 2)))

    assert found["frame"] == list(range(0, 60, 2))


def test_nothing_is_filled_across_the_break_between_periods() -> None:
    balls = rolling([*range(30), *range(40, 70)])
    found = rows(tracked(balls, periods=((1, 0, 31), (2, 38, FRAMES))))

    assert found["frame"] == [*range(30), *range(40, 70)]
    assert found["period"] == [1] * 30 + [2] * 30


def test_a_ball_outside_of_the_periods_is_left_out() -> None:
    found = rows(tracked(rolling(range(FRAMES)), periods=((1, 10, 50),)))

    assert found["frame"] == list(range(10, 50))


def test_a_ball_without_a_place_is_left_out() -> None:
    balls = rolling(range(30))
    balls[15] = (15, float("nan"), float("nan"), 0.9)

    found = rows(tracked(balls))

    assert found["is_detected"][15] is False
    assert found["x_m"][15] == balls[0][1] + 0.4 * 15
