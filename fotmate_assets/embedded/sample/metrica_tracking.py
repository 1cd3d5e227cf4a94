"""Simulated tracking in Metrica's two formats, with the real files' oddities.

Nothing here is real: players wander about their places in a formation. Kept from the real files: three header rows with
names over every other column, the goalkeeper first with shirt 11 and 25, absent players and a dead ball as `NaN`,
frames and time that run on through half-time, ends changed at half-time, coordinates that leave 0..1, the ball in both
files; in EPTS, empty parameters for extra time, and a substitution as a stretch of frames with another column.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

if TYPE_CHECKING:
    from fotmate_assets.vision.observations import Doubles

FPS = 25
HALVES = 2
SHIRTS = {"Home": (11, *range(1, 11), 12, 13, 14), "Away": (25, *range(15, 25), 26, 27, 28)}
"""The first eleven start; the twelfth of either team comes on for the eleventh in the middle of the second half."""
ON_PITCH = 11
_LENGTH_M, _WIDTH_M = 105, 68
_PLACES = (0.05, 0.2, 0.18, 0.18, 0.2, 0.32, 0.3, 0.32, 0.44, 0.46, 0.44)
_ACROSS = (0.5, 0.15, 0.4, 0.6, 0.85, 0.2, 0.5, 0.8, 0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Play:
    """What happens, in the provider's terms."""

    frame: Doubles
    """(n,): from 1, through both halves."""
    period: Doubles
    """(n,)"""
    home: Doubles
    """(n, 14, 2): 0 to 1 from the top left corner, y down; NaN where not on the pitch."""
    away: Doubles
    ball: Doubles
    """(n, 2)"""
    substitution: int
    """Line from which the substitutes are on."""


def play(seconds: float, seed: int) -> Play:
    """Two halves of `seconds` each; the home team attacks to the right in the first."""
    import numpy as np

    random = np.random.default_rng(seed)
    half = round(seconds * FPS)
    n = HALVES * half
    change = half + half // 2
    squad = len(SHIRTS["Home"])

    def wander(tracks: int, metres: float) -> Doubles:
        """Slow, smooth, about so far: three sines a track and axis, of 20 to 60 s."""
        time = np.arange(n)[:, None, None] / FPS
        waves: Doubles = np.zeros((n, tracks, 2))
        for _ in range(3):
            rate, phase = 2 * np.pi / random.uniform(20, 60, (tracks, 2)), random.uniform(0, 2 * np.pi, (tracks, 2))
            waves += metres / 3 * np.sin(rate * time + phase)
        return waves / (_LENGTH_M, _WIDTH_M)

    teams = []
    for attacks_right in (True, False):
        place = np.array([*zip(_PLACES, _ACROSS, strict=True), *[(_PLACES[-1], _ACROSS[-1])] * (squad - ON_PITCH)])
        xy = place + wander(squad, 12)
        xy[half:] = 1 - xy[half:]
        xy = xy if attacks_right else 1 - xy
        xy[:, ON_PITCH + 1 :] = np.nan
        xy[:change, ON_PITCH] = np.nan
        xy[change:, ON_PITCH - 1] = np.nan
        teams.append(np.round(xy, 5))
    ball = np.round(0.5 + wander(1, 60)[:, 0], 5)
    dead = (np.arange(n) // FPS) % 7 == 5
    ball[dead] = np.nan
    frame = np.arange(1, n + 1, dtype=np.float64)
    return Play(frame, np.where(frame <= half, 1.0, 2.0), teams[0], teams[1], ball, change)


def write_csv_pair(folder: Path, *, seconds: float = 20, seed: int = 2026) -> tuple[Path, Path]:
    """Write a home and an away file of two halves of `seconds` each, named as the sample games are; their paths.

    The same arguments give the same bytes.
    """
    simulated = play(seconds, seed)
    paths = []
    for side, xy in (("Home", simulated.home), ("Away", simulated.away)):
        shirts = SHIRTS[side]
        headers = (
            [",,", *(f"{side}," for _ in shirts), ","],
            [",,", *(f"{shirt}," for shirt in shirts), ","],
            ["Period,Frame,Time [s]", *(f"Player{shirt}," for shirt in shirts), "Ball,"],
        )
        lines = [",".join(header) for header in headers]
        positions = xy.reshape(len(xy), -1).tolist()
        for period, frame, players, ball in zip(
            simulated.period.tolist(), simulated.frame.tolist(), positions, simulated.ball.tolist(), strict=True
        ):
            clock = (f"{period:.0f}", f"{frame:.0f}", f"{round(frame / FPS, 2)}".removesuffix(".0"))
            lines.append(",".join((*clock, *map(_number, players), *map(_number, ball))))
        path = folder / f"Sample_Game_1_RawTrackingData_{side}_Team.csv"
        path.write_text("\n".join(lines) + "\n")
        paths.append(path)
    return paths[0], paths[1]


def write_epts(folder: Path, *, seconds: float = 20, seed: int = 2026) -> tuple[Path, Path]:
    """Write tracking text and its metadata, two halves of `seconds` each, named as sample game 3 is; their paths."""
    simulated = play(seconds, seed)
    lines = []
    for row, frame in enumerate(simulated.frame.tolist()):
        players = (team[row, player] for team in (simulated.home, simulated.away) for player in _on(simulated, row))
        pairs = (",".join(map(_number, xy.tolist())) for xy in players)
        lines.append(f"{frame:.0f}:{';'.join(pairs)}:{','.join(map(_number, simulated.ball[row].tolist()))}")
    text, metadata = folder / "Sample_Game_3_tracking.txt", folder / "Sample_Game_3_metadata.xml"
    text.write_text("\n".join(lines) + "\n")
    metadata.write_bytes(_metadata(simulated))
    return text, metadata


def _on(simulated: Play, row: int) -> tuple[int, ...]:
    """Columns of the players on the pitch."""
    return (*range(ON_PITCH - 1), ON_PITCH if row >= simulated.substitution else ON_PITCH - 1)


def _number(value: float) -> str:
    return "NaN" if value != value else f"{value:.5f}"  # noqa: PLR0124 - not a number


def _metadata(simulated: Play) -> bytes:
    half, last = len(simulated.frame) // 2, len(simulated.frame)
    root = Element("main")
    about = SubElement(root, "Metadata")
    config = SubElement(about, "GlobalConfig")
    SubElement(config, "ProviderName").text = "Metrica Sports"
    SubElement(config, "FrameRate").text = str(FPS)
    bounds = {"first_half": (1, half), "second_half": (half + 1, last), "first_extra_half": (), "second_extra_half": ()}
    parameters = SubElement(config, "ProviderGlobalParameters")
    for name, ends in bounds.items():
        for place, end in enumerate(("start", "end")):
            _parameter(parameters, f"{name}_{end}", str(ends[place]) if ends else None)
    session = SubElement(SubElement(about, "Sessions"), "Session", id="session1")
    score = SubElement(SubElement(session, "MatchParameters"), "Score", idLocalTeam="HOME", idVisitingTeam="AWAY")
    SubElement(score, "LocalTeamScore")
    SubElement(score, "VisitingTeamScore")
    field = SubElement(session, "FieldSize")
    SubElement(field, "Width").text = str(_LENGTH_M)
    SubElement(field, "Height").text = str(_WIDTH_M)
    teams, players, channels = SubElement(about, "Teams"), SubElement(about, "Players"), Element("PlayerChannels")
    for side, direction in (("Home", "left_to_right"), ("Away", "right_to_left")):
        team = SubElement(teams, "Team", id=side.upper())
        SubElement(team, "Name").text = f"Simulated {side}"
        _parameter(SubElement(team, "ProviderTeamsParameters"), "attack_direction_first_half", direction)
        for place, shirt in enumerate(SHIRTS[side]):
            player = SubElement(players, "Player", id=f"P{shirt}", teamId=side.upper())
            SubElement(player, "Name").text = f"Player {shirt}"
            SubElement(player, "ShirtNumber").text = str(shirt)
            about_player = SubElement(player, "ProviderPlayerParameters")
            _parameter(about_player, "position_type", "Goalkeeper" if place == 0 else "Center Forward")
            _parameter(about_player, "position_index", str(min(place, 1)))
            for axis in "xy":
                SubElement(channels, "PlayerChannel", id=f"p{shirt}_{axis}", channelId=axis, playerId=f"P{shirt}")
    device = SubElement(SubElement(about, "Devices"), "Device", id="positional")
    sensor = SubElement(SubElement(device, "Sensors"), "Sensor", id="position")
    SubElement(sensor, "Name").text = "Position"
    of_sensor = SubElement(sensor, "Channels")
    for axis in "xy":
        channel = SubElement(of_sensor, "Channel", id=axis)
        SubElement(channel, "Name").text = f"position_{axis}"
        SubElement(channel, "Unit").text = "normalized"
    about.append(channels)
    specifications = SubElement(root, "DataFormatSpecifications")
    change = simulated.substitution
    for first, until in ((1, half), (half + 1, change), (change + 1, last)):
        frames = {"startFrame": str(first), "endFrame": str(until)}
        line = SubElement(specifications, "DataFormatSpecification", frames, separator=":")
        SubElement(line, "StringRegister", name="frameCount")
        everyone = SubElement(line, "SplitRegister", separator=";")
        for side in ("Home", "Away"):
            for place in _on(simulated, first - 1):
                pair = SubElement(everyone, "SplitRegister", separator=",")
                for axis in "xy":
                    SubElement(pair, "PlayerChannelRef", playerChannelId=f"p{SHIRTS[side][place]}_{axis}")
        pair = SubElement(line, "SplitRegister", separator=",")
        for axis in "xy":
            SubElement(pair, "BallChannelRef", channelId=axis)
    indent(root)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _parameter(parent: Element, name: str, value: str | None) -> None:
    parameter = SubElement(parent, "ProviderParameter")
    SubElement(parameter, "Name").text = name
    SubElement(parameter, "Value").text = value
