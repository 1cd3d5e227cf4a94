"""How videos are analysed, as a Dagster resource."""

from pathlib import Path
from typing import Any

from dagster import ConfigurableResource

from fotmate_assets.vision.model import Analysis
from fotmate_assets.vision.trajectories import Encoding


class VideoAnalysis(ConfigurableResource["VideoAnalysis"]):
    """What finds and follows people in videos, and where work in progress is kept. See `Analysis`."""

    folder: str
    """On this machine's disk. What is computed stays there until it is stored."""
    encoding: Encoding = "float32"
    detector: str = "background"
    weights: str | None = None
    device: str = "auto"
    half: bool = False
    batch: int = 1
    tracker: str = "cbiou"
    stride: int = 1

    def analysis(self, **otherwise: Any) -> Analysis:
        """What to do, `otherwise` than told here. Weights are a file, or a name in the folder `weights`."""
        told = {name: getattr(self, name) for name in Analysis.__dataclass_fields__} | otherwise
        named = self.path / "weights" / (told["weights"] or "")
        return Analysis(**told | ({"weights": str(named)} if named.is_file() else {}))

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(self.folder)
