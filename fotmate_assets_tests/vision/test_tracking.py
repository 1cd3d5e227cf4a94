from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from fotmate_assets.vision.observations import Observations
from fotmate_assets.vision.tracking import TRACKERS, track, tracker_version

Seen = tuple[int, float, float]
"""Frame, and the middle of a box of 8 by 20 pixels."""


def observed(
    boxes: Iterable[Seen], frames: Iterable[int], *, fps: float = 25, confidence: Sequence[float] | None = None
) -> Observations:
    rows = sorted(boxes, key=lambda box: box[0])
    looked_at = np.array(list(frames), np.int32)
    middle = np.array([row[1:] for row in rows], np.float32).reshape(-1, 2)
    half = np.array([4, 10], np.float32)
    return Observations(
        frames=looked_at,
        times_ms=looked_at * 1000 / fps,
        frame=np.array([row[0] for row in rows], np.int32),
        boxes=np.hstack([middle - half, middle + half]),
        confidence=np.full(len(rows), 0.8, np.float32) if confidence is None else np.array(confidence, np.float32),
        is_ball=np.zeros(len(rows), bool),
        colour=np.full((len(rows), 3), np.nan, np.float32),
    )


def walk(frames: Iterable[int], x: float, y: float, step: float = 0.0) -> list[Seen]:
    return [(frame, x + step * frame, y) for frame in frames]


@pytest.mark.parametrize("tracker", TRACKERS)
class TestEitherTracker:
    def test_each_person_keeps_one_number_of_their_own(self, tracker: str) -> None:
        seen = observed(walk(range(50), 100, 100, 0.5) + walk(range(50), 300, 100, -0.5), range(50))
        found = track(seen, 25, tracker)
        left = seen.boxes[:, 0] < 200
        assert found.dtype == np.int32
        assert len(set(found[left & (seen.frame > 2)])) == 1
        assert len(set(found[~left & (seen.frame > 2)])) == 1
        assert set(found[seen.frame > 2]) == {1, 2}

    def test_numbers_do_not_leak_from_one_video_to_the_next(self, tracker: str) -> None:
        seen = observed(walk(range(20), 100, 100) + walk(range(20), 300, 100), range(20))
        first = track(seen, 25, tracker)
        track(observed(walk(range(20), 500, 100), range(20)), 25, tracker)
        assert track(seen, 25, tracker).tolist() == first.tolist()
        assert first.max() == 2

    def test_frames_without_anybody_count(self, tracker: str) -> None:
        shown = [*range(20), *range(170, 190)]
        away_for_six_seconds = track(observed(walk(shown, 100, 100), range(190)), 25, tracker)
        assert away_for_six_seconds[10] != away_for_six_seconds[-1] > 0
        shown = [*range(20), *range(28, 48)]
        away_for_a_moment = track(observed(walk(shown, 100, 100), range(48)), 25, tracker)
        assert away_for_a_moment[10] == away_for_a_moment[-1] > 0

    def test_patience_is_in_seconds_whatever_the_stride(self, tracker: str) -> None:
        for stride in (1, 5):
            frames = range(0, 200, stride)
            shown = [frame for frame in frames if not 75 <= frame < 125]
            found = track(observed(walk(shown, 100, 100), frames), 25 / stride, tracker)
            assert found[5] != found[-1], "two seconds are too long"
            shown = [frame for frame in frames if not 75 <= frame < 90]
            found = track(observed(walk(shown, 100, 100), frames), 25 / stride, tracker)
            assert found[5] == found[-1] > 0, "0.6 s are not"

    def test_the_ball_is_left_alone(self, tracker: str) -> None:
        people = observed(walk(range(20), 100, 100), range(20))
        both = observed(walk(range(20), 100, 100) + walk(range(20), 300, 100), range(20))
        both = replace(both, is_ball=both.boxes[:, 0] > 200)
        found = track(both, 25, tracker)
        assert set(found[both.is_ball]) == {-1}
        assert found[~both.is_ball].tolist() == track(people, 25, tracker).tolist()

    def test_the_order_of_boxes_within_a_frame_does_not_matter(self, tracker: str) -> None:
        seen = observed([box for person in range(1, 6) for box in walk(range(30), 100 * person, 100, 0.4)], range(30))
        found = track(seen, 25, tracker)
        shuffled = np.lexsort((np.random.default_rng(1).random(len(found)), seen.frame))
        columns = {
            name: values if name in {"frames", "times_ms"} else values[shuffled]
            for name, values in seen.columns.items()
        }
        again = track(Observations(**columns), 25, tracker)
        pairs = set(zip(found[shuffled].tolist(), again.tolist(), strict=True))
        assert len({one for one, _ in pairs}) == len({other for _, other in pairs}) == len(pairs)

    def test_a_doubtful_box_continues_a_person_but_begins_none(self, tracker: str) -> None:
        confidence = [0.8] * 10 + [0.15] * 10
        continued = track(observed(walk(range(20), 100, 100), range(20), confidence=confidence), 25, tracker)
        assert continued[9] == continued[-1] > 0
        assert set(track(observed(walk(range(20), 100, 100), range(20), confidence=[0.15] * 20), 25, tracker)) == {-1}

    def test_a_second_box_of_one_person_is_nobody(self, tracker: str) -> None:
        boxes = walk(range(40), 100, 100) + walk(range(0, 40, 2), 101.5, 101)
        seen = observed(boxes, range(40))
        seen = replace(seen, confidence=np.where(seen.boxes[:, 0] == 96, 0.8, 0.6).astype(np.float32))
        found = track(seen, 25, tracker)
        assert set(found[seen.boxes[:, 0] != 96]) == {-1}
        assert set(found) == {-1, 1}

    def test_people_who_pass_each_other_keep_their_numbers(self, tracker: str) -> None:
        right, left = walk(range(100), 100, 100, 1.0), walk(range(100), 200, 104, -1.0)
        seen = observed(right + left, range(100))
        found = track(seen, 25, tracker)
        goes_right = seen.boxes[:, 1] == 90
        for one in (goes_right, ~goes_right):
            assert set(found[one & (seen.frame > 60)]) == set(found[one & (seen.frame > 2) & (seen.frame < 40)])
            assert len(set(found[one & (found > 0)])) == 1

    def test_numbers_run_from_one_in_order_of_first_appearance(self, tracker: str) -> None:
        seen = observed(
            [box for person in range(5) for box in walk(range(10 * person, 80), 100 * person, 100)]
            + walk([7], 700, 300),
            range(80),
        )
        found = track(seen, 25, tracker)
        firsts = [int(np.flatnonzero(found == number)[0]) for number in range(1, 6)]
        assert set(found) <= {-1, 1, 2, 3, 4, 5}
        assert firsts == sorted(firsts)

    def test_a_video_without_anybody_has_no_tracks(self, tracker: str) -> None:
        assert track(observed([], range(10)), 25, tracker).tolist() == []
        assert track(observed([], []), 25, tracker).tolist() == []

    def test_the_version_names_tracker_and_library(self, tracker: str) -> None:
        name, library, number = tracker_version(tracker).split()
        assert (name, library) == (tracker, "trackers")
        assert number[0].isdigit()


def test_an_unknown_tracker_is_refused_with_the_names_of_those_known() -> None:
    for call in (lambda: track(observed([], []), 25, "sort"), lambda: tracker_version("sort")):
        with pytest.raises(ValueError, match=r"'sort'.*cbiou.*bytetrack"):
            call()
