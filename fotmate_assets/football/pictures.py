"""Pictures of a match as PNG: shot map and xG race, drawn with mplsoccer and matplotlib.

Matplotlib is imported when a picture is drawn, never when the definitions load.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from fotmate_assets.football.model import PERIOD_START_MINUTE, PITCH_LENGTH_M, PITCH_WIDTH_M, SHOOTOUT_PERIOD
from fotmate_assets.football.queries import EventRow, MatchDetail

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HOME_COLOUR, AWAY_COLOUR = "#c8102e", "#1d4e89"


def shot_map(match: MatchDetail) -> bytes:
    """Every shot of a match before the shoot-out: home to the right, away to the left, area by xG, goals filled."""
    from mplsoccer import Pitch

    pitch = Pitch(
        pitch_type="custom",
        pitch_length=PITCH_LENGTH_M,
        pitch_width=PITCH_WIDTH_M,
        line_color="#9aa5a0",
        linewidth=1,
    )
    figure, axes = pitch.draw(figsize=(7, 4.9))
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
                alpha=0.85,
                zorder=3 if goal else 2,
                ax=axes,
            )
    figure.suptitle(f"{_title(match)}\nshots by xG, goals filled", fontsize=10)
    return _png(figure)


def xg_race(match: MatchDetail) -> bytes:
    """Cumulated xG of both sides over the match clock; a dot for each goal."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.2), layout="constrained")
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
    axes.set(title=f"xG race: {_title(match)}", xlabel="minute", ylabel="xG", xlim=(0, end), ylim=(0, None))
    axes.legend(loc="upper left", frameon=False)
    return _png(figure)


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


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return buffer.getvalue()
