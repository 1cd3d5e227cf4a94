"""Pictures of a match as PNG: shot map and xG race, drawn with mplsoccer and matplotlib.

Matplotlib is imported when a picture is drawn, never when the definitions load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fotmate_assets.core.drawing import DPI, INK, lettering, png
from fotmate_assets.football.model import PERIOD_START_MINUTE, PITCH_LENGTH_M, PITCH_WIDTH_M, SHOOTOUT_PERIOD
from fotmate_assets.football.queries import EventRow, MatchDetail

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HOME_COLOUR, AWAY_COLOUR, LINE = "#c8102e", "#1d4e89", "#9aa5a0"


def shot_map(match: MatchDetail) -> bytes:
    """Every shot of a match before the shoot-out: home to the right, away to the left, area by xG, goals filled."""
    from matplotlib.figure import Figure
    from mplsoccer import Pitch

    pitch = Pitch(
        pitch_type="custom",
        pitch_length=PITCH_LENGTH_M,
        pitch_width=PITCH_WIDTH_M,
        line_color=LINE,
        linewidth=1,
    )
    figure = Figure(figsize=(7, 4.9), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    pitch.draw(ax=axes)
    for colour, sign, team_id in _sides(match):
        for shot in _shots(match, team_id):
            if shot.x_m is None or shot.y_m is None:
                continue
            goal = shot.outcome == "Goal"
            pitch.scatter(
                sign * shot.x_m + PITCH_LENGTH_M / 2,
                sign * shot.y_m + PITCH_WIDTH_M / 2,
                s=30 + 500 * (shot.xg or 0.05),
                facecolor=colour if goal else "none",
                edgecolor=colour,
                zorder=3 if goal else 2,
                ax=axes,
            )
    title = f"{_title(match)}: shots by xG, goals filled"
    figure.suptitle(title, **lettering(10, INK))
    return _finished(figure, title)


def xg_race(match: MatchDetail) -> bytes:
    """Cumulated xG of both sides over the match clock; a dot for each goal."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.2), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    end = max((_clock(event) for event in match.events if event.period != SHOOTOUT_PERIOD), default=90.0)
    for colour, _sign, team_id in _sides(match):
        total, minutes, values = 0.0, [0.0], [0.0]
        for shot in _shots(match, team_id):
            total += shot.xg or 0.0
            minutes.append(_clock(shot))
            values.append(total)
            if shot.outcome == "Goal":
                axes.plot(minutes[-1], total, "o", color=colour, zorder=3)
        name = match.match.home_team if team_id == match.match.home_team_id else match.match.away_team
        axes.step([*minutes, end], [*values, total], where="post", color=colour, label=f"{name} {total:.2f}")
    title = f"{_title(match)}: cumulated xG"
    figure.suptitle(title, **lettering(10, INK))
    axes.set(xlim=(0, end), ylim=(0, None))
    axes.tick_params(labelsize=9, labelfontfamily=lettering(9)["fontfamily"])
    axes.set_xlabel("minute", **lettering(9))
    axes.set_ylabel("xG", **lettering(9))
    for text in axes.legend(loc="upper left", frameon=False).get_texts():
        text.set(**lettering(9, INK))
    return _finished(figure, title)


def _sides(match: MatchDetail) -> tuple[tuple[str, float, str], tuple[str, float, str]]:
    return (HOME_COLOUR, 1.0, match.match.home_team_id), (AWAY_COLOUR, -1.0, match.match.away_team_id)


def _shots(match: MatchDetail, team_id: str) -> list[EventRow]:
    return [
        event
        for event in match.events
        if event.event_type == "Shot" and event.team_id == team_id and event.period != SHOOTOUT_PERIOD
    ]


def _clock(event: EventRow) -> float:
    """Minutes of play: stoppage of one half never overlaps the next, which starts no earlier than its minute."""
    return max(float(PERIOD_START_MINUTE[event.period]), event.minute + event.second / 60)


def _title(match: MatchDetail) -> str:
    """Result and season; the season's name tells a simulated league from a real one."""
    summary = match.match
    shootout = ""
    if summary.home_shootout is not None:
        shootout = f" ({summary.home_shootout}-{summary.away_shootout} on penalties)"
    result = f"{summary.home_team} {summary.home_score}-{summary.away_score} {summary.away_team}{shootout}"
    return f"{result}, {summary.season_key}"


def _finished(figure: Figure, title: str) -> bytes:
    return png(figure, title, (HOME_COLOUR, AWAY_COLOUR, LINE))
