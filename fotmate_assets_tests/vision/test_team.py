"""Teams and parts: on pictures drawn here, small people in kits on striped grass, and on a real clip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fotmate_assets.vision.model import Kits, ObjectType, Pitch, Side
from fotmate_assets.vision.observations import Observations
from fotmate_assets.vision.team import assign, shirt_colours
from fotmate_assets.vision.tracks import Tracks

PITCH = Pitch()
SCALE, MARGIN = 6.0, 6.0
"""Pixels per metre, metres around the pitch: seen from straight above, but for the people."""
GRASS = (62, 128, 66), (52, 112, 56)
RED, BLUE, WHITE, BLACK, YELLOW, ORANGE, PURPLE, CYAN = (
    "#c8102e",
    "#1d3fa0",
    "#f4f4f4",
    "#151515",
    "#f2e310",
    "#f08010",
    "#7030a0",
    "#20d8d8",
)
FORMATION = np.array(
    [(-33, y) for y in (-20, -7, 7, 20)] + [(-16, y) for y in (-22, -6, 6, 22)] + [(-3, y) for y in (-8, 8)], float
)
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
NOT_TOLD = Kits()
FRAMES = 24
Part = tuple[ObjectType, Side | None]


@dataclass(frozen=True)
class Person:
    shirt: str
    shorts: str
    at: tuple[float, float]
    is_a: Part = (ObjectType.OTHER, None)
    frames: range = range(FRAMES)


def bgr(colour: str) -> tuple[int, int, int]:
    return int(colour[5:7], 16), int(colour[3:5], 16), int(colour[1:3], 16)


def eleven(shirt: str, shorts: str, keeper: str, *, side: Side, at_left: bool = True) -> list[Person]:
    sign = 1 if at_left else -1
    players = [
        Person(shirt, shorts, (float(sign * x), float(sign * y)), (ObjectType.PLAYER, side))
        for x, y in FORMATION + np.array([0, 1.5 * sign])
    ]
    return [*players, Person(keeper, keeper, (-48.0 * sign, 1.0), (ObjectType.GOALKEEPER, side))]


def officials(shirt: str = BLACK) -> list[Person]:
    return [
        Person(shirt, "#202020", at, (ObjectType.REFEREE, None)) for at in ((2.0, 13.0), (-22.0, 34.6), (25.0, -34.6))
    ]


def a_match(
    left: str = RED,
    right: str = BLUE,
    keepers: tuple[str, str] = (YELLOW, ORANGE),
    referee: str = BLACK,
    sides: tuple[Side, Side] = (Side.LEFT, Side.RIGHT),
) -> list[Person]:
    shorts = WHITE, "#202040"
    return [
        *eleven(left, shorts[0], keepers[0], side=sides[0]),
        *eleven(right, shorts[1], keepers[1], side=sides[1], at_left=False),
        *officials(referee),
    ]


def filmed(people: Sequence[Person], **filming: Any) -> tuple[Tracks, Observations]:
    """`films` of the people; the same film is made once."""
    return films(tuple(people), **filming)


@lru_cache
def films(
    people: tuple[Person, ...], *, shadow: bool = True, seed: int = 3, height: int = 20
) -> tuple[Tracks, Observations]:
    """The people running about, as a camera and a detector see them; the track's number is the place in the list."""
    rng = np.random.default_rng(seed)
    frames = max(max(person.frames) for person in people) + 1
    steps = rng.normal(0, 0.12, (frames, len(people), 2)).cumsum(0)
    places = np.array([person.at for person in people]) + steps
    skins = [bgr(rng.choice(["#f0c8a0", "#c68a5a", "#5a3a22"])) for _ in people]
    ground = grass(shadow)
    noise = rng.normal(0, 5, ground.shape).astype(np.float32)
    rows: list[tuple[Any, ...]] = []
    colours: list[Floats] = []
    for frame in sorted({frame for person in people for frame in person.frames}):
        image = ground.copy()
        here = [number for number, person in enumerate(people) if frame in person.frames]
        for number in sorted(here, key=lambda number: -places[frame, number, 1]):
            draw(image, people[number], foot(places[frame, number]), height, skins[number], frame + number)
        darkened = image * (light(image.shape) if shadow else np.float32(1))
        shaken = cv2.GaussianBlur(darkened, (3, 3), 0.7) + np.roll(noise, 37 * frame, (0, 1))
        x, y = np.array([foot(places[frame, number]) for number in here]).T
        boxes = np.stack([x - height / 5, y - height, x + height / 5, y], axis=1) + rng.normal(0, 1.0, (len(here), 4))
        colours.append(shirt_colours(np.clip(shaken, 0, 255).astype(np.uint8), boxes.astype(np.float32)))
        rows += [(number + 1, frame, *places[frame, number], *box) for number, box in zip(here, boxes, strict=True)]
    return of_rows(rows, np.concatenate(colours))


def of_rows(rows: Sequence[tuple[Any, ...]], colours: Floats, period: int = 1) -> tuple[Tracks, Observations]:
    """`rows` of track, frame, x_m, y_m and a box, in order of frames, 10 of them a second."""
    table = np.array(rows, float).reshape(-1, 8)
    frame = table[:, 1].astype(np.int32)
    ones = np.ones(len(table), np.float32)
    looked_at = np.unique(frame)
    seen = Observations(
        looked_at, looked_at.astype(np.float64) * 100, frame, table[:, 4:].astype(np.float32), ones, ones < 0, colours
    )
    order = np.lexsort((frame, table[:, 0]))
    tracks = Tracks(
        track=table[:, 0].astype(np.int32),
        frame=frame,
        time_ms=frame.astype(np.float64) * 100,
        period=np.full(len(table), period, np.int32),
        x_m=table[:, 2],
        y_m=table[:, 3],
        error_m=np.full(len(table), 0.2),
        confidence=ones,
        is_detected=ones > 0,
        detection=np.arange(len(table), dtype=np.int32),
    )
    return tracks.chosen(order), seen


def foot(place: Doubles) -> Doubles:
    return np.array([place[0] + 52.5 + MARGIN, 34 + 3 * MARGIN - place[1]]) * SCALE


def grass(shadow: bool) -> NDArray[np.float32]:
    size = int((68 + 4 * MARGIN) * SCALE), int((105 + 2 * MARGIN) * SCALE)
    stripes = (np.arange(size[1]) // int(5.5 * SCALE)) % 2
    return np.broadcast_to(np.array(GRASS, np.float32)[stripes], (*size, 3)).copy()


def light(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The stand's shadow lies on a third of the pitch: darker, and bluer."""
    share = np.ones((shape[0], 1, 3), np.float32)
    share[: shape[0] // 2] = (0.62, 0.53, 0.48)
    return share


def draw(image: NDArray[np.float32], person: Person, at: Doubles, height: int, skin: Any, phase: int) -> None:
    """Hair, face, shirt with arms, shorts, legs and boots, painted eight times as large and made small."""
    times = 8
    w, h = int(0.8 * height) * times, height * times
    left, top = int(at[0]) - w // times // 2, int(at[1]) - height
    target = image[top : top + height, left : left + w // times]
    big = cv2.resize(target, (w, h), interpolation=cv2.INTER_NEAREST)
    middle, step = w // 2, int(np.sin(phase) * 0.10 * h)
    shirt, shorts = bgr(person.shirt), bgr(person.shorts)
    for leg in (step, -step):
        cv2.line(big, (middle, int(0.62 * h)), (middle + leg, int(0.97 * h)), skin, int(0.075 * h))
        cv2.line(big, (middle + leg // 2, int(0.8 * h)), (middle + leg, int(0.95 * h)), shirt, int(0.075 * h))
    cv2.rectangle(big, (middle - int(0.10 * h), int(0.50 * h)), (middle + int(0.10 * h), int(0.68 * h)), shorts, -1)
    for arm in (step, -step):
        cv2.line(big, (middle, int(0.22 * h)), (middle + int(1.4 * arm), int(0.45 * h)), skin, int(0.05 * h))
    cv2.rectangle(big, (middle - int(0.12 * h), int(0.16 * h)), (middle + int(0.12 * h), int(0.53 * h)), shirt, -1)
    cv2.circle(big, (middle, int(0.09 * h)), int(0.07 * h), skin, -1)
    cv2.ellipse(big, (middle, int(0.07 * h)), (int(0.07 * h), int(0.05 * h)), 0, 180, 360, (20, 25, 30), -1)
    target[:] = cv2.resize(big, (w // times, height), interpolation=cv2.INTER_AREA)


def wrong(people: Sequence[Person], found: Mapping[int, Part]) -> dict[int, tuple[Part, Part]]:
    """What each wrongly judged person is, and is said to be."""
    said = {number: (person.is_a, found[number]) for number, person in enumerate(people, 1)}
    return {number: pair for number, pair in said.items() if pair[0] != pair[1]}


def judged(people: Sequence[Person], kits: Kits = NOT_TOLD, **filming: Any) -> dict[int, tuple[Part, Part]]:
    tracks, seen = filmed(people, **filming)
    return wrong(people, assign(tracks, seen, PITCH, kits))


# The colour of a shirt ------------------------------------------------------------------------------------------------


def one_shirt(
    colour: str, *, height: int = 20, ground: tuple[int, int, int] = (62, 128, 66), light: float = 1.0
) -> Floats:
    image = np.full((300, 300, 3), ground, np.float32)
    draw(image, Person(colour, WHITE, (0, 0)), np.array([150.0, 250.0]), height, (60, 90, 140), 1)
    box = np.array([[150 - height / 5, 250 - height, 150 + height / 5, 250]], np.float32)
    return shirt_colours((image * light).astype(np.uint8), box)


def lab_of(colour: str) -> Floats:
    lab: Floats = cv2.cvtColor(np.array([[bgr(colour)]], np.float32) / 255, cv2.COLOR_BGR2Lab)[0, 0]
    return lab


@pytest.mark.parametrize("height", [14, 20, 60, 200])
@pytest.mark.parametrize("colour", [RED, BLUE, WHITE, YELLOW, BLACK, "#9be070"])
def test_the_colour_of_a_shirt_is_told_whatever_the_size(colour: str, height: int) -> None:
    difference = one_shirt(colour, height=height)[0] - lab_of(colour)

    assert np.linalg.norm(difference) < 12


def test_a_shirt_in_the_shadow_of_the_stand_has_the_colour_that_it_has_in_the_sun() -> None:
    for colour in (RED, WHITE, YELLOW):
        difference = one_shirt(colour, light=0.6)[0] - one_shirt(colour)[0]

        assert np.linalg.norm(difference) < 6


def test_a_shirt_is_told_from_the_grass_beside_it_on_any_ground() -> None:
    green = one_shirt("#0a7a3a")[0]

    assert np.linalg.norm(green - lab_of("#0a7a3a")) < 12
    assert np.linalg.norm(one_shirt(RED, ground=(120, 120, 120))[0] - lab_of(RED)) < 12


def test_no_colour_where_there_is_nothing_but_grass() -> None:
    image = grass(shadow=False).astype(np.uint8)
    boxes = np.array([[100, 100, 108, 120], [300, 300, 340, 400]], np.float32)

    assert np.isnan(shirt_colours(image, boxes)).all()


def test_no_colour_of_a_box_that_is_too_small_or_outside_of_the_image() -> None:
    image = np.random.default_rng(1).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    boxes = [[50, 50, 52, 60], [50, 50, 60, 54], [-90, 50, -80, 70], [50, 260, 60, 290], [60, 60, 50, 40]]

    assert np.isnan(shirt_colours(image, np.array(boxes, np.float32))).all()


def test_a_box_that_is_cut_by_the_edge_of_the_image_still_has_a_colour() -> None:
    image = np.full((60, 60, 3), (62, 128, 66), np.uint8)
    image[10:40, 50:60] = bgr(RED)

    assert shirt_colours(image, np.array([[48, 5, 66, 55]], np.float32))[0, 1] > 40


def test_no_boxes_have_no_colours() -> None:
    assert shirt_colours(np.zeros((10, 10, 3), np.uint8), np.empty((0, 4), np.float32)).shape == (0, 3)


# Teams and parts ------------------------------------------------------------------------------------------------------

MATCHES = {
    "red and blue": a_match(),
    "white and black": a_match(WHITE, BLACK, (ORANGE, "#20b050"), YELLOW),
    "green as grass, and white": a_match("#0a7a3a", WHITE),
    "bright green and white": a_match("#9be070", WHITE),
    "red and orange": a_match(RED, ORANGE, (YELLOW, PURPLE)),
    "dark blue and red, the referee in black": a_match("#101850", RED),
    "both goalkeepers in yellow": a_match(keepers=(YELLOW, YELLOW)),
}


@pytest.mark.parametrize("shadow", [False, True], ids=["sun", "half in the shadow"])
@pytest.mark.parametrize("people", MATCHES.values(), ids=MATCHES)
def test_everybody_is_known_by_the_shirt(people: list[Person], shadow: bool) -> None:
    mistakes = judged(people, shadow=shadow)

    assert len(mistakes) <= 0.05 * len(people), mistakes


def test_people_of_fourteen_pixels_are_known_too() -> None:
    assert len(judged(a_match(), height=14)) <= 1


@pytest.mark.parametrize("home_is_left", [True, False])
def test_told_kits_say_who_is_home(home_is_left: bool) -> None:
    people = a_match(sides=(Side.HOME, Side.AWAY) if home_is_left else (Side.AWAY, Side.HOME))
    home, away = (RED, BLUE) if home_is_left else (BLUE, RED)
    tracks, seen = filmed(people)

    for kits in (Kits(home=home, away=away), Kits(home=home), Kits(away=away)):
        assert wrong(people, assign(tracks, seen, PITCH, kits)) == {}


def test_told_colours_need_not_be_exact() -> None:
    people = a_match(WHITE, "#6a1030", sides=(Side.HOME, Side.AWAY))

    assert judged(people, Kits(home="#dddddd", away="#901030")) == {}


def test_a_told_referee_is_the_referee_where_the_goalkeeper_would_be_looked_for() -> None:
    people = [person for person in a_match() if person.is_a[0] != ObjectType.REFEREE]
    people.append(Person(BLACK, BLACK, (-40.0, 12.0), (ObjectType.REFEREE, None)))

    assert judged(people, Kits(referee="#101010")) == {}


def test_a_told_goalkeeper_is_one_wherever_he_stands() -> None:
    people = [person for person in a_match() if person.is_a != (ObjectType.GOALKEEPER, Side.LEFT)]
    people.append(Person(YELLOW, YELLOW, (-20.0, 2.0), (ObjectType.GOALKEEPER, Side.LEFT)))

    assert judged(people, Kits(home_goalkeeper="#ffee00")) == {}


def test_left_is_who_defends_the_left_goal_though_all_are_in_one_half() -> None:
    def attacking(person: Person) -> Person:
        """Everybody goes 25 m to the right, who is not there yet."""
        x, y = person.at
        return replace(person, at=(x if x > 20 or abs(x) > 40 else min(x + 38, 45.0), y))

    assert judged([attacking(person) for person in a_match()]) == {}


def test_goalkeepers_change_goals_with_their_teams() -> None:
    first, seen = filmed(a_match(), shadow=False)
    size = len(first.track)
    later = replace(
        first,
        track=first.track + 25,
        frame=first.frame + 1000,
        time_ms=first.time_ms + 100_000,
        period=first.period + 1,
        x_m=-first.x_m,
        y_m=-first.y_m,
        detection=first.detection + size,
    )
    both = Tracks(**{name: np.concatenate([first.columns[name], later.columns[name]]) for name in first.columns})
    twice = Observations(**{name: np.concatenate([values, values]) for name, values in seen.columns.items()})

    found = assign(both, twice, PITCH, NOT_TOLD)

    assert {track: found[track] for track in range(1, 26)} == {track: found[track + 25] for track in range(1, 26)}
    assert found[11] == (ObjectType.GOALKEEPER, Side.LEFT)


def test_a_wrong_colour_now_and_then_changes_nobody() -> None:
    tracks, seen = filmed(a_match(), shadow=False)
    before = assign(tracks, seen, PITCH, NOT_TOLD)
    rng = np.random.default_rng(4)
    colour = seen.colour.copy()
    hit = rng.random(len(colour)) < 0.3
    colour[hit] = colour[rng.permutation(np.flatnonzero(hit))]

    assert assign(tracks, replace(seen, colour=colour), PITCH, NOT_TOLD) == before


def test_pieces_of_tracks_are_judged_like_whole_ones() -> None:
    pieces = [replace(person, frames=part) for person in a_match() for part in (range(0, 10), range(12, FRAMES))]

    assert len(judged(pieces)) <= 0.05 * len(pieces)


def test_a_second_man_in_the_goalkeepers_colour_is_no_goalkeeper_at_the_same_time() -> None:
    people = [*a_match(), Person(YELLOW, YELLOW, (-42.0, 9.0), frames=range(0, 12))]

    assert judged(people) == {}


def test_a_goalkeeper_who_is_replaced_is_followed_by_one() -> None:
    people = a_match()
    people[10] = replace(people[10], frames=range(0, 14))
    people.append(replace(people[10], at=(-47.0, 0.0), frames=range(15, FRAMES)))

    assert judged(people) == {}


def test_a_substitute_beside_the_pitch_is_no_player() -> None:
    assert judged([*a_match(), Person(RED, WHITE, (10.0, -38.0))]) == {}


def test_a_coach_in_black_beside_the_pitch_is_no_referee() -> None:
    assert judged([*a_match(), Person(BLACK, BLACK, (-5.0, -38.0))]) == {}


def test_a_track_with_hardly_a_colour_is_of_nobody() -> None:
    tracks, seen = filmed(a_match(), shadow=False)
    colour = seen.colour.copy()
    colour[tracks.detection[tracks.track == 3][4:]] = np.nan

    assert assign(tracks, replace(seen, colour=colour), PITCH, NOT_TOLD)[3] == (ObjectType.OTHER, None)


def test_a_colour_of_nobody_that_is_seen_for_a_moment_is_no_referee() -> None:
    people = [replace(person, frames=range(30)) for person in a_match() if person.is_a[0] != ObjectType.REFEREE]

    assert judged([*people, Person(CYAN, CYAN, (5.0, 5.0), frames=range(0, 5))]) == {}


def test_where_there_is_one_team_nobody_is_told_apart() -> None:
    people = eleven(RED, WHITE, YELLOW, side=Side.LEFT)[:10]

    filmed_people = filmed(people, shadow=False)

    assert set(assign(*filmed_people, PITCH, NOT_TOLD).values()) == {(ObjectType.OTHER, None)}
    told = assign(*filmed_people, PITCH, Kits(home=RED, away=BLUE))
    assert set(told.values()) == {(ObjectType.PLAYER, Side.HOME)}


def test_without_colours_nobody_is_told_apart() -> None:
    tracks, seen = filmed(a_match())
    grey = replace(seen, colour=np.full_like(seen.colour, np.nan))

    for kits in (NOT_TOLD, Kits(home=RED, away=BLUE, referee=BLACK)):
        found = assign(tracks, grey, PITCH, kits)
        assert len(found) == 25
        assert set(found.values()) == {(ObjectType.OTHER, None)}


def test_without_tracks_there_is_nobody() -> None:
    tracks, seen = of_rows([], np.empty((0, 3), np.float32))

    for kits in (NOT_TOLD, Kits(home=RED, away=BLUE, referee=BLACK)):
        assert assign(tracks, seen, PITCH, kits) == {}


def test_rows_between_detections_have_no_colour_and_do_no_harm() -> None:
    tracks, seen = filmed(a_match(), shadow=False)
    before = assign(tracks, seen, PITCH, NOT_TOLD)
    detection = tracks.detection.copy()
    detection[::3] = -1

    assert assign(replace(tracks, detection=detection), seen, PITCH, NOT_TOLD) == before


# A real clip ----------------------------------------------------------------------------------------------------------

AT = 80
"""The frame of the real clip that the boxes below are of."""
IN_WHITE = [
    (213, 150, 221, 172),
    (301, 181, 310, 206),
    (335, 221, 346, 251),
    (164, 272, 179, 308),
    (396, 296, 409, 326),
    (448, 122, 455, 139),
    (641, 206, 652, 232),
]
IN_GREEN = [
    (329, 170, 339, 195),
    (416, 193, 430, 219),
    (495, 144, 504, 161),
    (207, 252, 221, 286),
    (604, 219, 624, 248),
    (573, 297, 591, 329),
    (185, 222, 194, 248),
]
OFFICIALS = [(435, 168, 447, 192), (798, 356, 814, 397)]


@pytest.mark.real_data
def test_the_teams_and_the_referee_of_a_real_clip(real_data: Path) -> None:
    boxes = np.array([*IN_WHITE, *IN_GREEN, *OFFICIALS], np.float64)
    images = frames_of(real_data / "vision" / "real_wide_camera_848x478.mp4", range(AT, AT + 25))
    seen_at = np.array([(383, 129), (409, 403), (258, 208.5), (522, 208.5)], np.float32)
    to_metres = cv2.getPerspectiveTransform(seen_at, np.array([(0, 34), (0, -34), (-9.15, 0), (9.15, 0)], np.float32))
    rows: list[tuple[Any, ...]] = []
    colours = []
    for frame, image in enumerate(images):
        boxes = boxes if frame == 0 else np.array([moved(images[frame - 1], image, box) for box in boxes])
        feet = np.stack([boxes[:, [0, 2]].mean(1), boxes[:, 3]], axis=1)
        places = cv2.perspectiveTransform(feet[None], to_metres.astype(np.float64))[0]
        rows += [
            (number, frame, *place, *box) for number, (place, box) in enumerate(zip(places, boxes, strict=True), 1)
        ]
        colours.append(shirt_colours(image, boxes.astype(np.float32)))

    found = assign(*of_rows(rows, np.concatenate(colours)), PITCH, NOT_TOLD)

    parts = [found[number] for number in range(1, len(boxes) + 1)]
    white, green, officials = parts[:7], parts[7:14], parts[14:]
    assert set(white) == {(ObjectType.PLAYER, white[0][1])}
    assert set(green) == {(ObjectType.PLAYER, green[0][1])}
    assert {white[0][1], green[0][1]} == {Side.LEFT, Side.RIGHT}
    assert set(officials) == {(ObjectType.REFEREE, None)}


def frames_of(video: Path, frames: range) -> list[NDArray[np.uint8]]:
    capture = cv2.VideoCapture(str(video))
    images = [capture.read()[1] for _ in range(frames.stop)]
    capture.release()
    return [np.asarray(image, np.uint8) for image in images[frames.start :]]


def moved(before: NDArray[np.uint8], now: NDArray[np.uint8], box: Doubles) -> Doubles:
    """Where the picture in a box has gone from one frame to the next: three pixels at most."""
    x1, y1, x2, y2 = box.astype(int)
    reach = 3
    where = cv2.matchTemplate(
        now[y1 - reach : y2 + reach, max(x1 - reach, 0) : x2 + reach], before[y1:y2, x1:x2], cv2.TM_SQDIFF
    )
    _worst, _best, (x, y), _ = cv2.minMaxLoc(where)
    gone: Doubles = box + np.array([x - reach, y - reach] * 2)
    return gone
