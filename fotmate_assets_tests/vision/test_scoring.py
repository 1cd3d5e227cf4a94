"""The evaluator itself: it must see what is wrong, and refuse what it cannot judge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fotmate_assets_tests.vision.scoring import Score, score

FRAMES, PEOPLE = 100, 6


@pytest.fixture(scope="module")
def truth() -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """Six people who run 6 m/s side by side, 8 m apart, at 25 frames a second."""
    frame, person = (grid.ravel().astype(np.int32) for grid in np.mgrid[0:FRAMES, 1 : PEOPLE + 1])
    return frame, person, np.column_stack([frame * 0.24 - 12, person * 8.0 - 28])


def test_the_truth_itself_scores_one(truth: Any) -> None:
    frame, person, xy = truth
    assert score(frame, person, xy, frame, person + 40, xy) == Score(1, 1, 1, 1, 0, 1, 1, 0, 0)


def test_the_order_of_rows_does_not_matter(truth: Any) -> None:
    frame, person, xy = truth
    mixed = np.random.default_rng(1).permutation(len(frame))
    assert score(frame, person, xy, frame[mixed], person[mixed], xy[mixed]).hota == 1


def test_swapped_ids_cost_association_and_not_detection(truth: Any) -> None:
    frame, person, xy = truth
    swapped = np.where((frame >= 50) & (person <= 2), 3 - person, person)
    found = score(frame, person, xy, frame, swapped, xy)
    assert found.deta == 1
    assert found.assa < 0.9
    assert found.idf1 < 0.9
    assert found.idsw == 2
    assert (found.recall, found.median_error_m) == (1, 0)


def test_people_not_seen_cost_recall_and_not_precision(truth: Any) -> None:
    frame, person, xy = truth
    kept = person <= 3
    found = score(frame, person, xy, frame[kept], person[kept], xy[kept])
    assert (found.recall, found.precision) == (0.5, 1)
    assert found.deta == pytest.approx(0.5)


def test_people_who_are_not_there_cost_precision_and_not_recall(truth: Any) -> None:
    frame, person, xy = truth
    twice, ghosts, places = (
        np.tile(frame, 2),
        np.append(person, person + 20),
        np.concatenate([xy, xy + np.array([0, 60])]),
    )
    found = score(frame, person, xy, twice, ghosts, places)
    assert (found.recall, found.precision) == (1, 0.5)


def test_a_frame_late_is_seen_in_metres(truth: Any) -> None:
    frame, person, xy = truth
    early = frame < FRAMES - 1
    found = score(frame, person, xy, frame[early] + 1, person[early], xy[early])
    assert found.median_error_m == pytest.approx(0.24)
    assert found.p95_error_m == pytest.approx(0.24)
    assert found.hota < 1


def test_one_prediction_is_the_place_of_one_person_only() -> None:
    found = score([0, 0], [1, 2], [(0.0, 0.0), (0.5, 0.0)], [0], [1], [(0.2, 0.0)])
    assert (found.recall, found.precision) == (0.5, 1)
    assert found.median_error_m == pytest.approx(0.2)


def test_likeness_at_tau_is_a_twentieth() -> None:
    """At tau, HOTA's lowest threshold (0.05) still matches; a little farther, none does."""
    at = score([0], [1], [(0.0, 0.0)], [0], [1], [(2.999, 0.0)], tau_m=3.0)
    beyond = score([0], [1], [(0.0, 0.0)], [0], [1], [(3.01, 0.0)], tau_m=3.0)
    assert at.hota > beyond.hota == 0
    assert np.isnan(at.median_error_m)


def test_frames_numbered_from_one_are_refused(truth: Any) -> None:
    frame, person, xy = truth
    with pytest.raises(ValueError, match="1-100 of prediction reach beyond 0-99 of truth"):
        score(frame, person, xy, frame + 1, person, xy)


def test_frames_that_never_meet_are_refused(truth: Any) -> None:
    frame, person, xy = truth
    with pytest.raises(ValueError, match="no frame in common"):
        score(frame * 2, person, xy, frame * 2 + 1, person, xy)


@pytest.mark.parametrize("kind", [str, float])
def test_frames_of_another_kind_are_refused(truth: Any, kind: type) -> None:
    frame, person, xy = truth
    with pytest.raises(ValueError, match=r"prediction: frame numbers are .*, not integers"):
        score(frame, person, xy, frame.astype(kind), person, xy)


def test_no_prediction_is_no_score(truth: Any) -> None:
    frame, person, xy = truth
    with pytest.raises(ValueError, match="no prediction"):
        score(frame, person, xy, frame[:0], person[:0], xy[:0])


def test_an_id_twice_in_a_frame_is_refused(truth: Any) -> None:
    frame, person, xy = truth
    with pytest.raises(ValueError, match="prediction: an id is twice in a frame"):
        score(frame, person, xy, frame, np.ones_like(person), xy)


def test_a_place_that_is_no_number_is_refused(truth: Any) -> None:
    frame, person, xy = truth
    lost = np.where(person[:, None] == 1, np.nan, xy)
    with pytest.raises(ValueError, match="prediction: 100 places are no numbers"):
        score(frame, person, xy, frame, person, lost)
