"""Sectional times and positions of a horse race, under the names that KRA's result rows have.

The groups `se`/`sj` (Seoul, and positions at Jeju), `bu` (Busan) and `je` (Jeju) are all in every row; those of other
tracks, and points that the distance does not reach, are 0.
"""

from __future__ import annotations

from collections.abc import Mapping

from fotmate_assets.embedded.portal.race import Finish, RaceState
from fotmate_assets.racing.model import FinishStatus

Number = int | float

_CORNERS = {"_1c": 1500, "_2c": 1300, "_3c": 800, "_4c": 500}
"""Metres left at each corner."""
_BEFORE_LINE = {"G8f": 1600, "G6f": 1200, "G4f": 800, "G3f": 600, "G2f": 400, "G1f": 200}
"""Metres left at the furlong posts."""
_START_M = 200

_FIELDS = (
    "buG1fAccTime buG1fOrd buG2fAccTime buG2fOrd buG3fAccTime buG3fOrd buG4fAccTime buG4fOrd buG6fAccTime buG6fOrd "
    "buG8fAccTime buG8fOrd buS1fAccTime buS1fOrd buS1fTime bu_10_8fTime bu_1fGTime bu_2fGTime bu_3fGTime bu_4_2fTime "
    "bu_6_4fTime bu_8_6fTime jeG1fTime jeG3fTime jeS1fTime je_1cTime je_2cTime je_3cTime je_4cTime seG1fAccTime "
    "seG3fAccTime seS1fAccTime se_1cAccTime se_2cAccTime se_3cAccTime se_4cAccTime sjG1fOrd sjG3fOrd sjS1fOrd sj_1cOrd "
    "sj_2cOrd sj_3cOrd sj_4cOrd"
)
ZERO: Mapping[str, Number] = dict.fromkeys(_FIELDS.split(), 0)
"""All of the fields as they are before the race and for who did not finish it."""


def plain(value: float) -> Number:
    """A number as the portal writes it: tenths, and 50 rather than 50.0."""
    rounded = round(value, 1)
    return int(rounded) if rounded == int(rounded) else rounded


def sectionals(state: RaceState) -> dict[int, dict[str, Number]]:
    """The fields of every finisher, by start number."""
    finished = [finish for finish in state.finishes if finish.status is FinishStatus.FINISHED]
    distance = state.race.distance_m
    points = {"S1f": distance - _START_M}
    points |= {**_CORNERS, **_BEFORE_LINE}
    points = {name: left for name, left in points.items() if left < distance}
    passed = {name: {f.runner.start_no: _time_at(f, distance - left, distance) for f in finished}
              for name, left in points.items()}  # fmt: skip
    write = {"seoul": _seoul, "busan": _busan, "jeju": _jeju}[state.race.meeting.track_id]
    fields = {}
    for finish in finished:
        number = finish.runner.start_no
        times = {name: by_number[number] for name, by_number in passed.items()}
        ranks = {name: 1 + sum(other < by_number[number] for other in by_number.values())
                 for name, by_number in passed.items()}  # fmt: skip
        fields[number] = {**ZERO, **write(times, ranks, finish.time_s or 0.0)}
    return fields


def _time_at(finish: Finish, metres: int, distance: int) -> float:
    """Seconds from the off to a point; who leads early slows down, and the other way round."""
    part = metres / distance
    return round((finish.time_s or 0.0) * (part + (0.12 + 0.02 * finish.runner.style) * part * (1 - part)), 1)


def _seoul(times: dict[str, float], ranks: dict[str, int], total: float) -> dict[str, Number]:
    names = ("S1f", "_1c", "_2c", "_3c", "_4c", "G3f", "G1f")
    return {f"se{name}AccTime": plain(times[name]) for name in names if name in times} | {
        f"sj{name}Ord": ranks[name] for name in names if name in ranks
    }


def _busan(times: dict[str, float], ranks: dict[str, int], total: float) -> dict[str, Number]:
    names = ("S1f", *_BEFORE_LINE)
    fields = {f"bu{name}AccTime": plain(times[name]) for name in names if name in times}
    fields |= {f"bu{name}Ord": ranks[name] for name in names if name in ranks}
    fields |= {f"bu_{each}fGTime": plain(total - times[f"G{each}f"]) for each in (1, 2, 3)}
    fields["buS1fTime"] = plain(times["S1f"])
    if "G4f" in times:
        fields["bu_4_2fTime"] = plain(times["G2f"] - times["G4f"])
        fields["bu_6_4fTime"] = plain(times["G4f"] - times.get("G6f", 0.0))
    if "G6f" in times:
        fields["bu_8_6fTime"] = plain(times["G6f"] - times.get("G8f", 0.0))
    if "G8f" in times:
        fields["bu_10_8fTime"] = plain(times["G8f"])
    return fields


def _jeju(times: dict[str, float], ranks: dict[str, int], total: float) -> dict[str, Number]:
    names = ("S1f", "_1c", "_2c", "_3c", "_4c", "G3f", "G1f")
    return {f"je{name}Time": plain(times[name]) for name in names if name in times} | {
        f"sj{name}Ord": ranks[name] for name in names if name in ranks
    }
