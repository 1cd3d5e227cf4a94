"""Metrica Sports' tracking: a pair of CSV files, or EPTS text with its metadata, as rows of trajectories.

Both give coordinates of 0 to 1 from the top left corner, y down; rows are metres from the centre spot, y up. Files are
read in batches of frames: memory does not grow with the match. Formats: github.com/metrica-sports/sample-data, and
FIFA's Electronic Performance and Tracking Systems format, as kloppy 3.19 reads it.
"""

from fotmate_assets.vision.sources.metrica.csv_pair import read_csv_pair
from fotmate_assets.vision.sources.metrica.epts import read_epts
from fotmate_assets.vision.sources.metrica.tracking import ProviderTracking

__all__ = ["ProviderTracking", "read_csv_pair", "read_epts"]
