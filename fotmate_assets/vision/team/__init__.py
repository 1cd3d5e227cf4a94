"""Teams: the colour of shirts, and from a track's colours and places its team and its part."""

from fotmate_assets.vision.team.parts import assign
from fotmate_assets.vision.team.shirts import shirt_colours

__all__ = ["assign", "shirt_colours"]
