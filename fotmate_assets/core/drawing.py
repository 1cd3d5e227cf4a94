"""What pictures share: colours, lettering, the headline with its badge, small PNGs.

Matplotlib is imported when a picture is drawn, never when the definitions load.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 90
INK, MUTED, ALARM = "#1f2933", "#68737d", "#d55e00"
DISTINCT = ("#0072b2", "#d55e00", "#009e73", "#c05a96", "#8a6d00", "#3a9fd6", "#4b2e83", "#000000")
"""Colours that people with any kind of colour vision tell apart, after Okabe and Ito, the light ones darker."""

KOREAN_FONT = "NanumGothic of koreanize-matplotlib"


def lettering(size: float, colour: str = MUTED, *, is_bold: bool = False) -> dict[str, Any]:
    """How a text looks, as matplotlib's properties. Names are text: a `$` in them is no formula."""
    return {
        "fontsize": size,
        "color": colour,
        "fontweight": "bold" if is_bold else "normal",
        "fontfamily": _fonts(),
        "parse_math": False,
    }


def headline(figure: Figure, title: str, detail: str, *, is_simulated: bool) -> None:
    """The title in bold and the detail below it, in the upper 0.6 inches; a badge where nothing of it is real."""
    across, down = 1 / figure.get_figwidth(), 1 / figure.get_figheight()
    figure.text(0.1 * across, 1 - 0.28 * down, title, **lettering(12, INK, is_bold=True))
    figure.text(0.1 * across, 1 - 0.53 * down, detail, **lettering(10, INK))
    if is_simulated:
        badge = {"boxstyle": "round,pad=0.4", "fc": ALARM, "ec": "none"}
        letters = lettering(10, "white")
        figure.text(1 - 0.15 * across, 1 - 0.28 * down, "simulated", ha="right", bbox=badge, **letters)


def png(figure: Figure, title: str, inks: Iterable[str], shades: Iterable[tuple[float, float, float]] = ()) -> bytes:
    """The figure in a palette of 256 at most, a fifth of the size of one without: white, `inks`, their blends with
    white and the colours of the headline; `shades` (red, green and blue, 0 to 1) as they are.

    The title is in its metadata, keyword `Title`.
    """
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import to_rgb
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    blended = np.array([to_rgb(colour) for colour in dict.fromkeys((*inks, INK, MUTED, ALARM))])
    colours = np.concatenate([[[1, 1, 1]], blended, (1 + blended) / 2, np.reshape(list(shades), (-1, 3))])
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.rint(255 * colours).astype(int).ravel().tolist())
    drawn = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    told = PngInfo()
    told.add_itxt("Title", title)
    buffer = io.BytesIO()
    picture = Image.fromarray(drawn).convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
    picture.save(buffer, "png", optimize=True, pnginfo=told)
    return buffer.getvalue()


@lru_cache(1)
def _fonts() -> list[str]:
    """Font families, the first that has a sign: Korean names are not in matplotlib's own.

    The files of koreanize-matplotlib are taken as they are: to import it would set matplotlib's defaults for all, and
    fails from Python 3.12 on.
    """
    from importlib.metadata import distribution

    from matplotlib.font_manager import FontEntry, fontManager

    fonts = distribution("koreanize-matplotlib")
    for file, weight in (("NanumGothic", 400), ("NanumGothicBold", 700)):
        path = str(fonts.locate_file(f"koreanize_matplotlib/fonts/{file}.ttf"))
        # Not addfont(): it takes the bold one for a semibold, and warns of it with each word.
        fontManager.ttflist.append(FontEntry(path, name=KOREAN_FONT, weight=weight))
    return [KOREAN_FONT, "DejaVu Sans"]
