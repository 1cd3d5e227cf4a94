"""What all pictures share: exact colours, the title within the file, and the badge of what is not real."""

import io
import warnings

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from PIL import Image

from fotmate_assets.core.drawing import ALARM, DPI, headline, lettering, png


def picture(title: str = "title", *, is_simulated: bool = False, names: str = "") -> Image.Image:
    """A disc of a colour and one of a shade, under a headline; 400 x 200 pixels."""
    figure = Figure(figsize=(400 / DPI, 200 / DPI), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, 4), ylim=(0, 2))
    axes.plot([1, 3], [0.5, 0.5], "o", ms=30, color="#123456", mew=0)
    axes.plot(2, 0.5, "o", ms=30, color=(0.2, 0.4, 0.6), mew=0)
    figure.text(0.1, 0.5, names, **lettering(10))
    headline(figure, title, "detail", is_simulated=is_simulated)
    return Image.open(io.BytesIO(png(figure, title, ["#123456"], [(0.2, 0.4, 0.6)])))


def count(drawn: Image.Image, *colour: int) -> int:
    return int((np.asarray(drawn.convert("RGB")) == colour).all(-1).sum())


def test_a_palette_holds_the_colours_exactly() -> None:
    drawn = picture()
    assert drawn.mode == "P"
    assert count(drawn, 0x12, 0x34, 0x56) > 1000
    assert count(drawn, 51, 102, 153) > 500
    assert count(drawn, 255, 255, 255) > 60_000


def test_the_title_is_in_the_file_and_no_formula() -> None:
    assert picture(r"$\frac{1 \u2116 1").info["Title"] == r"$\frac{1 \u2116 1"


def test_only_what_is_not_real_has_a_badge() -> None:
    alarm = [int(ALARM[place : place + 2], 16) for place in (1, 3, 5)]
    assert count(picture(is_simulated=True), *alarm) > 400
    assert count(picture(), *alarm) == 0


def test_korean_and_european_names_have_their_letters() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of a glyph that no font has
        picture(names="가람 Č ½")
        with pytest.raises(UserWarning, match="missing from font"):
            picture(names="\U0001f40e")


def test_drawing_leaves_no_figure_open() -> None:
    before = pyplot.get_fignums()
    picture()
    assert pyplot.get_fignums() == before
