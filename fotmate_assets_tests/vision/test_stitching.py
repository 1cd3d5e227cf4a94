from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from fotmate_assets.vision.stitching import parted, stitched
from fotmate_assets.vision.tracks import Tracks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fotmate_assets.vision.observations import Floats

FPS = 25.0
RED, WHITE, NOT_TOLD = (40.0, 58.0, 32.0), (90.0, -9.0, 10.0), (np.nan, np.nan, np.nan)


class Scene:
    """Tracks of detections, one after the other, and the detections' shirts."""

    def __init__(self) -> None:
        self.parts: list[Tracks] = []
        self.colours: list[Floats] = []

    def add(
        self,
        frames: Iterable[int],
        at: tuple[float, float],
        speed: tuple[float, float] = (0.0, 0.0),
        *,
        shirt: tuple[float, float, float] = NOT_TOLD,
        period: int = 1,
        noise_m: float = 0.0,
    ) -> Scene:
        """Somebody who is at `at` in frame 0 and runs with `speed`, detected in `frames`."""
        frame = np.array(list(frames), np.int32)
        count, seconds = len(frame), frame / FPS
        noise = np.random.default_rng(len(self.parts)).normal(0, noise_m, (2, count))
        self.parts.append(
            Tracks(
                track=np.full(count, len(self.parts) + 1, np.int32),
                frame=frame,
                time_ms=seconds * 1000,
                period=np.full(count, period, np.int32),
                x_m=at[0] + speed[0] * seconds + noise[0],
                y_m=at[1] + speed[1] * seconds + noise[1],
                error_m=np.full(count, 0.3),
                confidence=np.full(count, 0.8, np.float32),
                is_detected=np.ones(count, bool),
                detection=np.arange(count, dtype=np.int32) + sum(map(len, self.colours)),
            )
        )
        self.colours.append(np.tile(np.array(shirt, np.float32), (count, 1)))
        return self

    def then(self, shirt: tuple[float, float, float], rows: slice) -> Scene:
        """The last track's shirt is seen as `shirt` in `rows`."""
        self.colours[-1][rows] = shirt
        return self

    @property
    def tracks(self) -> Tracks:
        names = self.parts[0].columns
        return Tracks(**{name: np.concatenate([part.columns[name] for part in self.parts]) for name in names})

    @property
    def colour(self) -> Floats:
        return np.concatenate(self.colours)

    def stitched(self) -> list[int]:
        """The number of each track, in order of the scene, after stitching."""
        found = stitched(self.tracks, self.colour)
        keys = list(zip(found.track.tolist(), found.frame.tolist(), strict=True))
        assert keys == sorted(set(keys)), "one row per track and frame, sorted"
        number = dict(zip(found.detection.tolist(), found.track.tolist(), strict=True))
        return [number[int(part.detection[0])] for part in self.parts]


class TestStitching:
    def test_who_was_hidden_for_a_moment_is_the_same_person(self) -> None:
        scene = Scene().add(range(50), (0, 0), (5, 1), noise_m=0.2).add(range(90, 150), (0, 0), (5, 1), noise_m=0.2)
        assert scene.stitched() == [1, 1]

    def test_nearly_everybody_who_is_hidden_is_found_again(self) -> None:
        scene = Scene()
        for number in range(200):
            start = 200 * number
            scene.add(range(start, start + 9), (0, 0), noise_m=0.21).add(
                range(start + 12, start + 21), (0, 0), noise_m=0.21
            )
        found = np.array(scene.stitched()).reshape(200, 2)
        assert (found[:, 0] == found[:, 1]).sum() >= 198

    def test_several_moments_in_a_row_are_all_bridged(self) -> None:
        scene = Scene()
        for start in (0, 60, 120, 180):
            scene.add(range(start, start + 40), (0, 0), (3, 0))
        assert scene.stitched() == [1, 1, 1, 1]

    def test_who_comes_back_too_late_is_a_new_person(self) -> None:
        assert Scene().add(range(51), (0, 0)).add(range(124, 174), (0, 0)).stitched() == [1, 1]
        assert Scene().add(range(51), (0, 0)).add(range(127, 177), (0, 0)).stitched() == [1, 2]

    def test_nobody_gets_anywhere_that_they_were_not_running_to(self) -> None:
        assert Scene().add(range(50), (0, 0), (5, 0)).add(range(55, 100), (2, 0), (-5, 0)).stitched() == [1, 2]
        assert Scene().add(range(50), (0, 0)).add(range(60, 100), (6, 0)).stitched() == [1, 2]

    def test_two_who_are_hidden_at_once_each_find_their_own_way(self) -> None:
        scene = Scene().add(range(50), (0, 0), (5, 0)).add(range(50), (20, 0), (-5, 0))
        scene.add(range(70, 120), (20, 0), (-5, 0)).add(range(70, 120), (0, 0), (5, 0))
        assert scene.stitched() == [1, 2, 2, 1]

    def test_where_two_may_be_the_one_nobody_is(self) -> None:
        one_of_two = Scene().add(range(50), (0, 0.4)).add(range(50), (0, -0.4)).add(range(75, 120), (0, 0))
        assert one_of_two.stitched() == [1, 2, 3]
        one_as_two = Scene().add(range(50), (0, 0)).add(range(75, 120), (0, 0.4)).add(range(75, 120), (0, -0.4))
        assert one_as_two.stitched() == [1, 2, 3]

    def test_who_was_there_just_now_is_likelier_than_who_was_there_long_ago(self) -> None:
        scene = Scene().add(range(20), (0, 0)).add(range(78), (0, 0.3)).add(range(80, 130), (0, 0.2))
        assert scene.stitched() == [1, 2, 2]

    def test_the_shirt_tells_who_of_two_it_is(self) -> None:
        scene = Scene().add(range(50), (0, 0.4), shirt=RED).add(range(50), (0, -0.4), shirt=WHITE)
        scene.add(range(75, 120), (0, 0), shirt=WHITE)
        assert scene.stitched() == [1, 2, 2]

    def test_nobody_changes_their_shirt(self) -> None:
        assert Scene().add(range(50), (0, 0), shirt=RED).add(range(60, 99), (0, 0), shirt=WHITE).stitched() == [1, 2]
        assert Scene().add(range(50), (0, 0), shirt=RED).add(range(60, 99), (0, 0)).stitched() == [1, 1]

    def test_periods_are_never_joined(self) -> None:
        assert Scene().add(range(50), (0, 0)).add(range(60, 99), (0, 0), period=2).stitched() == [1, 2]

    def test_people_who_are_seen_at_once_are_two(self) -> None:
        assert Scene().add(range(50), (0, 0)).add(range(49, 99), (0, 0.3)).stitched() == [1, 2]

    @pytest.mark.parametrize("function", [stitched, parted])
    def test_nothing_gives_nothing(self, function: type) -> None:
        scene = Scene().add([], (0, 0))
        assert len(function(scene.tracks, scene.colour).track) == 0
        alone = Scene().add([3], (0, 0))
        assert function(alone.tracks, alone.colour).frame.tolist() == [3]


class TestParting:
    def test_a_track_is_cut_where_the_shirt_changes_for_good(self) -> None:
        scene = Scene().add(range(100), (0, 0), shirt=RED).then(WHITE, slice(60, None))
        found = parted(scene.tracks, scene.colour)
        assert found.track[found.frame < 50].tolist() == [1] * 50
        assert found.track[found.frame > 70].tolist() == [2] * 29
        assert 60 not in found.frame, "whose row that is nobody knows"

    def test_two_who_were_taken_for_each_other_are_told_apart_again(self) -> None:
        scene = Scene().add(range(100), (0, 0), (1, 0), shirt=RED).then(WHITE, slice(50, None))
        scene.add(range(100), (0, 0.8), (1, 0), shirt=WHITE).then(RED, slice(53, None))
        cut = parted(scene.tracks, scene.colour)
        found = stitched(cut, scene.colour)
        shirts = {number: set(scene.colour[found.detection[found.track == number], 0]) for number in set(found.track)}
        assert sorted(map(sorted, shirts.values())) == [[RED[0]], [WHITE[0]]]

    def test_a_shirt_behind_another_for_a_moment_cuts_nothing(self) -> None:
        scene = Scene().add(range(100), (0, 0), shirt=RED).then(WHITE, slice(50, 55))
        found = parted(scene.tracks, scene.colour)
        assert found.track.tolist() == [1] * 100

    def test_a_glimpse_at_a_tracks_end_cuts_nothing(self) -> None:
        for glimpse in (slice(93, None), slice(None, 7)):
            scene = Scene().add(range(100), (0, 0), shirt=RED).then(WHITE, glimpse)
            assert parted(scene.tracks, scene.colour).track.tolist() == [1] * 100

    def test_the_stands_shadow_cuts_nothing(self) -> None:
        scene = Scene().add(range(100), (0, 0), shirt=(80, 10, 10)).then((40, 8, 6), slice(50, None))
        assert parted(scene.tracks, scene.colour).track.tolist() == [1] * 100

    def test_shirts_that_were_not_told_cut_nothing(self) -> None:
        scene = Scene().add(range(100), (0, 0), shirt=RED).then(NOT_TOLD, slice(50, None))
        assert parted(scene.tracks, scene.colour).track.tolist() == [1] * 100

    def test_tracks_are_judged_each_by_itself(self) -> None:
        scene = Scene().add(range(50), (0, 0), shirt=RED).add(range(50), (9, 9), shirt=WHITE)
        assert parted(scene.tracks, scene.colour).track.tolist() == [1] * 50 + [2] * 50
