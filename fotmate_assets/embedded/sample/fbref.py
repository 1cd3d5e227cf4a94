"""Synthetic FBref pages: the structure of the real ones, fictional clubs, players and numbers.

`sample_pages` gives a small season; the tests doctor single pages. Structure after research/football.md section 4.
"""

from __future__ import annotations

import hashlib
import random
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from html import escape

SUMMARY = (
    *("goals", "assists", "pens_made", "pens_att", "shots", "shots_on_target", "cards_yellow", "cards_red"),
    *("fouls", "fouled", "offsides", "crosses", "tackles_won", "interceptions", "own_goals", "pens_won"),
)
"""Number columns of the summary table since 2026-01-20."""

OPTA_TABLES = {
    "summary": (
        *SUMMARY[:8],
        "touches",
        "tackles",
        "interceptions",
        "blocks",
        "xg",
        "npxg",
        "passes_completed",
        "passes",
    ),
    "passing": ("passes_completed", "passes", "passes_pct", "assists", "assisted_shots", "progressive_passes"),
    "defense": ("tackles", "tackles_won", "blocks", "interceptions", "clearances", "errors"),
    "misc": ("cards_yellow", "cards_red", "cards_yellow_red", "fouls", "fouled", "offsides", "crosses", "own_goals"),
}
"""Number columns of the tables before that day, a selection."""

KEEPER = ("gk_shots_on_target_against", "gk_goals_against", "gk_saves", "gk_save_pct")
NBSP = "\N{NO-BREAK SPACE}"
CLUBS = ("Ashford Rovers", "Bexley Town", "Corby & Kettering", "Dunmore", "Évreux Athletic", "Fenwick United")
GIVEN = ("Adam", "Bruno", "Carlos", "Dário", "Émile", "Finn", "Goran", "Håkon", "Ivo", "Jonas", "Kofi", "Luka")
FAMILY = ("Abel", "Brandt", "Costa", "Đurić", "Eze", "Færøy", "Grant", "Hughes", "Ito", "Jensen", "Kane-Lee", "Łoś")
FORMATION = ("GK", "RB", "CB", "CB", "LB", "DM", "CM", "CM", "RW", "FW", "LW")


def hex_id(*parts: object) -> str:
    """A made-up FBref id: eight hexadecimal digits, the same for the same parts."""
    return hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=4).hexdigest()


@dataclass(frozen=True)
class Squadman:
    """A player of a match-day squad; `minutes` None: unused."""

    id: str
    name: str
    number: int
    position: str
    birth_date: date
    is_starter: bool
    minutes: int | None
    numbers: Mapping[str, int | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Side:
    """One team of a report."""

    id: str
    name: str
    squad: tuple[Squadman, ...]


@dataclass(frozen=True)
class Line:
    """A line of the match summary. `player` is an (id, name); an empty id makes a name without a link."""

    side: str
    minute: str
    icon: str
    player: tuple[str, str]
    score: str
    other: tuple[str, str] | None = None
    """Who assisted, or who went off."""


@dataclass(frozen=True)
class Report:
    """A match report to render."""

    id: str
    kick_off: datetime
    home: Side
    away: Side
    score: tuple[int, int]
    lines: tuple[Line, ...]
    week: int = 1
    round_name: str | None = None
    shootout: tuple[int, int] | None = None
    referee: str = "Nora Whistler"


def sample_report(seed: int, home: str = CLUBS[0], away: str = CLUBS[1]) -> Report:
    """A 2-2 with an assisted goal, a penalty, an own goal, stoppage time, substitutions and a booked manager."""
    rng = random.Random(seed)  # noqa: S311
    kick_off = datetime(2025, 8, 16, 14, 0, tzinfo=UTC) + timedelta(days=seed)
    squads = {}
    for side, club in (("a", home), ("b", away)):
        names = rng.sample([f"{given} {family}" for given in GIVEN for family in FAMILY], 16)
        squads[side] = [
            Squadman(
                id=hex_id(club, name),
                name=name,
                number=number,
                position=FORMATION[number - 1] if number <= 11 else "CM",
                birth_date=date(rng.randint(1990, 2006), rng.randint(1, 12), rng.randint(3, 27)),
                is_starter=number <= 11,
                minutes=90 if number <= 11 else None,
            )
            for number, name in enumerate(names, start=1)
        ]

    def who(side: str, number: int) -> tuple[str, str]:
        return squads[side][number - 1].id, squads[side][number - 1].name

    first, leaves, added = rng.randint(5, 40), rng.randint(60, 80), rng.randint(1, 6)
    lines = (
        Line("a", f"{first}", "goal", who("a", 10), "1:0", who("a", 8)),
        Line("b", "45+2", "penalty_goal", who("b", 9), "1:1"),
        Line("b", "55", "own_goal", who("a", 3), "1:2"),
        Line("a", f"{leaves}", "substitute_in", who("a", 12), "1:2", who("a", 10)),
        Line("b", f"{leaves}", "substitute_in", who("b", 14), "1:2", who("b", 7)),
        Line("b", "84", "yellow_card", ("", "Otto Mänäger"), "1:2"),
        Line("b", "88", "yellow_card", who("b", 4), "1:2"),
        Line("a", f"90+{added}", "goal", who("a", 12), "2:2"),
    )
    numbers: dict[str, dict[str, int | float]] = {
        who("a", 10)[0]: {"goals": 1, "shots": 3, "shots_on_target": 2},
        who("a", 8)[0]: {"assists": 1, "assisted_shots": 2},
        who("a", 3)[0]: {"own_goals": 1},
        who("a", 12)[0]: {"goals": 1, "shots": 1, "shots_on_target": 1},
        who("b", 9)[0]: {"goals": 1, "pens_made": 1, "pens_att": 1, "shots": 2, "shots_on_target": 1},
        who("b", 4)[0]: {"cards_yellow": 1, "fouls": 3},
    }
    minutes = {("a", 10): leaves, ("a", 12): 90 - leaves, ("b", 7): leaves, ("b", 14): 90 - leaves}
    sides = []
    for side, club in (("a", home), ("b", away)):
        squad = tuple(
            replace(
                man,
                minutes=minutes.get((side, man.number), man.minutes),
                numbers={"passes": 20 + man.number, "passes_completed": 15 + man.number, "xg": man.number / 10}
                | numbers.get(man.id, {}),
            )
            for man in squads[side]
        )
        sides.append(Side(hex_id(club), club, squad))
    return Report(hex_id(home, away, seed), kick_off, sides[0], sides[1], (2, 2), lines)


def match_report(report: Report, *, opta: bool = False, commented: bool = False) -> bytes:
    """The page of a match report; with `opta` as before 2026-01-20, with `commented` its tables in HTML comments."""
    tables = "".join(_team_tables(report, side, opta) for side in (report.home, report.away))
    day = f"{report.kick_off:%Y-%m-%d}"
    round_name = report.round_name or f"Matchweek {report.week}"
    title = f"{report.home.name} vs. {report.away.name} Match Report – {report.kick_off:%A %B %d, %Y}"
    body = f"""<h1>{escape(title)}</h1>
<div class="scorebox">{_scorebox_side(report, 0)}{_scorebox_side(report, 1)}
<div class="scorebox_meta"><div><strong><a href="/en/matches/{day}">{report.kick_off:%A %B %d, %Y}</a></strong>,
<span class="venuetime" data-venue-date="{day}" data-venue-time="{report.kick_off:%H:%M}"
 data-venue-epoch="{int(report.kick_off.timestamp())}">{report.kick_off:%H:%M} (venue time)</span></div>
<div><a href="/en/comps/9/Sample-League-Stats">Sample League</a> ({escape(round_name)})</div>
<div><strong><small>Attendance</small></strong>: <small>12,345</small></div>
<div><strong><small>Venue</small></strong>: <small>{escape(report.home.name)} Park</small></div>
<div><strong><small>Officials</small></strong>: <small>
<span>{report.referee.replace(" ", "&nbsp;")} (Referee)</span>&nbsp;· <span>Vera&nbsp;Screen (VAR)</span>
</small></div></div></div>
{_lineup(report.home, "a")}{_lineup(report.away, "b")}
<div id="events_wrap"><div id=""><h2>Match Summary</h2><div class="event_header">Kick Off</div>
{"".join(map(_line, report.lines))}</div></div>
{f"<!-- {tables} -->" if commented else tables}"""
    slug = f"{report.home.name}-{report.away.name}".replace(" ", "-").replace("&", "and")
    return _page(title, f"https://fbref.com/en/matches/{report.id}/{slug}", body)


def schedule(reports: Sequence[Report], fixtures: Sequence[Report], season: str = "2025-2026") -> bytes:
    """A season's schedule page: `reports` played, `fixtures` to come, a spacer row and a repeated header between."""
    columns = (
        *("gameweek", "dayofweek", "date", "start_time", "home_team", "score", "away_team", "attendance"),
        *("venue", "referee", "match_report", "notes"),
    )
    head = "".join(f'<th scope="col" data-stat="{name}">{name}</th>' for name in columns)
    spacer = f'<tr class="spacer partial_table"><td colspan="{len(columns)}"></td></tr><tr class="thead">{head}</tr>'
    played = "".join(_schedule_row(report, is_played=True) for report in reports)
    to_come = "".join(_schedule_row(report, is_played=False) for report in fixtures)
    title = f"{season} Sample League Scores & Fixtures"
    table = f"""<table class="stats_table" id="sched_{season}_9_1"><caption>{escape(title)}</caption>
<thead><tr>{head}</tr></thead><tbody>{played}{spacer}{to_come}</tbody></table>"""
    address = f"https://fbref.com/en/comps/9/{season}/schedule/{season}-Sample-League-Scores-and-Fixtures"
    return _page(title, address, f"<h1>{escape(title)}</h1>{table}")


def player_table(reports: Iterable[Report], season: str = "2025-2026") -> bytes:
    """A season's standard player table, inside an HTML comment, its header repeated after every 25 rows."""
    columns = (
        *("ranker", "player", "nationality", "position", "team", "age", "birth_year", "games", "minutes", "goals"),
        "matches",
    )
    head = "".join(f'<th data-stat="{name}">{name}</th>' for name in columns)
    totals: dict[tuple[str, str], list[tuple[Squadman, Side]]] = {}
    for report in reports:
        for side in (report.home, report.away):
            for man in side.squad:
                if man.minutes is not None:
                    totals.setdefault((man.id, side.id), []).append((man, side))
    rows = []
    for rank, played in enumerate(totals.values(), start=1):
        man, side = played[0]
        cells = {
            "player": _link("players", man.id, man.name),
            "nationality": _nation(),
            "position": man.position,
            "team": _squad_link(side, f"{season}/"),
            "age": "24",
            "birth_year": str(man.birth_date.year),
            "games": str(len(played)),
            "minutes": f"{sum(each.minutes or 0 for each, _ in played):,}",
            "goals": str(sum(each.numbers.get("goals", 0) for each, _ in played)),
            "matches": f'<a href="/en/players/{man.id}/matchlogs/">Matches</a>',
        }
        if rank > 1 and rank % 25 == 1:
            rows.append(f'<tr class="thead">{head}</tr>')
        rows.append(_row(("ranker", str(rank)), cells, man.id))
    table = f"""<table class="stats_table" id="stats_standard"><caption>Player Standard Stats</caption>
<thead><tr class="over_header"><th colspan="{len(columns)}"></th></tr><tr>{head}</tr></thead>
<tbody>{"".join(rows)}</tbody></table>"""
    squads = """<table class="stats_table" id="stats_squads_standard_for"><thead><tr><th data-stat="team">Squad</th>
<th data-stat="goals">Gls</th></tr></thead><tbody></tbody></table>"""
    title = f"{season} Sample League Player Stats"
    address = f"https://fbref.com/en/comps/9/{season}/stats/{season}-Sample-League-Stats"
    return _page(title, address, f'<h1>{title}</h1>{squads}<div class="placeholder"></div><!-- {table} -->')


def challenge() -> bytes:
    """What a robot gets instead of a page."""
    return b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>security verification</body></html>"


def sample_pages() -> dict[str, bytes]:
    """A small season by file name: `schedule.html`, `stats_standard.html`, `matches/<id>.html`."""
    reports = [sample_report(seed, CLUBS[2 * seed], CLUBS[2 * seed + 1]) for seed in range(3)]
    fixtures = [sample_report(seed, CLUBS[seed], CLUBS[(seed + 3) % 6]) for seed in range(3, 6)]
    return {
        "schedule.html": schedule(reports, fixtures),
        "stats_standard.html": player_table(reports),
        **{f"matches/{report.id}.html": match_report(report) for report in reports},
    }


def _page(title: str, address: str, body: str) -> bytes:
    return f"""<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} | FBref.com</title>
<link rel="canonical" href="{escape(address)}"></head><body><!-- a comment without a table -->
{body}</body></html>""".encode()


def _link(kind: str, identity: str, name: str) -> str:
    return f'<a href="/en/{kind}/{identity}/{name.replace(" ", "-")}">{escape(name)}</a>' if identity else escape(name)


def _squad_link(side: Side, season: str = "") -> str:
    """A link as FBref makes them: full name in the address, a shorter one shown, women's sides not marked."""
    plain = unicodedata.normalize("NFKD", side.name.replace("&", "and")).encode("ascii", "ignore").decode()
    shown = side.name.replace("United", "Utd").removesuffix(" Women")
    return f'<a href="/en/squads/{side.id}/{season}{plain.replace(" ", "-")}-Stats">{escape(shown)}</a>'


def _nation() -> str:
    return '<a href="/en/country/ENG/England-Football"><span><span class="f-i f-gb-eng">eng</span> ENG</span></a>'


def _row(first: tuple[str, str], cells: Mapping[str, str], player: str) -> str:
    marked = {"player": f' data-append-csv="{player}"'}
    tds = "".join(f'<td{marked.get(stat, "")} data-stat="{stat}">{value}</td>' for stat, value in cells.items())
    return f'<tr><th scope="row"{marked.get(first[0], "")} data-stat="{first[0]}">{first[1]}</th>{tds}</tr>'


def _scorebox_side(report: Report, number: int) -> str:
    side, shootout = (report.home, report.away)[number], report.shootout
    penalties = f'<div class="score_pen">{shootout[number]}</div>' if shootout else ""
    return f"""<div><div><strong>{_squad_link(side)}</strong></div>
<div class="scores"><div class="score">{report.score[number]}</div>{penalties}</div>
<div class="datapoint"><strong>Manager</strong>: Otto&nbsp;Mänäger</div></div>"""


def _lineup(side: Side, letter: str) -> str:
    def rows(wanted: Callable[[Squadman], bool]) -> str:
        return "".join(
            f"<tr><td>{man.number}</td><td>{_link('players', man.id, man.name)}</td></tr>"
            for man in filter(wanted, side.squad)
        )

    return f"""<div class="lineup" id="{letter}"><table><tbody>
<tr><th colspan="2">{escape(side.name)} (4-3-3)</th></tr>{rows(lambda man: man.is_starter)}
<tr><th colspan="2">Bench</th></tr>{rows(lambda man: not man.is_starter)}</tbody></table></div>"""


def _line(line: Line) -> str:
    note = ""
    if line.other:
        word = "for" if line.icon == "substitute_in" else "Assist:"
        note = f"<small>{word} {_link('players', *line.other)}</small>"
    minute = f"&nbsp;{line.minute}’" if line.minute else ""
    return f"""<div class="event {line.side}"><div>{minute}<br><small><span>{line.score}</span></small></div>
<div><div class="event_icon {line.icon}"></div><div><div>{_link("players", *line.player)}</div>{note}</div>
<div style="display: none;">&nbsp;—&nbsp;{line.icon}</div></div></div>"""


def _team_tables(report: Report, side: Side, opta: bool) -> str:
    played = [man for man in side.squad if man.minutes is not None]
    shown = OPTA_TABLES if opta else {"summary": SUMMARY}
    outfield = "".join(
        _table(
            f"stats_{side.id}_{name}",
            ("shirtnumber", "nationality", "position", "age", "minutes"),
            stats,
            report,
            played,
        )
        for name, stats in shown.items()
    )
    return outfield + _table(f"keeper_stats_{side.id}", ("nationality", "age", "minutes"), KEEPER, report, played[:1])


def _table(
    table_id: str, identity: Sequence[str], stats: Sequence[str], report: Report, men: Sequence[Squadman]
) -> str:
    head = "".join(f'<th data-stat="{name}">{name}</th>' for name in ("player", *identity, *stats))
    rows = []
    for man in men:
        known = {
            "shirtnumber": str(man.number),
            "nationality": _nation(),
            "position": man.position,
            "age": _age(man.birth_date, report.kick_off.date()),
            "minutes": str(man.minutes),
        }
        cells = {name: known[name] for name in identity}
        cells |= {name: "" if name.endswith("_pct") else str(man.numbers.get(name, 0)) for name in stats}
        name = ("" if man.is_starter else NBSP * 3) + _link("players", man.id, man.name)
        rows.append(_row(("player", name), cells, man.id))
    total = "".join(f'<td data-stat="{name}">990</td>' for name in (*identity, *stats))
    return f"""<table class="stats_table" id="{table_id}"><caption>Player Stats</caption>
<thead><tr class="over_header"><th data-stat="" colspan="6"></th></tr><tr>{head}</tr></thead>
<tbody>{"".join(rows)}</tbody>
<tfoot><tr><th data-stat="player">{len(men)} Players</th>{total}</tr></tfoot></table>"""


def _age(born: date, on: date) -> str:
    birthday = born.replace(year=on.year)
    if birthday > on:
        birthday = birthday.replace(year=on.year - 1)
    return f"{birthday.year - born.year}-{(on - birthday).days:03d}"


def _schedule_row(report: Report, *, is_played: bool) -> str:
    day = f"{report.kick_off:%Y-%m-%d}"
    epoch = int(report.kick_off.timestamp())
    score = f"{report.score[0]}–{report.score[1]}"
    if report.shootout:
        score = f"({report.shootout[0]}) {score} ({report.shootout[1]})"
    cells = {
        "dayofweek": f"{report.kick_off:%a}",
        "date": f'<a href="/en/matches/{day}">{day}</a>',
        "start_time": f'<span class="venuetime" data-venue-epoch="{epoch}">{report.kick_off:%H:%M}</span>',
        "home_team": _squad_link(report.home),
        "score": f'<a href="/en/matches/{report.id}/x">{score}</a>' if is_played else "",
        "away_team": _squad_link(report.away),
        "attendance": "12,345" if is_played else "",
        "venue": f"{escape(report.home.name)} Park",
        "referee": report.referee if is_played else "",
        "match_report": f'<a href="/en/matches/{report.id}/x">Match Report</a>'
        if is_played
        else f'<a href="/en/stathead/matchup/teams/{report.home.id}/{report.away.id}/History">Head-to-Head</a>',
        "notes": "",
    }
    return _row(("gameweek", str(report.week)), cells, "")
