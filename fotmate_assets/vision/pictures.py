"""Pictures of what was seen in a video, as PNG: a frame with its boxes, trails on the pitch, where the teams were.

Matplotlib is imported when a picture is drawn, never when the definitions load. The colours of the teams are two that
people with any kind of colour vision tell apart, after Okabe and Ito.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fotmate_assets.core.drawing import DISTINCT, DPI, INK, MUTED, headline, lettering, png
from fotmate_assets.vision.model import ObjectType, Pitch, Side
from fotmate_assets.vision.pitch import polylines

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fotmate_assets.vision.calibration import Calibration
    from fotmate_assets.vision.observations import Doubles, Image

    Box = tuple[float, float, float, float]
    """Left, top, right, bottom in pixels."""

WIDTH = 780
"""Of the pictures of the pitch, in pixels."""
FIRST, SECOND = DISTINCT[:2]
REFEREE, BALL, OTHER, LINE = "#000000", "#f0e442", "#7d868e", "#b4bcc2"
TEAMS = {Side.HOME: FIRST, Side.LEFT: FIRST, Side.AWAY: SECOND, Side.RIGHT: SECOND}
TRAIL_S = 20
"""Trails show where everybody was in so many seconds, the last."""
FRAME_WIDTH = 1280
FRAME_BYTES = 150_000
MAX_ZOOM = 2.0
PHOTOGRAPH_COLOURS = 48
"""Of the frame, and again of the people in it, who have none among the frame's: they are a thousandth of it."""
HEAT_LEVELS = 7
SMOOTHING_M = 3.0
"""Every place on the heat map is spread by a normal distribution of this standard deviation."""
HEADER, FOOTER = 0.62, 0.36
"""Inches for the title and the legend."""
NAMES = 0.3
"""Inches for the names of the teams."""
AROUND_M = 4.0
"""What is shown around the pitch."""


def annotated_frame(image: Image, rows: pl.DataFrame, calibration: Calibration, title: str, simulated: bool) -> bytes:
    """A frame with the boxes of `rows`, which are the trajectory rows of that frame, and with their tracks' numbers.

    The picture is cut to the people, and made at most `FRAME_WIDTH` pixels wide, less where the file would be larger
    than `FRAME_BYTES`; the grain of the grass is smoothed away, which is most of the bytes. The pitch's markings are
    drawn where the calibration has them: a good one hides the painted.
    """
    import polars as pl

    seen = rows.filter(pl.col("box_x1").is_not_null()).sort("track_id")
    width = FRAME_WIDTH
    while len(picture := _frame(image, seen, calibration, title, simulated, width)) > FRAME_BYTES and width > 320:
        width = int(0.95 * width * (FRAME_BYTES / len(picture)) ** 0.5)
    return picture


def trails(rows: pl.DataFrame, pitch: Pitch, title: str, simulated: bool) -> bytes:
    """Where everybody went in the last `TRAIL_S` seconds of `rows`, trajectory rows: thicker the later, and the numbers
    of the tracks where they ended.
    """
    import numpy as np
    import polars as pl
    from matplotlib.collections import LineCollection

    last = rows.filter(pl.col("period") == pl.col("period").max())
    end = int(last["timestamp_ms"].max() or 0) if len(last) else 0  # type: ignore[arg-type]
    last = last.filter(pl.col("timestamp_ms") > end - TRAIL_S * 1000).sort("track_id", "frame")
    start = int(last["timestamp_ms"].min() or 0) if len(last) else 0  # type: ignore[arg-type]
    when = f"period {last['period'][0]}, {_clock(start)} to {_clock(end)}" if len(last) else "nobody was seen"
    figure, (axes,) = _pitches(pitch, 1, title, f"Trails: {when}", simulated)
    for (_track,), track in last.group_by("track_id", maintain_order=True):
        row = track.row(-1, named=True)
        places = track.select("x_m", "y_m").to_numpy()
        age = (end - track["timestamp_ms"].to_numpy()) / (TRAIL_S * 1000)
        is_whole = np.diff(track["timestamp_ms"].to_numpy()) <= 1000
        pairs = np.stack([places[:-1], places[1:]], axis=1)[is_whole]
        widths = 0.5 + 2.0 * (1 - age[1:][is_whole])
        if row["object_type"] == ObjectType.BALL:
            axes.add_collection(LineCollection(list(pairs), linewidths=0.8, colors=INK, linestyles=(0, (1, 1))))
        else:
            axes.add_collection(LineCollection(list(pairs), linewidths=widths, colors=_colour(row)))
        if end - row["timestamp_ms"] <= 1000:
            _marker(axes, row)
    _legend(figure, last, is_ringed=True)
    return _finished(figure, title)


def heat_map(rows: pl.DataFrame, pitch: Pitch, title: str, simulated: bool) -> bytes:
    """Where the players of each team were, side by side: the darker the longer. Everybody in one, where no team is
    known.

    A period in which the teams have the other ends is turned by half a turn, so that all show the first period's ends.
    """
    import polars as pl

    people = rows.filter(pl.col("object_type") != ObjectType.BALL)
    sides = [side for side in TEAMS if (people["team"] == side).any()]
    turned = _turned(people, sides) if len(sides) == 2 else []
    sign = pl.when(pl.col("period").is_in(turned)).then(-1).otherwise(1)
    people = people.select("team", pl.col("x_m") * sign, pl.col("y_m") * sign)
    who = "the players were" if sides else "everybody was, the teams not told apart"
    about = f"Where {who}; the darker the longer"
    if turned:
        about += f"; period {', '.join(map(str, turned))} turned to the ends of the first"
    figure, all_axes = _pitches(pitch, max(len(sides), 1), title, about, simulated)
    for axes, side in zip(all_axes, sides, strict=False):
        _heat(axes, people.filter(pl.col("team") == side), pitch, TEAMS[side])
        axes.set_title(side.value, **lettering(11, TEAMS[side], is_bold=True))
    if not sides:
        _heat(all_axes[0], people, pitch, INK)
    return _finished(figure, title)


def _frame(
    image: Image, seen: pl.DataFrame, calibration: Calibration, title: str, simulated: bool, width: int
) -> bytes:
    import cv2
    import numpy as np

    boxes = seen.select("box_x1", "box_y1", "box_x2", "box_y2").to_numpy().astype(np.float64)
    x1, y1, x2, y2 = _around(boxes, image)
    scale = min(width / (x2 - x1), MAX_ZOOM)
    shape = round((x2 - x1) * scale), round((y2 - y1) * scale)
    sized = cv2.resize(image[y1:y2, x1:x2], shape, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    cut = np.asarray(cv2.bilateralFilter(sized, 7, 25, 5), np.uint8)
    detail = f"{len(seen)} boxes" if len(seen) else "nobody was seen"
    figure = _figure(shape[0] / DPI, shape[1] / DPI, title, detail, simulated)
    inches = figure.get_figheight()
    axes = figure.add_axes((0, FOOTER / inches, 1, shape[1] / DPI / inches))
    axes.imshow(cut[:, :, ::-1], extent=(0, shape[0], shape[1], 0), interpolation="none")
    axes.set(xlim=(0, shape[0]), ylim=(shape[1], 0))
    axes.set_axis_off()
    if len(seen):
        for line in polylines(calibration.pitch):
            places = (calibration.to_image(int(seen["frame"][0]), np.array(line)) - (x1, y1)) * scale
            axes.plot(*places.T, color="white", linewidth=0.7, linestyle=(0, (3, 3)))
    tags: list[Box] = []
    people = []
    for row, box in zip(seen.iter_rows(named=True), (boxes - (x1, y1, x1, y1)) * scale, strict=True):
        left, top, right, bottom = box.tolist()
        _boxed(axes, row, (left, top, right, bottom), tags)
        people.append(cut[int(top) : int(bottom) + 1, int(left) : int(right) + 1].reshape(1, -1, 3))
    _legend(figure, seen, is_ringed=False)
    return _finished(figure, title, cut, *([np.concatenate(people, axis=1)] if people else []))


def _around(boxes: Doubles, image: Image) -> tuple[int, int, int, int]:
    """The part of the image with all boxes, and some room for their tags; all of it where there are none."""
    import numpy as np

    height, width = image.shape[:2]
    if not len(boxes):
        return 0, 0, width, height
    room = np.array([0.03 * width, 0.06 * height])
    x1, y1 = np.clip(boxes[:, :2].min(axis=0) - room, 0, (width - 16, height - 16)).astype(int).tolist()
    x2, y2 = np.clip(boxes[:, 2:].max(axis=0) + room, (x1 + 16, y1 + 16), (width, height)).astype(int).tolist()
    return x1, y1, x2, y2


def _boxed(axes: Axes, row: dict[str, Any], box: Box, tags: list[Box]) -> None:
    """A box, and a tag with the track's number above or below it, where no other tag is."""
    from matplotlib.patches import Rectangle

    left, top, right, bottom = box
    colour = _colour(row)
    for line, width in (("black", 2.6), (colour, 1.5)):
        around = Rectangle((left - 2, top - 2), right - left + 4, bottom - top + 4, fill=False, ec=line, lw=width)
        axes.add_patch(around)
    text = _number(row)
    wide, high = 11 * len(text) + 6, 18
    choices = [
        (middle - wide / 2, above, middle + wide / 2, above + high)
        for above in (top - high - 4, bottom + 4, top - 2 * high - 6)
        for middle in ((left + right) / 2, left, right)
    ]
    tag = min(choices, key=lambda choice: _covered(choice, tags))
    tags.append(tag)
    axes.add_patch(Rectangle(tag[:2], wide, high, fc=colour, ec="black", lw=0.6, zorder=3))
    letters = lettering(10.5, _on(colour), is_bold=True)
    axes.text(tag[0] + wide / 2, tag[1] + high / 2 + 0.5, text, ha="center", va="center", zorder=4, **letters)


def _covered(tag: Box, tags: list[Box]) -> float:
    """How much of the tag lies on others, in pixels."""
    widths = (max(0.0, min(tag[2], other[2]) - max(tag[0], other[0])) for other in tags)
    heights = (max(0.0, min(tag[3], other[3]) - max(tag[1], other[1])) for other in tags)
    return sum(width * height for width, height in zip(widths, heights, strict=True))


def _pitches(pitch: Pitch, number: int, title: str, detail: str, simulated: bool) -> tuple[Figure, list[Axes]]:
    """Pitches side by side, whose axes are metres from the centre spot."""
    from matplotlib.collections import LineCollection

    length, width = pitch.length_m + 2 * AROUND_M, pitch.width_m + 2 * AROUND_M
    each = WIDTH / DPI / number
    figure = _figure(WIDTH / DPI, each * width / length + (number > 1) * NAMES, title, detail, simulated)
    inches = figure.get_figheight()
    all_axes = []
    for index in range(number):
        axes = figure.add_axes((index / number, FOOTER / inches, 1 / number, each * width / length / inches))
        axes.set(xlim=(-length / 2, length / 2), ylim=(-width / 2, width / 2))
        axes.set_axis_off()
        axes.add_collection(LineCollection(polylines(pitch), colors=LINE, linewidths=1, zorder=1.5))
        all_axes.append(axes)
    return figure, all_axes


def _marker(axes: Axes, row: dict[str, Any]) -> None:
    """Where somebody is now, with the track's number; a goalkeeper's has a ring, the ball has neither."""
    x, y, colour = row["x_m"], row["y_m"], _colour(row)
    if row["object_type"] == ObjectType.BALL:
        axes.plot(x, y, "o", ms=6, mfc=BALL, mec="black", zorder=5)
        return
    axes.plot(x, y, "o", ms=13.5, mfc=colour, mec="white", zorder=4)
    if row["object_type"] == ObjectType.GOALKEEPER:
        axes.plot(x, y, "o", ms=17, mfc="none", mec=colour, mew=1.4, zorder=4)
    letters = lettering(7.5, _on(colour), is_bold=True)
    axes.text(x, y, str(row["track_id"]), ha="center", va="center", zorder=5, **letters)


def _heat(axes: Axes, people: pl.DataFrame, pitch: Pitch, colour: str) -> None:
    """The density of places in `HEAT_LEVELS` shades from the paper's white to the colour."""
    import numpy as np
    from scipy.ndimage import gaussian_filter

    if people.is_empty():
        return
    half = np.array([pitch.length_m, pitch.width_m]) / 2 + AROUND_M
    bins = np.ceil(2 * half).astype(int)
    counts, _x, _y = np.histogram2d(
        people["x_m"].to_numpy(), people["y_m"].to_numpy(), bins=bins, range=[(-half[0], half[0]), (-half[1], half[1])]
    )
    density = gaussian_filter(counts, SMOOTHING_M * bins / (2 * half))
    if not density.max():
        return
    axes.contourf(
        *(np.linspace(-side, side, number + 1)[:-1] + side / number for side, number in zip(half, bins, strict=True)),
        density.T / density.max(),
        levels=np.linspace(0, 1, HEAT_LEVELS + 1),
        colors=_shades(colour),
        zorder=1,
    )


def _shades(colour: str) -> list[tuple[float, float, float]]:
    """From white to the colour."""
    import numpy as np
    from matplotlib.colors import to_rgb

    shares = np.linspace(0, 1, HEAT_LEVELS)[:, None]
    return [(r, g, b) for r, g, b in (1 - shares + shares * np.array(to_rgb(colour))).tolist()]


def _turned(people: pl.DataFrame, sides: list[Side]) -> list[int]:
    """The periods in which the two teams have other ends than in the first, by who stands farther to the left."""
    import polars as pl

    first, second = (pl.col("x_m").filter(pl.col("team") == side).mean() for side in sides)
    found = people.group_by("period").agg(is_right=first > second).drop_nulls().sort("period")
    return [period for period, is_right in found.rows() if is_right != found["is_right"][0]]


def _figure(width: float, height: float, title: str, detail: str, simulated: bool) -> Figure:
    """A figure with room of `width` by `height` inches between its title and its legend."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height + HEADER + FOOTER), dpi=DPI, facecolor="white")
    headline(figure, title, detail, is_simulated=simulated)
    return figure


def _legend(figure: Figure, rows: pl.DataFrame, *, is_ringed: bool) -> None:
    """What the colours that occur stand for, in one line below, and the ring around goalkeepers."""
    from matplotlib.lines import Line2D

    kinds: dict[str, str] = {}
    for row in rows.select("object_type", "team").unique().sort("team", "object_type").iter_rows(named=True):
        name = row["team"] or row["object_type"]
        kinds[name] = _colour(row)
    order = [*TEAMS, *ObjectType]
    names = sorted(kinds, key=order.index)
    marks = [
        Line2D([], [], ls="", marker="o", ms=8, mfc=kinds[name], mec="black" if name == ObjectType.BALL else "none")
        for name in names
    ]
    if is_ringed and (rows["object_type"] == ObjectType.GOALKEEPER).any():
        names.append("goalkeeper")
        marks.append(Line2D([], [], ls="", marker="o", ms=9, mfc="none", mec=MUTED, mew=1.4))
    legend = figure.legend(
        marks,
        names,
        loc="lower left",
        ncols=len(names),
        frameon=False,
        prop={"size": 10, "family": lettering(10)["fontfamily"]},
        labelcolor=INK,
        handletextpad=0.2,
        columnspacing=1.2,
        borderaxespad=0.2,
    )
    legend.set_in_layout(False)


def _colour(row: dict[str, Any]) -> str:
    if row["team"]:
        return TEAMS[Side(row["team"])]
    return {ObjectType.REFEREE: REFEREE, ObjectType.BALL: BALL}.get(row["object_type"], OTHER)


def _on(colour: str) -> str:
    """The colour of letters on a colour."""
    return "black" if colour == BALL else "white"


def _number(row: dict[str, Any]) -> str:
    """What a tag says: the track, and whether it is a goalkeeper's."""
    return f"{row['track_id']}{' GK' if row['object_type'] == ObjectType.GOALKEEPER else ''}"


def _clock(milliseconds: int) -> str:
    return f"{milliseconds // 60_000}:{milliseconds // 1000 % 60:02d}"


def _finished(figure: Figure, title: str, *photographs: Image) -> bytes:
    """With our colours, the shades of the heat maps, and the most frequent colours of each photograph."""
    from PIL import Image as Pictures

    shades = [shade for colour in (FIRST, SECOND, INK) for shade in _shades(colour)]
    for photograph in photographs:
        own = Pictures.fromarray(photograph[:, :, ::-1]).quantize(PHOTOGRAPH_COLOURS, Pictures.Quantize.MEDIANCUT)
        levels = [level / 255 for level in (own.getpalette() or [])[: 3 * PHOTOGRAPH_COLOURS]]
        shades += list(zip(levels[::3], levels[1::3], levels[2::3], strict=True))
    return png(figure, title, (FIRST, SECOND, REFEREE, BALL, OTHER, LINE), shades)
