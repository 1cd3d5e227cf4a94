"""What a sidecar may say, what it says where it is wrong, and that it comes back as written."""

import copy
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from fotmate_assets.core.model import RawDocument, SourceError, Verdict
from fotmate_assets.vision.model import Between, Keyframe, Kits, Landmark, Orientation, Period, Pitch, Sidecar
from fotmate_assets.vision.pitch import landmarks, markings, polylines
from fotmate_assets.vision.sidecar import read_sidecar, write_sidecar

NAMES = ("halfway_near", "halfway_far", "left_near_penalty_area_corner", "right_far_corner", "left_penalty_spot")


def document(content: Any) -> RawDocument:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return RawDocument("video", "videos/derby.json", raw, "s3://tracking-data/videos/derby.json", datetime.now(UTC))


def told(shift: float = 0) -> list[dict[str, Any]]:
    points = landmarks(Pitch())
    return [
        {"point": name, "pixel": [960 + 10 * points[name][0] + shift, 540 - 6 * points[name][1] + shift]}
        for name in NAMES
    ]


def moving() -> dict[str, Any]:
    return {
        "keyframes": [{"frame": 0, "landmarks": told()}, {"frame": 25, "landmarks": told(7)}],
        "periods": [{"period": 1, "first_frame": 0, "last_frame": 99}, {"period": 2, "first_frame": 150}],
        "kits": {"home": "#c8102e"},
        "region": [0, 100, 1920, 1080],
    }


def test_a_static_camera_is_told_by_its_landmarks_alone() -> None:
    sidecar = read_sidecar(document({"landmarks": told()}))
    assert [frame.frame for frame in sidecar.keyframes] == [0]
    assert sidecar.keyframes[0].landmarks[0] == Landmark(0, -34, 960, 744, name="halfway_near")
    assert (sidecar.pitch, sidecar.between, sidecar.periods) == (Pitch(105, 68), Between.HOLD, (Period(1, 0),))


def test_named_landmarks_lie_on_the_pitch_that_is_told() -> None:
    content = {"pitch": {"length_m": 100, "width_m": 64}, "landmarks": told()}
    by_name = {landmark.name: landmark for landmark in read_sidecar(document(content)).keyframes[0].landmarks}
    corner = by_name["right_far_corner"]
    assert (corner.x_m, corner.y_m) == (50, 32)
    area = by_name["left_near_penalty_area_corner"]
    assert (area.x_m, area.y_m) == pytest.approx((-33.5, -20.16))


def test_a_sidecar_comes_back_as_written_and_always_as_the_same_bytes() -> None:
    points = landmarks(Pitch(101.5, 67))
    named = tuple(Landmark(*points[name], 125.25 * i, 100 * i * i / 3, name=name) for i, name in enumerate(NAMES))
    sidecar = Sidecar(
        keyframes=(Keyframe(0, named), Keyframe(30, (*named[:4], Landmark(12.5, -3.25, 700.1, 80.0)))),
        pitch=Pitch(101.5, 67),
        between=Between.INTERPOLATE,
        periods=(Period(1, 5, 99), Period(5, 120)),
        kits=Kits(home="#ffffff", away_goalkeeper="#00ff00"),
        region=(0, 40, 1280, 700),
        orientation=Orientation.AWAY_HOME,
        simulated=True,
    )
    assert read_sidecar(document(write_sidecar(sidecar))) == sidecar
    assert write_sidecar(sidecar) == write_sidecar(copy.deepcopy(sidecar))
    static = Sidecar(keyframes=sidecar.keyframes[:1], pitch=sidecar.pitch)
    assert read_sidecar(document(write_sidecar(static))) == static
    assert json.loads(write_sidecar(static)).keys() == {"pitch", "landmarks"}


def test_a_landmark_that_is_not_where_its_name_says_is_written_in_metres() -> None:
    sidecar = read_sidecar(document({"landmarks": told()}))
    on_a_smaller_pitch = Sidecar(sidecar.keyframes, pitch=Pitch(100, 64))
    written = json.loads(write_sidecar(on_a_smaller_pitch))["landmarks"]
    assert written[0] == {"pitch": [0.0, -34.0], "pixel": [960.0, 744.0]}


def test_a_written_sidecar_has_a_landmark_a_line() -> None:
    lines = write_sidecar(read_sidecar(document({"landmarks": told()}))).decode().splitlines()
    assert '    {"point": "halfway_near", "pixel": [960.0, 744.0]},' in lines


Change = Callable[[dict[str, Any]], Any]


def landmark(content: dict[str, Any], keyframe: int, index: int) -> dict[str, Any]:
    found: dict[str, Any] = content["keyframes"][keyframe]["landmarks"][index]
    return found


MISTAKES: dict[str, tuple[Change, str | None, str]] = {
    "an unknown key": (lambda c: c.update(kitz={}), "kitz", "unknown field"),
    "an unknown key of a landmark": (
        lambda c: landmark(c, 1, 3).update(pixels=[1, 2]),
        "keyframes[1].landmarks[3].pixels",
        "unknown field",
    ),
    "a pixel that is no number": (
        lambda c: landmark(c, 1, 3).update(pixel=["x", 2]),
        "keyframes[1].landmarks[3].pixel[0]",
        "Expected",
    ),
    "a landmark without a pixel": (lambda c: landmark(c, 1, 3).pop("pixel"), "keyframes[1].landmarks[3]", "pixel"),
    "an unknown landmark": (
        lambda c: landmark(c, 1, 2).update(point="left_corner"),
        "keyframes[1].landmarks[2].point",
        "'left_corner' is no landmark; known: .*left_near_corner",
    ),
    "a name and metres": (lambda c: landmark(c, 0, 1).update(pitch=[1, 2]), "keyframes[0].landmarks[1]", "one of the"),
    "neither name nor metres": (lambda c: landmark(c, 0, 1).pop("point"), "keyframes[0].landmarks[1]", "one of the"),
    "metres that are centimetres": (
        lambda c: c["keyframes"][0]["landmarks"].append({"pitch": [3600, 2016], "pixel": [5, 5]}),
        "keyframes[0].landmarks[5].pitch",
        "3600 is more than 20 m off the pitch",
    ),
    "three landmarks": (
        lambda c: c["keyframes"][1].update(landmarks=told()[:3]),
        "keyframes[1].landmarks",
        "four landmarks or more are needed, 3 told",
    ),
    "a landmark told twice": (
        lambda c: landmark(c, 0, 4).update(point="halfway_far"),
        "keyframes[0].landmarks[4].point",
        "halfway_far is told twice",
    ),
    "two landmarks at one pixel": (
        lambda c: landmark(c, 0, 4).update(pixel=landmark(c, 0, 2)["pixel"]),
        "keyframes[0].landmarks[4].pixel",
        "left_penalty_spot and left_near_penalty_area_corner are told at one pixel",
    ),
    "landmarks on a line of the pitch": (
        lambda c: c["keyframes"][1]["landmarks"].__setitem__(
            slice(2, 5), [{"point": "centre_spot", "pixel": [9, 9]}, told()[3]]
        ),
        "keyframes[1].landmarks",
        "halfway_near, halfway_far, centre_spot lie on one line on the pitch",
    ),
    "landmarks on a line of the picture": (
        lambda c: [landmark(c, 0, i).update(pixel=[100 * i, 50 * i + 0.2 * (i % 2)]) for i in range(4)],
        "keyframes[0].landmarks",
        "lie on one line in the picture",
    ),
    "keyframes out of order": (
        lambda c: c["keyframes"][1].update(frame=0),
        "keyframes[1].frame",
        "0 does not come after 0",
    ),
    "a first keyframe after the first frame": (lambda c: c["keyframes"][0].update(frame=3), "keyframes[0].frame", "3"),
    "no keyframe": (lambda c: c.update(keyframes=[]), "keyframes", "no keyframe"),
    "no landmarks at all": (lambda c: c.pop("keyframes"), "landmarks", "neither"),
    "landmarks and keyframes": (lambda c: c.update(landmarks=told()), "keyframes", "not both"),
    "an unknown motion": (lambda c: c.update(between="spline"), "between", "spline"),
    "periods that overlap": (
        lambda c: c["periods"][1].update(first_frame=99),
        "periods[1].first_frame",
        "frame 99 is in period 1",
    ),
    "an open period before another": (lambda c: c["periods"][0].pop("last_frame"), "periods[0].last_frame", "open"),
    "a period that ends before it starts": (
        lambda c: c["periods"][1].update(last_frame=149),
        "periods[1].last_frame",
        "before the period's first, 150",
    ),
    "a period before the video": (lambda c: c["periods"][0].update(first_frame=-1), "periods[0].first_frame", "-1"),
    "the same period twice": (lambda c: c["periods"][1].update(period=1), "periods[1].period", "ascend"),
    "a sixth period": (lambda c: c["periods"][1].update(period=6), "periods[1].period", "ascend"),
    "no period": (lambda c: c.update(periods=[]), "periods", "no period"),
    "a colour by name": (lambda c: c["kits"].update(home="red"), "kits.home", "#rrggbb"),
    "a colour of nine digits": (lambda c: c["kits"].update(away="#c8102e00"), "kits.away", "#rrggbb"),
    "a region inside out": (lambda c: c.update(region=[1920, 100, 0, 1080]), "region", "x1 < x2"),
    "an empty region": (lambda c: c.update(region=[0, 100, 1920, 100]), "region", "y1 < y2"),
    "a region off the picture": (lambda c: c.update(region=[-1, 0, 10, 10]), "region", "0 <= x1"),
    "a pitch shorter than the Laws allow": (
        lambda c: c.update(pitch={"length_m": 89.9, "width_m": 60}),
        "pitch.length_m",
        "89.9 is outside of 90-120 m",
    ),
    "a pitch in yards": (lambda c: c.update(pitch={"length_m": 115, "width_m": 91}), "pitch.width_m", "45-90"),
    "a pitch wider than long": (lambda c: c.update(pitch={"length_m": 90, "width_m": 90}), "pitch.width_m", "less"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_malformed_and_names_document_and_field(mistake: str) -> None:
    change, field, reason = MISTAKES[mistake]
    content = moving()
    read_sidecar(document(content))
    change(content)
    with pytest.raises(SourceError, match=reason) as caught:
        read_sidecar(document(content))
    assert (caught.value.verdict, caught.value.document) == (Verdict.MALFORMED, "videos/derby.json")
    assert caught.value.field == field
    assert caught.value.content == document(content).content


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[]", b'{"landmarks": [{"point": "a", "pixel": [NaN, 1]}]}']
)
def test_what_is_no_json_object_is_malformed(content: bytes) -> None:
    with pytest.raises(SourceError) as caught:
        read_sidecar(document(content))
    assert caught.value.verdict is Verdict.MALFORMED


def test_a_number_beyond_every_number_is_refused_where_it_stands() -> None:
    content = json.dumps({"landmarks": told()}).replace("744.0", "1e999").encode()
    with pytest.raises(SourceError) as caught:
        read_sidecar(document(content))
    assert caught.value.field == "landmarks[0].pixel[1]"


def test_the_mistake_of_a_static_camera_is_named_as_its_json_tells_it() -> None:
    content = {"landmarks": told()}
    content["landmarks"][2]["point"] = "corner"
    with pytest.raises(SourceError) as caught:
        read_sidecar(document(content))
    assert caught.value.field == "landmarks[2].point"


def test_landmarks_have_the_distances_of_the_laws_of_the_game() -> None:
    point = landmarks(Pitch(100, 64))
    assert len(set(point.values())) == len(point) == 39
    between: dict[tuple[str, str], float] = {
        ("left_near_goal_post", "left_far_goal_post"): 7.32,
        ("right_near_goal_post", "right_near_goal_area_goal_line"): 5.5,
        ("right_near_goal_area_goal_line", "right_near_goal_area_corner"): 5.5,
        ("right_near_penalty_area_corner", "right_far_penalty_area_corner"): 40.32,
        ("left_far_penalty_area_corner", "left_far_penalty_area_goal_line"): 16.5,
        ("left_penalty_spot", "left_near_penalty_arc_end"): 9.15,
        ("right_penalty_spot", "right_penalty_arc_top"): 9.15,
        ("centre_spot", "centre_circle_right"): 9.15,
        ("centre_spot", "halfway_far"): 32,
        ("left_near_corner", "right_near_corner"): 100,
    }
    for (one, other), metres in between.items():
        assert math.dist(point[one], point[other]) == pytest.approx(metres), (one, other)
    assert 50 + point["left_penalty_spot"][0] == pytest.approx(11)
    assert point["left_near_penalty_arc_end"][0] == point["left_near_penalty_area_corner"][0]


def test_left_and_near_are_negative_right_and_far_positive() -> None:
    for name, (x, y) in landmarks(Pitch()).items():
        assert ("left" in name, "right" in name, "near" in name, "far" in name) == (x < 0, x > 0, y < 0, y > 0), name


def test_markings_touch_every_landmark_and_penalty_arcs_stay_outside_of_the_areas() -> None:
    pitch = Pitch()
    painted = [point for line in polylines(pitch, 0.05) for point in line]
    for name, place in landmarks(pitch).items():
        if not name.endswith("spot"):
            assert min(math.dist(place, point) for point in painted) < 0.06, name
    assert set(markings(pitch).spots) == {place for name, place in landmarks(pitch).items() if name.endswith("spot")}
    arcs = [arc for arc in markings(pitch).arcs if arc.radius_m > 5 and arc.centre != (0, 0)]
    assert len(arcs) == 2
    for arc in arcs:
        for degrees in (arc.start_deg + 1, (arc.start_deg + arc.end_deg) / 2, arc.end_deg - 1):
            assert abs(arc.centre[0] + arc.radius_m * math.cos(math.radians(degrees))) < 52.5 - 16.5


def test_polylines_have_no_step_longer_than_asked() -> None:
    for line in polylines(Pitch(), 0.7):
        assert max(math.dist(a, b) for a, b in pairwise(line)) <= 0.7 + 1e-9
